/*
 * layout_tar.h - an image of an OCI layout as an OCI archive (a tar, not compressed).
 */
#ifndef CODESET_IMAGES_LAYOUT_TAR_H
#define CODESET_IMAGES_LAYOUT_TAR_H

#include "base/error.h"
#include "images/image_choice.h"

struct engine_settings;

/*
 * layout_fd: a folder with oci-layout and index.json. choice: which of its images. blobs_fd: the
 * folder in which sha256/DIGEST are. Both are a stranger's: no link is followed, and what is no
 * regular file refused. Digests are not checked: the import does that. out_fd: where the tar goes,
 * which is on the store's disk: IMAGE_REFUSED where the files together have more than
 * image_bytes_max bytes, ERROR_UNAVAILABLE once that disk is nearly full.
 */
int layout_tar(const struct engine_settings *settings, const struct image_choice *choice,
               int layout_fd, int blobs_fd, int out_fd, struct error *err);

#endif
