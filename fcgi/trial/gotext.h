/*
 * gotext.h - the text of a Go file, as far as it can be read by itself: which functions it
 * has, and which statements they have. Pure.
 *
 * Nothing is compiled. What can't be told for sure is not told.
 *
 * Source: The Go Programming Language Specification, "Semicolons", "Composite literals".
 */
#ifndef CODESET_TRIAL_GOTEXT_H
#define CODESET_TRIAL_GOTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* In place of what is in strings and runes: no letter, and nothing else of the language. */
#define GOTEXT_OPAQUE '#'

struct gotext {
    const char *text; /* borrowed */
    char *code;       /* of the same length: with blanks in place of comments */
    size_t length;
};

struct gotext_function {
    size_t start; /* of `func` */
    size_t name, name_length;
    bool is_method;
    size_t receiver, receiver_length; /* of a method: the name of its type */
    size_t params_open, params_close; /* its parentheses */
    size_t open, close;               /* its braces */
};

enum gotext_kind {
    GOTEXT_SIMPLE,
    GOTEXT_IF,
    GOTEXT_FOR,
    GOTEXT_BLOCK,
    GOTEXT_OTHER, /* `switch` and `select` */
};

struct gotext_statement {
    enum gotext_kind kind;
    size_t start, end; /* without a semicolon */
    /* But for a simple one: */
    size_t head;        /* behind the word that begins it */
    size_t open, close; /* the braces of its (first) body */
    size_t other;       /* what follows `else`: its start; 0: nothing does */
};

void gotext_read(struct gotext *ret_go, const char *text);
void gotext_release(struct gotext *go);

bool gotext_is_word(char c);
size_t gotext_skip_blanks(const struct gotext *go, size_t at); /* newlines, too */
size_t gotext_word_length(const struct gotext *go, size_t at); /* 0: no word begins there */
bool gotext_has_word(const struct gotext *go, size_t at, const char *word);

/* Where the word stands first in the part; its end: nowhere. */
size_t gotext_find_word(const struct gotext *go, size_t start, size_t end, const char *word);

/* Where what opens at `at` closes; 0: nowhere before `end`. */
size_t gotext_match(const struct gotext *go, size_t at, size_t end);

/* Where one of the characters stands first in the part, outside of brackets; its end: nowhere. */
size_t gotext_find_char(const struct gotext *go, size_t start, size_t end, const char *chars);

/* Where a comment `//` begins. From *at on, which must not be within one nor in a string, and is
 * then behind it. */
bool gotext_next_comment(const struct gotext *go, size_t *at, size_t *ret_comment);

/* From *at on, which is then behind it. */
bool gotext_next_function(const struct gotext *go, size_t *at, struct gotext_function *ret);
bool gotext_find_function(const struct gotext *go, const char *name,
                          struct gotext_function *ret_function);

/* Has the other text the same function, letter by letter? */
bool gotext_is_same(const struct gotext *go, const struct gotext_function *function,
                    const struct gotext *former);

/* Calls `each` for all names that the text declares for its package; not for those of methods. */
void gotext_each_name(const struct gotext *go, void (*each)(void *arg, const char *name, size_t),
                      void *arg);

bool gotext_declares(const struct gotext *go, const char *name, size_t length);

/* Does it call something only for the effect, as `var _ = Describe("...", ...)` does? */
bool gotext_acts(const struct gotext *go);

/* Calls `each` for all that it imports: each path with its quotes. */
void gotext_each_import(const struct gotext *go, void (*each)(void *arg, const char *path, size_t),
                        void *arg);

/* The package that the file is of; to free(). */
char *gotext_package(const struct gotext *go);

/* Is the package of that path imported under its own name? */
bool gotext_imports(const struct gotext *go, const char *path);

/* From *at on, which is then behind it. False: there is none before `end`, or it can't be told
 * where it ends; *ret_broken: the second. */
bool gotext_next_statement(const struct gotext *go, size_t *at, size_t end,
                           struct gotext_statement *ret_statement, bool *ret_broken);

/* The braces of the function literal whose `func` is at `at`. False: it is a type. */
bool gotext_literal_body(const struct gotext *go, size_t at, size_t end, size_t *ret_open,
                         size_t *ret_close);

#endif
