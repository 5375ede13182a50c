#include "grade/names.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/looser.h"

#include "base/banned.h"

#define ID_KEY '\x1e' /* before an id, which is no container */

/* The length of a separator at text[0], or 0. */
static size_t separator(const char *text, size_t length)
{
    if (length >= 3 && memcmp(text, " > ", 3) == 0)
        return 3;
    if (length >= 2 && memcmp(text, "::", 2) == 0)
        return 2;
    return length >= 1 && strchr("./\\#$", text[0]) && text[0] != '\0';
}

void names_container(struct buf *out, const char *text, size_t length)
{
    while (length >= 2 && memcmp(text, "./", 2) == 0) {
        text += 2;
        length -= 2;
    }
    for (size_t i = 0; i < length;) {
        size_t skip = separator(text + i, length - i);

        /* "/test_a.py" ends a path; only a further separator other than '.' may follow. */
        if (length - i >= 3 && memcmp(text + i, ".py", 3) == 0 &&
            (length - i == 3 || (text[i + 3] != '.' && separator(text + i + 3, length - i - 3)))) {
            i += 3;
        } else if (skip) {
            buf_add_char(out, '.');
            i += skip;
        } else {
            buf_add_char(out, text[i++]);
        }
    }
}

/* Of all cases with one key, the worse counts; among equals the first. */
static void enter(struct test_report *report, const char *key, size_t length, size_t number)
{
    uint64_t hash = test_index_hash(&report->names, key, length);
    struct test_index_slot *slot = test_index_claim(&report->names, hash);

    if (slot->number == 0)
        report->names.count++;
    else if (report->cases[slot->number - 1].outcome >= report->cases[number].outcome)
        return;
    slot->number = (uint32_t)number + 1;
}

size_t names_ends(const struct buf *container, size_t starts[NAMES_ENDS_MAX + 1])
{
    size_t count = 0;

    for (size_t i = container->length; i > 0 && count < NAMES_ENDS_MAX; i--)
        if (container->data[i - 1] == '.' && i < container->length)
            starts[count++] = i;
    starts[count++] = 0;
    return count;
}

/* SWE-bench's lists were read off test logs by splitting at blanks, so a parametrised name with
 * a blank in its brackets stands there cut off at it. 0: this name has none. */
static size_t cut_at_blank(const char *name)
{
    const char *bracket = strchr(name, '[');
    const char *blank = bracket ? strchr(bracket, ' ') : NULL;

    return blank ? (size_t)(blank - name) : 0;
}

/* Blanks behind a name are lost in lists. */
static size_t trimmed_length(const char *name)
{
    size_t length = strlen(name);

    while (length > 1 && strchr(" \t\r\n", name[length - 1]))
        length--;
    return length;
}

static void enter_case(struct test_report *report, size_t number, struct buf *key)
{
    const struct test_case *item = &report->cases[number];
    size_t starts[NAMES_ENDS_MAX + 1];
    size_t count, cut = cut_at_blank(item->name), container;

    buf_clear(key);
    buf_add_char(key, ID_KEY);
    buf_add_str(key, item->id);
    enter(report, key->data, key->length, number);
    buf_clear(key);
    names_container(key, item->classname, strlen(item->classname));
    count = names_ends(key, starts);
    container = key->length;
    buf_add_char(key, NAMES_KEY_SEPARATOR);
    for (size_t i = 0; i < count && container > 0; i++)
        enter(report, key->data + starts[i], key->length - starts[i], number);
    if (item->name[0] == '\0')
        return;
    buf_add(key, item->name, trimmed_length(item->name));
    for (size_t i = 0; i < count; i++) {
        enter(report, key->data + starts[i], key->length - starts[i], number);
        if (cut)
            enter(report, key->data + starts[i], container + 1 + cut - starts[i], number);
    }
    if (container > 0) {
        enter(report, key->data + container, key->length - container, number);
        if (cut)
            enter(report, key->data + container, 1 + cut, number);
    }
}

