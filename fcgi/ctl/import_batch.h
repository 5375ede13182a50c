/*
 * import_batch.h - rows of an import that go into the database together, and their archives.
 */
#ifndef CODESET_CTL_IMPORT_BATCH_H
#define CODESET_CTL_IMPORT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "ctl/sample_line.h"
#include "store/samples.h"

struct db;

/* Where they go; the same for all of an import. */
struct import_target {
    struct db *db;
    const char *path; /* of the file, for messages */
    const char *dataset;
    const char *pack_dir; /* NULL: no archives are made */
    bool is_new;          /* the data set has no samples, and nobody else can add some */
};

struct import_counts {
    int64_t added, changed, unchanged;
};

struct import_row {
    struct sample_line line;
    int64_t number;
    struct buf archive;
    int status; /* of making the archive */
    struct error err;
};

struct import_batch {
    struct import_row rows[SAMPLES_AT_ONCE];
    size_t count, bytes;
};

/* Takes the line over, which is then empty. length: of its text. */
void import_batch_take(struct import_batch *batch, struct sample_line *line, int64_t number,
                       size_t length);

/* It must be stored before more is taken. */
bool import_batch_is_full(const struct import_batch *batch);

/* Stores what was taken, within the caller's transaction, and empties the batch, also where it
 * fails. An error names the row that it is about. */
int import_batch_store(struct import_batch *batch, const struct import_target *target,
                       struct import_counts *counts, struct error *err);

void import_batch_clear(struct import_batch *batch);

#endif
