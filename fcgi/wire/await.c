#include "wire/await.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

static const char await_prefix[] = "/-/await/";
static const char answer_prefix[] = "/-/answer";
static const char back_prefix[] = "/api/v1/";

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
            buf_add_char(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned char)*text);
    }
}

void await_write(enum work_kind kind, const struct id *id, int64_t hold_ms, const char *back,
                 struct buf *out)
{
    buf_addf(out, "%s%s/%s?hold=%" PRId64 "&back=", await_prefix, work_kind_name(kind), id->text,
             hold_ms);
    add_escaped(out, back);
}

int await_parse_path(const char *path, enum work_kind *ret_kind, struct id *ret_id)
{
    const char *kind = path + sizeof(await_prefix) - 1;
    const char *slash;
    enum work_kind parsed;

    if (strncmp(path, await_prefix, sizeof(await_prefix) - 1) != 0)
        return -1;
    slash = strchr(kind, '/');
    if (!slash || work_kind_parse(kind, (size_t)(slash - kind), &parsed) < 0 ||
        id_parse(slash + 1, strlen(slash + 1), ret_id) < 0)
        return -1;
    *ret_kind = parsed;
    return 0;
}

bool await_back_valid(const char *path)
{
    if (strncmp(path, back_prefix, sizeof(back_prefix) - 1) != 0 || strlen(path) > AWAIT_BACK_MAX ||
        strstr(path, "/.."))
        return false;
    for (const char *c = path; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    }
    return true;
}

/* "hold=MS&"; returns what follows, NULL if it is anything else. */
static const char *parse_hold(const char *text, int64_t *ret_hold_ms)
{
    static const char name[] = "hold=";
    size_t digits;
    char *end;
    long hold;

    if (strncmp(text, name, sizeof(name) - 1) != 0)
        return NULL;
    text += sizeof(name) - 1;
    digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '&')
        return NULL;
    errno = 0;
    hold = strtol(text, &end, 10);
    if (errno || hold > AWAIT_HOLD_MS_MAX)
        return NULL;
    *ret_hold_ms = hold;
    return end + 1;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* "back=PATH" up to the end, unescaped. */
static int parse_back(const char *text, struct buf *out)
{
    static const char name[] = "back=";

    if (strncmp(text, name, sizeof(name) - 1) != 0)
        return -1;
    for (text += sizeof(name) - 1; *text; text++) {
        int high, low;

        if (*text == '&')
            return -1;
        if (*text != '%') {
            buf_add_char(out, *text);
            continue;
        }
        high = hex_digit(text[1]);
        low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || (high == 0 && low == 0))
            return -1;
        buf_add_char(out, (char)(high << 4 | low));
        text += 2;
    }
    return await_back_valid(out->data) ? 0 : -1;
}

int await_parse_query(const char *query, int64_t *ret_hold_ms, char **ret_back)
{
    _cleanup_(buf_release) struct buf back = BUF_INIT;
    int64_t hold;
    const char *rest = query ? parse_hold(query, &hold) : NULL;

    if (!rest || parse_back(rest, &back) < 0)
        return -1;
    *ret_hold_ms = hold;
    *ret_back = buf_take(&back);
    return 0;
}

void await_write_answer(const char *back, struct buf *out)
{
    buf_addf(out, "%s%s", answer_prefix, back);
}
