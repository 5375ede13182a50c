/*
 * settings.h - every setting of the programs: one table, and a struct for each section, so that a
 * room is handed its own and no other.
 *
 * All programs read one file, /etc/codeset/codeset.conf unless --config names another. Secrets
 * are never in it: `..._file` settings name files that only their program may read.
 * docs/codeset.conf.5 is checked against the table by a test.
 */
#ifndef CODESET_SETTINGS_H
#define CODESET_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

struct database_settings {
    char *db_socket;
    char *db_host; /* "" : by socket */
    int64_t db_port;
    char *db_name;
    char *db_api_user, *db_api_password_file;
    char *db_reaper_user, *db_reaper_password_file;
    char *db_admin_user, *db_admin_password_file;
    char *sql_dir;
    int64_t db_connect_timeout;
    int64_t db_io_timeout;
};

struct api_settings {
    char *doorbell_socket; /* shared with the daemon */
    char *page_dir;        /* long answers, kept for nginx to serve */
    char *cors_origins;    /* space-separated */
    int64_t sessions_per_user;
    int64_t interactions_per_session;
    int64_t verifications_per_session;
    int64_t command_bytes_max;
    int64_t replace_bytes_max;
    int64_t upload_bytes_max;
    int64_t timeout_seconds_max;
    int64_t ttl_minutes_max;
    int64_t hold_seconds; /* 0: by the age of what is asked for */
};

struct accounts_settings {
    char *token_secret_file, *token_previous_secret_file;
    char *token_issuer, *token_audience;
    int64_t access_token_seconds;
    int64_t refresh_token_seconds;
    char *github_url, *github_api_url;
    char *github_ca_file;
    char *github_client_id, *github_client_secret_file;
    char *github_redirect_uris; /* space-separated */
    char *github_app_id, *github_app_key_file;
    int64_t github_timeout_seconds;
    int64_t repos_cache_seconds;
    int64_t keys_per_user;
    int64_t signup_credit_cents;
    char *terms_version;
};

/* Cents, and a minute is a session's. A limit of 0: none. */
struct billing_settings {
    bool enabled;
    int64_t cents_per_minute;
    int64_t agent_job_cents;
    int64_t meter_seconds;
    int64_t low_balance_cents;
    int64_t creates_per_minute;
    int64_t cents_per_day, key_cents_per_day;
    int64_t signup_credit_days; /* 0: for ever */
};

struct reaper_settings {
    char *node;     /* "" : the host's name */
    char *location; /* shown in container_info */
    char *await_socket;
    int64_t db_threads;
    int64_t holds_max;
    int64_t sweep_ms;
    int64_t usage_seconds; /* 0: never */
    int64_t lease_seconds;
    int64_t interaction_attempts_max;
    int64_t verify_attempts_max;
    int64_t verify_timeout_seconds;
    int64_t setup_timeout_seconds;
    int64_t sessions_max;
    int64_t starts_per_user; /* 0: by the processors */
    int64_t commands_per_user;
    int64_t verifications_max;      /* 0: by the processors */
    int64_t verifications_per_user; /* 0: half of them */
    int64_t results_bytes;
    int64_t node_lost_seconds;
    int64_t outputs_days, sessions_days, verifications_days, tokens_days; /* 0: for ever */
    int64_t changes_days;                                                 /* 0: for ever */
    int64_t changes_bytes_max;                                            /* 0: none are kept */
};

struct engine_settings {
    char *engined_socket;
    char *engined_user; /* who may ask, besides root: a name or a number */
    char *image_dir;
    char *state_dir;   /* containers: bundles and sockets; on a tmpfs as /run */
    char *scratch_dir; /* the containers' writable layers */
    char *agent_path;
    char *runtime; /* crun or runc */
    char *cgroup_parent;
    int64_t uid_base;
    int64_t uid_ranges;
    int64_t memory_bytes;
    int64_t disk_bytes;
    int64_t disk_inodes;
    int64_t processes;
    int64_t cpu_millicores;
    int64_t disk_reserve_bytes;
    int64_t disk_commit_percent;
    bool disk_shared_ok;
    int64_t memory_total_bytes; /* of all containers; 0: from the host's */
    int64_t processes_total;    /* the same */
    int64_t image_bytes_max;
    int64_t image_entries_max;
    int64_t image_seconds_max; /* of an import */
};

struct stripe_settings {
    char *api_key_file;         /* "" : no deposits */
    char *webhook_secrets_file; /* "" : no webhooks */
    char *api_url, *ca_file;
    int64_t timeout_seconds;
    char *console_url;    /* where users return to, by default */
    char *return_origins; /* space-separated */
    char *product_name;
    int64_t deposit_cents_min, deposit_cents_max;
    int64_t checkout_minutes;
    int64_t reconcile_seconds;
    int64_t events_days; /* 0: for ever */
    bool automatic_tax, receipts, promotion_codes;
};

/* Agent jobs. Bytes of results are packed ones unless said. */
struct jobs_settings {
    char *results_dir;
    int64_t jobs_per_user;    /* that have not ended */
    int64_t per_user_running; /* on one host */
    int64_t places;           /* 0: by the processors */
    int64_t attempts_max;
    int64_t result_bytes_max, result_unpacked_max, result_files_max;
    int64_t result_days; /* 0: for ever */
    int64_t log_bytes;
    int64_t clone_seconds;
    char *git_url;       /* "": accounts.github_url */
    char *clone_hosts;   /* checked by job_clone_hosts_check */
    char *callback_url;  /* "": agents get none */
    char *egress_socket; /* of codeset-egress */
    char *egress_always; /* HOST:PORT, separated by spaces */
    char *egress_user;   /* codeset-egress's: a name or a number */
    bool egress_wall;    /* nothing leaves without it */
};

struct metrics_settings {
    char *folder;  /* where workers count; "" : each for itself */
    char *address; /* where the daemon answers; "" : only where systemd hands it a socket */
    int64_t port;
};

struct log_settings {
    int level; /* enum log_level */
};

struct settings {
    struct database_settings database;
    struct api_settings api;
    struct accounts_settings accounts;
    struct billing_settings billing;
    struct stripe_settings stripe;
    struct jobs_settings jobs;
    struct reaper_settings reaper;
    struct engine_settings engine;
    struct metrics_settings metrics;
    struct log_settings log;
};

/* Bytes of [reaper] node and location; a test compares it with their columns. */
#define SETTINGS_NAME_MAX 64

extern const struct config_row settings_rows[];
extern const size_t settings_count;
extern const struct config_table settings_table; /* these, and those that are gone */

#define SETTINGS_PATH "/etc/codeset/codeset.conf"

/* Reads the file, SETTINGS_PATH where path is NULL; and, where it is named as that one is, the
 * files conf.d/?*.conf beside it, which win. Settings that are gone become warnings in the log. */
int settings_load(const char *path, struct settings *settings, struct error *err);

/* The same, and tells where each row's setting comes from: settings_count of them, zeroed, the
 * caller's to release (config_origins_release); NULL: nobody asks. The warnings of settings that
 * are gone are added to `gone`, as lines, and not logged. */
int settings_load_origins(const char *path, struct settings *settings,
                          struct config_origin *origins, struct buf *gone, struct error *err);
void settings_release(struct settings *settings);

#endif
