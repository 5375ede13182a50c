/*
 * source.h - the text of a C program, as far as it can be read without its headers: which
 * functions it has, and which statements they have.
 *
 * Nothing is compiled. What can't be told for sure is not told: what stands within #if may be there
 * or not, and what is behind it in the same statement has no end.
 */
#ifndef CODESET_TRIAL_SOURCE_H
#define CODESET_TRIAL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which the text itself defines. */
struct source_macro {
    const char *name; /* in the text */
    size_t name_length;
    size_t start, end; /* of what it stands for */
    bool leaves;
};

struct source {
    const char *text; /* borrowed */
    char *code; /* of the same length: blanks in place of comments and directives, and nothing that
                   has a meaning in strings */
    size_t length;
    struct source_macro *macros;
    size_t macro_count, macro_room;
    uint64_t imported; /* macros that have names of the standard library's: rust_macros.h */
};

struct function {
    size_t name, name_length;
    size_t open, close; /* its braces */
};

struct statement {
    size_t start, end; /* behind its semicolon or brace */
    bool is_simple;    /* ends with a semicolon, and holds no other statement */
};

void source_read(struct source *ret_source, const char *text);
void source_release(struct source *source);

/* Puts this in place of all code but line ends: for who reads a text into it. */
void source_mask(struct source *source, size_t start, size_t end, char by);

size_t source_skip_blanks(const struct source *source, size_t at);
size_t source_word_length(const struct source *source, size_t at); /* 0: no word begins there */
bool source_has_word(const struct source *source, size_t at, const char *word);
bool source_is_one_of(const struct source *source, size_t at, const char *const *words,
                      size_t count);
bool source_has_char(const struct source *source, size_t at, char c);
bool source_is_word(char c); /* may it be a part of one? */

/* name: where it stands in the text. */
void source_add_macro(struct source *source, size_t name, size_t end);

/* Where what opens at `at` closes; 0: nowhere before `end`. */
size_t source_match(const struct source *source, size_t at, size_t end);

bool source_find_function(const struct source *source, const char *name, size_t length,
                          struct function *ret_function);

/* Has the other text the same function, letter by letter? */
bool source_is_same(const struct source *source, const struct function *function,
                    const struct source *former);

/* From *at on, which is then behind it. False: there is none before `end`, or it can't be told
 * where it ends. */
bool source_next_statement(const struct source *source, size_t *at, size_t end,
                           struct statement *ret_statement);

/* Does the text itself define this macro, whatever #if says of it? */
bool source_defines(const struct source *source, const char *name);

/* Is this function or macro called somewhere? */
bool source_calls(const struct source *source, const char *name);

/* May what follows not be executed, though this is? So it is with a jump, a return, the end of the
 * process, and with a macro of the text's own that has one of these: but for assertions of Unity's,
 * which leave only if they fail. */
bool source_may_leave(const struct source *source, size_t start, size_t end);

#endif
