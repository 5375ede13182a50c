#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "grade/names.h"
#include "grade/report.h"

#include "base/banned.h"

#define NAMED_MAX 5          /* tests that a reason names */
#define NAMED_LENGTH 200     /* bytes of each name there */
#define FITS_MAX 200000      /* names that are tried on single cases: a few seconds */
#define EXPLAINED_LENGTH 400 /* bytes of each name in an explanation */

/* All names are looked up before the first is judged: a test that another one names is not what a
 * looser reading finds for this one. */
static void claim(const struct test_report *report, const struct expectation *expectation)
{
    struct test_report *claimed = (struct test_report *)report; /* a cache */

    names_claim_none(claimed);
    for (size_t i = 0; i < expectation->fail_to_pass_count; i++)
        names_claim(claimed, expectation->fail_to_pass[i]);
    for (size_t i = 0; i < expectation->pass_to_pass_count; i++)
        names_claim(claimed, expectation->pass_to_pass[i]);
    for (size_t i = 0; i < expectation->held_out_count; i++)
        names_claim(claimed, expectation->held_out[i]);
    for (size_t i = 0; expectation->exact && i < expectation->fail_to_fail_count; i++)
        names_claim(claimed, expectation->fail_to_fail[i]);
}

/* How many tests have to pass. */
static size_t wanted(const struct expectation *expectation)
{
    return expectation->fail_to_pass_count + expectation->pass_to_pass_count +
           expectation->held_out_count;
}

bool grade_has_lists(const struct expectation *expectation)
{
    return wanted(expectation) + expectation->fail_to_fail_count > 0;
}

static const char *fate_of(const struct test_case *item)
{
    static const char *const words[] = {
        [TEST_PASSED] = "passed",
        [TEST_SKIPPED] = "skipped",
        [TEST_FAILED] = "failed",
    };

    return item ? words[item->outcome] : "missing";
}

/* One of a sample's lists, and what its tests are to come to. */
struct listed {
    const char *list;
    const char *const *names;
    size_t count;
    enum test_outcome least, most;
    const char *shortfall;
    bool hidden; /* nobody is told what it names */
};

#define LISTS_MAX 4

/* Those that count; their number. */
static size_t lists_of(const struct expectation *expectation, struct listed lists[LISTS_MAX])
{
    lists[0] = (struct listed){.list = "fail_to_pass",
                               .names = expectation->fail_to_pass,
                               .count = expectation->fail_to_pass_count,
                               .least = TEST_PASSED,
                               .most = TEST_PASSED,
                               .shortfall = "did not pass",
                               .hidden = expectation->hide_lists};
    lists[1] = (struct listed){.list = "pass_to_pass",
                               .names = expectation->pass_to_pass,
                               .count = expectation->pass_to_pass_count,
                               .least = TEST_PASSED,
                               .most = TEST_SKIPPED,
                               .shortfall = "did not pass",
                               .hidden = expectation->hide_lists};
    lists[2] = (struct listed){.list = "held_out",
                               .names = expectation->held_out,
                               .count = expectation->held_out_count,
                               .least = TEST_PASSED,
                               .most = TEST_PASSED,
                               .shortfall = "did not pass",
                               .hidden = true};
    lists[3] = (struct listed){.list = "fail_to_fail",
                               .names = expectation->fail_to_fail,
                               .count = expectation->fail_to_fail_count,
                               .least = TEST_FAILED,
                               .most = TEST_FAILED,
                               .shortfall = "did not fail",
                               .hidden = expectation->hide_lists};
    return expectation->exact ? 4 : 3;
}

static bool is_as_listed(const struct listed *listed, const struct test_case *item)
{
    return item && item->outcome >= listed->least && item->outcome <= listed->most;
}

/* Adds to `reason` which of the tests are not as they should be; the number of them. */
static size_t judge(const struct test_report *report, const struct listed *listed,
                    struct buf *reason)
{
    _cleanup_(buf_release) struct buf named = BUF_INIT;
    size_t wrong = 0;

