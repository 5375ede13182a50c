#include "store/db.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "settings.h"
#include "store/bulk.h"
#include "store/rows.h"

#include "base/banned.h"

#define PARAMETERS_MAX 40
#define LONG_VALUE (64 * 1024) /* bytes; a longer value is sent in pieces of this size */
#define PAUSE_FIRST (CLOCK_SECOND / 10)
#define PAUSE_MOST (2 * CLOCK_SECOND)
#define DEADLOCK_TRIES 5

struct statement {
    const struct query *query;
    MYSQL_STMT *handle;
};

/* What is to be told when the transaction is committed. */
struct note {
    struct note *next;
    db_tell *tell;
    void *note;
};

struct db {
    const struct database_settings *settings;
    enum db_account account;
    const char *user;
    char *password; /* NULL: unix_socket */
    char *actor;    /* "operator:NAME"; NULL: not told */
    MYSQL *mysql;   /* NULL while there is no connection */
    int64_t retry_at;
    int64_t pause;
    unsigned last_code; /* MariaDB's of the last refusal */
    bool in_transaction;
    bool lost;
    struct statement *statements;
    size_t statement_count, statement_capacity;
    struct note *notes; /* of the transaction */
    const struct ledger_watch *watch;
};

static void account_of(const struct database_settings *settings, enum db_account account,
                       const char **ret_user, const char **ret_password_file)
{
    switch (account) {
    case DB_API:
        *ret_user = settings->db_api_user;
        *ret_password_file = settings->db_api_password_file;
        return;
    case DB_REAPER:
        *ret_user = settings->db_reaper_user;
        *ret_password_file = settings->db_reaper_password_file;
        return;
    case DB_ADMIN:
        *ret_user = settings->db_admin_user;
        *ret_password_file = settings->db_admin_password_file;
        return;
    }
}

struct db *db_new(const struct database_settings *settings, enum db_account account,
                  struct error *err)
{
    _cleanup_(buf_release) struct buf password = BUF_INIT;
    const char *user = "", *password_file = "";
    struct db *db;

    account_of(settings, account, &user, &password_file);
    if (password_file[0] && file_read_secret(password_file, &password, err) < 0) {
        error_wrap(err, "password of the MariaDB account %s", user);
        return NULL;
    }
    db = xcalloc(1, sizeof(*db));
    db->settings = settings;
    db->account = account;
    db->user = user;
    if (password_file[0])
        db->password = buf_take(&password);
    return db;
}

/* The transaction has ended. A note is told behind it, when the next one may begin. */
static void end_transaction(struct db *db, bool committed)
{
    struct note *note = db->notes;

    db->in_transaction = false;
    db->notes = NULL;
    while (note) {
        struct note *next = note->next;

        if (committed)
            note->tell(db, note->note);
        free(note->note);
        free(note);
        note = next;
    }
}

static void disconnect(struct db *db)
{
    for (size_t i = 0; i < db->statement_count; i++)
        mysql_stmt_close(db->statements[i].handle);
    db->statement_count = 0;
    end_transaction(db, false);
    if (db->mysql)
        mysql_close(db->mysql);
    db->mysql = NULL;
}

void db_free(struct db *db)
{
    if (!db)
        return;
    disconnect(db);
    free(db->statements);
    free(db->password);
    free(db->actor);
    free(db);
}

void db_set_operator(struct db *db, const char *name)
{
    free(db->actor);
    db->actor = xasprintf("operator:%s", name);
}

void db_thread_begin(void)
{
    mysql_thread_init();
}

void db_thread_end(void)
{
    mysql_thread_end();
}

static void count_error(enum metric_database_kind kind)
{
    METRIC_COUNT(DATABASE_ERRORS, metric_program(), kind);
}

static int unavailable(struct error *err, const char *reason)
{
    count_error(METRIC_DB_UNAVAILABLE);
    return error_set(err, ERROR_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                     "the database cannot be reached: %s", reason);
}

/* Seconds. A worker's client waits; a migration may take hours, and giving up on one does not end
 * it. */
