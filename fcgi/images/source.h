/*
 * source.h - a copy of an archive that comes from a pipe, as an archive is read more than once.
 *
 * It holds at most `most` bytes; code IMAGE_REFUSED beyond.
 */
#ifndef CODESET_IMAGES_SOURCE_H
#define CODESET_IMAGES_SOURCE_H

#include <stdint.h>

#include "base/error.h"

/* Copies to a new file in the folder, whose descriptor it returns; or -1. progress may be NULL. */
int source_copy(int input_fd, int folder_fd, int64_t most,
                void (*progress)(int64_t bytes, void *arg), void *arg, struct error *err);

#endif
