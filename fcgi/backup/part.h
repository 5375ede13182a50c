/*
 * part.h - a file of a backup: written once, compressed or not, read again, and the digest of its
 * content (as it was before it was compressed), by which the two are compared.
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

/* Gets the content in turn. */
typedef int part_take(const char *bytes, size_t size, void *arg, struct error *err);

/* Makes the file, whose name decides: with .gz it is compressed; mode 0600. Reads `from` to its
 * end, and gives what it reads to take (may be NULL) first. On disk when it returns. */
int part_write(int folder, const char *name, int from, part_take *take, void *arg,
               struct part_sum *ret_sum, struct error *err);

int part_read(int folder, const char *name, part_take *take, void *arg, struct part_sum *ret_sum,
              struct error *err);

#endif
