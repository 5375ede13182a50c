#include "store/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "settings.h"
#include "store/db.h"

#include "base/banned.h"

#define ACCOUNT_NAME_MOST 80
#define RIGHTS_MOST 512 /* MariaDB knows some 35 privileges on each of four levels */

struct right {
    const char *privilege;
    const char *table;
    const char *column; /* "": the whole table */
};

static const struct right api_rights[] = {
    {"SELECT", "users", ""},
    {"INSERT", "users", ""}, /* sign-up */
    {"UPDATE", "users", "name"},
    {"UPDATE", "users", "github_login"},
    {"UPDATE", "users", "last_login_at"},
    {"UPDATE", "users", "terms_accepted_at"},
    {"UPDATE", "users", "terms_version"},
    {"SELECT", "api_keys", ""},
    {"INSERT", "api_keys", ""},
    {"UPDATE", "api_keys", "is_active"}, /* revoke */
    {"UPDATE", "api_keys", "last_used_at"},
    {"UPDATE", "api_keys", "key_hash"}, /* of one whose text died with a worker */
    {"UPDATE", "api_keys", "masked"},
    {"SELECT", "idempotency_keys", ""},
    {"INSERT", "idempotency_keys", ""},
    {"UPDATE", "idempotency_keys", ""},
    {"SELECT", "refresh_tokens", ""},
    {"INSERT", "refresh_tokens", ""},
    {"UPDATE", "refresh_tokens", "revoked_at"},
    {"DELETE", "refresh_tokens", ""},      /* expired ones */
    {"SELECT", "ledger_transactions", ""}, /* the ledger is append-only: nobody may */
    {"INSERT", "ledger_transactions", ""}, /* change or delete */
    {"SELECT", "ledger_entries", ""},
    {"INSERT", "ledger_entries", ""},
    {"SELECT", "grant_moves", ""},
    {"INSERT", "grant_moves", ""},
    {"SELECT", "balances", ""},
    {"INSERT", "balances", ""},
    {"UPDATE", "balances", ""},
    {"SELECT", "credit_grants", ""},
    {"INSERT", "credit_grants", ""},
    {"UPDATE", "credit_grants", "remaining_cents"},
    {"SELECT", "ledger_counts", ""}, /* written by a trigger alone */
    {"SELECT", "spending", ""},
    {"INSERT", "spending", ""},
    {"UPDATE", "spending", ""},
    {"SELECT", "user_limits", ""},
    {"SELECT", "stripe_customers", ""},
    {"INSERT", "stripe_customers", ""},
    {"UPDATE", "stripe_customers", "customer_id"},
    {"SELECT", "stripe_checkouts", ""},
    {"INSERT", "stripe_checkouts", ""},
    {"UPDATE", "stripe_checkouts", "state"},
    {"UPDATE", "stripe_checkouts", "reusable"},
    {"UPDATE", "stripe_checkouts", "stripe_session"},
    {"UPDATE", "stripe_checkouts", "url"},
    {"UPDATE", "stripe_checkouts", "ask_at"},
    {"INSERT", "stripe_events", ""}, /* what they say is the daemon's to read */
    {"SELECT", "datasets", ""},
    {"SELECT", "samples", "row_id"}, /* what is listed; not how a sample is verified */
    {"SELECT", "samples", "dataset"},
    {"SELECT", "samples", "sample_id"},
    {"SELECT", "samples", "version"},
    {"SELECT", "samples", "latest"},
    {"SELECT", "samples", "instance_id"},
    {"SELECT", "samples", "image"},
    {"SELECT", "samples", "answers_hidden"},
    {"SELECT", "samples", "imported_at"},
    {"SELECT", "samples", "json"}, /* workers of the release before; goes with the next release */
    {"SELECT", "samples", "deflated"},
    {"SELECT", "samples", "json_length"},
    {"SELECT", "samples", "json_crc32"},
    {"SELECT", "sample_checks", "dataset"}, /* not what a check tells of the tests */
    {"SELECT", "sample_checks", "sample_id"},
    {"SELECT", "sample_checks", "version"},
    {"SELECT", "sample_checks", "state"},
    {"SELECT", "sample_checks", "checked_at"},
    {"SELECT", "sessions", ""},
    {"INSERT", "sessions", ""},
    {"UPDATE", "sessions", "status"}, /* DELETE /sessions/{id} */
    {"UPDATE", "sessions", "ended_at"},
    {"SELECT", "session_counts", ""},
    {"SELECT", "session_usage", ""},
    {"SELECT", "interactions", ""},
    {"INSERT", "interactions", ""},
    {"INSERT", "interaction_contents", ""},
    {"SELECT", "interaction_outputs", ""},
    {"SELECT", "verifications", ""},
    {"INSERT", "verifications", ""},
    {"SELECT", "agents", ""},
    {"SELECT", "agent_jobs", ""},
    {"INSERT", "agent_jobs", ""},
    {"UPDATE", "agent_jobs", "status"}, /* what a runner says by the job's secret */
    {"UPDATE", "agent_jobs", "completed_at"},
    {"UPDATE", "agent_jobs", "progress_pct"},
    {"UPDATE", "agent_jobs", "progress_stage"},
    {"UPDATE", "agent_jobs", "error_code"},
    {"UPDATE", "agent_jobs", "error_message"},
    {"UPDATE", "agent_jobs", "asked_to_end"},
    {"UPDATE", "agent_jobs", "result_bytes"},
    {"UPDATE", "agent_jobs", "result_parts"},
    {"SELECT", "agent_job_logs", ""},
    {"SELECT", "agent_job_uploads", ""},
    {"INSERT", "agent_job_uploads", ""},
    {"SELECT", "nodes", ""}, /* workers of the release before, until they are restarted */
    {"SELECT", "runs", ""},
};