static unsigned io_timeout(const struct db *db)
{
    switch (db->account) {
    case DB_API:
        return (unsigned)db->settings->db_io_timeout;
    case DB_REAPER:
        return 60;
    case DB_ADMIN:
        break;
    }
    return 24 * 3600;
}

static void set_options(const struct db *db, MYSQL *mysql)
{
    /* From 11.6.2 on, MariaDB ends a statement that comes to a row which somebody has changed since
     * the statement began (ER_CHECKREAD), instead of looking at the row anew. Every claim of work
     * meets such rows, and a statement within a transaction cannot be repeated alone; so all
     * versions are told to look anew. */
    static const char session[] = "SET time_zone='+00:00', sql_mode='TRADITIONAL', "
                                  "tx_isolation='READ-COMMITTED'"
                                  "/*M!110602 , innodb_snapshot_isolation=OFF */";
    /* A worker that waits for a row or a table serves nobody: its client is told to come again. */
    static const char short_waits[] = "SET innodb_lock_wait_timeout=2, lock_wait_timeout=2";
    /* For the audit log. */
    static const char api_actor[] = "SET @codeset_actor='api'";
    static const char daemon_actor[] = "SET @codeset_actor='daemon'";
    unsigned connect_timeout = (unsigned)db->settings->db_connect_timeout;
    unsigned timeout = io_timeout(db);

    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MYSQL_INIT_COMMAND, session);
    if (db->account == DB_API) {
        mysql_options(mysql, MYSQL_INIT_COMMAND, short_waits);
        mysql_options(mysql, MYSQL_INIT_COMMAND, api_actor);
    } else if (db->account == DB_REAPER) {
        mysql_options(mysql, MYSQL_INIT_COMMAND, daemon_actor);
    }
}

static MYSQL *connect_now(const struct db *db, struct error *err)
{
    const struct database_settings *settings = db->settings;
    const char *host = settings->db_host[0] ? settings->db_host : NULL;
    MYSQL *mysql = mysql_init(NULL);

    set_options(db, mysql);
    if (!mysql_real_connect(mysql, host, db->user, db->password, NULL, (unsigned)settings->db_port,
                            host ? NULL : settings->db_socket,
                            CLIENT_FOUND_ROWS |
                                (db->account == DB_ADMIN ? CLIENT_MULTI_STATEMENTS : 0))) {
        unavailable(err, mysql_error(mysql));
        mysql_close(mysql);
        return NULL;
    }
    /* The administrator may be about to create the database through this connection. */
    if (mysql_select_db(mysql, settings->db_name) != 0 && db->account != DB_ADMIN) {
        unavailable(err, mysql_error(mysql));
        mysql_close(mysql);
        return NULL;
    }
    return mysql;
}

/* Tells the audit log's triggers who acts, on a new connection. */
static int tell_actor(struct db *db, struct error *err)
{
    static const struct query query = {"SET @codeset_actor=?"};

    if (!db->actor || DB_RUN(db, &query, NULL, err, db_text(db->actor)) == 0)
        return 0;
    disconnect(db);
    return -1;
}

/* A connection, at once or not at all: after each failed attempt the pause before the next doubles.
 */
static int ensure_connected(struct db *db, struct error *err)
{
    int64_t now = clock_monotonic();

    if (db->mysql)
        return 0;
    if (now < db->retry_at)
        return unavailable(err, "the last attempt failed; waiting before the next");
    db->mysql = connect_now(db, err);
    if (db->mysql) {
        db->pause = 0;
        return tell_actor(db, err);
    }
    db->pause = db->pause ? db->pause * 2 : PAUSE_FIRST;
    if (db->pause > PAUSE_MOST)
        db->pause = PAUSE_MOST;
    db->retry_at = now + db->pause;
    return -1;
}

/* Any code of the client library's own: whatever the connection carries now can't be told. */
static bool is_disconnection(unsigned code)
{
    return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) ||
           (code >= CER_MIN_ERROR && code < CER_MIN_ERROR + 1000) || code == ER_SERVER_SHUTDOWN ||
           code == ER_CONNECTION_KILLED;
}

