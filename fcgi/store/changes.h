/*
 * changes.h - what sessions had changed when they were verified, kept with the verification; and
 * verifications of that again, without the session.
 */
#ifndef CODESET_STORE_CHANGES_H
#define CODESET_STORE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "store/runs.h"

struct db;

/* Of an archive that is kept: MariaDB takes 16 MiB at once where nobody says otherwise. */
#define CHANGES_KEPT_MOST (INT64_C(12) << 20)

/* Keeps the archive, or, where it is NULL, only that it had so many bytes. The same again replaces
 * it. ERROR_NOT_FOUND: the claim is no longer ours. */
int store_changes_keep(struct db *db, const struct run *run, const struct id *job_id,
                       int64_t attempt, const char *archive, int64_t bytes, struct error *err);

/* Appends the archive. ERROR_NOT_FOUND: it is not kept any more, or was too large. */
int store_changes_get(struct db *db, const struct id *job_id, struct buf *archive,
                      struct error *err);

/* How many are kept, and what they take. */
struct changes_kept {
    int64_t count, bytes;
};

int store_changes_count(struct db *db, struct changes_kept *ret_kept, struct error *err);

/* --- regrading ------------------------------------------------------------------------------- */

/* What came of a verification. Texts live until the callback returns. */
struct regradable {
    struct id job_id;
    const char *dataset, *sample_id;
    int is_success;         /* -1: no verdict */
    const char *error_code; /* NULL: none */
};

/* Ended verifications with kept changes, of all of a data set's sessions or one alone (either is
 * NULL), newest first; none that is a repetition itself. */
int store_regradable_list(struct db *db, const char *dataset, const char *job_id, int64_t limit,
                          void (*each)(const struct regradable *regradable, void *arg), void *arg,
                          struct error *err);

/* A new verification of that one's changes, which any daemon may take. latest: by the latest
 * version of the sample, not the session's. ERROR_NOT_FOUND: its changes are not kept (any more).
 */
int store_regrade_create(struct db *db, const struct id *new_id, const struct id *job_id,
                         bool latest, struct error *err);

/* Waiting ones, and those whose daemon is dead, the oldest first. */
int store_regrade_claimable(struct db *db, const struct run *run, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err);

#endif