/* It deletes what retention says (retention.c), and nothing of users and money but the sums of
 * old days. */
static const struct right reaper_rights[] = {
    {"SELECT", "datasets", ""},
    {"SELECT", "samples", ""},
    {"SELECT", "sample_answers", ""},
    {"SELECT", "sessions", ""},
    {"UPDATE", "sessions", ""},
    {"DELETE", "sessions", ""},
    {"SELECT", "session_declines", ""},
    {"INSERT", "session_declines", ""},
    {"INSERT", "session_usage", ""},
    {"SELECT", "interactions", ""},
    {"UPDATE", "interactions", ""},
    {"DELETE", "interactions", ""},
    {"SELECT", "interaction_contents", ""},
    {"DELETE", "interaction_contents", ""},
    {"SELECT", "interaction_outputs", ""},
    {"INSERT", "interaction_outputs", ""},
    {"DELETE", "interaction_outputs", ""},
    {"SELECT", "verifications", ""},
    {"UPDATE", "verifications", ""},
    {"DELETE", "verifications", ""},
    {"SELECT", "agents", ""},
    {"SELECT", "agent_jobs", ""},
    {"UPDATE", "agent_jobs", ""},
    {"SELECT", "agent_job_logs", ""},
    {"INSERT", "agent_job_logs", ""},
    {"UPDATE", "agent_job_logs", ""},
    {"DELETE", "agent_job_logs", ""},
    {"SELECT", "agent_job_uploads", ""},
    {"UPDATE", "agent_job_uploads", ""},
    {"DELETE", "agent_job_uploads", ""},
    {"SELECT", "idempotency_keys", "created_at"},
    {"DELETE", "idempotency_keys", ""},
    {"SELECT", "verification_changes", ""},
    {"INSERT", "verification_changes", ""},
    {"UPDATE", "verification_changes", ""},
    {"DELETE", "verification_changes", ""},
    {"SELECT", "verifier_runs", ""},
    {"INSERT", "verifier_runs", ""},
    {"UPDATE", "verifier_runs", ""},
    {"SELECT", "refresh_tokens", "expires_at"},
    {"DELETE", "refresh_tokens", ""},
    {"SELECT", "nodes", ""},
    {"INSERT", "nodes", ""},
    {"UPDATE", "nodes", ""},
    {"SELECT", "runs", ""},
    {"INSERT", "runs", ""},
    {"UPDATE", "runs", ""},
    {"DELETE", "runs", ""},
    {"SELECT", "containers", ""},
    {"INSERT", "containers", ""},
    {"UPDATE", "containers", ""},
    {"DELETE", "containers", ""},
    {"SELECT", "ledger_transactions", ""}, /* append-only, as above */
    {"INSERT", "ledger_transactions", ""},
    {"SELECT", "ledger_entries", ""},
    {"INSERT", "ledger_entries", ""},
    {"SELECT", "grant_moves", ""},
    {"INSERT", "grant_moves", ""},
    {"SELECT", "balances", ""},
    {"INSERT", "balances", ""},
    {"UPDATE", "balances", ""},
    {"SELECT", "credit_grants", ""},
    {"INSERT", "credit_grants", ""},
    {"UPDATE", "credit_grants", "remaining_cents"},
    {"SELECT", "spending", ""},
    {"INSERT", "spending", ""},
    {"UPDATE", "spending", ""},
    {"DELETE", "spending", ""},
    {"SELECT", "user_limits", ""},
    {"SELECT", "stripe_checkouts", ""},
    {"UPDATE", "stripe_checkouts", ""},
    {"SELECT", "stripe_events", ""},
    {"INSERT", "stripe_events", ""},
    {"UPDATE", "stripe_events", ""},
    {"DELETE", "stripe_events", ""}, /* settled ones; a trigger keeps the others */
    {"SELECT", "stripe_cursor", ""},
    {"UPDATE", "stripe_cursor", ""},
    {"SELECT", "ledger_audits", ""},
};

