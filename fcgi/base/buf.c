#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

#define CAPACITY_LEAST 256
#define SHORT_TEXT                                                                                 \
    32 /* room to begin with when formatting, so that short texts are formatted only once */

char buf_empty[1];

void buf_release(struct buf *buf)
{
    if (buf->capacity)
        free(buf->data);
    *buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
    buf_truncate(buf, 0);
}

void buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->length + more + 1;
    size_t capacity = buf->capacity ? buf->capacity : CAPACITY_LEAST;

    if (need <= buf->capacity)
        return;
    while (capacity < need)
        capacity += capacity / 2 + 64;
    if (buf->capacity) {
        buf->data = xrealloc(buf->data, capacity);
    } else {
        buf->data = xmalloc(capacity);
        buf->data[0] = '\0';
    }
    buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    buf_reserve(buf, length);
    memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    size_t room;
    int length;

    buf_reserve(buf, SHORT_TEXT);
    room = buf->capacity - buf->length;
    va_start(args, format);
    length = vsnprintf(buf->data + buf->length, room, format, args);
    va_end(args);
    if (length < 0) {
        buf->data[buf->length] = '\0';
        return;
    }
    if ((size_t)length >= room) {
        buf_reserve(buf, (size_t)length);
        va_start(args, format);
        vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
        va_end(args);
    }
    buf->length += (size_t)length;
}

void buf_truncate(struct buf *buf, size_t length)
{
    if (buf->capacity == 0)
        return;
    buf->length = length;
    buf->data[length] = '\0';
}

char *buf_take(struct buf *buf)
{
    char *data = buf->capacity ? buf->data : xstrdup("");

    *buf = (struct buf)BUF_INIT;
    return data;
}
