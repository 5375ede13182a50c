/*
 * grader.h - what codeset-reaper and codeset-grader say to each other.
 *
 * To the grader, on its standard input:
 *
 *     4 bytes     length of the head, most significant byte first, at most GRADER_HEAD_MAX
 *     head        JSON: how the verifier's run ended, and how long the texts are; or the fault that
 *                 makes it a failed one whatever it left, and then no tar follows
 *     texts       fail_to_pass, pass_to_pass, fail_to_fail, held_out, stdout, stderr, one behind
 *                 the other
 *     the rest    the pax tar of report files, until the end of the input
 *
 * From it, on its standard output, and then the end:
 *
 *     4 bytes     length of the head, as above
 *     head        JSON: {"code", "message"}, or {"success", "reason", "length"}
 *     result      with a verdict: so many bytes, the API's TestSuiteResult as JSON
 *
 * The texts and the result are not part of the heads, so that nobody has to escape, unescape and
 * hold them twice. Each side takes the other's bytes for hostile.
 */
#ifndef CODESET_WIRE_GRADER_H
#define CODESET_WIRE_GRADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define GRADER_LENGTH_SIZE 4
#define GRADER_HEAD_MAX 32768
#define GRADER_FAULT_MAX 1024 /* bytes of a fault; what is longer is cut */
#define GRADER_TEXTS 6
#define GRADER_TEXT_MAX (INT64_C(32) << 20)   /* each of them */
#define GRADER_TAR_MAX (INT64_C(80) << 20)    /* 64 MiB of reports, and their headers */
#define GRADER_RESULT_MAX (INT64_C(32) << 20) /* a larger one is REPORT_TOO_LARGE */
#define GRADER_CPU_SECONDS 60
#define GRADER_SECONDS 120 /* from its start to its answer, the tar's arrival included */

/* What came of a verifier's run. */
struct verifier_run {
    const char *tool; /* the sample's `verifier`: test_suite, static_analysis, linter, custom */
    bool timed_out;
    int exit_status;
    bool out_of_memory; /* the memory limit killed something while it ran */
    double seconds;
    int64_t timeout; /* seconds, for the message */
    const char *out; /* UTF-8, as all texts here; may hold NUL */
    size_t out_length;
    const char *err;
    size_t err_length;
};

/* The sample's tests as the database has them: JSON arrays of texts. */
struct sample_lists {
    const char *fail_to_pass, *pass_to_pass, *fail_to_fail;
    const char *held_out; /* must pass, too; the result names none of them; NULL: none */
    bool hidden;          /* the result is not to tell which tests are listed */
};

struct grader_request {
    struct verifier_run run;
    const char
        *log_parser;  /* reads what is no XML, or the outputs where no report is; NULL: none */
    bool hide_output; /* the outputs may be read, but are not to be in the result */
    size_t told; /* run.out begins with so many bytes of the server's own words: they are in the
                  * result always, and in no log */
    struct sample_lists lists;
    bool exact_outcomes; /* what fail_to_fail names must fail, and nothing else that is not named */
    const char
        *fault;    /* what the solution did, a sentence: it has failed; NULL: the reports decide */
    int64_t since; /* a report whose ctime is before it is stale; µs since 1970 */
};

/* --- the request ----------------------------------------------------------------------------- */

/* Appends all that goes before the tar. A text that is too long: ERROR_LIMIT, VERDICT_FAILED. */
int grader_request_write(struct buf *out, const struct grader_request *request, struct error *err);

/* The number of bytes that a head has, or -1 where it may not be so long. */
int64_t grader_head_length(const char bytes[GRADER_LENGTH_SIZE]);

/* Reads a request's head: *ret_request, but for the texts, whose lengths (none of them negative or
 * above GRADER_TEXT_MAX) are told. *ret_tool is request->run.tool, *ret_fault request->fault,
 * *ret_parser request->log_parser; all are the caller's. */
int grader_request_parse(const char *head, size_t length, struct grader_request *ret_request,
                         int64_t ret_lengths[GRADER_TEXTS], char **ret_tool, char **ret_fault,
                         char **ret_parser, struct error *err);

/* --- the answer ------------------------------------------------------------------------------ */

struct grader_answer {
    struct error error; /* kind ERROR_NONE: it is a verdict */
    bool success;
    char *reason;   /* why there is no success; NULL with one */
    int64_t length; /* of the result */
};

void grader_answer_release(struct grader_answer *answer);

/* Appends an answer's length and head; the result is for the caller to send. */
void grader_answer_write_error(struct buf *out, const struct error *error);
void grader_answer_write_verdict(struct buf *out, bool success, const char *reason, size_t length);

/* Reads an answer's head. A code that is none of a grader's, a member too much, too few or of
 * another type: -1. Messages and reasons are valid UTF-8 and cut to a sane length. */
int grader_answer_parse(const char *head, size_t length, struct grader_answer *ret_answer,
                        struct error *err);

/* The code as a literal, and what kind of error it is, where a grader may say it (docs/verdicts.md
 * tells the codes); NULL for any other. */
const char *grader_code(const char *text, enum error_kind *ret_kind);

#endif
