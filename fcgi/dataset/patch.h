/*
 * patch.h - unified diffs, as git writes them: turned round, and which files they touch. Pure.
 */
#ifndef CODESET_DATASET_PATCH_H
#define CODESET_DATASET_PATCH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* Appends the patch that undoes `patch`. ERROR_INVALID for binary files, copies, and what is no
 * diff. */
int patch_reverse(const char *patch, struct buf *out, struct error *err);

/* Calls each with the files as they are called after the patch; deleted ones are left out. is_new:
 * the patch makes it. path lives until the callback returns. */
void patch_files(const char *patch, void (*each)(const char *path, bool is_new, void *arg),
                 void *arg);

#endif
