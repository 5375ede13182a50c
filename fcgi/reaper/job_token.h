/*
 * job_token.h - a token for one repository of one installation of the GitHub App, good for an hour
 * and for reading only. Blocks while GitHub is asked.
 */
#ifndef CODESET_REAPER_JOB_TOKEN_H
#define CODESET_REAPER_JOB_TOKEN_H

#include <stdint.h>

#include "base/error.h"

struct accounts_settings;

/* *ret_token is the caller's. Codes as github.h's. */
int job_token(const struct accounts_settings *settings, int64_t installation_id, const char *repo,
              char **ret_token, struct error *err);

#endif
