/* exec, str_replace, upload: all of them interactions; and the GET that shows one. */
#include "store/interactions.h"

#include "base/cleanup.h"
#include "http/prefer.h"
#include "http/render.h"
#include "routes/routes.h"

#include "base/banned.h"

#define FILE_HOLD_MS 30000 /* of str_replace and upload; docs/held-requests.md */
#define FILE_PATH_BYTES_MAX 4095

/* Ids, owner and cap; the rest is the caller's. */
static int begin(const struct api *api, const struct request *request, struct id *session_id,
                 struct new_interaction *interaction, struct error *err)
{
    if (path_id(request, 0, "SESSION_NOT_FOUND", session_id, err) < 0)
        return -1;
    interaction->interaction_id = id_new();
    interaction->user_id = api->caller.user_id;
    interaction->session_id = session_id->text;
    interaction->unfinished_max = api->settings->api.interactions_per_session;
    return 0;
}

static int record(struct api *api, const struct new_interaction *interaction, struct error *err)
{
    if (store_interaction_create(api->db, interaction, err) < 0)
        return -1;
    doorbell_ring(&api->doorbell, WORK_INTERACTION, &interaction->interaction_id);
    return 0;
}

static int still_pending(const struct id *interaction_id, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "INTERACTION_PENDING",
                     "Interaction %s is recorded and will be carried out, but has not ended yet. "
                     "GET it instead of sending this request again.",
                     interaction_id->text);
}

/* The client waits for the end of what was recorded; what it then sees is rendered at
 * /sessions/S/VERB/I. */
static int await_end(struct api *api, const struct new_interaction *interaction, const char *verb,
                     struct answer *answer, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    if (!daemon_listens(api))
        return still_pending(&interaction->interaction_id, err);
    buf_addf(&path, API "/sessions/%s/%s/%s", interaction->session_id, verb,
             interaction->interaction_id.text);
    hold_until(WORK_INTERACTION, &interaction->interaction_id, FILE_HOLD_MS, path.data, answer);
    return 0;
}

/* --- POST exec ------------------------------------------------------------------------------- */

struct exec_values {
    struct field_text command;
    int64_t command_timeout;
};

static const struct field exec_body[] = {
    {"command", FIELD_TEXT, .required = true, .least = 1,
     .most_setting = FIELD_SETTING(struct settings, api.command_bytes_max),
     .offset = offsetof(struct exec_values, command)},
    {"command_timeout", FIELD_INT, .least = 1,
     .most_setting = FIELD_SETTING(struct settings, api.timeout_seconds_max), .fallback = 300,
     .offset = offsetof(struct exec_values, command_timeout)},
};

static int post_exec(void *app, const struct request *request, const void *values,
                     struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct exec_values *form = values;
    struct new_interaction interaction = {
        .type = INTERACTION_EXEC,
        .command = text_of(&form->command),
        .command_timeout = form->command_timeout,
    };
    struct id session_id;
    struct buf *body;

    if (begin(api, request, &session_id, &interaction, err) < 0 ||
        record(api, &interaction, err) < 0)
        return -1;
    body = answer_json(answer, 202);
    render_open(body, NULL, '{');
    render_text(body, "interaction_id", interaction.interaction_id.text);
    render_text(body, "status", "pending");
    render_close(body, '}');
    return 0;
}

/* --- POST str_replace, upload ---------------------------------------------------------------- */

struct replace_values {
    struct field_text file_path, str_to_replace, str_to_insert;
};

static const struct field replace_body[] = {
    {"file_path", FIELD_TEXT, .required = true, .least = 1, .most = FILE_PATH_BYTES_MAX,
     .offset = offsetof(struct replace_values, file_path)},
    {"str_to_replace", FIELD_TEXT, .required = true, .least = 1,
     .most_setting = FIELD_SETTING(struct settings, api.replace_bytes_max),
     .offset = offsetof(struct replace_values, str_to_replace)},
    {"str_to_insert", FIELD_TEXT, .required = true,
     .most_setting = FIELD_SETTING(struct settings, api.replace_bytes_max),
     .offset = offsetof(struct replace_values, str_to_insert)},
};

