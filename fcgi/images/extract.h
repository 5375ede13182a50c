/*
 * extract.h - unpacks a tar of unknown origin into a folder, and nowhere else.
 *
 * Every path is resolved by the kernel below the folder (openat2 with RESOLVE_BENEATH), never
 * through a link; of extended attributes only user.* is kept. Owners are as the archive has them:
 * whoever calls is in a user namespace that shifts them (images/cage.h).
 * What is refused is listed in images.h; refusals have the code IMAGE_REFUSED.
 */
#ifndef CODESET_IMAGES_EXTRACT_H
#define CODESET_IMAGES_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct extract {
    int root_fd;         /* the folder */
    const int *base_fds; /* of layers below this one, topmost first */
    int base_count;      /* 0: there is no base */
    bool oci;            /* an OCI layer: .wh. names remove, parents may be links */
    bool on_nothing;     /* and nothing is there yet, so that there is nothing to remove */
    int64_t bytes_max;
    int64_t entries_max;
    void (*progress)(int64_t bytes, void *arg); /* may be NULL */
    void *arg;

    int64_t bytes;        /* so far; logical sizes, so that holes count as well */
    int64_t entries;      /* so far; folders that only others' names imply included */
    int64_t stream_bytes; /* of the tars of earlier layers, decompressed */
};

/* Unpacks the archive into the folder. Several may follow one another. sha256: the sum
 * that it must have, decompressed, in hexadecimal digits; NULL: any. A sum that differs is found
 * after the layer's removals, before the first file. */
int extract_tar(struct extract *extract, int source_fd, const char *sha256, struct error *err);

/* How long a tar may be, decompressed: what the image may hold, and the headers. */
int64_t extract_stream_most(const struct extract *extract);

/* Appends the content of a file of the image: of the topmost layer that has it, also through links
 * in there. None has it, or it is larger than `most`: "". */
int extract_read(const struct extract *extract, const char *path, size_t most, struct buf *text,
                 struct error *err);

/* Checks what a container needs: /dev, /proc, /sys, /tmp, /run are folders (or in a layer over a
 * base not there), /etc/passwd and /etc/group are plain files (or not there), and there is a shell
 * that this host can run. Where there is no base, makes the folders that are missing; and lays the
 * files of etc_files.h. */
int extract_finish(struct extract *extract, struct error *err);

#endif
