/*
 * answer.h - an HTTP answer, complete before its first byte is sent.
 */
#ifndef CODESET_HTTP_ANSWER_H
#define CODESET_HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct answer {
    int status;
    struct buf headers; /* "Name: value\r\n"... beside Status and Content-Length */
    struct buf body;
    struct buf vary;      /* names of request headers */
    bool replay;          /* Idempotency-Hit: true */
    bool held;            /* somebody else ends the request, which comes back then */
    const char *log_code; /* of a refusal, for the log; NULL otherwise */
};

#define ANSWER_INIT                                                                                \
    {                                                                                              \
        .status = 500, .headers = BUF_INIT, .body = BUF_INIT, .vary = BUF_INIT                     \
    }

void answer_release(struct answer *answer);

/* The value must be printable ASCII; bytes that are not are left out, so that nobody can add a
 * header of their own. */
void answer_header(struct answer *answer, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Status, application/json; the caller renders into the buf returned. */
struct buf *answer_json(struct answer *answer, int status);

/* Replaces whatever was there by {"detail":{"code","message"}}, the status and the headers that
 * belong to the error. Errors that are not the client's doing are logged. */
void answer_error(struct answer *answer, const struct error *err);

/* nginx is to go on with the internal location instead (X-Accel-Redirect). */
void answer_redirect_internally(struct answer *answer, const char *location);

/* The answer depends on this header of the request. One Vary lists all of them. */
void answer_vary(struct answer *answer, const char *name);

/* Status line and headers as a FastCGI application writes them, with the empty line. */
void answer_write_head(const struct answer *answer, struct buf *out);

#endif
