/*
 * confine.h - the process gives up, for good, all but reading its standard input, computing, and
 * writing its standard output.
 */
#ifndef CODESET_BASE_CONFINE_H
#define CODESET_BASE_CONFINE_H

#include "base/error.h"

/*
 * Of the descriptors 0, 1 and 2 are left. Limits: 1 GiB of address space, CPU seconds, no file, no
 * process, no core. It may not be dumped or traced by its user, gets no privilege by an exec, is
 * killed when its parent ends, and dies (SIGSYS) with any system call but: read of 0,
 * write of 1 and 2, private memory that is not executable, random bytes, exit.
 *
 * What a library does once and then remembers (locale, iconv, seeds) must have been done before.
 * For a process with one thread. On failure it must end: it is confined only in part.
 */
int confine(unsigned cpu_seconds, struct error *err);

#endif
