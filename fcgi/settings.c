#include "settings.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

/* A member of a struct cannot be in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define TEXT(section, name, fallback, help)                                                        \
    {                                                                                              \
#section, #name, CONFIG_TEXT, fallback, 0, 4096, "", help,                                 \
            offsetof(struct settings, section.name), NULL                                          \
    }
#define PATH(section, name, fallback, help)                                                        \
    {                                                                                              \
#section, #name, CONFIG_TEXT, fallback, 1, 4096, "", help,                                 \
            offsetof(struct settings, section.name), NULL                                          \
    }
/* A name that the database keeps: no longer than its columns. */
#define NAME(section, name, fallback, least, help)                                                 \
    {                                                                                              \
#section, #name, CONFIG_TEXT, fallback, least, SETTINGS_NAME_MAX, "", help,                \
            offsetof(struct settings, section.name), NULL                                          \
    }
#define INT(section, name, fallback, least, most, unit, help)                                      \
    {                                                                                              \
#section, #name, CONFIG_INT, fallback, least, most, unit, help,                            \
            offsetof(struct settings, section.name), NULL                                          \
    }
#define BOOL(section, name, fallback, help)                                                        \
    {                                                                                              \
#section, #name, CONFIG_BOOL, fallback, 0, 0, "", help,                                    \
            offsetof(struct settings, section.name), NULL                                          \
    }
