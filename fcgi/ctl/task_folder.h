/*
 * task_folder.h - tasks that are folders: their texts as rows of a data set, and their images.
 *
 *     ours                                  Harbor's (terminal-bench's)
 *     task.json         fields of a line    task.toml
 *     problem.md                            instruction.md
 *     environment/      the image           environment/
 *     verifier/         laid over / of it   tests/             laid over /tests
 *     solution.patch or solution.sh         solution/solve.sh
 *
 * environment/ is the context of a build where it has a Dockerfile; else its files are laid over
 * the image that task.json names. Sessions get that image; verifications one more layer with the
 * tests. Images are named after what they are made of, so what has not changed is not made again.
 *
 * A folder may be a stranger's: no link in it is followed, and what is in its files is read by
 * dataset/task_rows.h, where nothing else can be done.
 */
#ifndef CODESET_CTL_TASK_FOLDER_H
#define CODESET_CTL_TASK_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct ctl;

struct task_folder {
    char *name;   /* the last part of its path */
    char *path;   /* for messages */
    bool is_own;  /* has task.json */
    bool is_root; /* is what was given, else below it */
};

/* TASK_FOLDERS_INIT is none. */
struct task_folders {
    struct task_folder *list;
    size_t count;
    int root_fd; /* the folder that was given; -1: none */
    int rows_fd; /* JSON lines: row n is of list[n - 1] */
};

#define TASK_FOLDERS_INIT                                                                          \
    {                                                                                              \
        .root_fd = -1, .rows_fd = -1                                                               \
    }

/* path is a task, or has tasks in it, which are taken in the order of their names. row_most: bytes
 * of a row. */
int task_folders_open(const char *path, size_t row_most, struct task_folders *ret_folders,
                      struct error *err);
void task_folders_release(struct task_folders *folders);

/* NULL: as the row says. */
struct task_images {
    char *image, *verifier_image;
    char *base; /* the image that `image` is a layer over; NULL: it is built, or as the row says */
    bool incomplete; /* the image is not in the store yet, so the layer with the tests was not made
                      */
};

void task_images_release(struct task_images *images);

/* Those of folders->list[place]. image: that of the row; NULL: none. make: makes those that are not
 * in the store, by a build that reaches the network if so; else only says how they are called. */
int task_folder_images(struct ctl *ctl, const struct task_folders *folders, size_t place,
                       const char *image, bool make, bool network, struct task_images *ret_images,
                       struct error *err);

#endif
