/*
 * An agent's answer, head and body, from a hostile container: what is taken as a result is within
 * its bounds and UTF-8. And the same bytes as an archive.
 *
 * fuzz-sources: fcgi/agent_client/answer.c fcgi/wire/pax.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 * fuzz-sources: fcgi/base/json.c fcgi/base/clock.c
 * fuzz-packages: json-c
 */
#include <stdlib.h>
#include <string.h>

#include "agent_client/answer.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/pax.h"

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
    int protocol;
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
    if (answer_tail(&answer, &body, &err) == 0)
        hold_true(body.length <= AGENT_TAIL_CAP && answer.total >= (int64_t)body.length &&
                  utf8_valid(body.data, body.length));
    if (answer_file(&body, &success, &message, &size, &err) == 0)
        hold_true(size >= 0 && utf8_valid(message.data, message.length));
    if (answer_hello(&body, &protocol, &err) == 0)
        hold_true(protocol >= AGENT_PROTOCOL_LEAST && protocol <= AGENT_PROTOCOL);
    hold_true(answer_refusal(&answer, &body, &err) == -1);
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
    check_archive(text, size);
    return 0;
}
