/*
 * TestNG's testng-results.xml and Robot Framework's output.xml.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/parser.h"

#include "base/banned.h"

static enum test_outcome outcome_of(const char *word)
{
    if (word && strcmp(word, "PASS") == 0)
        return TEST_PASSED;
    return word && (strcmp(word, "SKIP") == 0 || strcmp(word, "NOT RUN") == 0) ? TEST_SKIPPED
                                                                               : TEST_FAILED;
}

/* --- TestNG ---------------------------------------------------------------------------------- */

/* A method for configuration (BeforeClass ...) is a test only where it failed. */
static void begin_method(struct parser *p, const char **attributes)
{
    const char *config = parser_attribute(attributes, "is-config");
    enum test_outcome outcome = outcome_of(parser_attribute(attributes, "status"));

    if (config && strcmp(config, "true") == 0 && outcome != TEST_FAILED)
        return;
    parser_begin_case(p);
    p->item.name = parser_name(p, parser_attribute(attributes, "name"));
    p->item.classname = xstrdup(p->suites[p->depth - 1] ? p->suites[p->depth - 1] : "");
    p->item.seconds = parser_seconds(parser_attribute(attributes, "duration-ms")) / 1000;
    p->item.outcome = outcome;
}

static void begin_testng(struct parser *p, const char *element, const char **attributes)
{
    if (p->case_depth) {
        if (strcmp(element, "message") == 0)
            parser_capture_first_message(p);
    } else if (strcmp(element, "suite") == 0) {
        p->has_suite = true;
    } else if (strcmp(element, "class") == 0) {
        p->suites[p->depth] = parser_name(p, parser_attribute(attributes, "name"));
    } else if (strcmp(element, "test-method") == 0) {
        begin_method(p, attributes);
    }
}

const struct dialect dialect_testng = {
    .roots = {"testng-results"},
    .start = begin_testng,
};

/* --- Robot ----------------------------------------------------------------------------------- */

/* The suites that are open, with dots, as Robot writes long names. */
static char *long_name(const struct parser *p)
{
    _cleanup_(buf_release) struct buf name = BUF_INIT;

    for (int i = 1; i < p->depth; i++)
        if (p->suites[i])
            buf_addf(&name, "%s%s", name.length ? "." : "", p->suites[i]);
    buf_truncate(&name, name.length < TEST_NAME_MAX ? name.length : 0);
    return buf_take(&name);
}

/* The status of a test is a child of its own; keywords have theirs, deeper. */
static void begin_robot(struct parser *p, const char *element, const char **attributes)
{
    if (p->case_depth) {
        if (p->depth != p->case_depth + 1 || strcmp(element, "status") != 0)
            return;
        p->item.outcome = outcome_of(parser_attribute(attributes, "status"));
        p->item.seconds = parser_seconds(parser_attribute(attributes, "elapsed"));
        parser_capture_first_message(p);
    } else if (strcmp(element, "suite") == 0) {
        p->has_suite = true;
        p->suites[p->depth] = parser_name(p, parser_attribute(attributes, "name"));
    } else if (strcmp(element, "test") == 0 && p->suites[p->depth - 1]) {
        parser_begin_case(p);
        p->item.name = parser_name(p, parser_attribute(attributes, "name"));
        p->item.classname = long_name(p);
        p->item.outcome = TEST_FAILED; /* unless it says how it ended */
    }
}

const struct dialect dialect_robot = {
    .roots = {"robot"},
    .start = begin_robot,
};
