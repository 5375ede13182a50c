/*
 * Two halves around the first NUL: a file's content, and a text that was looked for in it. The
 * hint ends, and the line that it names is one of the file.
 *
 * fuzz-sources: fcgi/agent/near.c fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/near.h"
#include "base/cleanup.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t length = nul ? (size_t)(nul - data) : size, lines = 1, line;
    char hint[NEAR_HINT_SIZE], *number;

    near_hint((const char *)data, length, nul ? (const char *)nul + 1 : "",
              nul ? size - length - 1 : 0, hint);
    if (strlen(hint) >= NEAR_HINT_SIZE || (hint[0] && hint[0] != ';'))
        abort();
    number = strstr(hint, "line ");
    if (!number)
        return 0;
    for (size_t i = 0; i < length; i++)
        lines += data[i] == '\n';
    line = strtoul(number + 5, NULL, 10);
    if (line < 1 || line > lines)
        abort();
    return 0;
}
