/*
 * masks.h - what must not be shown: secrets become "***". Pure functions.
 *
 * Besides a secret itself its forms are known in which programs print it without meaning harm: as a
 * JSON string, percent-encoded, in base64. And whatever looks like a job's secret or a token of
 * GitHub's is one. An agent that wants to give its secrets away can, in a
 * form of its own; masks keep honest ones from doing it by accident.
 */
#ifndef CODESET_REAPER_MASKS_H
#define CODESET_REAPER_MASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define MASKS_LEAST 8 /* bytes of a secret; a shorter one would mask what is none */

struct masks {
    struct buf *needles;
    size_t count;
};

/* The forms of this secret as well, from now on. One that is too short is left out. */
void masks_add(struct masks *masks, const char *secret);
void masks_release(struct masks *masks); /* wipes them */

/*
 * Appends the text with each secret masked. begins, ends: the text has all that there was before,
 * or there will be behind it; else what may be the rest or the beginning of a secret at that side
 * is masked, too.
 */
void masks_apply(const struct masks *masks, const char *text, size_t length, bool begins, bool ends,
                 struct buf *out);

#endif
