/*
 * freeze.h - holds what runs in a container still, for a moment: so that its files don't change
 * while they are copied. Its agent goes on, which copies them.
 */
#ifndef CODESET_CONTAINER_FREEZE_H
#define CODESET_CONTAINER_FREEZE_H

#include "base/error.h"
#include "container/container.h"

#define FREEZE_MS_MOST 3000 /* then it goes on, whatever the holder does */

/*
 * Freezes the container's processes, all but those of its agent's program, and sends on `line`, a
 * unix socket, one byte with a descriptor: they go on when all copies of it are closed, or after
 * FREEZE_MS_MOST. A process of its own sees to that, which outlives this one; meanwhile it holds
 * the container's lock, so that whoever stops it waits for no longer than that.
 *
 * ERROR_UNAVAILABLE: the host can't freeze, the container's processes multiply faster than they
 * are caught, or somebody else works on it; then all go on. ERROR_NOT_FOUND: it does not run.
 */
int container_freeze(const struct container_job *job, int line, struct error *err);

#endif
