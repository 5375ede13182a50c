#include "base/id.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/random.h"

#include "base/banned.h"

/* b: the random bits; those of the time, the version and the variant are set. */
static struct id from_bytes(unsigned char b[16], uint64_t ms)
{
    struct id id;

    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    snprintf(id.text, sizeof(id.text),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return id;
}

struct id id_new(void)
{
    struct timespec now;
    uint64_t ms, fraction;
    unsigned char b[16];

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    /* rand_a carries the fraction of the millisecond (RFC 9562, section 6.2, method 3). */
    fraction = (uint64_t)(now.tv_nsec % 1000000) * 4096 / 1000000;
    random_bytes(b, sizeof(b));
    b[6] = (unsigned char)(fraction >> 8);
    b[7] = (unsigned char)fraction;
    return from_bytes(b, ms);
}

struct id id_of_bits(int64_t ms, const unsigned char bits[ID_BITS_SIZE])
{
    unsigned char b[16] = {0};

    memcpy(b + sizeof(b) - ID_BITS_SIZE, bits, ID_BITS_SIZE);
    return from_bytes(b, (uint64_t)ms);
}

bool id_same_bits(const struct id *a, const struct id *b)
{
    return strcmp(a->text + ID_TIME_LENGTH, b->text + ID_TIME_LENGTH) == 0;
}

bool id_valid(const char *text)
{
    for (int i = 0; i < ID_LENGTH; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    }
    return text[ID_LENGTH] == '\0';
}

int id_parse(const char *text, size_t length, struct id *ret_id)
{
    struct id id;

    if (length != ID_LENGTH)
        return -1;
    memcpy(id.text, text, ID_LENGTH);
    id.text[ID_LENGTH] = '\0';
    if (!id_valid(id.text))
        return -1;
    for (char *c = id.text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    *ret_id = id;
    return 0;
}
