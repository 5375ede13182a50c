#include "reaper/places.h"

#include "base/banned.h"

#define PER_PROCESSOR 2
#define LEAST 4
#define GROWTH 4 /* times the places to begin with */

/* Between the two nothing changes. */
#define LOAD_IDLE 0.75 /* of each processor */
#define LOAD_BUSY 1.25

void places_init(struct places *places, int64_t setting, int64_t processors, int64_t at)
{
    int64_t least = PER_PROCESSOR * processors;

    least = least > LEAST ? least : LEAST;
    *places = (struct places){
        .least = setting > 0 ? setting : least,
        .most = setting > 0 ? setting : GROWTH * least,
        .processors = processors,
        .decided_at = at,
    };
    places->now = places->least;
}

int64_t places_count(struct places *places, int64_t at, double load, int64_t taken)
{
    double each = load / (double)places->processors;

    if (places->peak < taken)
        places->peak = taken;
    if (places->least == places->most || at - places->decided_at < PLACES_PAUSE)
        return places->now;
    /* Nor are places kept that nobody takes: a crowd must not find them all at once. */
    if (places->now > places->least && (each > LOAD_BUSY || places->peak < places->now))
        places->now--;
    else if (places->now < places->most && each < LOAD_IDLE && places->peak >= places->now)
        places->now++;
    places->decided_at = at;
    places->peak = taken;
    return places->now;
}
