#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "grade/names.h"
#include "grade/report.h"

#include "base/banned.h"

#define NAMED_MAX 5          /* tests that a reason names */
#define NAMED_LENGTH 200     /* bytes of each name there */
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
    if (!item)
        return "missing";
    return item->outcome == TEST_SKIPPED ? "skipped" : "failed";
}

/* Adds to `reason` which of the tests did not pass; the number of them. */
static size_t judge(const struct test_report *report, const char *list, const char *const *names,
                    size_t count, enum test_outcome worst, struct buf *reason)
{
    _cleanup_(buf_release) struct buf named = BUF_INIT;
    size_t not_passed = 0;

    for (size_t i = 0; i < count; i++) {
        const struct test_case *item = test_report_find(report, names[i]);

        if (item && item->outcome <= worst)
            continue;
        if (not_passed++ < NAMED_MAX)
            buf_addf(&named, "%s%.*s (%s)", named.length ? ", " : "", NAMED_LENGTH, names[i],
                     fate_of(item));
    }
    if (not_passed > 0)
        buf_addf(reason, "%s%s: %zu of %zu did not pass: %s%s", reason->length ? "; " : "", list,
                 not_passed, count, named.data, not_passed > NAMED_MAX ? ", ..." : "");
    return not_passed;
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
        is_success = judge(report, "fail_to_pass", expectation->fail_to_pass,
                           expectation->fail_to_pass_count, TEST_PASSED, &reason) +
                         judge(report, "pass_to_pass", expectation->pass_to_pass,
                               expectation->pass_to_pass_count, TEST_SKIPPED, &reason) +
                         judge(report, "held_out", expectation->held_out,
                               expectation->held_out_count, TEST_PASSED, &reason) ==
                     0;
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

static size_t explain_list(struct buf *out, const struct test_report *report, const char *list,
                           const char *const *names, size_t count, enum test_outcome worst,
                           bool hide)
{
    _cleanup_(buf_release) struct buf lines = BUF_INIT;
    size_t not_passed = 0;

    for (size_t i = 0; i < count; i++) {
        const struct test_case *item = test_report_find(report, names[i]);

        if ((item && item->outcome <= worst) || not_passed++ >= TEST_EXPLAINED_MAX || hide)
            continue;
        buf_addf(&lines, "  %s: ", fate_of(item));
        add_name(&lines, names[i]);
    }
    if (not_passed > 0)
        buf_addf(out, "%s: %zu of %zu did not pass\n%s", list, not_passed, count, lines.data);
    if (not_passed > TEST_EXPLAINED_MAX && !hide)
        buf_addf(out, "  and %zu more\n", not_passed - TEST_EXPLAINED_MAX);
    return not_passed;
}

void grade_explain(struct buf *out, const struct test_report *report,
                   const struct expectation *expectation, const char *reason)
{
    bool hide = expectation->hide_lists;
    size_t listed = explain_list(out, report, "fail_to_pass", expectation->fail_to_pass,
                                 expectation->fail_to_pass_count, TEST_PASSED, hide) +
                    explain_list(out, report, "pass_to_pass", expectation->pass_to_pass,
                                 expectation->pass_to_pass_count, TEST_SKIPPED, hide) +
                    explain_list(out, report, "held_out", expectation->held_out,
                                 expectation->held_out_count, TEST_PASSED, true);

    if (listed == 0 && reason)
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
 * so nothing is shown but what is named as to be shown. */
void grade_hide(struct test_report *report, const struct expectation *expectation)
{
    if (expectation->held_out_count == 0)
        return;
    for (size_t i = 0; i < report->count; i++)
        report->cases[i].unseen = true;
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
