#include "grade/mend.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#include "base/banned.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define DECLARATION_MOST 200 /* bytes in which an encoding is declared */
#define CDATA "<![CDATA["

static bool starts(const char *bytes, size_t size, const char *word)
{
    size_t length = strlen(word);

    return size >= length && memcmp(bytes, word, length) == 0;
}

/* The length of the reference at an ampersand; *ret_legal: it stands for a character. 0: none. */
static size_t reference(const char *bytes, size_t size, bool *ret_legal)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    unsigned long number = 0;
    size_t at = 2;
    bool is_hex;

    *ret_legal = true;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (starts(bytes, size, names[i]))
            return strlen(names[i]);
    if (!starts(bytes, size, "&#"))
        return 0;
    is_hex = size > 2 && bytes[2] == 'x';
    for (at += is_hex;
         at < size && at < 12 &&
         (is_hex ? isxdigit((unsigned char)bytes[at]) : isdigit((unsigned char)bytes[at]));
         at++) {
        char c = bytes[at];

        number = number * (is_hex ? 16 : 10) +
                 (unsigned long)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (at == (is_hex ? 3u : 2u) || at >= size || bytes[at] != ';')
        return 0;
    *ret_legal = number == '\t' || number == '\n' || number == '\r' ||
                 (number >= 0x20 && number < 0xd800) || (number >= 0xe000 && number < 0xfffe) ||
                 (number >= 0x10000 && number < 0x110000);
    return at + 1;
}

static size_t mend_ampersand(struct buf *out, const char *bytes, size_t size, const char *bad)
{
    bool is_legal;
    size_t length = reference(bytes, size, &is_legal);

    if (length == 0)
        buf_add_str(out, "&amp;");
    else if (is_legal)
        buf_add(out, bytes, length);
    else
        buf_add_str(out, bad);
    return length ? length : 1;
}

static size_t mend_character(struct buf *out, const char *bytes, size_t size, bool single_byte)
{
    const char *bad = single_byte ? "?" : REPLACEMENT;
    unsigned char first = (unsigned char)bytes[0];
    size_t length = single_byte ? 1 : utf8_char(bytes, size);

    if ((first < 0x20 && first != '\t' && first != '\n' && first != '\r') || length == 0 ||
        starts(bytes, size, "\xef\xbf\xbe") || starts(bytes, size, "\xef\xbf\xbf"))
        buf_add_str(out, bad);
    else
        buf_add(out, bytes, length);
    return length ? length : 1;
}

void mend_bytes(struct buf *out, const char *bytes, size_t size, bool single_byte)
{
    bool in_cdata = false;

    for (size_t at = 0; at < size;) {
        if (!in_cdata && bytes[at] == '&') {
            at += mend_ampersand(out, bytes + at, size - at, single_byte ? "?" : REPLACEMENT);
            continue;
        }
        if (in_cdata ? starts(bytes + at, size - at, "]]>") : starts(bytes + at, size - at, CDATA))
            in_cdata = !in_cdata;
        at += mend_character(out, bytes + at, size - at, single_byte);
    }
}

bool mend_single_byte(const char *bytes, size_t size)
{
    static const char *const names[] = {"windows-125", "cp125", "iso-8859-", "latin", NULL};
    const char *end = memmem(bytes, size < DECLARATION_MOST ? size : DECLARATION_MOST, "?>", 2);
    const char *at = end ? memmem(bytes, (size_t)(end - bytes), "encoding", 8) : NULL;

    if (!at)
        return false;
    for (at += 8; at < end && strchr(" \t\r\n='\"", *at); at++)
        ;
    for (size_t i = 0; names[i]; i++)
        if ((size_t)(end - at) >= strlen(names[i]) &&
            strncasecmp(at, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

bool mend_encoding(const char *name, int map[256])
{
    /* 0x80 to 0x9f, as the Encoding Standard's index-windows-1252 has them. */
    static const int high[32] = {0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
                                 0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};
    bool is_1252 = strcasecmp(name, "windows-1252") == 0 || strcasecmp(name, "cp1252") == 0;

    for (int i = 0; i < 256; i++)
        map[i] = i < 0x80 || (is_1252 && i >= 0xa0) ? i : is_1252 ? high[i - 0x80] : 0xfffd;
    return is_1252;
}

static bool begins_document(const char *bytes, size_t size, bool any)
{
    static const char *const roots[] = {
        "<?xml",    "<testsuite", "<Site",           "<test-run", "<test-results",
        "<TestRun", "<assembl",   "<testng-results", "<robot",    "<doctest"};

    if (any)
        return size > 1 && (isalpha((unsigned char)bytes[1]) || strchr("?!_", bytes[1]));
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        if (starts(bytes, size, roots[i]))
            return true;
    return false;
}

const char *mend_document(const char *bytes, size_t size, bool any)
{
    const char *end = bytes + size;

    for (const char *at = bytes; (at = memchr(at, '<', (size_t)(end - at))); at++)
        if (begins_document(at, (size_t)(end - at), any))
            return at;
    return NULL;
}
