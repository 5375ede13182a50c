#include "github/github.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/log.h"
#include "base/mem.h"
#include "github/names.h"
#include "metrics.h"
#include "outbound/outbound.h"
#include "settings.h"

#include "base/banned.h"

#define PAGES_MOST 100        /* 10,000 installations, or repositories of one */
#define PAGE_SIZE 100         /* GitHub's largest */
#define APP_TOKEN_SECONDS 300 /* GitHub takes at most ten minutes */
/* For all requests of one call together; nginx gives up a worker of the outbound pool after 60. */
#define DEADLINE_SECONDS 50

struct github {
    const struct accounts_settings *settings;
    struct outbound *outbound;
    struct buf client_secret;
    struct buf app_key;
    int64_t deadline; /* of the call at hand; clock_monotonic */
};

static const struct outbound_party party = {
    .name = "GitHub",
    .timeout = "GITHUB_TIMEOUT",
    .bad_answer = "GITHUB_BAD_ANSWER",
    .unavailable = "GITHUB_UNAVAILABLE",
    .answer_most = 4 * 1024 * 1024, /* a page of 100 repositories is about 600 KiB */
};

static int read_secret(const char *path, struct buf *out, struct error *err)
{
    return path[0] && file_read_secret(path, out, err) < 0 ? error_wrap(err, "GitHub") : 0;
}

/* Signs something, so that a bad key is found at the start and not at the first request. */
static int check_app_key(const struct github *github, struct error *err)
{
    _cleanup_(json_release) json_object *claims = json_object_new_object();
    _cleanup_(buf_release) struct buf token = BUF_INIT;

    if (!github->app_key.length ||
        jwt_sign_rs256(claims, github->app_key.data, github->app_key.length, &token, err) == 0)
        return 0;
    return error_wrap(err, "GitHub: %s", github->settings->github_app_key_file);
}

static struct github *new_with(const struct accounts_settings *settings, const char *secret_file,
                               struct error *err)
{
    struct github *github = xcalloc(1, sizeof(*github));

    github->settings = settings;
    github->client_secret = github->app_key = (struct buf)BUF_INIT;
    github->outbound = outbound_new(&party, settings->github_ca_file);
    if (read_secret(secret_file, &github->client_secret, err) < 0 ||
        read_secret(settings->github_app_key_file, &github->app_key, err) < 0 ||
        check_app_key(github, err) < 0) {
        github_free(github);
        return NULL;
    }
    return github;
}

struct github *github_new(const struct accounts_settings *settings, struct error *err)
{
    return new_with(settings, settings->github_client_secret_file, err);
}

struct github *github_app_new(const struct accounts_settings *settings, struct error *err)
{
    return new_with(settings, "", err);
}

void github_free(struct github *github)
{
    if (!github)
        return;
    outbound_free(github->outbound);
    buf_release(&github->client_secret);
    buf_release(&github->app_key);
    free(github);
}

void github_user_release(struct github_user *user)
{
    free(user->id);
    free(user->login);
    free(user->name);
    free(user->email);
    memset(user, 0, sizeof(*user));
}

/* --- one request ----------------------------------------------------------------------------- */

static void start_deadline(struct github *github, int64_t waited_ms)
{
    github->deadline =
        clock_monotonic() + DEADLINE_SECONDS * CLOCK_SECOND - waited_ms * (CLOCK_SECOND / 1000);
}

/* What the next request may take, in ms; 0: no time is left. */
static int64_t time_for_request(const struct github *github)
{
    int64_t left = (github->deadline - clock_monotonic()) / (CLOCK_SECOND / 1000);
    int64_t most = github->settings->github_timeout_seconds * 1000;

    if (left <= 0)
        return 0;
    return left < most ? left : most;
}

struct call {
    const char *url;
    const char *bearer; /* NULL: none */
    const char *form;   /* NULL: GET; else POST of this */
    const char *json;   /* the same, of JSON */
    const char *basic;  /* "name:password", where there is no bearer; NULL: none */
};

