#include "store/samples.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/sample_rows.h"

#include "base/banned.h"

#define BATCH 256 /* rows that are fetched to this side at once */

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

struct piece_page {
    void (*piece)(const struct sample_piece *piece, void *arg);
    void *arg;
};

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

static void add_piece(const struct db_rows *rows, void *arg)
{
    const struct piece_page *page = arg;
    const struct sample_piece piece = sample_piece_of_row(rows, 2);

    page->piece(&piece, page->arg);
}

int store_sample_page_deflated(struct db *db, const struct sample_page *page,
                               void (*piece)(const struct sample_piece *piece, void *arg),
                               void *arg, struct error *err)
{
    static const struct query queries[WAYS] =
        ALL_WAYS("SELECT dataset, sample_id, " SAMPLE_PIECE " FROM samples", BEHIND_KEY);
    struct piece_page pieces = {.piece = piece, .arg = arg};

    return each_sample(db, queries, page, add_piece, &pieces, err);
}

struct plain_page {
    struct buf *json;
    bool any;
    int status; /* of the first that can't be read, with its error */
    struct error err;
};

static void add_plain(const struct sample_piece *piece, void *arg)
{
    struct plain_page *page = arg;

    if (page->status < 0)
        return;
    if (page->any)
        buf_add_char(page->json, ',');
    page->any = true;
    page->status = sample_inflate(piece, page->json, &page->err);
}

int store_sample_page_plain(struct db *db, const struct sample_page *page, struct buf *json,
                            struct error *err)
{
    struct plain_page plain = {.json = json, .err = ERROR_INIT};

    if (store_sample_page_deflated(db, page, add_plain, &plain, err) < 0)
        return -1;
    if (plain.status < 0)
        *err = plain.err;
    return plain.status;
}

int store_sample_text(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                      int64_t *ret_version, struct buf *json, struct error *err)
{
    static const struct query the_latest = {
        "SELECT version, " SAMPLE_PIECE " FROM samples"
        " WHERE dataset = ? AND sample_id = ? AND latest = TRUE"};
    /* Without a text: it was taken away, as a later version hid its answers. */
    static const struct query this_one = {
        "SELECT version, " SAMPLE_PIECE " FROM samples AS s"
        " WHERE dataset = ? AND sample_id = ? AND version = ?"
        " AND json_length > 0 AND (answers_hidden OR NOT EXISTS (SELECT 1 FROM samples AS l WHERE"
        " l.dataset = s.dataset AND l.sample_id = s.sample_id AND l.latest = TRUE"
        " AND l.answers_hidden))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        version
            ? DB_SELECT(db, &this_one, err, db_text(dataset), db_text(sample_id), db_int(version))
            : DB_SELECT(db, &the_latest, err, db_text(dataset), db_text(sample_id));
    struct sample_piece piece;

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "SAMPLE_NOT_FOUND", "there is no such sample");
    piece = sample_piece_of_row(rows, 1);
    if (sample_inflate(&piece, json, err) < 0)
        return -1;
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

/* The check of the version that the row is. */
#define OF_CHECK(column)                                                                           \
    "(SELECT k." column " FROM sample_checks AS k WHERE k.dataset = samples.dataset AND"           \
    " k.sample_id = samples.sample_id AND k.version = samples.version)"

/* The columns of a summary: a name here, and what is read. */
#define SUMMARY(X)                                                                                 \
    X(SUMMARY_DATASET, "dataset")                                                                  \
    X(SUMMARY_SAMPLE_ID, "sample_id")                                                              \
    X(SUMMARY_LANGUAGE, "language")                                                                \
    X(SUMMARY_VERIFIER, "verifier")                                                                \
    X(SUMMARY_IMAGE, "image")                                                                      \
    X(SUMMARY_VERIFIER_IMAGE, "verifier_image")                                                    \
    X(SUMMARY_REPO_PATH, "repo_path")                                                              \
    X(SUMMARY_VERIFIER_COMMAND, "verifier_command")                                                \
    X(SUMMARY_VERSION, "version")                                                                  \
    X(SUMMARY_LATEST, "latest")                                                                    \
    X(SUMMARY_VERIFY_TIMEOUT, "verify_timeout")                                                    \
    X(SUMMARY_IMPORTED_AT, "imported_at")                                                          \
    X(SUMMARY_HIDE_OUTPUT, "hide_verifier_output")                                                 \
    X(SUMMARY_REFERENCE, "image_reference")                                                        \
    X(SUMMARY_LOG_PARSER, "log_parser")                                                            \
    X(SUMMARY_TRIAL, "trial")                                                                      \
    X(SUMMARY_HIDES_ANSWERS, "answers_hidden")                                                     \
    X(SUMMARY_SETUP_COMMAND, "setup_command")                                                      \
    X(SUMMARY_EXACT_OUTCOMES, "exact_outcomes")                                                    \
    X(SUMMARY_NEEDS, "needs")                                                                      \
    X(SUMMARY_STATE, OF_CHECK("state"))                                                            \
    X(SUMMARY_CHECKED_AT, OF_CHECK("checked_at"))

#define COLUMN_NAME(name, sql) name,
#define COLUMN_SQL(name, sql) sql ", "

/* The columns that a query adds begin at SUMMARY_COUNT. */
enum { SUMMARY(COLUMN_NAME) SUMMARY_COUNT };
#define SELECT_SUMMARY "SELECT " SUMMARY(COLUMN_SQL)

/* The object with its answers, where it is not the one that is shown; and that one. */
#define WHOLE                                                                                      \
    "(SELECT a.json FROM sample_answers AS a WHERE a.row_id = samples.row_id), " SAMPLE_PIECE
#define HELD_OUT                                                                                   \
    "IFNULL((SELECT a.held_out FROM sample_answers AS a WHERE a.row_id = samples.row_id), '[]')"

#define SOLUTION "(SELECT a.solution FROM sample_answers AS a WHERE a.row_id = samples.row_id)"

static struct sample_summary summary_of_row(const struct db_rows *rows)
{
    return (struct sample_summary){
        .dataset = db_row_copy(rows, SUMMARY_DATASET),
        .sample_id = db_row_copy(rows, SUMMARY_SAMPLE_ID),
        .language = db_row_copy(rows, SUMMARY_LANGUAGE),
        .verifier = db_row_copy(rows, SUMMARY_VERIFIER),
        .image = db_row_copy(rows, SUMMARY_IMAGE),
        .verifier_image = db_row_copy(rows, SUMMARY_VERIFIER_IMAGE),
        .repo_path = db_row_copy(rows, SUMMARY_REPO_PATH),
        .verifier_command = db_row_copy(rows, SUMMARY_VERIFIER_COMMAND),
        .version = db_row_int(rows, SUMMARY_VERSION),
        .latest = db_row_int(rows, SUMMARY_LATEST) != 0,
        .verify_timeout = db_row_int(rows, SUMMARY_VERIFY_TIMEOUT),
        .imported_at = db_row_time(rows, SUMMARY_IMPORTED_AT),
        .hide_verifier_output = db_row_int(rows, SUMMARY_HIDE_OUTPUT) != 0,
        .image_reference = db_row_copy(rows, SUMMARY_REFERENCE),
        .log_parser = db_row_copy(rows, SUMMARY_LOG_PARSER),
        .trial = db_row_copy(rows, SUMMARY_TRIAL),
        .hides_answers = db_row_int(rows, SUMMARY_HIDES_ANSWERS) != 0,
        .setup_command = db_row_copy(rows, SUMMARY_SETUP_COMMAND),
        .exact_outcomes = db_row_int(rows, SUMMARY_EXACT_OUTCOMES) != 0,
        .needs = db_row_copy(rows, SUMMARY_NEEDS),
        .state = db_row_copy(rows, SUMMARY_STATE),
        .checked_at = db_row_time(rows, SUMMARY_CHECKED_AT),
    };
}

/* Behind a summary's columns. */
enum { THE_ANSWERS = SUMMARY_COUNT, THE_PIECE, WHOLE_END = THE_PIECE + 3 };

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
    static const struct query queries[WAYS] =
        ALL_WAYS(SELECT_SUMMARY "NULL FROM samples", BEHIND_KEY);
    struct summary_page summaries = {.each = each, .arg = arg};

    return each_sample(db, queries, page, add_summary, &summaries, err);
}

