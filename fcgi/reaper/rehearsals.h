/*
 * rehearsals.h - what was rehearsed for trials (trial/rehearsal.h), so that not every verification
 * of a sample has to do it again.
 *
 * A few records are known for each key, of which any is drawn. When there are enough, still one of
 * REHEARSALS_FRESH trials rehearses anew, and its record takes the place of the oldest. Keys that
 * were not asked for longest go first.
 */
#ifndef CODESET_REAPER_REHEARSALS_H
#define CODESET_REAPER_REHEARSALS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/crypto.h"

#define REHEARSALS_EACH 4                  /* records of a key */
#define REHEARSALS_FRESH 8                 /* trials, of which one rehearses */
#define REHEARSALS_MOST ((size_t)32 << 20) /* bytes of all */

struct rehearsals;

/* The digest of all that a rehearsal depends on. */
struct rehearsal_key {
    char hex[2 * SHA256_SIZE + 1];
};

struct rehearsals *rehearsals_new(void);
void rehearsals_free(struct rehearsals *rehearsals);

/* Good until the next call with these. NULL: the trial is to rehearse. */
const struct buf *rehearsals_draw(struct rehearsals *rehearsals, const struct rehearsal_key *key);

/* Takes the record, and leaves it empty. */
void rehearsals_keep(struct rehearsals *rehearsals, const struct rehearsal_key *key,
                     struct buf *record);

/* All records of the key. */
void rehearsals_forget(struct rehearsals *rehearsals, const struct rehearsal_key *key);

#endif
