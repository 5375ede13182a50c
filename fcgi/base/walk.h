/*
 * walk.h - what is in a folder and below, without following a link and without leaving the folder's
 * file system, whatever somebody else does to the folder meanwhile.
 *
 * Every step is taken from the folder before, which is kept open: a walk costs as much as there are
 * things, however deep they lie. Folders may be WALK_DEPTH_MOST deep, paths shorter than PATH_MAX.
 */
#ifndef CODESET_BASE_WALK_H
#define CODESET_BASE_WALK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

#define WALK_DEPTH_MOST 256 /* folders within one another */

enum walk_next {
    WALK_ON,   /* a folder: visit what is in it, later */
    WALK_MARK, /* the same, with all that is below it marked */
    WALK_OVER, /* a folder: leave it out */
    WALK_STOP, /* end the walk, as a failure */
};

struct walk_thing {
    int dir_fd; /* with name, what leads to it */
    const char *name;
    const char *path; /* from the root */
    const struct stat *st;
    bool marked; /* a folder above it was */
};

typedef enum walk_next walk_visit(void *arg, const struct walk_thing *thing, struct error *err);

/* A folder is visited before what is in it; otherwise the order is any. ERROR_LIMIT where folders
 * lie too deep, or a path is too long. */
int walk(int root_fd, walk_visit *visit, void *arg, struct error *err);

/* Removes whatever is there, folders with all that is in them. Nothing there is success. */
int walk_remove(int dir_fd, const char *name, struct error *err);

/*
 * The way to one path after another. What the paths have in common is opened once. A folder on the
 * way that is moved meanwhile stays the folder it was.
 */
struct walk_cursor {
    int root_fd; /* borrowed */
    int depth;
    int fds[WALK_DEPTH_MOST];
    size_t ends[WALK_DEPTH_MOST]; /* in `path`, of each folder's own path */
    char path[PATH_MAX];
};

void walk_cursor_init(struct walk_cursor *cursor, int root_fd);
void walk_cursor_release(struct walk_cursor *cursor);

/* The folder that the (valid) path is in; *ret_name points to the path's last part. No part of it
 * may be a link. make: folders that are missing are made. The descriptor is the cursor's, until its
 * next use. -1 with errno; ENAMETOOLONG where it is too deep. */
int walk_cursor_parent(struct walk_cursor *cursor, const char *path, bool make,
                       const char **ret_name);

#endif
