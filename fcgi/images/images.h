/*
 * images.h - the image store: unpacked, uid-shifted, read-only root file systems.
 *
 * <image_dir>/<name>/
 *     rootfs/        a layer, every owner shifted by the host's container uid base
 *     image.json     {"name","created_at","size_bytes","base","env":[...],"workdir","source"}
 *     complete       made last; its ctime is the image's time (engine_image_time)
 *
 * An image may stand on another (`base`): its root is then its own layer over the base's layers.
 * Names are [a-z0-9][a-z0-9._-]{0,62}. An import is made beside the store and renamed into it, so
 * an image is there whole or not at all.
 *
 * Import refuses what a container must not be started from: /dev, /proc, /sys, /tmp or /run that
 * are not folders, entries that leave the root (.. or through a link), device nodes outside /dev
 * (those in /dev are dropped), owners above 65535, more than the settings' size or count.
 */
#ifndef CODESET_IMAGES_IMAGES_H
#define CODESET_IMAGES_IMAGES_H

#include <stdint.h>

#include "base/error.h"

struct engine_settings;

struct image {
    char *name;
    char *base;   /* NULL: stands alone */
    char *source; /* as given at import */
    int64_t created_at;
    int64_t size_bytes; /* of its own layer */
};

void image_release(struct image *image);

/*
 * source: the path of a root file system tar (any compression that libarchive reads), of an OCI
 * archive or of a docker archive (told apart by content; through skopeo). base may be
 * NULL; with one, source is a root file system tar laid over it. progress (may be NULL) is called
 * now and then with bytes read so far. Code IMAGE_REFUSED for hostile content, IMAGE_EXISTS
 * unless `replace`.
 */
int image_import(const struct engine_settings *settings, const char *name, const char *source,
                 const char *base, bool replace, void (*progress)(int64_t bytes, void *arg),
                 void *arg, struct error *err);

/*
 * What commands in a container of the image get: *ret_environment is a JSON array of "NAME=value"
 * (from an OCI image's configuration, or the base's; PATH is always there), *ret_workdir an
 * absolute path ("/" where the image names none). The caller frees both. Code IMAGE_MISSING.
 */
int image_environment(const struct engine_settings *settings, const char *name,
                      char **ret_environment, char **ret_workdir, struct error *err);

/* Calls each with every image of the store, sorted by name. */
int image_list(const struct engine_settings *settings,
               void (*each)(const struct image *image, void *arg), void *arg, struct error *err);

/* Refuses with IMAGE_IN_USE when another image stands on it. Running containers of it go on only
 * when the caller made sure that there are none. */
int image_remove(const struct engine_settings *settings, const char *name, struct error *err);

#endif