/* *ret_json is NULL where a refusal came without JSON. */
static int perform(struct github *github, const struct call *call, long *ret_status,
                   json_object **ret_json, struct error *err)
{
    _cleanup_(free_ptr) char *bearer = call->bearer ? xasprintf("Bearer %s", call->bearer) : NULL;
    const struct outbound_header headers[] = {
        {"Accept",
         !call->form || call->bearer ? "application/vnd.github+json" : "application/json"},
        {"X-GitHub-Api-Version", "2022-11-28"},
        {"Authorization", bearer},
        {"Content-Type", call->json ? "application/json" : NULL},
    };
    const struct outbound_request request = {
        .url = call->url,
        .form = call->form ? call->form : call->json,
        .login = call->basic,
        .headers = headers,
        .header_count = ARRAY_SIZE(headers),
        .time_ms = time_for_request(github),
    };
    _cleanup_(json_release) json_object *json = NULL;
    int64_t start = clock_monotonic();
    int sent;

    if (request.time_ms == 0) {
        outbound_too_slow(&party, err);
        return -1;
    }
    *ret_status = 0;
    sent = outbound_send(github->outbound, &request, ret_status, &json, err);
    METRIC_COUNT(GITHUB_CALLS, metric_call_outcome(*ret_status));
    metric_observe(GITHUB_SECONDS, clock_monotonic() - start, METRIC_AT(0));
    if (sent < 0)
        return -1;
    if (*ret_status >= 500)
        return error_set(err, ERROR_UNAVAILABLE, "GITHUB_UNAVAILABLE",
                         "GitHub answered with status %ld; try again later", *ret_status);
    *ret_json = TAKE_PTR(json);
    return 0;
}

static int bad_answer(struct error *err, const char *what)
{
    return error_set(err, ERROR_UNAVAILABLE, "GITHUB_BAD_ANSWER",
                     "something is missing in GitHub's answer: %s", what);
}

/* GitHub's code for a refusal ("bad_verification_code"), or "" where it has none. */
static const char *error_word(json_object *json)
{
    return outbound_word(json_get_text(json, "error"));
}

/* GitHub refuses this server: wrong credentials, a rate limit, an App that is suspended. The caller
 * can't do anything about it; GitHub's reason is only in the log, for the operator. A redirect is
 * no refusal: none is followed, and where one may come the caller has looked for it. */
static int refused_us(long status, json_object *json, struct error *err)
{
    if (status >= 300 && status < 400)
        return error_set(err, ERROR_UNAVAILABLE, "GITHUB_BAD_ANSWER",
                         "GitHub answered with a redirect (status %ld), which this server does not "
                         "follow",
                         status);
    log_event(LOG_ERROR, "github_refused_us", "status=%ld error=%s", status, error_word(json));
    return error_set(err, ERROR_UNAVAILABLE, "GITHUB_UNAVAILABLE",
                     "GitHub refuses this server; the operator finds GitHub's reason in the "
                     "server's log");
}

/* A status other than the expected one means that this server is refused, not the caller. */
static int perform_expecting(struct github *github, const struct call *call, long expected,
                             json_object **ret_json, struct error *err)
{
    _cleanup_(json_release) json_object *json = NULL;
    long status;

    if (perform(github, call, &status, &json, err) < 0)
        return -1;
    if (status != expected)
        return refused_us(status, json, err);
    *ret_json = TAKE_PTR(json);
    return 0;
}

/* --- sign-in --------------------------------------------------------------------------------- */

static int email_unverified(struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "GITHUB_EMAIL_UNVERIFIED",
                     "your GitHub account has no verified primary e-mail address; verify it at "
                     "GitHub and sign in again");
}

/* Of GitHub's reasons only these are the caller's. Source: "Troubleshooting OAuth app access token
 * request errors". */
