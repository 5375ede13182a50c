#include "grade/logs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/log_names.h"
#include "grade/log_reader.h"

#include "base/banned.h"

#define LINE_MAX_BYTES (2 * TEST_NAME_MAX) /* longer lines name no test */

static const struct log_parser *const parsers[] = {
    &log_pytest,     &log_unittest,  &log_sympy,     &log_go,      &log_go_json,     &log_cargo,
    &log_jest,       &log_vitest,    &log_mocha,     &log_tap,     &log_ctest,       &log_gradle,
    &log_maven,      &log_phpunit,   &log_rspec,     &log_dotnet,  &log_gtest,       &log_minitest,
    &log_named_json, &log_automake,  &log_ant,       &log_redis,   &log_micropython, &log_karma,
    &log_cucumber,   &log_test_unit, &log_jest_json, &log_doctest,
};

const struct log_parser *log_parser_find(const char *name)
{
    const char *own = log_parser_name(name);

    for (size_t i = 0; own && i < ARRAY_SIZE(parsers); i++)
        if (strcmp(parsers[i]->name, own) == 0)
            return parsers[i];
    return NULL;
}

/* --- for the parsers ------------------------------------------------------------------------- */

void log_set(char **text, const char *value, size_t length)
{
    char *copy = value ? xstrndup(value, length) : NULL;

    free(*text);
    *text = copy;
}

void log_case(struct log_reader *log, const char *classname, const char *name, size_t length,
              enum test_outcome outcome)
{
    struct test_case item = {.outcome = outcome};

    if (log->list.count + log->report->count >= TEST_CASES_MAX) {
        log->is_over = true;
        return;
    }
    if (length > TEST_NAME_MAX || (classname && strlen(classname) > TEST_NAME_MAX) ||
        (length == 0 && (!classname || !classname[0])))
        return;
    item.name = xstrndup(name, length);
    item.classname = classname ? xstrdup(classname) : NULL;
    log->failures += outcome == TEST_FAILED;
    log->open = true;
    test_case_list_add(&log->list, &item);
}

void log_end(struct log_reader *log, int64_t failures)
{
    log->ended = true;
    log->open = false;
    log->said += failures;
}

