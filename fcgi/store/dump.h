/*
 * dump.h - reads what mariadb-dump wrote, as it passes by, and keeps none of it: counts the rows of
 * each table, sees whether the end is there, and takes out the accounts that triggers belong to.
 *
 * It relies on this: a row is a line of its own, which begins with '(' and stands below a line
 * INSERT INTO `table` VALUES; the last row's line ends with ';'. Line ends within values are
 * escaped. Anything else in the place of a row is an error.
 */
#ifndef CODESET_STORE_DUMP_H
#define CODESET_STORE_DUMP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DUMP_HEAD_MAX 512 /* bytes of a line that are looked at */

struct dump {
    json_object *rows; /* table: rows; each table that is created has a member */
    bool complete;     /* its last line is there */
    bool has_tables;   /* the first table has begun, so that its snapshot is there */

    /* Called with all bytes in turn, but for the accounts of triggers; NULL: nobody. */
    int (*emit)(const void *bytes, size_t size, void *arg, struct error *err);
    void *arg;

    /* Its own. */
    char head[DUMP_HEAD_MAX];
    size_t head_length;
    bool head_done; /* of this line */
    bool in_rows;
    char last;      /* byte of this line */
    char table[65]; /* whose rows these are */
    int64_t count;
};

void dump_begin(struct dump *dump, int (*emit)(const void *, size_t, void *, struct error *),
                void *arg);
int dump_add(struct dump *dump, const char *bytes, size_t size, struct error *err);

/* Behind the last byte. An error where the dump is not complete. */
int dump_end(struct dump *dump, struct error *err);

void dump_release(struct dump *dump);

#endif