static int exchange_refused(long status, json_object *json, bool had_redirect_uri,
                            struct error *err)
{
    const char *word = error_word(json);

    if (strcmp(word, "bad_verification_code") == 0)
        return error_set(err, ERROR_INVALID, "GITHUB_CODE_REFUSED",
                         "GitHub refused the code; it may have been used or have expired: sign "
                         "in again");
    if (had_redirect_uri && strcmp(word, "redirect_uri_mismatch") == 0)
        return error_set(err, ERROR_INVALID, "GITHUB_CODE_REFUSED",
                         "GitHub refused the redirect_uri; it must be one that the OAuth App has "
                         "registered");
    if (strcmp(word, "unverified_user_email") == 0)
        return email_unverified(err);
    return refused_us(status, json, err);
}

static int exchange_code(struct github *github, const char *code, const char *redirect_uri,
                         char **ret_token, struct error *err)
{
    _cleanup_(buf_release) struct buf form = BUF_INIT;
    _cleanup_(free_ptr) char *url =
        xasprintf("%s/login/oauth/access_token", github->settings->github_url);
    _cleanup_(json_release) json_object *json = NULL;
    const char *token;
    long status;

    outbound_add_field(&form, "client_id", github->settings->github_client_id);
    outbound_add_field(&form, "client_secret", github->client_secret.data);
    outbound_add_field(&form, "code", code);
    if (redirect_uri)
        outbound_add_field(&form, "redirect_uri", redirect_uri);
    if (perform(github, &(struct call){.url = url, .form = form.data}, &status, &json, err) < 0)
        return -1;
    /* GitHub refuses a code with status 200 and an `error`. */
    if (json_get_text(json, "error") || status >= 300)
        return exchange_refused(status, json, redirect_uri, err);
    token = json_get_text(json, "access_token");
    if (status != 200 || !token || !token[0] || strlen(token) > 1024 || strpbrk(token, "\r\n"))
        return bad_answer(err, "access_token");
    *ret_token = xstrdup(token);
    return 0;
}

static int read_user(struct github *github, const char *token, struct github_user *user,
                     struct error *err)
{
    _cleanup_(free_ptr) char *url = xasprintf("%s/user", github->settings->github_api_url);
    _cleanup_(json_release) json_object *json = NULL;
    const char *login, *name;
    int64_t id;

    if (perform_expecting(github, &(struct call){.url = url, .bearer = token}, 200, &json, err) < 0)
        return -1;
    id = json_get_int(json, "id", 0);
    login = json_get_text(json, "login");
    name = json_get_text(json, "name");
    if (id <= 0 || !login || !login[0] || strlen(login) > 64)
        return bad_answer(err, "id and login");
    user->id = xasprintf("%lld", (long long)id);
    user->login = xstrdup(login);
    user->name = xstrdup(name && name[0] && strlen(name) <= 255 ? name : login);
    return 0;
}

static int read_email(struct github *github, const char *token, struct github_user *user,
                      struct error *err)
{
    _cleanup_(free_ptr) char *url =
        xasprintf("%s/user/emails?per_page=%d", github->settings->github_api_url, PAGE_SIZE);
    _cleanup_(json_release) json_object *json = NULL;

    if (perform_expecting(github, &(struct call){.url = url, .bearer = token}, 200, &json, err) < 0)
        return -1;
    if (!json_object_is_type(json, json_type_array))
        return bad_answer(err, "a list of addresses");
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        json_object *entry = json_object_array_get_idx(json, i);
        const char *email = json_get_text(entry, "email");

        if (email && strlen(email) <= 320 &&
            json_object_get_boolean(json_object_object_get(entry, "primary")) &&
            json_object_get_boolean(json_object_object_get(entry, "verified"))) {
            user->email = xstrdup(email);
            return 0;
        }
    }
    return email_unverified(err);
}

