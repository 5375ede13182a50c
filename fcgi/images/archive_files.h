/*
 * archive_files.h - what is in an image archive: its regular files, copied out of it.
 *
 * The copies lie in a folder of ours under names of ours (numbers), so nothing that the archive
 * says is ever a path. Its links are kept as names, and lead to files of the archive or
 * nowhere.
 */
#ifndef CODESET_IMAGES_ARCHIVE_FILES_H
#define CODESET_IMAGES_ARCHIVE_FILES_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"

struct archive_file {
    char *name;                       /* in the archive */
    char *target;                     /* of a link: the name of what it leads to; else NULL */
    char copy[16];                    /* of a file: the name of its copy; else "" */
    char sha256[2 * SHA256_SIZE + 1]; /* of a file */
};

struct archive_files {
    struct archive_file *items;
    size_t count;
    int folder_fd; /* where the copies are; the caller's */
};

/*
 * folder_fd: an empty folder. most: bytes of all copies together. Of what is neither file, folder
 * nor link, of more than ARCHIVE_FILES_MOST entries and of more bytes: IMAGE_REFUSED.
 */
#define ARCHIVE_FILES_MOST 4096
int archive_files_copy(int source_fd, int folder_fd, int64_t most,
                       void (*progress)(int64_t bytes, void *arg), void *arg,
                       struct archive_files *ret_files, struct error *err);

/* The file of that name, also through links. NULL with IMAGE_REFUSED where there is none. */
const struct archive_file *archive_files_find(const struct archive_files *files, const char *name,
                                              struct error *err);

/* Its copy, open for reading; -1. */
int archive_file_open(const struct archive_files *files, const struct archive_file *file,
                      struct error *err);

/* The content of a file that is JSON and no more than 4 MiB. */
int archive_file_json(const struct archive_files *files, const struct archive_file *file,
                      json_object **ret_object, struct error *err);

void archive_files_release(struct archive_files *files);

#endif
