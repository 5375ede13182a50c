#include "base/glob.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define BELOW "/**/*.xml"

void glob_list_release(struct glob_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->patterns[i]);
    free(list->patterns);
    memset(list, 0, sizeof(*list));
}

/* --- what a pattern is made of --------------------------------------------------------------- */

/* The length of the piece at text; a slash or the end is behind it. */
static size_t piece_length(const char *text)
{
    return strcspn(text, "/");
}

static const char *next_piece(const char *piece)
{
    piece += piece_length(piece);
    return *piece ? piece + 1 : NULL;
}

static bool is_any_depth(const char *piece)
{
    return piece && piece_length(piece) == 2 && memcmp(piece, "**", 2) == 0;
}

static int refuse(struct error *err, const char *pattern, const char *why)
{
    return error_set(err, ERROR_INVALID, NULL, "the pattern '%.200s' %s", pattern, why);
}

/* A bracket without its end is an ordinary character to glob(7), and never meant to be one. */
static const char *end_of_bracket(const char *bracket)
{
    const char *at = bracket + 1;

    if (*at == '!' || *at == '^')
        at++;
    if (*at == ']')
        at++;
    while (*at && *at != ']' && *at != '/')
        at++;
    return *at == ']' ? at : NULL;
}

static int check_characters(const char *pattern, struct error *err)
{
    int depth = 0;

    for (const char *at = pattern; *at; at++) {
        if (*at == '\\') {
            if (at[1] == '\0' || isalnum((unsigned char)at[1]))
                return refuse(err, pattern, "holds a backslash; write '/' between folders");
            at++;
        } else if (*at == '[') {
            at = end_of_bracket(at);
            if (!at)
                return refuse(err, pattern, "has a '[' without a ']' (write '\\[' for the letter)");
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && --depth < 0) {
            return refuse(err, pattern, "has a '}' without a '{'");
        } else if (iscntrl((unsigned char)*at)) {
            return refuse(err, pattern, "holds a control character");
        }
    }
    return depth ? refuse(err, pattern, "has a '{' without a '}'") : 0;
}

/* Without braces: no piece that says nothing; none that leads out. */
static int tidy(const char *pattern, struct buf *out, struct error *err)
{
    if (pattern[0] == '/')
        return refuse(err, pattern, "begins with '/'; patterns begin at the repository's folder");
    for (const char *piece = pattern; piece; piece = next_piece(piece)) {
        size_t length = piece_length(piece);

        if (length == 0 || (length == 1 && piece[0] == '.') ||
            (is_any_depth(piece) && is_any_depth(next_piece(piece))))
            continue;
        if (length == 2 && memcmp(piece, "..", 2) == 0)
            return refuse(err, pattern, "holds '..'; it must be below the repository's folder");
        if (out->length > 0)
            buf_add_char(out, '/');
        buf_add(out, piece, length);
    }
    if (out->length == 0)
        return refuse(err, pattern,
                      "names the repository's folder itself; name a file or a "
                      "folder in it, or write '**/*.xml'");
    return 0;
}

static int keep(struct glob_list *list, const char *text, const char *more, struct error *err)
{
    if (list->count >= GLOB_LIST_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "the patterns' braces make more than %d patterns",
                         GLOB_LIST_MOST);
    list->patterns = xrealloc(list->patterns, (list->count + 1) * sizeof(*list->patterns));
    list->patterns[list->count++] = xasprintf("%s%s", text, more);
    return 0;
}

static int add_plain(struct glob_list *list, const char *pattern, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    bool is_folder = pattern[0] && pattern[strlen(pattern) - 1] == '/';
    const char *last;

    if (tidy(pattern, &text, err) < 0)
        return -1;
    last = strrchr(text.data, '/');
    last = last ? last + 1 : text.data;
    if (is_any_depth(last))
        return keep(list, text.data, is_folder ? "/*.xml" : "/*", err);
    if (!is_folder && keep(list, text.data, "", err) < 0)
        return -1;
    return is_folder || !strpbrk(last, "*?[") ? keep(list, text.data, BELOW, err) : 0;
}

/* --- braces ---------------------------------------------------------------------------------- */

