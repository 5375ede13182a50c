/*
 * build.h - an image from a Dockerfile, built by buildah.
 *
 * What a Dockerfile runs is a stranger's. buildah and all that it starts are root of a user
 * namespace that is mapped to the image store's ids, so to the host they are users without any
 * right; in pid, mount, IPC and UTS namespaces and a cgroup of their own; and without a network,
 * unless it is asked for. What they leave is imported like any archive (images/images.h).
 */
#ifndef CODESET_IMAGES_BUILD_H
#define CODESET_IMAGES_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_settings;

struct image_build {
    int folder_fd;          /* the context; its Dockerfile or Containerfile says what is done */
    const char *dockerfile; /* another name of that, below the folder; NULL */
    const char *origin;     /* what the image's `source` says */
    bool network;           /* it reaches what this host reaches, its own services too */
    bool replace;
    void (*line)(const char *text, void *arg); /* what buildah and the commands print */
    void (*bytes)(int64_t bytes, void *arg);   /* as image_import's */
    void *arg;
};

/* ERROR_UNAVAILABLE where Debian's buildah is not installed. Refusals are image_import's. The build
 * may take image_seconds_max, a file of it image_bytes_max. */
int image_build(const struct engine_settings *settings, const char *name,
                const struct image_build *build, struct error *err);

#endif
