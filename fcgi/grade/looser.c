#include "grade/looser.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "grade/names.h"

#include "base/banned.h"

/* A report with more of either has the strict names only: 128 MiB of index, and a second or two. */
#define ENTRIES_MAX 4000000
#define WORK_MAX ((size_t)512 << 20) /* bytes of keys, those that are there already included */
#define PLACE_MAX                                                                                  \
    2048 /* bytes of suites, file and classname; who has longer names has the strict ones */
#define SEVERAL UINT32_MAX /* in place of a number: several cases have these last words */
#define TITLE_WORDS_MAX 32 /* of a title's last words, the longest of them */

/* The first byte of a key says which reading it belongs to. */
enum reading {
    BY_SUITE = 1, /* container, KEY_SEPARATOR, name; with no name: what is in the container */
    FLAT,         /* all parts with blanks between */
    TESTDOX,      /* letters and digits of class and method */
    TITLE,        /* the last words of the name */
};

static void begin_key(struct buf *key, enum reading reading)
{
    buf_clear(key);
    buf_add_char(key, (char)reading);
}

/* --- the forms ------------------------------------------------------------------------------- */

static size_t separator_length(const char *text, size_t length)
{
    if (strchr(" \t.:/\\#$>|", text[0]) && text[0])
        return 1;
    if (length >= 3 && memcmp(text, "\xe2\x80\xba", 3) == 0) /* U+203A, jest's */
        return 3;
    return length >= 2 && memcmp(text, "\xc2\xbb", 2) == 0 ? 2 : 0; /* U+00BB */
}

/* Appends the words of the text, with one blank before each but the first of the whole. */
static void add_flat(struct buf *out, const char *text, size_t length)
{
    bool between = true;

    for (size_t i = 0; i < length;) {
        size_t skip = separator_length(text + i, length - i);

        if (length - i >= 3 && memcmp(text + i, ".py", 3) == 0 &&
            (length - i == 3 || separator_length(text + i + 3, length - i - 3)))
            skip = 3; /* the end of a path */
        if (skip) {
            between = true;
            i += skip;
            continue;
        }
        if (between && out->length > 1) /* behind the key's first byte */
            buf_add_char(out, ' ');
        between = false;
        buf_add_char(out, text[i++]);
    }
}

