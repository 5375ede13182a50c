#include "trial/rust_macros.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

#define ROUNDS_MOST 50 /* macros that are made of others */

static bool is_in(const char *word, size_t length, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == length && strncmp(word, words[i], length) == 0)
            return true;
    return false;
}

/* --- which there are ------------------------------------------------------------------------- */

static const char *const std_macros[] = {"assert",
                                         "assert_eq",
                                         "assert_ne",
                                         "cfg",
                                         "column",
                                         "compile_error",
                                         "concat",
                                         "dbg",
                                         "debug_assert",
                                         "debug_assert_eq",
                                         "debug_assert_ne",
                                         "env",
                                         "eprint",
                                         "eprintln",
                                         "file",
                                         "format",
                                         "format_args",
                                         "include",
                                         "include_bytes",
                                         "include_str",
                                         "line",
                                         "matches",
                                         "module_path",
                                         "option_env",
                                         "panic",
                                         "print",
                                         "println",
                                         "stringify",
                                         "thread_local",
                                         "todo",
                                         "unimplemented",
                                         "unreachable",
                                         "vec",
                                         "write",
                                         "writeln"};

static uint64_t bit_of(const char *word, size_t length)
{
    for (unsigned i = 0; i < ARRAY_SIZE(std_macros); i++)
        if (is_in(word, length, &std_macros[i], 1))
            return UINT64_C(1) << i;
    return 0;
}

uint64_t rust_macro_bit(const char *name)
{
    return bit_of(name, strlen(name));
}

/* None of these leaves a function, but by a failure. */
static bool is_known_macro(const char *word, size_t length)
{
    static const char *const others[] = {"json", "bail", "ensure", "anyhow", "macro_rules"};

    return strncmp(word, "assert", strlen("assert")) == 0 ||
           (bit_of(word, length) & ~rust_macro_bit("include")) ||
           is_in(word, length, others, ARRAY_SIZE(others));
}

static int by_name(const void *a, const void *b)
{
    const struct source_macro *one = a, *other = b;
    size_t length = one->name_length < other->name_length ? one->name_length : other->name_length;
    int order = memcmp(one->name, other->name, length);

    return order
               ? order
               : (one->name_length > other->name_length) - (one->name_length < other->name_length);
}

/* Of several of one name always the same; NULL: the text defines none. */
static struct source_macro *macro_of(const struct source *source, const char *name, size_t length)
{
    const struct source_macro key = {.name = name, .name_length = length};

    return source->macro_count == 0 ? NULL
                                    : bsearch(&key, source->macros, source->macro_count,
                                              sizeof(*source->macros), by_name);
}

/* A macro that leaves, or one of which nothing is known. */
static bool macro_leaves(const struct source *source, const char *name, size_t length)
{
    const struct source_macro *macro;

    if (is_known_macro(name, length))
        return false;
    macro = macro_of(source, name, length);
    return !macro || macro->leaves;
}

/* --- what leaves ----------------------------------------------------------------------------- */

bool rust_may_leave(const struct source *source, size_t start, size_t end)
{
    static const char *const leaving[] = {"return", "exit",   "_exit", "quick_exit",
                                          "abort",  "become", "yield"};

    for (size_t at = start; at < end; at++) {
        size_t length = source_word_length(source, at), behind;

        if (length == 0)
            continue;
        if (is_in(source->code + at, length, leaving, ARRAY_SIZE(leaving)))
            return true;
        behind = source_skip_blanks(source, at + length);
        if (source_has_char(source, behind, '!') && !source_has_char(source, behind + 1, '=') &&
            macro_leaves(source, source->text + at, length))
            return true;
        at += length - 1;
    }
    return false;
}

/* A macro may be made of others. Where that has no end, all of them leave. */
static void find_leaving(struct source *source)
{
    bool found = true;

    for (size_t round = 0; found; round++) {
        found = false;
        for (size_t i = 0; i < source->macro_count; i++) {
            const struct source_macro *form = &source->macros[i];
            struct source_macro *macro = macro_of(source, form->name, form->name_length);

            if (macro->leaves ||
                (round < ROUNDS_MOST && !rust_may_leave(source, form->start, form->end)))
                continue;
            macro->leaves = found = true;
        }
    }
}

/* The first word from `at` on, where none goes on; the text's end where there is none. */
static size_t next_word(const struct source *source, size_t at)
{
    while (at < source->length && !source_is_word(source->code[at]))
        at++;
    return at;
}

