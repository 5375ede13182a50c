/*
 * image_store.h - reads the image store, for the engine and images.c.
 *
 * Folders that begin with a dot are being imported (.import-*) or removed (.old-*).
 */
#ifndef CODESET_IMAGES_STORE_H
#define CODESET_IMAGES_STORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "container/mounts.h"

struct image_layers {
    int count;
    char *paths[MOUNTS_LAYERS_MAX]; /* absolute; the image's own first; owned */
};

void image_layers_release(struct image_layers *layers);

/* [a-z0-9][a-z0-9._-]{0,62} */
bool image_name_valid(const char *name);

/* Reads image.json of an image that is complete. IMAGE_MISSING otherwise. */
int image_describe(const char *image_dir, const char *name, json_object **ret_object,
                   struct error *err);

/* The image's own layer, then its base's, and so on. IMAGE_MISSING when one is not there,
 * IMAGE_REFUSED when there are more than MOUNTS_LAYERS_MAX. */
int image_layers_find(const char *image_dir, const char *name, struct image_layers *ret_layers,
                      struct error *err);

/* Is it certain that a container of the image has no such folder? path: absolute. Links are not
 * followed, as they may lead from one layer to another: of them nothing is certain. */
bool image_lacks_folder(const char *image_dir, const char *name, const char *path);

/* As engine_image_time. */
int image_time(const char *image_dir, const char *name, int64_t *ret_when, struct error *err);

/* The name of an image that is a layer over this one, NULL if there is none. The caller frees it.
 */
char *image_dependant(const char *image_dir, const char *name);

#endif