    for (size_t i = 0; i < listed->count; i++) {
        const struct test_case *item = test_report_find(report, listed->names[i]);

        if (is_as_listed(listed, item))
            continue;
        if (wrong++ < NAMED_MAX)
            buf_addf(&named, "%s%.*s (%s)", named.length ? ", " : "", NAMED_LENGTH,
                     listed->names[i], fate_of(item));
    }
    if (wrong > 0)
        buf_addf(reason, "%s%s: %zu of %zu %s: %s%s", reason->length ? "; " : "", listed->list,
                 wrong, listed->count, listed->shortfall, named.data,
                 wrong > NAMED_MAX ? ", ..." : "");
    return wrong;
}

/* Does no list name it? A name claims one case only, and may stand for more: of those that failed,
 * too, it can only be one that must fail. pytest enters files that it can't collect as failed tests
 * without a class: those, and what has no name at all, are in nobody's list. */
static bool is_in_no_list(const struct test_report *report, size_t number,
                          const struct expectation *expectation, size_t *tries)
{
    const struct test_case *item = &report->cases[number];

    if (report->claims[number].names > 0 || !item->classname[0] || !item->name[0])
        return false;
    if (expectation->fail_to_fail_count > *tries)
        return true;
    *tries -= expectation->fail_to_fail_count;
    return !names_fit(item, expectation->fail_to_fail, expectation->fail_to_fail_count);
}

/* Adds to `reason` which tests failed that no list names; the number of them. */
static size_t judge_others(const struct test_report *report, const struct expectation *expectation,
                           struct buf *reason)
{
    _cleanup_(buf_release) struct buf named = BUF_INIT;
    size_t wrong = 0, tries = FITS_MAX;

    for (size_t i = 0; i < report->claimed; i++) {
        const struct test_case *item = &report->cases[i];

        if (item->outcome != TEST_FAILED || !is_in_no_list(report, i, expectation, &tries))
            continue;
        if (wrong++ < NAMED_MAX)
            buf_addf(&named, "%s%.*s", named.length ? ", " : "", NAMED_LENGTH, item->id);
    }
    if (wrong > 0)
        buf_addf(reason, "%sfailed, and in no list: %zu: %s%s", reason->length ? "; " : "", wrong,
                 named.data, wrong > NAMED_MAX ? ", ..." : "");
    return wrong;
}

static bool judge_lists(const struct test_report *report, const struct expectation *expectation,
                        struct buf *reason)
{
    struct listed lists[LISTS_MAX];
    size_t count = lists_of(expectation, lists), wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += judge(report, &lists[i], reason);
    if (expectation->exact)
        wrong += judge_others(report, expectation, reason);
    return wrong == 0;
}

static size_t count_of(const struct test_report *report, enum test_outcome outcome)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++)
        count += report->cases[i].outcome == outcome;
    return count;
}

/* Without lists, the verifier's own word counts, as long as tests ran. */
static bool judge_without_lists(const struct test_report *report, bool verifier_succeeded,
                                struct buf *reason)
{
    size_t failed = count_of(report, TEST_FAILED);

    if (failed > 0)
        buf_addf(reason, "%zu of %zu tests failed", failed, report->count);
    else if (count_of(report, TEST_PASSED) == 0)
        buf_add_str(reason, "no test ran");
    else if (!verifier_succeeded)
        buf_add_str(reason, "the verifier's exit status is not 0");
    return reason->length == 0;
}

bool grade(const struct test_report *report, const struct expectation *expectation,
           char **ret_reason)
{
    _cleanup_(buf_release) struct buf reason = BUF_INIT;
    bool is_success = false;

    claim(report, expectation);
    if (!grade_has_lists(expectation))
        is_success = judge_without_lists(report, expectation->verifier_succeeded, &reason);
    else if (wanted(expectation) == 0)
        buf_add_str(&reason, "no test is listed that must pass");
    else
        is_success = judge_lists(report, expectation, &reason);
    if (ret_reason)
        *ret_reason = is_success ? NULL : buf_take(&reason);
    return is_success;
}

