/*
 * session_log.c - codesetctl session log.
 */
#include "store/session_log.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "store/interactions.h"
#include "store/sessions.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MOST 100000
#define LIMIT_MOST_OUTPUTS 100 /* each may have megabytes */

static void add_bytes(json_object *object, const char *key, const char *bytes, size_t length)
{
    json_add(object, key, bytes ? json_object_new_string_len(bytes, (int)length) : NULL);
}

static json_object *event_object(const struct session_event *event)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "id", event->id.text);
    json_add_text(object, "kind", event->kind);
    json_add_text(object, "status", event->status);
    json_add_time(object, "created_at", event->created_at);
    json_add_time(object, "started_at", event->started_at);
    json_add_time(object, "ended_at", event->ended_at);
    json_add(object, "exit_code",
             event->has_exit_code ? json_object_new_int64(event->exit_code) : NULL);
    json_add(object, "success",
             event->success < 0 ? NULL : json_object_new_boolean(event->success));
    add_bytes(object, "text", event->subject, event->subject_length);
    json_add_text(object, "message", event->message);
    return object;
}

static void add_event(const struct session_event *event, void *arg)
{
    json_object_array_add(arg, event_object(event));
}

static bool is_verification(json_object *object)
{
    return strcmp(json_get_text(object, "kind"), SESSION_EVENT_VERIFICATION) == 0;
}

/* In place of the beginning of a command all of it, and what it printed. A verification's output is
 * shown by a command of its own. */
static int add_outputs(struct db *db, const struct session *session, json_object *object,
                       struct error *err)
{
    _cleanup_(interaction_release) struct interaction interaction = {0};
    const struct text *subject = &interaction.command;

    if (is_verification(object))
        return 0;
    if (store_interaction_get(db, &session->user_id, session->session_id.text,
                              json_get_text(object, "id"), &interaction, err) < 0)
        return -1;
    if (!subject->bytes)
        subject = &interaction.file_path;
    add_bytes(object, "text", subject->bytes, subject->length);
    add_bytes(object, "stdout", interaction.out.bytes, interaction.out.length);
    add_bytes(object, "stderr", interaction.err.bytes, interaction.err.length);
    json_add_text(object, "message", interaction.message);
    return 0;
}

/* --- for people ------------------------------------------------------------------------------ */

/* A line stands in a column, so of a text with several only the first. */
static void cut_texts(json_object *rows)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        const char *text = json_get_text(row, "text");

        if (!text)
            text = json_get_text(row, "message");
        if (is_verification(row))
            text = json_get_text(row, "id");
        if (text)
            add_bytes(row, "text", text, strcspn(text, "\n"));
    }
}

static void print_part(json_object *object, const char *key)
{
    const char *text = json_get_text(object, key);

    if (!text || !text[0])
        return;
    printf("--- %s ---\n", key);
    output_block(text);
}

static void print_event(json_object *object)
{
    json_object *exit_code = json_object_object_get(object, "exit_code");

    printf("=== %s %s, %s", json_get_text(object, "created_at"), json_get_text(object, "kind"),
           json_get_text(object, "status"));
    if (exit_code)
        printf(", exit code %lld", (long long)json_object_get_int64(exit_code));
    printf(", %s ===\n", json_get_text(object, "id"));
    print_part(object, "text");
    print_part(object, "message");
    print_part(object, "stdout");
    print_part(object, "stderr");
    if (is_verification(object))
        printf("'codesetctl verification show %s' shows what it wrote\n",
               json_get_text(object, "id"));
}

static void print_rows(json_object *rows)
{
    static const struct output_column columns[] = {{"TIME", "created_at"}, {"KIND", "kind"},
                                                   {"STATUS", "status"},   {"EXIT", "exit_code"},
                                                   {"SUCCESS", "success"}, {"TEXT", "text"}};

    cut_texts(rows);
    output_rows(false, rows, columns, ARRAY_SIZE(columns), "nothing was done in this session");
}

int ctl_session_log(struct ctl *ctl)
{
    bool outputs = ctl_option(ctl, "outputs") != NULL;
    struct error err = ERROR_INIT;
    _cleanup_(session_release) struct session session = {0};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    struct db *db;
    int64_t limit;

    if (ctl_option_int(ctl, "limit", 1, outputs ? LIMIT_MOST_OUTPUTS : LIMIT_MOST, LIMIT_DEFAULT,
                       &limit) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || store_session_get(db, NULL, ctl_argument(ctl, 0), &session, &err) < 0)
        return ctl_no_session(ctl, &err);
    if (store_session_log(db, &session.session_id, limit, add_event, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    for (size_t i = 0; outputs && i < json_object_array_length(rows); i++) {
        if (add_outputs(db, &session, json_object_array_get_idx(rows, i), &err) < 0)
            return ctl_fail(ctl, &err);
    }
    if (ctl_json(ctl) || (outputs && json_object_array_length(rows) == 0))
        output_rows(ctl_json(ctl), rows, NULL, 0, "nothing was done in this session");
    else if (!outputs)
        print_rows(rows);
    else
        for (size_t i = 0; i < json_object_array_length(rows); i++)
            print_event(json_object_array_get_idx(rows, i));
    return CTL_OK;
}