/* Where the name stands of a macro that is defined at `at`; 0: none is. */
static size_t defined_name(const struct source *source, size_t at)
{
    size_t behind = source_skip_blanks(source, at + source_word_length(source, at));

    return source_has_word(source, at, "macro_rules") && source_has_char(source, behind, '!')
               ? source_skip_blanks(source, behind + 1)
               : 0;
}

/* Those within another one are a part of it. */
static void find_macros(struct source *source)
{
    for (size_t at = next_word(source, 0); at < source->length;
         at = next_word(source, at + source_word_length(source, at))) {
        size_t name = defined_name(source, at), open, close;

        if (name == 0)
            continue;
        open = source_skip_blanks(source, name + source_word_length(source, name));
        if ((close = source_match(source, open, source->length)) == 0)
            break;
        source_add_macro(source, name, close + 1);
        at = close;
    }
    if (source->macro_count > 0)
        qsort(source->macros, source->macro_count, sizeof(*source->macros), by_name);
    find_leaving(source);
}

/* --- whose they are, and where they are called ----------------------------------------------- */

uint64_t rust_macros_defined(const struct source *source)
{
    uint64_t found = 0;

    for (size_t at = next_word(source, 0); at < source->length;
         at = next_word(source, at + source_word_length(source, at))) {
        size_t name = defined_name(source, at);

        found |= name ? bit_of(source->code + name, source_word_length(source, name)) : 0;
    }
    return found;
}

/* at: behind `use`. What the last word of each path means, unless the first one is the standard
 * library. */
static uint64_t imported_by(const struct source *source, size_t at, size_t end)
{
    static const char *const std[] = {"std", "core", "alloc"};
    bool has_first = false, is_std = false;
    uint64_t found = 0;

    for (size_t depth = 0; at < end; at++) {
        size_t length = source_word_length(source, at);

        if (length > 0 && !has_first) {
            has_first = true;
            is_std = source_is_one_of(source, at, std, ARRAY_SIZE(std));
        }
        if (length > 0 && !is_std &&
            strchr(",};", source->code[source_skip_blanks(source, at + length)]))
            found |= bit_of(source->code + at, length);
        depth += has_first && source->code[at] == '{';
        depth -= depth > 0 && source->code[at] == '}';
        has_first = has_first && (depth > 0 || source->code[at] != ',');
        at += length > 0 ? length - 1 : 0;
    }
    return found;
}

static uint64_t find_imported(const struct source *source)
{
    uint64_t found = 0;

    for (size_t at = next_word(source, 0), end; at < source->length; at = next_word(source, end)) {
        end = at + source_word_length(source, at);
        if (!source_has_word(source, at, "use"))
            continue;
        at = end;
        end += strcspn(source->code + end, ";");
        found |= imported_by(source, at, end);
    }
    return found;
}

void rust_macros_read(struct source *source)
{
    find_macros(source);
    source->imported = find_imported(source);
}

uint64_t rust_macros_imported(const struct source *source)
{
    return source->imported;
}

/* Is it the end of a path, or a parameter of a macro's? */
static bool is_behind_path(const struct source *source, size_t at)
{
    while (at > 0 && isspace((unsigned char)source->code[at - 1]))
        at--;
    return at > 0 && (source->code[at - 1] == '$' ||
                      (at > 1 && source->code[at - 1] == ':' && source->code[at - 2] == ':'));
}

/* Behind what is between brackets at `open`; the text's end if that can't be told. */
static size_t quoted_end(const struct source *source, size_t open)
{
    bool is_open = open < source->length && strchr("({[", source->code[open]);
    size_t close = is_open ? source_match(source, open, source->length) : open;

    return close > 0 ? close : source->length;
}

bool rust_next_call(const struct source *source, size_t *at, uint64_t but, size_t *ret_name)
{
    static const char *const quoting[] = {"stringify", "quote", "quote_spanned", "parse_quote"};

    for (size_t word = next_word(source, *at); word < source->length;
         word = next_word(source, *at)) {
        size_t length = source_word_length(source, word), behind;

        *at = word + length;
        behind = source_skip_blanks(source, *at);
        if (!source_has_char(source, behind, '!') || source_has_char(source, behind + 1, '='))
            continue;
        if (is_in(source->code + word, length, quoting, ARRAY_SIZE(quoting)))
            *at = quoted_end(source, source_skip_blanks(source, behind + 1));
        if ((bit_of(source->code + word, length) & ~but) && !is_behind_path(source, word)) {
            *ret_name = word;
            return true;
        }
    }
    return false;
}
