/*
 * request.h - one HTTP request, as the FastCGI parameters tell it.
 *
 * Parameters beside those of RFC 3875: REQUEST_URI (raw, as sent), DOCUMENT_URI (where nginx took
 * the request to, decoded), CODESET_REQUEST_ID (32 hexadecimal digits) and CODESET_REQUEST_TIME
 * (seconds since 1970, with three decimals), both given by nginx and never by a client, and
 * CODESET_AWAITED=1 for a request that comes back from being held (docs/held-requests.md). The path
 * is read from REQUEST_URI, so that escapes are undone once and by us; an awaited request's from
 * DOCUMENT_URI.
 *
 * Decided answers: a bad percent escape, a NUL and bytes that are not UTF-8, in path or query, are
 * 400; an escaped slash belongs to its segment.
 */
#ifndef CODESET_HTTP_REQUEST_H
#define CODESET_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

#define REQUEST_SEGMENTS_MAX 16
#define REQUEST_QUERY_MAX 64
#define REQUEST_URI_MAX 8192

struct query_item {
    const char *name;
    const char *value; /* "" where there is no '=' */
};

/*
 * Where the ids of what a request creates come from. nginx gives both to the request once, and
 * sends the same to the next worker when one dies with the request in its hands: that one makes the
 * same ids, meets the rows that are there already, and answers as the first would have. A request
 * whose Idempotency-Key came before has the origin of the first one with that key (the router sees
 * to it). No header of a client's gets here.
 */
#define ORIGIN_SEED_SIZE 16
struct origin {
    int64_t ms;                           /* when it arrived, since 1970 */
    unsigned char seed[ORIGIN_SEED_SIZE]; /* CODESET_REQUEST_ID; random without one */
};

/* What the body is read with; see request_read_body. */
struct body_source {
    size_t (*read)(void *arg, char *bytes, size_t size);
    void *arg;
};

struct request {
    char **parameters; /* the FastCGI parameters, "NAME=value"; not ours */
    const char *method;
    const char *id; /* CODESET_REQUEST_ID, "" without */
    bool awaited;
    /* A large body is put by nginx on its disk only after a worker has seen the head of the request
     * and said that it may come: this is that question (CODESET_MAY_COME, never a client's). */
    bool may_come;
    int64_t arrived_ms; /* when nginx handed it on, since 1970 */
    struct origin origin;
    bool replay;                  /* its origin is an earlier request's */
    char *path_text, *query_text; /* what the following point into */
    const char *segments[REQUEST_SEGMENTS_MAX];
    size_t segment_count;
    struct query_item query[REQUEST_QUERY_MAX];
    size_t query_count;
    const char *params[REQUEST_SEGMENTS_MAX]; /* the path's {parameters}, set by the router */
    struct buf body;
    const struct body_source *stream; /* of a route that reads its body itself; else NULL */
};

/* Reads all but the body. parameters must outlive the request. Codes: BAD_REQUEST,
 * URI_TOO_LONG; the request is then empty but for method and id. */
int request_init(struct request *request, char **parameters, struct error *err);
void request_release(struct request *request);

/* The id of the row of that kind ("session", ...) that this request creates. The same request, or
 * one that repeats it by its Idempotency-Key, gets the same again. */
struct id request_make_id(const struct request *request, const char *what);

/* Did this very request make the id, before it came back from being held? */
bool request_made(const struct request *request, const char *what, const struct id *id);

/* How long it has waited for a worker, and this one has had it, in ms. 0 to a day, whatever the
 * clock was set to meanwhile. */
int64_t request_waited_ms(const struct request *request);

/* The value of a parameter: "CONTENT_TYPE", "HTTP_PREFER"; NULL without. */
const char *request_parameter(const struct request *request, const char *name);

/* The same of a header that is a list (RFC 9110, section 5.3): one that was sent several times is
 * its values in their order, with commas between. "" without. */
void request_list(const struct request *request, const char *name, struct buf *out);

/* Reads the body of at most `most` bytes. read: returns the number of bytes, 0 at the end.
 * Codes: BODY_TOO_LARGE (nothing was read if CONTENT_LENGTH told so), BAD_REQUEST. */
int request_read_body(struct request *request, int64_t most,
                      size_t (*read)(void *arg, char *bytes, size_t size), void *arg,
                      struct error *err);

/* What CONTENT_LENGTH says; -1: nothing. Code BAD_REQUEST. */
int request_content_length(const struct request *request, int64_t *ret_length, struct error *err);

/* Undoes percent escapes within `text` (and, in a query, '+'), in place. -1: see above. */
int percent_decode(char *text, bool in_query);

#endif
