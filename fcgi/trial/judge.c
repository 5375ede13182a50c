#include "trial/judge.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "trial/alike.h"

#include "base/banned.h"

#define OUTCOMES_MOST 200000
#define NAME_MOST 8192
#define MESSAGE_MOST 4096
#define COMPILED_MOST 2000

/* --- what a run says ------------------------------------------------------------------------- */

static void outcomes_release(struct trial_outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(outcomes[i].test);
        free(outcomes[i].message);
    }
    free(outcomes);
}

void trial_end_release(struct trial_end *end)
{
    outcomes_release(end->outcomes, end->outcome_count);
    json_object_put(end->compiled);
    free(end->fault);
    free(end->collection);
    free(end->printed);
    free(end->said);
    memset(end, 0, sizeof(*end));
}

static char *text_copy(json_object *object, const char *key, size_t most)
{
    const char *text = json_get_text(object, key);

    return text ? xasprintf("%.*s", (int)most, text) : NULL;
}

static struct trial_outcome *new_outcome(struct trial_end *end)
{
    if (end->outcome_count == end->outcome_room) {
        end->outcome_room += end->outcome_room / 2 + 64;
        end->outcomes = xrealloc(end->outcomes, end->outcome_room * sizeof(*end->outcomes));
    }
    return &end->outcomes[end->outcome_count++];
}

void trial_end_add(struct trial_end *end, const char *test, enum trial_result result,
                   double seconds, const char *message)
{
    *new_outcome(end) = (struct trial_outcome){
        .test = xstrdup(test),
        .result = result,
        .seconds = seconds,
        .message = xasprintf("%.*s", MESSAGE_MOST, message),
    };
}

static bool hear_test(struct trial_end *end, json_object *object)
{
    int64_t result = json_get_int(object, "outcome", -1);
    json_object *seconds = json_object_object_get(object, "seconds");
    struct trial_outcome *outcome;

    if (result < TRIAL_PASSED || result > TRIAL_FAILED || end->outcome_count == OUTCOMES_MOST ||
        end->said_status >= 0)
        return false;
    outcome = new_outcome(end);
    outcome->test = text_copy(object, "test", NAME_MOST);
    outcome->result = (enum trial_result)result;
    outcome->seconds = json_object_get_double(seconds);
    if (!(outcome->seconds >= 0 && outcome->seconds < 1e6))
        outcome->seconds = 0;
    outcome->message = text_copy(object, "message", MESSAGE_MOST);
    return true;
}

static void hear_compiled(struct trial_end *end, json_object *path)
{
    if (!end->compiled)
        end->compiled = json_object_new_array();
    if (json_object_array_length(end->compiled) < COMPILED_MOST &&
        json_object_get_string_len(path) < PATH_MAX)
        json_object_array_add(end->compiled, json_object_get(path));
}

bool trial_end_hear(struct trial_end *end, const char *line, size_t length)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct error ignored = ERROR_INIT;
    int64_t status;

    if (json_parse(line, length, &object, NULL, &ignored) < 0 ||
        !json_object_is_type(object, json_type_object))
        return false;
    if (json_get_text(object, "test"))
        return hear_test(end, object);
    if (json_get_text(object, "compiled")) {
        hear_compiled(end, json_object_object_get(object, "compiled"));
        return true;
    }
    if (json_get_text(object, "fault")) {
        if (!end->collection)
            end->collection = text_copy(object, "message", MESSAGE_MOST);
        return true;
    }
    status = json_get_int(object, "status", -1);
    if (status < 0 || status > 255 || end->said_status >= 0)
        return false;
    end->said_status = (int)status;
    return true;
}

const char *trial_end_contradiction(const struct trial_end *end)
{
    bool failed = end->collection != NULL;

    if (end->fault)
        return end->fault;
    if (end->said_status < 0)
        return "the run ended before its tests did";
    if (end->status != end->said_status)
        return "the run ended with another status than it said";
    if (end->status != 0 && end->status != 1)
        return "the tests were not run to their end";
    for (size_t i = 0; i < end->outcome_count; i++)
        failed |= end->outcomes[i].result == TRIAL_FAILED;
    return failed == (end->status == 1) ? NULL : "the run's status contradicts its tests";
}

static bool is_listed(const struct trial_plan *plan, size_t function, const char *parameters)
{
    size_t length = strlen(plan->functions[function]);

    for (size_t i = 0; i < plan->listed_count; i++)
        if (strncmp(plan->listed[i], plan->functions[function], length) == 0 &&
            strcmp(plan->listed[i] + length, parameters) == 0)
            return true;
    return false;
}

