/*
 * An API key from a stranger's header: no key but one with prefix, digits and checksum is taken,
 * and a key that is taken is not taken any more with a changed digit.
 *
 * fuzz-sources: fcgi/store/users.c fcgi/store/db.c fcgi/store/bulk.c fcgi/store/rows.c
 * fuzz-sources: fcgi/settings.c fcgi/base/config.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c fcgi/base/log.c
 * fuzz-sources: fcgi/base/clock.c fcgi/base/crypto.c fcgi/base/file.c fcgi/base/id.c
 * fuzz-sources: fcgi/base/random.c fcgi/store/once.c fcgi/base/metrics.c fcgi/metrics.c
 * fuzz-packages: libmariadb libcrypto inih zlib
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/users.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    struct api_key_text key = api_key_new();
    char masked[API_KEY_MASKED_SIZE];

    if (api_key_well_formed(text))
        hold_true(strlen(text) == API_KEY_LENGTH && strncmp(text, API_KEY_PREFIX, 8) == 0);
    hold_true(api_key_well_formed(key.text));
    api_key_mask(&key, masked);
    hold_true(strlen(masked) == sizeof(masked) - 1);
    if (size > 0) {
        key.text[data[0] % API_KEY_LENGTH] ^= 1;
        hold_true(!api_key_well_formed(key.text));
    }
    return 0;
}
