/*
 * reports.h - from the archive of report files that a grading container's agent sent to a verdict.
 * Pure functions over bytes that a function hands out; every byte of the archive is hostile.
 */
#ifndef CODESET_GRADE_REPORTS_H
#define CODESET_GRADE_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "grade/grade.h"
#include "grade/logs.h"
#include "wire/agent_protocol.h"
#include "wire/grader.h"

#define REPORT_FILE_BYTES_MAX (INT64_C(64) << 20) /* of a file, and of all together */

#define REPORTS_FAULT_MAX 500
#define REPORTS_NOTES_MAX 2048 /* of more files the first are told */

struct reports_found {
    int fresh;             /* files that are not older than the run, of which ... */
    int read;              /* ... so many were read to their end */
    int foreign;           /* ... are no reports */
    int empty;             /* ... are none, but could have become some */
    int broken;            /* ... break off: what they lack may be what failed */
    int stale;             /* files older than the run */
    char stale_names[256]; /* the first of them, with commas between; ends in "..." if cut */
    char
        fault[REPORTS_FAULT_MAX]; /* of the first of the worst file: "the report X cannot be ..." */
    char notes[REPORTS_NOTES_MAX]; /* a line for each file that was not read as it is */
};

/* Where an archive comes from: bytes read, at most `size`; 0 at its end, -1 when that is broken. */
typedef ssize_t reports_read_bytes(void *arg, void *bytes, size_t size);

struct reports_source {
    reports_read_bytes *read;
    void *arg;
};

/*
 * Reads the pax tar to its end. Regular files whose ctime is `since` or later are added to the
 * report; a file without a ctime is stale. Other types are passed over. Codes: REPORT_UNREADABLE
 * (the archive can't be read), REPORT_TOO_LARGE (of the files or of the whole archive,
 * GRADER_TAR_MAX). What is no XML the parser (NULL: none) reads.
 * What the files are is for the caller to judge.
 */
int reports_read(const struct reports_source *source, int64_t since,
                 const struct log_parser *parser, struct test_report *report,
                 struct reports_found *ret_found, struct error *err);

/*
 * The verdict: the TestSuiteResult is appended to `result`, *ret_success says it too. *ret_reason
 * (NULL on success): why not, the caller's. Where the platform can't tell: VERIFIER_TIMEOUT,
 * VERIFIER_OUT_OF_MEMORY, REPORT_MISSING, REPORT_STALE, REPORT_UNREADABLE, REPORT_TOO_LARGE,
 * SAMPLE_INVALID.
 */
int reports_verdict(const struct reports_source *source, const struct grader_request *request,
                    struct buf *result, bool *ret_success, char **ret_reason, struct error *err);

#endif
