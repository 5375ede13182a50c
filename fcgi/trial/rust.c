#include "trial/rust.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/rust_macros.h"

#include "base/banned.h"

#define NESTED_MOST 50 /* modules within modules */

/* --- what is code ---------------------------------------------------------------------------- */

static size_t skip_comment(const char *text, size_t at)
{
    size_t depth = 0;

    if (text[at + 1] == '/')
        return at + strcspn(text + at, "\n");
    do { /* they nest */
        if (strncmp(text + at, "/*", 2) == 0) {
            depth++;
            at += 2;
        } else if (strncmp(text + at, "*/", 2) == 0) {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (depth > 0 && text[at]);
    return at;
}

/* Behind the quote that ends what begins with one. */
static size_t skip_quoted(const char *text, size_t at)
{
    char quote = text[at];

    for (at++; text[at] && text[at] != quote; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

/* The hashes between r and the quote of a raw string; -1: it is none. */
static int raw_hashes(const char *text, size_t at)
{
    size_t hashes;

    if (text[at] != 'r')
        return -1;
    if (at > 0 && source_is_word(text[at - 1]) &&
        (!strchr("bc", text[at - 1]) || (at > 1 && source_is_word(text[at - 2]))))
        return -1;
    hashes = strspn(text + at + 1, "#");
    return text[at + 1 + hashes] == '"' && hashes < 256 ? (int)hashes : -1;
}

static size_t skip_raw(const char *text, size_t at, size_t hashes)
{
    for (at += hashes + 2; text[at]; at++)
        if (text[at] == '"' && strspn(text + at + 1, "#") >= hashes)
            return at + 1 + hashes;
    return at;
}

/* 'a' and '\n' are characters, 'a and 'static are lifetimes. */
static bool is_character(const char *text, size_t at)
{
    size_t length = 1;

    if (text[at + 1] == '\\')
        return true;
    if (!text[at + 1] || text[at + 1] == '\'')
        return false;
    while (((unsigned char)text[at + 1 + length] & 0xc0) == 0x80) /* within a letter of UTF-8 */
        length++;
    return text[at + 1 + length] == '\'';
}

/* Behind a comment, a string or a character; `at` itself where none of them begins. *ret_open and
 * *ret_close: how many of its bytes at both ends are code. */
static size_t skip_opaque(const char *text, size_t at, size_t *ret_open, size_t *ret_close)
{
    int hashes = raw_hashes(text, at);

    *ret_open = *ret_close = 0;
    if (text[at] == '/' && (text[at + 1] == '/' || text[at + 1] == '*'))
        return skip_comment(text, at);
    if (hashes >= 0) {
        *ret_open = (size_t)hashes + 2;
        *ret_close = (size_t)hashes + 1;
        return skip_raw(text, at, (size_t)hashes);
    }
    if (text[at] != '"' && (text[at] != '\'' || !is_character(text, at)))
        return at;
    *ret_open = *ret_close = 1;
    return skip_quoted(text, at);
}

void rust_read(struct source *ret_source, const char *text)
{
    bool is_script = strncmp(text, "#!", 2) == 0 && text[2 + strspn(text + 2, " \t")] != '[';
    size_t at = is_script ? strcspn(text, "\n") : 0;

    *ret_source = (struct source){.text = text, .code = xstrdup(text), .length = strlen(text)};
    source_mask(ret_source, 0, at, ' ');
    while (at < ret_source->length) {
        size_t open, close, end = skip_opaque(text, at, &open, &close);

        if (end > at && open == 0)
            source_mask(ret_source, at, end, ' ');
        else if (end > at + open + close)
            source_mask(ret_source, at + open, end - close, 'x');
        at = end > at ? end : at + 1;
    }
    rust_macros_read(ret_source);
}

/* --- items ----------------------------------------------------------------------------------- */

/* What stands before an item. */
struct attributes {
    bool is_test, may_panic, is_const;
    size_t start; /* of the first; of the item where there is none */
    size_t panic_start, panic_end;
    char *path;
};

/* The last word of a path: `test` of `tokio::test`. */
static size_t last_word(const struct source *source, size_t at)
{
    for (;;) {
        size_t behind = source_skip_blanks(source, at + source_word_length(source, at));

        if (!source_has_char(source, behind, ':') || !source_has_char(source, behind + 1, ':'))
            return at;
        at = source_skip_blanks(source, behind + 2);
    }
}

static bool has_word(const struct source *source, size_t at, size_t end, const char *word)
{
    for (; at < end; at += source_word_length(source, at) + 1)
        if (source_has_word(source, at, word))
            return true;
    return false;
}

/* at: behind #[ */
static void take_attribute(const struct source *source, size_t at, size_t end,
                           struct attributes *attributes)
{
    size_t name = source_skip_blanks(source, at), last = last_word(source, name), quote;

    attributes->is_test |= source_has_word(source, last, "test");
    if (source_has_word(source, name, "should_panic")) {
        attributes->panic_start = name;
        attributes->panic_end = end;
    }
    if (source_has_word(source, name, "cfg_attr"))
        attributes->may_panic |= has_word(source, name, end, "should_panic");
    if (!source_has_word(source, name, "path"))
        return;
    quote = name + strcspn(source->code + name, "\"]");
    if (quote < end) {
        free(attributes->path);
        attributes->path =
            xstrndup(source->text + quote + 1, strcspn(source->code + quote + 1, "\""));
    }
}

/* *at is then behind all attributes. False: one of them has no end, or nothing follows. */
static bool read_attributes(const struct source *source, size_t *at, size_t end,
                            struct attributes *attributes)
{
    *attributes = (struct attributes){.start = source_skip_blanks(source, *at)};
    for (*at = attributes->start; *at < end && source->code[*at] == '#';) {
        size_t open = *at + 1 + source_has_char(source, *at + 1, '!'), close;

        open = source_skip_blanks(source, open);
        if (!source_has_char(source, open, '[') || (close = source_match(source, open, end)) == 0)
            return false;
        take_attribute(source, open + 1, close, attributes);
        *at = source_skip_blanks(source, close + 1);
    }
    return *at < end;
}

/* Behind `pub(crate)`, `async`, `unsafe extern "C"`. */
static size_t skip_qualifiers(const struct source *source, size_t at, size_t end)
{
    static const char *const words[] = {"pub", "async", "unsafe", "const", "default", "extern"};

    while (at < end && source_is_one_of(source, at, words, ARRAY_SIZE(words))) {
        size_t behind = source_skip_blanks(source, at + source_word_length(source, at));

        if (source_has_char(source, behind, '(')) {
            if ((behind = source_match(source, behind, end)) == 0)
                return end;
            behind++;
        }
        if (source_has_char(source, behind, '"')) {
            behind += 1 + strcspn(source->code + behind + 1, "\"");
            behind += source_has_char(source, behind, '"');
        }
        at = source_skip_blanks(source, behind);
    }
    return at;
}

/* The next of these characters that is not within brackets; 0: there is none. */
static size_t find_open(const struct source *source, size_t at, size_t end, const char *wanted)
{
    for (; at < end; at++) {
        if (strchr(wanted, source->code[at]))
            return at;
        if (strchr(")}]", source->code[at]))
            return 0;
        if (strchr("({[", source->code[at]) && (at = source_match(source, at, end)) == 0)
            return 0;
    }
    return 0;
}

/* Behind an item that is of no interest. */
static size_t skip_item(const struct source *source, size_t at, size_t end)
{
    static const char *const until_semicolon[] = {"use", "const", "static", "type", "let"};
    bool is_long = source_is_one_of(source, at, until_semicolon, ARRAY_SIZE(until_semicolon));
    size_t stop = find_open(source, at, end, is_long ? ";" : ";{");

    if (stop == 0)
        return 0;
    if (source->code[stop] == ';')
        return stop + 1;
    stop = source_match(source, stop, end);
    return stop ? stop + 1 : 0;
}

struct finding {
    const struct source *source;
    struct rust_file *file;
};

static void add_test(struct finding *finding, const struct rust_test *test)
{
    struct rust_file *file = finding->file;

    file->tests = xrealloc(file->tests, (file->test_count + 1) * sizeof(*file->tests));
    file->tests[file->test_count++] = *test;
}

static void add_module(struct finding *finding, const struct rust_module *module)
{
    struct rust_file *file = finding->file;

    file->modules = xrealloc(file->modules, (file->module_count + 1) * sizeof(*file->modules));
    file->modules[file->module_count++] = *module;
}

/* name: of the function. Behind it; 0: it can't be told where it ends. */
static size_t take_function(struct finding *finding, size_t name, size_t end, const char *modules,
                            const struct attributes *attributes)
{
    const struct source *source = finding->source;
    size_t length = source_word_length(source, name);
    size_t open = find_open(source, name, end, "{;"), parameters, close;

    if (open == 0)
        return 0;
    if (source->code[open] == ';')
        return open + 1;
    if ((close = source_match(source, open, end)) == 0)
        return 0;
    parameters = find_open(source, name, open, "(");
    if (!attributes->is_test || length == 0 || parameters == 0)
        return close + 1;
    parameters = source_match(source, parameters, open);
    add_test(finding, &(struct rust_test){
                          .name = xasprintf("%s%.*s", modules, (int)length, source->text + name),
                          .start = attributes->start,
                          .open = open,
                          .close = close,
                          .returns = memchr(source->code + parameters, '>', open - parameters),
                          .is_const = attributes->is_const,
                          .panic_start = attributes->panic_start,
                          .panic_end = attributes->panic_end,
                          .may_panic = attributes->may_panic,
                      });
    return close + 1;
}

static void find_items(struct finding *finding, size_t at, size_t end, const char *modules,
                       const char *folder, size_t nested);

/* name: of the module. Behind it; 0: it can't be told where it ends. */
static size_t take_module(struct finding *finding, size_t name, size_t end, const char *modules,
                          const char *folder, struct attributes *attributes, size_t nested)
{
    const struct source *source = finding->source;
    int length = (int)source_word_length(source, name);
    size_t behind = source_skip_blanks(source, name + (size_t)length), close;
    _cleanup_(free_ptr) char *inner_modules = NULL, *inner_folder = NULL;

    if (length == 0)
        return 0;
    if (source_has_char(source, behind, ';')) {
        const struct rust_module module = {
            .name = xasprintf("%s%.*s", modules, length, source->text + name),
            .folder = xstrdup(folder),
            .path = attributes->path,
        };

        attributes->path = NULL; /* the module's */
        add_module(finding, &module);
        return behind + 1;
    }
    if (!source_has_char(source, behind, '{') || (close = source_match(source, behind, end)) == 0)
        return 0;
    inner_modules = xasprintf("%s%.*s::", modules, length, source->text + name);
    inner_folder = attributes->path ? xasprintf("%s%s/", folder, attributes->path)
                                    : xasprintf("%s%.*s/", folder, length, source->text + name);
    find_items(finding, behind + 1, close, inner_modules, inner_folder, nested + 1);
    return close + 1;
}

static void find_items(struct finding *finding, size_t at, size_t end, const char *modules,
                       const char *folder, size_t nested)
{
    const struct source *source = finding->source;

    for (bool found = nested < NESTED_MOST; found && (at = source_skip_blanks(source, at)) < end;) {
        struct attributes attributes;
        size_t item = at, word, behind;

        found = read_attributes(source, &item, end, &attributes);
        word = skip_qualifiers(source, item, end);
        attributes.is_const =
            memmem(source->code + item, word - item, "const", strlen("const")) != NULL;
        behind = source_skip_blanks(source, word + source_word_length(source, word));
        if (found && source_has_word(source, word, "fn"))
            at = take_function(finding, behind, end, modules, &attributes);
        else if (found && source_has_word(source, word, "mod"))
            at = take_module(finding, behind, end, modules, folder, &attributes, nested);
        else if (found)
            at = skip_item(source, item, end);
        found = found && at > 0;
        free(attributes.path);
    }
}

void rust_find(const struct source *source, const char *modules, struct rust_file *ret_file)
{
    struct finding finding = {source, ret_file};

    *ret_file = (struct rust_file){0};
    find_items(&finding, 0, source->length, modules, "", 0);
}

void rust_file_release(struct rust_file *file)
{
    for (size_t i = 0; i < file->test_count; i++)
        free(file->tests[i].name);
    for (size_t i = 0; i < file->module_count; i++) {
        free(file->modules[i].name);
        free(file->modules[i].folder);
        free(file->modules[i].path);
    }
    free(file->tests);
    free(file->modules);
    *file = (struct rust_file){0};
}

/* --- statements ------------------------------------------------------------------------------ */

/* What begins a statement that ends with a block, or can. */
static bool is_block(const struct source *source, size_t at)
{
    static const char *const words[] = {"if", "for",    "while", "loop", "match", "unsafe",
                                        "fn", "struct", "enum",  "impl", "mod",   "trait"};

    return source_has_char(source, at, '{') ||
           source_is_one_of(source, at, words, ARRAY_SIZE(words));
}

/* Behind NAME! where a macro is called, or a path with it; 0: none is. */
static size_t skip_macro_name(const struct source *source, size_t at)
{
    at = last_word(source, at);
    at += source_word_length(source, at);
    at = source_skip_blanks(source, at);
    return source_has_char(source, at, '!') && !source_has_char(source, at + 1, '=') ? at + 1 : 0;
}

/* Is what ends with a brace before `at` only a pattern, or the part of a condition? */
static bool goes_on(const struct source *source, size_t at)
{
    const char *code = source->code + at;

    return (code[0] == '=' && code[1] != '=' && code[1] != '>') || code[0] == '|' ||
           code[0] == '@' || code[0] == '&' || source_has_word(source, at, "in");
}

/* Behind the block of `if`, `for`, `fn` and the like. */
static size_t skip_block(const struct source *source, size_t at, size_t end)
{
    do {
        size_t stop = find_open(source, at, end, ";{");

        if (stop == 0 || source->code[stop] == ';')
            return stop ? stop + 1 : 0;
        if ((stop = source_match(source, stop, end)) == 0)
            return 0;
        at = stop + 1;
    } while (goes_on(source, source_skip_blanks(source, at)));
    return at;
}

/* With all `else`. */
static size_t skip_blocks(const struct source *source, size_t at, size_t end)
{
    bool is_if = source_has_word(source, at, "if");

    while ((at = skip_block(source, at, end)) > 0 && is_if) {
        size_t next = source_skip_blanks(source, at);

        if (!source_has_word(source, next, "else"))
            break;
        at = next + strlen("else");
    }
    return at;
}

/* Behind a macro's call with braces that is a statement; 0: it is none. */
static size_t skip_braced_macro(const struct source *source, size_t at, size_t end)
{
    size_t open = skip_macro_name(source, at);

    if (open == 0)
        return 0;
    open = source_skip_blanks(source, open);
    if (source_word_length(source, open) > 0) /* macro_rules! name */
        open = source_skip_blanks(source, open + source_word_length(source, open));
    if (!source_has_char(source, open, '{') || (open = source_match(source, open, end)) == 0)
        return 0;
    return open + 1;
}

bool rust_next_statement(const struct source *source, size_t *at, size_t end,
                         struct rust_statement *ret_statement)
{
    struct attributes attributes;
    size_t start = *at, stop, next;
    bool block, found = read_attributes(source, &start, end, &attributes);
    bool has_attribute = start != attributes.start;

    free(attributes.path);
    if (!found || source_has_char(source, start, '\'')) /* a label */
        return false;
    block = is_block(source, start);
    stop = block ? skip_blocks(source, start, end) : skip_braced_macro(source, start, end);
    next = source_skip_blanks(source, stop);
    if (stop > 0 && next < end && strchr(".?", source->code[next])) {
        block = false; /* a value, of which something is called */
        stop = 0;
    }
    *ret_statement = (struct rust_statement){
        .start = attributes.start,
        .is_simple = !block && stop == 0 && !has_attribute && !source_has_char(source, start, ';'),
    };
    if (stop == 0 && !block) {
        stop = find_open(source, start, end, ";");
        ret_statement->is_value = stop == 0;
        stop = stop ? stop + 1 : end;
    }
    *at = ret_statement->end = stop;
    return stop > 0;
}

/* --- arguments ------------------------------------------------------------------------------- */

/* Behind the generic arguments that begin at `at`, with '<'; 0: it can't be told. */
static size_t skip_generics(const struct source *source, size_t at, size_t end)
{
    size_t depth = 0;

    for (; at < end; at++) {
        char c = source->code[at];

        if (c == '<')
            depth++;
        else if (c == '>' && source->code[at - 1] != '-' && source->code[at - 1] != '=' &&
                 --depth == 0)
            return at + 1;
        else if (strchr("({[", c) && (at = source_match(source, at, end)) == 0)
            return 0;
    }
    return 0;
}

size_t rust_argument_end(const struct source *source, size_t at, size_t end)
{
    bool has_type = false;

    if (source_has_char(source, at, '<')) /* <T as Trait<A, B>>::name() */
        return 0;
    for (; at < end && source->code[at] != ','; at++) {
        bool is_start = at == 0 || !source_is_word(source->code[at - 1]);

        has_type = has_type || (is_start && source_has_word(source, at, "as"));
        if (has_type && source->code[at] == '<')
            return 0;
        if (is_start && source->code[at] == '|' && source->code[at + 1] != '|' &&
            source->code[at - 1] != '|') /* a closure's arguments, or a bit operation */
            return 0;
        if (strncmp(source->code + at, "::<", 3) == 0) {
            at = skip_generics(source, at + 2, end);
            if (at == 0)
                return 0;
            at--;
        } else if (strchr("({[", source->code[at]) && (at = source_match(source, at, end)) == 0) {
            return 0;
        }
    }
    return at;
}
