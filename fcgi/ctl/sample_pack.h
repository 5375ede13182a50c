/*
 * sample_pack.h - the archive of a sample that clients download: a tar.gz of sample.json,
 * problem_statement.md, patch.diff, test_patch.diff, and, where there are any, hints.md and
 * non_code_patch.diff. The same sample gives the same bytes.
 */
#ifndef CODESET_CTL_SAMPLE_PACK_H
#define CODESET_CTL_SAMPLE_PACK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "ctl/sample_line.h"

struct db;

/* json: as sample_line_render made it. Appends the archive. */
int sample_pack(const struct sample_line *line, const struct buf *json, struct buf *archive,
                struct error *err);

/* Appends the folder of a data set's archives, below pack_dir. */
void sample_pack_folder(const char *dataset, struct buf *path);

/* Imports share the lock of pack_dir, a removal has it alone: else the archives of one could be
 * taken for those of the other. Made if it is not there. Returns a descriptor that holds the lock
 * until it is closed; -1 on failure. */
int sample_packs_lock(const char *pack_dir, bool alone, struct error *err);

/* Removes the archives of a data set's older versions that show answers which the latest one hides.
 * The caller holds the lock. Adds to *removed. */
int sample_packs_sweep(struct db *db, const char *pack_dir, const char *dataset, int64_t *removed,
                       struct error *err);

/* The same of all data sets; takes the lock. Nothing where pack_dir is not there. */
int sample_packs_sweep_all(struct db *db, const char *pack_dir, int64_t *removed,
                           struct error *err);

#endif
