#include "store/samples.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "store/db.h"

#include "base/banned.h"

#define BATCH 256                 /* rows that are fetched to this side at once */
#define PACKET_LEAST (512 * 1024) /* any MariaDB takes that much */
#define PACKET_SLACK (256 * 1024) /* for the texts that are not counted */
#define STORED_MOST 256           /* texts up to here are not worth compressing */

int store_dataset_list(struct db *db, void (*each)(const struct dataset *dataset, void *arg),
                       void *arg, struct error *err)
{
    static const struct query query = {
        "SELECT d.name, d.description,"
        "       (SELECT COUNT(*) FROM samples AS s WHERE s.latest = TRUE AND s.dataset = d.name),"
        "       d.created_at, d.egress, d.answers_hidden, d.profile, d.format"
        "  FROM datasets AS d ORDER BY d.name"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(free_ptr) char *name = db_row_copy(rows, 0);
        _cleanup_(free_ptr) char *description = db_row_copy(rows, 1);
        _cleanup_(free_ptr) char *egress = db_row_copy(rows, 4);
        _cleanup_(free_ptr) char *profile = db_row_copy(rows, 6);
        _cleanup_(free_ptr) char *format = db_row_copy(rows, 7);
        struct dataset dataset = {
            .name = name,
            .description = description,
            .sample_count = db_row_int(rows, 2),
            .created_at = db_row_time(rows, 3),
            .egress = egress,
            .hides_answers = db_row_int(rows, 5) != 0,
            .profile = profile,
            .format = format,
        };

        each(&dataset, arg);
    }
    return 0;
}

/* The ways to choose among the latest versions: by data set, by search, only the good ones. LOCATE
 * compares by instance_id's collation, which knows no case, and gives no character of the search a
 * meaning of its own. */
#define WAYS 8
#define IN_ALL " WHERE latest = TRUE"
#define IN_DATASET IN_ALL " AND dataset = ?"
#define IN_SEARCH IN_ALL " AND LOCATE(?, instance_id) > 0"
#define IN_BOTH IN_DATASET " AND LOCATE(?, instance_id) > 0"
#define GOOD                                                                                       \
    " AND EXISTS (SELECT 1 FROM sample_checks AS c WHERE c.dataset = samples.dataset"              \
    " AND c.sample_id = samples.sample_id AND c.version = samples.version AND c.state = 'good')"
#define ALL_WAYS(head, tail)                                                                       \
    {                                                                                              \
        {head IN_ALL tail}, {head IN_DATASET tail}, {head IN_SEARCH tail}, {head IN_BOTH tail},    \
            {head IN_ALL GOOD tail}, {head IN_DATASET GOOD tail}, {head IN_SEARCH GOOD tail},      \
            {head IN_BOTH GOOD tail},                                                              \
    }

/* Binds what the chosen way needs; returns its place among them. */
static int choose(const struct sample_page *page, struct db_value *values, size_t *count)
{
    if (page->dataset)
        values[(*count)++] = db_text(page->dataset);
    if (page->search)
        values[(*count)++] = db_text(page->search);
    return (page->dataset ? 1 : 0) + (page->search ? 2 : 0) + (page->runnable ? 4 : 0);
}

int store_sample_count(struct db *db, const struct sample_page *page, int64_t *ret_count,
                       struct error *err)
{
    static const struct query queries[WAYS] = ALL_WAYS("SELECT COUNT(*) FROM samples", "");
    struct db_value values[2];
    size_t count = 0;
    int way = choose(page, values, &count);
    _cleanup_(db_rows_release) struct db_rows *rows =
        db_select(db, &queries[way], values, count, err);

    if (!rows)
        return -1;
    *ret_count = db_next(rows) ? db_row_int(rows, 0) : 0;
    return 0;
}

/* A check is written in place of an earlier one, so its number tells nothing; any change of the set
 * changes the sum of the times. */
