#include "ctl/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define TERMINAL_PAUSE (CLOCK_SECOND / 5)
#define LOG_PAUSE (5 * CLOCK_SECOND)

static void add_printable(struct buf *out, const char *text)
{
    utf8_printable(out, text, strlen(text));
}

void output_block(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\r\n\t");
        _cleanup_(free_ptr) char *piece = xstrndup(text, length);
        _cleanup_(buf_release) struct buf line = BUF_INIT;

        add_printable(&line, piece);
        fputs(line.data, stdout);
        text += length;
        for (; *text == '\r' || *text == '\n' || *text == '\t'; text++) {
            if (*text != '\r')
                putchar(*text);
        }
    }
    putchar('\n');
}

static void add_value(struct buf *out, json_object *value)
{
    if (!value)
        buf_add_char(out, '-');
    else if (json_object_is_type(value, json_type_boolean))
        buf_add_str(out, json_object_get_boolean(value) ? "yes" : "no");
    else
        add_printable(out,
                      json_object_is_type(value, json_type_string)
                          ? json_object_get_string(value)
                          : json_object_to_json_string_ext(
                                value, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void print_json(json_object *value)
{
    puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void add_cell(struct buf *out, json_object *row, const struct output_column *column)
{
    if (row)
        add_value(out, json_object_object_get(row, column->key));
    else
        buf_add_str(out, column->title);
}

/* row NULL: the titles. */
static void print_row(json_object *row, const struct output_column *columns, size_t count,
                      const size_t *widths)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        size_t start = line.length, width;

        add_cell(&line, row, &columns[i]);
        width = utf8_count(line.data + start, line.length - start);
        for (; i + 1 < count && width < widths[i] + 2; width++)
            buf_add_char(&line, ' ');
    }
    puts(line.data);
}

static void measure(json_object *row, const struct output_column *columns, size_t count,
                    size_t *widths)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_(buf_release) struct buf cell = BUF_INIT;
        size_t width;

        add_cell(&cell, row, &columns[i]);
        width = utf8_count(cell.data, cell.length);
        if (width > widths[i])
            widths[i] = width;
    }
}

void output_rows(bool json, json_object *rows, const struct output_column *columns, size_t count,
                 const char *empty)
{
    size_t length = json_object_array_length(rows);
    _cleanup_(free_ptr) size_t *widths = xcalloc(count, sizeof(*widths));

    if (json) {
        print_json(rows);
        return;
    }
    if (length == 0) {
        fprintf(stderr, "%s\n", empty);
        return;
    }
    measure(NULL, columns, count, widths);
    for (size_t i = 0; i < length; i++)
        measure(json_object_array_get_idx(rows, i), columns, count, widths);
    print_row(NULL, columns, count, widths);
    for (size_t i = 0; i < length; i++)
        print_row(json_object_array_get_idx(rows, i), columns, count, widths);
}

void output_object(bool json, json_object *object)
{
    size_t widest = 0;

    if (json) {
        print_json(object);
        return;
    }
    json_object_object_foreach (object, name, ignored) {
        (void)ignored;
        if (strlen(name) > widest)
            widest = strlen(name);
    }
    json_object_object_foreach (object, key, value) {
        _cleanup_(buf_release) struct buf line = BUF_INIT;

        add_value(&line, value);
        printf("%s:%*s %s\n", key, (int)(widest - strlen(key)), "", line.data);
    }
}

void output_done(bool json, json_object *object, const char *format, ...)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    char text[1024];
    va_list args;

    if (json) {
        print_json(object);
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_printable(&line, text);
    puts(line.data);
}

void output_count(int64_t count, const char *word, const char *more)
{
    printf("%lld %s%s%s", (long long)count, word, count == 1 ? "" : "s", more);
}

void output_message(const char *text)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;

    add_printable(&line, text);
    buf_add_char(&line, '\n');
    fputs(line.data, stderr);
}

void progress_begin(struct progress *progress)
{
    progress->terminal = isatty(STDERR_FILENO);
    progress->shown = false;
    progress->next = clock_monotonic() + (progress->terminal ? TERMINAL_PAUSE : LOG_PAUSE);
}

bool progress_due(struct progress *progress)
{
    return clock_monotonic() >= progress->next;
}

void progress_show(struct progress *progress, const char *format, ...)
{
    va_list args;

    if (progress->terminal)
        fputs("\r\033[K", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (!progress->terminal)
        fputc('\n', stderr);
    progress->shown = true;
    progress->next = clock_monotonic() + (progress->terminal ? TERMINAL_PAUSE : LOG_PAUSE);
}

void progress_end(struct progress *progress)
{
    if (progress->terminal && progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