/* A line's worth of a name: control characters would make it more, a cut character none. */
static void add_name(struct buf *out, const char *name)
{
    size_t length = strlen(name);

    if (length > EXPLAINED_LENGTH) {
        length = EXPLAINED_LENGTH;
        while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        buf_add_char(out, (unsigned char)name[i] < 0x20 ? ' ' : name[i]);
    buf_add_str(out, name[length] ? "...\n" : "\n");
}

static size_t explain_list(struct buf *out, const struct test_report *report,
                           const struct listed *listed)
{
    _cleanup_(buf_release) struct buf lines = BUF_INIT;
    size_t wrong = 0;

    for (size_t i = 0; i < listed->count; i++) {
        const struct test_case *item = test_report_find(report, listed->names[i]);

        if (is_as_listed(listed, item) || wrong++ >= TEST_EXPLAINED_MAX || listed->hidden)
            continue;
        buf_addf(&lines, "  %s: ", fate_of(item));
        add_name(&lines, listed->names[i]);
    }
    if (wrong > 0)
        buf_addf(out, "%s: %zu of %zu %s\n%s", listed->list, wrong, listed->count,
                 listed->shortfall, lines.data);
    if (wrong > TEST_EXPLAINED_MAX && !listed->hidden)
        buf_addf(out, "  and %zu more\n", wrong - TEST_EXPLAINED_MAX);
    return wrong;
}

/* The reason names tests that failed and are in no list: these may be held out, too, or tell what
 * the hidden lists name. */
static bool explain_others(struct buf *out, const struct test_report *report,
                           const struct expectation *expectation)
{
    _cleanup_(buf_release) struct buf unsaid = BUF_INIT;
    size_t wrong;

    if (!expectation->exact || (!expectation->hide_lists && expectation->held_out_count == 0))
        return false;
    wrong = judge_others(report, expectation, &unsaid);
    if (wrong > 0)
        buf_addf(out, "failed, and in no list: %zu\n", wrong);
    return wrong > 0;
}

void grade_explain(struct buf *out, const struct test_report *report,
                   const struct expectation *expectation, const char *reason)
{
    struct listed lists[LISTS_MAX];
    size_t count = lists_of(expectation, lists), wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += explain_list(out, report, &lists[i]);
    if (wrong == 0 && reason && !explain_others(out, report, expectation))
        add_name(out, reason);
}

static bool any_failed(const struct test_report *report, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct test_case *item = test_report_find(report, names[i]);

        if (item && item->outcome == TEST_FAILED)
            return true;
    }
    return false;
}

bool grade_has_failed(const struct test_report *report, const struct expectation *expectation)
{
    if (!grade_has_lists(expectation))
        return count_of(report, TEST_FAILED) > 0;
    claim(report, expectation);
    return any_failed(report, expectation->fail_to_pass, expectation->fail_to_pass_count) ||
           any_failed(report, expectation->pass_to_pass, expectation->pass_to_pass_count) ||
           any_failed(report, expectation->held_out, expectation->held_out_count);
}

/* --- what is shown --------------------------------------------------------------------------- */

static void set_unseen(struct test_report *report, const char *const *names, size_t count,
                       bool unseen)
{
    for (size_t i = 0; i < count; i++) {
        const struct test_case *item = test_report_find(report, names[i]);

        if (item)
            report->cases[item - report->cases].unseen = unseen;
    }
}

/* A name may stand for several tests, and what it does not find may be held out under another one:
 * so nothing is shown but what is named as to be shown. What a test says may quote another one, so
 * no message is. */
