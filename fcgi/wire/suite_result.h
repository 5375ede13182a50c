/*
 * suite_result.h - checks, while it arrives, that a text is a TestSuiteResult of exactly the shape
 * that grade_result() makes:
 *
 *     {"tool":"test_suite","is_success":B,"execution_duration_seconds":N,
 *      "total":I,"passed":I,"failed":I,"skipped":I,
 *      "passes":[CASE...],"failures":[CASE...],"skips":[CASE...],"stdout":S,"stderr":S}
 *     CASE: {"name":S,"classname":S,"time":N} and, but for passes, "message":S at its end
 *
 * without blanks. Strings are UTF-8 (RFC 3629) and JSON's (RFC 8259); the total must be the sum of
 * the other counts, and no list longer than its count. (It is shorter where tests are counted and
 * not shown: docs/verdicts.md.) It takes no memory, so a text of any length costs its reader
 * nothing but the text.
 */
#ifndef CODESET_WIRE_SUITE_RESULT_H
#define CODESET_WIRE_SUITE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUITE_RESULT_LISTS 3

struct suite_check {
    const char *at;            /* the next part of the shape */
    const char *back;          /* where it goes on behind a list */
    const char *list;          /* the shape of a list's cases, while within it */
    int mode;                  /* of the machine in suite_result.c */
    int left;                  /* bytes of an escape, or of a character, to come */
    unsigned char least, most; /* what the character's next byte may be */
    size_t length;             /* of a number or word so far */
    int64_t number;
    bool is_count; /* and not seconds */
    int next_count, next_list;
    int64_t counts[1 + SUITE_RESULT_LISTS];
    int64_t seen[SUITE_RESULT_LISTS];
    bool is_success;
};

void suite_check_init(struct suite_check *check);

/* The next bytes. -1: this is no such result, whatever follows. */
int suite_check_feed(struct suite_check *check, const char *bytes, size_t length);

/* Was that all of it, and are the counts true? */
bool suite_check_end(const struct suite_check *check);

#endif
