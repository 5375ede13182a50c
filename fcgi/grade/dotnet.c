/*
 * The dialects of .NET's runners: NUnit (TestResult.xml of 2 and 3), Visual Studio's TRX, and
 * xUnit.net's own. A word for an outcome that none of them has is a failure.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/parser.h"

#include "base/banned.h"

static enum test_outcome outcome_of(const char *word, const char *const *passed,
                                    const char *const *skipped)
{
    if (parser_is_one_of(word, passed))
        return TEST_PASSED;
    return parser_is_one_of(word, skipped) ? TEST_SKIPPED : TEST_FAILED;
}

/* A failure of what is around the tests: a case that is named after it. */
static void begin_outside(struct parser *p, const char *name)
{
    parser_begin_case(p);
    p->item.classname = parser_name(p, name);
    p->item.outcome = TEST_FAILED;
}

static void name_case(struct parser *p, const char *classname, const char *full)
{
    size_t length = classname ? strlen(classname) : 0;

    if (length == 0) {
        parser_split_name(p, full ? full : "");
        return;
    }
    if (full && strncmp(full, classname, length) == 0 && full[length] == '.')
        full += length + 1;
    p->item.classname = parser_name(p, classname);
    p->item.name = parser_name(p, full);
}

/* --- NUnit ----------------------------------------------------------------------------------- */

/* "Inconclusive" is a test whose conditions were not met. A warning is none of failure. */
static void begin_nunit_case(struct parser *p, const char **attributes)
{
    static const char *const passed[] = {"Passed", "Success", "Warning", NULL};
    static const char *const skipped[] = {"Skipped", "Ignored", "Inconclusive", "Explicit", NULL};
    const char *full = parser_attribute(attributes, "fullname");
    const char *seconds = parser_attribute(attributes, "duration");

    parser_begin_case(p);
    name_case(p, parser_attribute(attributes, "classname"),
              full ? full : parser_attribute(attributes, "name"));
    p->item.seconds = parser_seconds(seconds ? seconds : parser_attribute(attributes, "time"));
    p->item.outcome = outcome_of(parser_attribute(attributes, "result"), passed, skipped);
}

static void begin_nunit(struct parser *p, const char *element, const char **attributes)
{
    const char *site = parser_attribute(attributes, "site");

    if (p->case_depth) {
        if (strcmp(element, "message") == 0)
            parser_capture_first_message(p);
    } else if (strcmp(element, "test-suite") == 0) {
        p->has_suite = true;
        if (site && (strcmp(site, "SetUp") == 0 || strcmp(site, "TearDown") == 0)) {
            const char *name = parser_attribute(attributes, "fullname");

            p->suites[p->depth] = parser_name(p, name ? name : "suite");
        }
    } else if (strcmp(element, "test-case") == 0) {
        begin_nunit_case(p, attributes);
    } else if (strcmp(element, "failure") == 0 && p->suites[p->depth - 1]) {
        begin_outside(p, p->suites[p->depth - 1]);
    }
}

const struct dialect dialect_nunit = {
    .roots = {"test-run", "test-results"},
    .start = begin_nunit,
};

/* --- TRX ------------------------------------------------------------------------------------- */

static void note_id(struct parser *p, const char *id)
{
    size_t number = p->list.count;
    struct test_index_slot *slot =
        test_index_claim(&p->ids, test_index_hash(&p->ids, id, strlen(id)));

    if (number >= p->next_room) {
        p->next_room = number * 2 + 64;
        p->next_of_id = xrealloc(p->next_of_id, p->next_room * sizeof(*p->next_of_id));
    }
    p->ids.count += slot->number == 0;
    p->next_of_id[number] = slot->number;
    slot->number = (uint32_t)number + 1;
}

