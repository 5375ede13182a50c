/*
 * profile.h - how a data set wants the commands of its containers to be run: a JSON object.
 *
 * Its members are those of the agent's profile (wire/agent_protocol.h: user, shell), and `env`, an
 * array of "NAME=value" that is set besides the image's, or in place of it. None of them has to be
 * there. The operator writes it by codesetctl; the database keeps it.
 */
#ifndef CODESET_WIRE_PROFILE_H
#define CODESET_WIRE_PROFILE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"

#define PROFILE_ENV "env"
#define PROFILE_ENV_MOST 256          /* variables */
#define PROFILE_BYTES_MOST (32 << 10) /* of the text */

/* What options of a command line say; each NULL where it was not given. env: variables with '\n'
 * between them. */
struct profile_options {
    const char *env, *user, *shell;
};

/* Is "NAME=value", with a name that a shell could have? */
bool profile_variable_valid(const char *variable);

/* Checks them, and makes the object. The caller's. */
int profile_make(const struct profile_options *options, json_object **ret_profile,
                 struct error *err);

#endif
