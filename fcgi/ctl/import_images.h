/*
 * import_images.h - the images of the samples that are imported: which one each gets, what tasks
 * that are folders have theirs made of, and the folder that a sample's image names.
 */
#ifndef CODESET_CTL_IMPORT_IMAGES_H
#define CODESET_CTL_IMPORT_IMAGES_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ctl/image_map.h"
#include "ctl/sample_line.h"
#include "ctl/task_folder.h"

struct ctl;

/* What came of a task's folder. */
struct folder_images {
    struct task_images images;
    char *refusal; /* why it has none; NULL: it has them */
};

/* {.folders = TASK_FOLDERS_INIT} is none. */
struct import_images {
    struct ctl *ctl;
    struct image_map map;
    struct task_folders folders;      /* empty where the rows are of a file */
    struct folder_images *of_folders; /* of each */
    bool make;    /* those of the folders that the store lacks; else they are named */
    bool network; /* for builds */
    json_object
        *stored; /* keys: what the store has; values: {"repo_path", "workdir"} that it names */
    json_object *missing; /* keys: what samples name and the store lacks */
};

/* Looks what the store has. Where that can't be told, it warns. */
void import_images_begin(struct import_images *images, struct ctl *ctl, bool make);

/* For row `row` (from 1), if it is of a task's folder: makes or names its images. It takes minutes
 * where they are built, so it comes before the transaction. What fails is told by
 * import_images_settle. */
void import_images_make(struct import_images *images, int64_t row, const struct sample_line *line);

/* The row gets its images, which live as long as `images`, and its folder. *ret_incomplete: as in
 * struct task_images. Returns -1 with the reason for which the row does not come in. */
int import_images_settle(struct import_images *images, int64_t row, struct sample_line *line,
                         bool *ret_incomplete, struct error *why);

/* Of the missing ones. */
void import_images_warn(const struct import_images *images);

void import_images_release(struct import_images *images);

#endif
