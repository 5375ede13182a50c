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

/* The digest of what comes in pieces. sha256_end_hex is called once, after the last of them. */
struct sha256_sum;
struct sha256_sum *sha256_begin(void);
void sha256_add(struct sha256_sum *sum, const void *bytes, size_t size);
void sha256_end_hex(struct sha256_sum *sum, char text[2 * SHA256_SIZE + 1]);
void sha256_free(struct sha256_sum *sum);
/* HMAC (RFC 2104). */
void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 unsigned char mac[SHA256_SIZE]);

/* Takes the same time whatever the bytes are. */
bool equal_in_constant_time(const void *a, const void *b, size_t size);

#endif
