/*
 * parallel.h - a loop whose turns don't need each other, on all processors.
 */
#ifndef CODESET_BASE_PARALLEL_H
#define CODESET_BASE_PARALLEL_H

#include <stddef.h>

/* Calls work(i, arg) once for each i below count, on as many threads as there are processors, 8 at
 * most, and returns when all calls have returned. work touches nothing that another turn changes.
 * Where no thread can be started, this one does it all. */
void parallel_each(size_t count, void (*work)(size_t i, void *arg), void *arg);

#endif
