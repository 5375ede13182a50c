/*
 * What codeset-unpack says, as codesetctl reads it: records that are cut into pieces of any size.
 * What is taken is within the bounds, and the same however it was cut.
 *
 * fuzz-sources: fcgi/images/unpack_report.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/clock.c fcgi/base/error.c fcgi/base/file.c
 * fuzz-sources: fcgi/base/json.c fcgi/base/mem.c fcgi/base/utf8.c fcgi/wire/account.c
 * fuzz-packages: json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "images/unpack_report.h"

#include "base/banned.h"

#define BYTES_MAX 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static int read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct unpacked *unpacked,
                          struct error *err)
{
    _cleanup_(unpack_reader_release) struct unpack_reader reader = UNPACK_READER_INIT;

    reader.bytes_max = BYTES_MAX;
    for (size_t at = 0; at < size; at += piece)
        if (unpack_reader_take(&reader, (const char *)data + at,
                               piece < size - at ? piece : size - at, err) < 0)
            return -1;
    return unpack_reader_end(&reader, unpacked, err);
}

static void check(const struct unpacked *unpacked)
{
    hold_true(unpacked->bytes >= 0 && unpacked->bytes <= BYTES_MAX);
    hold_true(unpacked->workdir == NULL || unpacked->workdir[0] == '/');
    hold_true(unpacked->findings == NULL ||
              json_object_array_length(unpacked->findings) <= UNPACK_FINDINGS_MOST);
    hold_true(unpacked->env == NULL ||
              json_object_array_length(unpacked->env) <= UNPACK_ENV_COUNT_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unpacked whole = {0}, pieces = {0};
    struct error err = ERROR_INIT;
    int rc = read_in_pieces(data, size, size + 1, &whole, &err);

    hold_true(rc == 0 || strpbrk(err.message, "\n\r\033\a") == NULL);
    hold_true(rc == 0 ||
              utf8_valid_length(err.message, strlen(err.message)) + 4 > strlen(err.message));
    hold_true(read_in_pieces(data, size, 1, &pieces, &err) == rc);
    if (rc == 0) {
        check(&whole);
        hold_true(whole.bytes == pieces.bytes);
    }
    unpacked_release(&whole);
    unpacked_release(&pieces);
    return 0;
}
