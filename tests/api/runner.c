#include "runner.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#include "base/banned.h"

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

static bool add_suite(const struct suite *suite)
{
    CU_pSuite added = CU_add_suite(suite->name, NULL, NULL);

    for (size_t i = 0; added && i < suite->count; i++)
        if (!CU_add_test(added, suite->tests[i].behaviour, suite->tests[i].run))
            return false;
    return added != NULL;
}

/* The number of tests, 0 when something went wrong. */
static unsigned add_suites(const struct suite *const *suites, size_t count, int argc, char **argv)
{
    unsigned registered = 0;

    for (size_t i = 0; i < count; i++) {
        if (!wanted(suites[i]->name, argc, argv))
            continue;
        if (!add_suite(suites[i]))
            return 0;
        registered += (unsigned)suites[i]->count;
    }
    if (registered == 0)
        fprintf(stderr, "no such suite\n");
    return registered;
}

int run_suites(const struct suite *const *suites, size_t count, int argc, char **argv,
               void (*end)(void))
{
    unsigned registered = 0;
    int status = 2;

    setvbuf(stdout, NULL, _IONBF, 0); /* a test that crashes or hangs has told its name */
    client_open();
    if (CU_initialize_registry() == CUE_SUCCESS)
        registered = add_suites(suites, count, argc, argv);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (registered && fixture_open() == 0 && CU_basic_run_tests() == CUE_SUCCESS) {
        bool good = CU_get_number_of_tests_failed() == 0 && client_violations() == 0 &&
                    CU_get_number_of_tests_run() == registered;

        printf("requests: %u validated, %u not; answers that break docs/openapi.json: %u\n",
               client_validated(), client_direct(), client_violations());
        status = good ? 0 : 1;
    }
    if (end)
        end();
    fixture_close();
    CU_cleanup_registry();
    client_close();
    return status;
}
