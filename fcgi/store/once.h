/*
 * once.h - what is done once, however often it is asked for.
 *
 * Who creates a row gives it an id that is the same whenever the same is asked for again
 * (request_make_id), and takes a row that is there under this id for its own. store_once goes on
 * from there when the connection breaks, and the table idempotency_keys makes of a later request
 * the same one.
 */
#ifndef CODESET_STORE_ONCE_H
#define CODESET_STORE_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/id.h"

struct db;

/* One attempt at a write that may be made again: by ids, so that a second one changes nothing.
 * *maybe: set before the statement behind which it may have been made. */
typedef int once_attempt(struct db *db, void *arg, bool *maybe, struct error *err);

/*
 * Attempts it. When the connection breaks so that nobody can tell whether it was made, waits for
 * the database, up to ONCE_WAIT_MS, and attempts it again. Where the database stays away:
 * ERROR_CONFLICT, OUTCOME_UNKNOWN. So DATABASE_UNAVAILABLE, which clients take for an invitation to
 * come again, says that nothing was made.
 */
#define ONCE_WAIT_MS 10000
int store_once(struct db *db, once_attempt *attempt, void *arg, struct error *err);

/* --- Idempotency-Key ------------------------------------------------------------------------- */

#define IDEMPOTENCY_SEED_SIZE 16
#define IDEMPOTENCY_HOURS 24

struct idempotency {
    unsigned char scope[SHA256_SIZE]; /* of user, method, path and key */
    unsigned char body[SHA256_SIZE];
    /* Of the request; afterwards of the first one with this scope. */
    int64_t ms;
    unsigned char seed[IDEMPOTENCY_SEED_SIZE];
};

/* Records the request, unless its scope was seen within IDEMPOTENCY_HOURS: then time and seed
 * become those of that request, and *ret_replay is true unless it was this one. Code
 * IDEMPOTENCY_KEY_REUSED (ERROR_CONFLICT): that one had another body. */
int store_idempotency_recall(struct db *db, struct idempotency *idempotency, bool *ret_replay,
                             struct error *err);

#endif
