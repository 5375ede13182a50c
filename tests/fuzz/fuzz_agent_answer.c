/*
 * An agent's answer, head and body, from a hostile container: what is taken as a result is within
 * its bounds and UTF-8. The same bytes as a command's output: what is kept of them is, too, and is
 * the same however they are cut into reads. And as an archive.
 *
 * fuzz-sources: fcgi/remote/answer.c fcgi/agent/capture.c fcgi/agent/pax.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-sources: fcgi/base/json.c fcgi/base/clock.c
 * fuzz-packages: json-c
 */
#include <stdlib.h>
#include <string.h>

#include "agent/capture.h"
#include "agent/pax.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "remote/answer.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_answer(const char *text, size_t length)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    _cleanup_(buf_release) struct buf message = BUF_INIT;
    struct error err = ERROR_INIT;
    struct agent_result result;
    struct answer answer;
    int64_t size;
    bool success;

    answer_init(&answer);
    while (length > 0 && *text != '\n') {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) + 1 : length;

        if (answer_head(&answer, text, line, &err) < 0)
            hold_true(strcmp(err.code, "AGENT_PROTOCOL") == 0);
        text += line;
        length -= line;
    }
    hold_true(answer_result_most(&answer) <= 2 * AGENT_OUTPUT_CAP);
    hold_true(utf8_valid(answer.message, strlen(answer.message)));
    if (length > 0)
        buf_add(&body, text + 1, length - 1);
    if (answer_result(&answer, &body, &result, &err) == 0) {
        hold_true(result.exit_status >= 0 && result.exit_status <= 255 && result.seconds >= 0);
        hold_true(result.out_length + result.err_length == body.length);
        hold_true(utf8_valid(result.out, result.out_length));
        hold_true(utf8_valid(result.err, result.err_length));
    }
    if (answer_file(&body, &success, &message, &size, &err) == 0)
        hold_true(size >= 0 && utf8_valid(message.data, message.length));
    answer_hello(&body, &err);
    hold_true(answer_refusal(&answer, &body, &err) == -1);
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

static void check_capture(const char *bytes, size_t length)
{
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
}

struct bytes {
    const char *at;
    size_t left;
};

static int take(void *arg, void *into, size_t size, struct error *err)
{
    struct bytes *bytes = arg;

    if (size > bytes->left)
        return error_set(err, ERROR_INVALID, NULL, "cut short");
    memcpy(into, bytes->at, size);
    bytes->at += size;
    bytes->left -= size;
    return 0;
}

static void check_archive(const char *text, size_t length)
{
    struct bytes bytes = {text, length};
    struct error err = ERROR_INIT;

    for (;;) {
        _cleanup_(pax_entry_release) struct pax_entry entry = {0};
        _cleanup_(pax_entry_release) struct pax_entry again = {0};
        _cleanup_(buf_release) struct buf written = BUF_INIT;
        struct bytes back;

        if (pax_read(take, &bytes, &entry, &err) <= 0)
            return;
        hold_true(entry.path && entry.size >= 0 && !entry.target == (entry.type != 'l'));
        if (strlen(entry.path) > 4096 || (entry.target && strlen(entry.target) > 4096))
            return;
        pax_write(&written, &entry);
        back = (struct bytes){written.data, written.length};
        hold_true(pax_read(take, &back, &again, &err) == 1 && back.left == 0);
        hold_true(strcmp(entry.path, again.path) == 0 && entry.size == again.size);
        hold_true(entry.mode == again.mode && entry.uid == again.uid && entry.gid == again.gid);
        hold_true(!entry.target || strcmp(entry.target, again.target) == 0);
        if ((uint64_t)entry.size + pax_padding(entry.size) > bytes.left)
            return;
        bytes.at += (size_t)entry.size + pax_padding(entry.size);
        bytes.left -= (size_t)entry.size + pax_padding(entry.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy with a NUL behind it: the parsers read bufs, which have one. */
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);

    check_answer(text, size);
    check_capture(text, size);
    check_archive(text, size);
    return 0;
}