static int stamp_good(struct db *db, struct sample_stamp *stamp, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*), CAST(IFNULL(SUM(UNIX_TIMESTAMP(checked_at) * 1000000), 0)"
        " % 1000000000000000000 AS SIGNED) FROM sample_checks WHERE state = 'good'"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    if (db_next(rows)) {
        stamp->good = db_row_int(rows, 0);
        stamp->good_times = db_row_int(rows, 1);
    }
    return 0;
}

int store_sample_stamp(struct db *db, bool runnable, struct sample_stamp *ret_stamp,
                       struct error *err)
{
    /* The last one alone would not do: of two imports at once, the one that took its numbers first
     * may commit last. Its time is read by the key; the newest of all would be a scan. */
    static const struct query query = {
        "SELECT COUNT(*), MAX(row_id),"
        " (SELECT l.imported_at FROM samples l ORDER BY l.row_id DESC LIMIT 1) FROM samples"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);
    struct sample_stamp stamp = {0};

    if (!rows)
        return -1;
    if (db_next(rows))
        stamp = (struct sample_stamp){
            .count = db_row_int(rows, 0),
            .last = db_row_int(rows, 1),
            .imported_at = db_row_time(rows, 2),
        };
    if (runnable && stamp_good(db, &stamp, err) < 0)
        return -1;
    *ret_stamp = stamp;
    return 0;
}

/* Samples come in batches, each beginning behind the last key of the one before, so that a page
 * of everything is never in memory as a whole, and an import in between does not shift it. */
#define BEHIND_KEY                                                                                 \
    " AND (dataset > ? OR (dataset = ? AND sample_id > ?))"                                        \
    " ORDER BY dataset, sample_id LIMIT ? OFFSET ?"

typedef void on_row(const struct db_rows *rows, void *arg);

static int each_sample(struct db *db, const struct query queries[WAYS],
                       const struct sample_page *page, on_row *each, void *arg, struct error *err)
{
    _cleanup_(free_ptr) char *last_dataset = xstrdup("");
    _cleanup_(free_ptr) char *last_sample = xstrdup("");
    int64_t left = page->limit ? page->limit : INT64_MAX;
    int64_t offset = page->offset;

    while (left > 0) {
        struct db_value values[7];
        size_t count = 0;
        int way = choose(page, values, &count);
        int64_t wanted = left < BATCH ? left : BATCH;
        int64_t got;
        _cleanup_(db_rows_release) struct db_rows *rows = NULL;

        values[count++] = db_text(last_dataset);
        values[count++] = db_text(last_dataset);
        values[count++] = db_text(last_sample);
        values[count++] = db_int(wanted);
        values[count++] = db_int(offset);
        rows = db_select(db, &queries[way], values, count, err);
        if (!rows)
            return -1;
        got = db_rows_count(rows);
        for (int64_t i = 1; db_next(rows); i++) {
            each(rows, arg);
            if (i == got) {
                free(last_dataset);
                free(last_sample);
                last_dataset = db_row_copy(rows, 0);
                last_sample = db_row_copy(rows, 1);
            }
        }
        if (got < wanted)
            return 0;
        left -= got;
        offset = 0;
    }
    return 0;
}

struct plain_page {
    struct buf *json;
    bool any;
};

static void add_plain(const struct db_rows *rows, void *arg)
{
    struct plain_page *page = arg;

    if (page->any)
        buf_add_char(page->json, ',');
    page->any = true;
    buf_add(page->json, db_row_text(rows, 2), db_row_length(rows, 2));
}

int store_sample_page_plain(struct db *db, const struct sample_page *page, struct buf *json,
                            struct error *err)
{
    static const struct query queries[WAYS] =
        ALL_WAYS("SELECT dataset, sample_id, json FROM samples", BEHIND_KEY);
    struct plain_page plain = {.json = json};

    return each_sample(db, queries, page, add_plain, &plain, err);
}

struct deflated_page {
    void (*piece)(const struct sample_piece *piece, void *arg);
    void *arg;
};

