#include "money/money.h"

#include "base/banned.h"

#define MINUTE 60
#define SECONDS_MAX (INT64_C(100) * 366 * 86400)

static int64_t bounded(int64_t seconds)
{
    if (seconds < 0)
        return 0;
    return seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
}

int64_t money_session_cost(int64_t seconds, int64_t price_cents)
{
    return price_cents > 0 ? (bounded(seconds) * price_cents + MINUTE / 2) / MINUTE : 0;
}

int64_t money_needed(const struct metered_session *sessions, size_t count, int64_t new_price_cents)
{
    int64_t needed = new_price_cents;

    for (size_t i = 0; i < count; i++) {
        int64_t used = money_session_cost(sessions[i].seconds, sessions[i].price_cents);

        if (sessions[i].open && used < sessions[i].price_cents)
            used = sessions[i].price_cents;
        needed += used;
    }
    return needed;
}

/* In sixtieths of a cent, which is what a second costs. */
size_t money_exhausted(const struct metered_session *sessions, size_t count, int64_t balance_cents,
                       int64_t ahead)
{
    int64_t left = balance_cents * MINUTE;
    size_t ended = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t seconds = bounded(sessions[i].seconds) + (sessions[i].open ? ahead : 0);

        left -= seconds * sessions[i].price_cents;
    }
    for (size_t i = 0; i < count && left < 0; i++) {
        if (!sessions[i].open)
            continue;
        left += ahead * sessions[i].price_cents;
        ended++;
    }
    return ended;
}

int64_t money_take(struct money_share *grants, size_t count, int64_t cents)
{
    for (size_t i = 0; i < count; i++) {
        grants[i].cents = cents < grants[i].available ? cents : grants[i].available;
        cents -= grants[i].cents;
    }
    return cents;
}

int64_t money_give_back(struct money_share *grants, size_t count, int64_t paid_available,
                        int64_t cents)
{
    int64_t paid = cents < paid_available ? cents : paid_available;

    cents -= paid;
    for (size_t i = count; i-- > 0;) {
        grants[i].cents = cents < grants[i].available ? cents : grants[i].available;
        cents -= grants[i].cents;
    }
    return paid;
}
