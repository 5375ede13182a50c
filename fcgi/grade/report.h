/*
 * report.h - what a test_report is made of; for the files of this room only.
 */
#ifndef CODESET_GRADE_REPORT_H
#define CODESET_GRADE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "grade/grade.h"

/*
 * A table from 64-bit keyed hashes to case numbers. The key is random for each report, so nobody
 * who writes a report can aim at a collision; that one happens by chance among a million keys has
 * a probability of 3e-8, which is why the strings behind the hashes are not kept.
 */
struct test_index {
    uint64_t seed[2];
    struct test_index_slot {
        uint64_t hash;
        uint32_t number; /* of the case, plus 1; 0: free */
    } * slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void test_index_init(struct test_index *index);
void test_index_release(struct test_index *index);
uint64_t test_index_hash(const struct test_index *index, const void *bytes, size_t length);

/* The slot of this hash, or the free one where it belongs (number 0, to be filled by the caller,
 * who then counts it). May move the table; the slot is valid until the next call. */
struct test_index_slot *test_index_claim(struct test_index *index, uint64_t hash);

/* The number plus 1 stored under this hash, or 0. */
uint32_t test_index_get(const struct test_index *index, uint64_t hash);

struct test_report {
    struct test_case *cases;
    size_t count;
    size_t capacity;
    struct test_index ids;   /* by what tells cases apart, always complete */
    struct test_index names; /* by the names of names.h, of the first `named` cases */
    size_t named;
    struct test_index loose; /* by those of looser.h, of the first `loosely_named` */
    size_t loosely_named;
    size_t loose_work;        /* bytes of the keys that were made for it */
    bool loose_full;          /* there were too many: it cannot be used */
    struct test_index places; /* parts of classnames, files and suites, of the first `placed` */
    size_t placed;
    struct test_claim *claims; /* which listed names find the first `claimed` cases; or NULL */
    size_t claimed;
    struct test_index alike; /* of those: by id, how many cases of the report have it */
};

struct test_claim {
    uint64_t name;  /* the hash of the last that does */
    unsigned names; /* how many do */
};

/* A list of cases that is not part of a report yet. */
struct test_case_list {
    struct test_case *cases;
    size_t count;
    size_t capacity;
};

void test_case_release(struct test_case *item);
void test_case_list_release(struct test_case_list *list);
void test_case_list_add(struct test_case_list *list, struct test_case *item); /* takes content */

/* Takes the content of item, whose id is made here. It is one with a case that has the same suites,
 * file, classname and name: the worse of the two is kept. */
void test_report_take(struct test_report *report, struct test_case *item);

#endif
