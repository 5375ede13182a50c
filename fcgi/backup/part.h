/*
 * part.h - a file of a backup: written once, compressed or not, read again, and the digest of its
 * content (as it was before it was compressed), by which the two are compared.
 *
 * It is read from the folder in which it was made, or from an archive of that folder (tar, not
 * compressed), where tar finds it.
 */
#ifndef CODESET_BACKUP_PART_H
#define CODESET_BACKUP_PART_H

#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

struct part_sum {
    int64_t bytes;
    char sha256[2 * SHA256_SIZE + 1];
};

/* Where a backup is. */
struct part_place {
    int folder;          /* -1: in the archive */
    const char *archive; /* the caller's, and outlives this */
};

int part_place_open(struct part_place *place, const char *path, struct error *err);
void part_place_release(struct part_place *place);

/* Gets the content in turn. */
typedef int part_take(const char *bytes, size_t size, void *arg, struct error *err);

/* Makes the file, whose name decides: with .gz it is compressed; mode 0600. Reads `from` to its
 * end, and gives what it reads to take (may be NULL) first. On disk when it returns. */
int part_write(int folder, const char *name, int from, part_take *take, void *arg,
               struct part_sum *ret_sum, struct error *err);

int part_read(const struct part_place *place, const char *name, part_take *take, void *arg,
              struct part_sum *ret_sum, struct error *err);

#endif
