/*
 * pull.h - images from registries, fetched by skopeo.
 *
 * skopeo reads a stranger's network, so it runs as a user of its own (an id of the image store's
 * range that no image's file has), without privileges, and sees of the image store one folder. What
 * it leaves there is imported like any archive (images/images.h).
 */
#ifndef CODESET_IMAGES_PULL_H
#define CODESET_IMAGES_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_settings;
struct image_options;
struct pull;

/* Layers that were fetched are kept until pull_close, and beyond it where an image failed: what is
 * there is not fetched again. One at a time on a host: ERROR_CONFLICT. credentials: a file in the
 * form of docker's config.json; NULL: none. jobs: images that are pulled at the same time, at most
 * PULL_JOBS_MOST. */
#define PULL_JOBS_MOST 16
struct pull *pull_open(const struct engine_settings *settings, const char *credentials,
                       unsigned jobs, struct error *err);

/* Were there layers of an earlier pull, for a later one to go on with? */
bool pull_found_layers(const struct pull *pull);

/* Closing it removes the layers, unless `keep`. */
void pull_close(struct pull *pull, bool keep);

struct pull_order {
    const char *reference;               /* in full (images/reference.h) */
    const char *name;                    /* in the image store */
    const struct image_options *options; /* images/images.h; neither tag nor platform */
};

struct pull_progress {
    void (*line)(const char *text, void *arg); /* what skopeo says */
    void (*bytes)(int64_t bytes, void *arg);   /* as image_import's */
    void *arg;
};

/* place: 0 to jobs - 1. Two of different places may run in two processes at the same time; a layer
 * that both need just then is fetched twice. Refusals are image_import's. */
int pull_image(struct pull *pull, unsigned place, const struct pull_order *order,
               const struct pull_progress *progress, struct error *err);

/* Asks the registry for the image's manifest, and fetches nothing else. Where it has none
 * ERROR_NOT_FOUND; ERROR_UNAVAILABLE where it can't be told, also because the registry wants
 * other credentials. */
int pull_look(struct pull *pull, const char *reference, struct error *err);

#endif
