#include "reaper/job_token.h"

#include "base/banned.h"

int job_token(const struct accounts_settings *settings, int64_t installation_id, const char *repo,
              char **ret_token, struct error *err)
{
    (void)settings;
    (void)installation_id;
    (void)repo;
    (void)ret_token;
    return error_set(err, ERROR_INTERNAL, "GITHUB_NOT_CONFIGURED", "no GitHub App is configured");
}
