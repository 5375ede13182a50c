#include "store/changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/db.h"

#include "base/banned.h"

static int pack(const char *archive, int64_t bytes, struct buf *packed, struct error *err)
{
    uLongf length = compressBound((uLong)bytes);

    buf_reserve(packed, length);
    if (compress2((Bytef *)packed->data, &length, (const Bytef *)archive, (uLong)bytes,
                  Z_BEST_SPEED) != Z_OK)
        return error_set(err, ERROR_INTERNAL, NULL, "the changes cannot be packed");
    packed->length = length;
    return 0;
}

int store_changes_keep(struct db *db, const struct run *run, const struct id *job_id,
                       int64_t attempt, const char *archive, int64_t bytes, struct error *err)
{
    static const struct query insert = {
        "INSERT INTO verification_changes (job_id, bytes, stored_bytes, archive) "
        "SELECT job_id, ?, ?, ? FROM verifications WHERE job_id=? AND owner=? AND attempt=? AND "
        "status IN ('starting','running') ON DUPLICATE KEY UPDATE bytes=VALUE(bytes), "
        "stored_bytes=VALUE(stored_bytes), archive=VALUE(archive), created_at=NOW(6)"};
    _cleanup_(buf_release) struct buf packed = BUF_INIT;
    int64_t changed = 0;
    int status;

    if (archive && pack(archive, bytes, &packed, err) < 0)
        return -1;
    status = DB_RUN(db, &insert, &changed, err, db_int(bytes), db_int((int64_t)packed.length),
                    archive ? db_bytes(packed.data, packed.length) : db_null(), db_id(job_id),
                    db_id(&run->run_id), db_int(attempt));
    return fenced(status, changed, "verification", err);
}

static int unpack(const struct db_rows *rows, struct buf *archive, struct error *err)
{
    int64_t bytes = db_row_int(rows, 0);
    uLongf length = (uLongf)bytes;

    if (bytes > 0 && bytes <= CHANGES_KEPT_MOST) {
        buf_reserve(archive, archive->length + (size_t)bytes);
        if (uncompress((Bytef *)archive->data + archive->length, &length,
                       (const Bytef *)db_row_text(rows, 1), db_row_length(rows, 1)) == Z_OK &&
            length == (uLongf)bytes) {
            archive->length += length;
            return 0;
        }
    }
    return error_set(err, ERROR_INTERNAL, NULL, "the kept changes are damaged");
}

int store_changes_get(struct db *db, const struct id *job_id, struct buf *archive,
                      struct error *err)
{
    static const struct query query = {"SELECT bytes, archive FROM verification_changes "
                                       "WHERE job_id=? AND archive IS NOT NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_id(job_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "its changes are not kept any more");
    return unpack(rows, archive, err);
}

int store_changes_count(struct db *db, struct changes_kept *ret_kept, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*), IFNULL(SUM(stored_bytes), 0) FROM verification_changes"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows || !db_next(rows))
        return -1;
    *ret_kept = (struct changes_kept){db_row_int(rows, 0), db_row_int(rows, 1)};
    return 0;
}

/* --- regrading ------------------------------------------------------------------------------- */

int store_regradable_list(struct db *db, const char *dataset, const char *job_id, int64_t limit,
                          void (*each)(const struct regradable *regradable, void *arg), void *arg,
                          struct error *err)
{
    static const struct query query = {
        "SELECT v.job_id, s.dataset, s.sample_id, v.is_success, v.error_code "
        "FROM verification_changes c JOIN verifications v USING (job_id) "
        "JOIN sessions s USING (session_id) WHERE c.archive IS NOT NULL AND "
        "v.status IN ('completed','error') AND v.regrade_of IS NULL AND "
        "(? IS NULL OR s.dataset=?) AND (? IS NULL OR v.job_id=?) "
        "ORDER BY v.created_at DESC, v.job_id LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(dataset), db_text(dataset), db_text(job_id),
                  db_text(job_id), db_int(limit));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *of = db_row_copy(rows, 1);
        _cleanup_(free_ptr) char *sample_id = db_row_copy(rows, 2);
        _cleanup_(free_ptr) char *error_code = db_row_copy(rows, 4);

        each(&(struct regradable){.job_id = db_row_id(rows, 0),
                                  .dataset = of,
                                  .sample_id = sample_id,
                                  .is_success = db_is_null(rows, 3) ? -1 : (int)db_row_int(rows, 3),
                                  .error_code = error_code},
             arg);
    }
    return 0;
}

int store_regrade_create(struct db *db, const struct id *new_id, const struct id *job_id,
                         bool latest, struct error *err)
{
    static const struct query insert = {
        "INSERT INTO verifications (job_id, session_id, regrade_of, regrade_latest) "
        "SELECT ?, v.session_id, v.job_id, ? FROM verifications v "
        "JOIN verification_changes c USING (job_id) JOIN sessions s USING (session_id) "
        "JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND p.version=s.version "
        "WHERE v.job_id=? AND c.archive IS NOT NULL"};
    int64_t changed = 0;

    if (DB_RUN(db, &insert, &changed, err, db_id(new_id), db_int(latest), db_id(job_id)) < 0)
        return -1;
    return changed ? 0
                   : error_set(err, ERROR_NOT_FOUND, NULL,
                               "its changes, or its sample, are not kept any more");
}

int store_regrade_claimable(struct db *db, const struct run *run, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err)
{
    static const struct query query = {
        "SELECT job_id FROM verifications WHERE status IN ('pending','starting','running') AND "
        "regrade_of IS NOT NULL AND (owner IS NULL OR (owner<>? AND " OWNER_IS_DEAD(
            "verifications.owner") ")) ORDER BY created_at, job_id LIMIT ?"};
    struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(&run->run_id), db_int(run->lease_seconds), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}