/* How many tests of the slot came out as they must; -1: one did not. */
static long rehearsed_in(const struct trial_plan *plan, const struct trial_slot *slot,
                         const struct trial_end *end, double *seconds)
{
    long count = 0;

    for (size_t i = 0; i < end->outcome_count; i++) {
        const struct trial_outcome *outcome = &end->outcomes[i];

        if (trial_names_compare(plan->names, outcome->test, slot->id) != 0)
            continue;
        if (outcome->result != (slot->planted ? TRIAL_FAILED : TRIAL_PASSED) ||
            !is_listed(plan, slot->function, outcome->test + strlen(slot->id)))
            return -1;
        *seconds += outcome->seconds;
        count++;
    }
    return count;
}

/* Ended a run so, its word would not count. But what ended as its time was over (2) has more of it
 * when it is no rehearsal. */
static bool did_end(const struct trial_end *end)
{
    return !end->fault && end->status == end->said_status && end->status <= 2;
}

bool trial_was_rehearsed(const struct trial_plan *plan, const struct trial_end *ends,
                         size_t function, double *ret_seconds)
{
    size_t slots = 0;
    long listed = 0;
    double seconds = 0;

    for (size_t i = 0; i < plan->listed_count; i++)
        listed += trial_names_compare(plan->names, plan->listed[i], plan->functions[function]) == 0;
    for (size_t i = 0; i < plan->rehearsal_count; i++)
        for (size_t n = 0; n < plan->rehearsals[i].slot_count; n++) {
            const struct trial_slot *slot = &plan->rehearsals[i].slots[n];

            if (slot->function != function)
                continue;
            if (!did_end(&ends[i]) || rehearsed_in(plan, slot, &ends[i], &seconds) != listed)
                return false;
            slots++;
        }
    *ret_seconds = seconds;
    return slots > 0 && listed > 0;
}

/* --- what it is worth ------------------------------------------------------------------------ */

static void verdict_add(struct trial_verdict *verdict, const char *test, enum trial_result result,
                        double seconds, const char *message)
{
    if (verdict->count == verdict->room) {
        verdict->room += verdict->room / 2 + 64;
        verdict->outcomes = xrealloc(verdict->outcomes, verdict->room * sizeof(*verdict->outcomes));
    }
    verdict->outcomes[verdict->count++] = (struct trial_outcome){
        .test = xstrdup(test),
        .result = result,
        .seconds = seconds,
        .message = xstrdup(message ? message : ""),
    };
}

void trial_verdict_release(struct trial_verdict *verdict)
{
    outcomes_release(verdict->outcomes, verdict->count);
    free(verdict->tampered);
    memset(verdict, 0, sizeof(*verdict));
}

/* What a run said of one function. */
struct cases {
    const struct trial_slot *slot; /* NULL: the run does not have it */
    const struct trial_outcome **items;
    size_t count, room;
};

/* All that the runs said, by function; and of the others what the run of all tests said. */
struct hearing {
    const struct trial_plan *plan;
    const struct trial_end *ends;
    size_t count;         /* of the steps that have been run */
    struct cases *cases;  /* [step][function] */
    size_t *first, *next; /* of a function's listed tests: the first, one behind another; from 1 */
    struct trial_alike failed; /* the functions whose tests did not all pass */
};

static struct cases *cases_of(const struct hearing *hearing, size_t step, size_t function)
{
    return &hearing->cases[step * hearing->plan->function_count + function];
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct trial_slot *const *)a)->id,
                  (*(const struct trial_slot *const *)b)->id);
}

/* What is looked for in sorted lists. */
struct key {
    enum trial_names names;
    const char *test;
};

static int by_function(const void *key, const void *slot)
{
    const struct key *wanted = key;

    return trial_names_compare(wanted->names, wanted->test,
                               (*(const struct trial_slot *const *)slot)->id);
}

static int by_file(const void *key, const void *file)
{
    const struct key *wanted = key;

    return trial_names_compare_file(wanted->names, wanted->test, *(const char *const *)file);
}

/*
 * Could a run have a test of this name, beside those of its slots? It is in one of the files, and
 * none of the functions, which have other names in a run. A name that only resembles a listed one
 * is possible, and may be found by whoever looks for that: see share_fates.
 */