/* Turns MariaDB's error into ours; drops the connection where it broke. text is the caller's. */
static int refused(struct db *db, unsigned code, const char *text, struct error *err)
{
    db->last_code = code;
    if (is_disconnection(code)) {
        unavailable(err, text);
        db->lost = true;
        disconnect(db);
        return -1;
    }
    switch (code) {
    case ER_DUP_ENTRY:
        return error_set(err, ERROR_CONFLICT, NULL, "%s", text);
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_STATEMENT_TIMEOUT:
        return error_set(err, ERROR_UNAVAILABLE, "DATABASE_BUSY", "the database is busy: %s", text);
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_OUT_OF_RESOURCES:
    case ER_CON_COUNT_ERROR:
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_QUERY_INTERRUPTED:
    case ER_ERROR_ON_WRITE:
    case ER_GET_ERRNO:
    case ER_UNKNOWN_STMT_HANDLER:
    case ER_NEED_REPREPARE:
        count_error(METRIC_DB_BUSY);
        return error_set(err, ERROR_UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database reports: %s",
                         text);
    case ER_NO_DB_ERROR:
    case ER_NO_SUCH_TABLE:
    case ER_BAD_FIELD_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
        count_error(METRIC_DB_REFUSED);
        return error_set(err, ERROR_INTERNAL, NULL,
                         "the schema or a right of the account is missing or outdated; run "
                         "'codesetctl migrate' (MariaDB error %u: %s)",
                         code, text);
    default:
        count_error(METRIC_DB_REFUSED);
        return error_set(err, ERROR_INTERNAL, NULL, "MariaDB error %u: %s", code, text);
    }
}

static int statement_refused(struct db *db, MYSQL_STMT *handle, struct error *err)
{
    /* A copy, for refused() may close the statement that owns the text. */
    _cleanup_(free_ptr) char *text = xstrdup(mysql_stmt_error(handle));

    return refused(db, mysql_stmt_errno(handle), text, err);
}

int db_ping(struct db *db, struct error *err)
{
    static const struct query one = {"SELECT 1"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &one, NULL, 0, err);

    return rows ? 0 : -1;
}

#define LOOK_MS 20

int db_await(struct db *db, int64_t ms, struct error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    int64_t deadline = clock_monotonic() + ms * 1000;

    while (db_ping(db, err) < 0) {
        if (clock_monotonic() >= deadline)
            return -1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

struct db_value db_null(void)
{
    return (struct db_value){.type = DB_TYPE_NULL};
}

struct db_value db_int(int64_t number)
{
    return (struct db_value){.type = DB_TYPE_INT, .integer = number};
}

struct db_value db_double(double number)
{
    return (struct db_value){.type = DB_TYPE_DOUBLE, .real = number};
}

struct db_value db_bytes(const void *data, size_t length)
{
    return (struct db_value){.type = DB_TYPE_BYTES, .data = data, .length = length};
}

struct db_value db_text(const char *text)
{
    return text ? db_bytes(text, strlen(text)) : db_null();
}

struct db_value db_time(int64_t when)
{
    return when ? (struct db_value){.type = DB_TYPE_TIME, .integer = when} : db_null();
}

struct db_value db_id(const struct id *id)
{
    return db_text(id->text);
}

static MYSQL_STMT *prepare(struct db *db, const struct query *query, struct error *err)
{
    MYSQL_STMT *handle;

    for (size_t i = 0; i < db->statement_count; i++) {
        if (db->statements[i].query == query)
            return db->statements[i].handle;
    }
    handle = mysql_stmt_init(db->mysql);
    if (mysql_stmt_prepare(handle, query->sql, strlen(query->sql)) != 0) {
        statement_refused(db, handle, err);
        mysql_stmt_close(handle);
        return NULL;
    }
    if (db->statement_count == db->statement_capacity) {
        db->statement_capacity = db->statement_capacity ? 2 * db->statement_capacity : 16;
        db->statements = xrealloc(db->statements, db->statement_capacity * sizeof(*db->statements));
    }
    db->statements[db->statement_count++] = (struct statement){query, handle};
    return handle;
}

static void bind_value(MYSQL_BIND *bind, MYSQL_TIME *time, const struct db_value *value)
{
    switch (value->type) {
    case DB_TYPE_NULL:
        bind->buffer_type = MYSQL_TYPE_NULL;
        return;
    case DB_TYPE_INT:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = (void *)&value->integer;
        return;
    case DB_TYPE_DOUBLE:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = (void *)&value->real;
        return;
    case DB_TYPE_TIME:
        *time = bulk_time(value->integer);
        bind->buffer_type = MYSQL_TYPE_DATETIME;
        bind->buffer = time;
        return;
    case DB_TYPE_BYTES:
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = (void *)value->data;
        bind->buffer_length = value->length;
        return;
    }
}

/* Long values go ahead of the statement, piece by piece: the library's own packet would hold them
 * once more, and its buffer never shrinks. */
static int send_long_values(MYSQL_STMT *handle, const struct db_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i].type != DB_TYPE_BYTES || values[i].length <= LONG_VALUE)
            continue;
        for (size_t at = 0; at < values[i].length; at += LONG_VALUE) {
            size_t rest = values[i].length - at;

            if (mysql_stmt_send_long_data(handle, (unsigned)i, values[i].data + at,
                                          rest < LONG_VALUE ? rest : LONG_VALUE) != 0)
                return -1;
        }
    }
    return 0;
}

