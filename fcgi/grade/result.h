/*
 * result.h - from the archive that an agent left, or a runner sent, to the file of parts that is
 * kept of it (wire/result.h). Bytes come from a function and go to another; every byte of the
 * archive is hostile.
 *
 * Refused, each with a sentence for whoever made it: names that are absolute, hold "..", a control
 * character or what is not UTF-8, or come twice; anything at the top but folders with proper names;
 * folders that are not in one piece; links that may lead out of their folder, and what lies behind
 * a link; hard links, devices, pipes, sockets; more than the limits say. Owners become root, set-id
 * and sticky bits are cleared, times of modification are kept, all other attributes are dropped.
 */
#ifndef CODESET_GRADE_RESULT_H
#define CODESET_GRADE_RESULT_H

#include "grade/reports.h"
#include "wire/result.h"

struct result_sink {
    int (*write)(void *arg, const void *bytes, size_t length, struct error *err);
    void *arg;
};

/* Reads the whole archive. Codes: JOB_RESULT_REFUSED, JOB_RESULT_TOO_LARGE, JOB_NO_RESULT,
 * RESULT_FAILED (of the sink). What the sink got of an archive that is refused means nothing. */
int result_pack(const struct reports_source *source, const struct result_limits *limits,
                const struct result_sink *sink, struct result_parts *ret_parts, int64_t *ret_bytes,
                struct error *err);

/* The same, and appends the answer to `head`. */
void result_answer(const struct reports_source *source, const struct result_limits *limits,
                   const struct result_sink *sink, struct buf *head);

#endif