static int post_replace(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct replace_values *form = values;
    struct new_interaction interaction = {
        .type = INTERACTION_REPLACE,
        .file_path = text_of(&form->file_path),
        .str_to_replace = text_of(&form->str_to_replace),
        .str_to_insert = text_of(&form->str_to_insert),
    };
    struct id session_id;

    if (begin(api, request, &session_id, &interaction, err) < 0 ||
        record(api, &interaction, err) < 0)
        return -1;
    return await_end(api, &interaction, "str_replace", answer, err);
}

struct upload_values {
    struct field_text file_path, content;
    bool make_executable;
};

static const struct field upload_body[] = {
    {"file_path", FIELD_TEXT, .required = true, .least = 1, .most = FILE_PATH_BYTES_MAX,
     .offset = offsetof(struct upload_values, file_path)},
    {"content_base64", FIELD_BASE64, .required = true,
     .most_setting = FIELD_SETTING(struct settings, api.upload_bytes_max),
     .offset = offsetof(struct upload_values, content)},
    {"make_executable", FIELD_BOOL, .offset = offsetof(struct upload_values, make_executable)},
};

static int post_upload(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct upload_values *form = values;
    struct new_interaction interaction = {
        .type = INTERACTION_UPLOAD,
        .file_path = text_of(&form->file_path),
        .content = text_of(&form->content),
        .make_executable = form->make_executable,
    };
    struct id session_id;

    if (begin(api, request, &session_id, &interaction, err) < 0 ||
        record(api, &interaction, err) < 0)
        return -1;
    return await_end(api, &interaction, "upload", answer, err);
}

/* --- showing them ---------------------------------------------------------------------------- */

static int find(struct api *api, const struct request *request, struct interaction *interaction,
                struct error *err)
{
    struct id session_id, interaction_id;

    if (path_id(request, 0, "INTERACTION_NOT_FOUND", &session_id, err) < 0 ||
        path_id(request, 1, "INTERACTION_NOT_FOUND", &interaction_id, err) < 0)
        return -1;
    return store_interaction_get(api->db, &api->caller.user_id, session_id.text,
                                 interaction_id.text, interaction, err);
}

/* As find, but what has not ended, or is of another type, is an error. */
static int find_ended(struct api *api, const struct request *request, enum interaction_type type,
                      struct interaction *interaction, struct error *err)
{
    if (find(api, request, interaction, err) < 0)
        return -1;
    if (interaction->type != type)
        return error_set(err, ERROR_NOT_FOUND, "INTERACTION_NOT_FOUND",
                         "there is no such interaction");
    return interaction->finished ? 0 : still_pending(&interaction->interaction_id, err);
}

static void render_outcome(struct buf *body, const struct interaction *interaction)
{
    const char *message = interaction->message;

    if (!message)
        message = interaction->success == 1 ? "Done." : "It failed.";
    render_bool(body, "success", interaction->success == 1);
    render_text(body, "message", message);
}

static int awaited_replace(void *app, const struct request *request, const void *values,
                           struct answer *answer, struct error *err)
{
    _cleanup_(interaction_release) struct interaction interaction = {0};
    struct buf *body;

    (void)values;
    if (find_ended(app, request, INTERACTION_REPLACE, &interaction, err) < 0)
        return -1;
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_outcome(body, &interaction);
    render_close(body, '}');
    return 0;
}

static void render_string(struct buf *out, const char *key, const struct text *text)
{
    render_bytes(out, key, text->bytes ? text->bytes : "", text->bytes ? text->length : 0);
}

static int awaited_upload(void *app, const struct request *request, const void *values,
                          struct answer *answer, struct error *err)
{
    _cleanup_(interaction_release) struct interaction interaction = {0};
    struct buf *body;

