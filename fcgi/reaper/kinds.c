#include "reaper/kinds.h"

#include <stdlib.h>

#include "reaper/context.h"

#include "base/banned.h"

void kinds_open(struct context *context, const struct kind *const *table, size_t count)
{
    struct kinds *kinds = &context->kinds;

    if (count > KINDS_MAX)
        abort(); /* a program's own table */
    for (size_t i = 0; i < count; i++) {
        kinds->rows[i] = table[i];
        kinds->rooms[i] = table[i]->open(context);
        kinds->count++;
    }
}

void kinds_close(struct context *context)
{
    struct kinds *kinds = &context->kinds;

    while (kinds->count > 0) {
        kinds->count--;
        kinds->rows[kinds->count]->close(kinds->rooms[kinds->count]);
    }
}

/* The row's place, or -1. */
static int place_of(const struct kinds *kinds, enum work_kind word)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->rows[i]->word == word)
            return (int)i;
    }
    return -1;
}

void kinds_take(const struct kinds *kinds, enum work_kind word, const struct id *id)
{
    int place = place_of(kinds, word);

    if (place >= 0)
        kinds->rows[place]->take(kinds->rooms[place], id);
}

bool kinds_expected(const struct kinds *kinds, enum work_kind word, const struct id *id)
{
    int place = place_of(kinds, word);

    return place >= 0 && kinds->rows[place]->expected(kinds->rooms[place], id);
}

int kinds_finished(const struct kinds *kinds, struct db *db, enum work_kind word,
                   const struct id *id, bool *ret_finished, struct error *err)
{
    int place = place_of(kinds, word);

    if (place < 0)
        return error_set(err, ERROR_INVALID, NULL, "unknown kind of work: %s",
                         work_kind_name(word));
    return kinds->rows[place]->finished(db, id, ret_finished, err);
}

void kinds_adopt(const struct kinds *kinds, const struct container_row *row)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->rows[i]->adopt)
            kinds->rows[i]->adopt(kinds->rooms[i], row);
    }
}

void kinds_ready(const struct kinds *kinds, const struct id *session_id)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->rows[i]->ready)
            kinds->rows[i]->ready(kinds->rooms[i], session_id);
    }
}

void kinds_drop(const struct kinds *kinds, const struct id *session_id)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->rows[i]->drop)
            kinds->rows[i]->drop(kinds->rooms[i], session_id);
    }
}

size_t kinds_brief(const struct kinds *kinds)
{
    size_t brief = 0;

    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->rows[i]->brief)
            brief += kinds->rows[i]->brief(kinds->rooms[i]);
    }
    return brief;
}
