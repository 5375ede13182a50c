/*
 * rehearsal.h - one small verdict from end to end, before the process confines itself.
 *
 * Libraries do some things once, when they are first needed, and remember them: glibc's iconv,
 * which libarchive converts names with, maps a file; expat and json-c look for a seed. After
 * confine() that would be the end of the process.
 */
#ifndef CODESET_GRADE_REHEARSAL_H
#define CODESET_GRADE_REHEARSAL_H

#include "base/error.h"

/* Fails where the verdict is not what it has to be. */
int rehearse(struct error *err);

/* The same for results of agents (result.h). */
int rehearse_result(struct error *err);

#endif
