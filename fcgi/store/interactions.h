/*
 * interactions.h - the interactions table: pending -> processing -> completed | failed.
 *
 * exit_code is null until the end and never after it; EXIT_CODE_PLATFORM says that the platform,
 * not the command, failed.
 */
#ifndef CODESET_STORE_INTERACTIONS_H
#define CODESET_STORE_INTERACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/sessions.h"

#define EXIT_CODE_PLATFORM (-1000)

enum interaction_type { INTERACTION_EXEC, INTERACTION_REPLACE, INTERACTION_UPLOAD };

/* Text with its length: it may hold NUL. bytes NULL: null. */
struct text {
    char *bytes;
    size_t length;
};

struct interaction {
    struct id interaction_id, session_id;
    enum interaction_type type;
    bool finished;
    bool processing;
    int64_t created_at;
    int64_t now; /* the database's clock */
    struct text command;
    int64_t command_timeout;
    struct text file_path, str_to_replace, str_to_insert;
    bool make_executable;
    int64_t size_bytes; /* -1: null */
    bool has_exit_code;
    int64_t exit_code;
    struct text out, err;
    double seconds; /* below 0: null */
    int success;    /* -1: null */
    char *message;
};

void interaction_release(struct interaction *interaction);

/* What the caller set is bytes of its own; they are not kept. */
struct new_interaction {
    struct id interaction_id; /* made by the caller, the same for the same request */
    struct id user_id;
    const char *session_id;
    enum interaction_type type;
    struct text command;
    int64_t command_timeout;
    struct text file_path, str_to_replace, str_to_insert, content;
    bool make_executable;
    int64_t unfinished_max;
};

/* Codes: SESSION_NOT_FOUND, SESSION_NOT_READY, SESSION_CLOSED (any end), INTERACTION_LIMIT,
 * OUTCOME_UNKNOWN (once.h). The limit holds against racing requests. Again with the same id:
 * success again, and nothing new. */
int store_interaction_create(struct db *db, const struct new_interaction *interaction,
                             struct error *err);

/* Code INTERACTION_NOT_FOUND, also for somebody else's. */
int store_interaction_get(struct db *db, const struct id *user_id, const char *session_id,
                          const char *interaction_id, struct interaction *ret_interaction,
                          struct error *err);

/* --- for the daemon -------------------------------------------------------------------------- */

struct interaction_work {
    struct id interaction_id, session_id, user_id;
    int64_t attempt;
    enum interaction_type type;
    char *image;
    char *repo_path;
    struct text command;
    int64_t command_timeout;
    struct text file_path, str_to_replace, str_to_insert;
    int64_t content_bytes; /* of an upload; the bytes are read by store_interaction_content */
    bool make_executable;
};

void interaction_work_release(struct interaction_work *work);

/* Only of a session that is ready and this run's: a claim of an earlier run on the interaction is
 * free then. The same again is another attempt. ERROR_NOT_FOUND: nothing to claim (any more). */
int store_interaction_claim(struct db *db, const struct run *run, const struct id *id,
                            struct interaction_work *ret_work, struct error *err);

/* The bytes of an upload that is not finished: an allocation of content_bytes. ERROR_NOT_FOUND: it
 * is finished. */
int store_interaction_content(struct db *db, const struct id *id, struct text *ret_content,
                              struct error *err);

/* The text of a command that this run has claimed. ERROR_NOT_FOUND: it has ended, or is not this
 * run's any more. */
int store_interaction_command(struct db *db, const struct run *run, const struct id *id,
                              struct text *ret_command, struct error *err);

/* Those that are to be claimed now, not those that this run holds. Fair: an interaction comes
 * before another whose user has more running or waiting before it; then by age. A user gets no more
 * than makes user_max running on this run. */
int store_interaction_claimable(struct db *db, const struct run *run, int64_t user_max,
                                int64_t limit, void (*each)(const struct id *id, void *arg),
                                void *arg, struct error *err);

struct interaction_result {
    bool platform_failed; /* status failed, exit code EXIT_CODE_PLATFORM; else completed */
    int64_t exit_code;
    const char *out; /* NULL: null */
    size_t out_length;
    const char *err;
    size_t err_length;
    double seconds;
    bool success;
    const char *message; /* NULL: null */
    int64_t size_bytes;  /* -1: null */
};

/* All of it or nothing, in one round trip; an upload's bytes are deleted. ERROR_NOT_FOUND: the
 * claim is no longer ours (or a first try was written and its answer lost); nothing was written. */
int store_interaction_finish(struct db *db, const struct run *run, const struct id *id,
                             int64_t attempt, const struct interaction_result *result,
                             struct error *err);

#endif
