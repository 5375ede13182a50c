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

/* The name without the place that it begins with, if that is nothing which the report tells of: the
 * file of SWE-bench Pro's `FILE | title`, the slash of an absolute path, then its first folder.
 * NULL: it begins with none. */
static const char *without_place(const char *name)
{
    const char *bar = strstr(name, " | ");

    if (bar && strcspn(name, " ") == (size_t)(bar - name))
        return bar + 3;
    return name[0] == '/' && name[1] ? name + 1 : NULL;
}

static const char *without_folder(const char *name)
{
    const char *slash = name[0] == '/' ? strchr(name + 1, '/') : NULL;

    return slash && slash[1] ? slash + 1 : NULL;
}

static const struct test_case *find(struct test_report *report, const char *name, size_t length)
{
    const struct test_case *found = find_strictly(report, name, length);

    return found ? found : looser_find(report, name, length);
}

const struct test_case *test_report_find(const struct test_report *report, const char *name)
{
    size_t length = strnlen(name, 2 * TEST_NAME_MAX + 3);
    const struct test_case *found;
    struct test_report *indexed = (struct test_report *)report;
    _cleanup_(free_ptr) char *trimmed = NULL;
    const char *rest;

    if (length == 0 || length > 2 * TEST_NAME_MAX + 2)
        return NULL;
    /* The indexes are a cache: entering what is new changes nothing that a caller can see. */
    names_index(indexed);
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
    found = find(indexed, trimmed, length);
    if (!found && (rest = without_place(trimmed)))
        found = find(indexed, rest, strlen(rest));
    if (!found && (rest = without_folder(trimmed)))
        found = find(indexed, rest, strlen(rest));
    return found;
}
