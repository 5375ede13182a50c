/* docs/codeset.conf.5 says what the table of settings says. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

static struct buf page = BUF_INIT;

/* What the page must say of a setting; in roff a '-' is written \-. */
static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

/* Bytes with the largest suffix that divides them, as one would write them in the file. */
static void add_number(struct buf *out, const struct config_row *row, int64_t number)
{
    static const struct {
        int64_t factor;
        const char *suffix;
    } units[] = {{INT64_C(1) << 30, "G"}, {INT64_C(1) << 20, "M"}, {INT64_C(1) << 10, "K"}};

    for (size_t i = 0; i < ARRAY_SIZE(units) && strcmp(row->unit, "bytes") == 0; i++) {
        if (number > 0 && number % units[i].factor == 0) {
            buf_addf(out, "%lld%s", (long long)(number / units[i].factor), units[i].suffix);
            return;
        }
    }
    buf_addf(out, "%lld", (long long)number);
}

static void describe(const struct config_row *row, struct buf *out)
{
    _cleanup_(free_ptr) char *words = row->words ? config_words(row) : NULL;

    buf_addf(out, "\n.TP\n.B %s =%s", row->name, row->fallback[0] ? " " : "");
    add_escaped(out, row->fallback);
    buf_add_char(out, '\n');
    if (words)
        buf_addf(out, "%s.\n", words);
    if (row->type != CONFIG_INT)
        return;
    add_number(out, row, row->least);
    buf_add_str(out, " to ");
    add_number(out, row, row->most);
    buf_addf(out, "%s%s.\n", row->unit[0] ? " " : "", row->unit);
}

/* Where `wanted` is at or behind `at`; NULL, and a failed test, where it is not. */
static const char *find(const char *at, const struct buf *wanted)
{
    const char *found = strstr(at, wanted->data);

    if (!found) {
        fprintf(stderr, "docs/codeset.conf.5 lacks, in its place:%s", wanted->data);
        CU_FAIL("the page differs from the table");
    }
    return found;
}

static void every_setting_is_described_in_order(void)
{
    const char *section = "", *at = page.data;

    for (size_t i = 0; i < settings_count; i++) {
        const struct config_row *row = &settings_rows[i];
        _cleanup_(buf_release) struct buf wanted = BUF_INIT;

        if (strcmp(section, row->section) != 0) {
            section = row->section;
            buf_addf(&wanted, "\n.SH [%s]\n", section);
            at = find(at, &wanted);
            if (!at)
                return;
            buf_clear(&wanted);
        }
        describe(row, &wanted);
        at = find(at, &wanted);
        if (!at)
            return;
        at += wanted.length - 1;
    }
}

static void nothing_else_is_described(void)
{
    size_t count = 0;

    for (const char *at = page.data; (at = strstr(at, "\n.B ")); at++) {
        const char *end = strchr(at + 1, '\n');

        count += memmem(at, (size_t)(end - at), " =", 2) != NULL;
    }
    CU_ASSERT_EQUAL(count, settings_count);
}

static const struct unit_test tests[] = {
    {"every setting is described with its default, range and unit, in the table's order",
     every_setting_is_described_in_order},
    {"no setting is described that does not exist", nothing_else_is_described},
};

int main(void)
{
    struct error err = ERROR_INIT;
    int status;

    if (file_read(AT_FDCWD, DOCS_DIR "/codeset.conf.5", 1000000, &page, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    status = UNIT_MAIN("manual", tests);
    buf_release(&page);
    return status;
}
