/*
 * suites.h - the files of tests; each has its table.
 */
#ifndef CODESET_TESTS_REAPER_SUITES_H
#define CODESET_TESTS_REAPER_SUITES_H

#include "../unit/unit.h"

struct suite {
    const struct unit_test *tests;
    size_t count;
};

extern const struct suite suite_pool, suite_sessions, suite_setups, suite_verification_losses,
    suite_interactions, suite_verifications, suite_nodes, suite_outages, suite_billing, suite_jobs,
    suite_job_losses, suite_job_results, suite_regrades, suite_verification_trials;

#endif
