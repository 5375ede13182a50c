/*
 * await.h - the two internal paths of a held request (docs/held-requests.md):
 *
 *     worker to daemon, by nginx:  /-/await/KIND/ID?hold=MS&back=PATH   (PATH percent-encoded)
 *     daemon to worker, by nginx:  /-/answer + PATH
 *
 * nginx knows both (nginx/codeset-server.conf.in), and takes the second way by itself where the
 * daemon does not answer.
 */
#ifndef CODESET_WIRE_AWAIT_H
#define CODESET_WIRE_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "wire/doorbell.h"

#define AWAIT_HOLD_MS_MAX 60000
#define AWAIT_BACK_MAX 4096 /* bytes of a path */

/* Writes the first one. hold_ms: 0 to AWAIT_HOLD_MS_MAX. back: see await_back_valid. */
void await_write(enum work_kind kind, const struct id *id, int64_t hold_ms, const char *back,
                 struct buf *out);

/* Reads "/-/await/KIND/ID". Returns 0, or -1 if it is anything else. The id is in lower case. */
int await_parse_path(const char *path, enum work_kind *ret_kind, struct id *ret_id);

/* Reads "hold=MS&back=PATH", in this order. *ret_back is the caller's. -1 if it is anything else.
 */
int await_parse_query(const char *query, int64_t *ret_hold_ms, char **ret_back);

/* A path that a request may go back to: below /api/v1/, printable ASCII, no "/.." in it. */
bool await_back_valid(const char *path);

/* Writes the second one. */
void await_write_answer(const char *back, struct buf *out);

#endif
