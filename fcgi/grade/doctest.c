/*
 * doctest's XML (`-r=xml`): test cases, in them subcases, in these what was asserted.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/parser.h"

#include "base/banned.h"

/* A test case says at its end what it came to. One that doesn't has no end of its own: what is
 * tested writes to the same place, and may have put another one there. */
static void fail_unjudged(struct parser *p)
{
    for (; p->judged < p->list.count; p->judged++) {
        struct test_case *item = &p->list.cases[p->judged];

        if (item->outcome == TEST_PASSED)
            item->outcome = TEST_FAILED;
    }
}

/* What is open holds other cases, so it is taken at once. Its class is the test case: of what is in
 * subcases of subcases, too. */
static void begin_case(struct parser *p, const char **attributes)
{
    const char *skipped = parser_attribute(attributes, "skipped");
    char *name = parser_name(p, parser_attribute(attributes, "name"));

    parser_begin_case(p);
    p->has_suite = true;
    p->item.name = xstrdup(name);
    for (int i = 1; i < p->depth && !p->item.classname; i++)
        p->item.classname = xstrdup(p->suites[i]);
    p->item.outcome = skipped && strcmp(skipped, "true") == 0 ? TEST_SKIPPED : TEST_PASSED;
    p->taken[p->depth] = parser_take_early(p);
    p->suites[p->depth] = name;
}

/* All that is open has failed. */
static void fail_open(struct parser *p)
{
    for (int i = 1; i < p->depth; i++)
        if (p->suites[i] && p->taken[i])
            p->list.cases[p->taken[i] - 1].outcome = TEST_FAILED;
}

/* A warning that does not hold is no failure. */
static bool is_failure(const char *element, const char **attributes)
{
    const char *success = parser_attribute(attributes, "success");
    const char *type = parser_attribute(attributes, "type");

    if (strcmp(element, "Expression") == 0)
        return success && strcmp(success, "false") == 0 && !(type && strncmp(type, "WARN", 4) == 0);
    if (strcmp(element, "Message") == 0)
        return type && strstr(type, "ERROR");
    return strcmp(element, "Exception") == 0;
}

/* What the whole test case came to: it may be expected to fail. */
static void end_test_case(struct parser *p, const char **attributes)
{
    const char *success = parser_attribute(attributes, "test_case_success");
    int open = p->depth - 1;

    if (!success || !p->suites[open] || !p->taken[open])
        return;
    p->list.cases[p->taken[open] - 1].outcome =
        strcmp(success, "true") == 0 ? TEST_PASSED : TEST_FAILED;
    p->judged = p->list.count;
}

static void begin_doctest(struct parser *p, const char *element, const char **attributes)
{
    if (strcmp(element, "TestCase") == 0)
        fail_unjudged(p);
    if (strcmp(element, "TestCase") == 0 || strcmp(element, "SubCase") == 0)
        begin_case(p, attributes);
    else if (strcmp(element, "TestSuite") == 0)
        p->has_suite = true;
    else if (strcmp(element, "OverallResultsAsserts") == 0)
        end_test_case(p, attributes);
    else if (is_failure(element, attributes))
        fail_open(p);
}

const struct dialect dialect_doctest = {
    .roots = {"doctest"},
    .start = begin_doctest,
    .end_report = fail_unjudged,
};
