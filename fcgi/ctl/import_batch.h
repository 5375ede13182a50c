/*
 * import_batch.h - rows of an import, which go into the database many at a time.
 */
#ifndef CODESET_CTL_IMPORT_BATCH_H
#define CODESET_CTL_IMPORT_BATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ctl/sample_line.h"

struct db;

/* Where they go; the same for all of an import. */
struct import_target {
    struct db *db;
    const char *path; /* of the file, for messages */
    const char *dataset;
    bool is_new; /* the data set has no samples, and nobody else can add some */
};

struct import_counts {
    int64_t added, changed, unchanged;
};

struct import_batch;

/* Rows on their way: while some are taken, those before are rendered and compressed, and those
 * before these are stored. Until import_rows_end has returned, the target's connection is the
 * thread's. */
struct import_rows {
    struct import_batch *filling, *making, *storing; /* by import_rows_begin */
    pthread_t thread;
    bool running;
    int status; /* of the thread, and its error */
    struct error err;
    struct import_counts counts; /* of what is stored */
};

/* The target must outlive the rows. */
void import_rows_begin(struct import_rows *rows, const struct import_target *target);

/* Takes the line over, which is then empty. length: of its text. Within the caller's transaction.
 * Fails for a row that was taken before, too: an error names the row that it is about. */
int import_rows_take(struct import_rows *rows, struct sample_line *line, int64_t number,
                     size_t length, struct error *err);

/* Stores what is left, or drops it, and waits. */
int import_rows_end(struct import_rows *rows, bool drop, struct error *err);

void import_rows_release(struct import_rows *rows);

#endif
