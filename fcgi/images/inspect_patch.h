/*
 * inspect_patch.h - what a patch adds to each file, in a form that can be looked for. Pure.
 */
#ifndef CODESET_IMAGES_INSPECT_PATCH_H
#define CODESET_IMAGES_INSPECT_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#define PATCH_FILES_MOST 200
#define PATCH_LINES_MOST 40 /* of a file that are looked for; the longest */
#define PATCH_LINES_LEAST 2 /* that say enough; of fewer a file is left out */
#define PATCH_LINE_LEAST 12 /* bytes without the blanks around, below which a line says nothing */

/* A file that a patch makes or changes. Texts lie in the patch. */
struct patch_file {
    const char *path; /* relative to the repository */
    size_t path_length;
    const char *name; /* its last part; goes to the path's end */
    struct patch_line {
        const char *text; /* without the blanks around */
        size_t length;
    } lines[PATCH_LINES_MOST]; /* that it adds, the longest first */
    size_t line_count;
};

struct patch_files {
    struct patch_file *files;
    size_t count;
};

/* The patch must stay. What is no unified diff has no files. */
void patch_files_read(const char *patch, struct patch_files *ret_files);
void patch_files_release(struct patch_files *files);

/* Do the bytes hold every line that is added? */
bool patch_file_is_in(const struct patch_file *file, const char *bytes, size_t length);

/* Is this the last part of its path? */
bool patch_file_is_called(const struct patch_file *file, const char *name);

#endif
