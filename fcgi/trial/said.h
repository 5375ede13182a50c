/*
 * said.h - what a test program of Go's says with `-test.v` of how its tests ended.
 *
 * That is its own word, as its status is. It is needed, as the status is 0 where a test was
 * skipped, or was not there.
 *
 *     --- PASS: TestAdds/nothing (0.00s)
 */
#ifndef CODESET_TRIAL_SAID_H
#define CODESET_TRIAL_SAID_H

#include <stddef.h>

#include "trial/judge.h"
#include "trial/plan.h"

struct trial_said;

/* Of the command's test (NULL: it does not say such things) and of its parts. */
struct trial_said *trial_said_new(const struct trial_command *command);
void trial_said_free(struct trial_said *said);

/* Some more of what it prints. */
void trial_said_hear(struct trial_said *said, const char *text, size_t length);

/* Of the test itself, and then of its parts; to free(). What was not said to have passed, nor to be
 * skipped, has failed. Nothing more is heard then. */
enum trial_result *trial_said_take(struct trial_said *said);

#endif
