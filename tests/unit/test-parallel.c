/*
 * Loops on all processors (base/parallel.h).
 */
#include <stdatomic.h>
#include <string.h>

#include "base/parallel.h"
#include "unit.h"

#include "base/banned.h"

#define MOST 5000

static atomic_int calls[MOST];

static void count(size_t i, void *arg)
{
    atomic_int *each = arg; /* CUnit's assertions are for one thread */

    atomic_fetch_add(&each[i], 1);
}

static void each_turn_is_taken_once(void)
{
    static const size_t counts[] = {0, 1, 2, 7, MOST};

    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        memset(calls, 0, sizeof(calls));
        parallel_each(counts[k], count, calls);
        for (size_t i = 0; i < MOST; i++)
            CU_ASSERT_EQUAL_FATAL(calls[i], i < counts[k] ? 1 : 0);
    }
}

static const struct unit_test tests[] = {
    {"each turn is taken once, however many there are", each_turn_is_taken_once},
};

int main(void)
{
    return UNIT_MAIN("parallel", tests);
}