void names_index(struct test_report *report)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;

    for (; report->named < report->count; report->named++)
        enter_case(report, report->named, &key);
}

static const struct test_case *look_up(const struct test_report *report, const char *container,
                                       size_t container_length, const char *name,
                                       size_t name_length)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;
    uint32_t number;

    names_container(&key, container, container_length);
    buf_add_char(&key, NAMES_KEY_SEPARATOR);
    buf_add(&key, name, name_length);
    number = test_index_get(&report->names, test_index_hash(&report->names, key.data, key.length));
    return number ? &report->cases[number - 1] : NULL;
}

const struct test_case *names_worse(const struct test_case *a, const struct test_case *b)
{
    if (!a || !b)
        return a ? a : b;
    return b->outcome > a->outcome ? b : a;
}

/* unittest's `name (module.Class)`, and since Python 3.11 `name (module.Class.name)`. */
static const struct test_case *find_unittest(const struct test_report *report, const char *name,
                                             size_t length)
{
    const char *open = memmem(name, length, " (", 2);
    const char *container;
    size_t name_length, container_length;

    if (!open || length < 4 || name[length - 1] != ')')
        return NULL;
    name_length = (size_t)(open - name);
    container = open + 2;
    container_length = length - name_length - 3;
    if (container_length > name_length + 1 &&
        container[container_length - name_length - 1] == '.' &&
        memcmp(container + container_length - name_length, name, name_length) == 0) {
        const struct test_case *found =
            look_up(report, container, container_length - name_length - 1, name, name_length);

        if (found)
            return found;
    }
    return look_up(report, container, container_length, name, name_length);
}

void names_split(const char *name, size_t length, struct names_splits *ret_splits)
{
    size_t bracket = strcspn(name, "[("), tries = 0;

    if (bracket > length)
        bracket = length;
    for (int round = 0; round < 2; round++) {
        size_t begin = round ? bracket : 0, end = round ? length : bracket;

        if (round)
            ret_splits->in_brackets = tries;
        for (size_t i = end; i > begin && tries < NAMES_SPLITS_MAX; i--) {
            size_t skip = separator(name + i - 1, length - i + 1);

            if (skip == 0 || i - 1 + skip >= length)
                continue;
            ret_splits->at[tries].container = i - 1;
            ret_splits->at[tries++].name = name + i - 1 + skip;
        }
    }
    ret_splits->count = tries;
}

/* Those behind a bracket count only where no other finds a case. Where several do, the worse
 * counts. */
static const struct test_case *find_split(const struct test_report *report, const char *name,
                                          size_t length)
{
    const struct test_case *found = NULL;
    struct names_splits splits;

    names_split(name, length, &splits);
    for (size_t i = 0; i < splits.count; i++) {
        if (i == splits.in_brackets && found)
            break;
        found = names_worse(found, look_up(report, name, splits.at[i].container, splits.at[i].name,
                                           (size_t)(name + length - splits.at[i].name)));
    }
    return found;
}

/* jest-junit's default writes the describe blocks and the title in one, with blanks. */
static const struct test_case *find_spaced(const struct test_report *report, const char *name,
                                           size_t length)
{
    _cleanup_(buf_release) struct buf spaced = BUF_INIT;

    if (!strstr(name, " > "))
        return NULL;
    for (size_t i = 0; i < length;) {
        if (strncmp(name + i, " > ", 3) == 0) {
            buf_add_char(&spaced, ' ');
            i += 3;
        } else {
            buf_add_char(&spaced, name[i++]);
        }
    }
    return look_up(report, "", 0, spaced.data, spaced.length);
}

static const struct test_case *find_id(const struct test_report *report, const char *name,
                                       size_t length)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;
    uint32_t number;

    buf_add_char(&key, ID_KEY);
    buf_add(&key, name, length);
    number = test_index_get(&report->names, test_index_hash(&report->names, key.data, key.length));
    return number ? &report->cases[number - 1] : NULL;
}

