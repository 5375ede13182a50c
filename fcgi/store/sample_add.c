/*
 * sample_add.c - what an import writes (store/samples.h): many samples with few round trips.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "store/db.h"
#include "store/sample_rows.h"
#include "store/samples.h"

#include "base/banned.h"

#define PACKET_LEAST (512 * 1024)  /* any MariaDB takes that much */
#define PACKET_SLACK (256 * 1024)  /* for the texts that are not counted */
#define AT_ONCE_BYTES (384 * 1024) /* of the rows that are sent together */
#define UNCOUNTED_BYTES 2048       /* of a row, its short texts and what is around them */

/* A sample on its way. */
struct addition {
    const struct new_sample *sample;
    int64_t before; /* 0: it is new */
    unsigned char hash_before[SHA256_SIZE], hash[SHA256_SIZE];
    size_t bytes, answer_bytes; /* of its rows */
    struct buf json, whole, piece;
    uint32_t crc32;
    bool is_same; /* as before: nothing is written */
};

struct sample_batch {
    size_t count;
    struct addition additions[SAMPLES_AT_ONCE];
};

struct sample_batch *sample_batch_new(const struct new_sample *samples, size_t count)
{
    struct sample_batch *batch = xcalloc(1, sizeof(*batch));

    if (count > SAMPLES_AT_ONCE)
        abort(); /* the header says how many */
    batch->count = count;
    for (size_t i = 0; i < count; i++)
        batch->additions[i] = (struct addition){
            .sample = &samples[i], .json = BUF_INIT, .whole = BUF_INIT, .piece = BUF_INIT};
    return batch;
}

void sample_batch_free(struct sample_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        buf_release(&batch->additions[i].json);
        buf_release(&batch->additions[i].whole);
        buf_release(&batch->additions[i].piece);
    }
    free(batch);
}

/* Rows of values that go into one table. */
struct batch {
    struct db_value *values; /* row behind row */
    size_t *bytes, *at;      /* of each row: its size, and which sample it is of */
    size_t columns, rows;
};

static struct batch batch_of(size_t columns, size_t rows)
{
    return (struct batch){
        .values = xcalloc(rows * columns, sizeof(struct db_value)),
        .bytes = xcalloc(rows, sizeof(size_t)),
        .at = xcalloc(rows, sizeof(size_t)),
        .columns = columns,
    };
}

static void batch_release(struct batch *batch)
{
    free(batch->values);
    free(batch->bytes);
    free(batch->at);
}

static void batch_add(struct batch *batch, const struct db_value *values, size_t bytes, size_t at)
{
    memcpy(&batch->values[batch->rows * batch->columns], values,
           batch->columns * sizeof(struct db_value));
    batch->bytes[batch->rows] = bytes + UNCOUNTED_BYTES;
    batch->at[batch->rows++] = at;
}

#define BATCH_ADD(batch, bytes, at, ...)                                                           \
    batch_add((batch), (const struct db_value[]){__VA_ARGS__}, (bytes), (at))

static int run_one(struct db *db, const struct query *query, const struct batch *batch, size_t row,
                   size_t *ret_at, struct error *err)
{
    if (db_run(db, query, &batch->values[row * batch->columns], batch->columns, NULL, err) == 0)
        return 0;
    *ret_at = batch->at[row];
    return -1;
}

/* Rows that go together. Where MariaDB refuses some, they are tried one after the other, to tell
 * which. */
static int run_piece(struct db *db, const struct query *query, const struct batch *batch,
                     size_t from, size_t rows, size_t *ret_at, struct error *err)
{
    static const struct query set = {"SAVEPOINT piece"};
    static const struct query go_back = {"ROLLBACK TO SAVEPOINT piece"};
    struct error ignored = ERROR_INIT;

    if (rows == 1)
        return run_one(db, query, batch, from, ret_at, err);
    if (db_run(db, &set, NULL, 0, NULL, err) < 0)
        return -1;
    if (db_run_rows(db, query, &batch->values[from * batch->columns], batch->columns, rows, err) ==
        0)
        return 0;
    if (err->kind == ERROR_UNAVAILABLE || db_run(db, &go_back, NULL, 0, NULL, &ignored) < 0)
        return -1;
    for (size_t i = 0; i < rows; i++) {
        if (run_one(db, query, batch, from + i, ret_at, err) < 0)
            return -1;
    }
    return 0;
}