static void add_piece(const struct db_rows *rows, void *arg)
{
    struct deflated_page *page = arg;
    struct sample_piece piece = {
        .bytes = db_row_text(rows, 2),
        .size = db_row_length(rows, 2),
        .json_length = (uint32_t)db_row_int(rows, 3),
        .json_crc32 = (uint32_t)db_row_int(rows, 4),
    };

    page->piece(&piece, page->arg);
}

int store_sample_page_deflated(struct db *db, const struct sample_page *page,
                               void (*piece)(const struct sample_piece *piece, void *arg),
                               void *arg, struct error *err)
{
    static const struct query queries[WAYS] = ALL_WAYS(
        "SELECT dataset, sample_id, deflated, json_length, json_crc32 FROM samples", BEHIND_KEY);
    struct deflated_page deflated = {.piece = piece, .arg = arg};

    return each_sample(db, queries, page, add_piece, &deflated, err);
}

/* A stored block (RFC 1951, section 3.2.4): not the last one, then padding to the byte boundary,
 * the length, its complement, the bytes. */
static void add_stored(const char *text, uint16_t length, struct buf *out)
{
    uint16_t complement = (uint16_t)~length;

    buf_add_char(out, 0);
    buf_add_char(out, (char)(length & 0xff));
    buf_add_char(out, (char)(length >> 8));
    buf_add_char(out, (char)(complement & 0xff));
    buf_add_char(out, (char)(complement >> 8));
    buf_add(out, text, length);
}

void sample_deflate(const char *text, size_t length, struct buf *ret_piece, uint32_t *ret_crc32)
{
    z_stream stream = {0};
    size_t bound;

    *ret_crc32 = (uint32_t)crc32_z(0, (const unsigned char *)text, length);
    if (length <= STORED_MOST) {
        add_stored(text, (uint16_t)length, ret_piece);
        return;
    }
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort();                                /* no memory */
    bound = deflateBound(&stream, length) + 16; /* and the empty block of the flush */
    buf_reserve(ret_piece, bound);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (unsigned)length;
    stream.next_out = (unsigned char *)ret_piece->data + ret_piece->length;
    stream.avail_out = (unsigned)bound;
    if (deflate(&stream, Z_FULL_FLUSH) != Z_OK || stream.avail_in > 0 || stream.avail_out == 0)
        abort(); /* deflateBound promised that it fits */
    ret_piece->length += stream.total_out;
    ret_piece->data[ret_piece->length] = '\0';
    deflateEnd(&stream);
}

