/*
 * images.h - the image store: unpacked, uid-shifted, read-only root file systems.
 *
 * <image_dir>/<name>/
 *     rootfs/        a layer, every owner shifted by the host's container uid base
 *     image.json     {"name","created_at","size_bytes","base","env":[...],"workdir","source",
 *                    "user","shell","entrypoint":[...],"repo_path"}
 *     complete       made last; its ctime is the image's time (engine_image_time)
 *
 * An image may be a layer over another (`base`): containers then see its files over the base's.
 * Names are [a-z0-9][a-z0-9._-]{0,62}. An import is made beside the store and renamed into it, so
 * an image is there whole or not at all.
 *
 * Import refuses what is not safe to start a container from: /dev, /proc, /sys, /tmp or /run that
 * are not folders, /etc/passwd or /etc/group that are not plain files, entries that leave the root
 * (by .. or through a link), device nodes outside /dev (those in /dev are left out), owners above
 * 65535, more than the settings' size or count. It also refuses what no command could run in: no
 * shell, or one for another kind of processor.
 */
#ifndef CODESET_IMAGES_IMAGES_H
#define CODESET_IMAGES_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct buf;
struct engine_settings;
struct json_object;

struct image {
    char *name;
    char *base;                /* the image that it is a layer over; NULL: none */
    char *source;              /* as given at import */
    char *user, *shell;        /* how commands are run; NULL: as root, by a plain shell */
    char *workdir, *repo_path; /* folders that it names; NULL: none */
    int64_t created_at;
    int64_t size_bytes; /* of its own layer */
    int64_t scrubbed;   /* git repositories that were at its import */
};

void image_release(struct image *image);

/* What an image says of itself may be said otherwise at its import. All NULL: as the image has it.
 */
struct image_options {
    const char *env, *user, *shell; /* as in wire/profile.h */
    const char *repo_path;          /* where the repository is: absolute */
    const char *tag;                /* of an archive of several images: which */
    const char *platform;           /* the same: "linux/amd64" */
    bool scrub_git;                 /* as images/scrub.h says; not with a base, whose files stay */
};

/* An OCI layout: its folder, and the one of its blobs. */
struct image_layout {
    int folder_fd, blobs_fd;
};

/* All that an import is told. */
struct image_import {
    const char *name, *source;
    int source_fd;                     /* where source is NULL: a regular file, at its beginning */
    const struct image_layout *layout; /* instead of both; NULL: none */
    const char *origin; /* what the image's `source` says instead; NULL: the source */
    const char *base;
    bool replace;
    struct image_options options;
    void (*progress)(int64_t bytes, void *arg); /* may be NULL */
    void *arg;
};

/*
 * source: the path of a root file system's tar, of an OCI archive or of a docker archive (told
 * apart by content), compressed or not (images/decoder.h), or of an OCI layout's folder. "-" is
 * standard input, of which a temporary copy is kept in the store, of at most image_bytes_max bytes.
 * base may be NULL; with one, source is the tar of a layer over it. progress is called now and then
 * with the bytes read so far. Code IMAGE_REFUSED for what the beginning of this file names,
 * IMAGE_EXISTS unless `replace`.
 */
int image_import_as(const struct engine_settings *settings, const struct image_import *import,
                    struct error *err);

/* The same, without options. */
int image_import(const struct engine_settings *settings, const char *name, const char *source,
                 const char *base, bool replace, void (*progress)(int64_t bytes, void *arg),
                 void *arg, struct error *err);

/*
 * What a session of the image could read that it should not: *ret_findings, an array of {"kind",
 * "where", "what"} (images/inspect.h); the caller puts it. samples: JSON as described there. Each
 * layer is looked into by itself, so what a layer hides of the one below is told all the same: it
 * can be in a container of that one.
 */
int image_inspect(const struct engine_settings *settings, const char *name,
                  const struct buf *samples, struct json_object **ret_findings, struct error *err);

/*
 * What commands in a container of the image get: *ret_environment is a JSON array of "NAME=value"
 * (from an OCI image's configuration, or the base's; PATH is always there), *ret_workdir an
 * absolute path ("/" where the image names none), *ret_profile a JSON object that says as whom and
 * by which shell (wire/agent_protocol.h). The caller frees them. Code IMAGE_MISSING.
 */
int image_environment(const struct engine_settings *settings, const char *name,
                      char **ret_environment, char **ret_workdir, char **ret_profile,
                      struct error *err);

/* Calls each with every image of the store, sorted by name. */
int image_list(const struct engine_settings *settings,
               void (*each)(const struct image *image, void *arg), void *arg, struct error *err);
int image_is_stored(const struct engine_settings *settings, const char *name, bool *ret_found,
                    struct error *err);

/* Refuses with IMAGE_IN_USE when another image is a layer over it. Running containers are not
 * looked for: they lose their files, so the caller sees to it that there are none. */
int image_remove(const struct engine_settings *settings, const char *name, struct error *err);

#endif
