/*
 * oci_archive.h - OCI and docker archives.
 *
 * skopeo turns either into an OCI layout (and checks the digests); the layers are then unpacked one
 * over the other by extract.h, with its refusals and limits.
 */
#ifndef CODESET_IMAGES_OCI_ARCHIVE_H
#define CODESET_IMAGES_OCI_ARCHIVE_H

#include <json-c/json.h>

#include "base/error.h"
#include "images/extract.h"

/* What the image's configuration says about commands. */
struct image_oci {
    json_object *env; /* array of "NAME=value", or NULL */
    char *workdir;    /* absolute, or NULL */
};

void image_oci_release(struct image_oci *oci);

/* kind: "oci-archive" or "docker-archive". A folder in `workplace` is used and removed. */
int image_oci_unpack(struct extract *extract, const char *kind, const char *source,
                     const char *workplace, struct image_oci *ret_oci, struct error *err);

#endif
