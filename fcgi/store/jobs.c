#include "store/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/admission.h"
#include "store/job_rows.h"
#include "store/ledger.h"
#include "store/once.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [AGENT_JOB_PENDING] = "pending", [AGENT_JOB_STARTING] = "starting",
    [AGENT_JOB_RUNNING] = "running", [AGENT_JOB_COMPLETED] = "completed",
    [AGENT_JOB_ERROR] = "error",
};

const char *agent_job_status_name(enum agent_job_status status)
{
    return status_names[status];
}

static enum agent_job_status status_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0)
            return (enum agent_job_status)i;
    }
    abort(); /* the schema knows a status that this program does not */
}

void agent_job_release(struct agent_job *job)
{
    free(job->agent_id);
    free(job->repo);
    free(job->ref);
    free(job->progress_stage);
    free(job->error_code);
    free(job->error_message);
    free(job->result_parts);
    memset(job, 0, sizeof(*job));
}

struct job_secret job_secret_new(void)
{
    struct job_secret secret = {"cjs_"};

    random_base62(secret.text + 4, JOB_SECRET_LENGTH - 4);
    return secret;
}

int job_not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "AGENT_JOB_NOT_FOUND",
                     "there is no such agent job; GET /agent-jobs lists yours");
}

void job_read(const struct db_rows *rows, struct agent_job *job)
{
    *job = (struct agent_job){
        .job_id = db_row_id(rows, 0),
        .user_id = db_row_id(rows, 1),
        .agent_id = db_row_copy(rows, 2),
        .repo = db_row_copy(rows, 3),
        .ref = db_row_copy(rows, 4),
        .status = status_of(db_row_text(rows, 5)),
        .created_at = db_row_time(rows, 6),
        .started_at = db_row_time(rows, 7),
        .completed_at = db_row_time(rows, 8),
        .now = db_row_time(rows, 9),
        .progress_pct = db_row_int(rows, 10),
        .progress_stage = db_row_copy(rows, 11),
        .error_code = db_row_copy(rows, 12),
        .error_message = db_row_copy(rows, 13),
        .result_available = db_row_int(rows, 14) != 0,
        .result_bytes = db_row_int(rows, 15),
        .price_cents = db_row_int(rows, 16),
    };
}

/* --- create ---------------------------------------------------------------------------------- */

/* The agent as it is now, held until the transaction ends: it does not move elsewhere meanwhile. */
struct offer {
    bool elsewhere;
    int64_t price_cents;
};

static int read_offer(struct db *db, const struct new_agent_job *wanted, struct offer *ret_offer,
                      struct error *err)
{
    static const struct query query = {"SELECT image IS NULL, price_cents FROM agents WHERE "
                                       "agent_id=? AND removed_at IS NULL LOCK IN SHARE MODE"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_text(wanted->agent_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "AGENT_NOT_FOUND",
                         "this server has no agent of that name; ask the operator which there are");
    *ret_offer =
        (struct offer){.elsewhere = db_row_int(rows, 0) != 0, .price_cents = wanted->price_cents};
    if (wanted->price_cents > 0 && !db_is_null(rows, 1))
        ret_offer->price_cents = db_row_int(rows, 1);
    return 0;
}

static int insert_job(struct db *db, const struct new_agent_job *wanted, const struct offer *offer,
                      int64_t *ret_inserted, struct error *err)
{
    static const struct query query = {
        "INSERT INTO agent_jobs (job_id, user_id, key_id, agent_id, elsewhere, repo, ref, "
        "installation_id, price_cents) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? FROM DUAL WHERE "
        "(SELECT COUNT(*) FROM agent_jobs o WHERE o.user_id=? AND o." JOB_UNFINISHED ") < ?"};

    return DB_RUN(db, &query, ret_inserted, err, db_id(&wanted->job_id), db_id(&wanted->user_id),
                  db_text(wanted->key_id ? wanted->key_id->text : NULL), db_text(wanted->agent_id),
                  db_int(offer->elsewhere), db_text(wanted->repo), db_text(wanted->ref),
                  wanted->installation_id ? db_int(wanted->installation_id) : db_null(),
                  db_int(offer->price_cents), db_id(&wanted->user_id), db_int(wanted->open_max));
}

static int charge(struct db *db, const struct new_agent_job *wanted, int64_t cents,
                  struct error *err)
{
    _cleanup_(free_ptr) char *event = xasprintf("job:%s", wanted->job_id.text);
    _cleanup_(free_ptr) char *description = xasprintf("%s on %s", wanted->agent_id, wanted->repo);
    const struct ledger_movement movement = {
        .event_key = event,
        .kind = LEDGER_AGENT_JOB_USAGE,
        .user_id = wanted->user_id,
        .amount_cents = -cents,
        .description = description,
        .job_id = &wanted->job_id,
        .key_id = wanted->key_id,
    };

