#include "trial/source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define NESTED_MOST 100 /* statements within statements */
#define HIDDEN '\1'     /* within #if: may be there, or not */

/* --- what is code ---------------------------------------------------------------------------- */

bool source_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_directive(const char *text, size_t at, const char *name)
{
    size_t length = strlen(name);

    at += strspn(text + at, "# \t");
    return strncmp(text + at, name, length) == 0 && !source_is_word(text[at + length]);
}

static size_t line_end(const char *text, size_t at)
{
    for (; text[at] && text[at] != '\n'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return at;
}

/* Behind a comment, a string or a character; `at` itself where none of them begins. */
static size_t skip_opaque(const char *text, size_t at)
{
    const char *end;
    char quote = text[at];

    if (text[at] == '/' && text[at + 1] == '/')
        return line_end(text, at);
    if (text[at] == '/' && text[at + 1] == '*') {
        end = strstr(text + at + 2, "*/");
        return end ? (size_t)(end - text) + 2 : strlen(text);
    }
    if (quote != '"' && quote != '\'')
        return at;
    for (at++; text[at] && text[at] != quote && text[at] != '\n'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

void source_mask(struct source *source, size_t start, size_t end, char by)
{
    for (size_t i = start; i < end; i++)
        if (source->code[i] != '\n')
            source->code[i] = by;
}

size_t source_skip_blanks(const struct source *source, size_t at)
{
    while (isspace((unsigned char)source->code[at]))
        at++;
    return at;
}

static size_t word_length(const char *text)
{
    size_t length = 0;

    while (source_is_word(text[length]))
        length++;
    return length;
}

size_t source_word_length(const struct source *source, size_t at)
{
    return word_length(source->code + at);
}

bool source_has_word(const struct source *source, size_t at, const char *word)
{
    size_t length = source_word_length(source, at);

    return length == strlen(word) && strncmp(source->code + at, word, length) == 0;
}

bool source_is_one_of(const struct source *source, size_t at, const char *const *words,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (source_has_word(source, at, words[i]))
            return true;
    return false;
}

bool source_has_char(const struct source *source, size_t at, char c)
{
    return at < source->length && source->code[at] == c;
}

/* Where what opens here closes; 0: nowhere before `end`. */
size_t source_match(const struct source *source, size_t at, size_t end)
{
    size_t depth = 0;

    for (; at < end; at++) {
        if (strchr("({[", source->code[at]))
            depth++;
        else if (strchr(")}]", source->code[at]) && --depth == 0)
            return at;
    }
    return 0;
}

/* --- functions ------------------------------------------------------------------------------- */

/* The name before the parameters that end just before a brace. */
static bool read_head(const struct source *source, size_t brace, struct function *function)
{
    const char *code = source->code;
    size_t at = brace, depth = 0;

    while (at > 0 && isspace((unsigned char)code[at - 1]))
        at--;
    if (at == 0 || code[at - 1] != ')')
        return false;
    do {
        at--;
        depth += code[at] == ')';
        depth -= code[at] == '(';
    } while (at > 0 && depth > 0);
    while (at > 0 && isspace((unsigned char)code[at - 1]))
        at--;
    function->name = at;
    while (function->name > 0 && source_is_word(code[function->name - 1]))
        function->name--;
    function->name_length = at - function->name;
    return function->name_length > 0;
}

/* The next function from *at on. */
static bool next_function(const struct source *source, size_t *at, struct function *ret_function)
{
    while (*at < source->length) {
        struct function function = {.open = *at};

        if (source->code[(*at)++] != '{')
            continue;
        function.close = source_match(source, function.open, source->length);
        if (function.close == 0)
            return false;
        *at = function.close + 1;
        if (!read_head(source, function.open, &function))
            continue;
        *ret_function = function;
        return true;
    }
    return false;
}

bool source_find_function(const struct source *source, const char *name, size_t length,
                          struct function *ret_function)
{
    for (size_t at = 0; next_function(source, &at, ret_function);)
        if (ret_function->name_length == length &&
            strncmp(source->text + ret_function->name, name, length) == 0)
            return true;
    return false;
}

bool source_is_same(const struct source *source, const struct function *function,
                    const struct source *former)
{
    struct function other;
    size_t length = function->close - function->open;

    return source_find_function(former, source->text + function->name, function->name_length,
                                &other) &&
           other.close - other.open == length &&
           memcmp(source->text + function->open, former->text + other.open, length) == 0;
}

/* --- statements ------------------------------------------------------------------------------ */

static size_t skip_statement(const struct source *source, size_t at, size_t end, size_t nested);

static size_t skip_simple(const struct source *source, size_t at, size_t end)
{
    for (; at < end && source->code[at] != HIDDEN; at++) {
        if (source->code[at] == ';')
            return at + 1;
        if (strchr("({[", source->code[at]) && (at = source_match(source, at, end)) == 0)
            return 0;
    }
    return 0;
}

/* `if`, `for`, `while` and `switch`, with what follows the parentheses. */
static size_t skip_controlled(const struct source *source, size_t at, size_t end, size_t nested)
{
    bool is_if = source_has_word(source, at, "if");

    at = source_skip_blanks(source, at + source_word_length(source, at));
    if (source->code[at] != '(' || (at = source_match(source, at, end)) == 0 ||
        (at = skip_statement(source, at + 1, end, nested + 1)) == 0)
        return 0;
    if (is_if && source_has_word(source, source_skip_blanks(source, at), "else"))
        return skip_statement(source, source_skip_blanks(source, at) + strlen("else"), end,
                              nested + 1);
    return at;
}

static bool is_controlled(const struct source *source, size_t at)
{
    return source_has_word(source, at, "if") || source_has_word(source, at, "for") ||
           source_has_word(source, at, "while") || source_has_word(source, at, "switch");
}

/* 0: it can't be told where it ends. */
static size_t skip_statement(const struct source *source, size_t at, size_t end, size_t nested)
{
    at = source_skip_blanks(source, at);
    if (at >= end || nested > NESTED_MOST)
        return 0;
    if (source->code[at] == '{') {
        size_t close = source_match(source, at, end);

        return close ? close + 1 : 0;
    }
    if (is_controlled(source, at))
        return skip_controlled(source, at, end, nested);
    if (source_has_word(source, at, "do")) {
        at = skip_statement(source, at + strlen("do"), end, nested + 1);
        return at ? skip_simple(source, at, end) : 0;
    }
    return skip_simple(source, at, end);
}

bool source_next_statement(const struct source *source, size_t *at, size_t end,
                           struct statement *ret_statement)
{
    size_t start = source_skip_blanks(source, *at), stop = skip_statement(source, start, end, 0);

    if (stop == 0)
        return false;
    *ret_statement = (struct statement){
        .start = start,
        .end = stop,
        .is_simple = source->code[start] != '{' && !is_controlled(source, start) &&
                     !source_has_word(source, start, "do"),
    };
    *at = stop;
    return true;
}

/* --- what leaves them ------------------------------------------------------------------------ */

bool source_defines(const struct source *source, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < source->macro_count; i++)
        if (source->macros[i].name_length == length &&
            strncmp(source->macros[i].name, name, length) == 0)
            return true;
    return false;
}

bool source_calls(const struct source *source, const char *name)
{
    for (size_t at = 0; at < source->length; at++) {
        size_t length = source_word_length(source, at);

        if (length > 0 && source_has_word(source, at, name) &&
            source->code[source_skip_blanks(source, at + length)] == '(')
            return true;
        at += length > 0 ? length - 1 : 0;
    }
    return false;
}

static bool is_leaving(const struct source *source, const char *word, size_t length)
{
    static const char *const leaving[] = {"return",
                                          "goto",
                                          "exit",
                                          "_exit",
                                          "_Exit",
                                          "quick_exit",
                                          "abort",
                                          "longjmp",
                                          "siglongjmp",
                                          "TEST_IGNORE",
                                          "TEST_IGNORE_MESSAGE",
                                          "TEST_PASS",
                                          "TEST_PASS_MESSAGE",
                                          "TEST_ABORT",
                                          "TEST_FAIL",
                                          "TEST_FAIL_MESSAGE",
                                          "TEST_PROTECT"};

    for (size_t i = 0; i < ARRAY_SIZE(leaving); i++)
        if (strlen(leaving[i]) == length && strncmp(word, leaving[i], length) == 0)
            return true;
    for (size_t i = 0; i < source->macro_count; i++)
        if (source->macros[i].leaves && source->macros[i].name_length == length &&
            strncmp(word, source->macros[i].name, length) == 0)
            return true;
    return false;
}

/* In a test that passes they leave nothing. */
static bool is_assertion(const char *word, size_t length)
{
    return (length == strlen("assert") && strncmp(word, "assert", length) == 0) ||
           strncmp(word, "TEST_ASSERT", strlen("TEST_ASSERT")) == 0 ||
           (length == strlen("RUN_TEST") && strncmp(word, "RUN_TEST", length) == 0);
}

static bool has_leaving(const struct source *source, const struct source_macro *macro)
{
    for (size_t at = macro->start; at < macro->end;) {
        size_t length = word_length(source->text + at), behind = skip_opaque(source->text, at);

        if (length > 0 && is_leaving(source, source->text + at, length))
            return true;
        at = length > 0 ? at + length : behind > at ? behind : at + 1;
    }
    return false;
}

/* A macro may be made of others, which may be defined behind it. */
static void find_leaving(struct source *source)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < source->macro_count; i++) {
            struct source_macro *macro = &source->macros[i];

            if (macro->leaves || is_assertion(macro->name, macro->name_length) ||
                !has_leaving(source, macro))
                continue;
            macro->leaves = found = true;
        }
    }
}

