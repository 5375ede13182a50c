/*
 * file.h - whole files and plain path work.
 */
#ifndef CODESET_BASE_FILE_H
#define CODESET_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/* Appends the content of the file, which may hold at most `most` bytes. dir_fd as openat(2). */
int file_read(int dir_fd, const char *path, size_t most, struct buf *out, struct error *err);

/* The same of what is left in fd. */
int fd_read_all(int fd, size_t most, struct buf *out, struct error *err);

/* Appends the secret in the file: its content without newlines at the end. An empty file is an
 * error, and so is one with more than FILE_SECRET_MOST bytes. */
#define FILE_SECRET_MOST 16384
int file_read_secret(const char *path, struct buf *out, struct error *err);

/* Replaces the file in one step: a temporary beside it, fsync, rename. */
int file_write_atomic(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                      struct error *err);

/* The same without fsync, for who writes many and calls syncfs(2) before it tells anybody. */
int file_write_unsynced(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
                        struct error *err);

/* Writes all bytes to fd, with as many calls as it takes. */
int fd_write_all(int fd, const void *bytes, size_t size, struct error *err);

/* Sends the bytes, at least one, with descriptors, at most FD_SEND_MOST, over a Unix socket. flags:
 * of sendmsg(2), whose answer is returned; a peer that is gone raises no signal. */
#define FD_SEND_MOST 4
long fd_send(int to, const void *bytes, size_t size, const int *fds, size_t count, int flags);

/* May this be the path of something below a root? Not absolute, no empty part, "." or "..". */
bool path_is_below(const char *path);

/* Makes the folder and those above it, as far as they do not exist. */
int make_dirs(const char *path, mode_t mode, struct error *err);

/* Removes the tree below and including path, however deep it is, never following a link, never
 * leaving its file system. It is no error if there is nothing. Stopped half-way, it leaves the rest
 * in path, folders at other places than they were. */
int remove_tree(const char *path, struct error *err);
int remove_tree_at(int dir_fd, const char *path, struct error *err);

/* The same, but keeps the folder itself. */
int clear_tree(const char *path, struct error *err);
int clear_tree_at(int dir_fd, const char *path, struct error *err);

#endif
