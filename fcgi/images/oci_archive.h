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
#include "images/unpack_report.h"

/* kind: ARCHIVE_OCI or ARCHIVE_DOCKER. Its files are copied into the empty folder. Of an archive
 * with images for several kinds of processor the one for this host's is taken. Environment and
 * working directory are filled in, as the image has them. */
int image_oci_unpack(struct extract *extract, enum archive_kind kind, int source_fd, int folder_fd,
                     struct unpacked *unpacked, struct error *err);

#endif
