#include "store/catalog.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "store/db.h"
#include "store/sample_rows.h"

#include "base/banned.h"

int store_image_samples(struct db *db, const char *image, int64_t limit,
                        void (*each)(const char *dataset, const char *sample_id, void *arg),
                        void *arg, int64_t *ret_total, struct error *err)
{
    static const struct query query = {"SELECT dataset, sample_id, COUNT(*) OVER () FROM samples"
                                       " WHERE latest = TRUE AND ? IN (image, verifier_image)"
                                       " ORDER BY dataset, sample_id LIMIT ?"};
    enum { THE_DATASET, THE_SAMPLE_ID, THE_TOTAL };
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(image), db_int(limit));
    int64_t total = 0;

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *dataset = db_row_copy(rows, THE_DATASET);
        _cleanup_(free_ptr) char *sample_id = db_row_copy(rows, THE_SAMPLE_ID);

        total = db_row_int(rows, THE_TOTAL);
        each(dataset, sample_id, arg);
    }
    *ret_total = total;
    return 0;
}

int store_image_answers(struct db *db, const char *image,
                        void (*each)(const struct image_answer *answer, void *arg), void *arg,
                        struct error *err)
{
    static const struct query query = {
        "SELECT p.sample_id, p.repo_path, h.json, " SAMPLE_PIECE " FROM samples p"
        " LEFT JOIN sample_answers h USING (row_id) WHERE p.latest = TRUE AND p.image = ?"
        " ORDER BY p.dataset, p.sample_id LIMIT ?"};
    enum { THE_SAMPLE_ID, THE_REPO_PATH, THE_WHOLE };
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(image), db_int(IMAGE_ANSWERS_MOST));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *sample_id = db_row_copy(rows, THE_SAMPLE_ID);
        _cleanup_(free_ptr) char *repo_path = db_row_copy(rows, THE_REPO_PATH);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        _cleanup_(json_release) json_object *sample = NULL;

        if (sample_whole_of_row(rows, THE_WHOLE, &text, err) < 0 ||
            json_parse(text.data, text.length, &sample, NULL, err) < 0)
            return -1;
        each(&(struct image_answer){sample_id, repo_path, json_get_text(sample, "patch"),
                                    json_get_text(sample, "test_patch")},
             arg);
    }
    return 0;
}

int store_dataset_references(struct db *db, const char *dataset,
                             void (*each)(const char *image, const char *reference, void *arg),
                             void *arg, struct error *err)
{
    static const struct query query = {
        "SELECT DISTINCT image, image_reference FROM samples WHERE latest = TRUE AND dataset = ?"
        " AND image IS NOT NULL AND image_reference IS NOT NULL ORDER BY image, image_reference"};
    enum { THE_IMAGE, THE_REFERENCE };
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(dataset));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *image = db_row_copy(rows, THE_IMAGE);
        _cleanup_(free_ptr) char *reference = db_row_copy(rows, THE_REFERENCE);

        each(image, reference, arg);
    }
    return 0;
}

/* The lock keeps imports out until the end of the transaction: they begin with the same row. */
static int lock_dataset(struct db *db, const char *name, struct error *err)
{
    static const struct query query = {"SELECT name FROM datasets WHERE name = ? FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows)
        return -1;
    return db_next(rows) ? 0
                         : error_set(err, ERROR_NOT_FOUND, NULL, "there is no data set '%s'", name);
}

static int check_ended(struct db *db, const char *name, struct error *err)
{
    static const struct query query = {
        "SELECT (SELECT COUNT(*) FROM sessions"
        "         WHERE dataset = ? AND status IN ('creating', 'ready'))"
        "     + (SELECT COUNT(*) FROM verifications v JOIN sessions s USING (session_id)"
        "         WHERE s.dataset = ? AND v.status IN ('pending', 'starting', 'running'))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(name), db_text(name));
    int64_t open;

    if (!rows)
        return -1;
    open = db_next(rows) ? db_row_int(rows, 0) : 0;
    if (open == 0)
        return 0;
    return error_set(err, ERROR_CONFLICT, NULL,
                     "%" PRId64 " session%s or verification%s of data set '%s' %s not ended", open,
                     open == 1 ? "" : "s", open == 1 ? "" : "s", name, open == 1 ? "has" : "have");
}

int store_dataset_remove(struct db *db, const char *name, int64_t *ret_versions, struct error *err)
{
    static const struct query drop_samples = {"DELETE FROM samples WHERE dataset = ?"};
    static const struct query drop_dataset = {"DELETE FROM datasets WHERE name = ?"};
    int64_t versions;

    if (lock_dataset(db, name, err) < 0 || check_ended(db, name, err) < 0 ||
        DB_RUN(db, &drop_samples, &versions, err, db_text(name)) < 0 ||
        DB_RUN(db, &drop_dataset, NULL, err, db_text(name)) < 0)
        return -1;
    *ret_versions = versions;
    return 0;
}
