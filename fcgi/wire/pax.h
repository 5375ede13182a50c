/*
 * pax.h - the part of POSIX pax archives (IEEE Std 1003.1, pax, "ustar" and "x" headers) that the
 * agent and the grader need: folders, regular files and symbolic links, with names of any bytes and
 * length.
 *
 * By hand, because libarchive's pax writer, linked statically, drags in every other writer of
 * libarchive and with them five libraries that these two programs have no use for.
 */
#ifndef CODESET_WIRE_PAX_H
#define CODESET_WIRE_PAX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"

#define PAX_BLOCK 512

struct pax_entry {
    char type;  /* 'f' a file, 'd' a folder, 'l' a symbolic link, 'w' nothing is there (any more) */
    char *path; /* relative, without a slash at its end */
    char *target; /* of a link, else NULL */
    mode_t mode;  /* the permission bits */
    uid_t uid;
    gid_t gid;
    int64_t size; /* of a file; its bytes follow, filled up to a whole block */
    struct timespec mtime;
    struct timespec changed; /* written as the extension "ctime", if it is not 0; not read */
};

/* Appends the headers of the entry. */
void pax_write(struct buf *out, const struct pax_entry *entry);

/* What follows `size` bytes of content, in bytes: 0 to PAX_BLOCK - 1. */
size_t pax_padding(int64_t size);

/* Appends the end of an archive. */
void pax_write_end(struct buf *out);

/* Reads exactly `size` bytes of the archive, or fails. */
typedef int pax_source(void *arg, void *bytes, size_t size, struct error *err);

/* 1: *ret_entry is the next entry, to be released; its content is the caller's to read. 0: the
 * end. -1: not such an archive. */
int pax_read(pax_source *source, void *arg, struct pax_entry *ret_entry, struct error *err);
void pax_entry_release(struct pax_entry *entry);

#endif
