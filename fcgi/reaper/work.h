/*
 * work.h - database work for a program that must not block: a few threads, each with its own
 * connection, and callbacks on the event loop.
 *
 * `run` runs on one of the threads and is the only one who touches what `arg` points to until
 * `done` runs on the loop. All functions belong to the loop's thread. Work is begun in the order in
 * which it was given.
 */
#ifndef CODESET_REAPER_WORK_H
#define CODESET_REAPER_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct db;
struct event_base;
struct settings;
struct work_pool;

typedef int work_run(struct db *db, void *arg, struct error *err);

/* err is NULL on success. */
typedef void work_done(const struct error *err, void *arg);

/* So many threads, each with a connection of the daemon's account. The settings must outlive the
 * pool. */
struct work_pool *work_pool_new(struct event_base *base, const struct settings *settings,
                                size_t threads, struct error *err);

/* Once: whatever comes of it, `done` hears of it. */
void work_submit(struct work_pool *pool, work_run *run, work_done *done, void *arg);

/*
 * As often as it takes: while the database is out of reach (ERROR_UNAVAILABLE) it runs again after
 * a pause that grows from 0.1 s to 2 s. Any other fault is tried WORK_TRIES times in all. `run`
 * must bear being repeated after it was carried out and its answer was lost.
 */
#define WORK_TRIES 5
void work_insist(struct work_pool *pool, work_run *run, work_done *done, void *arg);

/* Has all work of the last seconds reached the database? */
bool work_available(const struct work_pool *pool);

/* Work that was given and whose `done` has not run. */
size_t work_pending(const struct work_pool *pool);

/* Ends the threads after the work that they are at; what is left is never run, and its `done`
 * neither. */
void work_pool_free(struct work_pool *pool);

#endif
