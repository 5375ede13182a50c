/*
 * A request's path, query string, Prefer and Accept-Encoding from a stranger, a line each: what is
 * taken is UTF-8 without NUL, and within its bounds.
 *
 * fuzz-sources: fcgi/http/request.c fcgi/http/prefer.c fcgi/http/gzip.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-sources: fcgi/base/clock.c fcgi/base/crypto.c fcgi/base/id.c fcgi/base/random.c
 * fuzz-packages: libcrypto zlib
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/gzip.h"
#include "http/prefer.h"
#include "http/request.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_text(const char *text)
{
    hold_true(utf8_valid(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    char *rest = text;
    const char *lines[4] = {"", "", "", ""};
    struct request request;
    struct error err;
    int wait;

    for (size_t i = 0; i < ARRAY_SIZE(lines) && rest; i++)
        lines[i] = strsep(&rest, "\n");
    _cleanup_(free_ptr) char *uri = xasprintf("REQUEST_URI=%s", lines[0]);
    _cleanup_(free_ptr) char *query = xasprintf("QUERY_STRING=%s", lines[1]);
    char *parameters[] = {uri, query, NULL};

    if (request_init(&request, parameters, &err) < 0)
        hold_true(err.code != NULL && request.segment_count == 0 && request.query_count == 0);
    for (size_t i = 0; i < request.segment_count; i++)
        check_text(request.segments[i]);
    for (size_t i = 0; i < request.query_count; i++) {
        check_text(request.query[i].name);
        check_text(request.query[i].value);
    }
    request_release(&request);
    wait = prefer_wait(lines[2]);
    hold_true(wait >= -1 && wait <= PREFER_WAIT_MOST);
    gzip_accepted(lines[3]);
    return 0;
}
