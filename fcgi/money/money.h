/*
 * money.h - pricing, metering, and from which money is taken: pure functions on integers.
 *
 * Money is in cents, a price in cents a minute, time in whole seconds.
 */
#ifndef CODESET_MONEY_MONEY_H
#define CODESET_MONEY_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONEY_PRICE_MAX 1000000               /* cents a minute */
#define MONEY_CENTS_MAX INT64_C(100000000000) /* of one movement */

/* What a session costs: to the nearest cent, half a cent up, of the whole session. seconds below 0
 * count as 0, and no more than 100 years are counted. A price below 0 is none. */
int64_t money_session_cost(int64_t seconds, int64_t price_cents);

/* --- metering -------------------------------------------------------------------------------- */

/* A session that is not charged yet. */
struct metered_session {
    bool open;       /* false: it has ended, and costs what it has used */
    int64_t seconds; /* from ready to now, or to its end; 0 before it is ready */
    int64_t price_cents;
};

/* What must be there before another session may begin: what each has used, one minute at least of
 * those that are open, and one minute of the new one. */
int64_t money_needed(const struct metered_session *sessions, size_t count, int64_t new_price_cents);

/*
 * How many of the open sessions must end now, the first ones in the list first, so that the balance
 * lasts for what all have used and what the others use within `ahead` seconds.
 */
size_t money_exhausted(const struct metered_session *sessions, size_t count, int64_t balance_cents,
                       int64_t ahead);

/* --- which money ----------------------------------------------------------------------------- */

/* A grant in the order in which grants are used. */
struct money_share {
    int64_t available; /* that may be taken, or given back; not below 0 */
    int64_t cents;     /* the answer: what is */
};

/* Takes from the grants in their order. Returns the rest, which paid money has to bear. */
int64_t money_take(struct money_share *grants, size_t count, int64_t cents);

/* Gives back what was taken: first what paid money bore, then to the grants, the last one first.
 * Returns what goes to paid money. cents is no more than paid_available and all grants have. */
int64_t money_give_back(struct money_share *grants, size_t count, int64_t paid_available,
                        int64_t cents);

#endif
