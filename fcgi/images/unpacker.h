/*
 * unpacker.h - has an archive read by codeset-unpack, within bounds of time, memory and disk.
 *
 * codeset-unpack confines itself (images/cage.h). What it can't do to itself is done here: it gets
 * namespaces and, where the host has the controllers, a cgroup; it is killed when its time is over
 * or the store's disk is nearly full; and what it says is checked (images/unpack_report.h).
 */
#ifndef CODESET_IMAGES_UNPACKER_H
#define CODESET_IMAGES_UNPACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "images/image_store.h"
#include "images/unpack_report.h"

struct engine_settings;
struct image_options;

/* What it does: lays an archive; the same, and scrubs git's repositories; looks into a layer that
 * is there, whose `source` describes samples (images/inspect.h). */
enum unpacker_work { UNPACKER_LAY, UNPACKER_SCRUB, UNPACKER_INSPECT };

/* Descriptors of codeset-unpack besides the standard ones. */
#define UNPACK_USERNS_FD 3
#define UNPACK_LEASH_FD 4
#define UNPACK_LAYERS_FD 5

struct unpacker_job {
    const struct engine_settings *settings;
    enum unpacker_work work;
    const char *source; /* a path, or "-" for standard input; NULL: source_fd */
    int source_fd;      /* a regular file, at its beginning, or what `is_layout` says */
    bool is_layout;     /* source_fd is the pipe of an images/layout_stream.h */
    const struct image_options *options;
    const char *folder; /* the import's, with UNPACK_ROOTFS and UNPACK_SCRATCH; or the layer's */
    const char *cgroup; /* for it; not there yet */
    const struct image_layers *layers; /* of the base; may have none */
    int leash_fd;                      /* it keeps this open until it ends */
    void (*progress)(int64_t bytes, void *arg);
    void *arg;
};

/* Returns when the process is gone. What is in the folder afterwards belongs to ids of the store.
 */
int unpacker_run(const struct unpacker_job *job, struct unpacked *ret_unpacked, struct error *err);

#endif
