/*
 * environment.h - the environment of commands: what the image says, over a few defaults.
 */
#ifndef CODESET_REAPER_ENVIRONMENT_H
#define CODESET_REAPER_ENVIRONMENT_H

#include <json-c/json.h>

/* The same of the JSON array's text, as the engine gives it. What is none gives the defaults. */
char *environment_of(const char *image_env);

/* The defaults (PATH, HOME, LANG), each replaced by what image_env names, and the rest of it.
 * What is not "NAME=value" is left out. image_env: a JSON array, or NULL. The caller's. */
char *environment_merge(json_object *image_env);

#endif
