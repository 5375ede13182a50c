/*
 * helper.h - runs codeset-container, a process for each start, stop or eviction, a few at a time.
 *
 * A call is made, given its arguments and submitted; it calls back on the loop exactly once, also
 * on failure, never from within a function of this file. It is freed then.
 */
#ifndef CODESET_ENGINED_HELPER_H
#define CODESET_ENGINED_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct event_base;
struct helper_call;
struct helpers;

typedef void helper_done(const struct error *err, void *arg);

/* Runs when it is the call's turn, right before the process. May add arguments. *ret_fd becomes
 * the process's descriptor 3, and is the call's from then on; it may stay -1. */
typedef int helper_prepare(struct helper_call *call, void *arg, int *ret_fd, struct error *err);

struct helpers *helpers_new(struct event_base *base, const char *program);
void helpers_free(struct helpers *helpers); /* a process that runs finishes its work alone */

/* prepare may be NULL. */
struct helper_call *helper_call_new(struct helpers *helpers, const char *verb,
                                    helper_prepare *prepare, helper_done *done, void *arg);
void helper_call_text(struct helper_call *call, const char *key, const char *value);
void helper_call_number(struct helper_call *call, const char *key, int64_t value);

/* No process runs: it calls back with this error. */
void helper_call_fail(struct helper_call *call, const struct error *err);

/* urgent: before all that wait, and however many there are. */
void helper_call_submit(struct helper_call *call, bool urgent);

#endif
