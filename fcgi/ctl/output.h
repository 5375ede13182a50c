/*
 * output.h - what codesetctl prints: rows and objects, for people or as JSON, made from the same
 * values; and progress of what takes long.
 *
 * For people, control bytes are shown as '?', so that nobody's name moves a terminal's cursor.
 */
#ifndef CODESET_CTL_OUTPUT_H
#define CODESET_CTL_OUTPUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_column {
    const char *title;
    const char *key;
};

/* rows: an array of objects. For people: a line each, in columns, titles first; nothing for an
 * empty array but `empty` on standard error. JSON: the array, with all that the objects hold. */
void output_rows(bool json, json_object *rows, const struct output_column *columns, size_t count,
                 const char *empty);

/* For people: a "key: value" line for each member. */
void output_object(bool json, json_object *object);

/* Says on standard output what was done: for people the sentence, as JSON the object. */
void output_done(bool json, json_object *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "1 user" or "2 users", and what follows, on standard output. */
void output_count(int64_t count, const char *word, const char *more);

/* A line on standard error, its control bytes as '?': it may quote imported files. */
void output_message(const char *text);

/* Prints text of several lines, its control bytes other than tabs and line ends as '?'. */
void output_block(const char *text);

/* Progress on standard error: in one line that is written over, on a terminal; else a line every
 * few seconds. */
struct progress {
    int64_t next; /* monotonic */
    bool terminal;
    bool shown;
};

void progress_begin(struct progress *progress);
bool progress_due(struct progress *progress); /* is it time for progress_show? */
void progress_show(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void progress_end(struct progress *progress); /* clears the line */

#endif