int store_sample_version(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                         int64_t *ret_version, struct error *err)
{
    static const struct query the_latest = {
        "SELECT version FROM samples WHERE dataset = ? AND sample_id = ? AND latest = TRUE"};
    static const struct query this_one = {
        "SELECT version FROM samples AS s WHERE dataset = ? AND sample_id = ? AND version = ?"
        " AND (answers_hidden OR NOT EXISTS (SELECT 1 FROM samples AS l WHERE"
        " l.dataset = s.dataset AND l.sample_id = s.sample_id AND l.latest = TRUE"
        " AND l.answers_hidden))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        version
            ? DB_SELECT(db, &this_one, err, db_text(dataset), db_text(sample_id), db_int(version))
            : DB_SELECT(db, &the_latest, err, db_text(dataset), db_text(sample_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "SAMPLE_NOT_FOUND", "there is no such sample");
    *ret_version = db_row_int(rows, 0);
    return 0;
}

void sample_summary_release(struct sample_summary *summary)
{
    free(summary->dataset);
    free(summary->sample_id);
    free(summary->language);
    free(summary->verifier);
    free(summary->image);
    free(summary->verifier_image);
    free(summary->repo_path);
    free(summary->verifier_command);
    free(summary->image_reference);
    free(summary->log_parser);
    free(summary->trial);
    free(summary->state);
    free(summary->setup_command);
    free(summary->needs);
    memset(summary, 0, sizeof(*summary));
}

#define SUMMARY_COLUMNS                                                                            \
    "SELECT dataset, sample_id, language, verifier, image, verifier_image, repo_path,"             \
    " verifier_command, version, latest, verify_timeout, imported_at, hide_verifier_output,"       \
    " image_reference, log_parser, trial, answers_hidden,"                                         \
    " (SELECT k.state FROM sample_checks AS k WHERE k.dataset ="                                   \
    " samples.dataset AND k.sample_id = samples.sample_id AND k.version = samples.version),"       \
    " (SELECT k.checked_at FROM sample_checks AS k WHERE k.dataset = samples.dataset AND"          \
    " k.sample_id = samples.sample_id AND k.version = samples.version),"                           \
    " setup_command, exact_outcomes, needs"
#define SUMMARY_COUNT 22

/* The object with its answers. */
#define WHOLE                                                                                      \
    "IFNULL((SELECT a.json FROM sample_answers AS a WHERE a.row_id = samples.row_id), json)"
#define HELD_OUT                                                                                   \
    "IFNULL((SELECT a.held_out FROM sample_answers AS a WHERE a.row_id = samples.row_id), '[]')"

#define SOLUTION "(SELECT a.solution FROM sample_answers AS a WHERE a.row_id = samples.row_id)"

static struct sample_summary summary_of_row(const struct db_rows *rows)
{
    return (struct sample_summary){
        .dataset = db_row_copy(rows, 0),
        .sample_id = db_row_copy(rows, 1),
        .language = db_row_copy(rows, 2),
        .verifier = db_row_copy(rows, 3),
        .image = db_row_copy(rows, 4),
        .verifier_image = db_row_copy(rows, 5),
        .repo_path = db_row_copy(rows, 6),
        .verifier_command = db_row_copy(rows, 7),
        .version = db_row_int(rows, 8),
        .latest = db_row_int(rows, 9) != 0,
        .verify_timeout = db_row_int(rows, 10),
        .imported_at = db_row_time(rows, 11),
        .hide_verifier_output = db_row_int(rows, 12) != 0,
        .image_reference = db_row_copy(rows, 13),
        .log_parser = db_row_copy(rows, 14),
        .trial = db_row_copy(rows, 15),
        .hides_answers = db_row_int(rows, 16) != 0,
        .state = db_row_copy(rows, 17),
        .checked_at = db_row_time(rows, 18),
        .setup_command = db_row_copy(rows, 19),
        .exact_outcomes = db_row_int(rows, 20) != 0,
        .needs = db_row_copy(rows, 21),
    };
}

struct summary_page {
    void (*each)(const struct sample_summary *summary, void *arg);
    void *arg;
};

static void add_summary(const struct db_rows *rows, void *arg)
{
    struct summary_page *page = arg;
    _cleanup_(sample_summary_release) struct sample_summary summary = summary_of_row(rows);

    page->each(&summary, page->arg);
}

int store_sample_list(struct db *db, const struct sample_page *page,
                      void (*each)(const struct sample_summary *summary, void *arg), void *arg,
                      struct error *err)
{
    static const struct query queries[WAYS] = ALL_WAYS(SUMMARY_COLUMNS " FROM samples", BEHIND_KEY);
    struct summary_page summaries = {.each = each, .arg = arg};

    return each_sample(db, queries, page, add_summary, &summaries, err);
}

int store_sample_export(struct db *db, const char *dataset,
                        int (*each)(const struct sample_whole *sample, void *arg,
                                    struct error *err),
                        void *arg, struct error *err)
{
    static const struct query query = {
        SUMMARY_COLUMNS ", " WHOLE ", report_paths, " HELD_OUT ", IFNULL(restore_list, '[]')"
                        ", " SOLUTION " FROM samples WHERE latest = TRUE AND dataset = ?"
                        " AND sample_id > ? ORDER BY sample_id LIMIT 16"};
    _cleanup_(free_ptr) char *last = xstrdup("");
    bool more = true;

    /* In pieces: a result is held in memory. */
    while (more) {
        _cleanup_(db_rows_release) struct db_rows *rows =
            DB_SELECT(db, &query, err, db_text(dataset), db_text(last));

        if (!rows)
            return -1;
        more = false;
        while (db_next(rows)) {
            struct sample_whole sample = {.summary = summary_of_row(rows),
                                          .json = db_row_text(rows, SUMMARY_COUNT),
                                          .json_length = db_row_length(rows, SUMMARY_COUNT),
                                          .report_paths = db_row_text(rows, SUMMARY_COUNT + 1),
                                          .held_out = db_row_text(rows, SUMMARY_COUNT + 2),
                                          .restore = db_row_text(rows, SUMMARY_COUNT + 3),
                                          .solution = db_row_text(rows, SUMMARY_COUNT + 4)};
            int status = each(&sample, arg, err);

            free(last);
            last = xstrdup(sample.summary.sample_id);
            sample_summary_release(&sample.summary);
            if (status < 0)
                return -1;
            more = true;
        }
    }
    return 0;
}

int store_sample_get(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                     struct sample_summary *ret_summary, struct buf *json, struct error *err)
{
    static const struct query query = {
        SUMMARY_COLUMNS ", " WHOLE " FROM samples WHERE dataset = ? AND sample_id = ?"
                        " AND IF(? = 0, latest = TRUE, version = ?)"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &query, err, db_text(dataset), db_text(sample_id), db_int(version), db_int(version));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "SAMPLE_NOT_FOUND", "there is no such sample");
    buf_add(json, db_row_text(rows, SUMMARY_COUNT), db_row_length(rows, SUMMARY_COUNT));
    *ret_summary = summary_of_row(rows);
    return 0;
}

int store_sample_solution(struct db *db, const char *dataset, const char *sample_id,
                          int64_t version, struct buf *solution, struct error *err)
{
    static const struct query query = {
        "SELECT " SOLUTION " FROM samples WHERE dataset = ? AND sample_id = ? AND version = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(dataset), db_text(sample_id), db_int(version));

    if (!rows)
        return -1;
    if (db_next(rows) && !db_is_null(rows, 0))
        buf_add(solution, db_row_text(rows, 0), db_row_length(rows, 0));
    return 0;
}

void sample_pack_path(const char *dataset, const char *sample_id, int64_t version,
                      struct buf *ret_path)
{
    char dataset_digest[2 * SHA256_SIZE + 1], sample_digest[2 * SHA256_SIZE + 1];

    sha256_hex(dataset, strlen(dataset), dataset_digest);
    sha256_hex(sample_id, strlen(sample_id), sample_digest);
    buf_addf(ret_path, "%s/%s-%" PRId64 ".tar.gz", dataset_digest, sample_digest, version);
}

int store_dataset_ensure(struct db *db, const char *name, const char *description,
                         struct error *err)
{
    static const struct query query = {
        "INSERT INTO datasets (name, description) VALUES (?, ?)"
        " ON DUPLICATE KEY UPDATE description = COALESCE(VALUE(description), description)"};

    return DB_RUN(db, &query, NULL, err, db_text(name), db_text(description));
}

int store_dataset_set_profile(struct db *db, const char *name, const char *profile,
                              struct error *err)
{
    static const struct query query = {"UPDATE datasets SET profile = ? WHERE name = ?"};

    return DB_RUN(db, &query, NULL, err, db_text(profile), db_text(name));
}

int store_dataset_set_format(struct db *db, const char *name, const char *format, struct error *err)
{
    static const struct query query = {"UPDATE datasets SET format = ? WHERE name = ?"};

    return DB_RUN(db, &query, NULL, err, db_text(format), db_text(name));
}

int store_dataset_set_egress(struct db *db, const char *name, const char *egress, struct error *err)
{
    static const struct query query = {"UPDATE datasets SET egress = ? WHERE name = ?"};

    return DB_RUN(db, &query, NULL, err, db_text(egress), db_text(name));
}

int store_dataset_hides_answers(struct db *db, const char *name, bool *ret_hides, struct error *err)
{
    static const struct query query = {"SELECT answers_hidden FROM datasets WHERE name = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows)
        return -1;
    *ret_hides = db_next(rows) && db_row_int(rows, 0) != 0;
    return 0;
}

int store_dataset_hide_answers(struct db *db, const char *name, bool hide, struct error *err)
{
    static const struct query query = {"UPDATE datasets SET answers_hidden = ? WHERE name = ?"};

    return DB_RUN(db, &query, NULL, err, db_int(hide), db_text(name));
}

int store_dataset_count_answers(struct db *db, const char *name, int64_t *ret_count,
                                struct error *err)
{
    static const struct query query = {"SELECT COUNT(*) FROM samples WHERE latest = TRUE"
                                       " AND dataset = ? AND NOT answers_hidden"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows)
        return -1;
    *ret_count = db_next(rows) ? db_row_int(rows, 0) : 0;
    return 0;
}

/* Locks the sample's latest version. *ret_version: 0 when there is none yet. */
static int lock_latest(struct db *db, const struct new_sample *sample, int64_t *ret_version,
                       bool *ret_same, struct error *err)
{
    static const struct query query = {
        "SELECT version, content_hash = ? FROM samples"
        " WHERE dataset = ? AND sample_id = ? AND latest = TRUE FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_bytes(sample->content_hash, sizeof(sample->content_hash)),
                  db_text(sample->dataset), db_text(sample->sample_id));
    bool found;

    if (!rows)
        return -1;
    found = db_next(rows);
    *ret_version = found ? db_row_int(rows, 0) : 0;
    *ret_same = found && db_row_int(rows, 1) != 0;
    return 0;
}

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

/* Of those that may be long. */
static size_t bytes_of_texts(const struct new_sample *sample)
{
    const char *const texts[] = {sample->fail_to_pass,
                                 sample->pass_to_pass,
                                 sample->fail_to_fail,
                                 sample->verifier_command,
                                 sample->report_paths,
                                 sample->restore,
                                 sample->solution,
                                 sample->setup_command,
                                 sample->needs,
                                 sample->trial,
                                 sample->version_description};
    size_t bytes = 0;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        bytes += texts[i] ? strlen(texts[i]) : 0;
    return bytes;
}

static bool is_empty_list(const char *list)
{
    return strcmp(list, "[]") == 0;
}

static struct db_value text_of_list(const char *list)
{
    return is_empty_list(list) ? db_null() : db_text(list);
}

static int insert_version(struct db *db, const struct new_sample *sample, int64_t version,
                          const struct buf *json, struct error *err)
{
    static const struct query query = {
        "INSERT INTO samples (dataset, sample_id, version, latest, instance_id, language, verifier,"
        " image, verifier_image, repo_path, verifier_command, report_paths, verify_timeout,"
        " fail_to_pass, pass_to_pass, fail_to_fail, version_description, created_at, content_hash,"
        " json, deflated, json_length, json_crc32, hide_verifier_output, log_parser,"
        " image_reference, trial, answers_hidden, restore_list, setup_command,"
        " exact_outcomes, needs)"
        " VALUES (?, ?, ?, TRUE, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?, ?)"};
    const bool hides = sample->hides_answers;
    _cleanup_(buf_release) struct buf piece = BUF_INIT;
    uint32_t sum;

    sample_deflate(json->data, json->length, &piece, &sum);
    if (check_packet(db, json->length + piece.length + bytes_of_texts(sample), err) < 0)
        return -1;
    return DB_RUN(
        db, &query, NULL, err, db_text(sample->dataset), db_text(sample->sample_id),
        db_int(version), db_text(sample->instance_id), db_text(sample->language),
        db_text(sample->verifier), db_text(sample->image), db_text(sample->verifier_image),
        db_text(sample->repo_path), db_text(sample->verifier_command),
        db_text(sample->report_paths),
        sample->verify_timeout ? db_int(sample->verify_timeout) : db_null(),
        db_text(hides ? "[]" : sample->fail_to_pass), db_text(hides ? "[]" : sample->pass_to_pass),
        db_text(hides ? "[]" : sample->fail_to_fail), db_text(sample->version_description),
        db_time(sample->created_at), db_bytes(sample->content_hash, sizeof(sample->content_hash)),
        db_bytes(json->data, json->length), db_bytes(piece.data, piece.length),
        db_int((int64_t)json->length), db_int(sum), db_int(sample->hide_verifier_output),
        db_text(sample->log_parser), db_text(sample->image_reference), db_text(sample->trial),
        db_int(hides), text_of_list(sample->restore), db_text(sample->setup_command),
        db_int(sample->exact_outcomes), db_text(sample->needs));
}

/* What the workers' account must not read. */
static int insert_answers(struct db *db, const struct new_sample *sample, int64_t version,
                          const struct buf *whole, struct error *err)
{
    static const struct query query = {
        "INSERT INTO sample_answers (row_id, json, held_out, solution, fail_to_pass, pass_to_pass,"
        " fail_to_fail) SELECT row_id, ?, ?, ?, ?, ?, ? FROM samples"
        " WHERE dataset = ? AND sample_id = ? AND version = ?"};
    const bool hides = sample->hides_answers;

    if (whole->length == 0 && !hides && !sample->solution && is_empty_list(sample->held_out))
        return 0;
    if (check_packet(db,
                     whole->length + strlen(sample->held_out) +
                         (sample->solution ? strlen(sample->solution) : 0) +
                         strlen(sample->fail_to_pass) + strlen(sample->pass_to_pass) +
                         strlen(sample->fail_to_fail),
                     err) < 0)
        return -1;
    return DB_RUN(
        db, &query, NULL, err, whole->length > 0 ? db_bytes(whole->data, whole->length) : db_null(),
        text_of_list(sample->held_out), db_text(sample->solution),
        db_text(hides ? sample->fail_to_pass : NULL), db_text(hides ? sample->pass_to_pass : NULL),
        db_text(hides ? sample->fail_to_fail : NULL), db_text(sample->dataset),
        db_text(sample->sample_id), db_int(version));
}

/* The versions before show what this one hides. Nobody is given them any more
 * (store_sample_version), and their text goes where the workers' account can't read it. */
static int hide_versions_before(struct db *db, const struct new_sample *sample, int64_t version,
                                struct error *err)
{
#define SHOWN " WHERE dataset = ? AND sample_id = ? AND version < ? AND NOT answers_hidden"
    static const struct query keep = {
        "INSERT INTO sample_answers (row_id, json) SELECT row_id, json FROM samples" SHOWN
        " AND json_length > 0 ON DUPLICATE KEY UPDATE"
        " json = IFNULL(sample_answers.json, VALUES(json))"};
    static const struct query blank = {"UPDATE samples SET json = '', deflated = '',"
                                       " json_length = 0, json_crc32 = 0" SHOWN};

    if (DB_RUN(db, &keep, NULL, err, db_text(sample->dataset), db_text(sample->sample_id),
               db_int(version)) < 0)
        return -1;
    return DB_RUN(db, &blank, NULL, err, db_text(sample->dataset), db_text(sample->sample_id),
                  db_int(version));
}

int store_sample_add(struct db *db, const struct new_sample *sample, sample_render *render,
                     void *arg, int64_t *ret_version, struct error *err)
{
    static const struct query retire = {
        "UPDATE samples SET latest = NULL WHERE dataset = ? AND sample_id = ? AND version = ?"};
    _cleanup_(buf_release) struct buf json = BUF_INIT, whole = BUF_INIT;
    int64_t before = 0;
    bool same = false;

    if (!sample->is_first && lock_latest(db, sample, &before, &same, err) < 0)
        return -1;
    if (same) {
        *ret_version = 0;
        return 0;
    }
    if (before && DB_RUN(db, &retire, NULL, err, db_text(sample->dataset),
                         db_text(sample->sample_id), db_int(before)) < 0)
        return -1;
    render(before + 1, &json, &whole, arg);
    if (insert_version(db, sample, before + 1, &json, err) < 0 ||
        insert_answers(db, sample, before + 1, &whole, err) < 0 ||
        (before && sample->hides_answers && hide_versions_before(db, sample, before + 1, err) < 0))
        return -1;
    *ret_version = before + 1;
    return 0;
}
