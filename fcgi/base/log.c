#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

#include "base/banned.h"

static const char *log_program = "codeset";
static enum log_level log_most = LOG_INFO;
static bool log_prefix = true;
static _Thread_local char log_request_id[64];

void log_open(const char *program, enum log_level most)
{
    log_program = program;
    log_most = most;
    log_prefix = !isatty(STDERR_FILENO);
}

void log_limit(enum log_level most)
{
    log_most = most;
}

void log_request(const char *request_id)
{
    snprintf(log_request_id, sizeof(log_request_id), "%s", request_id ? request_id : "");
}

static void add_escaped(struct buf *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;

        if (c < 0x20 || c == 0x7f || c1)
            buf_addf(line, "\\x%02x", c);
        else
            buf_add_char(line, *text);
    }
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    char text[2048];
    va_list args;
    ssize_t written;

    if (level > log_most)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (log_prefix)
        buf_addf(&line, "<%d>", (int)level);
    buf_addf(&line, "program=%s event=%s ", log_program, event);
    if (log_request_id[0]) {
        buf_add_str(&line, "request=");
        add_escaped(&line, log_request_id);
        buf_add_char(&line, ' ');
    }
    add_escaped(&line, text);
    buf_add_char(&line, '\n');
    /* One write a line: lines of several workers on one pipe do not mix. A log that can't be
     * written is lost; there is nowhere to say so. */
    written = write(STDERR_FILENO, line.data, line.length);
    (void)written;
}

void log_error(const char *event, const struct error *err)
{
    log_event(LOG_ERROR, event, "kind=\"%s\" code=%s message=\"%s\"", error_kind_name(err->kind),
              err->code ? err->code : "-", err->message);
}
