/*
 * config.h - settings from ini files (inih), checked against a table.
 *
 * A setting is a row: section, name, type, default, range, unit, one line of help, and where in
 * the caller's struct its value goes. An unknown section or name, a value out of range or of the
 * wrong type is an error that names file and line; the caller exits with it at start. A setting
 * that earlier releases had is passed over, so that an upgrade does not stop for it. The table of
 * settings is in settings.c.
 */
#ifndef CODESET_BASE_CONFIG_H
#define CODESET_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum config_type {
    CONFIG_TEXT, /* char *, allocated; least and most bound its length in bytes */
    CONFIG_INT,  /* int64_t within least..most; the suffixes K, M, G (1024) are understood */
    CONFIG_BOOL, /* bool: yes/no, true/false, on/off, 1/0 */
    CONFIG_WORD, /* int: the value of one of the row's words */
};

struct config_word {
    const char *word; /* NULL after the last one */
    int value;
};

struct config_row {
    const char *section;
    const char *name;
    enum config_type type;
    const char *fallback; /* the default, as it would be written in the file */
    int64_t least;
    int64_t most;
    const char *unit;                /* "s", "bytes", "" ... */
    const char *help;                /* one line */
    size_t offset;                   /* offsetof(struct ..., member) */
    const struct config_word *words; /* of a CONFIG_WORD, else NULL */
};

/* A setting that is gone. */
struct config_gone {
    const char *section;
    const char *name;
};

struct config_table {
    const struct config_row *rows;
    size_t count;
    const struct config_gone *gone;
    size_t gone_count;
};

/* Where a setting comes from. */
struct config_origin {
    char *path; /* NULL: it is the default */
    int line;   /* from 1 */
};

/*
 * Fills `values` with the defaults, then with what the file says, then with the files *.conf of the
 * drop-in folder, in the order of their names (bytes); the last one that sets a name wins. path
 * NULL: defaults only. drop_ins NULL, or a folder that does not exist: no more files. origins NULL,
 * or `count` of them, zeroed: each tells where the setting of its row comes from. gone: NULL, or
 * gets a warning for each setting that is gone, as lines.
 */
int config_load(const struct config_table *table, const char *path, const char *drop_ins,
                void *values, struct config_origin *origins, struct buf *gone, struct error *err);

/* The words of a CONFIG_WORD, as "one, two or three"; the caller's to free. */
char *config_words(const struct config_row *row);

/* Frees the texts. */
void config_release(const struct config_row *rows, size_t count, void *values);
void config_origins_release(struct config_origin *origins, size_t count);

#endif
