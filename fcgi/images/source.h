/*
 * source.h - a temporary copy of standard input, as an archive is read more than once.
 *
 * It is a file in a folder that is removed after the import, or by the next one. It holds at most
 * `most` bytes; code IMAGE_REFUSED beyond.
 */
#ifndef CODESET_IMAGES_SOURCE_H
#define CODESET_IMAGES_SOURCE_H

#include <stdint.h>

#include "base/error.h"

/* {0} is none. */
struct source_copy {
    char *path;
};

/* Removes the file. */
void source_copy_release(struct source_copy *copy);

/* progress may be NULL. */
int source_copy_input(const char *folder, int64_t most, void (*progress)(int64_t bytes, void *arg),
                      void *arg, struct source_copy *ret_copy, struct error *err);

#endif
