#include "reaper/job_token.h"

#include "base/cleanup.h"
#include "github/github.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct github *, free_github, github_free)

int job_token(const struct accounts_settings *settings, int64_t installation_id, const char *repo,
              char **ret_token, struct error *err)
{
    _cleanup_(free_github) struct github *github = github_app_new(settings, err);

    return github ? github_token(github, installation_id, repo, ret_token, err) : -1;
}
