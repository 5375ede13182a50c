/*
 * The daemon's rooms, in every phase of what they do: what dies, comes late, is ended by others or
 * goes away. tests/reaper/run gives the database.
 */
#include "fixture.h"
#include "suites.h"

#include "base/cleanup.h"
#include "base/log.h"

#include "base/banned.h"

#define TESTS_MAX 200

int main(int argc, char **argv)
{
    static const struct suite *const suites[] = {&suite_pool,         &suite_sessions,
                                                 &suite_setups,       &suite_verification_losses,
                                                 &suite_interactions, &suite_verifications,
                                                 &suite_regrades,     &suite_nodes,
                                                 &suite_outages,      &suite_billing,
                                                 &suite_jobs,         &suite_job_losses,
                                                 &suite_job_results,  &suite_verification_trials};
    static struct unit_test tests[TESTS_MAX];
    size_t count = 0;
    int status;

    /* With an argument: only the tests whose names hold it. */
    for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
        for (size_t k = 0; k < suites[i]->count; k++) {
            if (argc > 1 && !strstr(suites[i]->tests[k].behaviour, argv[1]))
                continue;
            if (count == TESTS_MAX) {
                fprintf(stderr, "there are more than %d tests: raise TESTS_MAX\n", TESTS_MAX);
                return 2;
            }
            tests[count++] = suites[i]->tests[k];
        }
    }
    log_open("test-reaper", getenv("CODESET_TEST_LOG") ? LOG_INFO : LOG_ERROR);
    if (fixture_open() < 0)
        return 2;
    status = unit_main("reaper", tests, count);
    fixture_close();
    return status;
}