static int run_batch(struct db *db, const struct query *query, const struct batch *batch,
                     size_t *ret_at, struct error *err)
{
    size_t from = 0;

    while (from < batch->rows) {
        size_t rows = 1, bytes = batch->bytes[from];

        while (from + rows < batch->rows && bytes + batch->bytes[from + rows] <= AT_ONCE_BYTES)
            bytes += batch->bytes[from + rows++];
        if (run_piece(db, query, batch, from, rows, ret_at, err) < 0)
            return -1;
        from += rows;
    }
    return 0;
}

/* --- what is there --------------------------------------------------------------------------- */

int sample_batch_find(struct db *db, struct sample_batch *batch, struct error *err)
{
    static const struct query query = {
        "SELECT j.i, s.version, s.content_hash"
        " FROM JSON_TABLE(?, '$[*]' COLUMNS (i FOR ORDINALITY,"
        " id VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS j"
        " STRAIGHT_JOIN samples AS s"
        " ON s.dataset = ? AND s.sample_id = j.id AND s.latest = TRUE FOR UPDATE"};
    enum { THE_ORDINAL, THE_VERSION, THE_HASH };
    _cleanup_(buf_release) struct buf ids = BUF_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (batch->count == 0 || batch->additions[0].sample->is_first)
        return 0;
    for (size_t i = 0; i < batch->count; i++) {
        const char *id = batch->additions[i].sample->sample_id;

        buf_add_char(&ids, i ? ',' : '[');
        json_write_string(&ids, id, strlen(id));
    }
    buf_add_char(&ids, ']');
    rows = DB_SELECT(db, &query, err, db_bytes(ids.data, ids.length),
                     db_text(batch->additions[0].sample->dataset));
    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct addition *addition = &batch->additions[db_row_int(rows, THE_ORDINAL) - 1];

        if (db_row_length(rows, THE_HASH) != SHA256_SIZE)
            return error_set(err, ERROR_INTERNAL, NULL, "a sample's content_hash is no digest");
        addition->before = db_row_int(rows, THE_VERSION);
        memcpy(addition->hash_before, db_row_text(rows, THE_HASH), SHA256_SIZE);
    }
    return 0;
}

static int retire_latest(struct db *db, const struct addition *additions, size_t count,
                         size_t *ret_at, struct error *err)
{
    static const struct query query = {
        "UPDATE samples SET latest = NULL WHERE dataset = ? AND sample_id = ? AND version = ?"};
    _cleanup_(batch_release) struct batch batch = batch_of(3, count);

    for (size_t i = 0; i < count; i++) {
        const struct addition *addition = &additions[i];

        if (addition->before && !addition->is_same)
            BATCH_ADD(&batch, 0, i, db_text(addition->sample->dataset),
                      db_text(addition->sample->sample_id), db_int(addition->before));
    }
    return run_batch(db, &query, &batch, ret_at, err);
}

/* --- how large it is ------------------------------------------------------------------------- */