static MYSQL_STMT *execute_once(struct db *db, const struct query *query,
                                const struct db_value *values, size_t count, struct error *err)
{
    MYSQL_BIND binds[PARAMETERS_MAX];
    MYSQL_TIME times[PARAMETERS_MAX];
    MYSQL_STMT *handle;

    if (ensure_connected(db, err) < 0)
        return NULL;
    handle = prepare(db, query, err);
    if (!handle)
        return NULL;
    if (mysql_stmt_param_count(handle) != count || count > PARAMETERS_MAX)
        abort(); /* the caller's literal and its values don't match */
    memset(binds, 0, count * sizeof(*binds));
    for (size_t i = 0; i < count; i++)
        bind_value(&binds[i], &times[i], &values[i]);
    if ((count > 0 && mysql_stmt_bind_param(handle, binds) != 0) ||
        send_long_values(handle, values, count) < 0 || mysql_stmt_execute(handle) != 0) {
        statement_refused(db, handle, err);
        return NULL;
    }
    return handle;
}

static bool is_read(const struct query *query)
{
    return strncasecmp(query->sql, "SELECT", 6) == 0;
}

static MYSQL_STMT *execute(struct db *db, const struct query *query, const struct db_value *values,
                           size_t count, struct error *err)
{
    bool in_transaction = db->in_transaction;
    MYSQL_STMT *handle;

    for (int tries = 1;; tries++) {
        int64_t before = clock_monotonic();

        db->lost = false;
        db->last_code = 0;
        handle = execute_once(db, query, values, count, err);
        if (handle || in_transaction || tries >= DEADLOCK_TRIES)
            return handle;
        if (!db->lost && db->last_code != ER_LOCK_DEADLOCK)
            return NULL;
        /* A server that hung until the time ran out would do so again. */
        if (db->lost && (!is_read(query) || tries > 1 ||
                         clock_monotonic() - before >= (int64_t)io_timeout(db) * CLOCK_SECOND))
            return NULL;
    }
}

int db_run(struct db *db, const struct query *query, const struct db_value *values, size_t count,
           int64_t *ret_changed, struct error *err)
{
    MYSQL_STMT *handle = execute(db, query, values, count, err);

    if (!handle)
        return -1;
    if (ret_changed)
        *ret_changed = (int64_t)mysql_stmt_affected_rows(handle);
    return 0;
}

int db_run_rows(struct db *db, const struct query *query, const struct db_value *values,
                size_t columns, size_t rows, struct error *err)
{
    MYSQL_STMT *handle;

    if (rows == 0)
        return 0;
    if (!db->in_transaction)
        return unavailable(err, "the connection was lost during a transaction");
    if (rows == 1)
        return db_run(db, query, values, columns, NULL, err);
    db->lost = false;
    db->last_code = 0;
    handle = prepare(db, query, err);
    if (!handle)
        return -1;
    if (mysql_stmt_param_count(handle) != columns)
        abort(); /* the caller's literal and its values don't match */
    return bulk_execute(handle, values, columns, rows) < 0 ? statement_refused(db, handle, err) : 0;
}

