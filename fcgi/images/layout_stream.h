/*
 * layout_stream.h - an OCI layout's folder as an archive that is written while it is read: what
 * reads it sees no other folder, and the layers are not on the disk once more.
 */
#ifndef CODESET_IMAGES_LAYOUT_STREAM_H
#define CODESET_IMAGES_LAYOUT_STREAM_H

#include <sys/types.h>

#include "base/error.h"
#include "images/image_choice.h"

struct engine_settings;

struct layout_stream {
    pid_t pid;
    int fd;             /* the archive, a pipe */
    struct error *said; /* shared with the process that writes it */
};

#define LAYOUT_STREAM_INIT                                                                         \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* A process of its own writes it (images/layout_tar.h). The folders are the caller's. */
int layout_stream_start(const struct engine_settings *settings, const struct image_choice *choice,
                        int layout_fd, int blobs_fd, struct layout_stream *ret_stream,
                        struct error *err);

/* Ends it; also one that was not started. status: what came of reading it, which *err tells where
 * it is -1. The writer's failure is told instead, where it is the reason. Returns -1 where one of
 * both failed. */
int layout_stream_end(struct layout_stream *stream, int status, struct error *err);

#endif