int github_sign_in(struct github *github, int64_t waited_ms, const char *code,
                   const char *redirect_uri, struct github_user *ret_user, struct error *err)
{
    _cleanup_(github_user_release) struct github_user user = {0};
    _cleanup_(free_ptr) char *token = NULL;

    if (!github->settings->github_client_id[0] || github->client_secret.length == 0)
        return error_set(err, ERROR_UNAVAILABLE, "GITHUB_NOT_CONFIGURED",
                         "this server has no GitHub sign-in; ask the operator to set "
                         "github_client_id and github_client_secret_file");
    start_deadline(github, waited_ms);
    if (exchange_code(github, code, redirect_uri, &token, err) < 0 ||
        read_user(github, token, &user, err) < 0 || read_email(github, token, &user, err) < 0)
        return -1;
    *ret_user = user;
    memset(&user, 0, sizeof(user));
    return 0;
}

/* --- repositories ---------------------------------------------------------------------------- */

static int app_token(struct github *github, struct buf *token, struct error *err)
{
    _cleanup_(json_release) json_object *claims = json_object_new_object();
    int64_t now = (int64_t)time(NULL);

    if (!github->settings->github_app_id[0] || github->app_key.length == 0)
        return error_set(err, ERROR_CONFLICT, "GITHUB_APP_NOT_INSTALLED",
                         "this server has no GitHub App; ask the operator to set github_app_id "
                         "and github_app_key_file");
    /* A minute in the past, as clocks may differ; GitHub's documentation advises it. */
    json_add_int(claims, "iat", now - 60);
    json_add_int(claims, "exp", now + APP_TOKEN_SECONDS);
    json_add_text(claims, "iss", github->settings->github_app_id);
    return jwt_sign_rs256(claims, github->app_key.data, github->app_key.length, token, err);
}

/* Reads page after page; take gives how many entries the page had, or -1. */
static int each_page(struct github *github, const char *url, const char *bearer,
                     int (*take)(json_object *page, void *arg, struct error *err), void *arg,
                     struct error *err)
{
    for (int page = 1; page <= PAGES_MOST; page++) {
        _cleanup_(free_ptr) char *address =
            xasprintf("%s?per_page=%d&page=%d", url, PAGE_SIZE, page);
        _cleanup_(json_release) json_object *json = NULL;
        int taken;

        if (perform_expecting(github, &(struct call){.url = address, .bearer = bearer}, 200, &json,
                              err) < 0)
            return -1;
        taken = take(json, arg, err);
        if (taken < 0)
            return -1;
        if (taken < PAGE_SIZE)
            return 0;
    }
    return error_set(err, ERROR_LIMIT, "GITHUB_BAD_ANSWER", "GitHub lists more than %d entries",
                     PAGES_MOST * PAGE_SIZE);
}

struct installations {
    const char *login;
    const char *account_id;
    int64_t ids[PAGE_SIZE];
    size_t count;
};

/* The login is not enough: when an account is deleted or renamed, somebody else can take it. */
static bool is_account(json_object *account, const struct installations *wanted)
{
    _cleanup_(free_ptr) char *id = xasprintf("%lld", (long long)json_get_int(account, "id", 0));
    const char *login = json_get_text(account, "login");

    return login && strcasecmp(login, wanted->login) == 0 && strcmp(id, wanted->account_id) == 0;
}

static int take_installations(json_object *page, void *arg, struct error *err)
{
    struct installations *found = arg;
    size_t count;

    if (!json_object_is_type(page, json_type_array))
        return bad_answer(err, "a list of installations");
    count = json_object_array_length(page);
    for (size_t i = 0; i < count; i++) {
        json_object *entry = json_object_array_get_idx(page, i);
        int64_t id = json_get_int(entry, "id", 0);

        if (id > 0 && is_account(json_object_object_get(entry, "account"), found) &&
            !json_get_text(entry, "suspended_at") && found->count < ARRAY_SIZE(found->ids))
            found->ids[found->count++] = id;
    }
    return (int)count;
}

struct repos {
    void (*each)(const struct github_repo *repo, void *arg);
    void *arg;
};

