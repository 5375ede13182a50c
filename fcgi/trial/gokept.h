/*
 * gokept.h - which files of a Go module stay the image's, whatever a session made of them:
 * what only tests need.
 *
 * These are vendored packages that only tests import, and what is in the folders `testdata` of the
 * tested packages. What a session added to the latter stays, as its code may embed it.
 */
#ifndef CODESET_TRIAL_GOKEPT_H
#define CODESET_TRIAL_GOKEPT_H

#include <json-c/json.h>

#include "base/error.h"
#include "trial/golist.h"

/* packages: folders. Adds files to the module's `kept`. */
int trial_gokept_find(struct trial_gomodule *module, json_object *packages, struct error *err);

#endif
