/*
 * log.h - one line per event, `key=value`, on standard error.
 *
 *     log_event(LOG_INFO, "session_ready", "session=%s took_ms=%d", id, ms);
 *
 * prints   <6>event=session_ready request=... session=0192... took_ms=41
 * The <N> prefix is sd-daemon(3)'s and is left out when standard error is a terminal. Control
 * bytes in the whole line are escaped. Never log a secret: no key, no token, no body.
 */
#ifndef CODESET_BASE_LOG_H
#define CODESET_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/* program: a literal, printed as program=...; lines above `most` are dropped. Once, at start. */
void log_open(const char *program, enum log_level most);

/* Another level, once the settings are known; before there are threads. */
void log_limit(enum log_level most);

/* The request that the following lines of this thread belong to; NULL for none. Copied. */
void log_request(const char *request_id);

void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The event with the error's kind, code and message. */
void log_error(const char *event, const struct error *err);

#endif
