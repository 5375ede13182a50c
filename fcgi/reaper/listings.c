#include "reaper/listings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct listing {
    TAILQ_ENTRY(listing) next;
    char *image, *root, *profile;
    int64_t image_time;
    struct buf text;
};

struct listings {
    TAILQ_HEAD(listing_list, listing) all; /* the one asked for last is the first */
    size_t bytes;
};

struct listings *listings_new(void)
{
    struct listings *listings = xcalloc(1, sizeof(*listings));

    TAILQ_INIT(&listings->all);
    return listings;
}

static size_t size_of(const struct listing *listing)
{
    return sizeof(*listing) + listing->text.capacity;
}

static void forget(struct listings *listings, struct listing *listing)
{
    TAILQ_REMOVE(&listings->all, listing, next);
    listings->bytes -= size_of(listing);
    free(listing->image);
    free(listing->root);
    free(listing->profile);
    buf_release(&listing->text);
    free(listing);
}

void listings_free(struct listings *listings)
{
    struct listing *listing;

    while ((listing = TAILQ_FIRST(&listings->all)))
        forget(listings, listing);
    free(listings);
}

static bool is_of(const struct listing *listing, const struct listing_of *of)
{
    return strcmp(listing->image, of->image) == 0 && strcmp(listing->root, of->root) == 0 &&
           strcmp(listing->profile, of->profile ? of->profile : "") == 0;
}

static struct listing *find(struct listings *listings, const struct listing_of *of)
{
    struct listing *listing;

    TAILQ_FOREACH(listing, &listings->all, next)
    if (is_of(listing, of))
        return listing;
    return NULL;
}

const struct buf *listings_find(struct listings *listings, const struct listing_of *of,
                                int64_t *ret_image_time)
{
    struct listing *listing = find(listings, of);

    if (!listing)
        return NULL;
    TAILQ_REMOVE(&listings->all, listing, next);
    TAILQ_INSERT_HEAD(&listings->all, listing, next);
    *ret_image_time = listing->image_time;
    return &listing->text;
}

void listings_keep(struct listings *listings, const struct listing_of *of, int64_t image_time,
                   struct buf *listing)
{
    struct listing *former = find(listings, of), *kept;

    if (former)
        forget(listings, former);
    if (listing->length == 0 || listing->length > LISTING_MOST) {
        buf_release(listing);
        return;
    }
    kept = xcalloc(1, sizeof(*kept));
    kept->image = xstrdup(of->image);
    kept->root = xstrdup(of->root);
    kept->profile = xstrdup(of->profile ? of->profile : "");
    kept->image_time = image_time;
    kept->text = *listing;
    kept->text.capacity = listing->length + 1; /* as it stays, no room is left */
    kept->text.data = xrealloc(listing->data, kept->text.capacity);
    *listing = (struct buf)BUF_INIT;
    TAILQ_INSERT_HEAD(&listings->all, kept, next);
    listings->bytes += size_of(kept);
    while (listings->bytes > LISTINGS_MOST)
        forget(listings, TAILQ_LAST(&listings->all, listing_list));
}