static const struct test_case *find_strictly(const struct test_report *report, const char *name,
                                             size_t length)
{
    const struct test_case *found = look_up(report, "", 0, name, length);

    if (!found)
        found = find_unittest(report, name, length);
    if (!found)
        found = find_split(report, name, length);
    if (!found)
        found = find_spaced(report, name, length);
    if (!found)
        found = look_up(report, name, length, "", 0);
    return found;
}

static const struct test_case *find(struct test_report *report, const char *name, size_t length,
                                    bool *ret_by_title)
{
    const struct test_case *found = find_strictly(report, name, length);

    return found ? found : looser_find(report, name, length, ret_by_title);
}

/* --- names that begin with a place ----------------------------------------------------------- */

static void enter_places(struct test_report *report, const char *text, struct buf *canonical)
{
    buf_clear(canonical);
    names_container(canonical, text, strlen(text));
    for (size_t at = 0; at < canonical->length;) {
        const char *part = canonical->data + at;
        const char *dot = memchr(part, '.', canonical->length - at);
        size_t length = dot ? (size_t)(dot - part) : canonical->length - at;
        struct test_index_slot *slot =
            test_index_claim(&report->places, test_index_hash(&report->places, part, length));

        report->places.count += slot->number == 0;
        slot->number = 1;
        at += length + 1;
    }
}

/* Is the folder's name a part of any case's classname, file or suites? */
static bool has_folder(struct test_report *report, const char *name, size_t length)
{
    _cleanup_(buf_release) struct buf canonical = BUF_INIT;

    for (; report->placed < report->count; report->placed++) {
        const struct test_case *item = &report->cases[report->placed];

        enter_places(report, item->classname, &canonical);
        enter_places(report, item->file, &canonical);
        enter_places(report, item->suites, &canonical);
    }
    return test_index_get(&report->places, test_index_hash(&report->places, name, length));
}

/* An absolute path: without its slash, then without its first folder, which is the image's if the
 * report tells nothing of it. */
static const struct test_case *find_absolute(struct test_report *report, const char *name,
                                             bool *ret_by_title)
{
    const char *slash = strchr(name + 1, '/');
    const struct test_case *found = NULL;

    if (name[1])
        found = find(report, name + 1, strlen(name + 1), ret_by_title);
    if (!found && slash && slash > name + 1 && slash[1] &&
        !has_folder(report, name + 1, (size_t)(slash - name - 1)))
        found = find(report, slash + 1, strlen(slash + 1), ret_by_title);
    return found;
}

static bool ends_path(const char *path, size_t length, const char *end, size_t end_length)
{
    return length >= end_length && memcmp(path + length - end_length, end, end_length) == 0 &&
           (length == end_length || path[length - end_length - 1] == '/');
}

/* Can the case be of the file? A report may tell of it from another folder on. */
static bool is_of_file(const struct test_case *item, const char *file, size_t length)
{
    const char *own = item->file;
    size_t own_length;

    while (strncmp(own, "./", 2) == 0)
        own += 2;
    own_length = strlen(own);
    return own_length == 0 || ends_path(own, own_length, file, length) ||
           ends_path(file, length, own, own_length);
}

/* SWE-bench Pro's `FILE | title`: with an end of the file, then, if the report tells nothing of the
 * file, without it. */
static const struct test_case *find_below_file(struct test_report *report, const char *name,
                                               bool *ret_by_title)
{
    const char *bar = strstr(name, " | "), *base = name;
    size_t length = bar ? (size_t)(bar - name) : 0;
    const struct test_case *found = NULL;

    if (!bar || length == 0 || strcspn(name, " ") != length)
        return NULL;
    for (int i = 0; i < NAMES_ENDS_MAX; i++) {
        const char *slash = memchr(base, '/', (size_t)(bar - base));

        if (!slash)
            break;
        base = slash + 1;
        found = find(report, base, strlen(base), ret_by_title);
        if (found && is_of_file(found, name, length))
            return found;
    }
    if (base == bar || looser_has_place(report, base, (size_t)(bar - base)))
        return NULL;
    found = find(report, bar + 3, strlen(bar + 3), ret_by_title);
    *ret_by_title = *ret_by_title || (found && !found->file[0]);
    return found && is_of_file(found, name, length) ? found : NULL;
}

