/*
 * rust.h - the text of a Rust file, as far as it can be read without a compiler: its tests
 * with their modules, the modules that are files of their own, and the statements of a function.
 *
 * A text is read into a struct source (trial/source.h), whose `code` has nothing but what counts:
 * blanks in place of comments, and nothing that has a meaning in strings and characters. What is
 * made by macros is not seen.
 */
#ifndef CODESET_TRIAL_RUST_H
#define CODESET_TRIAL_RUST_H

#include <stdbool.h>
#include <stddef.h>

#include "trial/source.h"

/* A function with an attribute that ends with `test`: #[test], #[tokio::test]. */
struct rust_test {
    char *name;                    /* behind its modules: "sums::adds" */
    size_t start;                  /* of its first attribute */
    size_t open, close;            /* its braces */
    bool returns;                  /* it has a value, as Result */
    bool is_const;                 /* it may be executed while it is compiled */
    size_t panic_start, panic_end; /* between the brackets of #[should_panic]; 0: it has none */
    bool may_panic;                /* by #[cfg_attr(..., should_panic)] it has one, or has none */
};

/* `mod NAME;`, whose text is in a file. */
struct rust_module {
    char *name;   /* behind those around it */
    char *folder; /* made of the modules around it in the same file: "", "outer/" */
    char *path;   /* that an attribute names; NULL: none does */
};

struct rust_file {
    struct rust_test *tests;
    size_t test_count;
    struct rust_module *modules;
    size_t module_count;
};

/* To be released with source_release. */
void rust_read(struct source *ret_source, const char *text);

/* modules: that the text is in, "" or "outer::". */
void rust_find(const struct source *source, const char *modules, struct rust_file *ret_file);
void rust_file_release(struct rust_file *file);

struct rust_statement {
    size_t start, end; /* behind its semicolon or brace */
    bool is_simple;    /* it holds no other statement, and has no attribute */
    bool is_value;     /* it ends with neither a semicolon nor the brace of a block */
};

/* From *at on, which is then behind it. False: there is none before `end`, or it can't be told
 * where it ends. */
bool rust_next_statement(const struct source *source, size_t *at, size_t end,
                         struct rust_statement *ret_statement);

/* Behind the argument of a call that begins at `at`; 0: it can't be told. */
size_t rust_argument_end(const struct source *source, size_t at, size_t end);

#endif
