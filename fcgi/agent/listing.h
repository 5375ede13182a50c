/*
 * listing.h - what a tree holds, told so that another copy of the tree can be compared with it:
 * NUL-ended records "inode type mode uid gid size mtime path", the mode in octal, mtime in
 * nanoseconds since 1970. Of folders inode, size and mtime are 0: these tell nothing of use.
 */
#ifndef CODESET_AGENT_LISTING_H
#define CODESET_AGENT_LISTING_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

/* 'd', 'f' or 'l'; 0 for what is in no listing. */
char listing_type(mode_t mode);

/* Appends the record of a thing that has such a type. */
void listing_add(struct buf *listing, const char *path, const struct stat *st);

struct listing_item {
    const char *record;
    const char *path; /* the record's last part */
};

struct listing {
    struct listing_item *items; /* by path */
    size_t count;
};

/* Reads `size` bytes of records, behind which stands a NUL; they are the caller's and stay. */
int listing_read(struct listing *listing, const char *bytes, size_t size, struct error *err);
void listing_release(struct listing *listing);

enum listing_likeness {
    LISTING_SAME,    /* all that a record tells, and the inode's number */
    LISTING_SIMILAR, /* all but the inode's number */
    LISTING_OTHER,   /* something differs, or the path is not in it */
};

enum listing_likeness listing_compare(const struct listing *listing, const char *path,
                                      const struct stat *st);

#endif
