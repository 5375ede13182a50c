#include "egress/proxy_head.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define SCHEME "http://"
#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A run of the head's bytes. */
struct part {
    const char *at;
    size_t length;
};

static int refuse(struct proxy_refusal *refusal, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct proxy_refusal *refusal, int status, const char *format, ...)
{
    va_list args;

    refusal->status = status;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof(refusal->message), format, args);
    va_end(args);
    return -1;
}

const char *proxy_head_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {{400, "Bad Request"},         {403, "Forbidden"},
                {408, "Request Timeout"},     {431, "Request Header Fields Too Large"},
                {501, "Not Implemented"},     {502, "Bad Gateway"},
                {503, "Service Unavailable"}, {504, "Gateway Timeout"}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "Error";
}

size_t proxy_head_length(const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);

    return end ? (size_t)(end - bytes) + 4 : 0;
}

static bool is_token(struct part part)
{
    return part.length > 0 && strspn(part.at, TOKEN) >= part.length;
}

static bool begins_with(struct part part, const char *text)
{
    return part.length >= strlen(text) && strncasecmp(part.at, text, strlen(text)) == 0;
}

static bool equals(struct part part, const char *text)
{
    return part.length == strlen(text) && strncasecmp(part.at, text, part.length) == 0;
}

/* The head's next line without its end. At the empty line its length is 0. */
static struct part next_line(struct part *rest)
{
    const char *end = memmem(rest->at, rest->length, "\r\n", 2);
    struct part line = {rest->at, end ? (size_t)(end - rest->at) : rest->length};

    rest->at += line.length + (end ? 2 : 0);
    rest->length -= line.length + (end ? 2 : 0);
    return line;
}

/* --- where to -------------------------------------------------------------------------------- */

