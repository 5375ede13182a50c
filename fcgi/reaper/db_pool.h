/*
 * db_pool.h - database work for a program that must not block: a few threads, each with its own
 * connection, and callbacks on the event loop.
 *
 * Work waits in one of two lanes. At most half of the threads are on the large lane at once, and at
 * least one is, where there is something in it; so no row of a few bytes waits for results of
 * megabytes. Within a lane users take turns (reaper/fair_queue.h).
 *
 * `run` runs on one of the threads and is the only one who touches what `arg` points to until
 * `done` runs on the loop. All functions belong to the loop's thread.
 */
#ifndef CODESET_REAPER_DB_POOL_H
#define CODESET_REAPER_DB_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/id.h"

struct db;
struct event_base;
struct database_settings;
struct db_pool;
struct ledger_watch;

typedef int db_pool_run(struct db *db, void *arg, struct error *err);

/* err is NULL on success. */
typedef void db_pool_done(const struct error *err, void *arg);

/* DB_LARGE: what moves more than DB_SMALL_BYTES. */
enum db_lane { DB_SMALL, DB_LARGE };
#define DB_SMALL_BYTES 65536

/* So many threads, each with a connection of the daemon's account. The settings must outlive the
 * pool, and so must the watch, which hears on the threads of movements of money; NULL: nobody does.
 */
struct db_pool *db_pool_new(struct event_base *base, const struct database_settings *settings,
                            const struct ledger_watch *watch, size_t threads, struct error *err);

/* Once: whatever comes of it, `done` hears of it. user: whose work it is; NULL: the daemon's own.
 */
void db_pool_submit(struct db_pool *pool, enum db_lane lane, const struct id *user,
                    db_pool_run *run, db_pool_done *done, void *arg);

/*
 * As often as it takes: while the database is out of reach (ERROR_UNAVAILABLE) it runs again after
 * a pause that grows from 0.1 s to 2 s. Any other fault is tried DB_POOL_TRIES times in all. `run`
 * must bear being repeated after it was carried out and its answer was lost.
 */
#define DB_POOL_TRIES 5
void db_pool_insist(struct db_pool *pool, enum db_lane lane, const struct id *user,
                    db_pool_run *run, db_pool_done *done, void *arg);

/* Has all work of the last seconds reached the database? */
bool db_pool_available(const struct db_pool *pool);

/* Work that was given and whose `done` has not run. */
size_t db_pool_pending(const struct db_pool *pool);

/* Ends the threads after the work that they are at; what is left is never run, and its `done`
 * neither. */
void db_pool_free(struct db_pool *pool);

#endif
