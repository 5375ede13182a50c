/*
 * pull_jobs.h - pulls images side by side, each in a child of its own.
 */
#ifndef CODESET_CTL_PULL_JOBS_H
#define CODESET_CTL_PULL_JOBS_H

#include <json-c/json.h>
#include <stddef.h>

#include "images/pull.h"

struct pull_jobs {
    struct pull *pull;
    unsigned jobs; /* as pull_open's */
    json_object
        *list; /* of {"name", "reference", "outcome"}: those without an outcome are pulled */
    const struct image_options *options;

    /* Told of what one does; number: its place in the list, from 0. */
    void (*progress)(size_t number, const char *text, void *arg);
    /* It is over. reason: why it failed, NULL: the image is there. */
    void (*done)(json_object *item, const char *reason, void *arg);
    void *arg;
};

/* Returns when all have come to their ends. They end with the caller. */
void pull_jobs_run(const struct pull_jobs *jobs);

#endif
