#include "trial/drawn.h"

#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

#define MENDED_PLANTED 4 /* of the small runs: see pytest_plan.py */
#define KEPT_RUNS 3      /* of the small ones, for each test that must go on to pass */
#define KEPT_PLANTED 2   /* of these */
#define TRIES_MOST 100

/* One of this kind; -1: there is none. */
static int draw_plant(const struct trial_plants *plants, const char *kind, bool is_new)
{
    int found = -1;
    size_t count = 0;

    for (size_t i = 0; i < plants->count; i++)
        if (plants->items[i].is_new == is_new && strcmp(plants->items[i].kind, kind) == 0 &&
            trial_draw(++count) == 0)
            found = (int)i;
    return found;
}

/* In so many of the small runs with a failure, and in the others of `runs` as it should be. One is
 * at an end, if any can be: code that passes where the test really fails passes there, too. */
static void draw_plants(const struct trial_plants *plants, size_t planted, size_t runs,
                        struct trial_drawn *ret_drawn)
{
    const char *kinds[] = {"ends", "expected", "negated", "begins", "status"};
    int *all = ret_drawn->plants;
    size_t at = 0, drawn = 0;

    for (size_t i = ARRAY_SIZE(kinds); i > 2; i--) {
        size_t other = 1 + trial_draw(i - 1);
        const char *kind = kinds[i - 1];

        kinds[i - 1] = kinds[other];
        kinds[other] = kind;
    }
    for (size_t tries = 0; drawn < planted && tries < TRIES_MOST; tries++) {
        const char *kind = kinds[at++ % ARRAY_SIZE(kinds)];
        bool is_new = drawn % 4 != 3;
        int plant = draw_plant(plants, kind, is_new);

        if (plant < 0 && tries >= ARRAY_SIZE(kinds))
            plant = draw_plant(plants, kind, !is_new);
        if (plant >= 0)
            all[drawn++] = plant;
    }
    for (; drawn < TRIAL_SMALL_RUNS; drawn++)
        all[drawn] = drawn < runs ? TRIAL_TRUE_ONE : TRIAL_ABSENT;
    all[TRIAL_ALL_RUN] = TRIAL_TRUE_ONE;
    for (size_t i = TRIAL_SMALL_RUNS; i > 1; i--) {
        size_t other = trial_draw(i);
        int plant = all[i - 1];

        all[i - 1] = all[other];
        all[other] = plant;
    }
}

void trial_draw_mended(const struct trial_plants *plants, struct trial_drawn *ret_drawn)
{
    draw_plants(plants, MENDED_PLANTED, TRIAL_SMALL_RUNS, ret_drawn);
}

void trial_draw_kept(const struct trial_plants *plants, struct trial_drawn *ret_drawn)
{
    draw_plants(plants, KEPT_PLANTED, KEPT_RUNS, ret_drawn);
}

bool trial_is_in(const struct trial_drawn *drawn, int run)
{
    return drawn->plants[run] != TRIAL_ABSENT;
}

const struct trial_plant *trial_plant_in(const struct trial_drawn *drawn,
                                         const struct trial_plants *plants, int run)
{
    return drawn->plants[run] >= 0 ? &plants->items[drawn->plants[run]] : NULL;
}
