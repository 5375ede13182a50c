/*
 * commands.h - the commands of codesetctl, as functions; their rows are in codesetctl.c.
 */
#ifndef CODESET_CTL_COMMANDS_H
#define CODESET_CTL_COMMANDS_H

#include <json-c/json.h>

#include "ctl/ctl.h"
#include "store/users.h"

/* The folder of the migrations, for commands with the option --sql-dir. */
const char *ctl_sql_dir(const struct ctl *ctl);

int ctl_migrate(struct ctl *ctl);
int ctl_doctor(struct ctl *ctl);
int ctl_status(struct ctl *ctl);

int ctl_config_show(struct ctl *ctl);
int ctl_config_check(struct ctl *ctl);
int ctl_config_example(struct ctl *ctl);

/* What the table of settings does not say, and a program refuses to start for. */
int ctl_check_settings(const struct settings *settings, struct error *err);

int ctl_completion_bash(struct ctl *ctl);

int ctl_user_add(struct ctl *ctl);
int ctl_user_list(struct ctl *ctl);
int ctl_user_show(struct ctl *ctl);
int ctl_user_activate(struct ctl *ctl);
int ctl_user_deactivate(struct ctl *ctl);
int ctl_user_rename(struct ctl *ctl);
int ctl_user_delete(struct ctl *ctl);
int ctl_user_revoke(struct ctl *ctl);
int ctl_user_accept_terms(struct ctl *ctl);

int ctl_user_limit(struct ctl *ctl);

int ctl_key_add(struct ctl *ctl);
int ctl_key_list(struct ctl *ctl);
int ctl_key_revoke(struct ctl *ctl);
int ctl_key_set(struct ctl *ctl);

int ctl_dataset_import(struct ctl *ctl);
int ctl_dataset_list(struct ctl *ctl);
int ctl_dataset_show(struct ctl *ctl);
int ctl_dataset_export(struct ctl *ctl);
int ctl_dataset_remove(struct ctl *ctl);
int ctl_sample_list(struct ctl *ctl);
int ctl_sample_show(struct ctl *ctl);
int ctl_sample_try(struct ctl *ctl);
int ctl_task_check(struct ctl *ctl);
int ctl_task_init(struct ctl *ctl);

int ctl_image_check(struct ctl *ctl);
int ctl_image_import(struct ctl *ctl);
int ctl_image_build(struct ctl *ctl);
int ctl_image_pull(struct ctl *ctl);
int ctl_image_list(struct ctl *ctl);
int ctl_image_remove(struct ctl *ctl);

int ctl_backup(struct ctl *ctl);
int ctl_restore(struct ctl *ctl);

int ctl_audit_log(struct ctl *ctl);

int ctl_ledger_audit(struct ctl *ctl);
int ctl_ledger_show(struct ctl *ctl);

int ctl_credit_grant(struct ctl *ctl);
int ctl_credit_expire(struct ctl *ctl);
int ctl_credit_refund(struct ctl *ctl);

int ctl_node_list(struct ctl *ctl);
int ctl_node_forget(struct ctl *ctl);

/* ctl_fail for a command whose first argument is a session: the store's words for one that is not
 * there are for users of the API. */
int ctl_no_session(struct ctl *ctl, struct error *err);

int ctl_session_list(struct ctl *ctl);
int ctl_session_log(struct ctl *ctl);
int ctl_session_stats(struct ctl *ctl);
int ctl_top(struct ctl *ctl);
int ctl_session_show(struct ctl *ctl);
int ctl_session_close(struct ctl *ctl);

int ctl_verify_regrade(struct ctl *ctl);
int ctl_verification_list(struct ctl *ctl);
int ctl_verification_show(struct ctl *ctl);

int ctl_agent_add(struct ctl *ctl);
int ctl_agent_list(struct ctl *ctl);
int ctl_agent_show(struct ctl *ctl);
int ctl_agent_remove(struct ctl *ctl);
int ctl_job_list(struct ctl *ctl);
int ctl_job_show(struct ctl *ctl);
int ctl_job_take(struct ctl *ctl);
int ctl_job_cancel(struct ctl *ctl);

int ctl_stripe_deposits(struct ctl *ctl);
int ctl_stripe_events(struct ctl *ctl);
int ctl_stripe_event(struct ctl *ctl);

/* Not a command, but what several begin with: the user by id or e-mail address, and the connection.
 * NULL on failure. */
struct db *ctl_find_user(struct ctl *ctl, const char *who, struct user *ret_user,
                         struct error *err);

/* ERROR_NOT_FOUND where there is no such data set: without this a misspelt name would look like one
 * without samples. */
int ctl_check_dataset(struct db *db, const char *name, struct error *err);

/* The store's word for a missing sample (SAMPLE_NOT_FOUND) is for users of the API: this one is for
 * operators. Other errors stay. sample_id NULL: as it is. */
void ctl_no_sample(struct error *err, const char *dataset, const char *sample_id);

/* The tasks of a folder (ctl/task_folder.h) into the data set, as dataset import does it. Appends
 * their sample ids. Returns an exit status; failures are told. */
int ctl_import_tasks(struct ctl *ctl, const char *folder, const char *dataset, bool network,
                     json_object *sample_ids);

/* ERROR_CONFLICT where there is an image of that name. */
int ctl_check_image_free(struct ctl *ctl, const char *name, struct error *err);

/* An image that sessions run on must not change: ERROR_CONFLICT. For commands with the option
 * --force. */
int ctl_check_image_unused(struct ctl *ctl, const char *name, struct error *err);

/* Says that the image was imported. */
int ctl_tell_image(const struct ctl *ctl, const char *name, bool scrubbed, struct error *err);

/* Builds it and shows what is printed meanwhile; folder, dockerfile, origin, network and replace
 * are the caller's. */
struct image_build;
int ctl_build_image(struct ctl *ctl, const char *name, const struct image_build *build,
                    struct error *err);

/* As the command migrate, which has the option sql-dir, but without its answer. */
int ctl_migrate_quietly(struct ctl *ctl, struct error *err);

/* Adds to the audit log what leaves no trace elsewhere in the database. A failure is a warning:
 * what was done is done. */
void ctl_record(struct ctl *ctl, const char *kind, const char *object, const char *detail);

/* Grants the user cents that never expire. */
int ctl_give(struct db *db, const struct id *user_id, int64_t cents, const char *description,
             struct error *err);

#endif
