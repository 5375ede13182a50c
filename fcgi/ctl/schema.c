/*
 * schema.c - codesetctl migrate.
 */
#include <stdio.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/output.h"
#include "store/migrate.h"

#include "base/banned.h"

static void on_file(const char *name, const char *statement, void *arg)
{
    (void)arg;
    if (name)
        fprintf(stderr, "applying %s\n", name);
    else if (statement)
        fprintf(stderr, "waiting until no transaction has the table: %s\n", statement);
    else
        fprintf(stderr, "waiting for another migration of this database\n");
}

static void on_change(const char *account, const char *verb, const char *right, void *arg)
{
    int *changes = arg;

    (*changes)++;
    fprintf(stderr, "account %s: %s %s\n", account, verb, right);
}

const char *ctl_sql_dir(const struct ctl *ctl)
{
    const char *asked = ctl_option(ctl, "sql-dir");
    const char *set = ctl_settings(ctl)->database.sql_dir;

    if (asked)
        return asked;
    return set[0] ? set : CODESET_SQL_DIR;
}

static int failed(const struct ctl *ctl, const char *sql_dir, const struct error *err)
{
    int status = ctl_fail(ctl, err);

    if (access(sql_dir, X_OK) < 0)
        fprintf(stderr, "If codesetctl is not installed, the migrations are in the folder sql of "
                        "the source tree: use --sql-dir.\n");
    return status;
}

static int migrate(struct ctl *ctl, int *ret_changes, struct migration_state *ret_state,
                   struct error *err)
{
    struct db *db = ctl_db(ctl, err);

    *ret_changes = 0;
    return db ? store_migrate(db, &ctl_settings(ctl)->database, ctl_sql_dir(ctl), on_file,
                              on_change, ret_changes, ret_state, err)
              : -1;
}

int ctl_migrate_quietly(struct ctl *ctl, struct error *err)
{
    struct migration_state state;
    int changes;

    return migrate(ctl, &changes, &state, err);
}

int ctl_migrate(struct ctl *ctl)
{
    const char *sql_dir = ctl_sql_dir(ctl);
    struct error err = ERROR_INIT;
    struct migration_state state;
    int changes;

    if (migrate(ctl, &changes, &state, &err) < 0)
        return failed(ctl, sql_dir, &err);
    if (ctl_json(ctl))
        printf("{ \"version\": %lld, \"applied\": %lld, \"rights_changed\": %d }\n",
               (long long)state.available, (long long)(state.available - state.applied), changes);
    else if (state.available > state.applied)
        printf("schema upgraded from version %lld to %lld\n", (long long)state.applied,
               (long long)state.available);
    else
        printf("schema is already up to date (version %lld)\n", (long long)state.available);
    return CTL_OK;
}
