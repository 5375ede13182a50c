/*
 * unpack.h - reads an archive and lays its files: what codeset-unpack does in its cage
 * (images/cage.h), where all of this runs.
 */
#ifndef CODESET_IMAGES_UNPACK_H
#define CODESET_IMAGES_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "images/image_choice.h"
#include "images/unpack_report.h"

/* Folders of the import, below its root. */
#define UNPACK_ROOTFS "rootfs"   /* becomes the image */
#define UNPACK_SCRATCH "archive" /* what is only needed meanwhile */

struct unpack_job {
    int source_fd;       /* a regular file, or what `is_pipe` says */
    bool is_pipe;        /* copied first */
    bool is_layout;      /* what images/layout_tar.h made: an OCI archive, which is read once */
    const int *base_fds; /* as in extract.h */
    int base_count;
    int64_t bytes_max, entries_max;
    bool scrub_git;   /* images/scrub.h */
    const char *user; /* in place of the image's, or NULL */
    struct image_choice choice;
    void (*progress)(int64_t bytes, void *arg); /* may be NULL */
    void *arg;
};

/* Both folders are there and empty. Refusals are those of images.h. */
int unpack(const struct unpack_job *job, struct unpacked *ret_unpacked, struct error *err);

#endif
