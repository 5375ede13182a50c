/* /users/me: the profile, the terms, the API keys. */
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/identity.h"
#include "store/users.h"

#include "base/banned.h"

#define KEY_NAME_MOST 255

/* `text` is the whole key in the answer that creates it, the masked one everywhere else. */
static void render_key(struct buf *out, const char *member, const struct api_key *key,
                       const char *name, const char *text)
{
    render_open(out, member, '{');
    render_text(out, "key_id", key->key_id.text);
    render_text(out, "key", text);
    render_text(out, "name", name);
    render_time(out, "created_at", key->created_at);
    render_time(out, "expires_at", key->expires_at);
    render_bool(out, "is_active", key->is_active);
    render_time(out, "last_used_at", key->last_used_at);
    render_close(out, '}');
}

/* --- GET /users/me, POST /users/me/accept-terms ---------------------------------------------- */

static void add_key(const struct api_key *key, void *arg)
{
    render_key(arg, NULL, key, key->name, key->masked);
}

/* Until the version in force is accepted, none is: whoever looks at the time asks the user again.
 */
static int64_t terms_accepted_at(const struct api *api, const struct profile *profile)
{
    const char *in_force = api->settings->accounts.terms_version;

    if (in_force[0] && (!profile->terms_version || strcmp(in_force, profile->terms_version) != 0))
        return 0;
    return profile->terms_accepted_at;
}

static int answer_profile(struct api *api, struct answer *answer, struct error *err)
{
    _cleanup_(profile_release) struct profile profile = {0};
    _cleanup_(buf_release) struct buf keys = BUF_INIT;
    struct buf *body;

    render_open(&keys, NULL, '[');
    if (store_profile_get_as(api->db, &api->credential, &profile, add_key, &keys, err) < 0)
        return -1;
    render_close(&keys, ']');
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "user_id", profile.user_id.text);
    render_text(body, "name", profile.name);
    render_text(body, "email", profile.email);
    render_text(body, "github_id", profile.github_id);
    render_text(body, "github_login", profile.github_login);
    render_json(body, "api_keys", keys.data, keys.length);
    render_time(body, "created_at", profile.created_at);
    render_time(body, "last_login_at", profile.last_login_at);
    render_bool(body, "is_active", true); /* another's credentials are not good */
    render_time(body, "terms_accepted_at", terms_accepted_at(api, &profile));
    render_close(body, '}');
    return 0;
}

static int get_me(void *app, const struct request *request, const void *values,
                  struct answer *answer, struct error *err)
{
    (void)request;
    (void)values;
    return answer_profile(app, answer, err);
}

static int accept_terms(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;

    (void)request;
    (void)values;
    if (store_terms_accept(api->db, &api->caller.user_id, api->settings->accounts.terms_version,
                           err) < 0)
        return -1;
    return answer_profile(api, answer, err);
}

/* --- POST, DELETE /users/me/api-keys --------------------------------------------------------- */

struct create_values {
    struct field_text name;
};

static const struct field create_body[] = {
    {"name", FIELD_TEXT, .nullable = true, .most = KEY_NAME_MOST,
     .offset = offsetof(struct create_values, name)},
};

static int create_key(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct create_values *form = values;
    struct new_key wanted = {
        .key_id = request_make_id(request, "api key"),
        .user_id = api->caller.user_id,
        .name = form->name.bytes,
        .active_max = api->settings->accounts.keys_per_user,
        .repeatable = request_parameter(request, "HTTP_IDEMPOTENCY_KEY") != NULL,
    };
    struct api_key key = {.key_id = wanted.key_id, .is_active = true};
    struct api_key_text text;
    struct buf *body;

    if (store_key_create(api->db, &wanted, &text, &key.created_at, err) < 0)
        return -1;
    log_event(LOG_INFO, "key_created", "user=%s key_id=%s", api->caller.user_id.text,
              key.key_id.text);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_key(body, "api_key", &key, wanted.name, text.text);
    render_close(body, '}');
    return 0;
}

struct revoke_values {
    struct field_text key_id;
};

static const struct field revoke_body[] = {
    {"key_id", FIELD_TEXT, .required = true, .least = 1, .most = 64,
     .offset = offsetof(struct revoke_values, key_id)},
};

static int revoke_key(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct revoke_values *form = values;
    struct buf *body;

    (void)request;
    if (store_key_revoke(api->db, &api->caller.user_id, form->key_id.bytes, err) < 0)
        return -1;
    log_event(LOG_INFO, "key_revoked", "user=%s key_id=%s", api->caller.user_id.text,
              form->key_id.bytes);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "message", "The API key has been revoked and no longer works.");
    render_text(body, "revoked_key_id", form->key_id.bytes);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/users/me", get_me, ROUTE_BEARER | ROUTE_JOINED, .pool = "api"},
    {"POST", API "/users/me/accept-terms", accept_terms, ROUTE_BEARER, .pool = "api"},
    {"POST", API "/users/me/api-keys", create_key, ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct create_values, create_body)},
    {"DELETE", API "/users/me/api-keys", revoke_key, ROUTE_BEARER, .pool = "api",
     ROUTE_BODY(struct revoke_values, revoke_body)},
};
const struct route_list users_routes = {rows, ARRAY_SIZE(rows)};
