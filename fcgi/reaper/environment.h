/*
 * environment.h - the environment of commands: what the image says, over a few defaults. Pure
 * functions.
 */
#ifndef CODESET_REAPER_ENVIRONMENT_H
#define CODESET_REAPER_ENVIRONMENT_H

#include <json-c/json.h>
#include <stdbool.h>

/* The defaults (PATH, HOME, LANG), each replaced by what the image names, and the rest of it. What
 * is not "NAME=value" is left out. image_env: a JSON array, or NULL. The caller's. */
char *environment_merge(json_object *image_env);

/* The same of the array's text; of one that can't be read the defaults. */
char *environment_of_image(const char *image_env);

/* Sets a variable of such an array, and so removes what was there under its name. */
void environment_set(json_object *environment, const char *name, const char *value);

/* The variables by which programs find the proxy of their container's way out. What runs on the
 * container's own loopback is asked directly; not with `all`. */
void environment_set_proxy(json_object *environment, bool all);

#endif