struct account {
    const char *user;
    const char *password_file; /* "": unix_socket */
    const char *schema;
    const struct right *rights;
    size_t rights_count;
};

/* What an account has, as MariaDB tells it. */
struct held {
    char *privilege;
    char *schema; /* "": all */
    char *table;  /* "": the whole schema */
    char *column;
    bool wanted;
};

struct holding {
    struct held list[RIGHTS_MOST];
    size_t count;
};

static void holding_release(struct holding **pointer)
{
    struct holding *holding = *pointer;

    for (size_t i = 0; i < holding->count; i++) {
        free(holding->list[i].privilege);
        free(holding->list[i].schema);
        free(holding->list[i].table);
        free(holding->list[i].column);
    }
    free(holding);
}

static void accounts_of(const struct database_settings *settings, struct account accounts[2])
{
    accounts[0] = (struct account){settings->db_api_user, settings->db_api_password_file,
                                   settings->db_name, api_rights, ARRAY_SIZE(api_rights)};
    accounts[1] = (struct account){settings->db_reaper_user, settings->db_reaper_password_file,
                                   settings->db_name, reaper_rights, ARRAY_SIZE(reaper_rights)};
}

/* information_schema shows account names unquoted, so that only plain ones can be told apart. */
static int check_name(const char *setting, const char *name, struct error *err)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t length = strlen(name);

    if (length == 0 || length > ACCOUNT_NAME_MOST || strspn(name, plain) != length)
        return error_set(err, ERROR_INVALID, NULL,
                         "%s may only contain letters, digits, '_', '.' and '-', at most %d",
                         setting, ACCOUNT_NAME_MOST);
    return 0;
}

