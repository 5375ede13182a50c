/*
 * diagnosis.h - why a verifier gave no verdict, in words for whoever wrote the task. Pure
 * functions.
 *
 * What the platform knows by itself (exit status, limits, which reports were looked for) is
 * completed by a look into the grading container: a shell script, run there behind the verifier,
 * says whether the verifier can be executed and which XML files the run left elsewhere. A guest may
 * make it say anything, so its words are only ever shown, cut and with blanks for control bytes.
 */
#ifndef CODESET_REAPER_DIAGNOSIS_H
#define CODESET_REAPER_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/grader.h"

#define DIAGNOSIS_SECONDS 10       /* that the script may take */
#define DIAGNOSIS_FOUND_MOST 4096  /* bytes of its output that are kept */
#define DIAGNOSIS_OUTPUT_MOST 2000 /* bytes of each output of the verifier in a message */

struct diagnosis {
    const char *sentence;           /* what is known already; begins in lower case, has no end */
    const struct verifier_run *run; /* NULL: the verifier did not run */
    const char *command, *folder;   /* of the sample: verifier_command ("": none), repo_path */
    const char *const *patterns;    /* the reports that were looked for */
    size_t pattern_count;           /* 0: the error is not about reports */
    const char *found;              /* what the script printed; NULL: it did not run */
    bool hide_output;               /* leave the verifier's outputs out */
};

/* The script, for a shell in the repository's folder; the caller's. started_at: µs since 1970. */
char *diagnosis_script(const char *command, int64_t started_at);

/* The message, a sentence or more; the caller's. Valid UTF-8 where the texts are. */
char *diagnosis_message(const struct diagnosis *diagnosis);

/* Where the last `most` bytes of valid UTF-8 begin: with a character, and with a line if one begins
 * in the first half of them. */
size_t diagnosis_tail(const char *text, size_t length, size_t most);

#endif