/* Behind the character at text, or behind the bracket's end. */
static const char *skip(const char *text)
{
    const char *end = *text == '[' ? end_of_bracket(text) : NULL;

    if (*text == '\\')
        return text + (text[1] ? 2 : 1);
    return end ? end + 1 : text + 1;
}

/* Replaces the first braces by each of their alternatives; what is made may have further ones, so
 * it goes on with that. Every pattern that is made counts, and each has fewer braces than the one
 * it was made of. */
static int add_expanded(struct glob_list *list, const char *pattern, int *left, struct error *err)
{
    const char *open = pattern, *close, *from;
    int depth = 0;

    if (--*left < 0)
        return error_set(err, ERROR_LIMIT, NULL, "the patterns' braces make more than %d patterns",
                         GLOB_LIST_MOST);
    while (*open && *open != '{')
        open = skip(open);
    if (!*open)
        return add_plain(list, pattern, err);
    for (close = open; *close != '}' || depth > 1; close = skip(close))
        depth += (*close == '{') - (*close == '}');
    from = open + 1;
    depth = 0;
    for (const char *at = from; at <= close; at = skip(at)) {
        if (at == close || (*at == ',' && depth == 0)) {
            _cleanup_(free_ptr) char *one = xasprintf("%.*s%.*s%s", (int)(open - pattern), pattern,
                                                      (int)(at - from), from, close + 1);

            if (add_expanded(list, one, left, err) < 0)
                return -1;
            from = at + 1;
        }
        depth += (*at == '{') - (*at == '}');
    }
    return 0;
}

int glob_list_add(struct glob_list *list, const char *pattern, struct error *err)
{
    int left = 2 * GLOB_LIST_MOST;

    if (strlen(pattern) > GLOB_PATTERN_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "a pattern is longer than %d bytes",
                         GLOB_PATTERN_MOST);
    if (check_characters(pattern, err) < 0)
        return -1;
    return add_expanded(list, pattern, &left, err);
}

/* --- matching -------------------------------------------------------------------------------- */

static bool match_piece(const char *pattern, const char *piece)
{
    char one[GLOB_PATTERN_MOST + 1], other[GLOB_PATTERN_MOST + 1];
    size_t one_length = piece_length(pattern), other_length = piece_length(piece);

    if (one_length >= sizeof(one) || other_length >= sizeof(other))
        return false;
    memcpy(one, pattern, one_length);
    memcpy(other, piece, other_length);
    one[one_length] = other[other_length] = '\0';
    return fnmatch(one, other, FNM_PERIOD) == 0;
}

/*
 * Piece by piece. A "**" takes as little as it can, and one more when what follows does not fit.
 * Only the last one that was met has to be asked for more: an earlier one could take no more pieces
 * than that without taking one that this may not take either.
 */
static bool match(const char *pattern, const char *path)
{
    const char *any = NULL, *taken = NULL; /* behind the last "**"; what it has not taken */

    while (path) {
        if (is_any_depth(pattern)) {
            any = next_piece(pattern);
            taken = path;
            pattern = any;
        } else if (pattern && match_piece(pattern, path)) {
            pattern = next_piece(pattern);
            path = next_piece(path);
        } else if (taken && taken[0] != '.') {
            taken = next_piece(taken);
            path = taken;
            pattern = any;
        } else {
            return false;
        }
    }
    return !pattern;
}

bool glob_list_match(const struct glob_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (match(list->patterns[i], path))
            return true;
    return false;
}

static bool leads(const char *pattern, const char *folder)
{
    while (folder) {
        if (!pattern)
            return false;
        if (is_any_depth(pattern)) {
            /* Folders with a dot only where the pattern names one. */
            bool hidden = folder[0] == '.' || strstr(folder, "/.");

            return !hidden || strstr(pattern, "/.");
        }
        if (!match_piece(pattern, folder))
            return false;
        pattern = next_piece(pattern);
        folder = next_piece(folder);
    }
    return pattern != NULL;
}

bool glob_list_leads(const struct glob_list *list, const char *folder)
{
    for (size_t i = 0; i < list->count; i++)
        if (leads(list->patterns[i], folder))
            return true;
    return false;
}