static bool is_possible(const struct trial_plan *plan, const char *test)
{
    const struct key key = {plan->names, test};

    if (!bsearch(&key, plan->files, plan->file_count, sizeof(char *), by_file))
        return false;
    for (size_t i = 0; i < plan->function_count; i++)
        if (trial_names_compare(plan->names, test, plan->functions[i]) == 0)
            return false;
    return true;
}

static void cases_add(struct cases *cases, const struct trial_outcome *outcome)
{
    if (cases->count == cases->room) {
        cases->room += cases->room / 2 + 8;
        cases->items = xrealloc(cases->items, cases->room * sizeof(struct trial_outcome *));
    }
    cases->items[cases->count++] = outcome;
}

/* The tests that must go on to pass are judged as they are met. */
static void hear_step(struct hearing *hearing, size_t at, struct trial_verdict *verdict)
{
    const struct trial_step *step = &hearing->plan->steps[at];
    const struct trial_end *end = &hearing->ends[at];
    const char *contradiction = trial_end_contradiction(end);
    _cleanup_(free_ptr) const struct trial_slot **slots =
        xcalloc(step->slot_count + 1, sizeof(struct trial_slot *));

    if (end->left_out)
        return;
    for (size_t i = 0; i < step->slot_count; i++) {
        slots[i] = &step->slots[i];
        cases_of(hearing, at, step->slots[i].function)->slot = &step->slots[i];
    }
    qsort(slots, step->slot_count, sizeof(struct trial_slot *), by_id);
    for (size_t i = 0; i < end->outcome_count; i++) {
        const struct trial_outcome *outcome = &end->outcomes[i];
        const struct key key = {hearing->plan->names, outcome->test};
        const struct trial_slot **found =
            bsearch(&key, slots, step->slot_count, sizeof(struct trial_slot *), by_function);

        if (found)
            cases_add(cases_of(hearing, at, (*found)->function), outcome);
        else if (step->all && is_possible(hearing->plan, outcome->test))
            verdict_add(verdict, outcome->test, contradiction ? TRIAL_FAILED : outcome->result,
                        outcome->seconds, contradiction ? contradiction : outcome->message);
    }
}

static void hearing_release(struct hearing *hearing)
{
    for (size_t i = 0; i < hearing->plan->step_count * hearing->plan->function_count; i++)
        free(hearing->cases[i].items);
    free(hearing->cases);
    free(hearing->first);
    free(hearing->next);
    trial_alike_release(&hearing->failed);
}

/* One case of a function that must be mended, by its parameters. */
struct judged {
    enum trial_result result;
    double seconds;
    const char *message;
    const char *planted; /* the kind of a planted failure that did not fail; NULL: none */
};

/* What follows the function's name: "[x]", or nothing. */
static const char *parameters_of(const struct cases *cases, size_t n)
{
    return cases->items[n]->test + strlen(cases->slot->id);
}

static int by_test(const void *a, const void *b)
{
    return strcmp((*(const struct trial_outcome *const *)a)->test,
                  (*(const struct trial_outcome *const *)b)->test);
}

/* The first of the sorted cases with these parameters, and how many there are. */
static size_t find_cases(const struct cases *cases, const char *parameters, size_t *ret_count)
{
    size_t first = 0, end = cases->count, count = 0;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(parameters_of(cases, middle), parameters) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    while (first + count < cases->count &&
           strcmp(parameters_of(cases, first + count), parameters) == 0)
        count++;
    *ret_count = count;
    return first;
}

static void judge_true(struct judged *judged, const struct cases *cases,
                       const struct trial_end *end, const char *parameters)
{
    const char *contradiction = trial_end_contradiction(end);
    size_t count, first = find_cases(cases, parameters, &count);

    for (size_t i = first; i < first + count; i++) {
        const struct trial_outcome *outcome = cases->items[i];

        judged->seconds = outcome->seconds;
        if (outcome->result > judged->result) {
            judged->result = outcome->result;
            judged->message = outcome->message;
        }
    }
    if (contradiction || count == 0) {
        judged->result = TRIAL_FAILED;
        judged->message = contradiction     ? contradiction
                          : end->collection ? end->collection
                                            : "it did not run";
    }
}

