#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

/* SHA256() would look its algorithm up, by name, each time. */
static EVP_MD *sha256_algorithm;

static void find_sha256(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void fetch_sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_sha256);
}

void sha256(const void *bytes, size_t size, unsigned char digest[SHA256_SIZE])
{
    fetch_sha256();
    if (EVP_Digest(bytes, size, digest, NULL, sha256_algorithm, NULL) != 1)
        abort(); /* a digest that is not one would compare equal */
}

static void write_hex(const unsigned char digest[SHA256_SIZE], char text[2 * SHA256_SIZE + 1])
{
    for (int i = 0; i < SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void sha256_hex(const void *bytes, size_t size, char text[2 * SHA256_SIZE + 1])
{
    unsigned char digest[SHA256_SIZE];

    sha256(bytes, size, digest);
    write_hex(digest, text);
}

/* The struct is OpenSSL's own, under another name. */
struct sha256_sum *sha256_begin(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    fetch_sha256();
    if (context == NULL || EVP_DigestInit_ex(context, sha256_algorithm, NULL) != 1)
        abort();
    return (struct sha256_sum *)context;
}

void sha256_add(struct sha256_sum *sum, const void *bytes, size_t size)
{
    if (EVP_DigestUpdate((EVP_MD_CTX *)sum, bytes, size) != 1)
        abort();
}

void sha256_end_hex(struct sha256_sum *sum, char text[2 * SHA256_SIZE + 1])
{
    unsigned char digest[SHA256_SIZE];

    if (EVP_DigestFinal_ex((EVP_MD_CTX *)sum, digest, NULL) != 1)
        abort();
    write_hex(digest, text);
}

void sha256_free(struct sha256_sum *sum)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)sum);
}

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 unsigned char mac[SHA256_SIZE])
{
    if (!HMAC(EVP_sha256(), key, (int)key_size, bytes, size, mac, NULL))
        abort(); /* as above */
}

bool equal_in_constant_time(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
