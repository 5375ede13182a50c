/*
 * oci_archive.h - OCI and docker archives.
 *
 * What the archive holds is copied out (archive_files.h), the number of layers is looked at before
 * anything is unpacked, and each file's SHA-256 sum is compared with what its manifest says. The
 * layers are then unpacked one over the other by extract.h, with its refusals and limits.
 */
#ifndef CODESET_IMAGES_OCI_ARCHIVE_H
#define CODESET_IMAGES_OCI_ARCHIVE_H

#include "base/error.h"
#include "images/archive_kind.h"
#include "images/extract.h"
#include "images/image_choice.h"
#include "images/unpack_report.h"

/* kind: ARCHIVE_OCI or ARCHIVE_DOCKER. Its files are copied into the empty folder. Of an archive
 * with several images one is taken (image_choice.h). What the image says of its environment,
 * working directory, user and entry point is filled in. */
int image_oci_unpack(struct extract *extract, enum archive_kind kind,
                     const struct image_choice *choice, int source_fd, int folder_fd,
                     struct unpacked *unpacked, struct error *err);

#endif
