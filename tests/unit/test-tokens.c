#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jwt.h"
#include "base/mem.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

#define NOW INT64_C(1800000000)

static const struct jwt_secret old_secret = {"0123456789abcdef0123456789abcdef", 32};
static const struct jwt_secret new_secret = {"fedcba9876543210fedcba9876543210", 32};

static json_object *claims_of(const char *text)
{
    json_object *claims = NULL;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(json_parse(text, strlen(text), &claims, NULL, &err), 0);
    return claims;
}

static char *sign(const char *claims_text, const struct jwt_secret *secret)
{
    _cleanup_(json_release) json_object *claims = claims_of(claims_text);
    struct buf token = BUF_INIT;

    jwt_sign_hs256(claims, secret, &token);
    return buf_take(&token);
}

/* A token of any header and payload, signed with HS256 whatever the header says. */
static char *forge(const char *header, const char *payload, const struct jwt_secret *secret)
{
    struct buf token = BUF_INIT;
    unsigned char mac[SHA256_SIZE];

    base64url_encode(header, strlen(header), &token);
    buf_add_char(&token, '.');
    base64url_encode(payload, strlen(payload), &token);
    HMAC(EVP_sha256(), secret->bytes, (int)secret->size, (const unsigned char *)token.data,
         token.length, mac, NULL);
    buf_add_char(&token, '.');
    base64url_encode(mac, sizeof(mac), &token);
    return buf_take(&token);
}

static int verify(const char *token, const struct jwt_secret *secrets, size_t count)
{
    _cleanup_(json_release) json_object *claims = NULL;
    struct error err;

    return jwt_verify_hs256(token, secrets, count, &claims, &err);
}

