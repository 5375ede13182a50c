#include "grade/names.h"

#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

/* Between container and name in a key. No report can hold it: XML has no such character. */
#define KEY_SEPARATOR '\x1f'

#define ENDS_MAX 16   /* ends of one container that are names */
#define SPLITS_MAX 64 /* readings of one expected name */

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

/* Where the ends of a container begin, the longest first and the whole always. */
static size_t find_ends(const struct buf *container, size_t starts[ENDS_MAX + 1])
{
    size_t count = 0;

    for (size_t i = container->length; i > 0 && count < ENDS_MAX; i--)
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

static void enter_case(struct test_report *report, size_t number, struct buf *key)
{
    const struct test_case *item = &report->cases[number];
    size_t starts[ENDS_MAX + 1];
    size_t count, cut = cut_at_blank(item->name), container;

    buf_clear(key);
    names_container(key, item->classname, strlen(item->classname));
    count = find_ends(key, starts);
    container = key->length;
    buf_add_char(key, KEY_SEPARATOR);
    for (size_t i = 0; i < count && container > 0; i++)
        enter(report, key->data + starts[i], key->length - starts[i], number);
    if (item->name[0] == '\0')
        return;
    buf_add_str(key, item->name);
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
    buf_add_char(&key, KEY_SEPARATOR);
    buf_add(&key, name, name_length);
    number = test_index_get(&report->names, test_index_hash(&report->names, key.data, key.length));
    return number ? &report->cases[number - 1] : NULL;
}

static const struct test_case *worse(const struct test_case *a, const struct test_case *b)
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

/* Every separator may be the one between container and name; those in a parameter list (behind a
 * bracket) only where no other reading finds a case. Where several do, the worse counts. */
static const struct test_case *find_split(const struct test_report *report, const char *name,
                                          size_t length)
{
    size_t bracket = strcspn(name, "[(");
    size_t from = bracket, until = length, tries = 0;
    const struct test_case *found = NULL;

    for (int round = 0; round < 2 && !found; round++) {
        size_t begin = round ? bracket : 0, end = round ? until : from;

        for (size_t i = end; i > begin && tries < SPLITS_MAX; i--) {
            size_t skip = separator(name + i - 1, length - i + 1);

            if (skip == 0 || i - 1 + skip >= length)
                continue;
            tries++;
            found = worse(
                found, look_up(report, name, i - 1, name + i - 1 + skip, length - (i - 1) - skip));
        }
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

const struct test_case *test_report_find(const struct test_report *report, const char *name)
{
    size_t length = strnlen(name, 2 * TEST_NAME_MAX + 3);
    const struct test_case *found;
    uint32_t number;

    if (length == 0 || length > 2 * TEST_NAME_MAX + 2)
        return NULL;
    number = test_index_get(&report->ids, test_index_hash(&report->ids, name, length));
    if (number)
        return &report->cases[number - 1];
    /* The index is a cache: entering what is new changes nothing that a caller can see. */
    names_index((struct test_report *)report);
    found = look_up(report, "", 0, name, length);
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
