/*
 * ctl.h - the skeleton of codesetctl: command lines, help, errors, exit statuses. The commands are
 * rows of a table (codesetctl.c); this file knows none of them.
 *
 * A command's run function reads its arguments and options, does its work, and returns an exit
 * status: CTL_OK, or what ctl_fail or ctl_usage returned.
 */
#ifndef CODESET_CTL_CTL_H
#define CODESET_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "settings.h"
#include "store/db.h"

enum {
    CTL_OK = 0,
    CTL_FAILED = 1,          /* what was asked for could not be done */
    CTL_DOCTOR_WARNINGS = 1, /* doctor: warnings, no failure */
    CTL_DOCTOR_FAILURES = 2, /* doctor: at least one failure */
    CTL_USAGE = 64,          /* the command line can't be understood (EX_USAGE) */
    CTL_UNAVAILABLE = 69,    /* the database is out of reach (EX_UNAVAILABLE) */
    CTL_CONFIG = 78,         /* the configuration can't be used (EX_CONFIG) */
};

#define CTL_OPTIONS_MOST 24
#define CTL_ARGUMENTS_MOST 4

struct ctl;

struct ctl_option {
    const char *name; /* without the dashes; NULL ends the list */
    /* What to call its value; NULL: a switch. With "..." at its end, the option may be given
     * several times, and the values come with '\n' between them. */
    const char *value;
    const char *help;
};

struct ctl_command {
    const char *name;      /* one word or two: "migrate", "user add" */
    const char *arguments; /* as in the usage line: "NAME EMAIL" */
    size_t least, most;    /* how many of them */
    struct ctl_option options[CTL_OPTIONS_MOST + 1];
    const char *summary; /* one line */
    const char *help;    /* more, NULL: nothing */
    bool own_settings;   /* reads the configuration itself, or needs none */
    int (*run)(struct ctl *ctl);
};

/* The whole of main. A row without a name ends the table. */
int ctl_main(const struct ctl_command *commands, int argc, char **argv);

/* The i-th argument, NULL where it was not given. */
const char *ctl_argument(const struct ctl *ctl, size_t i);

/* An option's value, "" for a switch that was given, NULL where it was not. The name must be one
 * of the command's. */
const char *ctl_option(const struct ctl *ctl, const char *name);

/* The option as a whole number, `fallback` where it was not given. Returns CTL_OK or CTL_USAGE. */
int ctl_option_int(const struct ctl *ctl, const char *name, int64_t least, int64_t most,
                   int64_t fallback, int64_t *ret_number);

bool ctl_json(const struct ctl *ctl); /* --json */
const char *ctl_config(const struct ctl *ctl);
int ctl_load_settings(struct ctl *ctl, struct error *err); /* only with `own_settings` */

/* A line for each setting of the files that this release has no more, and passes over. */
const char *ctl_settings_gone(const struct ctl *ctl);
const struct settings *ctl_settings(const struct ctl *ctl);

/* The administrator's connection; made when first asked for. NULL on failure. */
struct db *ctl_db(struct ctl *ctl, struct error *err);

/* Says on standard error what failed and what to do; returns the exit status. */
int ctl_fail(const struct ctl *ctl, const struct error *err);
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ctl_warn(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What there is: the table that ctl_main was given, and the options of every command; each ends
 * with a row without a name. */
const struct ctl_command *ctl_commands(const struct ctl *ctl);
const struct ctl_option *ctl_common_options(void);

/* The command `help`. */
int ctl_help(struct ctl *ctl);

#endif
