/*
 * engine_probe.h - does codeset-engined answer?
 */
#ifndef CODESET_CTL_ENGINE_PROBE_H
#define CODESET_CTL_ENGINE_PROBE_H

#include "base/error.h"

#define ENGINE_ABSENT "ENGINE_ABSENT"

/* How many containers it has, or -1: ERROR_UNAVAILABLE, with the code ENGINE_ABSENT where nobody
 * listens at this path, or we may not connect. Waits up to 5 s for an answer. */
int engine_probe(const char *path, struct error *err);

#endif
