#include "reaper/rehearsals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/random.h"

#include "base/banned.h"

struct rehearsed {
    TAILQ_ENTRY(rehearsed) next;
    struct rehearsal_key key;
    struct buf records[REHEARSALS_EACH];
    size_t count, oldest;
};

struct rehearsals {
    TAILQ_HEAD(rehearsed_list, rehearsed) all; /* the one asked for last is the first */
    size_t bytes;
};

struct rehearsals *rehearsals_new(void)
{
    struct rehearsals *rehearsals = xcalloc(1, sizeof(*rehearsals));

    TAILQ_INIT(&rehearsals->all);
    return rehearsals;
}

static size_t size_of(const struct rehearsed *rehearsed)
{
    size_t size = sizeof(*rehearsed);

    for (size_t i = 0; i < rehearsed->count; i++)
        size += rehearsed->records[i].capacity;
    return size;
}

static void forget(struct rehearsals *rehearsals, struct rehearsed *rehearsed)
{
    TAILQ_REMOVE(&rehearsals->all, rehearsed, next);
    rehearsals->bytes -= size_of(rehearsed);
    for (size_t i = 0; i < rehearsed->count; i++)
        buf_release(&rehearsed->records[i]);
    free(rehearsed);
}

void rehearsals_free(struct rehearsals *rehearsals)
{
    struct rehearsed *rehearsed;

    while ((rehearsed = TAILQ_FIRST(&rehearsals->all)))
        forget(rehearsals, rehearsed);
    free(rehearsals);
}

/* Is the first from then on. */
static struct rehearsed *find(struct rehearsals *rehearsals, const struct rehearsal_key *key)
{
    struct rehearsed *rehearsed;

    TAILQ_FOREACH(rehearsed, &rehearsals->all, next)
    if (strcmp(rehearsed->key.hex, key->hex) == 0) {
        TAILQ_REMOVE(&rehearsals->all, rehearsed, next);
        TAILQ_INSERT_HEAD(&rehearsals->all, rehearsed, next);
        return rehearsed;
    }
    return NULL;
}

static size_t draw(size_t below)
{
    unsigned drawn;

    random_bytes(&drawn, sizeof(drawn));
    return drawn % below;
}

const struct buf *rehearsals_draw(struct rehearsals *rehearsals, const struct rehearsal_key *key)
{
    struct rehearsed *rehearsed = find(rehearsals, key);

    if (!rehearsed || rehearsed->count < REHEARSALS_EACH || draw(REHEARSALS_FRESH) == 0)
        return NULL;
    return &rehearsed->records[draw(REHEARSALS_EACH)];
}

static struct rehearsed *ensure(struct rehearsals *rehearsals, const struct rehearsal_key *key)
{
    struct rehearsed *rehearsed = find(rehearsals, key);

    if (rehearsed)
        return rehearsed;
    rehearsed = xcalloc(1, sizeof(*rehearsed));
    rehearsed->key = *key;
    TAILQ_INSERT_HEAD(&rehearsals->all, rehearsed, next);
    rehearsals->bytes += size_of(rehearsed);
    return rehearsed;
}

/* Where the next record goes: there is none any more. */
static struct buf *make_room(struct rehearsals *rehearsals, struct rehearsed *rehearsed)
{
    struct buf *room;

    if (rehearsed->count < REHEARSALS_EACH)
        return &rehearsed->records[rehearsed->count++];
    room = &rehearsed->records[rehearsed->oldest];
    rehearsed->oldest = (rehearsed->oldest + 1) % REHEARSALS_EACH;
    rehearsals->bytes -= room->capacity;
    buf_release(room);
    return room;
}

void rehearsals_keep(struct rehearsals *rehearsals, const struct rehearsal_key *key,
                     struct buf *record)
{
    struct buf *room = make_room(rehearsals, ensure(rehearsals, key));

    *room = *record;
    *record = (struct buf)BUF_INIT;
    rehearsals->bytes += room->capacity;
    while (rehearsals->bytes > REHEARSALS_MOST)
        forget(rehearsals, TAILQ_LAST(&rehearsals->all, rehearsed_list));
}

void rehearsals_forget(struct rehearsals *rehearsals, const struct rehearsal_key *key)
{
    struct rehearsed *rehearsed = find(rehearsals, key);

    if (rehearsed)
        forget(rehearsals, rehearsed);
}
