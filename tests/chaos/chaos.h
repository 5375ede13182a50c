/*
 * chaos.h - what the suites of codeset-chaos share.
 */
#ifndef CODESET_TESTS_CHAOS_H
#define CODESET_TESTS_CHAOS_H

#include "client.h"

#define PATIENCE 120 /* seconds for what is bound to come: only a hang takes longer */

/* `tests/stack VERB PART` on the stack that is up; its exit status. */
int stack(const char *verb, const char *part);

/* A ready session of SOLVABLE, asked for until there is one. */
struct ident open_session(void);

#endif
