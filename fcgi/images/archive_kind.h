/*
 * archive_kind.h - is an archive an image archive, or a root file system?
 */
#ifndef CODESET_IMAGES_ARCHIVE_KIND_H
#define CODESET_IMAGES_ARCHIVE_KIND_H

#include <stdint.h>

#include "base/error.h"

enum archive_kind {
    ARCHIVE_ROOT,   /* a root file system, as far as one can tell */
    ARCHIVE_DOCKER, /* has docker's manifest.json, whatever else is beside it */
    ARCHIVE_OCI,    /* has oci-layout and index.json */
};

/* Reads the archive's names, at most `most` bytes of it. IMAGE_REFUSED for what is no archive. */
int archive_kind(int source_fd, int64_t most, enum archive_kind *ret_kind, struct error *err);

#endif
