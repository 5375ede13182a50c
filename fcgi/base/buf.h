/*
 * buf.h - a growable run of bytes, always followed by a NUL.
 *
 * `data` is never NULL and may be read as a C string when the content holds no NUL.
 * A buf starts as BUF_INIT and ends with buf_release; buf_clear keeps the memory for reuse.
 */
#ifndef CODESET_BASE_BUF_H
#define CODESET_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t length;
    size_t capacity; /* 0 while `data` is the shared empty string */
};

extern char buf_empty[1];
#define BUF_INIT                                                                                   \
    {                                                                                              \
        .data = buf_empty                                                                          \
    }

void buf_release(struct buf *buf);
void buf_clear(struct buf *buf);
void buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes and a NUL */
void buf_add(struct buf *buf, const void *bytes, size_t length);
void buf_add_str(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_truncate(struct buf *buf, size_t length); /* length <= buf->length */

static inline void buf_add_char(struct buf *buf, char c)
{
    if (buf->length + 1 >= buf->capacity)
        buf_reserve(buf, 1);
    buf->data[buf->length++] = c;
    buf->data[buf->length] = '\0';
}

/* Returns the content, which the caller frees; the buf is empty afterwards. */
char *buf_take(struct buf *buf);

#endif
