/*
 * user_delete.c - codesetctl user delete.
 *
 * The order matters: nobody can sign in before anything else is taken away, so that no session is
 * opened behind our back; sessions are deleted once the daemon has charged and ended them; and what
 * names the customer at Stripe goes last, because it finds what Stripe told. Whatever interrupts
 * it, the same command with the user id completes it.
 */
#include "store/erasure.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "routes/doorbell.h"
#include "store/runs.h"
#include "store/sessions.h"
#include "store/users.h"

#include "base/banned.h"

#define SESSIONS_A_STEP 100
#define PAUSE_MS 100
#define PATIENCE (60 * CLOCK_SECOND) /* without progress */
#define ALIVE_SECONDS 15             /* as /health has it */

struct deletion {
    struct ctl *ctl;
    struct db *db;
    struct user *user;
    struct user_holdings before, after;
    int64_t deleted, deleted_jobs; /* sessions, agent jobs */
    bool daemon;                   /* one is alive */
};

static json_object *deletion_object(const struct deletion *deletion)
{
    const struct user_holdings *holdings = &deletion->before;
    const struct user *user = deletion->user;
    json_object *object = json_object_new_object();

    json_add_text(object, "user_id", user->user_id.text);
    json_add_text(object, "name", user->is_deleted ? NULL : user->name);
    json_add_text(object, "email", user->is_deleted ? NULL : user->email);
    json_add_int(object, "active_keys", holdings->active_keys);
    json_add_int(object, "open_sessions", holdings->open_sessions);
    json_add_int(object, "sessions", holdings->sessions);
    json_add_int(object, "open_agent_jobs", holdings->open_jobs);
    json_add_int(object, "agent_jobs", holdings->jobs);
    json_add_int(object, "open_deposits", holdings->open_deposits);
    json_add_int(object, "balance_cents", holdings->balance_cents);
    json_add_int(object, "transactions", holdings->transactions);
    json_add_text(object, "stripe_customer",
                  holdings->stripe_customer[0] ? holdings->stripe_customer : NULL);
    return object;
}

static void add_id(const struct session *session, void *arg)
{
    json_object_array_add(arg, json_object_new_string(session->session_id.text));
}

/* Ends what is open, and wakes the daemon. */
static int close_sessions(struct deletion *deletion, struct error *err)
{
    static const enum session_status open[] = {SESSION_CREATING, SESSION_READY};
    _cleanup_(doorbell_release) struct doorbell bell =
        DOORBELL_INIT(ctl_settings(deletion->ctl)->api.doorbell_socket);
    _cleanup_(json_release) json_object *ids = json_object_new_array();
    int64_t total;

    for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
        if (store_session_list(deletion->db, &deletion->user->user_id, (int)open[i], 0,
                               SESSIONS_A_STEP, add_id, ids, &total, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < json_object_array_length(ids); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(ids, i));
        struct id id;
        double duration;
        bool changed;

        if (store_session_close(deletion->db, NULL, text, &duration, &changed, err) < 0)
            return -1;
        snprintf(id.text, sizeof(id.text), "%s", text);
        doorbell_ring(&bell, WORK_SESSION, &id);
    }
    return 0;
}

/* Until the user has no session and no agent job left, or nothing has moved for PATIENCE; without a
 * daemon nothing will. */
static int delete_work(struct deletion *deletion, struct error *err)
{
    int64_t deadline = clock_monotonic() + PATIENCE, deleted, left, deleted_jobs, left_jobs;

    for (;;) {
        if (close_sessions(deletion, err) < 0 ||
            store_user_sessions_delete(deletion->db, &deletion->user->user_id, SESSIONS_A_STEP,
                                       &deleted, &left, err) < 0 ||
            store_user_jobs_delete(deletion->db, &deletion->user->user_id, SESSIONS_A_STEP,
                                   &deleted_jobs, &left_jobs, err) < 0 ||
            store_daemon_alive(deletion->db, ALIVE_SECONDS, &deletion->daemon, err) < 0)
            return -1;
        deletion->deleted += deleted;
        deletion->deleted_jobs += deleted_jobs;
        if (left == 0 && left_jobs == 0)
            return 0;
        if (deleted || deleted_jobs)
            deadline = clock_monotonic() + PATIENCE;
        else if (!deletion->daemon || clock_monotonic() >= deadline)
            return 0;
        else
            poll(NULL, 0, PAUSE_MS);
    }
}

static int tell_plan(const struct deletion *deletion)
{
    _cleanup_(json_release) json_object *object = deletion_object(deletion);

    output_object(ctl_json(deletion->ctl), object);
    ctl_warn(deletion->ctl,
             "nothing was done. With --yes the user's keys are revoked, the open sessions end, and "
             "name, e-mail address, all sessions and all agent jobs are deleted for good; ledger "
             "and balance stay");
    return CTL_FAILED;
}

static int tell_result(const struct deletion *deletion)
{
    const struct user_holdings *before = &deletion->before, *after = &deletion->after;
    const char *customer = before->stripe_customer;
    _cleanup_(json_release) json_object *object = json_object_new_object();

    json_add_text(object, "user_id", deletion->user->user_id.text);
    json_add_int(object, "keys_revoked", before->active_keys);
    json_add_int(object, "sessions_deleted", deletion->deleted);
    json_add_int(object, "sessions_left", after->sessions);
    json_add_int(object, "agent_jobs_deleted", deletion->deleted_jobs);
    json_add_int(object, "agent_jobs_left", after->jobs);
    json_add_int(object, "transactions_kept", after->transactions);
    json_add_int(object, "balance_cents", after->balance_cents);
    json_add_text(object, "stripe_customer", customer[0] ? customer : NULL);
    output_done(ctl_json(deletion->ctl), object,
                "user %s deleted. Keys revoked: %" PRId64 ", sessions deleted: %" PRId64
                ", agent jobs deleted: %" PRId64 ", transactions kept: %" PRId64,
                deletion->user->user_id.text, before->active_keys, deletion->deleted,
                deletion->deleted_jobs, after->transactions);
    if (customer[0])
        ctl_warn(deletion->ctl, "delete the customer %s at Stripe, too", customer);
    if (after->sessions == 0 && after->jobs == 0)
        return CTL_OK;
    ctl_warn(deletion->ctl,
             "sessions that are still being ended or charged: %" PRId64
             ", agent jobs whose results are still there: %" PRId64 "%s; run this again with the "
             "user id",
             after->sessions, after->jobs,
             deletion->daemon ? "" : ". Start codeset-reaper, which does that");
    return CTL_FAILED;
}

int ctl_user_delete(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    _cleanup_(user_release) struct user user = {0};
    struct deletion deletion = {.ctl = ctl, .user = &user};

    deletion.db = ctl_find_user(ctl, ctl_argument(ctl, 0), &user, &err);
    if (!deletion.db || store_user_holdings(deletion.db, &user.user_id, &deletion.before, &err) < 0)
        return ctl_fail(ctl, &err);
    if (!ctl_option(ctl, "yes"))
        return tell_plan(&deletion);
    if (store_user_erase(deletion.db, &user.user_id, &err) < 0 ||
        delete_work(&deletion, &err) < 0 ||
        store_user_stripe_erase(deletion.db, &user.user_id, &err) < 0 ||
        store_user_holdings(deletion.db, &user.user_id, &deletion.after, &err) < 0) {
        error_wrap(&err,
                   "user %s is locked out, but not all is deleted; run this again with the "
                   "user id",
                   user.user_id.text);
        return ctl_fail(ctl, &err);
    }
    return tell_result(&deletion);
}