static struct judged judge_case(const struct hearing *hearing, size_t function,
                                const char *parameters)
{
    struct judged judged = {.result = TRIAL_PASSED};

    for (size_t i = 0; i < hearing->count; i++) {
        const struct cases *cases = cases_of(hearing, i, function);
        size_t count, first;

        if (!cases->slot)
            continue;
        if (!cases->slot->planted) {
            judge_true(&judged, cases, &hearing->ends[i], parameters);
            continue;
        }
        first = find_cases(cases, parameters, &count);
        for (size_t n = first; n < first + count; n++)
            if (cases->items[n]->result == TRIAL_PASSED)
                judged.planted = cases->slot->planted;
    }
    return judged;
}

static int by_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All parameters that a true run has, sorted; those of several runs come several times. */
static const char **all_parameters(const struct hearing *hearing, size_t function,
                                   size_t *ret_count)
{
    size_t count = 0, next = 0;
    const char **all;

    for (size_t i = 0; i < hearing->count; i++)
        count += cases_of(hearing, i, function)->count;
    all = xcalloc(count + 1, sizeof(*all));
    for (size_t i = 0; i < hearing->count; i++) {
        const struct cases *cases = cases_of(hearing, i, function);

        for (size_t n = 0; n < cases->count && !cases->slot->planted; n++)
            all[next++] = parameters_of(cases, n);
    }
    qsort(all, next, sizeof(*all), by_words);
    *ret_count = next;
    return all;
}

static void judge_parameters(const struct hearing *hearing, size_t function, const char *parameters,
                             struct trial_verdict *verdict)
{
    const struct judged judged = judge_case(hearing, function, parameters);
    _cleanup_(free_ptr) char *test =
        xasprintf("%s%s", hearing->plan->functions[function], parameters);

    /* Where the true one fails there is nothing to gain by a lie, and code that is wrong may
     * well be what a planted test asks for. */
    if (judged.result == TRIAL_PASSED && judged.planted && !verdict->tampered)
        verdict->tampered =
            hearing->plan->is_hidden
                ? xasprintf("a test passed with a failure planted in it (%.40s)", judged.planted)
                : xasprintf("%.200s passed with a failure planted in it (%.40s)", test,
                            judged.planted);
    verdict_add(verdict, test, judged.result, judged.seconds, judged.message);
}

/* Does a true run have the listed test? Lists that were read off logs have its parameters cut off
 * at their first blank, or lack blanks at the end. */
static bool is_told(const char *const *parameters, size_t count, const char *listed)
{
    size_t length = strlen(listed);

    while (length > 0 && strchr(" \t\r\n", listed[length - 1]))
        length--;
    for (size_t i = 0; i < count; i++)
        if (strncmp(parameters[i], listed, length) == 0 &&
            (parameters[i][length] == '\0' ||
             (parameters[i][length] == ' ' && length > 0 && !memchr(listed, ' ', length))))
            return true;
    return false;
}

/* A test that the lists have and no true run has. Where the lists are hidden, the grader misses it
 * by itself and knows what may be said of that. */
static void fail_missing(const struct hearing *hearing, size_t function, const char *test,
                         const char *parameters, struct trial_verdict *verdict)
{
    const struct judged judged = judge_case(hearing, function, parameters);

    if (judged.result != TRIAL_FAILED) /* there was no true run yet */
        return;
    verdict->lacks = true;
    if (!hearing->plan->is_hidden)
        verdict_add(verdict, test, TRIAL_FAILED, 0, judged.message);
}

static void fail_all_missing(const struct hearing *hearing, size_t function,
                             const char *const *parameters, size_t count,
                             struct trial_verdict *verdict)
{
    const struct trial_plan *plan = hearing->plan;
    const char *own = plan->functions[function];

    for (size_t at = hearing->first[function]; at > 0; at = hearing->next[at - 1]) {
        const char *listed = plan->listed[at - 1];

        if (!is_told(parameters, count, listed + strlen(own)))
            fail_missing(hearing, function, listed, listed + strlen(own), verdict);
    }
    if (hearing->first[function] == 0 && count == 0)
        fail_missing(hearing, function, own, "", verdict);
}

static void judge_function(struct hearing *hearing, size_t function, struct trial_verdict *verdict)
{
    size_t count, before = verdict->count;
    enum trial_result worst = TRIAL_PASSED;
    _cleanup_(free_ptr) const char **parameters = NULL;

    for (size_t i = 0; i < hearing->count; i++) {
        struct cases *cases = cases_of(hearing, i, function);

        if (cases->count > 0)
            qsort(cases->items, cases->count, sizeof(struct trial_outcome *), by_test);
    }
    parameters = all_parameters(hearing, function, &count);
    fail_all_missing(hearing, function, parameters, count, verdict);
    for (size_t n = 0; n < count; n++)
        if (n == 0 || strcmp(parameters[n], parameters[n - 1]) != 0)
            judge_parameters(hearing, function, parameters[n], verdict);
    for (size_t i = before; i < verdict->count; i++)
        if (verdict->outcomes[i].result > worst)
            worst = verdict->outcomes[i].result;
    if (worst != TRIAL_PASSED)
        trial_alike_add(&hearing->failed, hearing->plan->functions[function], worst);
}

