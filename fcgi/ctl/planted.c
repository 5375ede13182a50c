#include "ctl/planted.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/verifications.h"

#include "base/banned.h"

#define SHOWN_MOST 20 /* tests of a kind that are told by name */

/* Objects, as each test is to be found by its name. */
struct planted {
    json_object *tests;                             /* with what was planted and unchanged */
    json_object *unplanted, *unrehearsed, *not_run; /* keys only */
    int64_t more;
    bool is_told; /* something was added */
};

struct planted *planted_new(void)
{
    struct planted *planted = xcalloc(1, sizeof(*planted));

    planted->tests = json_object_new_object();
    planted->unplanted = json_object_new_object();
    planted->unrehearsed = json_object_new_object();
    planted->not_run = json_object_new_object();
    return planted;
}

void planted_free(struct planted *planted)
{
    if (!planted)
        return;
    json_object_put(planted->tests);
    json_object_put(planted->unplanted);
    json_object_put(planted->unrehearsed);
    json_object_put(planted->not_run);
    free(planted);
}

/* --- what a supervisor told ------------------------------------------------------------------ */

static json_object *typed(json_object *object, const char *key, json_type type)
{
    json_object *found = NULL;

    return json_object_object_get_ex(object, key, &found) && json_object_is_type(found, type)
               ? found
               : NULL;
}

/* The last line of its stderr; *ret_offset: where that begins. NULL: it is not told. */
static json_object *last_line(const struct verification_report *report, size_t *ret_offset)
{
    const char *text = report->err.bytes;
    size_t end = report->err.length, begin;
    json_object *told = NULL;
    struct error ignored = ERROR_INIT;

    if (!report->is_trial || !text || end == 0)
        return NULL;
    if (text[end - 1] == '\n')
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n';)
        begin--;
    if (json_parse(text + begin, end - begin, &told, NULL, &ignored) < 0)
        return NULL;
    if (typed(told, "tests", json_type_array)) {
        *ret_offset = begin;
        return told;
    }
    json_object_put(told);
    return NULL;
}

size_t planted_offset(const struct verification_report *report)
{
    size_t offset = report->err.length;

    json_object_put(last_line(report, &offset));
    return offset;
}

static json_object *member(json_object *object, const char *key)
{
    json_object *found = typed(object, key, json_type_object);

    if (!found) {
        found = json_object_new_object();
        json_add(object, key, found);
    }
    return found;
}

static void add_counts(json_object *sums, json_object *counts)
{
    if (!json_object_is_type(counts, json_type_object))
        return;
    json_object_object_foreach (counts, end, count) {
        json_add_int(sums, end, json_get_int(sums, end, 0) + json_object_get_int64(count));
    }
}

static void add_test(struct planted *planted, json_object *told)
{
    const char *name = json_get_text(told, "test");
    json_object *kinds = typed(told, "planted", json_type_object), *test;

    if (!name || !kinds)
        return;
    test = member(planted->tests, name);
    json_object_object_foreach (kinds, kind, counts) {
        add_counts(member(member(test, "planted"), kind), counts);
    }
    add_counts(member(test, "unchanged"), typed(told, "unchanged", json_type_object));
}

static void add_names(json_object *names, json_object *told)
{
    for (size_t i = 0; told && i < json_object_array_length(told); i++) {
        json_object *name = json_object_array_get_idx(told, i);

        if (json_object_is_type(name, json_type_string))
            json_add(names, json_object_get_string(name), NULL);
    }
}

void planted_add(struct planted *planted, const struct verification_report *report)
{
    size_t offset;
    _cleanup_(json_release) json_object *told = last_line(report, &offset);
    json_object *tests = typed(told, "tests", json_type_array);
    int64_t more = json_get_int(told, "more", 0);

    if (!tests)
        return;
    planted->is_told = true;
    for (size_t i = 0; i < json_object_array_length(tests); i++)
        add_test(planted, json_object_array_get_idx(tests, i));
    add_names(planted->unplanted, typed(told, "unplanted", json_type_array));
    add_names(planted->unrehearsed, typed(told, "unrehearsed", json_type_array));
    add_names(planted->not_run, typed(told, "not_run", json_type_array));
    if (more > planted->more)
        planted->more = more;
}

/* --- the object ------------------------------------------------------------------------------ */

/* *ret_count: how often it ended; returns how often as it should. */
static int64_t count_ends(json_object *ends, const char *expected, int64_t *ret_count)
{
    *ret_count = 0;
    json_object_object_foreach (ends, end, count) {
        (void)end;
        *ret_count += json_object_get_int64(count);
    }
    return json_get_int(ends, expected, 0);
}

static json_object *test_object(const char *name, json_object *sums, int64_t *planted,
                                int64_t *failed)
{
    json_object *object = json_object_new_object();
    json_object *kinds = member(sums, "planted"), *unchanged = member(sums, "unchanged");
    int64_t count, right, all = 0, all_right = 0;

    json_object_object_foreach (kinds, kind, ends) {
        (void)kind;
        all_right += count_ends(ends, "failed", &count);
        all += count;
    }
    right = count_ends(unchanged, "passed", &count);
    json_add_text(object, "test", name);
    json_add(object, "planted", json_object_get(kinds));
    json_add(object, "unchanged", json_object_get(unchanged));
    json_add_bool(object, "as_expected", all == all_right && count == right && count > 0);
    *planted += all;
    *failed += all_right;
    return object;
}

