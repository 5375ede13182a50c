/*
 * environment.h - the environment of commands: what the image says, over a few defaults.
 */
#ifndef CODESET_REAPER_ENVIRONMENT_H
#define CODESET_REAPER_ENVIRONMENT_H

#include <json-c/json.h>

struct engine_settings;
struct environments; /* a cache, by image */

/* The settings must outlive it. */
struct environments *environments_new(const struct engine_settings *settings);
void environments_free(struct environments *environments);

/* A JSON array of "NAME=value" for commands in containers of the image; lives until the image is
 * forgotten. An image that can't be read (it may be gone while its sessions live on) gives the
 * defaults. */
const char *environment_of(struct environments *environments, const char *image);

/* A container of it is about to be started: it may have been imported anew. */
void environment_forget(struct environments *environments, const char *image);

/* The defaults (PATH, HOME, LANG), each replaced by what image_env names, and the rest of it.
 * What is not "NAME=value" is left out. image_env: a JSON array, or NULL. The caller's. */
char *environment_merge(json_object *image_env);

#endif