/* --- finding --------------------------------------------------------------------------------- */

/* *ret_by_title: it is only known by its title, or the last words of that. */
static const struct test_case *find_at_all(struct test_report *report, const char *name,
                                           bool *ret_by_title)
{
    size_t length = strnlen(name, 2 * TEST_NAME_MAX + 3);
    const struct test_case *found;
    _cleanup_(free_ptr) char *trimmed = NULL;

    *ret_by_title = false;
    if (length == 0 || length > 2 * TEST_NAME_MAX + 2)
        return NULL;
    names_index(report);
    found = find_id(report, name, length);
    if (found)
        return found;
    name += strspn(name, " \t\r\n");
    length = strlen(name);
    while (length > 0 && strchr(" \t\r\n", name[length - 1]))
        length--;
    if (length == 0)
        return NULL;
    trimmed = xstrndup(name, length);
    found = find(report, trimmed, length, ret_by_title);
    if (!found && trimmed[0] == '/')
        found = find_absolute(report, trimmed, ret_by_title);
    if (!found)
        found = find_below_file(report, trimmed, ret_by_title);
    return found;
}

/* Do more of the listed names find the case than the report has cases of its id? Then one of them
 * means another test, which is not there. */
static bool is_contested(const struct test_report *report, const struct test_case *item)
{
    size_t number = (size_t)(item - report->cases);

    return number < report->claimed &&
           report->claims[number].names >
               test_index_get(&report->alike,
                              test_index_hash(&report->alike, item->id, strlen(item->id)));
}

/* The indexes are a cache: entering what is new changes nothing that a caller can see. */
const struct test_case *test_report_find(const struct test_report *report, const char *name)
{
    bool by_title;
    const struct test_case *found = find_at_all((struct test_report *)report, name, &by_title);

    return found && by_title && is_contested(report, found) ? NULL : found;
}

void names_claim_none(struct test_report *report)
{
    free(report->claims);
    report->claims = xcalloc(report->count + 1, sizeof(*report->claims));
    report->claimed = report->count;
    test_index_release(&report->alike);
    for (size_t i = 0; i < report->count; i++) {
        const struct test_case *item = &report->cases[i];
        struct test_index_slot *slot = test_index_claim(
            &report->alike, test_index_hash(&report->alike, item->id, strlen(item->id)));

        report->alike.count += slot->number == 0;
        slot->number += item->times;
    }
}

void names_claim(struct test_report *report, const char *name)
{
    bool by_title;
    const struct test_case *found = find_at_all(report, name, &by_title);
    uint64_t hash = test_index_hash(&report->names, name, strlen(name));
    struct test_claim *claim;

    if (!found)
        return;
    claim = &report->claims[found - report->cases];
    claim->names += claim->names == 0 || claim->name != hash;
    claim->name = hash;
}

bool names_fit(const struct test_case *item, const char *const *names, size_t count)
{
    struct test_report *alone = test_report_new();
    struct test_case copy = {.name = xstrdup(item->name),
                             .classname = xstrdup(item->classname),
                             .file = xstrdup(item->file),
                             .suites = xstrdup(item->suites),
                             .message = xstrdup(""),
                             .outcome = item->outcome};
    bool fits = false;

    test_report_take(alone, &copy);
    for (size_t i = 0; i < count && !fits; i++) {
        bool by_title;

        fits = find_at_all(alone, names[i], &by_title) && !by_title;
    }
    test_report_free(alone);
    return fits;
}