static void known_token_verifies(void)
{
    /* RFC 7515, appendix A.1, whose header has typ before alg and line breaks. */
    static const unsigned char key[] = {
        3,   35,  53, 75,  43,  15, 165, 188, 131, 126, 6,   101, 119, 123, 166, 143,
        90,  179, 40, 230, 240, 84, 201, 40,  169, 15,  132, 178, 210, 80,  46,  191,
        211, 251, 90, 146, 210, 6,  71,  239, 150, 138, 180, 195, 119, 98,  61,  34,
        61,  46,  33, 114, 5,   46, 79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    struct jwt_secret secret = {key, sizeof(key)};

    CU_ASSERT_EQUAL(verify("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                           "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
                           "NvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                           &secret, 1),
                    0);
}

static void either_secret_verifies(void)
{
    _cleanup_(free_ptr) char *token = sign("{\"a\":1}", &old_secret);
    struct jwt_secret both[] = {new_secret, old_secret};

    CU_ASSERT_EQUAL(verify(token, both, 2), 0);
    CU_ASSERT_EQUAL(verify(token, both, 1), -1);
    CU_ASSERT_EQUAL(verify(token, both, 0), -1);
}

static void every_changed_byte_is_refused(void)
{
    _cleanup_(free_ptr) char *token = sign("{\"sub\":\"x\"}", &new_secret);

    for (size_t i = 0; token[i]; i++) {
        char kept = token[i];

        for (const char *other = "AZaz09-_.= \n"; *other; other++) {
            if (*other == kept)
                continue;
            token[i] = *other;
            CU_ASSERT_EQUAL(verify(token, &new_secret, 1), -1);
        }
        token[i] = kept;
    }
    CU_ASSERT_EQUAL(verify(token, &new_secret, 1), 0);
}

static void other_algorithms_are_refused(void)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{}",
        "[]",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
    };

    {
        _cleanup_(free_ptr) char *ours = forge("{\"alg\":\"HS256\"}", "{}", &new_secret);

        CU_ASSERT_EQUAL(verify(ours, &new_secret, 1), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        _cleanup_(free_ptr) char *token = forge(headers[i], "{\"sub\":\"x\"}", &new_secret);

        CU_ASSERT_EQUAL(verify(token, &new_secret, 1), -1);
    }
}

static void malformed_tokens_are_refused(void)
{
    static const char *const tokens[] = {"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", " . . "};
    _cleanup_(free_ptr) char *huge = xmalloc(JWT_MAX + 2);

    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
        CU_ASSERT_EQUAL(verify(tokens[i], &new_secret, 1), -1);
    memset(huge, 'A', JWT_MAX + 1);
    huge[JWT_MAX + 1] = '\0';
    huge[10] = huge[20] = '.';
    CU_ASSERT_EQUAL(verify(huge, &new_secret, 1), -1);
}

/* --- our claims ------------------------------------------------------------------------------ */

static const char secret_path[] = "test-tokens.secret";

static struct token_issuer *issuer_new(struct settings *settings)
{
    struct error err = ERROR_INIT;
    struct token_issuer *issuer;

    CU_ASSERT_EQUAL_FATAL(
        file_write_atomic(-100, secret_path, new_secret.bytes, new_secret.size, 0600, &err), 0);
    CU_ASSERT_EQUAL_FATAL(config_load(&settings_table, NULL, NULL, settings, NULL, NULL, &err), 0);
    free(settings->accounts.token_secret_file);
    settings->accounts.token_secret_file = xstrdup(secret_path);
    issuer = token_issuer_new(&settings->accounts, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(issuer);
    return issuer;
}

static void issuer_done(struct token_issuer *issuer, struct settings *settings)
{
    token_issuer_free(issuer);
    settings_release(settings);
    unlink(secret_path);
}

static void an_issued_token_checks_until_it_expires(void)
{
    struct settings settings = {0};
    struct token_issuer *issuer = issuer_new(&settings);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct id user_id = id_new();
    struct token issued, checked;
    struct error err = ERROR_INIT;

    token_issue(issuer, TOKEN_ACCESS, &user_id, NOW, &issued, &text);
    CU_ASSERT_EQUAL(issued.expires_at, NOW + 3600);
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_ACCESS, text.data, NOW, &checked, &err), 0);
    CU_ASSERT_STRING_EQUAL(checked.user_id.text, user_id.text);
    CU_ASSERT_STRING_EQUAL(checked.jti.text, issued.jti.text);
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_ACCESS, text.data, NOW + 3600 + 59, &checked, &err),
                    0);
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_ACCESS, text.data, NOW + 3600 + 60, &checked, &err),
                    -1);
    CU_ASSERT_STRING_EQUAL(err.code, "TOKEN_EXPIRED");
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_ACCESS, text.data, NOW - 60, &checked, &err), 0);
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_ACCESS, text.data, NOW - 61, &checked, &err), -1);
    CU_ASSERT_EQUAL(token_check(issuer, TOKEN_REFRESH, text.data, NOW, &checked, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "INVALID_CREDENTIALS");
    issuer_done(issuer, &settings);
}

static void every_claim_is_checked(void)
{
#define GOOD_ID "01900000-0000-7000-8000-000000000001"
#define CLAIMS(iss, aud, sub, type, iat, exp, rest)                                                \
    "{\"iss\":" iss ",\"aud\":" aud ",\"sub\":" sub ",\"type\":" type ",\"iat\":" iat              \
    ",\"exp\":" exp ",\"jti\":\"" GOOD_ID "\"" rest "}"
#define GOOD "\"codeset\"", "\"codeset-api\"", "\"" GOOD_ID "\"", "\"access\""
#define CLAIMS_(...) CLAIMS(__VA_ARGS__)
    static const struct {
        const char *claims;
        int expected;
    } cases[] = {
        {CLAIMS_(GOOD, "1800000000", "1800003600", ""), 0},
        {CLAIMS_(GOOD, "1800000000", "1800003600", ",\"nbf\":1799999999"), 0},
        {CLAIMS_(GOOD, "1800000000", "1800003600", ",\"nbf\":1800000061"), -1},
        {CLAIMS_(GOOD, "1800000000", "1800003600", ",\"nbf\":\"soon\""), -1},
        {CLAIMS_(GOOD, "1800000000", "\"1800003600\"", ""), -1},
        {CLAIMS_(GOOD, "1800000000", "1e12", ""), -1},
        {CLAIMS_(GOOD, "1800000000", "-1", ""), -1},
        {CLAIMS_(GOOD, "null", "1800003600", ""), -1},
        {CLAIMS("\"other\"", "\"codeset-api\"", "\"" GOOD_ID "\"", "\"access\"", "1800000000",
                "1800003600", ""),
         -1},
        {CLAIMS("\"codeset\"", "\"other\"", "\"" GOOD_ID "\"", "\"access\"", "1800000000",
                "1800003600", ""),
         -1},
        {CLAIMS("\"codeset\"", "[\"codeset-api\"]", "\"" GOOD_ID "\"", "\"access\"", "1800000000",
                "1800003600", ""),
         -1},
        {CLAIMS("\"codeset\"", "\"codeset-api\"", "\"1\"", "\"access\"", "1800000000", "1800003600",
                ""),
         -1},
        {CLAIMS("\"codeset\"", "\"codeset-api\"", "\"" GOOD_ID "\"", "\"refresh\"", "1800000000",
                "1800003600", ""),
         -1},
        {"{}", -1},
    };
    struct settings settings = {0};
    struct token_issuer *issuer = issuer_new(&settings);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *text = sign(cases[i].claims, &new_secret);
        struct error err = ERROR_INIT;
        struct token token;

        if (token_check(issuer, TOKEN_ACCESS, text, NOW, &token, &err) != cases[i].expected)
            CU_FAIL(cases[i].claims);
    }
    issuer_done(issuer, &settings);
}

