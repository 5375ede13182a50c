/*
 * seccomp_calls.h - the system calls that a container may make as they are, each with the reason;
 * and those that are refused. What is allowed for some arguments only is in seccomp.c.
 *
 * `tests/escape/probe calls` prints in a session what reaches the kernel.
 */
#ifndef CODESET_CONTAINER_SECCOMP_CALLS_H
#define CODESET_CONTAINER_SECCOMP_CALLS_H

/* Names with spaces between them; ends with NULL. */
extern const char *const seccomp_allowed[];

/* Known, and answered with EPERM: libraries and programs take it for a lack of rights, and go on.
 * Of what is in neither list the answer is ENOSYS. */
extern const char seccomp_refused[];

/* What sets extended attributes: allowed where the kernel counts what it keeps of them. */
extern const char seccomp_sets_attributes[];

#endif
