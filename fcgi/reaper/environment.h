/*
 * environment.h - the environment of commands: what the image says, over a few defaults. Pure
 * functions.
 */
#ifndef CODESET_REAPER_ENVIRONMENT_H
#define CODESET_REAPER_ENVIRONMENT_H

#include <json-c/json.h>
#include <stdbool.h>

/* The defaults (PATH, HOME, LANG), each replaced by what the image names, and the rest of it. What
 * is not "NAME=value" is left out. image_env: a JSON array, or NULL. is_root: else there is no
 * default for HOME, since the agent knows the user's. The caller's. */
char *environment_merge(json_object *image_env, bool is_root);

/* The same of the array's text, and how commands are run, as the agent takes it: what the image
 * says of both, and over it what the container's owner says (`own`, wire/profile.h). What can't be
 * read counts as empty. Both are the caller's. */
void environment_of_container(const char *image_env, const char *image_profile, const char *own,
                              char **ret_environment, char **ret_profile);

/* Sets a variable of such an array, and so removes what was there under its name. */
void environment_set(json_object *environment, const char *name, const char *value);

/* The variables by which programs find the proxy of their container's way out. What runs on the
 * container's own loopback is asked directly; not with `all`. */
void environment_set_proxy(json_object *environment, bool all);

#endif
