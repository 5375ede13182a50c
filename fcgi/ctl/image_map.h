/*
 * image_map.h - which image a sample runs on, from a file: "SAMPLE_ID IMAGE [VERIFIER_IMAGE]" a
 * line, '#' begins a comment.
 */
#ifndef CODESET_CTL_IMAGE_MAP_H
#define CODESET_CTL_IMAGE_MAP_H

#include <stddef.h>

#include "base/error.h"

struct image_map_entry {
    char *sample_id, *image;
    char *verifier_image; /* NULL: none */
};

/* {0} is an empty map. */
struct image_map {
    struct image_map_entry *entries; /* sorted by sample_id */
    size_t count;
};

int image_map_read(struct image_map *map, const char *path, struct error *err);
void image_map_release(struct image_map *map);

/* NULL where the map does not name the sample. */
const struct image_map_entry *image_map_find(const struct image_map *map, const char *sample_id);

#endif
