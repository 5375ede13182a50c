/*
 * sessions.c - codesetctl session.
 */
#include "store/sessions.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "routes/doorbell.h"
#include "store/users.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 1000000

static json_object *session_object(const struct session *session)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "session_id", session->session_id.text);
    json_add_text(object, "user_id", session->user_id.text);
    json_add_text(object, "status", session_status_name(session->status));
    json_add_text(object, "dataset", session->dataset);
    json_add_text(object, "sample_id", session->sample_id);
    json_add_time(object, "requested_at", session->requested_at);
    json_add_time(object, "created_at", session->created_at);
    json_add_time(object, "expires_at", session->expires_at);
    json_add_time(object, "ended_at", session->ended_at);
    json_add_double(object, "duration_seconds", session_duration_seconds(session));
    json_add_text(object, "container_name", session->container_name);
    json_add_text(object, "location", session->location);
    json_add_text(object, "error_code", session->error_code);
    json_add_text(object, "error_message", session->error_message);
    return object;
}

static void add_session(const struct session *session, void *arg)
{
    json_object_array_add(arg, session_object(session));
}

static int list(struct ctl *ctl, int status, int64_t limit, json_object *rows, int64_t *ret_total,
                struct error *err)
{
    const char *who = ctl_option(ctl, "user");
    _cleanup_(user_release) struct user user = {0};
    struct db *db = who ? ctl_find_user(ctl, who, &user, err) : ctl_db(ctl, err);

    if (!db)
        return -1;
    return store_session_list(db, who ? &user.user_id : NULL, status, 0, limit, add_session, rows,
                              ret_total, err);
}

int ctl_session_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"SESSION ID", "session_id"}, {"STATUS", "status"},          {"DATASET", "dataset"},
        {"SAMPLE", "sample_id"},      {"REQUESTED", "requested_at"}, {"EXPIRES", "expires_at"},
        {"USER ID", "user_id"}};
    const char *word = ctl_option(ctl, "status");
    struct error err = ERROR_INIT;
    enum session_status status = SESSION_CREATING;
    int64_t limit, total = 0;
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (word && session_status_parse(word, &status) < 0)
        return ctl_usage(ctl, "--status must be creating, ready, error, closed or terminated");
    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    if (list(ctl, word ? (int)status : -1, limit, rows, &total, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                word || ctl_option(ctl, "user") ? "no session matches"
                                                : "there are no sessions yet");
    if (total > limit)
        ctl_warn(ctl, "showing the newest %lld of %lld sessions; use --limit to see more",
                 (long long)limit, (long long)total);
    return CTL_OK;
}

int ctl_no_session(struct ctl *ctl, struct error *err)
{
    if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "there is no session '%s'; list them with 'codesetctl session list'",
                  ctl_argument(ctl, 0));
    return ctl_fail(ctl, err);
}

int ctl_session_show(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(session_release) struct session session = {0};
    _cleanup_(json_release) json_object *object = NULL;

    if (!db || store_session_get(db, NULL, ctl_argument(ctl, 0), &session, &err) < 0)
        return ctl_no_session(ctl, &err);
    object = session_object(&session);
    output_object(ctl_json(ctl), object);
    return CTL_OK;
}

int ctl_session_close(struct ctl *ctl)
{
    const char *session_id = ctl_argument(ctl, 0);
    _cleanup_(doorbell_release) struct doorbell bell =
        DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(session_release) struct session session = {0};
    _cleanup_(json_release) json_object *object = NULL;
    double duration;
    bool changed;

    if (!db || store_session_close(db, NULL, session_id, &duration, &changed, &err) < 0 ||
        store_session_get(db, NULL, session_id, &session, &err) < 0)
        return ctl_no_session(ctl, &err);
    doorbell_ring(&bell, WORK_SESSION, &session.session_id);
    object = session_object(&session);
    if (changed)
        output_done(ctl_json(ctl), object, "session %s closed", session.session_id.text);
    else
        output_done(ctl_json(ctl), object, "session %s had already ended (%s)",
                    session.session_id.text, session_status_name(session.status));
    return CTL_OK;
}
