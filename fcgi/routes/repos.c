/*
 * GET /repos: what the user's GitHub App installations can reach.
 *
 * A worker keeps the last answers in memory for repos_cache_seconds, so that a page that is loaded
 * again costs GitHub nothing. That is a copy, not a state: a worker without it asks GitHub.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "github/github.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/identity.h"

#include "base/banned.h"

#define CACHE_USERS 64 /* at most that many answers are kept */

struct cached {
    struct id user_id;
    char *login;
    int64_t until; /* clock_monotonic */
    struct buf body;
};

static struct cached cache[CACHE_USERS];

static void add_repo(const struct github_repo *repo, void *arg)
{
    struct buf *body = arg;

    render_open(body, NULL, '{');
    render_text(body, "full_name", repo->full_name);
    render_bool(body, "private", repo->is_private);
    render_text(body, "html_url", repo->html_url);
    render_close(body, '}');
}

/* The user's entry, or the one that is nearest to its end. A login that changed is another
 * account: its entry is of no use. */
static struct cached *find_cached(const struct id *user_id)
{
    struct cached *oldest = &cache[0];

    for (size_t i = 0; i < CACHE_USERS; i++) {
        if (strcmp(cache[i].user_id.text, user_id->text) == 0)
            return &cache[i];
        if (cache[i].until < oldest->until)
            oldest = &cache[i];
    }
    return oldest;
}

static bool is_fresh(const struct cached *entry, const struct profile *profile)
{
    return strcmp(entry->user_id.text, profile->user_id.text) == 0 && entry->login &&
           strcmp(entry->login, profile->github_login) == 0 && clock_monotonic() < entry->until;
}

static void keep(struct cached *entry, const struct profile *profile, const struct buf *body,
                 int64_t seconds)
{
    free(entry->login);
    if (!entry->body.data)
        entry->body = (struct buf)BUF_INIT;
    buf_clear(&entry->body);
    entry->user_id = profile->user_id;
    entry->login = xstrdup(profile->github_login);
    entry->until = clock_monotonic() + seconds * CLOCK_SECOND;
    buf_add(&entry->body, body->data, body->length);
}

static int get_repos(void *app, const struct request *request, const void *values,
                     struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(profile_release) struct profile profile = {0};
    struct cached *entry;
    struct buf *body;

    (void)values;
    if (store_profile_get(api->db, &api->caller.user_id, &profile, err) < 0)
        return -1;
    if (!profile.github_login || !profile.github_id)
        return error_set(err, ERROR_CONFLICT, "GITHUB_APP_NOT_INSTALLED",
                         "This account is not linked to GitHub; sign in with GitHub first.");
    entry = find_cached(&profile.user_id);
    body = answer_json(answer, 200);
    if (is_fresh(entry, &profile)) {
        buf_add(body, entry->body.data, entry->body.length);
        return 0;
    }
    render_open(body, NULL, '{');
    render_open(body, "repos", '[');
    if (github_repos(api->github, request_waited_ms(request), profile.github_login,
                     profile.github_id, add_repo, body, err) < 0)
        return -1;
    render_close(body, ']');
    render_close(body, '}');
    keep(entry, &profile, body, api->settings->accounts.repos_cache_seconds);
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/repos", get_repos, ROUTE_BEARER, .pool = "outbound"},
};
const struct route_list repos_routes = {rows, ARRAY_SIZE(rows)};