static int read_port(struct part text, uint16_t *ret_port)
{
    unsigned value = 0;

    if (text.length == 0 || text.length > 5)
        return -1;
    for (size_t i = 0; i < text.length; i++) {
        if (!isdigit((unsigned char)text.at[i]))
            return -1;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    if (value == 0 || value > UINT16_MAX)
        return -1;
    *ret_port = (uint16_t)value;
    return 0;
}

/* Addresses in the one form in which they are written back, so that one has one name. */
static bool is_literal(char host[EGRESS_HOST_SIZE], bool brackets)
{
    struct in6_addr address;
    int family = brackets ? AF_INET6 : AF_INET;

    return inet_pton(family, host, &address) == 1 &&
           inet_ntop(family, &address, host, EGRESS_HOST_SIZE) != NULL;
}

static int read_host(struct part text, bool brackets, struct proxy_head *head)
{
    if (text.length > 1 && text.at[text.length - 1] == '.' && !brackets)
        text.length--;
    if (text.length == 0 || text.length >= EGRESS_HOST_SIZE)
        return -1;
    for (size_t i = 0; i < text.length; i++)
        head->host[i] = (char)tolower((unsigned char)text.at[i]);
    head->host[text.length] = '\0';
    if (strlen(head->host) != text.length)
        return -1;
    head->literal = is_literal(head->host, brackets);
    return head->literal || (!brackets && egress_name_valid(head->host)) ? 0 : -1;
}

/* host:port. port: the one where none is written; 0: it must be written. */
static int read_authority(struct part text, uint16_t port, struct proxy_head *head,
                          struct proxy_refusal *refusal)
{
    bool brackets = text.length > 0 && text.at[0] == '[';
    const char *end = brackets ? memchr(text.at, ']', text.length) : NULL;
    const char *colon;
    struct part host, number;

    if (memchr(text.at, '@', text.length) != NULL)
        return refuse(refusal, 400, "an address with a user name in it is not served");
    if (brackets && end == NULL)
        return refuse(refusal, 400, "the host of the address is not valid");
    colon = memchr(end ? end : text.at, ':', text.length - (size_t)(end ? end - text.at : 0));
    host = (struct part){text.at, colon ? (size_t)(colon - text.at) : text.length};
    if (brackets && host.at + host.length != end + 1)
        return refuse(refusal, 400, "the host of the address is not valid");
    if (brackets)
        host = (struct part){host.at + 1, host.length - 2};
    head->port = port;
    if (colon != NULL) {
        number = (struct part){colon + 1, text.length - (size_t)(colon + 1 - text.at)};
        if (read_port(number, &head->port) < 0)
            return refuse(refusal, 400, "the port of the address is not valid");
    }
    if (head->port == 0)
        return refuse(refusal, 400, "CONNECT needs a host and a port, as example.com:443");
    if (read_host(host, brackets, head) < 0)
        return refuse(refusal, 400, "the host of the address is not valid");
    return 0;
}

/* --- what is passed on ----------------------------------------------------------------------- */

/* Is the name in the list of a Connection field? */
static bool is_listed(struct part list, struct part name)
{
    while (list.length > 0) {
        size_t length = 0;

        while (length < list.length && list.at[length] != ',')
            length++;
        for (size_t i = 0; i + name.length <= length; i++) {
            bool begins = i == 0 || list.at[i - 1] == ' ' || list.at[i - 1] == '\t';
            bool ends = i + name.length == length || list.at[i + name.length] == ' ' ||
                        list.at[i + name.length] == '\t';

            if (begins && ends && strncasecmp(list.at + i, name.at, name.length) == 0)
                return true;
        }
        length += length < list.length;
        list = (struct part){list.at + length, list.length - length};
    }
    return false;
}

struct field {
    struct part line, name, value;
};

struct first_line {
    struct part method, target, version;
};

/* Fields that are between the client and us (RFC 9110, section 7.6.1), or that we make anew. */
static bool stays_here(const struct field *fields, size_t count, struct part name)
{
    static const char *const names[] = {"Host", "Connection", "Keep-Alive", "Upgrade",
                                        "HTTP2-Settings"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (equals(name, names[i]))
            return true;
    if (begins_with(name, "Proxy-"))
        return true;
    /* Whoever frames a body by what is dropped would have two readings of it. */
    if (equals(name, "Content-Length") || equals(name, "Transfer-Encoding"))
        return false;
    for (size_t i = 0; i < count; i++)
        if (equals(fields[i].name, "Connection") && is_listed(fields[i].value, name))
            return true;
    return false;
}

static int read_field(struct part line, struct field *ret_field)
{
    const char *colon = memchr(line.at, ':', line.length);

    ret_field->line = line;
    if (colon == NULL)
        return -1;
    ret_field->name = (struct part){line.at, (size_t)(colon - line.at)};
    ret_field->value = (struct part){colon + 1, line.length - ret_field->name.length - 1};
    for (size_t i = 0; i < line.length; i++)
        if ((unsigned char)line.at[i] < ' ' && line.at[i] != '\t')
            return -1;
    /* No name begins with a blank: lines that go on in the next are long forbidden. */
    return is_token(ret_field->name) ? 0 : -1;
}

static int read_fields(struct part rest, struct field fields[PROXY_HEAD_LINES_MAX],
                       size_t *ret_count, struct proxy_refusal *refusal)
{
    size_t count = 0;

    for (;;) {
        struct part line = next_line(&rest);

        if (line.length == 0)
            break;
        if (count == PROXY_HEAD_LINES_MAX)
            return refuse(refusal, 431, "the request has more than %d header fields",
                          PROXY_HEAD_LINES_MAX);
        if (read_field(line, &fields[count++]) < 0)
            return refuse(refusal, 400, "a header field of the request is not valid");
    }
    *ret_count = count;
    return 0;
}

static void write_forward(const struct first_line *first, struct part path,
                          const struct field *fields, size_t count, struct proxy_head *head)
{
    struct buf *out = &head->forward;

    buf_add(out, first->method.at, first->method.length);
    buf_add_char(out, ' ');
    if (path.length == 0 || path.at[0] != '/')
        buf_add_char(out, '/'); /* "http://host?query" */
    buf_add(out, path.at, path.length);
    buf_add_char(out, ' ');
    buf_add(out, first->version.at, first->version.length);
    buf_add_str(out, "\r\nHost: ");
    buf_addf(out, head->literal && strchr(head->host, ':') ? "[%s]" : "%s", head->host);
    if (head->port != 80)
        buf_addf(out, ":%u", head->port);
    buf_add_str(out, "\r\n");
    for (size_t i = 0; i < count; i++) {
        if (stays_here(fields, count, fields[i].name))
            continue;
        buf_add(out, fields[i].line.at, fields[i].line.length);
        buf_add_str(out, "\r\n");
    }
    buf_add_str(out, "Connection: close\r\n\r\n");
}

/* --- the whole ------------------------------------------------------------------------------- */

static int read_first_line(struct part line, struct first_line *ret_first)
{
    const char *first = memchr(line.at, ' ', line.length);
    const char *last = memrchr(line.at, ' ', line.length);
    if (first == NULL || first == last)
        return -1;
    ret_first->method = (struct part){line.at, (size_t)(first - line.at)};
    ret_first->target = (struct part){first + 1, (size_t)(last - first - 1)};
    ret_first->version = (struct part){last + 1, line.length - (size_t)(last + 1 - line.at)};
    if (!is_token(ret_first->method) || ret_first->target.length == 0 ||
        (!equals(ret_first->version, "HTTP/1.1") && !equals(ret_first->version, "HTTP/1.0")))
        return -1;
    for (size_t i = 0; i < ret_first->target.length; i++)
        if ((unsigned char)ret_first->target.at[i] <= ' ' || ret_first->target.at[i] == 0x7f)
            return -1;
    return 0;
}

static int read_absolute(const struct first_line *first, struct part rest, struct proxy_head *head,
                         struct proxy_refusal *refusal)
{
    struct part authority, path, target = first->target;
    struct field fields[PROXY_HEAD_LINES_MAX];
    size_t count = 0, length = 0;

    if (begins_with(target, "https://"))
        return refuse(refusal, 400, "use CONNECT for an address that begins with https://");
    if (!begins_with(target, SCHEME))
        return refuse(refusal, 400,
                      "this is a proxy: it serves CONNECT, and addresses that begin with http://");
    target = (struct part){target.at + strlen(SCHEME), target.length - strlen(SCHEME)};
    while (length < target.length && strchr("/?#", target.at[length]) == NULL)
        length++;
    authority = (struct part){target.at, length};
    path = (struct part){target.at + length, target.length - length};
    if (memchr(path.at, '#', path.length) != NULL)
        return refuse(refusal, 400, "the address of a request has no part behind a #");
    if (read_authority(authority, 80, head, refusal) < 0 ||
        read_fields(rest, fields, &count, refusal) < 0)
        return -1;
    write_forward(first, path, fields, count, head);
    return 0;
}

int proxy_head_read(const char *bytes, size_t length, struct proxy_head *ret_head,
                    struct proxy_refusal *ret_refusal)
{
    /* With a NUL behind it, so that a search by bytes of a text ends. */
    _cleanup_(free_ptr) char *copy = xstrndup(bytes, length);
    _cleanup_(proxy_head_release) struct proxy_head head = {.forward = BUF_INIT};
    struct part rest = {copy, length};
    struct field fields[PROXY_HEAD_LINES_MAX];
    struct first_line first;
    size_t count;
    int rc;

    if (strlen(copy) != length || read_first_line(next_line(&rest), &first) < 0)
        return refuse(ret_refusal, 400, "this is no request of HTTP/1.1");
    head.connect = first.method.length == 7 && memcmp(first.method.at, "CONNECT", 7) == 0;
    if (head.connect)
        rc = read_authority(first.target, 0, &head, ret_refusal) < 0
                 ? -1
                 : read_fields(rest, fields, &count, ret_refusal);
    else
        rc = read_absolute(&first, rest, &head, ret_refusal);
    if (rc < 0)
        return -1;
    *ret_head = head;
    head.forward = (struct buf)BUF_INIT;
    return 0;
}

void proxy_head_release(struct proxy_head *head)
{
    buf_release(&head->forward);
}