static void a_short_secret_is_refused(void)
{
    struct settings settings = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(-100, secret_path, "too short\n", 10, 0600, &err), 0);
    CU_ASSERT_EQUAL_FATAL(config_load(&settings_table, NULL, NULL, &settings, NULL, NULL, &err), 0);
    free(settings.accounts.token_secret_file);
    settings.accounts.token_secret_file = xstrdup(secret_path);
    CU_ASSERT_PTR_NULL(token_issuer_new(&settings.accounts, &err));
    settings_release(&settings);
    unlink(secret_path);
}

/* NULL: refused. */
static char *secret_of(const char *content, size_t length)
{
    struct buf secret = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_write_atomic(-100, secret_path, content, length, 0600, &err), 0);
    if (file_read_secret(secret_path, &secret, &err) < 0)
        buf_release(&secret);
    unlink(secret_path);
    return secret.length ? buf_take(&secret) : NULL;
}

static void line_ends_are_no_part_of_a_secret(void)
{
    static const struct {
        const char *content, *secret;
    } cases[] = {{"a b", "a b"},       {"a b\n", "a b"}, {"a b\r\n", "a b"}, {"a\nb\n\n", "a\nb"},
                 {" a b \n", " a b "}, {"", NULL},       {"\n", NULL},       {"\r\n\n", NULL}};
    _cleanup_(free_ptr) char *huge = xcalloc(1, FILE_SECRET_MOST + 1);
    _cleanup_(free_ptr) char *nul = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(free_ptr) char *secret = secret_of(cases[i].content, strlen(cases[i].content));

        CU_ASSERT_EQUAL_FATAL(!secret, !cases[i].secret);
        if (secret)
            CU_ASSERT_STRING_EQUAL(secret, cases[i].secret);
    }
    nul = secret_of("\0\n", 2);
    CU_ASSERT_PTR_NOT_NULL(nul); /* which is no line end */
    memset(huge, 'x', FILE_SECRET_MOST + 1);
    CU_ASSERT_PTR_NULL(secret_of(huge, FILE_SECRET_MOST + 1));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"the token of RFC 7515 verifies", known_token_verifies},
        {"a token of either secret in force verifies", either_secret_verifies},
        {"a token with any byte changed is refused", every_changed_byte_is_refused},
        {"headers that ask for another algorithm are refused", other_algorithms_are_refused},
        {"what is no token is refused", malformed_tokens_are_refused},
        {"an issued token checks until it expires", an_issued_token_checks_until_it_expires},
        {"every claim is checked", every_claim_is_checked},
        {"a short secret is refused at start", a_short_secret_is_refused},
        {"line ends behind a secret are no part of it", line_ends_are_no_part_of_a_secret},
    };

    return UNIT_MAIN("tokens", tests);
}