    (void)values;
    if (find_ended(app, request, INTERACTION_UPLOAD, &interaction, err) < 0)
        return -1;
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_outcome(body, &interaction);
    render_string(body, "file_path", &interaction.file_path);
    /* The model knows no null here; a failed upload may have no size. */
    render_int(body, "size_bytes", interaction.size_bytes >= 0 ? interaction.size_bytes : 0);
    render_close(body, '}');
    return 0;
}

static void render_optional(struct buf *out, const char *key, const struct text *text)
{
    if (text->bytes)
        render_bytes(out, key, text->bytes, text->length);
    else
        render_null(out, key);
}

static void render_result(struct buf *out, const struct interaction *interaction)
{
    if (interaction->has_exit_code)
        render_int(out, "exit_code", interaction->exit_code);
    else
        render_null(out, "exit_code");
    render_optional(out, "stdout", &interaction->out);
    render_optional(out, "stderr", &interaction->err);
    if (interaction->seconds >= 0)
        render_double(out, "execution_time_seconds", interaction->seconds);
    else
        render_null(out, "execution_time_seconds");
    if (interaction->success >= 0)
        render_bool(out, "success", interaction->success == 1);
    else
        render_null(out, "success");
    render_text(out, "message", interaction->message);
}

static void render_particulars(struct buf *out, const struct interaction *interaction)
{
    switch (interaction->type) {
    case INTERACTION_EXEC:
        render_string(out, "command", &interaction->command);
        render_int(out, "command_timeout", interaction->command_timeout);
        return;
    case INTERACTION_REPLACE:
        render_string(out, "file_path", &interaction->file_path);
        render_string(out, "str_to_replace", &interaction->str_to_replace);
        render_string(out, "str_to_insert", &interaction->str_to_insert);
        return;
    case INTERACTION_UPLOAD:
        render_string(out, "file_path", &interaction->file_path);
        if (interaction->size_bytes >= 0)
            render_int(out, "size_bytes", interaction->size_bytes);
        else
            render_null(out, "size_bytes");
        render_bool(out, "make_executable", interaction->make_executable);
        return;
    }
}

static int get_interaction(void *app, const struct request *request, const void *values,
                           struct answer *answer, struct error *err)
{
    static const char *const types[] = {
        [INTERACTION_EXEC] = "exec_command",
        [INTERACTION_REPLACE] = "string_replace",
        [INTERACTION_UPLOAD] = "file_upload",
    };
    struct api *api = app;
    _cleanup_(interaction_release) struct interaction interaction = {0};
    struct buf *body;

    (void)values;
    if (find(api, request, &interaction, err) < 0)
        return -1;
    if (!interaction.finished && hold(api, request, WORK_INTERACTION, &interaction.interaction_id,
                                      interaction.created_at, interaction.now, answer))
        return 0;
    applied_preference(request, answer);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "interaction_id", interaction.interaction_id.text);
    render_text(body, "session_id", interaction.session_id.text);
    render_text(body, "interaction_type", types[interaction.type]);
    render_time(body, "created_at", interaction.created_at);
    render_result(body, &interaction);
    render_particulars(body, &interaction);
    render_close(body, '}');
    return 0;
}

#define SESSION API "/sessions/{session_id}"

static const struct route rows[] = {
    {"POST", SESSION "/exec", post_exec, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct exec_values, exec_body)},
    {"GET", SESSION "/interactions/{interaction_id}", get_interaction, .flags = ROUTE_BEARER,
     .pool = "api"},
    {"POST", SESSION "/str_replace", post_replace, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct replace_values, replace_body)},
    {"GET", SESSION "/str_replace/{interaction_id}", awaited_replace,
     .flags = ROUTE_BEARER | ROUTE_AWAITED, .pool = "api"},
    {"POST", SESSION "/upload", post_upload, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct upload_values, upload_body)},
    {"GET", SESSION "/upload/{interaction_id}", awaited_upload,
     .flags = ROUTE_BEARER | ROUTE_AWAITED, .pool = "api"},
};
const struct route_list interactions_routes = {rows, ARRAY_SIZE(rows)};
