#include "http/answer.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/codes.h"
#include "http/render.h"

#include "base/banned.h"

void answer_release(struct answer *answer)
{
    buf_release(&answer->headers);
    buf_release(&answer->body);
    buf_release(&answer->vary);
}

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
    _cleanup_(free_ptr) char *value = NULL;
    va_list args;

    va_start(args, format);
    value = xvasprintf(format, args);
    va_end(args);
    buf_add_str(&answer->headers, name);
    buf_add_str(&answer->headers, ": ");
    for (const char *c = value; *c; c++)
        if (*c >= ' ' && *c <= '~')
            buf_add_char(&answer->headers, *c);
    buf_add_str(&answer->headers, "\r\n");
}

struct buf *answer_json(struct answer *answer, int status)
{
    answer->status = status;
    answer_header(answer, "Content-Type", "application/json");
    return &answer->body;
}

static void log_refusal(const struct error *err, const struct code *code)
{
    if (code->status == 500)
        log_error("request_failed", err);
    else if (code->status > 500)
        log_event(LOG_WARNING, "request_refused", "code=%s reason=\"%s\"", code->name,
                  err->message);
    else if (strncmp(code->name, "GITHUB_", 7) == 0) /* the caller's fault, as another party says */
        log_event(LOG_INFO, "request_refused", "code=%s reason=\"%s\"", code->name, err->message);
}

/* Messages of the store and the field tables are written as parts of a log line. */
static void render_sentence(struct buf *out, const char *key, const char *message)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add_str(&text, message);
    if (text.length > 0) {
        if (text.data[0] >= 'a' && text.data[0] <= 'z')
            text.data[0] = (char)(text.data[0] - 'a' + 'A');
        if (text.data[text.length - 1] != '.')
            buf_add_char(&text, '.');
    }
    render_text(out, key, text.data);
}

void answer_error(struct answer *answer, const struct error *err)
{
    const char *message;
    const struct code *code = code_of_error(err, &message);
    struct buf *body;

    log_refusal(err, code);
    buf_clear(&answer->headers);
    buf_clear(&answer->body);
    buf_clear(&answer->vary);
    answer->log_code = code->name;
    body = answer_json(answer, code->status);
    if (code->status == 401)
        answer_header(answer, "WWW-Authenticate", "Bearer");
    if (code->retry_after > 0)
        answer_header(answer, "Retry-After", "%d", code->retry_after);
    if (code->retry_after == RETRY_NEVER)
        answer_header(answer, "X-Should-Retry", "false");
    render_open(body, NULL, '{');
    render_open(body, "detail", '{');
    render_text(body, "code", code->name);
    render_sentence(body, "message", message);
    render_close(body, '}');
    render_close(body, '}');
}

void answer_redirect_internally(struct answer *answer, const char *location)
{
    answer->status = 200;
    answer_header(answer, "X-Accel-Redirect", "%s", location);
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i].status == status)
            return known[i].reason;
    return status < 500 ? "Refused" : "Failed";
}

void answer_vary(struct answer *answer, const char *name)
{
    buf_addf(&answer->vary, "%s%s", answer->vary.length ? ", " : "", name);
}

void answer_write_head(const struct answer *answer, struct buf *out)
{
    buf_addf(out, "Status: %d %s\r\n", answer->status, reason_of(answer->status));
    buf_add(out, answer->headers.data, answer->headers.length);
    if (answer->vary.length)
        buf_addf(out, "Vary: %s\r\n", answer->vary.data);
    if (answer->status != 204 && answer->status != 304)
        buf_addf(out, "Content-Length: %zu\r\n", answer->body.length);
    buf_add_str(out, "\r\n");
}