static void add_letters(struct buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (isalnum((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
            buf_add_char(out, (char)tolower((unsigned char)text[i]));
}

/* --- entering -------------------------------------------------------------------------------- */

struct entering {
    struct test_report *report;
    size_t number;
    struct buf container, key;
};

static void enter(struct entering *entering)
{
    struct test_report *report = entering->report;
    const struct buf *key = &entering->key;
    struct test_index_slot *slot;
    uint32_t number = (uint32_t)entering->number + 1;

    report->loose_work += key->length;
    if (report->loose.count >= ENTRIES_MAX || report->loose_work > WORK_MAX) {
        report->loose_full = true;
        return;
    }
    slot =
        test_index_claim(&report->loose, test_index_hash(&report->loose, key->data, key->length));
    if (slot->number == 0)
        report->loose.count++;
    else if (key->data[0] == TITLE)
        number = slot->number == number ? number : SEVERAL;
    else if (report->cases[slot->number - 1].outcome >= report->cases[entering->number].outcome)
        return;
    slot->number = number;
}

/* The name in the container, and in each end of it; and the container for all that is in it. */
static void enter_in(struct entering *entering, const char *name, bool flat_only)
{
    const struct buf *container = &entering->container;
    size_t starts[NAMES_ENDS_MAX + 1], count = names_ends(container, starts);

    for (size_t i = 0; i < count && container->length > 0; i++) {
        const char *end = container->data + starts[i];
        size_t length = container->length - starts[i];

        begin_key(&entering->key, FLAT);
        add_flat(&entering->key, end, length);
        add_flat(&entering->key, name, strlen(name));
        enter(entering);
        if (flat_only)
            continue;
        begin_key(&entering->key, BY_SUITE);
        buf_add(&entering->key, end, length);
        buf_add_char(&entering->key, NAMES_KEY_SEPARATOR);
        enter(entering);
        buf_add_str(&entering->key, name);
        enter(entering);
    }
}

static void add_part(struct buf *container, const char *part)
{
    if (part[0] && container->length > 0)
        buf_add_char(container, '.');
    names_container(container, part, strlen(part));
}

static void enter_containers(struct entering *entering, const struct test_case *item)
{
    const char *const parts[][3] = {
        {item->classname},
        {item->suites},
        {item->file},
        {item->suites, item->classname},
        {item->file, item->suites},
        {item->file, item->classname},
        {item->file, item->suites, item->classname},
    };

    if (strlen(item->classname) + strlen(item->suites) + strlen(item->file) > PLACE_MAX)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        bool is_new = true;

        buf_clear(&entering->container);
        for (size_t k = 0; k < ARRAY_SIZE(parts[i]) && parts[i][k]; k++) {
            is_new =
                is_new && parts[i][k][0] && (k == 0 || strcmp(parts[i][k], parts[i][k - 1]) != 0);
            add_part(&entering->container, parts[i][k]);
        }
        if (is_new)
            enter_in(entering, item->name, i == 0); /* the strict names have the others */
    }
}

/* "case/section", "outer > inner": what comes before stands for the worst of what is in it. */
static void enter_name_parts(struct entering *entering, const char *name)
{
    size_t bracket = strcspn(name, "[(");

    begin_key(&entering->key, FLAT);
    add_flat(&entering->key, name, strlen(name));
    enter(entering);
    for (size_t i = 1; i < bracket; i++) {
        if (name[i] != '/' && strncmp(name + i, " > ", 3) != 0)
            continue;
        begin_key(&entering->key, BY_SUITE);
        names_container(&entering->key, name, i);
        buf_add_char(&entering->key, NAMES_KEY_SEPARATOR);
        enter(entering);
    }
}

/* PHPUnit writes testItAddsUp of Shop\CartTest as "Cart" and "It adds up". */
static void enter_testdox(struct entering *entering, const struct test_case *item)
{
    const char *class = item->classname + strlen(item->classname);
    size_t length;

    if (strncmp(item->name, "test", 4) != 0)
        return;
    while (class > item->classname && !strchr(".\\/", class[-1]))
        class --;
    length = strlen(class);
    if (length > 4 && strcmp(class + length - 4, "Test") == 0)
        length -= 4;
    begin_key(&entering->key, TESTDOX);
    add_letters(&entering->key, class, length);
    add_letters(&entering->key, item->name + 4, strlen(item->name + 4));
    enter(entering);
}

/* RSpec and jest-junit write a title behind those that it is below, with blanks. */
static void enter_title(struct entering *entering, const char *name)
{
    const char *at = name;

    for (int i = 0; i < TITLE_WORDS_MAX && (at = strchr(at, ' ')); i++) {
        at += strspn(at, " ");
        if (!*at)
            return;
        begin_key(&entering->key, TITLE);
        add_flat(&entering->key, at, strlen(at));
        enter(entering);
    }
}

static void index_cases(struct test_report *report)
{
    struct entering entering = {.report = report, .container = BUF_INIT, .key = BUF_INIT};

    for (; report->loosely_named < report->count && !report->loose_full; report->loosely_named++) {
        const struct test_case *item = &report->cases[report->loosely_named];

        entering.number = report->loosely_named;
        enter_containers(&entering, item);
        enter_name_parts(&entering, item->name);
        enter_testdox(&entering, item);
        enter_title(&entering, item->name);
    }
    buf_release(&entering.container);
    buf_release(&entering.key);
}

/* --- looking up ------------------------------------------------------------------------------ */

static const struct test_case *look_up(const struct test_report *report, const struct buf *key)
{
    uint32_t number;

    /* What was left out could be the worse. */
    if (report->loose_full || key->length <= 1)
        return NULL;
    number =
        test_index_get(&report->loose, test_index_hash(&report->loose, key->data, key->length));
    return number && number != SEVERAL ? &report->cases[number - 1] : NULL;
}

static const struct test_case *find_in(const struct test_report *report, const char *container,
                                       size_t container_length, const char *name,
                                       size_t name_length, struct buf *key)
{
    begin_key(key, BY_SUITE);
    names_container(key, container, container_length);
    buf_add_char(key, NAMES_KEY_SEPARATOR);
    buf_add(key, name, name_length);
    return look_up(report, key);
}

static const struct test_case *find_by_suite(const struct test_report *report, const char *name,
                                             size_t length, struct buf *key)
{
    const struct test_case *found = NULL;
    struct names_splits splits;

    names_split(name, length, &splits);
    for (size_t i = 0; i < splits.count; i++)
        found = names_worse(found, find_in(report, name, splits.at[i].container, splits.at[i].name,
                                           (size_t)(name + length - splits.at[i].name), key));
    return found;
}

static const struct test_case *find_form(const struct test_report *report, enum reading reading,
                                         const char *name, size_t length, struct buf *key)
{
    begin_key(key, reading);
    if (reading == TESTDOX)
        add_letters(key, name, length);
    else
        add_flat(key, name, length);
    return look_up(report, key);
}

/* JUnit 4 and Gradle's logs: `method(package.Class)`. */
static const struct test_case *find_method(const struct test_report *report, const char *name,
                                           size_t length, struct buf *key)
{
    const char *open = memchr(name, '(', length);

    if (!open || open == name || length < 4 || name[length - 1] != ')')
        return NULL;
    begin_key(key, FLAT);
    add_flat(key, open + 1, (size_t)(name + length - 1 - (open + 1)));
    add_flat(key, name, (size_t)(open - name));
    return look_up(report, key);
}

bool looser_has_place(struct test_report *report, const char *place, size_t length)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;

    index_cases(report);
    return report->loose_full || find_in(report, place, length, "", 0, &key);
}

const struct test_case *looser_find(struct test_report *report, const char *name, size_t length,
                                    bool *ret_by_title)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;
    const struct test_case *found;

    index_cases(report);
    found = find_by_suite(report, name, length, &key);
    if (!found)
        found = find_form(report, FLAT, name, length, &key);
    if (!found)
        found = find_method(report, name, length, &key);
    if (!found)
        found = find_in(report, name, length, "", 0, &key);
    if (!found && memmem(name, length, " > ", 3))
        found = find_form(report, TESTDOX, name, length, &key);
    if (!found) {
        found = find_form(report, TITLE, name, length, &key);
        *ret_by_title = found != NULL;
    }
    return found;
}