typedef int on_whole(const struct sample_whole *sample, void *arg, struct error *err);

static int export_row(const struct db_rows *rows, on_whole *each, void *arg, struct error *err)
{
    enum { THE_REPORT_PATHS = WHOLE_END, THE_HELD_OUT, THE_RESTORE, THE_SOLUTION };
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    struct sample_whole sample = {.report_paths = db_row_text(rows, THE_REPORT_PATHS),
                                  .held_out = db_row_text(rows, THE_HELD_OUT),
                                  .restore = db_row_text(rows, THE_RESTORE),
                                  .solution = db_row_text(rows, THE_SOLUTION)};
    int status;

    if (sample_whole_of_row(rows, THE_ANSWERS, &json, err) < 0)
        return -1;
    sample.json = json.data;
    sample.json_length = json.length;
    sample.summary = summary_of_row(rows);
    status = each(&sample, arg, err);
    sample_summary_release(&sample.summary);
    return status;
}

int store_sample_export(struct db *db, const char *dataset,
                        int (*each)(const struct sample_whole *sample, void *arg,
                                    struct error *err),
                        void *arg, struct error *err)
{
    static const struct query query = {
        SELECT_SUMMARY WHOLE ", report_paths, " HELD_OUT ", IFNULL(restore_list, '[]')"
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
        for (; db_next(rows); more = true) {
            free(last);
            last = db_row_copy(rows, SUMMARY_SAMPLE_ID);
            if (export_row(rows, each, arg, err) < 0)
                return -1;
        }
    }
    return 0;
}

int store_sample_get(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                     struct sample_summary *ret_summary, struct buf *json, struct error *err)
{
    static const struct query query = {SELECT_SUMMARY WHOLE
                                       " FROM samples WHERE dataset = ? AND sample_id = ?"
                                       " AND IF(? = 0, latest = TRUE, version = ?)"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &query, err, db_text(dataset), db_text(sample_id), db_int(version), db_int(version));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "SAMPLE_NOT_FOUND", "there is no such sample");
    if (sample_whole_of_row(rows, THE_ANSWERS, json, err) < 0)
        return -1;
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

int store_dataset_format(struct db *db, const char *name, char **ret_format, struct error *err)
{
    static const struct query query = {"SELECT format FROM datasets WHERE name = ?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(name));

    if (!rows)
        return -1;
    *ret_format = db_next(rows) ? db_row_copy(rows, 0) : NULL;
    return 0;
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
