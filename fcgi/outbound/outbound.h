/*
 * outbound.h - requests to a third party by HTTPS, whose answers are JSON. Blocking; for one thread
 * at a time.
 *
 * Each request has a time limit and a cap on its answer, verifies TLS, and follows no redirect.
 * Connections are kept. What goes wrong has the kind ERROR_UNAVAILABLE, a code of the party's, and
 * a message with the party's name. Source: libcurl's "easy" interface.
 */
#ifndef CODESET_OUTBOUND_OUTBOUND_H
#define CODESET_OUTBOUND_OUTBOUND_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

struct outbound;

/* Literals: errors point to them. */
struct outbound_party {
    const char *name;        /* as a sentence has it */
    const char *timeout;     /* code: no answer in time */
    const char *bad_answer;  /* code: an answer that makes no sense */
    const char *unavailable; /* code: nobody answers */
    size_t answer_most;      /* bytes */
};

/* ca_file: who signs the party's certificate; "": the system's authorities. Both must outlive it.
 */
struct outbound *outbound_new(const struct outbound_party *party, const char *ca_file);
void outbound_free(struct outbound *outbound);

/* From another thread: a request under way fails within a second or so, and so do all that follow.
 */
void outbound_interrupt(struct outbound *outbound);

struct outbound_header {
    const char *name, *value; /* value NULL: the header is left out */
};

struct outbound_request {
    const char *url;
    const char *form;  /* NULL: GET; else POST of this (outbound_add_field), which may be anything
                        * else where a Content-Type is among the headers */
    const char *login; /* "NAME:PASSWORD", for Basic; NULL: none */
    const struct outbound_header *headers;
    size_t header_count;
    int64_t time_ms; /* for all of it, at least 1 */
};

/* The answer's status and its JSON. One that is no success (3xx, 4xx, 5xx) may come without:
 * *ret_json is NULL then, which every json_get_ takes. */
int outbound_send(struct outbound *outbound, const struct outbound_request *request,
                  long *ret_status, json_object **ret_json, struct error *err);

/* The error that outbound_send gives for an answer that does not come in time. */
int outbound_too_slow(const struct outbound_party *party, struct error *err);

/* A word of the party's own ("resource_missing"), or "" where it is anything else: its sentences
 * may repeat what it was sent, and are not logged. word may be NULL. */
const char *outbound_word(const char *word);

/* Adds name=value to a form or a query string; the value is escaped. */
void outbound_add_field(struct buf *form, const char *name, const char *value);

/* For a part of a path. To be freed by outbound_release_escaped. */
char *outbound_escape(const char *text);
void outbound_free_escaped(char *escaped);
DEFINE_CLEANUP(char *, outbound_release_escaped, outbound_free_escaped)

#endif