static int take_repos(json_object *page, void *arg, struct error *err)
{
    struct repos *repos = arg;
    json_object *list = json_object_object_get(page, "repositories");
    size_t count;

    if (!json_object_is_type(list, json_type_array))
        return bad_answer(err, "repositories");
    count = json_object_array_length(list);
    for (size_t i = 0; i < count; i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        struct github_repo repo = {
            .full_name = json_get_text(entry, "full_name"),
            .is_private = json_object_get_boolean(json_object_object_get(entry, "private")),
            .html_url = json_get_text(entry, "html_url"),
        };

        if (!repo.full_name || !repo.html_url)
            return bad_answer(err, "full_name and html_url of a repository");
        repos->each(&repo, repos->arg);
    }
    return (int)count;
}

static int take_token(json_object *json, char **ret_token, struct error *err)
{
    const char *token = json_get_text(json, "token");

    if (!token || !token[0] || strlen(token) > 1024 || strpbrk(token, "\r\n"))
        return bad_answer(err, "token");
    *ret_token = xstrdup(token);
    return 0;
}

static int installation_token(struct github *github, const char *bearer, int64_t installation,
                              char **ret_token, struct error *err)
{
    _cleanup_(free_ptr) char *url =
        xasprintf("%s/app/installations/%lld/access_tokens", github->settings->github_api_url,
                  (long long)installation);
    _cleanup_(json_release) json_object *json = NULL;

    if (perform_expecting(github, &(struct call){.url = url, .bearer = bearer, .form = ""}, 201,
                          &json, err) < 0)
        return -1;
    return take_token(json, ret_token, err);
}

int github_repos(struct github *github, int64_t waited_ms, const char *login,
                 const char *account_id, void (*each)(const struct github_repo *repo, void *arg),
                 void *arg, struct error *err)
{
    const char *api = github->settings->github_api_url;
    _cleanup_(free_ptr) char *installations_url = xasprintf("%s/app/installations", api);
    _cleanup_(free_ptr) char *repos_url = xasprintf("%s/installation/repositories", api);
    _cleanup_(buf_release) struct buf bearer = BUF_INIT;
    struct installations found = {.login = login, .account_id = account_id};
    struct repos repos = {each, arg};

    start_deadline(github, waited_ms);
    if (app_token(github, &bearer, err) < 0 ||
        each_page(github, installations_url, bearer.data, take_installations, &found, err) < 0)
        return -1;
    if (found.count == 0)
        return error_set(err, ERROR_CONFLICT, "GITHUB_APP_NOT_INSTALLED",
                         "the GitHub App is not installed on the account %s; install it and "
                         "choose repositories",
                         login);
    for (size_t i = 0; i < found.count; i++) {
        _cleanup_(free_ptr) char *token = NULL;

        if (installation_token(github, bearer.data, found.ids[i], &token, err) < 0 ||
            each_page(github, repos_url, token, take_repos, &repos, err) < 0)
            return -1;
    }
    return 0;
}

/* --- one repository -------------------------------------------------------------------------- */

static bool has_app(const struct github *github)
{
    return github->settings->github_app_id[0] && github->app_key.length > 0;
}

/* The installation that reaches it, whosever that is; 0: none, or it is suspended, or another
 * account's. */
static int find_installation(struct github *github, const struct installations *wanted,
                             const char *repo, int64_t *ret_installation_id, struct error *err)
{
    _cleanup_(free_ptr) char *url =
        xasprintf("%s/repos/%s/installation", github->settings->github_api_url, repo);
    _cleanup_(buf_release) struct buf bearer = BUF_INIT;
    _cleanup_(json_release) json_object *json = NULL;
    int64_t id;
    long status;

    *ret_installation_id = 0;
    if (app_token(github, &bearer, err) < 0 ||
        perform(github, &(struct call){.url = url, .bearer = bearer.data}, &status, &json, err) < 0)
        return -1;
    if (status == 404 || status == 301)
        return 0;
    if (status != 200)
        return refused_us(status, json, err);
    id = json_get_int(json, "id", 0);
    if (id <= 0)
        return bad_answer(err, "id of an installation");
    if (is_account(json_object_object_get(json, "account"), wanted) &&
        !json_get_text(json, "suspended_at"))
        *ret_installation_id = id;
    return 0;
}

