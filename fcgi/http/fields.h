/*
 * fields.h - what a request may say, as rows, and pydantic 2's words for what it must not.
 *
 * A row: name, type, range, default, and where its value goes in the caller's struct. Values are
 * taken as pydantic takes them in lax mode: an int from "12", 12.0 or true, a bool from "yes" or 1.
 * All faults are listed. Fields that no row names are ignored. Beyond pydantic: a NUL in a text is
 * refused, and a text's most counts bytes as well as characters.
 *
 * A query's key may be given several times: FIELD_TEXTS takes all values in their order, of any
 * other type the last one counts, as FastAPI has it. In a body FIELD_TEXTS is an array.
 *
 * Struct members by type: FIELD_TEXT and FIELD_BASE64 struct field_text, FIELD_TEXTS struct
 * field_texts, FIELD_INT int64_t, FIELD_BOOL bool, FIELD_WORD int (the place in `words`; -1
 * without), FIELD_DATE int64_t (the beginning of a day in UTC, in microseconds since 1970; -1
 * without, which an empty text is too).
 */
#ifndef CODESET_HTTP_FIELDS_H
#define CODESET_HTTP_FIELDS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/request.h"

enum field_type {
    FIELD_TEXT,
    FIELD_TEXTS,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_WORD,
    FIELD_BASE64,
    FIELD_DATE
};

/* Lives as long as the form. May be followed by a NUL, holds none unless it was base64. */
struct field_text {
    const char *bytes; /* NULL: absent */
    size_t length;
};

struct field_texts {
    const struct field_text *items;
    size_t count; /* 0: absent, or an empty array */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    bool nullable;       /* null is the same as absent */
    int64_t least, most; /* a number's range, a text's characters, a decoded size in bytes */
    size_t least_setting, most_setting; /* FIELD_SETTING(...): it is in the limits instead */
    int64_t items_most;       /* of FIELD_TEXTS, whose other bounds are those of each text */
    int64_t fallback;         /* of an int or bool that is absent */
    const char *const *words; /* of FIELD_WORD, ends with NULL */
    /* Of FIELD_TEXT and FIELD_TEXTS, one more rule: NULL, or what is wrong ("the name ..."). */
    const char *(*rule)(const char *text);
    size_t offset;
};

/* An int64_t of the struct that is handed in as limits. */
#define FIELD_SETTING(type, member) (offsetof(type, member) + 1)

struct form {
    json_object *json;
    struct buf faults; /* JSON, as `detail` lists them */
    size_t fault_count;
    int64_t too_large; /* what a decoded field may have at most, where it has more; else 0 */
    void **owned;      /* what values point to: decoded texts, lists */
    size_t owned_count;
};

#define FORM_INIT                                                                                  \
    {                                                                                              \
        .faults = BUF_INIT                                                                         \
    }

void form_release(struct form *form);

/* Defaults, then what query or body say. What is faulty keeps its default. */
void form_read_query(struct form *form, const struct field *fields, size_t count,
                     const struct request *request, const void *limits, void *values);
void form_read_body(struct form *form, const struct field *fields, size_t count,
                    const struct request *request, const void *limits, void *values);

/* A setting of the limits, where FIELD_SETTING named one; else the number. */
int64_t setting_or(size_t setting, const void *limits, int64_t number);

/* The longest body that such fields can need, however their texts are escaped. */
int64_t form_body_most(const struct field *fields, size_t count, const void *limits);

/* Strict base64 (RFC 4648, section 4): padded, no other character, no stray bits. -1 otherwise. */
int base64_decode(const char *text, size_t length, struct buf *out);

#endif