/*
 * A run can tell of tests whose names whoever reads the report may take for a listed one's: with
 * more before it, or other blanks. No such test comes out better than what it resembles. Nobody who
 * is honest loses by that: where a listed test has not passed, there is no success.
 */
static void share_fates(struct hearing *hearing, struct trial_verdict *verdict, size_t others)
{
    if (hearing->plan->names == TRIAL_NAMES_WHOLE)
        return; /* of programs the supervisor tells by itself */
    trial_alike_sort(&hearing->failed);
    for (size_t i = 0; i < others; i++) {
        struct trial_outcome *outcome = &verdict->outcomes[i];
        enum trial_result worst = trial_alike_worst(&hearing->failed, outcome->test);

        if (worst <= outcome->result)
            continue;
        outcome->result = worst;
        free(outcome->message);
        outcome->message = xstrdup("its name resembles that of a test that did not pass");
    }
}

/* --- all ------------------------------------------------------------------------------------- */

static int by_own_name(const void *a, const void *b)
{
    return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

static int by_function_name(const void *key, const void *name)
{
    const struct key *wanted = key;

    return trial_names_compare(wanted->names, wanted->test, **(const char *const *const *)name);
}

/* Which of the listed tests are of which function. */
static void find_listed(struct hearing *hearing)
{
    const struct trial_plan *plan = hearing->plan;
    _cleanup_(free_ptr) const char ***sorted =
        xcalloc(plan->function_count + 1, sizeof(*sorted)); /* where they are in the plan */

    for (size_t i = 0; i < plan->function_count; i++)
        sorted[i] = &plan->functions[i];
    qsort(sorted, plan->function_count, sizeof(*sorted), by_own_name);
    for (size_t i = plan->listed_count; i > 0; i--) {
        const struct key key = {plan->names, plan->listed[i - 1]};
        const char ***found =
            bsearch(&key, sorted, plan->function_count, sizeof(*sorted), by_function_name);

        if (!found)
            continue;
        hearing->next[i - 1] = hearing->first[*found - plan->functions];
        hearing->first[*found - plan->functions] = i;
    }
}

/* To be released. The verdict gets what the run of all tests said of others than the functions. */
static struct hearing hear_steps(const struct trial_plan *plan, const struct trial_end *ends,
                                 size_t count, struct trial_verdict *verdict)
{
    struct hearing hearing = {
        .plan = plan,
        .ends = ends,
        .count = count,
        .cases = xcalloc(plan->step_count * plan->function_count + 1, sizeof(struct cases)),
        .first = xcalloc(plan->function_count + 1, sizeof(size_t)),
        .next = xcalloc(plan->listed_count + 1, sizeof(size_t)),
    };

    find_listed(&hearing);
    for (size_t i = 0; i < count; i++)
        hear_step(&hearing, i, verdict);
    return hearing;
}

/* The outcomes of the functions are behind all others: from *ret_others on. */
static void judge_some(const struct trial_plan *plan, const struct trial_end *ends, size_t count,
                       struct trial_verdict *verdict, size_t *ret_others)
{
    struct hearing hearing = hear_steps(plan, ends, count, verdict);

    *ret_others = verdict->count;
    for (size_t i = 0; i < plan->function_count; i++)
        judge_function(&hearing, i, verdict);
    share_fates(&hearing, verdict, *ret_others);
    hearing_release(&hearing);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct trial_outcome *)a)->test, ((const struct trial_outcome *)b)->test);
}

static void fail_all(struct trial_verdict *verdict, const char *why)
{
    for (size_t i = 0; i < verdict->count; i++) {
        verdict->outcomes[i].result = TRIAL_FAILED;
        free(verdict->outcomes[i].message);
        verdict->outcomes[i].message = xstrdup(why);
    }
}

void trial_judge(const struct trial_plan *plan, const struct trial_end *ends,
                 struct trial_verdict *ret_verdict)
{
    struct trial_verdict verdict = {.names = plan->names};
    size_t others;

