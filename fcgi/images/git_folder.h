/*
 * git_folder.h - git's folders in an image's tree, as nobody but their maker has seen them: what is
 * read of them is read by libgit2, in a cage (images/cage.h), and git itself never runs.
 *
 * A git's folder is one that git takes for such, with objects, refs and a HEAD that says a branch
 * or a commit: a `.git`, one of a submodule (below another's `modules`), or a bare repository of
 * any name. A folder whose HEAD is in the index of the repository around it is none: it is a file
 * of that one, such as those that tests of git's tools have.
 *
 * BUGS: what is in a submodule's index is not looked for.
 */
#ifndef CODESET_IMAGES_GIT_FOLDER_H
#define CODESET_IMAGES_GIT_FOLDER_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define GIT_FOLDERS_MOST 256 /* in an image; more are refused */

struct git_folder_list {
    char **paths; /* of the folders, absolute */
    size_t count;
};

void git_folder_list_release(struct git_folder_list *list);

/* Finds all of them below the root, which is absolute. Links are not followed. */
int git_folder_find(const char *root, struct git_folder_list *ret_list, struct error *err);

struct git_folder {
    const char *path; /* the caller's */
    int fd;
    git_odb *odb;
    git_repository *repo; /* nothing but the odb */
    git_oid head;
    bool has_head; /* false: it has no commit yet */
    char *branch;  /* "refs/heads/main"; NULL: HEAD is detached */
};

#define GIT_FOLDER_INIT                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Once, before the cage: libgit2 makes itself ready. */
int git_folder_prepare(struct error *err);

/* Opens what is there for reading; not where HEAD, objects or refs are links. An error says which
 * folder and what libgit2 says of it. */
int git_folder_open(const char *path, struct git_folder *ret_folder, struct error *err);
void git_folder_release(struct git_folder *folder);

/* The commit, and the tree in it. */
int git_folder_head(const struct git_folder *folder, git_commit **ret_commit, struct error *err);

/* Appends a regular file below the folder, at most `most` bytes, through no link. Nothing there, or
 * something else, is nothing. */
void git_folder_read(const struct git_folder *folder, const char *name, size_t most,
                     struct buf *text);

/* Calls each with every reference, its name being valid UTF-8 or not. */
int git_folder_references(const struct git_folder *folder,
                          void (*each)(const char *name, const git_oid *target, void *arg),
                          void *arg, struct error *err);

/* Sets what libgit2 says as the error. Returns -1. */
int git_folder_fault(const char *path, const char *what, struct error *err);

#endif
