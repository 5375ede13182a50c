/* Prices, metering, and which money is taken: by cases that were worked out by hand. */
#include "money/money.h"

#include "base/cleanup.h"
#include "unit.h"

#include "base/banned.h"

static void a_session_costs_to_the_nearest_cent_half_up(void)
{
    CU_ASSERT_EQUAL(money_session_cost(0, 5), 0);
    CU_ASSERT_EQUAL(money_session_cost(5, 5), 0);  /* 0.42 */
    CU_ASSERT_EQUAL(money_session_cost(6, 5), 1);  /* 0.5 */
    CU_ASSERT_EQUAL(money_session_cost(17, 5), 1); /* 1.42 */
    CU_ASSERT_EQUAL(money_session_cost(18, 5), 2); /* 1.5 */
    CU_ASSERT_EQUAL(money_session_cost(60, 5), 5);
    CU_ASSERT_EQUAL(money_session_cost(3600, 7), 420);
    CU_ASSERT_EQUAL(money_session_cost(29, 1), 0);
    CU_ASSERT_EQUAL(money_session_cost(30, 1), 1);
}

static void no_duration_costs_less_than_nothing_or_overflows(void)
{
    CU_ASSERT_EQUAL(money_session_cost(-100, 5), 0);
    CU_ASSERT(money_session_cost(INT64_MAX, MONEY_PRICE_MAX) > 0);
}

static void another_session_needs_a_minute_and_what_the_others_have_used(void)
{
    const struct metered_session sessions[] = {
        {.open = true, .seconds = 0, .price_cents = 5},   /* 5 at least */
        {.open = true, .seconds = 120, .price_cents = 5}, /* 10 */
        {.open = false, .seconds = 12, .price_cents = 5}, /* 1 */
    };

    CU_ASSERT_EQUAL(money_needed(NULL, 0, 5), 5);
    CU_ASSERT_EQUAL(money_needed(sessions, 3, 5), 21);
}

static void the_first_ones_end_until_the_rest_fits(void)
{
    const struct metered_session sessions[] = {
        {.open = true, .seconds = 600, .price_cents = 6},
        {.open = false, .seconds = 60, .price_cents = 6},
        {.open = true, .seconds = 300, .price_cents = 6},
        {.open = true, .seconds = 60, .price_cents = 6},
    };

    /* Used: 60 + 6 + 30 + 6 = 102; each of the three uses 1 in ten seconds. */
    CU_ASSERT_EQUAL(money_exhausted(sessions, 4, 105, 10), 0);
    CU_ASSERT_EQUAL(money_exhausted(sessions, 4, 104, 10), 1);
    CU_ASSERT_EQUAL(money_exhausted(sessions, 4, 103, 10), 2);
    CU_ASSERT_EQUAL(money_exhausted(sessions, 4, 102, 10), 3);
    CU_ASSERT_EQUAL(money_exhausted(sessions, 4, -50, 10), 3);
    CU_ASSERT_EQUAL(money_exhausted(sessions, 0, -50, 10), 0);
}

static void grants_are_taken_in_order_and_paid_money_bears_the_rest(void)
{
    struct money_share grants[] = {{.available = 10}, {.available = 0}, {.available = 5}};

    CU_ASSERT_EQUAL(money_take(grants, 3, 12), 0);
    CU_ASSERT_EQUAL(grants[0].cents, 10);
    CU_ASSERT_EQUAL(grants[1].cents, 0);
    CU_ASSERT_EQUAL(grants[2].cents, 2);
    CU_ASSERT_EQUAL(money_take(grants, 3, 20), 5);
    CU_ASSERT_EQUAL(money_take(NULL, 0, 7), 7);
}

static void what_was_taken_last_is_given_back_first(void)
{
    struct money_share grants[] = {{.available = 10}, {.available = 5}};

    CU_ASSERT_EQUAL(money_give_back(grants, 2, 4, 3), 3);
    CU_ASSERT_EQUAL(grants[0].cents + grants[1].cents, 0);
    CU_ASSERT_EQUAL(money_give_back(grants, 2, 4, 11), 4);
    CU_ASSERT_EQUAL(grants[1].cents, 5);
    CU_ASSERT_EQUAL(grants[0].cents, 2);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a session costs to the nearest cent, half a cent up",
         a_session_costs_to_the_nearest_cent_half_up},
        {"no duration costs less than nothing, or overflows",
         no_duration_costs_less_than_nothing_or_overflows},
        {"another session needs a minute, and what the others have used",
         another_session_needs_a_minute_and_what_the_others_have_used},
        {"the first ones end until the rest fits", the_first_ones_end_until_the_rest_fits},
        {"grants are taken in order, and paid money bears the rest",
         grants_are_taken_in_order_and_paid_money_bears_the_rest},
        {"what was taken last is given back first", what_was_taken_last_is_given_back_first},
    };

    return UNIT_MAIN("money", tests);
}
