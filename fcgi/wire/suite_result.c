#include "wire/suite_result.h"

#include <string.h>

#include "base/banned.h"

/* What a shape's control bytes stand for; all others stand for themselves. */
#define BOOLEAN "\1"
#define SECONDS "\2"
#define COUNT "\3"
#define STRING "\4"
#define PASSES "\5"
#define OTHERS "\6"

static const char shape[] =
    "{\"tool\":\"test_suite\",\"is_success\":" BOOLEAN ",\"execution_duration_seconds\":" SECONDS
    ",\"total\":" COUNT ",\"passed\":" COUNT ",\"failed\":" COUNT ",\"skipped\":" COUNT
    ",\"passes\":[" PASSES "],\"failures\":[" OTHERS "],\"skips\":[" OTHERS "],\"stdout\":" STRING
    ",\"stderr\":" STRING "}";
static const char pass_shape[] =
    "{\"name\":" STRING ",\"classname\":" STRING ",\"time\":" SECONDS "}";
static const char other_shape[] =
    "{\"name\":" STRING ",\"classname\":" STRING ",\"time\":" SECONDS ",\"message\":" STRING "}";

#define FRACTION 3 /* digits of seconds behind the point */
#define WHOLE_MAX 18

enum mode {
    IN_SHAPE,
    IN_WORD,   /* true or false */
    IN_NUMBER, /* a count, or seconds before the point */
    IN_FRACTION,
    IN_STRING,
    IN_ESCAPE,
    IN_HEX,
    IN_CHARACTER, /* behind the first byte of several */
    AT_LIST,      /* behind the bracket */
    BEHIND_CASE,
};

void suite_check_init(struct suite_check *check)
{
    memset(check, 0, sizeof(*check));
    check->at = shape;
}

/* The first byte of a character of several says how many follow and, by RFC 3629, section 4, what
 * the second may be. */
static int begin_character(struct suite_check *check, unsigned char c)
{
    check->mode = IN_CHARACTER;
    check->least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    check->most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    check->left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    return c >= 0xc2 && c <= 0xf4 ? 0 : -1;
}

static int in_string(struct suite_check *check, unsigned char c)
{
    if (c >= 0x80)
        return begin_character(check, c);
    if (c == '"')
        check->mode = IN_SHAPE;
    else if (c == '\\')
        check->mode = IN_ESCAPE;
    return c < 0x20 ? -1 : 0;
}

static int in_character(struct suite_check *check, unsigned char c)
{
    if (c < check->least || c > check->most)
        return -1;
    check->least = 0x80;
    check->most = 0xbf;
    if (--check->left == 0)
        check->mode = IN_STRING;
    return 0;
}

static int in_escape(struct suite_check *check, unsigned char c)
{
    check->mode = IN_STRING;
    if (c == 'u') {
        check->mode = IN_HEX;
        check->left = 4;
        check->length = 0;
        return 0;
    }
    return c && strchr("\"\\/bfnrt", c) ? 0 : -1;
}

/* A grader escapes control bytes so, and nothing else: no surrogates have to be paired. */
static int in_hex(struct suite_check *check, unsigned char c)
{
    if (!c || !strchr("0123456789abcdef", c) || (check->left > 2 && c != '0'))
        return -1;
    if (--check->left == 0)
        check->mode = IN_STRING;
    return 0;
}

static int in_word(struct suite_check *check, unsigned char c)
{
    static const char *const words[] = {"false", "true"};
    size_t length;

    if (check->length == 0)
        check->is_success = c == 't';
    if (c != (unsigned char)words[check->is_success][check->length])
        return -1;
    length = ++check->length;
    if (words[check->is_success][length] == '\0')
        check->mode = IN_SHAPE;
    return 0;
}

static int in_fraction(struct suite_check *check, unsigned char c)
{
    if (c < '0' || c > '9')
        return -1;
    if (++check->length == FRACTION)
        check->mode = IN_SHAPE;
    return 0;
}

/* 1: the number has ended before this byte. */
static int in_number(struct suite_check *check, unsigned char c)
{
    if (c >= '0' && c <= '9') {
        if (check->length >= WHOLE_MAX || (check->length > 0 && check->number == 0))
            return -1;
        check->length++;
        check->number = check->number * 10 + (c - '0');
        return 0;
    }
    if (check->length == 0)
        return -1;
    if (check->is_count) {
        check->counts[check->next_count++] = check->number;
        check->mode = IN_SHAPE;
        return 1;
    }
    check->mode = IN_FRACTION;
    check->length = 0;
    return c == '.' ? 0 : -1;
}

/* The byte is the first of what the control byte stands for. */
static int begin_part(struct suite_check *check, char part)
{
    check->length = 0;
    check->number = 0;
    if (part == BOOLEAN[0]) {
        check->mode = IN_WORD;
    } else if (part == SECONDS[0] || part == COUNT[0]) {
        check->mode = IN_NUMBER;
        check->is_count = part == COUNT[0];
    } else {
        check->mode = AT_LIST;
        check->list = part == PASSES[0] ? pass_shape : other_shape;
        check->back = check->at;
    }
    return 1;
}

static int in_shape(struct suite_check *check, unsigned char c)
{
    char part = *check->at;

    if (part == '\0' && check->list) { /* of a case */
        check->mode = BEHIND_CASE;
        return 1;
    }
    if (part == '\0')
        return -1;
    check->at++;
    if (part == STRING[0]) {
        check->mode = IN_STRING;
        return c == '"' ? 0 : -1;
    }
    if (part < ' ')
        return begin_part(check, part);
    return c == (unsigned char)part ? 0 : -1;
}

static int in_list(struct suite_check *check, unsigned char c)
{
    if (check->mode == AT_LIST ? c == '{' : c == ',') {
        check->seen[check->next_list]++;
        check->at = check->list;
        check->at += check->mode == AT_LIST;
        check->mode = IN_SHAPE;
        return 0;
    }
    check->next_list++;
    check->at = check->back;
    check->list = NULL;
    check->mode = IN_SHAPE;
    return 1;
}

/* 1: to be called again with the same byte. */
static int step(struct suite_check *check, unsigned char c)
{
    switch ((enum mode)check->mode) {
    case IN_SHAPE:
        return in_shape(check, c);
    case IN_WORD:
        return in_word(check, c);
    case IN_NUMBER:
        return in_number(check, c);
    case IN_FRACTION:
        return in_fraction(check, c);
    case IN_STRING:
        return in_string(check, c);
    case IN_ESCAPE:
        return in_escape(check, c);
    case IN_HEX:
        return in_hex(check, c);
    case IN_CHARACTER:
        return in_character(check, c);
    case AT_LIST:
    case BEHIND_CASE:
        return in_list(check, c);
    }
    return -1;
}

int suite_check_feed(struct suite_check *check, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int rc;

        do
            rc = step(check, (unsigned char)bytes[i]);
        while (rc > 0);
        if (rc < 0)
            return -1;
    }
    return 0;
}

bool suite_check_end(const struct suite_check *check)
{
    int64_t total = 0;

    if (check->mode != IN_SHAPE || *check->at != '\0' || check->list)
        return false;
    for (int i = 0; i < SUITE_RESULT_LISTS; i++) {
        if (check->seen[i] > check->counts[1 + i])
            return false;
        total += check->counts[1 + i];
    }
    return total == check->counts[0];
}
