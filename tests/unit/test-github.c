/* GitHub as nobody reaches it: what a call says without an answer of GitHub's. */
#include <string.h>

#include "base/cleanup.h"
#include "github/github.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

static char nobody_listens[] = "https://127.0.0.1:1", nothing[] = "";

static const struct accounts_settings settings = {
    .github_url = nobody_listens,
    .github_api_url = nobody_listens,
    .github_ca_file = nothing,
    .github_client_id = nothing,
    .github_client_secret_file = nothing,
    .github_app_id = nothing,
    .github_app_key_file = nothing,
    .github_timeout_seconds = 60,
};

static void code_after_waiting(int64_t waited_ms, const char *expected)
{
    struct error err = ERROR_INIT;
    struct github *github = github_new(&settings, &err);
    int64_t installation_id = -1;

    CU_ASSERT_PTR_NOT_NULL_FATAL(github);
    CU_ASSERT_EQUAL(github_reach(github, waited_ms, NULL, NULL, "o/r", &installation_id, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, expected);
    CU_ASSERT_EQUAL(installation_id, -1);
    error_clear(&err);
    github_free(github);
}

static void who_has_time_is_told_that_github_is_away(void)
{
    code_after_waiting(0, "GITHUB_UNAVAILABLE");
    code_after_waiting(30000, "GITHUB_UNAVAILABLE");
}

static void who_waited_too_long_for_a_worker_does_not_wait_for_github(void)
{
    code_after_waiting(50000, "GITHUB_TIMEOUT");
    code_after_waiting(86400000, "GITHUB_TIMEOUT");
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"who has time is told that GitHub is away", who_has_time_is_told_that_github_is_away},
        {"who waited too long for a worker does not wait for GitHub",
         who_waited_too_long_for_a_worker_does_not_wait_for_github},
    };

    return UNIT_MAIN("github", tests);
}
