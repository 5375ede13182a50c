/*
 * A dump of the database, as a backup counts and restores it: in pieces of any size it comes to the
 * same, no account of a trigger is let through, and nothing else is left out.
 *
 * fuzz-sources: fcgi/store/dump.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/clock.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/json.c fcgi/base/mem.c fcgi/base/utf8.c
 * fuzz-packages: json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/dump.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static int keep(const void *bytes, size_t size, void *arg, struct error *err)
{
    (void)err;
    buf_add(arg, bytes, size);
    return 0;
}

/* 0 where the dump is taken for whole. */
static int read_in_pieces(const char *bytes, size_t size, size_t piece, struct dump *dump,
                          struct buf *out)
{
    struct error err = ERROR_INIT;

    dump_begin(dump, keep, out);
    for (size_t at = 0; at < size; at += piece) {
        if (dump_add(dump, bytes + at, size - at < piece ? size - at : piece, &err) < 0)
            return -1;
    }
    return dump_end(dump, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    _cleanup_(dump_release) struct dump whole = {.rows = NULL}, cut = {.rows = NULL};
    _cleanup_(buf_release) struct buf out_whole = BUF_INIT, out_cut = BUF_INIT;
    size_t piece = size > 0 ? data[0] % 61 + 1 : 1;
    int status = read_in_pieces(bytes, size, size ? size : 1, &whole, &out_whole);

    hold_true(read_in_pieces(bytes, size, piece, &cut, &out_cut) == status);
    if (status < 0)
        return 0;
    hold_true(json_object_equal(whole.rows, cut.rows));
    hold_true(out_whole.length == out_cut.length &&
              memcmp(out_whole.data, out_cut.data, out_whole.length) == 0);
    hold_true(out_whole.length <= size + 1); /* a line end behind the last line */
    if (!memmem(bytes, size, "DEFINER", 7))
        hold_true(memcmp(out_whole.data, bytes, size) == 0);
    return 0;
}
