/*
 * listings.h - what grading containers of an image list below a folder while nobody has changed
 * anything there, so that a session's changes can be read before its grading container is up.
 *
 * All containers of an image on this host list the same (docs/agent-protocol.md): a listing is
 * known by the image's name, the time when it was complete, the folder, and how commands are run.
 * Those that were not asked for longest go first.
 */
#ifndef CODESET_REAPER_LISTINGS_H
#define CODESET_REAPER_LISTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define LISTING_MOST ((size_t)8 << 20)   /* bytes of one; a larger one is not kept */
#define LISTINGS_MOST ((size_t)64 << 20) /* of all */

struct listings;

/* What a listing is of; texts are the caller's. */
struct listing_of {
    const char *image, *root;
    const char *profile; /* NULL: as the image says */
};

struct listings *listings_new(void);
void listings_free(struct listings *listings);

/* The newest; good until the next listings_keep. NULL: none is known. *ret_image_time: microseconds
 * since 1970. */
const struct buf *listings_find(struct listings *listings, const struct listing_of *of,
                                int64_t *ret_image_time);

/* In place of the one before. Takes the listing, and leaves it empty. */
void listings_keep(struct listings *listings, const struct listing_of *of, int64_t image_time,
                   struct buf *listing);

#endif
