/*
 * github.h - GitHub as an identity, as a list of repositories, and as where agent jobs get them
 * from. Blocking, and not for two threads at once; called by the `outbound` pool of workers, and
 * for tokens by a thread of the daemon and by codesetctl.
 *
 * Base URLs are settings (GitHub Enterprise Server has both below one host). Every request has a
 * time limit and a cap on its answer, verifies TLS, and follows no redirect; the requests of one
 * call end together 50 seconds after its user began to wait, before nginx gives up waiting:
 * waited_ms is what the user has waited already (request_waited_ms). If GitHub refuses this server
 * rather than its user, that is logged as github_refused_us. Sources: GitHub's REST documentation,
 * API version 2022-11-28, "Authorizing OAuth apps", and "Troubleshooting OAuth app access token
 * request errors".
 *
 * Codes: GITHUB_NOT_CONFIGURED, GITHUB_CODE_REFUSED, GITHUB_EMAIL_UNVERIFIED,
 * GITHUB_APP_NOT_INSTALLED, GITHUB_TIMEOUT (slow), GITHUB_UNAVAILABLE (down, or refusing us),
 * GITHUB_BAD_ANSWER (its answer makes no sense).
 */
#ifndef CODESET_GITHUB_GITHUB_H
#define CODESET_GITHUB_GITHUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct accounts_settings;
struct github;

/* Reads the secrets that the settings name. The settings must outlive it. */
struct github *github_new(const struct accounts_settings *settings, struct error *err);

/* The same for whoever signs in nobody: only the App's key is read. */
struct github *github_app_new(const struct accounts_settings *settings, struct error *err);
void github_free(struct github *github);

struct github_user {
    char *id;    /* GitHub's number, in decimal */
    char *login; /* may change; id does not */
    char *name;  /* the login where the user gave no name */
    char *email; /* the primary address, verified */
};

void github_user_release(struct github_user *user);

/* Exchanges an OAuth code and reads who it belongs to. redirect_uri may be NULL. */
int github_sign_in(struct github *github, int64_t waited_ms, const char *code,
                   const char *redirect_uri, struct github_user *ret_user, struct error *err);

struct github_repo {
    const char *full_name;
    bool is_private;
    const char *html_url;
};

/* Calls each for every repository that the App's installations on an account reach: the one with
 * this login and this number (github_user's id), since a login can pass to another account. What a
 * repo points to lives until the callback returns. */
int github_repos(struct github *github, int64_t waited_ms, const char *login,
                 const char *account_id, void (*each)(const struct github_repo *repo, void *arg),
                 void *arg, struct error *err);

/*
 * May this account have an agent work on the repository ("owner/name", see names.h)? By an
 * installation of the App on the account itself, as above, that reaches it: *ret_installation_id.
 * Or because it is public: 0. login NULL: an account without GitHub, which has public ones only.
 * Code GITHUB_APP_NOT_INSTALLED: neither.
 */
int github_reach(struct github *github, int64_t waited_ms, const char *login,
                 const char *account_id, const char *repo, int64_t *ret_installation_id,
                 struct error *err);

/* A token for this one repository of the installation, to read its contents; good for an hour.
 * *ret_token is the caller's. Code GITHUB_APP_NOT_INSTALLED: the installation does not reach it
 * (any more). */
int github_token(struct github *github, int64_t installation_id, const char *repo, char **ret_token,
                 struct error *err);

#endif
