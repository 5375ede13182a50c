#include "trial/gotext.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

/* Letters beyond ASCII are part of words, too. */
bool gotext_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* --- what is code ---------------------------------------------------------------------------- */

/* Behind a comment, a string or a rune; `at` itself where none of them begins. */
static size_t skip_opaque(const char *text, size_t at)
{
    const char *end;
    char quote = text[at];

    if (text[at] == '/' && text[at + 1] == '/')
        return at + strcspn(text + at, "\n");
    if (text[at] == '/' && text[at + 1] == '*') {
        end = strstr(text + at + 2, "*/");
        return end ? (size_t)(end - text) + 2 : strlen(text);
    }
    if (quote == '`') {
        end = strchr(text + at + 1, '`');
        return end ? (size_t)(end - text) + 1 : strlen(text);
    }
    if (quote != '"' && quote != '\'')
        return at;
    for (at++; text[at] && text[at] != quote && text[at] != '\n'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

/* A comment stands for a blank, or for a line's end; in a raw string there is none. */
static void mask(struct gotext *go, size_t start, size_t end, bool is_comment)
{
    size_t first = is_comment ? start : start + 1, last = is_comment ? end : end - 1;

    for (size_t i = first; i < last; i++)
        if (!is_comment || go->code[i] != '\n')
            go->code[i] = is_comment ? ' ' : GOTEXT_OPAQUE;
}

void gotext_read(struct gotext *ret_go, const char *text)
{
    *ret_go = (struct gotext){.text = text, .code = xstrdup(text), .length = strlen(text)};
    for (size_t at = 0; at < ret_go->length;) {
        size_t end = skip_opaque(text, at);

        if (end > at)
            mask(ret_go, at, end, text[at] == '/');
        at = end > at ? end : at + 1;
    }
}

bool gotext_next_comment(const struct gotext *go, size_t *at, size_t *ret_comment)
{
    while (*at < go->length) {
        size_t here = *at, end = skip_opaque(go->text, here);

        *at = end > here ? end : here + 1;
        if (end == here || go->text[here] != '/' || go->text[here + 1] != '/')
            continue;
        *ret_comment = here;
        return true;
    }
    return false;
}

void gotext_release(struct gotext *go)
{
    free(go->code);
    *go = (struct gotext){0};
}

/* --- words and brackets ---------------------------------------------------------------------- */

size_t gotext_skip_blanks(const struct gotext *go, size_t at)
{
    while (is_space(go->code[at]) || go->code[at] == '\n')
        at++;
    return at;
}

static size_t skip_spaces(const struct gotext *go, size_t at)
{
    while (is_space(go->code[at]))
        at++;
    return at;
}

size_t gotext_word_length(const struct gotext *go, size_t at)
{
    size_t length = 0;

    if (isdigit((unsigned char)go->code[at]) || (at > 0 && gotext_is_word(go->code[at - 1])))
        return 0;
    while (gotext_is_word(go->code[at + length]))
        length++;
    return length;
}

bool gotext_has_word(const struct gotext *go, size_t at, const char *word)
{
    size_t length = gotext_word_length(go, at);

    return length == strlen(word) && strncmp(go->code + at, word, length) == 0;
}

size_t gotext_find_word(const struct gotext *go, size_t start, size_t end, const char *word)
{
    const char *found;

    for (size_t at = start; at < end; at = (size_t)(found - go->code) + 1) {
        found = memmem(go->code + at, end - at, word, strlen(word));
        if (!found)
            return end;
        if (gotext_has_word(go, (size_t)(found - go->code), word))
            return (size_t)(found - go->code);
    }
    return end;
}

size_t gotext_match(const struct gotext *go, size_t at, size_t end)
{
    size_t depth = 0;

    for (; at < end; at++) {
        if (strchr("({[", go->code[at]))
            depth++;
        else if (strchr(")}]", go->code[at]) && --depth == 0)
            return at;
    }
    return 0;
}

size_t gotext_find_char(const struct gotext *go, size_t start, size_t end, const char *chars)
{
    for (size_t at = start; at < end; at++) {
        if (strchr(chars, go->code[at]))
            return at;
        if (strchr("({[", go->code[at]) && (at = gotext_match(go, at, end)) == 0)
            return end;
    }
    return end;
}

/* --- functions ------------------------------------------------------------------------------- */

/* Is what a brace closes the end of a statement, and no part of an expression or of a type? */
static bool ends_body(const struct gotext *go, size_t close, size_t end)
{
    size_t at = skip_spaces(go, close + 1);

    return at >= end || strchr("\n;}", go->code[at]) || gotext_has_word(go, at, "else");
}

/* The braces of what is executed, behind a head that may have other braces. */
static bool find_body(const struct gotext *go, size_t at, size_t end, size_t *ret_open,
                      size_t *ret_close)
{
    while ((at = gotext_find_char(go, at, end, "{")) < end) {
        size_t close = gotext_match(go, at, end);

        if (close == 0)
            return false;
        if (ends_body(go, close, end)) {
            *ret_open = at;
            *ret_close = close;
            return true;
        }
        at = close + 1;
    }
    return false;
}

/* The type of `(p *pair[K, V])`: its name stands last, but for what is in brackets. */
static void read_receiver(const struct gotext *go, size_t open, size_t close,
                          struct gotext_function *function)
{
    size_t end = gotext_find_char(go, open + 1, close, "["), at;

    for (at = open + 1; at < end; at++) {
        size_t length = gotext_word_length(go, at);

        if (length == 0)
            continue;
        function->receiver = at;
        function->receiver_length = length;
    }
}

static bool read_function(const struct gotext *go, size_t start, struct gotext_function *ret)
{
    struct gotext_function function = {.start = start};
    size_t at = gotext_skip_blanks(go, start + strlen("func"));

    if (go->code[at] == '(') {
        size_t close = gotext_match(go, at, go->length);

        if (close == 0)
            return false;
        function.is_method = true;
        read_receiver(go, at, close, &function);
        at = gotext_skip_blanks(go, close + 1);
    }
    function.name = at;
    function.name_length = gotext_word_length(go, at);
    at = gotext_skip_blanks(go, at + function.name_length);
    if (go->code[at] == '[' && (at = gotext_match(go, at, go->length)) > 0) /* of types */
        at = gotext_skip_blanks(go, at + 1);
    function.params_open = at;
    if (function.name_length == 0 || go->code[at] != '(' ||
        (function.params_close = gotext_match(go, at, go->length)) == 0 ||
        !find_body(go, function.params_close + 1, go->length, &function.open, &function.close))
        return false;
    *ret = function;
    return true;
}

/* The next word that begins a line outside of all brackets. */
static bool next_top_word(const struct gotext *go, size_t *at, size_t *ret_word)
{
    while (*at < go->length) {
        size_t here = *at;

        if (strchr("({[", go->code[here])) {
            size_t close = gotext_match(go, here, go->length);

            if (close == 0)
                return false;
            *at = close + 1;
            continue;
        }
        *at = here + 1;
        if ((here > 0 && go->code[here - 1] != '\n') || gotext_word_length(go, here) == 0)
            continue;
        *ret_word = here;
        return true;
    }
    return false;
}

bool gotext_next_function(const struct gotext *go, size_t *at, struct gotext_function *ret)
{
    size_t word;

    while (next_top_word(go, at, &word)) {
        if (!gotext_has_word(go, word, "func") || !read_function(go, word, ret))
            continue;
        *at = ret->close + 1;
        return true;
    }
    return false;
}

bool gotext_find_function(const struct gotext *go, const char *name,
                          struct gotext_function *ret_function)
{
    struct gotext_function function;

    for (size_t at = 0; gotext_next_function(go, &at, &function);)
        if (!function.is_method && gotext_has_word(go, function.name, name)) {
            *ret_function = function;
            return true;
        }
    return false;
}

bool gotext_is_same(const struct gotext *go, const struct gotext_function *function,
                    const struct gotext *former)
{
    _cleanup_(free_ptr) char *name = xstrndup(go->text + function->name, function->name_length);
    struct gotext_function other;
    size_t length = function->close - function->start;

    return gotext_find_function(former, name, &other) && other.close - other.start == length &&
           memcmp(go->text + function->start, former->text + other.start, length) == 0;
}

/* `_` is no name: as many as like may be declared. */
static bool is_blank(const char *name, size_t length)
{
    return length == 1 && name[0] == '_';
}

/* The names before a type or a value: `a, b int`. */
static void each_in_line(const struct gotext *go, size_t at,
                         void (*each)(void *arg, const char *name, size_t), void *arg)
{
    size_t length;

    while ((length = gotext_word_length(go, at)) > 0) {
        each(arg, go->text + at, length);
        at = skip_spaces(go, at + length);
        if (go->code[at] != ',')
            return;
        at = gotext_skip_blanks(go, at + 1);
    }
}

/* `var a = 1`, or `var (` with one or more in each line. */
static void each_in_group(const struct gotext *go, size_t at,
                          void (*each)(void *arg, const char *name, size_t), void *arg)
{
    size_t close;

    if (go->code[at] != '(') {
        each_in_line(go, at, each, arg);
        return;
    }
    close = gotext_match(go, at, go->length);
    for (at++; at < close; at++) {
        at = gotext_skip_blanks(go, at);
        each_in_line(go, at, each, arg);
        at = gotext_find_char(go, at, close, "\n;");
    }
}

/* With `_`; and not those of methods. */
static void each_declared(const struct gotext *go,
                          void (*each)(void *arg, const char *name, size_t), void *arg)
{
    struct gotext_function function;
    size_t word;

    for (size_t at = 0; next_top_word(go, &at, &word);) {
        size_t behind = gotext_skip_blanks(go, word + gotext_word_length(go, word));

        if (gotext_has_word(go, word, "func") && read_function(go, word, &function)) {
            if (!function.is_method)
                each(arg, go->text + function.name, function.name_length);
            at = function.close + 1;
        } else if (gotext_has_word(go, word, "var") || gotext_has_word(go, word, "const") ||
                   gotext_has_word(go, word, "type")) {
            each_in_group(go, behind, each, arg);
        }
    }
}

struct naming {
    void (*each)(void *arg, const char *name, size_t);
    void *arg;
};

static void pass_name(void *arg, const char *name, size_t length)
{
    const struct naming *naming = arg;

    if (!is_blank(name, length))
        naming->each(naming->arg, name, length);
}

void gotext_each_name(const struct gotext *go, void (*each)(void *arg, const char *name, size_t),
                      void *arg)
{
    struct naming naming = {each, arg};

    each_declared(go, pass_name, &naming);
}

struct declaring {
    const char *name;
    size_t length;
    bool found;
};

static void look_at_name(void *arg, const char *name, size_t length)
{
    struct declaring *declaring = arg;

    if (length == declaring->length && strncmp(name, declaring->name, length) == 0)
        declaring->found = true;
}

bool gotext_declares(const struct gotext *go, const char *name, size_t length)
{
    struct declaring declaring = {name, length, false};

    gotext_each_name(go, look_at_name, &declaring);
    return declaring.found;
}

struct acting {
    const struct gotext *go;
    bool found;
};

static void look_at_blank(void *arg, const char *name, size_t length)
{
    struct acting *acting = arg;
    const struct gotext *go = acting->go;
    size_t sign = gotext_find_char(go, (size_t)(name - go->text) + length, go->length, "=\n;");
    size_t value, at;

    if (!is_blank(name, length) || go->code[sign] != '=')
        return;
    at = value = gotext_skip_blanks(go, sign + 1);
    while ((length = gotext_word_length(go, at)) > 0)
        at += length + (go->code[at + length] == '.');
    acting->found = acting->found || (at > value && go->code[at] == '(');
}

bool gotext_acts(const struct gotext *go)
{
    struct acting acting = {go, false};

    each_declared(go, look_at_blank, &acting);
    return acting.found;
}

char *gotext_package(const struct gotext *go)
{
    size_t at = gotext_find_word(go, 0, go->length, "package");
    size_t name = at < go->length ? gotext_skip_blanks(go, at + strlen("package")) : at;

    return xstrndup(go->text + name, gotext_word_length(go, name));
}

void gotext_each_import(const struct gotext *go, void (*each)(void *arg, const char *path, size_t),
                        void *arg)
{
    size_t word;

    for (size_t at = 0; next_top_word(go, &at, &word);) {
        size_t start = gotext_skip_blanks(go, word + gotext_word_length(go, word)), end;

        if (!gotext_has_word(go, word, "import"))
            continue;
        end = go->code[start] == '(' ? gotext_match(go, start, go->length)
                                     : start + strcspn(go->code + start, "\n");
        for (size_t quote = start, behind; quote < end; quote++)
            if (strchr("\"`", go->code[quote]) && (behind = skip_opaque(go->text, quote)) > quote) {
                each(arg, go->text + quote, behind - quote);
                quote = behind - 1;
            }
    }
}

bool gotext_imports(const struct gotext *go, const char *path)
{
    _cleanup_(free_ptr) char *quoted = xasprintf("\"%s\"", path);
    const char *found = strstr(go->text, quoted), *before = found;

    while (before && before > go->text && is_space(before[-1]))
        before--;
    return found && before > go->text &&
           (strchr("\n(;", before[-1]) ||
            (before - go->text >= (ptrdiff_t)strlen("import") &&
             strncmp(before - strlen("import"), "import", strlen("import")) == 0));
}

/* --- statements ------------------------------------------------------------------------------ */

/* Does a statement end with this line? ("Semicolons") */
static bool ends_line(const struct gotext *go, size_t start, size_t newline)
{
    size_t at = newline;

    while (at > start && is_space(go->code[at - 1]))
        at--;
    if (at == start)
        return false;
    if (gotext_is_word(go->code[at - 1]) || strchr(")]}\"'`", go->code[at - 1]))
        return true;
    return at - start > 1 && go->code[at - 1] == go->code[at - 2] && strchr("+-", go->code[at - 1]);
}

static size_t skip_simple(const struct gotext *go, size_t start, size_t end)
{
    for (size_t at = start; at < end; at++) {
        if (go->code[at] == ';' || (go->code[at] == '\n' && ends_line(go, start, at)))
            return at;
        if (strchr("({[", go->code[at]) && (at = gotext_match(go, at, end)) == 0)
            return 0;
    }
    return end;
}

static enum gotext_kind kind_of(const struct gotext *go, size_t at)
{
    return go->code[at] == '{'                                                      ? GOTEXT_BLOCK
           : gotext_has_word(go, at, "if")                                          ? GOTEXT_IF
           : gotext_has_word(go, at, "for")                                         ? GOTEXT_FOR
           : gotext_has_word(go, at, "switch") || gotext_has_word(go, at, "select") ? GOTEXT_OTHER
                                                                                    : GOTEXT_SIMPLE;
}

/* With all that follows `else`. */
static bool read_controlled(const struct gotext *go, size_t end, struct gotext_statement *statement)
{
    size_t at = statement->start, open, close;

    statement->head = at + gotext_word_length(go, at);
    if (!find_body(go, statement->head, end, &statement->open, &statement->close))
        return false;
    close = statement->close;
    while (at = skip_spaces(go, close + 1), gotext_has_word(go, at, "else")) {
        at = gotext_skip_blanks(go, at + strlen("else"));
        if (statement->other == 0)
            statement->other = at;
        if (!find_body(go, at, end, &open, &close))
            return false;
    }
    statement->end = close + 1;
    return true;
}

static bool is_label(const struct gotext *go, size_t at)
{
    size_t behind = skip_spaces(go, at + gotext_word_length(go, at));

    return gotext_word_length(go, at) > 0 && go->code[behind] == ':' && go->code[behind + 1] != '=';
}

bool gotext_next_statement(const struct gotext *go, size_t *at, size_t end,
                           struct gotext_statement *ret_statement, bool *ret_broken)
{
    struct gotext_statement statement = {.start = gotext_skip_blanks(go, *at)};

    while (statement.start < end && go->code[statement.start] == ';')
        statement.start = gotext_skip_blanks(go, statement.start + 1);
    *ret_broken = false;
    if (statement.start >= end)
        return false;
    *ret_broken = true;
    statement.kind = kind_of(go, statement.start);
    if (is_label(go, statement.start))
        return false;
    if (statement.kind == GOTEXT_SIMPLE) {
        statement.end = skip_simple(go, statement.start, end);
        while (statement.end > statement.start &&
               isspace((unsigned char)go->code[statement.end - 1]))
            statement.end--;
    } else if (statement.kind == GOTEXT_BLOCK) {
        statement.open = statement.head = statement.start;
        statement.close = gotext_match(go, statement.open, end);
        statement.end = statement.close ? statement.close + 1 : 0;
    } else if (!read_controlled(go, end, &statement)) {
        return false;
    }
    if (statement.end == 0)
        return false;
    *ret_broken = false;
    *at = statement.end;
    *ret_statement = statement;
    return true;
}

bool gotext_literal_body(const struct gotext *go, size_t at, size_t end, size_t *ret_open,
                         size_t *ret_close)
{
    at = gotext_skip_blanks(go, at + strlen("func"));
    if (go->code[at] != '(' || (at = gotext_match(go, at, end)) == 0)
        return false;
    for (at++; at < end; at++) {
        size_t length = gotext_word_length(go, at), next;

        if (go->code[at] == '{') { /* `struct{}` and `interface{}` are skipped as words */
            *ret_open = at;
            *ret_close = gotext_match(go, at, end);
            return *ret_close > 0;
        }
        if (strchr("([", go->code[at])) {
            if ((at = gotext_match(go, at, end)) == 0)
                return false;
        } else if (length > 0) {
            next = skip_spaces(go, at + length);
            if ((gotext_has_word(go, at, "struct") || gotext_has_word(go, at, "interface")) &&
                go->code[next] == '{' && (next = gotext_match(go, next, end)) > 0)
                length = next + 1 - at;
            at += length - 1;
        } else if (!strchr(" \t*.<-", go->code[at])) {
            return false;
        }
    }
    return false;
}
