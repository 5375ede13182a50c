/*
 * sample_checks.h - what checks of samples came to: the last one of each version.
 */
#ifndef CODESET_STORE_SAMPLE_CHECKS_H
#define CODESET_STORE_SAMPLE_CHECKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct db;

/* From the best to the worst. */
enum sample_state {
    SAMPLE_GOOD,   /* it failed unchanged and passed with its solution, each time */
    SAMPLE_SLOW,   /* the same, but near its time limit */
    SAMPLE_FLAKY,  /* not the same each time */
    SAMPLE_BROKEN, /* the wrong verdict, or none */
};

/* "good", ... */
const char *sample_state_name(enum sample_state state);

struct sample_check {
    const char *dataset, *sample_id;
    int64_t version;
    enum sample_state state;
    int64_t repeats;
    const char *detail; /* JSON */
};

/* In place of the version's earlier one. Needs the administrator's rights. */
int store_sample_check_set(struct db *db, const struct sample_check *check, struct error *err);

/* Appends the detail of the version's check. Returns 1, 0 where it was never checked, -1. */
int store_sample_check_detail(struct db *db, const char *dataset, const char *sample_id,
                              int64_t version, struct buf *detail, struct error *err);

#endif
