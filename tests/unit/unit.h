/*
 * unit.h - a CUnit program of one suite: a table of tests, each named by a sentence of behaviour.
 */
#ifndef CODESET_TESTS_UNIT_H
#define CODESET_TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdio.h>

struct unit_test {
    const char *behaviour;
    void (*run)(void);
};

/* Runs them all; the exit status of main: 0 only if each ran and none failed. before_each: runs
 * ahead of every test; NULL: nothing does. */
static inline int unit_main_with(const char *suite_name, const struct unit_test *tests,
                                 size_t count, void (*before_each)(void))
{
    CU_pSuite suite;
    unsigned int failed, ran;

    if (count == 0) {
        fprintf(stderr, "%s: there is no such test\n", suite_name);
        return 2;
    }
    setvbuf(stdout, NULL, _IONBF, 0); /* a test that crashes or hangs has told its name */
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite_with_setup_and_teardown(suite_name, NULL, NULL, before_each, NULL);
    for (size_t i = 0; suite && i < count; i++)
        if (!CU_add_test(suite, tests[i].behaviour, tests[i].run))
            return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (!suite || CU_basic_run_tests() != CUE_SUCCESS)
        return 2;
    failed = CU_get_number_of_failures();
    ran = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failed == 0 && ran == count ? 0 : 1;
}

static inline int unit_main(const char *suite_name, const struct unit_test *tests, size_t count)
{
    return unit_main_with(suite_name, tests, count, NULL);
}

#define UNIT_MAIN(name, tests) unit_main(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
