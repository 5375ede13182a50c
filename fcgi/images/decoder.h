/*
 * decoder.h - a file's bytes, decompressed by a process that can do nothing else.
 *
 * Decompressors are large, and what they read is a stranger's. So they run in a child that has no
 * right on the host: user nobody, no descriptor but the file and the pipe back, no system call but
 * read, write and what memory takes, and limits on memory and time (base/confine.h). Known are
 * gzip, bzip2, xz, lzma, zstd, lz4 and compress, told by content; what is none of them comes as it
 * is.
 */
#ifndef CODESET_IMAGES_DECODER_H
#define CODESET_IMAGES_DECODER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct decoder {
    int fd;      /* its output */
    int word_fd; /* where it says what is wrong */
    pid_t pid;
    int64_t most;  /* bytes that it may still give */
    int64_t bytes; /* so far */
};

#define DECODER_INIT                                                                               \
    {                                                                                              \
        -1, -1, 0, 0, 0                                                                            \
    }

/* source_fd: a file, which is read from its beginning, or a pipe; it stays the caller's, and nobody
 * else may read it meanwhile. most: of what comes out. The caller ends it with decoder_release, at
 * whatever point. */
int decoder_open(int source_fd, int64_t most, struct decoder *ret_decoder, struct error *err);

/* As read(2), but -1 comes with an error: IMAGE_REFUSED for what cannot be decompressed, is
 * compressed more than once, takes more memory or time than there is for it, or is larger than it
 * may be. */
ssize_t decoder_read(struct decoder *decoder, void *bytes, size_t size, struct error *err);

void decoder_release(struct decoder *decoder);

#endif
