#include "http/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

#include "base/banned.h"

#define WAITED_MOST_MS INT64_C(86400000)

const char *request_parameter(const struct request *request, const char *name)
{
    size_t length = strlen(name);

    for (char **parameter = request->parameters; *parameter; parameter++)
        if (**parameter == *name && strncmp(*parameter, name, length) == 0 &&
            (*parameter)[length] == '=')
            return *parameter + length + 1;
    return NULL;
}

void request_list(const struct request *request, const char *name, struct buf *out)
{
    size_t length = strlen(name);

    for (char **parameter = request->parameters; *parameter; parameter++) {
        if (strncmp(*parameter, name, length) != 0 || (*parameter)[length] != '=')
            continue;
        if (out->length > 0)
            buf_add_str(out, ", ");
        buf_add_str(out, *parameter + length + 1);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int percent_decode(char *text, bool in_query)
{
    const char *from = text;
    char *to = text;

    for (; *from; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = in_query && *from == '+' ? ' ' : *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return -1;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return utf8_valid(text, (size_t)(to - text)) ? 0 : -1;
}

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "BAD_REQUEST",
                     "The %s must be UTF-8 with valid percent escapes and without NUL.", what);
}

/* path_text: "/a/b%20c". An awaited request's path has been decoded by nginx already. */
static int split_path(struct request *request, struct error *err)
{
    char *rest = request->path_text;

    if (*rest != '/')
        return malformed(err, "path");
    rest++;
    for (char *segment; (segment = strsep(&rest, "/")) != NULL;) {
        if (request->segment_count == REQUEST_SEGMENTS_MAX)
            return error_set(err, ERROR_NOT_FOUND, "NOT_FOUND", "There is nothing at this path.");
        if (!request->awaited && percent_decode(segment, false) < 0)
            return malformed(err, "path");
        request->segments[request->segment_count++] = segment;
    }
    return 0;
}

static int split_query(struct request *request, struct error *err)
{
    char *rest = request->query_text;

    for (char *item; (item = strsep(&rest, "&")) != NULL;) {
        char *value = item;
        char *name = strsep(&value, "=");

        if (!*item && !value)
            continue;
        if (request->query_count == REQUEST_QUERY_MAX)
            return error_set(err, ERROR_INVALID, "BAD_REQUEST",
                             "The query string has more than %d parameters.", REQUEST_QUERY_MAX);
        if (percent_decode(name, true) < 0 || (value && percent_decode(value, true) < 0))
            return malformed(err, "query string");
        request->query[request->query_count].name = name;
        request->query[request->query_count++].value = value ? value : "";
    }
    return 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int read_target(struct request *request, struct error *err)
{
    const char *query = or_empty(request_parameter(request, "QUERY_STRING"));
    const char *path =
        or_empty(request_parameter(request, request->awaited ? "DOCUMENT_URI" : "REQUEST_URI"));
    size_t path_length = request->awaited ? strlen(path) : strcspn(path, "?");

    if (path_length > REQUEST_URI_MAX || strlen(query) > REQUEST_URI_MAX)
        return error_set(err, ERROR_INVALID, "URI_TOO_LONG",
                         "Path and query string may have %d bytes each.", REQUEST_URI_MAX);
    request->path_text = xstrndup(path, path_length);
    request->query_text = xstrdup(query);
    if (split_path(request, err) < 0)
        return -1;
    return split_query(request, err);
}

/* "1700000000.123"; -1 for anything else. */
static int64_t read_ms(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    int64_t ms = 0;

    if (whole == 0 || whole > 11 || text[whole] != '.' ||
        strspn(text + whole + 1, "0123456789") != 3 || text[whole + 4] != '\0')
        return -1;
    for (const char *c = text; *c; c++)
        if (*c != '.')
            ms = ms * 10 + (*c - '0');
    return ms;
}

static int read_seed(const char *text, unsigned char seed[ORIGIN_SEED_SIZE])
{
    unsigned char bytes[ORIGIN_SEED_SIZE];

    if (strlen(text) != (size_t)2 * ORIGIN_SEED_SIZE)
        return -1;
    for (size_t i = 0; i < ORIGIN_SEED_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(seed, bytes, ORIGIN_SEED_SIZE);
    return 0;
}

/* Behind a front that says neither, a request is its own origin, and no worker's death is made up
 * for. */
static struct origin read_origin(const struct request *request)
{
    struct origin origin = {
        .ms = read_ms(or_empty(request_parameter(request, "CODESET_REQUEST_TIME"))),
    };

    if (origin.ms < 0)
        origin.ms = clock_now() / 1000;
    if (read_seed(request->id, origin.seed) < 0)
        random_bytes(origin.seed, sizeof(origin.seed));
    return origin;
}

int64_t request_waited_ms(const struct request *request)
{
    int64_t waited = clock_now() / 1000 - request->arrived_ms;

    if (waited < 0)
        return 0;
    return waited < WAITED_MOST_MS ? waited : WAITED_MOST_MS;
}

struct id request_make_id(const struct request *request, const char *what)
{
    _cleanup_(buf_release) struct buf source = BUF_INIT;
    unsigned char digest[SHA256_SIZE];

    _Static_assert(SHA256_SIZE >= ID_BITS_SIZE, "a digest has bits enough for an id");
    buf_add(&source, request->origin.seed, ORIGIN_SEED_SIZE);
    buf_add_str(&source, what);
    sha256(source.data, source.length, digest);
    return id_of_bits(request->origin.ms, digest);
}

bool request_made(const struct request *request, const char *what, const struct id *id)
{
    struct id mine = request_make_id(request, what);

    return id_same_bits(&mine, id); /* nginx's clock has gone on since */
}

int request_init(struct request *request, char **parameters, struct error *err)
{
    memset(request, 0, sizeof(*request));
    request->body = (struct buf)BUF_INIT;
    request->parameters = parameters;
    request->method = or_empty(request_parameter(request, "REQUEST_METHOD"));
    request->id = or_empty(request_parameter(request, "CODESET_REQUEST_ID"));
    request->awaited = strcmp(or_empty(request_parameter(request, "CODESET_AWAITED")), "1") == 0;
    request->may_come = strcmp(or_empty(request_parameter(request, "CODESET_MAY_COME")), "1") == 0;
    request->origin = read_origin(request);
    request->arrived_ms = request->origin.ms;
    if (read_target(request, err) < 0) {
        request->segment_count = 0;
        request->query_count = 0;
        return -1;
    }
    return 0;
}

void request_release(struct request *request)
{
    free(request->path_text);
    free(request->query_text);
    buf_release(&request->body);
    request->path_text = NULL;
    request->query_text = NULL;
}

int request_content_length(const struct request *request, int64_t *ret_length, struct error *err)
{
    const char *text = request_parameter(request, "CONTENT_LENGTH");
    char *end;
    long long length;

    if (!text || !*text) {
        *ret_length = -1;
        return 0;
    }
    errno = 0;
    length = strtoll(text, &end, 10);
    if (errno || *end || length < 0 || *text == '+' || *text == ' ')
        return error_set(err, ERROR_INVALID, "BAD_REQUEST", "Content-Length is not a number.");
    *ret_length = length;
    return 0;
}

static int too_large(struct error *err, int64_t most)
{
    return error_set(err, ERROR_INVALID, "BODY_TOO_LARGE",
                     "The body may have at most %lld bytes here.", (long long)most);
}

int request_read_body(struct request *request, int64_t most,
                      size_t (*read)(void *arg, char *bytes, size_t size), void *arg,
                      struct error *err)
{
    struct buf *body = &request->body;
    int64_t length;

    if (request_content_length(request, &length, err) < 0)
        return -1;
    if (length > most)
        return too_large(err, most);
    buf_reserve(body, length >= 0 ? (size_t)length : 4096);
    for (;;) {
        size_t room = body->capacity - body->length - 1, got;

        if (room == 0) {
            buf_reserve(body, body->length);
            continue;
        }
        got = read(arg, body->data + body->length, room);
        body->length += got;
        body->data[body->length] = '\0';
        if ((int64_t)body->length > most)
            return too_large(err, most);
        if (got == 0 || (int64_t)body->length == length)
            break;
    }
    if (length >= 0 && (int64_t)body->length != length)
        return error_set(err, ERROR_INVALID, "BAD_REQUEST",
                         "The body ended before its Content-Length.");
    return 0;
}
