/*
 * escape_fixture.h - what the escape tests stand on: a session to misbehave in, a neighbour that
 * must not notice, the probe inside, and a look at what is left when the session is closed.
 */
#ifndef CODESET_TESTS_ESCAPE_FIXTURE_H
#define CODESET_TESTS_ESCAPE_FIXTURE_H

#include "check.h"

/* A ready session of its own with the probe at /tmp/probe. */
struct ident escape_open(void);

/* The neighbour answers within a second, /health too; then closes, and within some seconds no
 * process, mount, cgroup, loop device or folder is left of the session. */
void escape_close(const struct ident *session);

/* The first half alone. */
void escape_neighbour_lives(void);

void escape_end(void); /* closes the neighbour */

/* `probe NAME ARGUMENT` was refused what it tried. */
void escape_refused(const struct ident *session, const char *probe, const char *argument);

/* What all sessions may have together, line by line: of the cgroup above the neighbour's. */
void escape_limits_of_all(struct buf *out);

/* What of the host's memory is the kernel's own, in KiB. */
long escape_kernel_kib(void);

/* VmRSS of a process in KiB, by pid. */
long escape_memory_kib(long pid);

#endif
