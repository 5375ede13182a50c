/*
 * codeset-blackbox - the API from outside, through nginx and TLS, against a stack that is up:
 *
 *     set -a; eval "$(tests/stack up --set api.sessions_per_user=32)"; set +a
 *     CODESET_SESSIONS_PER_USER=32 codeset-blackbox [SUITE...]
 */
#include "runner.h"

#include "base/banned.h"

extern const struct suite suite_health, suite_protocol, suite_credentials, suite_datasets,
    suite_samples, suite_download, suite_sessions, suite_exec, suite_holds, suite_replace,
    suite_upload, suite_fields, suite_verify, suite_strangers, suite_once, suite_billing,
    suite_jobs;

static const struct suite *const suites[] = {
    &suite_health,   &suite_protocol, &suite_credentials, &suite_datasets,  &suite_samples,
    &suite_download, &suite_sessions, &suite_exec,        &suite_holds,     &suite_replace,
    &suite_upload,   &suite_fields,   &suite_verify,      &suite_strangers, &suite_once,
    &suite_billing,  &suite_jobs,
};

int main(int argc, char **argv)
{
    return run_suites(suites, ARRAY_SIZE(suites), argc, argv, NULL);
}
