/*
 * sample_pack.h - the archive of a sample that clients download: a tar.gz of sample.json,
 * problem_statement.md, patch.diff, test_patch.diff, and, where there are any, hints.md and
 * non_code_patch.diff. The same sample gives the same bytes.
 */
#ifndef CODESET_CTL_SAMPLE_PACK_H
#define CODESET_CTL_SAMPLE_PACK_H

#include "base/buf.h"
#include "base/error.h"
#include "ctl/sample_line.h"

/* json: as sample_line_render made it. Appends the archive. */
int sample_pack(const struct sample_line *line, const struct buf *json, struct buf *archive,
                struct error *err);

#endif
