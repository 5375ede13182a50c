/*
 * tars.h - archives for the tests: what a friendly builder makes, and what nobody should.
 */
#ifndef CODESET_TESTS_ENGINE_TARS_H
#define CODESET_TESTS_ENGINE_TARS_H

#include <stdint.h>
#include <sys/stat.h>

struct tar_entry {
    const char *path;
    mode_t type;         /* S_IFREG, S_IFDIR, ... */
    mode_t mode;         /* 0: 0755 */
    const char *content; /* of a file; target of a link */
    const char *hardlink;
    int64_t uid;
    int64_t size; /* of a file without content: a hole; with: its length, 0 for a text */
};

#define TAR_FILE(path, text)                                                                       \
    {                                                                                              \
        path, S_IFREG, 0644, text, NULL, 0, 0                                                      \
    }
#define TAR_FOLDER(path)                                                                           \
    {                                                                                              \
        path, S_IFDIR, 0755, NULL, NULL, 0, 0                                                      \
    }
#define TAR_LINK(path, target)                                                                     \
    {                                                                                              \
        path, S_IFLNK, 0777, target, NULL, 0, 0                                                    \
    }
#define TAR_HARDLINK(path, target)                                                                 \
    {                                                                                              \
        path, S_IFREG, 0644, NULL, target, 0, 0                                                    \
    }

/* What is a shell as far as an import can tell. */
#define TAR_SHELL_TEXT "#!/bin/busybox sh\n"
#define TAR_SHELL                                                                                  \
    {                                                                                              \
        "bin/sh", S_IFREG, 0755, TAR_SHELL_TEXT, NULL, 0, 0                                        \
    }

#define TAR_BYTES(path, bytes, length)                                                             \
    {                                                                                              \
        path, S_IFREG, 0644, bytes, NULL, 0, (int64_t)(length)                                     \
    }

void tar_write(const char *file, const struct tar_entry *entries, int count);

/* The same, not compressed. */
void tar_write_plain(const char *file, const struct tar_entry *entries, int count);

/* As tar_write, with a shell, so that the image store takes it for a root file system. */
void tar_write_image(const char *file, const struct tar_entry *entries, int count);

/* A root file system with busybox in it. */
void tar_write_busybox(const char *file);

#endif
