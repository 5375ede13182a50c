/*
 * json.h - reading and writing JSON (RFC 8259) with json-c, strictly and within bounds.
 *
 * Of a repeated key the last one counts; a lone surrogate escape becomes U+FFFD;
 * \u0000 is kept in values (lengths are explicit) and an error in keys, which have none; bytes that
 * are not UTF-8, anything after the value, numbers that the RFC does not allow (1., NaN), and more
 * than JSON_DEPTH_MAX levels are errors.
 */
#ifndef CODESET_BASE_JSON_H
#define CODESET_BASE_JSON_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 32

static inline void json_release(json_object **object)
{
    json_object_put(*object); /* accepts NULL */
}

/* Parses exactly one value. On failure the message names the reason and *ret_offset (may be
 * NULL) the byte at which reading stopped. *ret_value is json-c's NULL for `null`. */
int json_parse(const char *text, size_t length, json_object **ret_value, size_t *ret_offset,
               struct error *err);

/* Appends the value, compact, slashes unescaped. */
void json_write(struct buf *out, json_object *value);

/* Appends text as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void json_write_string(struct buf *out, const char *text, size_t length);

/* Members of an object under construction. A NULL text gives null. */
void json_add(json_object *object, const char *key, json_object *value); /* takes value */
void json_add_text(json_object *object, const char *key, const char *text);
void json_add_int(json_object *object, const char *key, int64_t number);
void json_add_bool(json_object *object, const char *key, int truth);
void json_add_double(json_object *object, const char *key, double number); /* 3 decimals */
void json_add_time(json_object *object, const char *key, int64_t when);    /* 0 gives null */

/* Members of an object that was read: NULL or `fallback` where absent or of another type.
 * The text lives as long as the object. */
const char *json_get_text(json_object *object, const char *key);
int64_t json_get_int(json_object *object, const char *key, int64_t fallback);

#endif
