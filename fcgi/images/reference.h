/*
 * reference.h - an image's name in a registry: "swebench/x:v1", "ghcr.io/a/b@sha256:...". Pure.
 */
#ifndef CODESET_IMAGES_REFERENCE_H
#define CODESET_IMAGES_REFERENCE_H

#include "base/error.h"

#define IMAGE_REFERENCE_MOST 512 /* bytes */

/* In full, with registry and tag: "docker.io/swebench/x:v1". A beginning "docker://" is left out.
 * free() it. NULL, and ERROR_INVALID, for what is no reference. */
char *image_reference_full(const char *text, struct error *err);

/* What an image of that (full) reference is called in the image store: the end of its name, and a
 * digest of the whole. free() it. */
char *image_reference_store_name(const char *full);

#endif