#define WORD(section, name, fallback, words, help)                                                 \
    {                                                                                              \
#section, #name, CONFIG_WORD, fallback, 0, 0, "", help,                                    \
            offsetof(struct settings, section.name), words                                         \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const struct config_word log_levels[] = {{"error", LOG_ERROR},
                                                {"warning", LOG_WARNING},
                                                {"info", LOG_INFO},
                                                {"debug", LOG_DEBUG},
                                                {NULL, 0}};

const struct config_row settings_rows[] = {
    PATH(database, db_socket, "/run/mysqld/mysqld.sock", "MariaDB's unix socket"),
    TEXT(database, db_host, "", "MariaDB's host; empty: the socket"),
    INT(database, db_port, "3306", 1, 65535, "", "MariaDB's port, with db_host"),
    PATH(database, db_name, "codeset", "the database"),
    PATH(database, db_api_user, "codeset-api", "codeset-api's account"),
    TEXT(database, db_api_password_file, "", "file with its password; empty: unix_socket"),
    PATH(database, db_reaper_user, "codeset-reaper", "codeset-reaper's account"),
    TEXT(database, db_reaper_password_file, "", "its password, as above"),
    PATH(database, db_admin_user, "root", "codesetctl's account; owns the schema"),
    TEXT(database, db_admin_password_file, "", "its password, as above"),
    TEXT(database, sql_dir, "", "folder of the migrations; empty: the installed one"),

    PATH(api, doorbell_socket, "/run/codeset/doorbell.sock", "socket that notifies the daemon"),
    PATH(api, page_dir, "/run/codeset/pages", "long answers, kept for nginx to serve"),
    TEXT(api, cors_origins, "", "origins that a browser may call from, separated by spaces"),
    INT(api, sessions_per_user, "256", 1, 100000, "", "most open sessions of a user"),
    INT(api, interactions_per_session, "16", 1, AGENT_UNFINISHED_MOST, "",
        "most unfinished interactions"),
    INT(api, verifications_per_session, "2", 1, 100, "", "most unfinished verifications"),
    INT(api, command_bytes_max, "120K", KIB, 128 * KIB - 1, "bytes", "longest command"),
    INT(api, replace_bytes_max, "1M", KIB, 8 * MIB, "bytes", "longest string of a str_replace"),
    INT(api, upload_bytes_max, "16M", KIB, AGENT_FILE_CAP, "bytes", "largest upload"),
    INT(api, timeout_seconds_max, "3600", 1, 86400, "s", "largest command_timeout of an exec"),
    INT(api, ttl_minutes_max, "1440", 1, 43200, "min", "largest ttl_minutes of a session"),
    INT(api, hold_seconds, "0", 0, 60, "s",
        "how long a GET waits for an end; 0: a second at first, then 25"),
    /* In this section of the file since the first release; the worker's wait, and the database's.
     */
    {"api", "db_connect_timeout", CONFIG_INT, "3", 1, 60, "s", "time limit to connect to MariaDB",
     offsetof(struct settings, database.db_connect_timeout), NULL},
    {"api", "db_io_timeout", CONFIG_INT, "10", 1, 20, "s", "a worker's time limit for a statement",
     offsetof(struct settings, database.db_io_timeout), NULL},

    TEXT(accounts, token_secret_file, "", "signs tokens; empty: API keys only"),
    TEXT(accounts, token_previous_secret_file, "",
         "the secret before; tokens signed with it are still valid"),
    PATH(accounts, token_issuer, "codeset", "iss of the tokens"),
    PATH(accounts, token_audience, "codeset-api", "aud of the tokens"),
    INT(accounts, access_token_seconds, "3600", 60, 86400, "s", "life of an access token"),
    INT(accounts, refresh_token_seconds, "2592000", 3600, 31536000, "s", "life of a refresh token"),
    PATH(accounts, github_url, "https://github.com", "GitHub, or an Enterprise Server"),
    PATH(accounts, github_api_url, "https://api.github.com",
         "its API; of an Enterprise Server https://HOST/api/v3"),
    TEXT(accounts, github_ca_file, "", "its CA certificates; empty: the system's"),
    TEXT(accounts, github_client_id, "", "of the OAuth App; empty: no sign-in"),
    TEXT(accounts, github_client_secret_file, "", "its secret"),
    TEXT(accounts, github_redirect_uris, "", "accepted redirect_uri values, separated by spaces"),
    TEXT(accounts, github_app_id, "", "of the GitHub App; empty: no repositories"),
    TEXT(accounts, github_app_key_file, "", "its private key, PEM"),
    INT(accounts, github_timeout_seconds, "10", 1, 60, "s", "time limit of a request to GitHub"),
    INT(accounts, repos_cache_seconds, "60", 0, 3600, "s", "how long GET /repos is kept in memory"),
    INT(accounts, keys_per_user, "50", 1, 10000, "", "most active API keys of a user"),
    INT(accounts, signup_credit_cents, "500", 0, 1000000, "cents", "credit at the first sign-in"),
    {"accounts", "terms_version", CONFIG_TEXT, "", 0, 32, "",
     "terms that must be accepted; empty: none", offsetof(struct settings, accounts.terms_version),
     NULL},

    BOOL(billing, enabled, "yes", "sessions and agent jobs cost credits"),
    INT(billing, cents_per_minute, "5", 1, 1000000, "cents", "price of a minute of a session"),
    INT(billing, agent_job_cents, "100", 1, 1000000, "cents", "price of an agent job"),
    INT(billing, meter_seconds, "3", 1, 60, "s", "pause between looks at who runs out of credits"),
    INT(billing, low_balance_cents, "0", 0, 100000000, "cents",
        "a balance that falls below it is logged; 0: none"),
    INT(billing, creates_per_minute, "0", 0, 1000000, "", "most new sessions of a user; 0: any"),
    INT(billing, cents_per_day, "0", 0, 100000000, "cents", "most that a user spends; 0: any"),
    INT(billing, key_cents_per_day, "0", 0, 100000000, "cents", "most that a key spends; 0: any"),
    INT(billing, signup_credit_days, "0", 0, 36500, "days",
        "the credit at the first sign-in expires after so many; 0: never"),

    TEXT(stripe, api_key_file, "", "Stripe's secret key; empty: no deposits"),
    TEXT(stripe, webhook_secrets_file, "", "the webhooks' signing secrets, one a line"),
    PATH(stripe, api_url, "https://api.stripe.com", "Stripe"),
    TEXT(stripe, ca_file, "", "its CA certificates; empty: the system's"),
    INT(stripe, timeout_seconds, "10", 1, 20, "s", "time limit of a request to Stripe"),
    TEXT(stripe, console_url, "", "your console's address, without a path: users return to it"),
    TEXT(stripe, return_origins, "", "more origins to return to, separated by spaces"),
    {"stripe", "product_name", CONFIG_TEXT, "Codeset credits", 1, 250, "",
     "what is bought, on the payment page", offsetof(struct settings, stripe.product_name), NULL},
    INT(stripe, deposit_cents_min, "100", 50, 100000, "cents", "smallest deposit"),
    INT(stripe, deposit_cents_max, "100000", 50, 99999999, "cents", "largest deposit"),
    INT(stripe, checkout_minutes, "120", 60, 1439, "min", "how long a payment page is open"),
    INT(stripe, reconcile_seconds, "60", 1, 86400, "s",
        "Stripe is asked for what no webhook told this often"),
    INT(stripe, events_days, "400", 0, 36500, "days",
        "how long events are kept after they were applied; 0: for ever"),
    BOOL(stripe, automatic_tax, "no", "Stripe adds taxes"),
    BOOL(stripe, receipts, "no", "Stripe sends receipts to the users' addresses"),
    BOOL(stripe, promotion_codes, "no", "users may enter promotion codes"),

    PATH(jobs, results_dir, "/var/lib/codeset/results", "results of agent jobs, served by nginx"),
    INT(jobs, jobs_per_user, "4", 1, 100000, "", "most jobs of a user that have not ended"),
    INT(jobs, per_user_running, "2", 1, 1000, "", "jobs of one user that run at once"),
    INT(jobs, places, "0", 0, 1000, "", "jobs that run at once; 0: by processors"),
    INT(jobs, attempts_max, "3", 1, 100, "", "starts of a job"),
    INT(jobs, result_bytes_max, "512M", KIB, 16 * GIB, "bytes", "largest result, packed"),
    INT(jobs, result_unpacked_max, "2G", KIB, 64 * GIB, "bytes", "largest result, unpacked"),
    INT(jobs, result_files_max, "100000", 1, 10000000, "", "most files of a result"),
    INT(jobs, result_days, "30", 0, 36500, "days",
        "how long results are kept after the job's end; 0: for ever"),
    INT(jobs, log_bytes, "256K", KIB, MIB, "bytes", "kept of the end of what an agent prints"),
    INT(jobs, clone_seconds, "600", 1, 86400, "s", "time limit to clone the repository"),
    TEXT(jobs, git_url, "", "base of the repositories' addresses; empty: github_url"),
    TEXT(jobs, clone_hosts, "lfs.github.com github-cloud.s3.amazonaws.com *.githubusercontent.com",
         "more hosts that a clone may reach, as for Git LFS, separated by spaces"),
    TEXT(jobs, callback_url, "", "this server's public address, for agents; empty: none"),
    PATH(jobs, egress_socket, "/run/codeset/egress.sock", "socket of codeset-egress"),
    TEXT(jobs, egress_always, "", "HOST:PORT that every agent may reach, separated by spaces"),
    PATH(jobs, egress_user, "codeset-egress", "user that codeset-egress runs as"),
    BOOL(jobs, egress_wall, "yes", "agents reach nothing unless the firewall's rules are loaded"),

    NAME(reaper, node, "", 0, "this host's name among daemons; empty: the host name"),
    NAME(reaper, location, "local", 1, "shown as location in container_info"),
    PATH(reaper, await_socket, "/run/codeset/await.sock",
         "socket to which nginx passes held requests"),
    INT(reaper, db_threads, "4", 1, 64, "", "threads, each with a connection to MariaDB"),
    INT(reaper, holds_max, "10000", 1, 100000, "", "held requests; more are answered at once"),
    INT(reaper, usage_seconds, "10", 0, 3600, "s",
        "pause between looks at what a session uses; 0: none"),
    INT(reaper, sweep_ms, "1000", 100, 60000, "ms", "pause between sweeps for missed work"),
    INT(reaper, lease_seconds, "60", 10, 3600, "s",
        "a daemon that is silent for longer is dead, its claims free"),
    INT(reaper, interaction_attempts_max, "10", 1, 1000, "", "claims of an interaction"),
    INT(reaper, verify_attempts_max, "5", 1, 1000, "", "claims of a verification"),
    INT(reaper, verify_timeout_seconds, "1800", 1, 86400, "s", "a verifier's run"),
    INT(reaper, setup_timeout_seconds, "300", 1, 86400, "s", "a sample's setup_command"),
    INT(reaper, sessions_max, "512", 1, 100000, "", "session containers on this host"),
    INT(reaper, starts_per_user, "0", 0, 1000, "",
        "sessions of one user being started; 0: by processors"),
    INT(reaper, commands_per_user, "256", 1, 100000, "", "commands of one user that run at once"),
    INT(reaper, node_lost_seconds, "300", 30, 86400, "s",
        "a host that is silent for longer is lost, and its sessions end"),
    INT(reaper, outputs_days, "30", 0, 36500, "days",
        "how long output of commands is kept after the session's end; 0: for ever"),
    INT(reaper, sessions_days, "0", 0, 36500, "days",
        "how long sessions are kept after their end; 0: for ever"),
    INT(reaper, verifications_days, "0", 0, 36500, "days",
        "how long verifications are kept after their end; 0: for ever"),
    INT(reaper, changes_days, "7", 0, 36500, "days",
        "how long changes are kept that were verified; 0: for ever"),
    INT(reaper, changes_bytes_max, "4M", 0, 12 * MIB, "bytes",
        "of such changes of a verification; larger ones are not kept; 0: none are"),
    INT(reaper, tokens_days, "30", 0, 36500, "days",
        "how long refresh tokens are kept after they expired; 0: for ever"),
    INT(reaper, verifications_max, "0", 0, 1000, "", "verifications at once; 0: by processors"),
    INT(reaper, verifications_per_user, "0", 0, 1000, "", "of one user; 0: half of them"),
    INT(reaper, results_bytes, "32M", 4 * MIB, 64 * GIB, "bytes",
        "of results and uploads in memory"),

    PATH(engine, engined_socket, "/run/codeset/engined.sock", "socket of codeset-engined"),
    PATH(engine, engined_user, "codeset-reaper", "user who may use it, besides root"),
    PATH(engine, image_dir, "/var/lib/codeset/images", "the image store"),
    PATH(engine, state_dir, "/run/codeset/containers", "bundles and sockets of containers"),
    PATH(engine, scratch_dir, "/var/lib/codeset/scratch", "the containers' writable layers"),
    PATH(engine, agent_path, "/usr/libexec/codeset/codeset-agent", "the agent's binary"),
    PATH(engine, runtime, "crun", "OCI runtime: crun or runc"),
    PATH(engine, cgroup_parent, "/codeset", "cgroup below which containers get theirs"),
    INT(engine, uid_base, "1879048192", 65536, 2147418112, "", "host uid of the images' root"),
    INT(engine, uid_ranges, "1024", 1, 65000, "", "ranges of ids above it; each container has one"),
    INT(engine, memory_bytes, "2G", 16 * MIB, 1024 * GIB, "bytes", "memory of a container"),
    INT(engine, disk_bytes, "4G", 16 * MIB, 1024 * GIB, "bytes", "what a container may write"),
    INT(engine, disk_inodes, "262144", 1024, INT64_C(4294967295), "",
        "files that a container may create"),
    INT(engine, processes, "512", 16, 1000000, "", "processes and threads of a container"),
    INT(engine, cpu_millicores, "2000", 10, 1000000, "", "CPU of a container; 1000 is a core"),
    INT(engine, disk_reserve_bytes, "1G", 0, 1024 * GIB, "bytes",
        "kept free in scratch_dir, and by imports in image_dir"),
    INT(engine, disk_commit_percent, "5", 0, 100, "%", "of disk_bytes, free for each container"),
    BOOL(engine, disk_shared_ok, "no", "scratch_dir may share a device with the host's own data"),
    INT(engine, memory_total_bytes, "0", 0, 1024 * GIB, "bytes",
        "memory of all containers; 0: seven eighths of the host's"),
    INT(engine, processes_total, "0", 0, 4194304, "",
        "processes of all containers; 0: half of what the kernel has"),
    INT(engine, image_bytes_max, "64G", MIB, 1024 * GIB, "bytes", "an image, unpacked"),
    INT(engine, image_entries_max, "4000000", 1000, 100000000, "", "files of an image"),
    INT(engine, image_seconds_max, "3600", 1, 86400, "s", "how long an import may take"),

    TEXT(metrics, folder, "/run/codeset/metrics",
         "folder in which the workers count together; empty: they don't"),
    TEXT(metrics, address, "",
         "the daemon answers GET /metrics here; empty: only where systemd hands it a socket"),
    INT(metrics, port, "9464", 1, 65535, "", "the same, with address"),

    WORD(log, level, "info", log_levels, "the programs log this, and what is more important"),
};

const size_t settings_count = sizeof(settings_rows) / sizeof(settings_rows[0]);

/* A host that is upgraded may have them in its files. */
static const struct config_gone gone_rows[] = {
    {"api", "pack_dir"},
    {"reaper", "spool_dir"},
};

const struct config_table settings_table = {
    .rows = settings_rows,
    .count = sizeof(settings_rows) / sizeof(settings_rows[0]),
    .gone = gone_rows,
    .gone_count = sizeof(gone_rows) / sizeof(gone_rows[0]),
};

/* A file of another name stands alone: it may lie in a folder where others can make a conf.d. */
static char *drop_ins_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (strcmp(name, strrchr(SETTINGS_PATH, '/') + 1) != 0)
        return NULL;
    return xasprintf("%.*sconf.d", (int)(name - path), path);
}

int settings_load_origins(const char *path, struct settings *settings,
                          struct config_origin *origins, struct buf *gone, struct error *err)
{
    const char *main_file = path ? path : SETTINGS_PATH;
    _cleanup_(free_ptr) char *drop_ins = drop_ins_of(main_file);

    memset(settings, 0, sizeof(*settings));
    return config_load(&settings_table, main_file, drop_ins, settings, origins, gone, err);
}

int settings_load(const char *path, struct settings *settings, struct error *err)
{
    _cleanup_(buf_release) struct buf gone = BUF_INIT;
    int failed = settings_load_origins(path, settings, NULL, &gone, err);

    for (const char *line = gone.data; line && *line; line += strcspn(line, "\n") + 1)
        log_event(LOG_WARNING, "setting_gone", "message=\"%.*s\"", (int)strcspn(line, "\n"), line);
    return failed;
}

void settings_release(struct settings *settings)
{
    config_release(settings_rows, settings_count, settings);
}