static int check_names(const struct database_settings *settings, struct error *err)
{
    if (check_name("database.db_api_user", settings->db_api_user, err) < 0 ||
        check_name("database.db_reaper_user", settings->db_reaper_user, err) < 0)
        return -1;
    if (strcmp(settings->db_api_user, settings->db_reaper_user) == 0 ||
        strcmp(settings->db_api_user, settings->db_admin_user) == 0 ||
        strcmp(settings->db_reaper_user, settings->db_admin_user) == 0)
        return error_set(
            err, ERROR_INVALID, NULL,
            "db_api_user, db_reaper_user and db_admin_user must be three different accounts, as "
            "each gets its own rights");
    return 0;
}

/* An account belongs to a place: by the socket to localhost, by TCP to anywhere. */
static const char *host_of(const struct database_settings *settings)
{
    return settings->db_host[0] ? "%" : "localhost";
}

static int name_account(struct db *db, const struct database_settings *settings,
                        const struct account *account, struct error *err)
{
    static const struct query query = {"SET @codeset_user = ?, @codeset_host = ?"};

    return DB_RUN(db, &query, NULL, err, db_text(account->user), db_text(host_of(settings)));
}

static int account_exists(struct db *db, bool *ret_exists, struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*) FROM mysql.user WHERE user = @codeset_user AND host = @codeset_host"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    *ret_exists = db_next(rows) && db_row_int(rows, 0) > 0;
    return 0;
}

/* Account management takes no binds: MariaDB puts it together from bound variables. */
#define ACCOUNT "QUOTE(@codeset_user), '@', QUOTE(@codeset_host)"

static int set_sign_in(struct db *db, const struct account *account, struct error *err)
{
    static const struct query set = {"SET @codeset_password = ?"};
    static const struct query forget = {"SET @codeset_password = NULL"};
    static const char by_socket[] =
        "EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ', " ACCOUNT
        ", ' IDENTIFIED VIA unix_socket');"
        "EXECUTE IMMEDIATE CONCAT('ALTER USER ', " ACCOUNT ", ' IDENTIFIED VIA unix_socket')";
    static const char by_password[] =
        "EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ', " ACCOUNT
        ", ' IDENTIFIED BY ', QUOTE(@codeset_password));"
        "EXECUTE IMMEDIATE CONCAT('ALTER USER ', " ACCOUNT
        ", ' IDENTIFIED BY ', QUOTE(@codeset_password))";
    _cleanup_(buf_release) struct buf password = BUF_INIT;
    int status;

    if (!account->password_file[0])
        return db_run_script(db, by_socket, sizeof(by_socket) - 1, err);
    if (file_read_secret(account->password_file, &password, err) < 0)
        return -1;
    if (DB_RUN(db, &set, NULL, err, db_bytes(password.data, password.length)) < 0)
        return -1;
    status = db_run_script(db, by_password, sizeof(by_password) - 1, err);
    if (status == 0)
        status = db_run(db, &forget, NULL, 0, NULL, err);
    explicit_bzero(password.data, password.length);
    return status;
}

static int read_holding(struct db *db, struct holding *holding, struct error *err)
{
#define GRANTEE " WHERE grantee = CONCAT('''', @codeset_user, '''@''', @codeset_host, '''')"
#define GRANTABLE GRANTEE " AND is_grantable = 'YES'"
    /* The right to hand rights on comes first: it is gone with the last right of its level. */
    static const struct query query = {
        "SELECT 'GRANT OPTION' AS p, '' AS s, '' AS t, '' AS c, 0 AS place"
        " FROM information_schema.user_privileges" GRANTABLE
        " UNION SELECT 'GRANT OPTION', table_schema, '', '', 0"
        " FROM information_schema.schema_privileges" GRANTABLE
        " UNION SELECT 'GRANT OPTION', table_schema, table_name, '', 0"
        " FROM information_schema.table_privileges" GRANTABLE
        " UNION SELECT privilege_type, '', '', '', 1"
        " FROM information_schema.user_privileges" GRANTEE " AND privilege_type <> 'USAGE'"
        " UNION SELECT privilege_type, table_schema, '', '', 1"
        " FROM information_schema.schema_privileges" GRANTEE
        " UNION SELECT privilege_type, table_schema, table_name, '', 1"
        " FROM information_schema.table_privileges" GRANTEE
        " UNION SELECT privilege_type, table_schema, table_name, column_name, 1"
        " FROM information_schema.column_privileges" GRANTEE " ORDER BY place, s, t, c, p"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        if (holding->count == RIGHTS_MOST)
            return error_set(err, ERROR_LIMIT, NULL, "the account has too many rights to count");
        holding->list[holding->count++] = (struct held){
            .privilege = db_row_copy(rows, 0),
            .schema = db_row_copy(rows, 1),
            .table = db_row_copy(rows, 2),
            .column = db_row_copy(rows, 3),
        };
    }
    return 0;
}

