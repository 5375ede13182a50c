/*
 * doctor_database.c - MariaDB, schema, accounts, daemons.
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/doctor.h"
#include "store/accounts.h"
#include "store/db.h"
#include "store/migrate.h"
#include "store/runs.h"
#include "store/server.h"

#include "base/banned.h"

#define CLOCK_APART (5 * CLOCK_SECOND)
#define HEARTBEAT_LATE 15 /* seconds; some sweeps */

static void check_server(struct doctor *doctor, const struct server_info *info)
{
    int64_t apart = llabs(info->now - clock_now());
    /* The longest value there is; each value travels by itself, whatever its row weighs. */
    int64_t wanted = doctor->settings->api.upload_bytes_max;
    int major = 0, minor = 0;

    if (sscanf(info->version, "%d.%d", &major, &minor) != 2 || major < 10 ||
        (major == 10 && minor < 7))
        doctor_report(doctor, FINDING_FAIL, "database",
                      "apt-get install mariadb-server (10.11 or later)",
                      "the server is %s, which does not have the UUID type (10.7)", info->version);
    else
        doctor_ok(doctor, "database", "MariaDB %s answers", info->version);
    if (info->max_allowed_packet < wanted)
        doctor_report(doctor, FINDING_FAIL, "database packets",
                      "printf '[mariadbd]\\nmax_allowed_packet = 64M\\n' "
                      ">/etc/mysql/mariadb.conf.d/60-codeset.cnf && systemctl restart mariadb",
                      "max_allowed_packet is %" PRId64 " bytes, too small for an upload of "
                      "upload_bytes_max (%" PRId64 ")",
                      info->max_allowed_packet, doctor->settings->api.upload_bytes_max);
    else
        doctor_ok(doctor, "database packets", "max_allowed_packet is %" PRId64 " bytes",
                  info->max_allowed_packet);
    if (apart > CLOCK_APART)
        doctor_report(doctor, FINDING_WARN, "database clock",
                      "timedatectl set-ntp true, on both hosts: leases and ages are measured by "
                      "MariaDB's clock",
                      "the clocks of MariaDB and of this host differ by %" PRId64 " s",
                      apart / CLOCK_SECOND);
    else
        doctor_ok(doctor, "database clock", "agrees with this host's");
}

/* Returns whether there is a schema to look further into. */
static bool check_schema(struct doctor *doctor)
{
    const char *sql_dir = ctl_sql_dir(doctor->ctl);
    struct error err = ERROR_INIT;
    struct migration_state state;

    if (store_migration_state(doctor->db, sql_dir, &state, &err) < 0) {
        doctor_report(
            doctor, FINDING_FAIL, "schema",
            access(sql_dir, X_OK) < 0 ? "name the folder: [database] sql_dir, or --sql-dir for once"
            : err.kind == ERROR_CONFLICT ? "docs/operator.md has the steps: Upgrade, Backup"
                                         : "run 'codesetctl migrate'",
            "%s", err.message);
        return false;
    }
    if (state.applied < state.available)
        doctor_report(doctor, FINDING_FAIL, "schema", "run 'codesetctl migrate'",
                      "version %" PRId64 " of %" PRId64, state.applied, state.available);
    else
        doctor_ok(doctor, "schema", "version %" PRId64, state.applied);
    return state.applied > 0;
}

static void on_right(const char *account, const char *verb, const char *right, void *arg)
{
    doctor_report(arg, FINDING_FAIL, "account rights", "run 'codesetctl migrate'", "%s: %s %s",
                  account, verb, right);
}

static void check_rights(struct doctor *doctor)
{
    int before = doctor->counts[FINDING_FAIL];
    struct error err = ERROR_INIT;

    if (store_accounts_check(doctor->db, &doctor->settings->database, on_right, doctor, &err) < 0)
        doctor_report(doctor, FINDING_FAIL, "account rights", "run 'codesetctl migrate'", "%s",
                      err.message);
    else if (doctor->counts[FINDING_FAIL] == before)
        doctor_ok(doctor, "account rights", "each program has exactly the rights that it needs");
}

/* By unix_socket MariaDB takes the system's user of the account's name, whom we can't try to be. */
static void check_socket_sign_in(struct doctor *doctor, enum db_account account, const char *user)
{
    const char *mend = "create a password file, set it in [database], run 'codesetctl migrate'";

    if (doctor->settings->database.db_host[0])
        doctor_report(doctor, FINDING_FAIL, "sign-in", mend,
                      "%s has no password, but db_host needs one", user);
    else if (!getpwnam(user))
        doctor_report(doctor, FINDING_FAIL, "sign-in", "run systemd-sysusers",
                      "there is no system user %s, with whose name the %s in", user,
                      account == DB_REAPER ? "daemon signs" : "workers sign");
    else
        doctor_ok(doctor, "sign-in", "%s can sign in through the socket", user);
}

