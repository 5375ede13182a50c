/*
 * confine.h - the process gives up, for good, all but reading its standard input, computing, and
 * writing its standard output and, if it has one, a file.
 */
#ifndef CODESET_BASE_CONFINE_H
#define CODESET_BASE_CONFINE_H

#include <stdint.h>

#include "base/error.h"

struct confinement {
    unsigned cpu_seconds;
    uint64_t address_space; /* bytes; 0: 1 GiB */
    uint64_t file_bytes; /* of the file CONFINE_FILE, which may be written, and so large; 0: none */
};
#define CONFINE_FILE 3 /* the descriptor; STDERR_FILENO + 1 */

/*
 * Of the descriptors 0, 1 and 2 are left, and the file where there is one. Limits: address space,
 * CPU seconds, no other file, no process, no core. It may not be dumped or traced by its user, gets
 * no privilege by an exec, is killed when its parent ends, and dies (SIGSYS) with any system call
 * but: read of 0, write of 1, 2 and the file, private memory that is not executable, random bytes,
 * exit.
 *
 * What a library does once and then remembers (locale, iconv, seeds) must have been done before.
 * For a process with one thread. On failure it must end: it is confined only in part.
 */
int confine(const struct confinement *confinement, struct error *err);

/* From root to nobody, for good; who is not root has nothing to give up. */
int confine_user(struct error *err);

#endif
