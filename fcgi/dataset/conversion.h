/*
 * conversion.h - what a format of somebody else's is (dataset/formats.h), and a row on its way to a
 * line of ours. Of formats.c and what it divides its work among.
 */
#ifndef CODESET_DATASET_CONVERSION_H
#define CODESET_DATASET_CONVERSION_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"

#define MARKS_MOST 4
#define RENAMED_MOST 6

/* Where the tests' commands are. */
enum commands {
    COMMANDS_NONE,     /* in no field of the row */
    COMMANDS_FIELD,    /* in format->command */
    COMMANDS_WHOLE,    /* there; they lay the tests' patch, too */
    COMMANDS_PATCHED,  /* there, else pytest; the files of the tests' patch are its arguments */
    COMMANDS_OF_LISTS, /* pytest, on the files that the lists of tests name */
    COMMANDS_FIXED,    /* format->command itself; they lay the tests' patch, too */
    COMMANDS_OF_REPO,  /* by the repository (swe_bench.c) */
};

struct conversion {
    const struct dataset_format *format;
    json_object *row, *line;
};

struct dataset_format {
    const char *name;
    const char *marks[MARKS_MOST];    /* a row has all of these fields */
    const char *lacks;                /* and not this one; NULL: whatever */
    bool (*is_one)(json_object *row); /* in place of both; may be NULL */
    struct {
        const char *ours, *theirs;
    } renamed[RENAMED_MOST];
    const char *image;        /* the field with the registry's reference; NULL: none */
    const char *image_prefix; /* else it is this, and the instance_id with */
    const char *image_join;   /* this in place of its "__" */
    const char *language;     /* of rows that name none; NULL: guessed from their patches */
    const char *repo_path;
    const char *setup;   /* shell, before a session is ready; NULL: none */
    const char *prepare; /* shell, before the tests */
    enum commands commands;
    bool exact; /* the tests of fail_to_fail must fail */
    const char *command;
    const char *log_parser; /* the field with its name */
    /* Makes the line, in place of all that this table can say; else NULL. */
    int (*whole)(json_object *row, json_object *line, struct error *err);
    /* What the table can't say; may be NULL. */
    int (*finish)(struct conversion *conversion, struct error *err);
};

/* What must be done by hand before the line's sample can be run (dataset_need). */
void conversion_need(struct conversion *conversion, const char *what);

/* A sample whose tests can't be run by a command, for the reason in *err, can be read all the same.
 * Clears *err. */
void conversion_need_image(struct conversion *conversion, struct error *err);

/* Of formats that need more than the table; each has the name of its format. */
int finish_smith(struct conversion *conversion, struct error *err);
int finish_multi(struct conversion *conversion, struct error *err);
int finish_r2e(struct conversion *conversion, struct error *err);
int finish_scale(struct conversion *conversion, struct error *err);
int finish_pro(struct conversion *conversion, struct error *err);
int finish_rebench_2(struct conversion *conversion, struct error *err);
int finish_swe_bench(struct conversion *conversion, struct error *err); /* swe_bench.c */

/* What runs the tests of the row's repository. free() it; NULL: it is not known, which is told. */
char *swe_bench_commands(struct conversion *conversion);

#endif
