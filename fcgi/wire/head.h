/*
 * head.h - heads of what the daemon and its helpers say to each other: four bytes of length, most
 * significant first, and a JSON object whose members are a closed set. Each side takes the
 * other's for hostile. For the files of this room that say which members there are.
 */
#ifndef CODESET_WIRE_HEAD_H
#define CODESET_WIRE_HEAD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/grader.h"

/* Appends the length and the head. */
void head_add(struct buf *out, json_object *head);

/* A text that may quote what a guest wrote, cut so that it has at most `most` bytes. */
void head_add_sanitized(json_object *head, const char *key, const char *text, size_t most);

/* -1: not an object. */
int head_parse(const char *head, size_t length, json_object **ret_head);

/* The members of a head, each of which must be there, be read, and be of its type. */
struct head_reader {
    json_object *head;
    int used;
    bool failed;
};

json_object *head_member(struct head_reader *reader, const char *key, enum json_type type);
bool head_bool(struct head_reader *reader, const char *key);
int64_t head_int(struct head_reader *reader, const char *key, int64_t least, int64_t most);

/* Not longer than `most`, and no NUL in it. The text lives as long as the head. */
const char *head_text(struct head_reader *reader, const char *key, size_t most);

/* Nothing failed, and nothing else is there. */
bool head_all_read(const struct head_reader *reader);

#endif
