/*
 * options.h - command lines.
 *
 * -h, --help and --version are there by themselves, in every program.
 */
#ifndef CODESET_BASE_OPTIONS_H
#define CODESET_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* One of the two pointers is set: where its text goes to, or that it was given. */
struct option_row {
    const char *name; /* without the dashes */
    const char **text;
    bool *given;
};

#define OPTIONS_MAX 16
#define OPTIONS_GO_ON (-1)

/* Of a program that takes options and no arguments. OPTIONS_GO_ON; else the exit status of a
 * program that has said all it has to: 0 after --help and
 * --version, EX_USAGE for a wrong command line. usage ends with a newline. */
int options_parse(const char *program, const char *usage, const struct option_row *rows,
                  size_t count, int argc, char **argv);

/* Of a program that takes arguments and no options: whether the only argument was one of the three,
 * which is answered then. */
bool options_asked(const char *program, const char *usage, int argc, char **argv);

#endif
