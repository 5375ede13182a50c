/*
 * oci_archive.h - OCI and docker archives.
 *
 * What the archive holds is copied out (archive_files.h), the number of layers is looked at before
 * anything is unpacked, and each file's SHA-256 sum is compared with what its manifest says. The
 * layers are then unpacked one over the other by extract.h, with its refusals and limits.
 */
#ifndef CODESET_IMAGES_OCI_ARCHIVE_H
#define CODESET_IMAGES_OCI_ARCHIVE_H

#include <json-c/json.h>

#include "base/error.h"
#include "images/archive_kind.h"
#include "images/extract.h"

/* What the image's configuration says about commands. */
struct image_oci {
    json_object *env; /* array of "NAME=value", or NULL */
    char *workdir;    /* absolute, or NULL */
};

void image_oci_release(struct image_oci *oci);

/* kind: ARCHIVE_OCI or ARCHIVE_DOCKER. A folder in `workplace` is used and removed. Of an archive
 * with images for several kinds of processor the one for this host's is taken. */
int image_oci_unpack(struct extract *extract, enum archive_kind kind, const char *source,
                     const char *workplace, struct image_oci *ret_oci, struct error *err);

#endif
