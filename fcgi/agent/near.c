#include "agent/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#include "base/banned.h"

#define CONTENT_MOST ((size_t)4 << 20) /* of a larger file no hint, which would take its time */
#define LINE_LEAST 8 /* characters of a line that tells a place; a brace does not */

enum fold { FOLD_LINE_ENDS, FOLD_BLANKS, FOLD_CASE, FOLDS };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text without what does not count. Blanks: each run is one, and none are at either end. */
static void fold_text(struct buf *out, const char *text, size_t length, enum fold fold)
{
    buf_reserve(out, length);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (fold == FOLD_LINE_ENDS) {
            if (c != '\r' || i + 1 == length || text[i + 1] != '\n')
                buf_add_char(out, c);
        } else if (is_blank(c)) {
            if (out->length > 0 && out->data[out->length - 1] != ' ')
                buf_add_char(out, ' ');
        } else {
            buf_add_char(out, fold == FOLD_CASE ? (char)tolower((unsigned char)c) : c);
        }
    }
    if (fold != FOLD_LINE_ENDS && out->length > 0 && out->data[out->length - 1] == ' ')
        buf_truncate(out, out->length - 1);
}

/* The line of the content (from 1) in which the folded text has so many characters before it. */
static size_t line_of(const char *content, size_t length, size_t before, enum fold fold)
{
    size_t line = 1, kept = 0;
    bool blank = true; /* the last one that was kept is one, or there is none */

    for (size_t i = 0; i < length; i++) {
        bool is_lost = fold == FOLD_LINE_ENDS
                           ? content[i] == '\r' && i + 1 < length && content[i + 1] == '\n'
                           : is_blank(content[i]) && blank;

        if (!is_lost) {
            if (kept == before)
                break;
            kept++;
            blank = is_blank(content[i]);
        }
        line += content[i] == '\n';
    }
    return line;
}

/* 0: not found. */
static size_t find_folded(const char *content, size_t content_length, const char *text,
                          size_t text_length, enum fold fold)
{
    _cleanup_(buf_release) struct buf in = BUF_INIT;
    _cleanup_(buf_release) struct buf wanted = BUF_INIT;
    const char *found;

    fold_text(&wanted, text, text_length, fold);
    if (wanted.length == 0)
        return 0;
    fold_text(&in, content, content_length, fold);
    found = memmem(in.data, in.length, wanted.data, wanted.length);
    return found ? line_of(content, content_length, (size_t)(found - in.data), fold) : 0;
}

/* The first line of the text that is long enough to tell a place, without the blanks around it. */
static const char *telling_line(const char *text, size_t length, size_t *ret_length)
{
    const char *end = text + length;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text)), *last = stop ? stop : end;

        while (text < last && is_blank(*text))
            text++;
        while (last > text && is_blank(last[-1]))
            last--;
        if (last - text >= LINE_LEAST) {
            *ret_length = (size_t)(last - text);
            return text;
        }
        if (!stop)
            return NULL;
        text = stop + 1;
    }
    return NULL;
}

static size_t count_lines(const char *from, const char *to)
{
    size_t lines = 0;

    while (from < to && (from = memchr(from, '\n', (size_t)(to - from)))) {
        lines++;
        from++;
    }
    return lines;
}

void near_hint(const char *content, size_t content_length, const char *text, size_t text_length,
               char hint[NEAR_HINT_SIZE])
{
    static const char *const differences[FOLDS] = {
        [FOLD_LINE_ENDS] = "line ends (CRLF in one, LF in the other)",
        [FOLD_BLANKS] = "blanks, tabs or line breaks",
        [FOLD_CASE] = "the case of letters (and perhaps blanks)",
    };
    const char *line, *found;
    size_t length;

    hint[0] = '\0';
    if (content_length > CONTENT_MOST || text_length > CONTENT_MOST)
        return;
    for (enum fold fold = FOLD_LINE_ENDS; fold < FOLDS; fold++) {
        size_t at = find_folded(content, content_length, text, text_length, fold);

        if (at > 0) {
            snprintf(hint, NEAR_HINT_SIZE, "; at line %zu is text that differs only in %s", at,
                     differences[fold]);
            return;
        }
    }
    line = telling_line(text, text_length, &length);
    found = line ? memmem(content, content_length, line, length) : NULL;
    if (found)
        snprintf(hint, NEAR_HINT_SIZE,
                 "; line %zu of the file has line %zu of the string, but what is around it differs",
                 count_lines(content, found) + 1, count_lines(text, line) + 1);
}