    judge_some(plan, ends, plan->step_count, &verdict, &others);
    if (verdict.tampered) {
        _cleanup_(free_ptr) char *why = xasprintf("GRADER_TAMPERED: %s", verdict.tampered);

        fail_all(&verdict, why);
    } else if (verdict.lacks && plan->is_hidden) {
        /* The report does not have what is missing, and whoever looks for that must find no other.
         */
        fail_all(&verdict, "a test that must run did not run");
    }
    if (verdict.count > 0)
        qsort(verdict.outcomes, verdict.count, sizeof(*verdict.outcomes), by_name);
    *ret_verdict = verdict;
}

bool trial_is_decided(const struct trial_plan *plan, const struct trial_end *ends, size_t count)
{
    _cleanup_(trial_verdict_release) struct trial_verdict verdict = {0};
    size_t others;

    judge_some(plan, ends, count, &verdict, &others);
    for (size_t i = others; i < verdict.count; i++)
        if (verdict.outcomes[i].result == TRIAL_FAILED)
            return true;
    return verdict.lacks || verdict.tampered;
}

/* --- for whoever looks after the sample ------------------------------------------------------ */

static const char *end_of(const struct cases *cases, const struct trial_end *end)
{
    size_t counts[] = {[TRIAL_PASSED] = 0, [TRIAL_SKIPPED] = 0, [TRIAL_FAILED] = 0};

    for (size_t i = 0; i < cases->count; i++)
        counts[cases->items[i]->result]++;
    if (cases->slot->planted && counts[TRIAL_PASSED] > 0)
        return "passed";
    if (cases->count == 0 || trial_end_contradiction(end))
        return "no result";
    if (!cases->slot->planted && counts[TRIAL_FAILED] > 0)
        return "failed";
    if (counts[TRIAL_SKIPPED] > 0)
        return "skipped";
    return cases->slot->planted ? "failed" : "passed";
}

void trial_each_slot(const struct trial_plan *plan, const struct trial_end *ends,
                     void (*each)(const struct trial_slot *slot, const char *end, void *arg),
                     void *arg)
{
    _cleanup_(trial_verdict_release) struct trial_verdict ignored = {0};
    struct hearing hearing = hear_steps(plan, ends, plan->step_count, &ignored);

    for (size_t function = 0; function < plan->function_count; function++)
        for (size_t step = 0; step < plan->step_count; step++) {
            const struct cases *cases = cases_of(&hearing, step, function);

            if (cases->slot)
                each(cases->slot, end_of(cases, &ends[step]), arg);
        }
    hearing_release(&hearing);
}

/* --- the report ------------------------------------------------------------------------------ */

/* As an attribute; what XML forbids becomes '?'. */
static void add_escaped(struct buf *xml, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '&':
            buf_add_str(xml, "&amp;");
            break;
        case '<':
            buf_add_str(xml, "&lt;");
            break;
        case '"':
            buf_add_str(xml, "&quot;");
            break;
        case '\n':
        case '\t':
        case '\r':
            buf_addf(xml, "&#%d;", text[i]);
            break;
        default:
            buf_add_char(xml, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
        }
    }
}

static void add_names(enum trial_names names, struct buf *xml, const char *test)
{
    _cleanup_(buf_release) struct buf class_name = BUF_INIT;
    const char *name;

    trial_names_split(names, test, &class_name, &name);
    buf_add_str(xml, "<testcase classname=\"");
    add_escaped(xml, class_name.data, class_name.length);
    buf_add_str(xml, "\" name=\"");
    add_escaped(xml, name, strlen(name));
}

void trial_report(const struct trial_verdict *verdict, struct buf *xml)
{
    buf_add_str(xml, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                     "<testsuites><testsuite name=\"trial\">\n");
    for (size_t i = 0; i < verdict->count; i++) {
        const struct trial_outcome *outcome = &verdict->outcomes[i];

        add_names(verdict->names, xml, outcome->test);
        buf_addf(xml, "\" time=\"%.4f\">", outcome->seconds);
        if (outcome->result == TRIAL_FAILED) {
            buf_add_str(xml, "<failure message=\"");
            add_escaped(xml, outcome->message, strlen(outcome->message));
            buf_add_str(xml, "\"/>");
        } else if (outcome->result == TRIAL_SKIPPED) {
            buf_add_str(xml, "<skipped/>");
        }
        buf_add_str(xml, "</testcase>\n");
    }
    buf_add_str(xml, "</testsuite></testsuites>\n");
}