static void begin_trx_result(struct parser *p, const char **attributes)
{
    static const char *const passed[] = {"Passed", "PassedButRunAborted", "Warning", "Completed",
                                         NULL};
    static const char *const skipped[] = {"NotExecuted", "Inconclusive", "Pending", "Disconnected",
                                          NULL};
    const char *id = parser_attribute(attributes, "testId");

    parser_begin_case(p);
    p->has_suite = true;
    p->item.name = parser_name(p, parser_attribute(attributes, "testName"));
    p->item.seconds = parser_seconds(parser_attribute(attributes, "duration"));
    p->item.outcome = outcome_of(parser_attribute(attributes, "outcome"), passed, skipped);
    if (id)
        note_id(p, id);
}

/* A definition comes behind the results, and names the class of all that have its id. */
static void name_class(struct parser *p, const char *classname)
{
    uint32_t number =
        p->id ? test_index_get(&p->ids, test_index_hash(&p->ids, p->id, strlen(p->id))) : 0;

    for (size_t next = number; next > 0; next = p->next_of_id[next - 1]) {
        struct test_case *item;
        size_t length = strcspn(classname, ","); /* MSTest adds the assembly */

        if (next > p->list.count)
            break;
        item = &p->list.cases[next - 1];
        if (item->classname || length > TEST_NAME_MAX)
            continue;
        item->classname = xstrndup(classname, length);
        if (strncmp(item->name, classname, length) == 0 && item->name[length] == '.')
            memmove(item->name, item->name + length + 1, strlen(item->name + length + 1) + 1);
    }
}

static void begin_trx(struct parser *p, const char *element, const char **attributes)
{
    const char *outcome = parser_attribute(attributes, "outcome");

    if (p->case_depth) {
        if (strcmp(element, "Message") == 0 || strcmp(element, "Text") == 0)
            parser_capture_first_message(p);
    } else if (strcmp(element, "UnitTestResult") == 0) {
        begin_trx_result(p, attributes);
    } else if (strcmp(element, "Results") == 0) {
        p->has_suite = true;
    } else if (strcmp(element, "RunInfo") == 0 && outcome && strcmp(outcome, "Error") == 0) {
        begin_outside(p, "RunInfo");
    } else if (strcmp(element, "UnitTest") == 0) {
        const char *id = parser_attribute(attributes, "id");

        free(p->id);
        p->id = id ? xstrdup(id) : NULL;
    } else if (strcmp(element, "TestMethod") == 0 && parser_attribute(attributes, "className")) {
        name_class(p, parser_attribute(attributes, "className"));
    }
}

/* What no definition named: its name is a full one, or all there is. */
static void end_trx(struct parser *p)
{
    for (size_t i = 0; i < p->list.count; i++) {
        struct test_case *item = &p->list.cases[i];

        if (!item->classname)
            item->classname = xstrdup("");
    }
}

const struct dialect dialect_trx = {
    .roots = {"TestRun"},
    .start = begin_trx,
    .end_report = end_trx,
};

/* --- xUnit.net ------------------------------------------------------------------------------- */

static void begin_xunit(struct parser *p, const char *element, const char **attributes)
{
    static const char *const passed[] = {"Pass", NULL}, *const skipped[] = {"Skip", "NotRun", NULL};
    const char *name = parser_attribute(attributes, "name");

    if (p->case_depth) {
        if (strcmp(element, "message") == 0 || strcmp(element, "reason") == 0)
            parser_capture_first_message(p);
    } else if (strcmp(element, "assembly") == 0) {
        p->has_suite = true;
    } else if (strcmp(element, "test") == 0) {
        parser_begin_case(p);
        name_case(p, parser_attribute(attributes, "type"), name);
        p->item.seconds = parser_seconds(parser_attribute(attributes, "time"));
        p->item.outcome = outcome_of(parser_attribute(attributes, "result"), passed, skipped);
    } else if (strcmp(element, "error") == 0) {
        begin_outside(p, name && name[0] ? name : "error");
    }
}

const struct dialect dialect_xunit = {
    .roots = {"assemblies", "assembly"},
    .start = begin_xunit,
};