static void check_sign_in(struct doctor *doctor, enum db_account account, const char *user,
                          const char *password_file)
{
    _cleanup_(free_ptr) char *mend =
        xasprintf("chown codeset-reaper %s && chmod 0400 %s", password_file, password_file);
    struct error err = ERROR_INIT;
    struct stat st;
    struct db *db;

    if (!password_file[0]) {
        check_socket_sign_in(doctor, account, user);
        return;
    }
    /* The workers' is looked at with their other secrets. */
    if (account == DB_REAPER && stat(password_file, &st) == 0 && (st.st_mode & 077))
        doctor_report(doctor, FINDING_FAIL, "password file", mend,
                      "%s can be read by others (mode %04o)", password_file,
                      (unsigned)st.st_mode & 07777);
    else if (account == DB_REAPER && stat(password_file, &st) == 0 && st.st_uid == 0)
        doctor_report(doctor, FINDING_FAIL, "password file", mend,
                      "only root can read %s, but the daemon must (with MariaDB's socket it needs "
                      "no password: remove the setting)",
                      password_file);
    db = db_new(&doctor->settings->database, account, &err);
    if (!db || db_ping(db, &err) < 0)
        doctor_report(
            doctor, FINDING_FAIL, "sign-in",
            "run 'codesetctl migrate', which sets the password of the account to that in the file",
            "%s cannot sign in: %s", user, err.message);
    else
        doctor_ok(doctor, "sign-in", "%s can sign in", user);
    db_free(db);
}

struct nodes {
    struct doctor *doctor;
    char own[65]; /* this host's name */
    int alive, silent;
    bool own_told;
};

/* As the daemon names its host. */
static void name_host(const struct doctor *doctor, char name[65])
{
    const char *node = doctor->settings->reaper.node;

    if (node[0] || gethostname(name, 65) < 0)
        snprintf(name, 65, "%s", node[0] ? node : "localhost");
    name[64] = '\0';
}

static void on_node(const struct node *node, void *arg)
{
    struct nodes *nodes = arg;
    bool own = strcmp(node->name, nodes->own) == 0;
    bool silent = node->ended || node->silent_seconds > HEARTBEAT_LATE;

    if (!silent) {
        nodes->alive++;
        nodes->doctor->others_alive |= !own;
        doctor_ok(nodes->doctor, "daemon", "alive on %s (%s, version %s)", node->name,
                  node->location, node->version);
        return;
    }
    nodes->silent++;
    nodes->own_told |= own;
    doctor_report(nodes->doctor, own ? FINDING_FAIL : FINDING_WARN, "daemon",
                  own ? "systemctl start codeset-reaper, or see journalctl -u codeset-reaper"
                      : "start codeset-reaper there; a host that does not come back: codesetctl "
                        "node forget",
                  "on %s it %s %" PRId64 " s%s", node->name,
                  node->ended ? "stopped" : "has been silent for", node->silent_seconds,
                  node->ended ? " ago" : "");
}

static void check_daemons(struct doctor *doctor)
{
    struct nodes nodes = {.doctor = doctor};
    struct error err = ERROR_INIT;

    name_host(doctor, nodes.own);
    if (store_node_list(doctor->db, on_node, &nodes, &err) < 0)
        doctor_report(doctor, FINDING_FAIL, "daemon", "run 'codesetctl migrate'", "%s",
                      err.message);
    else if (nodes.alive == 0 && !nodes.own_told)
        doctor_report(doctor, FINDING_FAIL, "daemon", "systemctl start codeset-reaper",
                      nodes.silent == 0 ? "none has ever used this database"
                                        : "none is alive, so no session starts");
}

/* How to mend that MariaDB can't be asked. */
static const char *mend_database(const struct doctor *doctor)
{
    const struct database_settings *database = &doctor->settings->database;

    if (geteuid() != 0 && !database->db_admin_password_file[0])
        return DOCTOR_AS_ROOT;
    return database->db_host[0] ? "start MariaDB there, or correct [database] in the configuration"
                                : "systemctl start mariadb, or correct [database] in the "
                                  "configuration; journalctl -u mariadb says why it does not run";
}

void doctor_database(struct doctor *doctor)
{
    const struct settings *settings = doctor->settings;
    struct error err = ERROR_INIT;
    struct server_info info;

    if (store_server_info(doctor->db, &info, &err) < 0) {
        doctor_report(doctor, FINDING_FAIL, "database", mend_database(doctor), "%s", err.message);
        return;
    }
    check_server(doctor, &info);
    if (!settings->database.db_host[0])
        doctor->data_dir = xstrdup(info.datadir);
    if (!check_schema(doctor))
        return;
    check_rights(doctor);
    check_sign_in(doctor, DB_API, settings->database.db_api_user,
                  settings->database.db_api_password_file);
    check_sign_in(doctor, DB_REAPER, settings->database.db_reaper_user,
                  settings->database.db_reaper_password_file);
    check_daemons(doctor);
}