/* A statement that is larger than MariaDB takes would only show as a broken connection. */
static int check_packet(struct db *db, size_t size, struct error *err)
{
    static const struct query query = {"SELECT @@max_allowed_packet"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (size < PACKET_LEAST)
        return 0;
    rows = db_select(db, &query, NULL, 0, err);
    if (!rows)
        return -1;
    if (db_next(rows) && (int64_t)size + PACKET_SLACK > db_row_int(rows, 0))
        return error_set(err, ERROR_LIMIT, NULL,
                         "needs %zu bytes in the database, but MariaDB's max_allowed_packet is "
                         "%" PRId64 "; raise it, or shorten the sample",
                         size, db_row_int(rows, 0));
    return 0;
}

static size_t bytes_of(const char *const *texts, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += texts[i] ? strlen(texts[i]) : 0;
    return bytes;
}

static bool is_empty_list(const char *list)
{
    return strcmp(list, "[]") == 0;
}

static bool has_answers(const struct addition *addition)
{
    const struct new_sample *sample = addition->sample;

    return addition->whole.length > 0 || sample->hides_answers || sample->solution ||
           !is_empty_list(sample->held_out);
}

static void measure(struct addition *addition)
{
    const struct new_sample *sample = addition->sample;
    const char *const texts[] = {sample->fail_to_pass,
                                 sample->pass_to_pass,
                                 sample->fail_to_fail,
                                 sample->report_paths,
                                 sample->verifier_command,
                                 sample->restore,
                                 sample->setup_command,
                                 sample->needs,
                                 sample->trial,
                                 sample->solution,
                                 sample->version_description};
    const char *const answers[] = {sample->held_out, sample->solution, sample->fail_to_pass,
                                   sample->pass_to_pass, sample->fail_to_fail};

    addition->bytes =
        addition->json.length + addition->piece.length + bytes_of(texts, ARRAY_SIZE(texts));
    if (has_answers(addition))
        addition->answer_bytes = addition->whole.length + bytes_of(answers, ARRAY_SIZE(answers));
}

struct making {
    struct addition *additions;
    sample_render *render;
    void *arg;
};

static void make_one(size_t i, void *arg)
{
    const struct making *making = arg;
    struct addition *addition = &making->additions[i];

    making->render(i, addition->before + 1, &addition->json, &addition->whole, addition->hash,
                   making->arg);
    addition->is_same =
        addition->before && memcmp(addition->hash, addition->hash_before, SHA256_SIZE) == 0;
    if (addition->is_same)
        return;
    sample_deflate(addition->json.data, addition->json.length, &addition->piece, &addition->crc32);
    measure(addition);
}

void sample_batch_make(struct sample_batch *batch, sample_render *render, void *arg)
{
    parallel_each(batch->count, make_one, &(struct making){batch->additions, render, arg});
}

static int check_sizes(struct db *db, const struct addition *additions, size_t count,
                       size_t *ret_at, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (check_packet(db, additions[i].bytes, err) < 0 ||
            check_packet(db, additions[i].answer_bytes, err) < 0) {
            *ret_at = i;
            return -1;
        }
    }
    return 0;
}

/* --- the rows -------------------------------------------------------------------------------- */

static struct db_value text_of_list(const char *list)
{
    return is_empty_list(list) ? db_null() : db_text(list);
}

#define VERSION_COLUMNS 31

static void add_version(struct batch *batch, const struct addition *addition, size_t at)
{
    const struct new_sample *sample = addition->sample;
    const bool hides = sample->hides_answers;

    BATCH_ADD(batch, addition->bytes, at, db_text(sample->dataset), db_text(sample->sample_id),
              db_int(addition->before + 1), db_text(sample->instance_id), db_text(sample->language),
              db_text(sample->verifier), db_text(sample->image), db_text(sample->verifier_image),
              db_text(sample->repo_path), db_text(sample->verifier_command),
              db_text(sample->report_paths),
              sample->verify_timeout ? db_int(sample->verify_timeout) : db_null(),
              db_text(hides ? "[]" : sample->fail_to_pass),
              db_text(hides ? "[]" : sample->pass_to_pass),
              db_text(hides ? "[]" : sample->fail_to_fail), db_text(sample->version_description),
              db_time(sample->created_at), db_bytes(addition->hash, sizeof(addition->hash)),
              db_bytes(addition->json.data, addition->json.length),
              db_bytes(addition->piece.data, addition->piece.length),
              db_int((int64_t)addition->json.length), db_int(addition->crc32),
              db_int(sample->hide_verifier_output), db_text(sample->log_parser),
              db_text(sample->image_reference), db_text(sample->trial), db_int(hides),
              text_of_list(sample->restore), db_text(sample->setup_command),
              db_int(sample->exact_outcomes), db_text(sample->needs));
}

static int insert_versions(struct db *db, const struct addition *additions, size_t count,
                           size_t *ret_at, struct error *err)
{
    static const struct query query = {
        "INSERT INTO samples (dataset, sample_id, version, instance_id, language, verifier,"
        " image, verifier_image, repo_path, verifier_command, report_paths, verify_timeout,"
        " fail_to_pass, pass_to_pass, fail_to_fail, version_description, created_at, content_hash,"
        " json, deflated, json_length, json_crc32, hide_verifier_output, log_parser,"
        " image_reference, trial, answers_hidden, restore_list, setup_command,"
        " exact_outcomes, needs, latest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?, TRUE)"};
    _cleanup_(batch_release) struct batch batch = batch_of(VERSION_COLUMNS, count);

    for (size_t i = 0; i < count; i++) {
        if (!additions[i].is_same)
            add_version(&batch, &additions[i], i);
    }
    return run_batch(db, &query, &batch, ret_at, err);
}

