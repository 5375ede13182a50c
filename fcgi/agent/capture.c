#include "agent/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#include "base/banned.h"

#define MARK_MOST 64

void capture_release(struct capture *capture)
{
    buf_release(&capture->head);
    ring_release(&capture->tail);
}

static void text_add(struct capture *capture, const char *text, size_t length)
{
    size_t fits = CAPTURE_HEAD_CAP - capture->head.length;

    capture->total += length;
    if (capture->along) {
        ring_add(&capture->along->last, text, length);
        capture->along->total += length;
    }
    if (fits > length)
        fits = length;
    buf_add(&capture->head, text, fits);
    ring_add(&capture->tail, text + fits, length - fits);
}

static void bytes_add(struct capture *capture, const char *bytes, size_t length)
{
    _cleanup_(buf_release) struct buf clean = BUF_INIT;

    if (utf8_valid(bytes, length)) {
        text_add(capture, bytes, length);
        return;
    }
    utf8_sanitize(&clean, bytes, length);
    text_add(capture, clean.data, clean.length);
}

/* How long a character that starts with this byte is; 1 for bytes that start none. */
static size_t length_by_lead(unsigned char lead)
{
    if (lead >= 0xf0)
        return lead <= 0xf4 ? 4 : 1;
    if (lead >= 0xe0)
        return 3;
    return lead >= 0xc2 ? 2 : 1;
}

/* The number of bytes at the end that may be the beginning of a character. */
static size_t unfinished(const char *bytes, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = (unsigned char)bytes[length - back];

        if ((c & 0xc0) != 0x80)
            return length_by_lead(c) > back ? back : 0;
    }
    return 0;
}

void capture_add(struct capture *capture, const char *bytes, size_t length)
{
    size_t keep;

    /* Complete the character that the last read cut in two, a byte at a time. */
    while (capture->carry_length > 0 && length > 0) {
        capture->carry[capture->carry_length++] = *bytes++;
        length--;
        keep = unfinished(capture->carry, capture->carry_length);
        if (keep == capture->carry_length)
            continue;
        bytes_add(capture, capture->carry, capture->carry_length - keep);
        memmove(capture->carry, capture->carry + capture->carry_length - keep, keep);
        capture->carry_length = keep;
    }
    if (length == 0)
        return;
    keep = unfinished(bytes, length);
    bytes_add(capture, bytes, length - keep);
    memcpy(capture->carry, bytes + length - keep, keep);
    capture->carry_length = keep;
}

static void part_add(struct capture_text *text, size_t *count, const char *data, size_t length)
{
    if (length == 0)
        return;
    text->parts[*count].data = data;
    text->parts[*count].length = length;
    text->length += length;
    ++*count;
}

/* The ring without its first `skip` bytes. */
static void tail_parts(const struct capture *capture, size_t skip, struct capture_text *text,
                       size_t *count)
{
    struct ring_runs runs = ring_runs(&capture->tail, skip);

    part_add(text, count, runs.first, runs.first_length);
    part_add(text, count, runs.second, runs.second_length);
}

void capture_end(struct capture *capture, struct capture_text *text)
{
    size_t count = 0, head, skip = MARK_MOST;
    uint64_t left_out;

    memset(text, 0, sizeof(*text));
    bytes_add(capture, capture->carry, capture->carry_length);
    capture->carry_length = 0;
    head = capture->head.length;
    if (capture->total <= CAPTURE_CAP) {
        part_add(text, &count, capture->head.data, head);
        tail_parts(capture, 0, text, &count);
        return;
    }
    head -= unfinished(capture->head.data, head);
    skip += ring_cut(&capture->tail, skip);
    left_out = capture->total - head - (CAPTURE_TAIL_CAP - skip);
    snprintf(text->mark, sizeof(text->mark), "\n[... %" PRIu64 " bytes left out ...]\n", left_out);
    part_add(text, &count, capture->head.data, head);
    part_add(text, &count, text->mark, strlen(text->mark));
    tail_parts(capture, skip, text, &count);
    text->truncated = true;
}