bool log_starts(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

bool log_ends(const char *line, const char *word)
{
    size_t length = strlen(line), end = strlen(word);

    return length >= end && strcmp(line + length - end, word) == 0;
}

int64_t log_number_before(const char *line, const char *word)
{
    for (const char *at = strstr(line, word); at; at = strstr(at + 1, word)) {
        const char *begin = at;

        while (begin > line && isdigit((unsigned char)begin[-1]))
            begin--;
        if (begin < at && at - begin < 10)
            return strtoll(begin, NULL, 10);
    }
    return 0;
}

int64_t log_number_behind(const char *line, const char *word)
{
    const char *at = strstr(line, word);

    if (!at)
        return 0;
    at += strlen(word);
    at += strspn(at, " ");
    return isdigit((unsigned char)*at) && strspn(at, "0123456789") < 10 ? strtoll(at, NULL, 10) : 0;
}

void log_stack_pop(struct log_reader *log, int indent)
{
    while (log->depth > 0 && log->stack[log->depth - 1].indent >= indent) {
        log->depth--;
        free(TAKE_PTR(log->stack[log->depth].name));
    }
}

void log_stack_push(struct log_reader *log, int indent, const char *name, size_t length)
{
    log_stack_pop(log, indent);
    if (log->depth == LOG_STACK_MAX || length > TEST_NAME_MAX / LOG_STACK_MAX)
        return;
    log->stack[log->depth].indent = indent;
    log->stack[log->depth++].name = xstrndup(name, length);
}

char *log_stack_path(const struct log_reader *log, const char *between)
{
    struct buf path = BUF_INIT;

    for (int i = 0; i < log->depth; i++)
        buf_addf(&path, "%s%s", i ? between : "", log->stack[i].name);
    return buf_take(&path);
}

int log_indent(const char *line)
{
    return (int)strspn(line, " ");
}

size_t log_without_time(const char *text)
{
    size_t length = strlen(text), end = length;
    bool is_closed = end > 0 && strchr(")]", text[end - 1]);

    end -= is_closed;
    if (end == 0 || text[end - 1] != 's')
        return length;
    end -= end > 1 && text[end - 2] == 'm' ? 2 : 1;
    while (end > 0 && text[end - 1] == ' ')
        end--;
    if (end == 0 || !isdigit((unsigned char)text[end - 1]))
        return length;
    while (end > 0 && (isdigit((unsigned char)text[end - 1]) || text[end - 1] == '.'))
        end--;
    if (is_closed) {
        if (end == 0 || !strchr("([", text[end - 1]))
            return length;
        end--;
    }
    if (end == 0 || text[end - 1] != ' ')
        return length;
    while (end > 0 && text[end - 1] == ' ')
        end--;
    return end;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* The length of the escape sequence at text (ECMA-48: CSI, OSC, or two characters). */
static size_t escape_length(const char *text, size_t length)
{
    size_t at = 2;

    if (length < 2)
        return length;
    if (text[1] == '[') {
        while (at < length && (text[at] < 0x40 || text[at] > 0x7e))
            at++;
    } else if (text[1] == ']') {
        while (at < length && text[at] != '\a' && text[at] != '\x1b')
            at++;
    } else {
        return 2;
    }
    return at < length ? at + 1 : length;
}

/* What a terminal would show, more or less; tabs stay. */
static void clean_line(struct buf *out, const char *text, size_t length)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;

    for (size_t i = 0; i < length;) {
        if (text[i] == '\x1b') {
            i += escape_length(text + i, length - i);
            continue;
        }
        if ((unsigned char)text[i] >= 0x20 || text[i] == '\t')
            buf_add_char(&bytes, text[i]);
        i++;
    }
    while (bytes.length > 0 && strchr(" \t", bytes.data[bytes.length - 1]))
        buf_truncate(&bytes, bytes.length - 1);
    buf_clear(out);
    utf8_sanitize(out, bytes.data, bytes.length);
}

static void read_lines(struct log_reader *log, const struct log_parser *parser, const char *bytes,
                       size_t size)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    const char *end = bytes + size;

    while (bytes < end && !log->is_over) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t length = (size_t)((stop ? stop : end) - bytes);

        if (length <= LINE_MAX_BYTES) {
            clean_line(&line, bytes, length);
            parser->line(log, line.data);
            log_set(&log->previous, line.data, line.length);
        }
        bytes = stop ? stop + 1 : end;
    }
    if (parser->end)
        parser->end(log);
}

static void log_release(struct log_reader *log)
{
    log_stack_pop(log, -1);
    free(log->place);
    free(log->pending);
    free(log->previous);
    test_case_list_release(&log->list);
}

enum report_state test_report_add_log(struct test_report *report, const struct log_parser *parser,
                                      const char *bytes, size_t size, char note[REPORT_NOTE_SIZE])
{
    _cleanup_(log_release) struct log_reader log = {.report = report};
    enum report_state state = REPORT_BROKEN;
    size_t before = report->count;
    bool told;

    if (parser->document)
        parser->document(&log, bytes, size);
    else
        read_lines(&log, parser, bytes, size);
    told = log.list.count > 0 || report->count > before || log.ended;
    if (log.is_over)
        snprintf(note, REPORT_NOTE_SIZE, "it tells of too many tests");
    else if (!told)
        snprintf(note, REPORT_NOTE_SIZE, "it tells of no test that the parser %s knows",
                 parser->name);
    else if (!log.ended || log.open)
        snprintf(note, REPORT_NOTE_SIZE, "it names no end of the run (parser %s)", parser->name);
    else if (log.said > log.failures)
        snprintf(note, REPORT_NOTE_SIZE,
                 "its end names %lld failures, of which it tells %lld (parser %s)",
                 (long long)log.said, (long long)log.failures, parser->name);
    else
        note[0] = '\0';
    if (note[0] == '\0')
        state = REPORT_WHOLE;
    else if (!told)
        state = REPORT_EMPTY;
    for (size_t i = 0; i < log.list.count; i++)
        test_report_take(report, &log.list.cases[i]);
    return state;
}
