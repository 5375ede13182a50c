/*
 * start_failure.h - why the last start of a container failed, for codesetctl doctor: a file in
 * state_dir, which the next start that succeeds removes.
 *
 * Faults of the host are noted, not what the asker is to blame for (an image that is missing, a
 * stop that came first), nor that the host is full: that passes by itself.
 */
#ifndef CODESET_ENGINED_START_FAILURE_H
#define CODESET_ENGINED_START_FAILURE_H

#include <stdbool.h>

#include "base/error.h"

#define START_FAILURE_FILE "start-failed"
#define START_FAILURE_SIZE 1024

/* err: of the start of the container of that name; NULL where it succeeded. */
void start_failure_note(const char *state_dir, const char *name, const struct error *err);

/* "TIME NAME: reason", fit for a terminal; false where the last start did not fail, or where it
 * cannot be read. */
bool start_failure_read(const char *state_dir, char text[START_FAILURE_SIZE]);

#endif
