/*
 * places.h - how many verifications may run at once on this host. Pure.
 *
 * With a setting, so many. Without one, two for each processor and at least four, and more, up to
 * four times as many, while all places are taken and the processors have time to spare: verifiers
 * that mostly wait (for a server that they start, for time to pass) then do not keep others
 * waiting. One place comes or goes in PLACES_PAUSE, for the load average follows slowly.
 */
#ifndef CODESET_REAPER_PLACES_H
#define CODESET_REAPER_PLACES_H

#include <stdint.h>

#define PLACES_PAUSE INT64_C(15000000) /* µs */

struct places {
    int64_t least, most, now;
    int64_t processors;
    int64_t decided_at; /* monotonic, µs */
    int64_t peak;       /* the most that were taken since */
};

/* setting 0: by the processors. at: now, as below. */
void places_init(struct places *places, int64_t setting, int64_t processors, int64_t at);

/* How many there are now. To be called when one is taken or wanted. at: monotonic, µs; load: the
 * load average of the last minute; taken: places. */
int64_t places_count(struct places *places, int64_t at, double load, int64_t taken);

#endif
