/*
 * trial_gofailing.h - an assertion that can't hold, as it is planted at the beginning and the end
 * of a Go test. Pure but for chance.
 *
 * It fails in the words of one of the function's own assertions, so that what is printed says
 * little of whether a failure is planted. It depends on what only the running test knows.
 */
#ifndef CODESET_AGENT_TRIAL_GOFAILING_H
#define CODESET_AGENT_TRIAL_GOFAILING_H

#include "agent/trial_gotext.h"

/* t: the name of the test's T where it is to stand. A statement with its semicolon; to free(). */
char *trial_gofailing_new(const struct gotext *go, const struct gotext_function *function,
                          const char *t);

#endif
