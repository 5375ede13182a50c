/*
 * A command's output: what is kept of it is within its bounds and UTF-8, and is the same however
 * the bytes are cut into reads.
 *
 * fuzz-sources: fcgi/agent/capture.c fcgi/agent/ring.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 */
#include <stdlib.h>
#include <string.h>

#include "agent/capture.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

/* The text that is kept of `repeat` times the bytes, read in pieces of `piece`. */
static void keep(const char *bytes, size_t length, size_t piece, size_t repeat, struct buf *kept)
{
    struct capture capture = CAPTURE_INIT;
    struct capture_text text;
    size_t total = 0;

    for (size_t round = 0; round < repeat; round++)
        for (size_t at = 0; at < length; at += piece)
            capture_add(&capture, bytes + at, length - at < piece ? length - at : piece);
    capture_end(&capture, &text);
    for (int i = 0; i < CAPTURE_PARTS && text.parts[i].length > 0; i++)
        buf_add(kept, text.parts[i].data, text.parts[i].length);
    total = kept->length;
    hold_true(total == text.length && total <= CAPTURE_CAP && utf8_valid(kept->data, total));
    hold_true(text.truncated == (capture.total > CAPTURE_CAP));
    hold_true(text.truncated || total == capture.total);
    capture_release(&capture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const char *bytes = (const char *)data;
    _cleanup_(buf_release) struct buf whole = BUF_INIT;
    _cleanup_(buf_release) struct buf pieces = BUF_INIT;
    _cleanup_(buf_release) struct buf clean = BUF_INIT;
    _cleanup_(buf_release) struct buf flood = BUF_INIT;

    keep(bytes, length, length + 1, 1, &whole);
    keep(bytes, length, 1 + length % 3, 1, &pieces);
    utf8_sanitize(&clean, bytes, length);
    hold_true(whole.length == clean.length && memcmp(whole.data, clean.data, clean.length) == 0);
    hold_true(whole.length == pieces.length && memcmp(whole.data, pieces.data, whole.length) == 0);
    if (length > 1000 && bytes[0] == '~') /* seldom: a flood takes its time */
        keep(bytes, length, length, 2 * CAPTURE_CAP / length, &flood);
    return 0;
}