bool source_may_leave(const struct source *source, size_t start, size_t end)
{
    for (size_t at = start; at < end; at++) {
        size_t length = source_word_length(source, at);

        if (source->code[at] == HIDDEN ||
            (length > 0 && is_leaving(source, source->code + at, length)))
            return true;
        at += length > 0 ? length - 1 : 0;
    }
    return false;
}

/* --- the text -------------------------------------------------------------------------------- */

void source_add_macro(struct source *source, size_t name, size_t end)
{
    size_t length = word_length(source->text + name);

    if (length == 0)
        return;
    if (source->macro_count == source->macro_room) {
        source->macro_room += source->macro_room / 2 + 16;
        source->macros = xrealloc(source->macros, source->macro_room * sizeof(*source->macros));
    }
    source->macros[source->macro_count++] = (struct source_macro){
        .name = source->text + name, .name_length = length, .start = name + length, .end = end};
}

/* at: of the directive. */
static void add_macro(struct source *source, size_t at, size_t end)
{
    size_t name = at + strspn(source->text + at, "# \t") + strlen("define");

    source_add_macro(source, name + strspn(source->text + name, " \t"), end);
}

static void mask_all(struct source *source)
{
    const char *text = source->text;
    size_t depth = 0;
    bool fresh = true; /* nothing but blanks on this line so far */

    for (size_t at = 0; at < source->length;) {
        size_t end = skip_opaque(text, at);

        if (fresh && text[at] == '#') {
            end = line_end(text, at);
            depth += is_directive(text, at, "if") || is_directive(text, at, "ifdef") ||
                     is_directive(text, at, "ifndef");
            if (is_directive(text, at, "endif") && depth > 0)
                depth--;
            if (is_directive(text, at, "define"))
                add_macro(source, at, end);
            source_mask(source, at, end, ' ');
        } else if (end == at) {
            fresh = text[at] == '\n' || (fresh && isspace((unsigned char)text[at]));
            end = at + 1;
            if (depth > 0)
                source_mask(source, at, end, HIDDEN);
        } else if (text[at] == '/') {
            source_mask(source, at, end, depth > 0 ? HIDDEN : ' ');
        } else {
            source_mask(source, at + 1, end - 1, depth > 0 ? HIDDEN : 'x');
            fresh = false;
        }
        at = end;
    }
}

void source_read(struct source *ret_source, const char *text)
{
    *ret_source = (struct source){.text = text, .code = xstrdup(text), .length = strlen(text)};
    mask_all(ret_source);
    find_leaving(ret_source);
}

void source_release(struct source *source)
{
    free(source->macros);
    free(source->code);
}
