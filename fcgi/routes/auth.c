/* POST /auth/github, POST /auth/refresh: from a GitHub code to tokens, from a token to another. */
#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "github/github.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/identity.h"

#include <string.h>

#include "base/banned.h"

#define GITHUB_CODE_MOST 512
#define URI_MOST 2048
#define STATE_MOST 1024
#define TOKEN_MOST 4096

static int64_t now_seconds(void)
{
    return clock_now() / CLOCK_SECOND;
}

static int tokens_off(struct error *err)
{
    return error_set(
        err, ERROR_UNAVAILABLE, "SIGN_IN_NOT_CONFIGURED",
        "This server does not issue tokens; use an API key, or ask the operator to set "
        "token_secret_file.");
}

/* --- POST /auth/github ----------------------------------------------------------------------- */

struct github_values {
    struct field_text code, state, redirect_uri;
};

static const struct field github_body[] = {
    {"code", FIELD_TEXT, .required = true, .least = 1, .most = GITHUB_CODE_MOST,
     .offset = offsetof(struct github_values, code)},
    /* The console checks `state` against its own; here it is only bounded. */
    {"state", FIELD_TEXT, .nullable = true, .most = STATE_MOST,
     .offset = offsetof(struct github_values, state)},
    {"redirect_uri", FIELD_TEXT, .nullable = true, .most = URI_MOST,
     .offset = offsetof(struct github_values, redirect_uri)},
};

/* Is the word in a list separated by spaces? */
static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (length > 0 && *list) {
        size_t span = strcspn(list, " ");

        if (span == length && memcmp(list, word, length) == 0)
            return true;
        list += span;
        list += strspn(list, " ");
    }
    return false;
}

static int sign_in(struct api *api, const struct request *request, const struct github_values *form,
                   struct id *ret_user_id, bool *ret_is_new, struct error *err)
{
    _cleanup_(github_user_release) struct github_user user = {0};
    struct sign_in sign_in = {.signup_credit_cents = api->settings->accounts.signup_credit_cents,
                              .signup_credit_days = api->settings->billing.signup_credit_days};

    if (form->redirect_uri.bytes &&
        !listed(api->settings->accounts.github_redirect_uris, form->redirect_uri.bytes))
        return error_set(err, ERROR_INVALID, "REDIRECT_URI_NOT_ALLOWED",
                         "This server does not accept the redirect_uri; the "
                         "operator can add it to github_redirect_uris.");
    if (github_sign_in(api->github, request_waited_ms(request), form->code.bytes,
                       form->redirect_uri.bytes, &user, err) < 0)
        return -1;
    sign_in.github_id = user.id;
    sign_in.github_login = user.login;
    sign_in.name = user.name;
    sign_in.email = user.email;
    return store_sign_in(api->db, &sign_in, ret_user_id, ret_is_new, err);
}

static int post_github(void *app, const struct request *request, const void *values,
                       struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(buf_release) struct buf access_text = BUF_INIT;
    _cleanup_(buf_release) struct buf refresh_text = BUF_INIT;
    struct token access, refresh;
    struct id user_id;
    struct buf *body;
    bool is_new = false;

    if (!token_issuer_can(api->tokens))
        return tokens_off(err);
    if (sign_in(api, request, values, &user_id, &is_new, err) < 0)
        return -1;
    token_issue(api->tokens, TOKEN_ACCESS, &user_id, now_seconds(), &access, &access_text);
    token_issue(api->tokens, TOKEN_REFRESH, &user_id, now_seconds(), &refresh, &refresh_text);
    if (store_refresh_token_add(api->db, &refresh.jti, &user_id, refresh.expires_at * CLOCK_SECOND,
                                err) < 0)
        return -1;
    log_event(LOG_INFO, "signed_in", "user=%s new=%d", user_id.text, is_new);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "user_id", user_id.text);
    render_text(body, "access_token", access_text.data);
    render_text(body, "refresh_token", refresh_text.data);
    render_text(body, "token_type", "Bearer");
    render_int(body, "expires_in", access.expires_at - access.issued_at);
    render_bool(body, "is_new_user", is_new);
    render_close(body, '}');
    return 0;
}

/* --- POST /auth/refresh ---------------------------------------------------------------------- */

struct refresh_values {
    struct field_text refresh_token;
};

static const struct field refresh_body[] = {
    {"refresh_token", FIELD_TEXT, .required = true, .least = 1, .most = TOKEN_MOST,
     .offset = offsetof(struct refresh_values, refresh_token)},
};

static int post_refresh(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct refresh_values *form = values;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct token refresh, access;
    struct buf *body;

    (void)request;
    if (!token_issuer_can(api->tokens))
        return tokens_off(err);
    if (token_check(api->tokens, TOKEN_REFRESH, form->refresh_token.bytes, now_seconds(), &refresh,
                    err) < 0 ||
        store_refresh_token_check(api->db, &refresh.jti, &refresh.user_id, err) < 0)
        return -1;
    token_issue(api->tokens, TOKEN_ACCESS, &refresh.user_id, now_seconds(), &access, &text);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "access_token", text.data);
    render_text(body, "token_type", "Bearer");
    render_int(body, "expires_in", access.expires_at - access.issued_at);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"POST", API "/auth/github", post_github, .pool = "outbound",
     ROUTE_BODY(struct github_values, github_body)},
    {"POST", API "/auth/refresh", post_refresh, .pool = "api",
     ROUTE_BODY(struct refresh_values, refresh_body)},
};
const struct route_list auth_routes = {rows, ARRAY_SIZE(rows)};
