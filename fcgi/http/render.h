/*
 * render.h - writes JSON text straight into a buf; commas come by themselves.
 *
 *     render_open(out, NULL, '{');
 *     render_text(out, "status", "ready");
 *     render_open(out, "samples", '[');
 *     render_close(out, ']');
 *     render_close(out, '}');
 *
 * key NULL: an element of an array. Keys are literals without anything to escape.
 */
#ifndef CODESET_HTTP_RENDER_H
#define CODESET_HTTP_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

void render_open(struct buf *out, const char *key, char bracket);
void render_close(struct buf *out, char bracket);
void render_null(struct buf *out, const char *key);
void render_text(struct buf *out, const char *key, const char *text); /* NULL: null */
void render_bytes(struct buf *out, const char *key, const char *bytes, size_t length);
void render_int(struct buf *out, const char *key, int64_t number);
void render_bool(struct buf *out, const char *key, bool truth);
void render_double(struct buf *out, const char *key, double number); /* 3 decimals */
void render_time(struct buf *out, const char *key, int64_t when);    /* 0: null */
void render_json(struct buf *out, const char *key, const char *json, size_t length);

#endif