static bool holds(struct holding *holding, const char *schema, const struct right *right)
{
    bool found = false;

    for (size_t i = 0; i < holding->count; i++) {
        struct held *held = &holding->list[i];

        if (strcmp(held->privilege, right->privilege) == 0 && strcmp(held->schema, schema) == 0 &&
            strcmp(held->table, right->table) == 0 && strcmp(held->column, right->column) == 0)
            found = held->wanted = true;
    }
    return found;
}

static void tell(const struct account *account, const char *verb, const char *privilege,
                 const char *schema, const char *table, const char *column, account_change *change,
                 void *arg)
{
    _cleanup_(free_ptr) char *right =
        xasprintf("%s%s%s%s on %s.%s", privilege, column[0] ? " (" : "", column,
                  column[0] ? ")" : "", schema[0] ? schema : "*", table[0] ? table : "*");

    change(account->user, verb, right, arg);
}

static int set_right(struct db *db, const char *privilege, const char *schema, const char *table,
                     const char *column, struct error *err)
{
    static const struct query query = {"SET @codeset_privilege = ?, @codeset_schema = ?,"
                                       " @codeset_table = ?, @codeset_column = ?"};

    return DB_RUN(db, &query, NULL, err, db_text(privilege), db_text(schema), db_text(table),
                  db_text(column));
}

#define RIGHT                                                                                      \
    "@codeset_privilege, IF(@codeset_column = '', '', CONCAT(' (`', @codeset_column, '`)')),"      \
    " ' ON ', IF(@codeset_schema = '', '*', CONCAT('`', @codeset_schema, '`')), '.',"              \
    " IF(@codeset_table = '', '*', CONCAT('`', @codeset_table, '`'))"

static int grant_right(struct db *db, const struct account *account, const struct right *right,
                       struct error *err)
{
    static const char sql[] = "EXECUTE IMMEDIATE CONCAT('GRANT ', " RIGHT ", ' TO ', " ACCOUNT ")";

    if (set_right(db, right->privilege, account->schema, right->table, right->column, err) < 0 ||
        db_run_script(db, sql, sizeof(sql) - 1, err) < 0)
        return error_wrap(err, "cannot grant %s on %s to %s", right->privilege, right->table,
                          account->user);
    return 0;
}

static int revoke_right(struct db *db, const struct account *account, const struct held *held,
                        struct error *err)
{
    static const char sql[] =
        "EXECUTE IMMEDIATE CONCAT('REVOKE ', " RIGHT ", ' FROM ', " ACCOUNT ")";

    if (set_right(db, held->privilege, held->schema, held->table, held->column, err) < 0 ||
        db_run_script(db, sql, sizeof(sql) - 1, err) < 0)
        return error_wrap(err, "cannot revoke %s on %s from %s", held->privilege, held->table,
                          account->user);
    return 0;
}

/* Does it keep this right on columns of the table, of which it is to lose it on the whole? */
static bool keeps_columns(const struct account *account, const struct held *held)
{
    for (size_t i = 0; i < account->rights_count; i++) {
        const struct right *right = &account->rights[i];

        if (held->column[0] == '\0' && right->column[0] != '\0' &&
            strcmp(held->schema, account->schema) == 0 &&
            strcmp(right->privilege, held->privilege) == 0 &&
            strcmp(right->table, held->table) == 0)
            return true;
    }
    return false;
}

