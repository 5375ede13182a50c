/*
 * image_choice.h - which image of an archive that holds several, and whether this host can run it.
 *
 * What an index or a manifest says is a stranger's; of it nothing but short texts is looked at, and
 * none reaches a message with its control characters.
 */
#ifndef CODESET_IMAGES_IMAGE_CHOICE_H
#define CODESET_IMAGES_IMAGE_CHOICE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"

struct image_choice {
    const char *tag;      /* "latest", or a whole name that ends with it; NULL: any */
    const char *platform; /* "linux/amd64", a variant behind it or not; NULL: this host's */
};

/* Of command lines: has it the form, and can this host run it? */
int image_choice_check(const struct image_choice *choice, struct error *err);

/*
 * Of an OCI index's manifests (an array) the one that is meant. is_top: of the archive's own
 * index.json, where tags are. Of one image for several variants of this host's architecture: the
 * variant that the choice names, else the entry without one. NULL with IMAGE_REFUSED where it is
 * none, or more than one. Borrowed.
 */
json_object *image_choice_manifest(const struct image_choice *choice, json_object *manifests,
                                   bool is_top, struct error *err);

/* The same of the images of docker's manifest.json. */
json_object *image_choice_docker(const struct image_choice *choice, json_object *images,
                                 struct error *err);

/* Can this host run what has that configuration? IMAGE_REFUSED says for what it is. */
int image_choice_runs_here(json_object *config, struct error *err);

#endif
