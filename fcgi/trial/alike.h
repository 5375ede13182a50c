/*
 * alike.h - names that whoever reads a report may take for a listed test's. Pure.
 *
 * A grader looks for listed tests more loosely than a trial names them (docs/verdicts.md, "Names"):
 * by the end of a place, without blanks around a name, with other separators. All such names have
 * the words of the listed one, one behind another. Here the order of these does not count, nor does
 * "py" among them, as it may be the end of a path: more is alike than a grader may exchange.
 */
#ifndef CODESET_TRIAL_ALIKE_H
#define CODESET_TRIAL_ALIKE_H

#include <stddef.h>
#include <stdint.h>

#include "trial/judge.h"

struct trial_alike_item {
    size_t words;
    uint64_t sum; /* of their hashes */
    enum trial_result result;
};

/* Zeros at first. */
struct trial_alike {
    struct trial_alike_item *items;
    size_t count, room;
};

/* What came of a test. All are to be added before the first is looked for. */
void trial_alike_add(struct trial_alike *alike, const char *name, enum trial_result result);
void trial_alike_sort(struct trial_alike *alike);

/* The worst that came of those whose words the test has, at least TRIAL_PASSED. A name of very many
 * words is like any other. */
enum trial_result trial_alike_worst(const struct trial_alike *alike, const char *test);
void trial_alike_release(struct trial_alike *alike);

#endif
