/*
 * kinds.h - a kind of work is a row: how it is found, taken, waited for, counted and dropped.
 *
 * The program's main says which kinds there are (codeset-reaper.c). Rounds, the doorbell and held
 * requests go by the table and know no kind by name; a session that ends drops what belongs to
 * it by the table, too, so that sessions need not know what can be done in them.
 */
#ifndef CODESET_REAPER_KINDS_H
#define CODESET_REAPER_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "wire/doorbell.h"

struct container_row;
struct context;
struct db;
struct run;

/* What `find` is told. It runs on a thread of the pool. */
struct kind_search {
    const struct run *run;
    int64_t limit;    /* as many as there is room for, at least 1 */
    int64_t per_user; /* at once, of those that run and those found */
    void (*each)(const struct id *id, void *arg);
    void *arg;
};

struct kind {
    enum work_kind word; /* of the doorbell and of held requests */

    /* The room that does this kind of work. close: nothing is told, nobody is stopped; the
     * threads of the pool have ended. */
    void *(*open)(struct context *context);
    void (*close)(void *room);

    /* Announced by the doorbell, or found: claims it and does it, unless it is known already, or
     * there is no room, in which case a round finds it later. */
    void (*take)(void *room, const struct id *id);

    /* How many more may be taken now. */
    int64_t (*space)(const void *room);
    int64_t (*per_user)(const void *room); /* see kind_search; NULL: any number */
    int (*find)(struct db *db, const struct kind_search *search, struct error *err);

    /* Will await_wake be called for this id for sure? Then the database is not asked. */
    bool (*expected)(const void *room, const struct id *id);
    /* Has it ended already? Runs on a thread of the pool. */
    int (*finished)(struct db *db, const struct id *id, bool *ret_finished, struct error *err);

    /* A container of work that an earlier run left on this host. NULL: none are of this kind. */
    void (*adopt)(void *room, const struct container_row *row);

    /* A session is ready on this host; work that waits for it may go on. NULL: none does. */
    void (*ready)(void *room, const struct id *session_id);
    /* A session has ended and its rows are settled: lets go of what belongs to it, and wakes who
     * waits. NULL: nothing does. */
    void (*drop)(void *room, const struct id *session_id);

    size_t (*count)(const void *room); /* under way, for the status line */
    /* Work that a polite stop waits for a moment to see ended; NULL: none. */
    size_t (*brief)(const void *room);
};

#define KINDS_MAX 8

struct kinds {
    size_t count;
    const struct kind *rows[KINDS_MAX];
    void *rooms[KINDS_MAX];
};

/* table: of `count` rows, which live on. Opens their rooms in this order. */
void kinds_open(struct context *context, const struct kind *const *table, size_t count);
void kinds_close(struct context *context); /* in the other order */

/* Each goes by the word; a word that no kind has is passed over. */
void kinds_take(const struct kinds *kinds, enum work_kind word, const struct id *id);
bool kinds_expected(const struct kinds *kinds, enum work_kind word, const struct id *id);
int kinds_finished(const struct kinds *kinds, struct db *db, enum work_kind word,
                   const struct id *id, bool *ret_finished, struct error *err);

/* These tell all kinds. */
void kinds_adopt(const struct kinds *kinds, const struct container_row *row);
void kinds_ready(const struct kinds *kinds, const struct id *session_id);
void kinds_drop(const struct kinds *kinds, const struct id *session_id);
size_t kinds_brief(const struct kinds *kinds);

#endif