struct db_rows *db_select(struct db *db, const struct query *query, const struct db_value *values,
                          size_t count, struct error *err)
{
    MYSQL_STMT *handle = execute(db, query, values, count, err);
    struct db_rows *rows = handle ? rows_take(handle) : NULL;

    if (handle && !rows)
        statement_refused(db, handle, err);
    return rows;
}

static int plain(struct db *db, const char *sql, struct error *err)
{
    db->lost = false;
    if (ensure_connected(db, err) < 0)
        return -1;
    if (mysql_real_query(db->mysql, sql, strlen(sql)) != 0) {
        _cleanup_(free_ptr) char *text = xstrdup(mysql_error(db->mysql));

        return refused(db, mysql_errno(db->mysql), text, err);
    }
    return 0;
}

/* level: NULL, or a statement before. Nothing has been done yet, so a broken connection is
 * replaced, once. */
static int begin(struct db *db, const char *level, const char *start, struct error *err)
{
    for (bool again = false;; again = true) {
        if ((!level || plain(db, level, err) == 0) && plain(db, start, err) == 0)
            break;
        if (again || !db->lost)
            return -1;
    }
    db->in_transaction = true;
    return 0;
}

int db_begin(struct db *db, struct error *err)
{
    return begin(db, NULL, "START TRANSACTION", err);
}

struct db *db_snapshot(struct db *db, struct error *err)
{
    if (begin(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
              "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err) < 0)
        return NULL;
    return db;
}

void db_end_snapshot(struct db **snapshot)
{
    if (*snapshot)
        db_rollback(*snapshot);
}

int db_commit(struct db *db, struct error *err)
{
    if (!db->in_transaction)
        return unavailable(err, "the connection was lost during a transaction");
    if (plain(db, "COMMIT", err) < 0)
        return -1; /* refused: still to be rolled back; lost: there is nothing to roll back */
    end_transaction(db, true);
    return 0;
}

void db_rollback(struct db *db)
{
    struct error ignored;

    if (db->in_transaction)
        plain(db, "ROLLBACK", &ignored);
    end_transaction(db, false);
}

void db_after_commit(struct db *db, db_tell *tell, void *note)
{
    struct note *head = xcalloc(1, sizeof(*head));

    *head = (struct note){db->notes, tell, note};
    db->notes = head;
}

void *db_noted(const struct db *db, db_tell *tell)
{
    for (struct note *note = db->notes; note; note = note->next) {
        if (note->tell == tell)
            return note->note;
    }
    return NULL;
}

void db_set_watch(struct db *db, const struct ledger_watch *watch)
{
    db->watch = watch;
}

const struct ledger_watch *db_watch(const struct db *db)
{
    return db->watch;
}

bool db_lost(const struct db *db)
{
    return db->lost;
}

int db_run_script(struct db *db, const char *script, size_t length, struct error *err)
{
    int more = -1;

    if (ensure_connected(db, err) < 0)
        return -1;
    if (mysql_real_query(db->mysql, script, length) == 0) {
        do {
            MYSQL_RES *result = mysql_store_result(db->mysql);

            if (result)
                mysql_free_result(result);
            more = mysql_next_result(db->mysql);
        } while (more == 0);
    }
    if (mysql_errno(db->mysql) != 0) {
        _cleanup_(free_ptr) char *text = xstrdup(mysql_error(db->mysql));

        return refused(db, mysql_errno(db->mysql), text, err);
    }
    return 0;
}

int db_run_statement(struct db *db, const char *text, size_t length, struct error *err)
{
    int status;

    if (ensure_connected(db, err) < 0)
        return -1;
    if (mysql_set_server_option(db->mysql, MYSQL_OPTION_MULTI_STATEMENTS_OFF) != 0) {
        _cleanup_(free_ptr) char *said = xstrdup(mysql_error(db->mysql));

        return refused(db, mysql_errno(db->mysql), said, err);
    }
    status = db_run_script(db, text, length, err);
    if (db->mysql)
        mysql_set_server_option(db->mysql, MYSQL_OPTION_MULTI_STATEMENTS_ON);
    return status;
}