    return store_ledger_move(db, &movement, NULL, err);
}

static int create_locked(struct db *db, const struct new_agent_job *wanted, struct error *err)
{
    struct admission admission = {
        .kind = ADMIT_JOB,
        .user_id = wanted->user_id,
        .key_id = wanted->key_id,
        .creates_per_minute = wanted->creates_per_minute,
        .cents_per_day = wanted->cents_per_day,
        .key_cents_per_day = wanted->key_cents_per_day,
    };
    struct offer offer = {.price_cents = 0};
    int64_t inserted;

    if (read_offer(db, wanted, &offer, err) < 0)
        return -1;
    admission.price_cents = offer.price_cents;
    if (admit(db, &admission, err) < 0 || insert_job(db, wanted, &offer, &inserted, err) < 0)
        return -1;
    if (inserted == 0)
        return error_set(err, ERROR_LIMIT, "JOB_LIMIT",
                         "the limit of unfinished agent jobs per user is %lld, and you have that "
                         "many; wait until one has ended",
                         (long long)wanted->open_max);
    return offer.price_cents > 0 ? charge(db, wanted, offer.price_cents, err) : 0;
}

/* Whatever speaks against it now: an earlier attempt may have made it, and answered, or died. */
static bool is_made(struct db *db, const struct new_agent_job *wanted, const struct error *refusal)
{
    static const struct query query = {"SELECT 1 FROM agent_jobs WHERE job_id=? AND user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    struct error ignored;

    if (refusal->kind == ERROR_UNAVAILABLE)
        return false;
    rows = DB_SELECT(db, &query, &ignored, db_id(&wanted->job_id), db_id(&wanted->user_id));
    return rows && db_next(rows);
}

static int attempt(struct db *db, void *arg, bool *maybe, struct error *err)
{
    const struct new_agent_job *wanted = arg;
    int outcome = -1;

    if (db_begin(db, err) < 0)
        return -1;
    if (create_locked(db, wanted, err) == 0) {
        *maybe = true;
        outcome = db_commit(db, err);
    } else if (is_made(db, wanted, err)) {
        outcome = 0;
    }
    db_rollback(db);
    return outcome;
}

int store_job_create(struct db *db, const struct new_agent_job *job, struct error *err)
{
    struct new_agent_job wanted = *job;

    return store_once(db, attempt, &wanted, err);
}

/* --- read ------------------------------------------------------------------------------------ */

int store_job_get(struct db *db, const struct id *user_id, const char *job_id,
                  struct agent_job *ret_job, struct error *err)
{
    static const struct query query = {"SELECT " JOB_COLUMNS ", IF(" JOB_HAS_RESULT
                                       ", j.result_parts, NULL) FROM agent_jobs j "
                                       "WHERE j.job_id=? AND (? IS NULL OR j.user_id=?)"};
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (!id_valid(job_id))
        return job_not_found(err);
    rows = DB_SELECT(db, &query, err, db_text(job_id), user, user);
    if (!rows)
        return -1;
    if (!db_next(rows))
        return job_not_found(err);
    job_read(rows, ret_job);
    ret_job->result_parts = db_row_copy(rows, JOB_COLUMN_COUNT);
    return 0;
}

/* A cursor is the last shown job's place: its time in microseconds, and its id, which tells apart
 * those of one microsecond. */
#define CURSOR_DIGITS 16

static char *cursor_of(const struct agent_job *job)
{
    return xasprintf("%0*" PRIx64 "-%s", CURSOR_DIGITS, (uint64_t)job->created_at,
                     job->job_id.text);
}

static int parse_cursor(const char *cursor, int64_t *ret_created_at, struct id *ret_job_id,
                        struct error *err)
{
    static const char digits[] = "0123456789abcdef";

    if (strspn(cursor, digits) == CURSOR_DIGITS && cursor[0] < '8' &&
        cursor[CURSOR_DIGITS] == '-' &&
        id_parse(cursor + CURSOR_DIGITS + 1, strlen(cursor + CURSOR_DIGITS + 1), ret_job_id) == 0) {
        *ret_created_at = (int64_t)strtoull(cursor, NULL, 16);
        if (*ret_created_at > 0 && *ret_created_at < INT64_C(253402300800000000)) /* year 9999 */
            return 0;
    }
    return error_set(err, ERROR_INVALID, "INVALID_CURSOR",
                     "the cursor is none that this server gave; begin again without one");
}

/* One more than is asked for tells whether there are more. */
static struct db_rows *select_page(struct db *db, const struct id *user_id, const char *cursor,
                                   int64_t limit, struct error *err)
{
#define OF_USER "SELECT " JOB_COLUMNS "FROM agent_jobs j WHERE j.user_id=? "
#define OF_ALL "SELECT " JOB_COLUMNS "FROM agent_jobs j WHERE ? IS NULL "
#define BEHIND "AND (j.created_at < ? OR (j.created_at = ? AND j.job_id < ?)) "
#define IN_ORDER "ORDER BY j.created_at DESC, j.job_id DESC LIMIT ?"
    static const struct query first[2] = {{OF_ALL IN_ORDER}, {OF_USER IN_ORDER}};
    static const struct query next[2] = {{OF_ALL BEHIND IN_ORDER}, {OF_USER BEHIND IN_ORDER}};
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    struct id job_id;
    int64_t created_at = 0;

    if (!cursor)
        return DB_SELECT(db, &first[user_id != NULL], err, user, db_int(limit + 1));
    if (parse_cursor(cursor, &created_at, &job_id, err) < 0)
        return NULL;
    return DB_SELECT(db, &next[user_id != NULL], err, user, db_time(created_at),
                     db_time(created_at), db_id(&job_id), db_int(limit + 1));
}

int store_job_list(struct db *db, const struct id *user_id, const char *cursor, int64_t limit,
                   void (*each)(const struct agent_job *job, void *arg), void *arg, char **ret_next,
                   struct error *err)
{
    _cleanup_(db_rows_release) struct db_rows *rows = select_page(db, user_id, cursor, limit, err);
    char *next = NULL;

    if (!rows)
        return -1;
    for (int64_t i = 0; i < limit && db_next(rows); i++) {
        _cleanup_(agent_job_release) struct agent_job job = {0};

        job_read(rows, &job);
        each(&job, arg);
        if (i == limit - 1 && db_rows_count(rows) > limit)
            next = cursor_of(&job);
    }
    *ret_next = next;
    return 0;
}

int store_job_log(struct db *db, const struct id *user_id, const char *job_id, char **ret_log,
                  size_t *ret_length, int64_t *ret_total, struct error *err)
{
    static const struct query query = {
        "SELECT l.log, l.total_bytes FROM agent_jobs j LEFT JOIN agent_job_logs l "
        "ON l.job_id=j.job_id WHERE j.job_id=? AND (? IS NULL OR j.user_id=?)"};
    struct db_value user = db_text(user_id ? user_id->text : NULL);
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (!id_valid(job_id))
        return job_not_found(err);
    rows = DB_SELECT(db, &query, err, db_text(job_id), user, user);
    if (!rows)
        return -1;
    if (!db_next(rows))
        return job_not_found(err);
    *ret_log = db_row_copy(rows, 0);
    *ret_length = *ret_log ? db_row_length(rows, 0) : 0;
    *ret_total = db_row_int(rows, 1);
    return 0;
}
