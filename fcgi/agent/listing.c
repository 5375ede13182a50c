#include "agent/listing.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define FIELDS_BEFORE_PATH 7

char listing_type(mode_t mode)
{
    if (S_ISREG(mode))
        return 'f';
    if (S_ISDIR(mode))
        return 'd';
    return S_ISLNK(mode) ? 'l' : '\0';
}

void listing_add(struct buf *listing, const char *path, const struct stat *st)
{
    bool folder = S_ISDIR(st->st_mode);
    uint64_t inode = folder ? 0 : st->st_ino;
    int64_t size = folder ? 0 : st->st_size;
    int64_t seconds = folder ? 0 : st->st_mtim.tv_sec;
    long nanoseconds = folder ? 0 : st->st_mtim.tv_nsec;

    buf_addf(listing, "%" PRIu64 " %c %o %u %u %" PRId64 " %" PRId64 "%09ld ", inode,
             listing_type(st->st_mode), (unsigned)st->st_mode & 07777, st->st_uid, st->st_gid, size,
             seconds, nanoseconds);
    buf_add(listing, path, strlen(path) + 1);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct listing_item *)a)->path, ((const struct listing_item *)b)->path);
}

int listing_read(struct listing *listing, const char *bytes, size_t size, struct error *err)
{
    struct listing made = {0};
    size_t room = 0;

    for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
        const char *path = bytes + at;

        for (int field = 0; path && field < FIELDS_BEFORE_PATH; field++) {
            path = strchr(path, ' ');
            path += path != NULL;
        }
        if (!path || !*path) {
            listing_release(&made);
            return error_set(err, ERROR_INVALID, NULL, "the listing is broken");
        }
        if (made.count == room) {
            room += room / 2 + 256;
            made.items = xrealloc(made.items, room * sizeof(*made.items));
        }
        made.items[made.count++] = (struct listing_item){.record = bytes + at, .path = path};
    }
    if (made.count > 0)
        qsort(made.items, made.count, sizeof(*made.items), by_path);
    *listing = made;
    return 0;
}

void listing_release(struct listing *listing)
{
    free(TAKE_PTR(listing->items));
    listing->count = 0;
}

enum listing_likeness listing_compare(const struct listing *listing, const char *path,
                                      const struct stat *st)
{
    const struct listing_item key = {.path = path}, *item;
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    if (listing->count == 0)
        return LISTING_OTHER;
    item = bsearch(&key, listing->items, listing->count, sizeof(key), by_path);
    if (!item)
        return LISTING_OTHER;
    listing_add(&record, path, st);
    if (strcmp(item->record, record.data) == 0)
        return LISTING_SAME;
    return strcmp(item->record + strcspn(item->record, " "),
                  record.data + strcspn(record.data, " ")) == 0
               ? LISTING_SIMILAR
               : LISTING_OTHER;
}
