/*
 * reports.h - from the archive of report files that a grading container's agent sent to a verdict.
 * Pure functions over bytes; every byte of the archive is hostile.
 */
#ifndef CODESET_REAPER_REPORTS_H
#define CODESET_REAPER_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "grade/grade.h"

#define REPORT_FILES_MAX 1000
#define REPORT_FILE_BYTES_MAX (INT64_C(64) << 20) /* of a file, and of all together */

struct reports_found {
    int fresh; /* files read into the report */
    int stale; /* files older than the run */
};

/*
 * Reads the pax tar at fd from its beginning. Regular files whose ctime is `since` or later are
 * added to the report; a file without a ctime is stale. Other types are passed over. Codes:
 * REPORT_UNREADABLE (one fresh file, or the archive, can't be read), REPORT_TOO_LARGE.
 */
int reports_read(int fd, int64_t since, struct test_report *report, struct reports_found *ret_found,
                 struct error *err);

/* What came of a verifier's run. */
struct verifier_run {
    const char *tool; /* the sample's `verifier`: test_suite, static_analysis, linter, custom */
    bool timed_out;
    int exit_status;
    bool out_of_memory; /* the limit struck while it ran */
    double seconds;
    int64_t timeout; /* seconds, for the message */
    const char *out;
    size_t out_length;
    const char *err;
    size_t err_length;
};

struct sample_lists {
    const char *fail_to_pass, *pass_to_pass, *fail_to_fail; /* JSON arrays of texts */
};

/*
 * The verdict: *ret_json is the TestSuiteResult (the caller's), *ret_success says it. fd is the
 * archive as above. *ret_reason (NULL on success): why not, the caller's. Where the platform can't
 * tell: VERIFIER_TIMEOUT, VERIFIER_OUT_OF_MEMORY, REPORT_MISSING, REPORT_STALE, REPORT_UNREADABLE,
 * REPORT_TOO_LARGE, SAMPLE_INVALID.
 */
int reports_verdict(int fd, int64_t since, const struct verifier_run *run,
                    const struct sample_lists *lists, char **ret_json, bool *ret_success,
                    char **ret_reason, struct error *err);

#endif