void grade_hide(struct test_report *report, const struct expectation *expectation)
{
    if (expectation->held_out_count == 0)
        return;
    for (size_t i = 0; i < report->count; i++) {
        report->cases[i].unseen = true;
        report->cases[i].message[0] = '\0';
    }
    if (expectation->hide_lists)
        return;
    set_unseen(report, expectation->fail_to_pass, expectation->fail_to_pass_count, false);
    set_unseen(report, expectation->pass_to_pass, expectation->pass_to_pass_count, false);
    set_unseen(report, expectation->held_out, expectation->held_out_count, true);
}

struct missing {
    const char *names[TEST_MISSING_MAX];
    size_t count;
};

static void find_missing(struct missing *missing, const struct test_report *report,
                         const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && missing->count < TEST_MISSING_MAX; i++) {
        if (!test_report_find(report, names[i]))
            missing->names[missing->count++] = names[i];
    }
}

/* All are looked for before the first is added: an added one must not be found for another. */
void grade_add_missing(struct test_report *report, const struct expectation *expectation)
{
    struct missing missing = {.count = 0};
    size_t listed;

    find_missing(&missing, report, expectation->fail_to_pass, expectation->fail_to_pass_count);
    find_missing(&missing, report, expectation->pass_to_pass, expectation->pass_to_pass_count);
    listed = expectation->hide_lists ? 0 : missing.count;
    find_missing(&missing, report, expectation->held_out, expectation->held_out_count);
    for (size_t i = 0; i < missing.count; i++) {
        size_t before = report->count;

        test_report_add_case(report, "", missing.names[i], TEST_FAILED, 0, TEST_MISSING_MESSAGE);
        if (report->count > before)
            report->cases[before].unseen = i >= listed;
    }
}

static void add_member(struct buf *out, const char *key, const char *text, size_t length)
{
    buf_addf(out, ",\"%s\":", key);
    json_write_string(out, text, length);
}

static void add_case(struct buf *out, const struct test_case *item)
{
    buf_add_str(out, "{\"name\":");
    json_write_string(out, item->name, strlen(item->name));
    add_member(out, "classname", item->classname, strlen(item->classname));
    buf_addf(out, ",\"time\":%.3f", item->seconds);
    if (item->outcome != TEST_PASSED)
        add_member(out, "message", item->message, strlen(item->message));
    buf_add_char(out, '}');
}

static void add_cases(struct buf *out, const struct test_report *report, enum test_outcome outcome)
{
    static const char *const lists[] = {
        [TEST_PASSED] = "passes",
        [TEST_SKIPPED] = "skips",
        [TEST_FAILED] = "failures",
    };
    const char *before = "";

    buf_addf(out, ",\"%s\":[", lists[outcome]);
    for (size_t i = 0; i < report->count; i++) {
        if (report->cases[i].outcome != outcome || report->cases[i].unseen)
            continue;
        buf_add_str(out, before);
        add_case(out, &report->cases[i]);
        before = ",";
    }
    buf_add_char(out, ']');
}

/* Written as it goes: 200,000 tests as json-c's objects would be 300 MiB. */
void grade_result(struct buf *out, const struct test_report *report, bool is_success,
                  double seconds, const char *out_text, size_t out_length, const char *err_text,
                  size_t err_length)
{
    buf_addf(out,
             "{\"tool\":\"test_suite\",\"is_success\":%s,\"execution_duration_seconds\":%.3f,"
             "\"total\":%zu,\"passed\":%zu,\"failed\":%zu,\"skipped\":%zu",
             is_success ? "true" : "false", seconds, report->count, count_of(report, TEST_PASSED),
             count_of(report, TEST_FAILED), count_of(report, TEST_SKIPPED));
    add_cases(out, report, TEST_PASSED);
    add_cases(out, report, TEST_FAILED);
    add_cases(out, report, TEST_SKIPPED);
    add_member(out, "stdout", out_text, out_length);
    add_member(out, "stderr", err_text, err_length);
    buf_add_char(out, '}');
}
