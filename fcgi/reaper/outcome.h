/*
 * outcome.h - from what the agent says of a command or a file operation to what the API says of the
 * interaction. Pure functions.
 */
#ifndef CODESET_REAPER_OUTCOME_H
#define CODESET_REAPER_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_client/agent_client.h"
#include "store/interactions.h"

/* A result that owns its texts. */
struct outcome {
    struct interaction_result result; /* points into what follows */
    char *texts;                      /* stdout, and stderr behind it */
    char *message;
};

void outcome_release(struct outcome *outcome);
size_t outcome_size(const struct outcome *outcome); /* bytes of the texts */

/* What a command was limited by, and what its limits did while it ran. */
struct outcome_limits {
    int64_t seconds;
    int64_t processes; /* of the container */
    int64_t oom_kills; /* how often the memory limit killed something in it */
    int64_t refusals;  /* how many processes the limit of processes kept from being made */
};

/* A command ended. Takes the result's texts. */
void outcome_of_command(const struct agent_result *result, const struct outcome_limits *limits,
                        struct outcome *ret_outcome);

/* A str_replace or upload was answered. */
void outcome_of_file(bool success, const char *message, int64_t size_bytes, double seconds,
                     struct outcome *ret_outcome);

/* Nobody knows whether it was done; a platform's failure. */
void outcome_of_unknown(struct outcome *ret_outcome);

/* The platform failed: exit code -1000. message is copied. */
void outcome_of_failure(const char *message, struct outcome *ret_outcome);

#endif