/* What the workers' account must not read. */
static int insert_answers(struct db *db, const struct addition *additions, size_t count,
                          size_t *ret_at, struct error *err)
{
    static const struct query query = {
        "INSERT INTO sample_answers (row_id, json, held_out, solution, fail_to_pass, pass_to_pass,"
        " fail_to_fail) SELECT row_id, ?, ?, ?, ?, ?, ? FROM samples"
        " WHERE dataset = ? AND sample_id = ? AND version = ?"};
    _cleanup_(batch_release) struct batch batch = batch_of(9, count);

    for (size_t i = 0; i < count; i++) {
        const struct addition *addition = &additions[i];
        const struct new_sample *sample = addition->sample;
        const struct buf *whole = &addition->whole;
        bool hides = sample->hides_answers;

        if (addition->is_same || !has_answers(addition))
            continue;
        BATCH_ADD(&batch, addition->answer_bytes, i,
                  whole->length > 0 ? db_bytes(whole->data, whole->length) : db_null(),
                  text_of_list(sample->held_out), db_text(sample->solution),
                  db_text(hides ? sample->fail_to_pass : NULL),
                  db_text(hides ? sample->pass_to_pass : NULL),
                  db_text(hides ? sample->fail_to_fail : NULL), db_text(sample->dataset),
                  db_text(sample->sample_id), db_int(addition->before + 1));
    }
    return run_batch(db, &query, &batch, ret_at, err);
}

#define SHOWN " WHERE dataset = ? AND sample_id = ? AND version < ? AND NOT answers_hidden"

/* What the versions before show goes where the workers' account can't read it. */
static int keep_shown(struct db *db, const struct addition *addition, struct error *err)
{
    static const struct query find = {"SELECT row_id, " SAMPLE_PIECE " FROM samples" SHOWN
                                      " AND json_length > 0"};
    static const struct query keep = {
        "INSERT INTO sample_answers (row_id, json) VALUES (?, ?) ON DUPLICATE KEY UPDATE"
        " json = IFNULL(sample_answers.json, VALUES(json))"};
    enum { THE_ROW, THE_PIECE };
    const struct new_sample *sample = addition->sample;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &find, err, db_text(sample->dataset), db_text(sample->sample_id),
                  db_int(addition->before + 1));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(buf_release) struct buf json = BUF_INIT;
        const struct sample_piece piece = sample_piece_of_row(rows, THE_PIECE);

        if (sample_inflate(&piece, &json, err) < 0 ||
            DB_RUN(db, &keep, NULL, err, db_int(db_row_int(rows, THE_ROW)),
                   db_bytes(json.data, json.length)) < 0)
            return -1;
    }
    return 0;
}

/* The versions before show what these hide. Nobody is given them any more (store_sample_text). */
static int hide_versions_before(struct db *db, const struct addition *additions, size_t count,
                                size_t *ret_at, struct error *err)
{
    static const struct query blank = {"UPDATE samples SET json = '', deflated = '',"
                                       " json_length = 0, json_crc32 = 0" SHOWN};
    _cleanup_(batch_release) struct batch batch = batch_of(3, count);

    for (size_t i = 0; i < count; i++) {
        const struct new_sample *sample = additions[i].sample;

        if (!additions[i].before || additions[i].is_same || !sample->hides_answers)
            continue;
        BATCH_ADD(&batch, 0, i, db_text(sample->dataset), db_text(sample->sample_id),
                  db_int(additions[i].before + 1));
        if (keep_shown(db, &additions[i], err) < 0) {
            *ret_at = i;
            return -1;
        }
    }
    return run_batch(db, &blank, &batch, ret_at, err);
}

int sample_batch_store(struct db *db, struct sample_batch *batch, int64_t *ret_versions,
                       size_t *ret_at, struct error *err)
{
    const struct addition *additions = batch->additions;
    size_t count = batch->count;

    *ret_at = count;
    if (count > 0 && (check_sizes(db, additions, count, ret_at, err) < 0 ||
                      retire_latest(db, additions, count, ret_at, err) < 0 ||
                      insert_versions(db, additions, count, ret_at, err) < 0 ||
                      insert_answers(db, additions, count, ret_at, err) < 0 ||
                      hide_versions_before(db, additions, count, ret_at, err) < 0))
        return -1;
    for (size_t i = 0; i < count; i++)
        ret_versions[i] = additions[i].is_same ? 0 : additions[i].before + 1;
    return 0;
}
