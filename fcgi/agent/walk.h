/*
 * walk.h - what is in a folder and below, without following a link and without leaving the folder's
 * file system, whatever somebody else does to the folder meanwhile.
 *
 * Paths are relative to the root and at most PATH_MAX long; what is deeper is skipped.
 */
#ifndef CODESET_AGENT_WALK_H
#define CODESET_AGENT_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

enum walk_next {
    WALK_ON,   /* a folder: visit what is in it, later */
    WALK_OVER, /* a folder: leave it out */
    WALK_STOP, /* end the walk, as a failure */
};

/* dir_fd and name lead to the thing, path is its path from the root. */
typedef enum walk_next walk_visit(void *arg, int dir_fd, const char *name, const char *path,
                                  const struct stat *st, struct error *err);

/* A folder is visited before what is in it; otherwise the order is any. */
int walk(int root_fd, walk_visit *visit, void *arg, struct error *err);

/* May this be the path of something below a root? Not absolute, no empty part, "." or "..". */
bool walk_path_valid(const char *path);

/* Opens the folder at the path below root; "" is the root itself. No part of it may be a link.
 * make: folders that are missing are made. -1 with errno. */
int walk_open_folder(int root_fd, const char *path, bool make);

/* As walk_open_folder for the folder that path is in; *ret_name points to its last part. */
int walk_open_parent(int root_fd, const char *path, bool make, const char **ret_name);

/* Removes whatever is there, folders with all that is in them. Nothing there is success. */
int walk_remove(int dir_fd, const char *name, struct error *err);

#endif