/* Of names that are in no test of these. */
static json_object *list_of(json_object *names, json_object *tests)
{
    json_object *list = json_object_new_array();

    json_object_object_foreach (names, name, nothing) {
        (void)nothing;
        if (!json_object_object_get_ex(tests, name, NULL))
            json_object_array_add(list, json_object_new_string(name));
    }
    return list;
}

json_object *planted_object(const struct planted *planted)
{
    json_object *object, *tests = json_object_new_array();
    int64_t count = 0, failed = 0;
    bool as_expected = true;

    if (!planted->is_told) {
        json_object_put(tests);
        return NULL;
    }
    object = json_object_new_object();
    json_object_object_foreach (planted->tests, name, sums) {
        json_object *test = test_object(name, sums, &count, &failed);

        as_expected &= json_object_get_boolean(json_object_object_get(test, "as_expected"));
        json_object_array_add(tests, test);
    }
    json_add_int(object, "planted", count);
    json_add_int(object, "failed", failed);
    json_add_bool(object, "as_expected", as_expected);
    json_add(object, "tests", tests);
    json_add(object, "unplanted", list_of(planted->unplanted, planted->tests));
    json_add(object, "unrehearsed", list_of(planted->unrehearsed, planted->tests));
    json_add(object, "not_run", list_of(planted->not_run, planted->tests));
    json_add_int(object, "more", planted->more);
    return object;
}

/* --- for people ------------------------------------------------------------------------------ */

static size_t length_of(json_object *object, const char *list)
{
    return json_object_array_length(typed(object, list, json_type_array));
}

void planted_tell_shortly(json_object *object, struct buf *out)
{
    size_t without;

    if (!object) {
        buf_add_str(out, "-");
        return;
    }
    without = length_of(object, "unplanted") + length_of(object, "unrehearsed") +
              length_of(object, "not_run");
    buf_addf(out, "%" PRId64 "/%" PRId64, json_get_int(object, "failed", 0),
             json_get_int(object, "planted", 0));
    if (without > 0)
        buf_addf(out, ", %zu without", without);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void tell_names(json_object *object, const char *list, const char *before,
                       const char *behind, struct buf *out)
{
    json_object *names = typed(object, list, json_type_array);
    size_t count = json_object_array_length(names);

    if (count == 0)
        return;
    buf_addf(out, "%s in %zu listed test%s%s:\n", before, count, plural(count), behind);
    for (size_t i = 0; i < count && i < SHOWN_MOST; i++)
        buf_addf(out, "    %s\n", json_object_get_string(json_object_array_get_idx(names, i)));
    if (count > SHOWN_MOST)
        buf_addf(out, "    and %zu more\n", count - SHOWN_MOST);
}

/* Each way in which it should not have ended. */
static void tell_ends(json_object *ends, const char *expected, const char *what, struct buf *out)
{
    int64_t all;

    (void)count_ends(ends, expected, &all);
    json_object_object_foreach (ends, end, count) {
        if (strcmp(end, expected) != 0)
            buf_addf(out, "        %s: %s in %" PRId64 " of %" PRId64 " runs\n", what, end,
                     json_object_get_int64(count), all);
    }
}

static void tell_test(json_object *test, struct buf *out)
{
    json_object *kinds = json_object_object_get(test, "planted");

    buf_addf(out, "    %s\n", json_get_text(test, "test"));
    json_object_object_foreach (kinds, kind, ends) {
        _cleanup_(free_ptr) char *what = xasprintf("with a planted failure (%s)", kind);

        tell_ends(ends, "failed", what, out);
    }
    tell_ends(json_object_object_get(test, "unchanged"), "passed", "unchanged", out);
}

static void tell_wrong(json_object *object, struct buf *out)
{
    json_object *tests = typed(object, "tests", json_type_array);
    size_t told = 0;

    for (size_t i = 0; i < json_object_array_length(tests); i++) {
        json_object *test = json_object_array_get_idx(tests, i);

        if (json_object_get_boolean(json_object_object_get(test, "as_expected")))
            continue;
        if (told++ == 0)
            buf_add_str(out, "these did not end as they must with a correct solution:\n");
        if (told <= SHOWN_MOST)
            tell_test(test, out);
    }
    if (told > SHOWN_MOST)
        buf_addf(out, "    and %zu more\n", told - SHOWN_MOST);
}

void planted_tell(json_object *object, struct buf *out)
{
    if (!object)
        return;
    buf_addf(out, "%" PRId64 " of %" PRId64 " planted failures failed, in %zu test%s\n",
             json_get_int(object, "failed", 0), json_get_int(object, "planted", 0),
             length_of(object, "tests"), plural(length_of(object, "tests")));
    tell_wrong(object, out);
    tell_names(object, "unplanted", "no failure can be planted", "", out);
    tell_names(object, "unrehearsed", "no failure was planted",
               ", which did not come out right in the rehearsal, or had no time", out);
    tell_names(object, "not_run", "no failure was planted", ", as another test had failed before",
               out);
    buf_truncate(out, out->length - 1); /* whoever prints it ends the last line */
}
