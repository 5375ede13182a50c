/*
 * rust_macros.h - the macros of a Rust file: those that it defines, those that it calls, and
 * whether what they do may leave a function.
 */
#ifndef CODESET_TRIAL_RUST_MACROS_H
#define CODESET_TRIAL_RUST_MACROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trial/source.h"

/* For rust_read: into `macros` and `imported`. */
void rust_macros_read(struct source *source);

/* May what follows not be executed, although no test failed? So it is with a jump, the end of the
 * process, and with a macro that is not known. */
bool rust_may_leave(const struct source *source, size_t start, size_t end);

/* The standard library's, as bits: those that the text defines itself, and those that it imports by
 * name from elsewhere. What it imports by `*`, or all that a crate has by #[macro_use], may also
 * have their names, and then comes before them. */
uint64_t rust_macros_defined(const struct source *source);
uint64_t rust_macros_imported(const struct source *source);
uint64_t rust_macro_bit(const char *name);

/* The next call of one of them by its bare name, from *at on, which is then behind the name. but:
 * not of these. Code that is only quoted is left out. */
bool rust_next_call(const struct source *source, size_t *at, uint64_t but, size_t *ret_name);

#endif