/* As the OAuth App, where there is one: GitHub answers it 5000 times an hour, and others 60 times.
 * Source: "Rate limits for the REST API". */
static int find_public(struct github *github, const char *repo, bool *ret_public, struct error *err)
{
    const struct accounts_settings *settings = github->settings;
    _cleanup_(free_ptr) char *url = xasprintf("%s/repos/%s", settings->github_api_url, repo);
    _cleanup_(free_ptr) char *basic = NULL;
    _cleanup_(json_release) json_object *json = NULL;
    json_object *is_private;
    long status;

    if (settings->github_client_id[0] && github->client_secret.length > 0)
        basic = xasprintf("%s:%s", settings->github_client_id, github->client_secret.data);
    if (perform(github, &(struct call){.url = url, .basic = basic}, &status, &json, err) < 0)
        return -1;
    *ret_public = false;
    if (status == 404 || status == 301)
        return 0;
    if (status != 200)
        return refused_us(status, json, err);
    is_private = json_object_object_get(json, "private");
    if (!json_object_is_type(is_private, json_type_boolean))
        return bad_answer(err, "private of a repository");
    *ret_public = !json_object_get_boolean(is_private);
    return 0;
}

static int out_of_reach(const char *repo, struct error *err)
{
    return error_set(
        err, ERROR_CONFLICT, "GITHUB_APP_NOT_INSTALLED",
        "the repository %s is not public, and the GitHub App is not installed on it by "
        "your own account; check its name, or install the App and choose the "
        "repository",
        repo);
}

int github_reach(struct github *github, int64_t waited_ms, const char *login,
                 const char *account_id, const char *repo, int64_t *ret_installation_id,
                 struct error *err)
{
    const struct installations wanted = {.login = login, .account_id = account_id};
    int64_t installation_id = 0;
    bool is_public = false;

    start_deadline(github, waited_ms);
    if (login && has_app(github) &&
        find_installation(github, &wanted, repo, &installation_id, err) < 0)
        return -1;
    if (installation_id == 0 && find_public(github, repo, &is_public, err) < 0)
        return -1;
    if (installation_id == 0 && !is_public)
        return out_of_reach(repo, err);
    *ret_installation_id = installation_id;
    return 0;
}

/* Names are of few characters (names.h), so that they need no escape. */
int github_token(struct github *github, int64_t installation_id, const char *repo, char **ret_token,
                 struct error *err)
{
    const char *slash = strchr(repo, '/');
    _cleanup_(free_ptr) char *url =
        xasprintf("%s/app/installations/%lld/access_tokens", github->settings->github_api_url,
                  (long long)installation_id);
    _cleanup_(free_ptr) char *wanted =
        xasprintf("{\"repositories\":[\"%s\"],\"permissions\":{\"contents\":\"read\"}}",
                  slash ? slash + 1 : repo);
    _cleanup_(buf_release) struct buf bearer = BUF_INIT;
    _cleanup_(json_release) json_object *json = NULL;
    long status;

    if (github_repo_wrong(repo))
        return error_set(err, ERROR_INVALID, NULL, "'%s' is no repository", repo);
    start_deadline(github, 0);
    if (app_token(github, &bearer, err) < 0 ||
        perform(github, &(struct call){.url = url, .bearer = bearer.data, .json = wanted}, &status,
                &json, err) < 0)
        return -1;
    if (status == 404 || status == 422)
        return out_of_reach(repo, err);
    if (status != 201)
        return refused_us(status, json, err);
    return take_token(json, ret_token, err);
}
