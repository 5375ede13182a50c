#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/banned.h"

void random_bytes(void *bytes, size_t size)
{
    unsigned char *at = bytes;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0) {
            perror("getrandom");
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}

void random_base62(char *text, size_t count)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < count;) {
        unsigned char byte;

        random_bytes(&byte, 1);
        if (byte < 62 * 4) /* a larger byte would favour the first digits */
            text[i++] = digits[byte % 62];
    }
    text[count] = '\0';
}
