/*
 * crypto.h - digests and MACs, by OpenSSL.
 */
#ifndef CODESET_BASE_CRYPTO_H
#define CODESET_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#define SHA256_SIZE 32

void sha256(const void *bytes, size_t size, unsigned char digest[SHA256_SIZE]);

/* The digest as 64 lower-case hexadecimal digits and a NUL. */
void sha256_hex(const void *bytes, size_t size, char text[2 * SHA256_SIZE + 1]);

/* HMAC (RFC 2104). */
void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 unsigned char mac[SHA256_SIZE]);

/* Takes the same time whatever the bytes are. */
bool equal_in_constant_time(const void *a, const void *b, size_t size);

#endif