/*
 * REVOKE on the table takes the right on its columns away with it, and a right on the schema, which
 * could stand in meanwhile, is not seen by connections that are there already. So that the account,
 * which is at work, never lacks it, the table's right is taken out of MariaDB's own table, which it
 * then reads anew, in one step.
 */
static int revoke_all_but_columns(struct db *db, const struct account *account,
                                  const struct held *held, struct error *err)
{
    static const struct query query = {
        "UPDATE mysql.tables_priv SET table_priv = TRIM(BOTH ',' FROM REPLACE(CONCAT(',',"
        " UPPER(table_priv), ','), CONCAT(',', ?, ','), ',')) WHERE user = @codeset_user AND"
        " host = @codeset_host AND db = ? AND table_name = ?"};
    static const char read_anew[] = "FLUSH PRIVILEGES";

    if (DB_RUN(db, &query, NULL, err, db_text(held->privilege), db_text(held->schema),
               db_text(held->table)) < 0 ||
        db_run_script(db, read_anew, sizeof(read_anew) - 1, err) < 0)
        return error_wrap(err, "cannot take %s on %s from %s", held->privilege, held->table,
                          account->user);
    return 0;
}

/* apply false: only tell. */
static int compare_rights(struct db *db, const struct account *account, bool apply,
                          account_change *change, void *arg, struct error *err)
{
    _cleanup_(holding_release) struct holding *holding = xcalloc(1, sizeof(*holding));

    if (read_holding(db, holding, err) < 0)
        return -1;
    for (size_t i = 0; i < account->rights_count; i++) {
        const struct right *right = &account->rights[i];

        if (holds(holding, account->schema, right))
            continue;
        if (apply && grant_right(db, account, right, err) < 0)
            return -1;
        tell(account, apply ? "granted" : "missing", right->privilege, account->schema,
             right->table, right->column, change, arg);
    }
    for (size_t i = 0; i < holding->count; i++) {
        const struct held *held = &holding->list[i];

        if (held->wanted)
            continue;
        if (apply && (keeps_columns(account, held) ? revoke_all_but_columns
                                                   : revoke_right)(db, account, held, err) < 0)
            return -1;
        tell(account, apply ? "revoked" : "superfluous", held->privilege, held->schema, held->table,
             held->column, change, arg);
    }
    return 0;
}

int store_accounts_ensure(struct db *db, const struct database_settings *settings,
                          account_change *change, void *arg, struct error *err)
{
    struct account accounts[2];

    if (check_names(settings, err) < 0)
        return -1;
    accounts_of(settings, accounts);
    for (size_t i = 0; i < ARRAY_SIZE(accounts); i++) {
        if (name_account(db, settings, &accounts[i], err) < 0 ||
            set_sign_in(db, &accounts[i], err) < 0 ||
            compare_rights(db, &accounts[i], true, change, arg, err) < 0)
            return error_wrap(err, "account %s", accounts[i].user);
    }
    return 0;
}

int store_accounts_check(struct db *db, const struct database_settings *settings,
                         account_change *change, void *arg, struct error *err)
{
    struct account accounts[2];

    if (check_names(settings, err) < 0)
        return -1;
    accounts_of(settings, accounts);
    for (size_t i = 0; i < ARRAY_SIZE(accounts); i++) {
        bool exists;

        if (name_account(db, settings, &accounts[i], err) < 0 ||
            account_exists(db, &exists, err) < 0)
            return -1;
        if (!exists)
            return error_set(err, ERROR_NOT_FOUND, NULL, "there is no account %s@%s",
                             accounts[i].user, host_of(settings));
        if (compare_rights(db, &accounts[i], false, change, arg, err) < 0)
            return -1;
    }
    return 0;
}
