/*
 * sample_line.h - a line of a data set file (SWE-bench's form, either dialect), read and checked.
 * Pure: no database, no files.
 *
 * Fields: repo, instance_id, base_commit, patch, test_patch, problem_statement, hints_text,
 * created_at, environment_setup_commit, FAIL_TO_PASS, PASS_TO_PASS, FAIL_TO_FAIL (or in lower
 * case; an array, or a string that holds one). Of ours: sample_id, description,
 * version_description, language, image, verifier_image, image_reference, verifier, repo_path,
 * verifier_command, report_paths, log_parser, trial, verify_timeout, hide_verifier_output,
 * held_out, restore, exact_outcomes, setup_command, needs, non_code_patch, solution. Others are
 * ignored, as data sets made after SWE-bench's have many of their own; sample_line_unknown finds
 * those that look like a typing error.
 */
#ifndef CODESET_CTL_SAMPLE_LINE_H
#define CODESET_CTL_SAMPLE_LINE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define SAMPLE_LINE_MOST ((size_t)8 * 1024 * 1024) /* bytes */

/* Texts are NULL only where said; all belong to `document` or to the sample. */
struct sample_line {
    json_object *document;
    const char *instance_id, *sample_id, *repo, *base_commit, *environment_setup_commit;
    const char *patch, *test_patch, *non_code_patch, *problem_statement, *hints_text;
    const char *description, *version_description; /* NULL: none */
    const char *language, *verifier, *verifier_command;
    const char *solution;               /* shell; NULL: the patch is the solution */
    const char *log_parser;             /* one of grade/log_names.h; NULL: none */
    const char *image, *verifier_image; /* NULL: none */
    char *image_reference;              /* in full (images/reference.h); NULL: none */
    char *made_image;                   /* `image`, where it is the reference's name in the store */
    char *repo_path;                    /* NULL: not known yet */
    bool names_no_folder; /* neither does the command line: repo_path is what instance_id says */
    char *fail_to_pass, *pass_to_pass, *fail_to_fail, *report_paths; /* JSON arrays */
    char *held_out;            /* the same: tests that count and are never shown */
    char *restore;             /* the same: patterns (docs/verdicts.md) */
    bool hides_answers;        /* the parser leaves it false: it is not the line that says so */
    char *trial;               /* JSON (ctl/sample_trial.h); NULL: none */
    const char *setup_command; /* NULL: none */
    char *needs; /* JSON array: what must be done by hand before it can be run; NULL: nothing */
    char *made_command;     /* `verifier_command`, where scripts were put before it */
    int64_t verify_timeout; /* seconds; 0: the setting */
    bool hide_verifier_output, exact_outcomes;
    int64_t created_at; /* 0: unknown */
};

/* What the command line says; each may be NULL. */
struct sample_defaults {
    const char *language;   /* where the line names none, instead of guessing */
    const char *image;      /* where the line names none */
    const char *repo_path;  /* the same */
    const char *log_parser; /* the same; one of grade/log_names.h */
};

/* An error's message says what is wrong with the line, not which line. */
int sample_line_parse(const char *text, size_t length, const struct sample_defaults *defaults,
                      struct sample_line *ret_line, struct error *err);

/*
 * Settles the folder of a line that names none: the one that the image was imported with, else what
 * instance_id says, else the image's working directory. Each may be NULL. It must be called for
 * every line, before anything else is done with it.
 */
int sample_line_settle_folder(struct sample_line *line, const char *of_import, const char *workdir,
                              struct error *err);
void sample_line_release(struct sample_line *line);

/* What a need is about ("image", "log_parser", "scripts") was given by the command line: needs that
 * begin with that word and a colon are met. */
void sample_line_met(struct sample_line *line, const char *subject);

/* Calls each with every field of the line that is neither SWE-bench's nor ours, and with the known
 * field that was probably meant (NULL: none is near). */
void sample_line_unknown(const struct sample_line *line,
                         void (*each)(const char *name, const char *meant, void *arg), void *arg);

/* The object of the API's `Sample`, as it is when it is the latest version. answers: with its
 * patches and lists of tests; else these are there and empty. */
void sample_line_render(const struct sample_line *line, const char *dataset, int64_t version,
                        bool answers, struct buf *json);

/* The same with its answers, into an empty buf, and the SHA-256 of everything that defines the
 * sample; the version and the order of the fields do not matter. */
void sample_line_render_hashed(const struct sample_line *line, const char *dataset, int64_t version,
                               struct buf *json, unsigned char digest[32]);

/* --- its parts, for tests -------------------------------------------------------------------- */

/* The language of most files that the patch touches; where their names tell nothing, of the tests'.
 * (The other way round a linter for Python written in Rust would be Python, by its fixtures.) NULL:
 * can't tell. */
const char *sample_guess_language(const char *patch, const char *test_patch);

/* "psf__requests-1234" gives "/requests". NULL where instance_id has another form. free() it. */
char *sample_repo_path(const char *instance_id);

/* [a-z0-9][a-z0-9._-]{0,62} */
int sample_check_image(const char *field, const char *name, struct error *err);

/* An absolute path without ".", ".." or a slash at its end. */
int sample_check_folder(const char *field, const char *path, struct error *err);

/* [a-z0-9+#-]{1,32}. Which languages are known is told when a line is parsed. */
int sample_check_language(const char *field, const char *word, struct error *err);

/* Letters, digits, "._-+" inside; for data sets. */
int sample_check_dataset(const char *name, struct error *err);

#endif
