/*
 * sessions.h - the sessions table.
 *
 *     creating -> ready -> closed | terminated | error,  creating -> closed | error
 *
 * The first half is for the API's workers, the second for the daemon. A session belongs to the
 * run that claimed it, or to the next one of the same node; all its work is done there. Every write
 * of a daemon names its claim: run and attempt.
 */
#ifndef CODESET_STORE_SESSIONS_H
#define CODESET_STORE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/runs.h"
#include "store/users.h"

struct db;

enum session_status {
    SESSION_CREATING,
    SESSION_READY,
    SESSION_ERROR,
    SESSION_CLOSED,
    SESSION_TERMINATED,
};

/* "creating", ... */
const char *session_status_name(enum session_status status);

/* -1 for a word that is none. */
int session_status_parse(const char *name, enum session_status *ret_status);

struct session {
    struct id session_id, user_id;
    char *dataset, *sample_id;
    enum session_status status;
    int64_t requested_at, created_at, expires_at, ended_at; /* created_at, ended_at: 0 is null */
    int64_t now;                                            /* the database's clock */
    char *error_code, *error_message;                       /* NULL: no error */
    char *container_name, *location;                        /* NULL before it is ready */
};

void session_release(struct session *session);

/* From ready to the end, or to now; 0 for one that never was ready. */
double session_duration_seconds(const struct session *session);

struct new_session {
    struct id session_id; /* made by the caller, the same for the same request */
    struct id user_id;
    const char *dataset, *sample_id;
    int64_t ttl_minutes;
    int64_t open_max;           /* a user's open sessions, unless the user has a limit of his own */
    const struct id *key_id;    /* that asks; NULL: a token */
    int64_t price_cents;        /* a minute; 0: it costs nothing */
    int64_t creates_per_minute; /* of a user; 0: as many as he likes; as above */
    int64_t cents_per_day;      /* the same: what sessions and jobs cost */
    int64_t key_cents_per_day;  /* the same, by one key */
};

/*
 * Codes: SAMPLE_NOT_FOUND, SAMPLE_NOT_RUNNABLE (it has no image), OUTCOME_UNKNOWN (once.h), and of
 * ERROR_LIMIT, with limit and use in the message: SESSION_LIMIT, SESSION_RATE_LIMIT,
 * SPENDING_LIMIT, and INSUFFICIENT_CREDITS, when the balance is less than what open sessions have
 * used and a minute of this one. Again with the same id: the first one's success again.
 */
int store_session_create(struct db *db, const struct new_session *new_session,
                         int64_t *ret_expires_at, struct error *err);

/* ERROR_NOT_FOUND, SESSION_NOT_FOUND: no such session, or somebody else's. user_id NULL: an
 * operator asks. */
int store_session_get(struct db *db, const struct id *user_id, const char *session_id,
                      struct session *ret_session, struct error *err);

/* The same, and is the credential good, and whose (without the terms): in one query, for this is
 * what clients poll. Codes INVALID_CREDENTIALS and SESSION_NOT_FOUND. */
int store_session_get_as(struct db *db, const struct credential *credential, const char *session_id,
                         struct session *ret_session, struct caller *ret_caller, struct error *err);

/* Newest first. status -1: all; user_id NULL: everybody's. */
int store_session_list(struct db *db, const struct id *user_id, int status, int64_t offset,
                       int64_t limit, void (*each)(const struct session *session, void *arg),
                       void *arg, int64_t *ret_total, struct error *err);

/* creating or ready becomes closed; one that has ended stays as it is. *ret_duration in seconds.
 * *ret_changed: false when it had ended before. user_id NULL: an operator's. */
int store_session_close(struct db *db, const struct id *user_id, const char *session_id,
                        double *ret_duration, bool *ret_changed, struct error *err);

/* --- for the daemon -------------------------------------------------------------------------- */

struct session_work {
    struct id session_id, user_id, container_id;
    int64_t attempt;
    char *image;
    char *repo_path;
    char *egress;  /* what it may reach (wire/egress.h): its data set's at the claim */
    char *profile; /* how its commands are run (wire/profile.h): the same */
    int64_t expires_at;
};

void session_work_release(struct session_work *work);

/*
 * Claims a session that is creating, whose claim is free (runs.h) or this run's own already, and
 * that this node has not declined; and makes the row of its container, whose id the caller made.
 * The container of an earlier attempt has ended. The same claim with the same container id, after a
 * lost answer, is the same claim; with another id it is another attempt. ERROR_NOT_FOUND: nothing
 * to claim (any more). ERROR_LIMIT: this run has user_max others of its user's being started; the
 * session waits to be claimed.
 */
int store_session_claim(struct db *db, const struct run *run, const struct id *id,
                        const struct id *container_id, int64_t user_max,
                        struct session_work *ret_work, struct error *err);

/* Those that are to be claimed now: not those that this run holds, nor those that this node has
 * declined, nor those above user_max of one user, counted with those that this run is starting.
 * Fair: a session comes before another whose user has more open or waiting before it; then by
 * age. */
int store_session_claimable(struct db *db, const struct run *run, int64_t user_max, int64_t limit,
                            void (*each)(const struct id *id, void *arg), void *arg,
                            struct error *err);

/* creating -> ready, the container -> running, in one statement. The same again is no error.
 * ERROR_NOT_FOUND when the claim is no longer ours, or the session has ended. */
int store_session_ready(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                        const char *container_name, const char *address, struct error *err);

/* creating or ready -> error or terminated, the container -> ended. ERROR_NOT_FOUND when the claim
 * is no longer ours or it had ended before: then nothing was changed, and the caller's container is
 * not wanted all the same. One that never became ready becomes error, whatever was asked. */
int store_session_end(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                      enum session_status status, const char *code, const char *message,
                      struct error *err);

/*
 * This node can't start it (HOST_FULL, IMAGE_MISSING): the claim is given up, the container has
 * ended, and this node is not offered it again. When no other living run's node is left that has
 * not declined it, it ends in error with code and message, and *ret_ended is true. ERROR_NOT_FOUND
 * as above.
 */
int store_session_decline(struct db *db, const struct run *run, const struct id *id,
                          int64_t attempt, const char *code, const char *message, bool *ret_ended,
                          struct error *err);

/* Ends what nobody is left to start: a host declined it, and the others, which it was left to, have
 * declined it too or are dead. error, with the code of a decline. Calls each for those ended. As
 * store_runs_lost: not to be asked by one who has just come back to the database. */
int store_session_give_up(struct db *db, const struct run *run,
                          void (*each)(const struct id *id, void *arg), void *arg,
                          struct error *err);

/* Ends what is past its time, whosever it is: terminated, SESSION_EXPIRED; one that is still
 * creating: error. Its container is its node's to stop. Calls each for those ended, at most limit.
 */
int store_session_expire(struct db *db, int64_t limit, void (*each)(const struct id *id, void *arg),
                         void *arg, struct error *err);

/* What an ended session leaves unfinished: interactions fail (-1000), verifications are
 * cancelled. Calls each with the id of every one. id NULL: of all ended sessions, lost hosts' too.
 */
int store_session_settle(struct db *db, const struct id *id,
                         void (*each)(const struct id *id, void *arg), void *arg,
                         struct error *err);

/* Has a wait for this thing an end already? kind: "session", "interaction", "verification", "job"
 * or "job-result" (an upload). A thing that does not exist has ended. */
int store_is_finished(struct db *db, const char *kind, const struct id *id, bool *ret_finished,
                      struct error *err);

#endif
