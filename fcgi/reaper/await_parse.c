/*
 * await_parse.c - what a held request says, and how long it may last: the pure half of await.h.
 */
#include <errno.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reaper/await.h"

#include "base/banned.h"

int64_t await_hold(int64_t asked_ms, size_t held, size_t most)
{
    size_t free_half = most - most / 2;

    if (held >= most)
        return 0;
    if (held <= most / 2)
        return asked_ms;
    return asked_ms * (int64_t)(most - held) / (int64_t)free_half;
}

bool await_back_valid(const char *path)
{
    static const char prefix[] = "/api/v1/";

    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || strlen(path) > BACK_MAX ||
        strstr(path, "/.."))
        return false;
    for (const char *c = path; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    }
    return true;
}

int await_parse_path(const char *path, enum work_kind *ret_kind, struct id *ret_id)
{
    static const char prefix[] = "/-/await/";
    const char *kind = path + sizeof(prefix) - 1;
    const char *slash;
    enum work_kind parsed;

    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return -1;
    slash = strchr(kind, '/');
    if (!slash || strlen(slash + 1) != ID_LENGTH || !id_valid(slash + 1) ||
        work_kind_parse(kind, (size_t)(slash - kind), &parsed) < 0)
        return -1;
    *ret_kind = parsed;
    memcpy(ret_id->text, slash + 1, ID_LENGTH + 1);
    id_lower(ret_id);
    return 0;
}

static int parse_hold(const char *text, int64_t *ret_hold_ms)
{
    char *end;
    long hold;

    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return -1;
    errno = 0;
    hold = strtol(text, &end, 10);
    if (errno || hold > HOLD_MS_MAX)
        return -1;
    *ret_hold_ms = hold;
    return 0;
}

int await_parse_query(const char *query, int64_t *ret_hold_ms, char **ret_back)
{
    struct evkeyvalq fields;
    const char *back;
    int result = -1;
    int64_t hold;

    /* A NUL would end the text that evhttp makes of it unnoticed. */
    if (!query || strstr(query, "%00") || evhttp_parse_query_str(query, &fields) < 0)
        return -1;
    back = evhttp_find_header(&fields, "back");
    if (back && await_back_valid(back) &&
        parse_hold(evhttp_find_header(&fields, "hold"), &hold) == 0) {
        *ret_hold_ms = hold;
        *ret_back = xstrdup(back);
        result = 0;
    }
    evhttp_clear_headers(&fields);
    return result;
}
