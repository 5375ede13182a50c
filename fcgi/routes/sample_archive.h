/*
 * sample_archive.h - the archive of a sample that clients download: a tar.gz of sample.json,
 * problem_statement.md, patch.diff, test_patch.diff, and, where there are any, hints.md and
 * non_code_patch.diff. The same sample gives the same bytes.
 */
#ifndef CODESET_ROUTES_SAMPLE_ARCHIVE_H
#define CODESET_ROUTES_SAMPLE_ARCHIVE_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/error.h"

#define SAMPLE_ARCHIVE_ETAG_SIZE (2 * SHA256_SIZE + sizeof("\"\""))

/* Of what the archive's bytes depend on, so that nobody puts ranges of different ones together: the
 * sample's object, this code, and the version of zlib that is loaded. Without making the archive.
 *
 * BUGS: two builds of one version of zlib that compress otherwise give one ETag. */
void sample_archive_etag(const struct buf *json, char etag[SAMPLE_ARCHIVE_ETAG_SIZE]);

/* json: the sample's object, as an import made it: 8 MiB of a line at most (ctl/sample_line.h), so
 * that a worker needs some 40 MiB for the largest. Appends the archive. */
int sample_archive(const struct buf *json, struct buf *archive, struct error *err);

#endif
