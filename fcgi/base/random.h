/*
 * random.h - randomness, by the kernel.
 */
#ifndef CODESET_BASE_RANDOM_H
#define CODESET_BASE_RANDOM_H

#include <stddef.h>

/* From the kernel's generator, getrandom(2); aborts where there is none. */
void random_bytes(void *bytes, size_t size);

/* `count` random base62 digits (0-9A-Za-z), each equally likely, and a NUL. */
void random_base62(char *text, size_t count);

#endif
