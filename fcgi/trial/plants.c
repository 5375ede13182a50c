#include "trial/plants.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"

#include "base/banned.h"

#define NOISE_MOST 2000 /* bytes of a comment */
#define NUMBER_MOST 9   /* digits: another number of as many is another int */
#define DRAWS_MOST 50

/* --- failures -------------------------------------------------------------------------------- */

void trial_plants_add(struct trial_plants *plants, const char *kind, bool is_new, size_t start,
                      size_t end, char *text)
{
    if (plants->count == plants->room) {
        plants->room += plants->room / 2 + 16;
        plants->items = xrealloc(plants->items, plants->room * sizeof(*plants->items));
    }
    plants->items[plants->count++] = (struct trial_plant){kind, start, end, text, is_new, SIZE_MAX};
}

void trial_plants_add_assertion(struct trial_plants *plants, size_t start, size_t end,
                                char *thinned)
{
    if (plants->assertion_count == plants->assertion_room) {
        plants->assertion_room += plants->assertion_room / 2 + 16;
        plants->assertions =
            xrealloc(plants->assertions, plants->assertion_room * sizeof(*plants->assertions));
    }
    plants->assertions[plants->assertion_count++] = (struct trial_assertion){start, end, thinned};
}

void trial_plants_release(struct trial_plants *plants)
{
    for (size_t i = 0; i < plants->count; i++)
        free(plants->items[i].text);
    for (size_t i = 0; i < plants->assertion_count; i++)
        free(plants->assertions[i].thinned);
    free(plants->items);
    free(plants->assertions);
    *plants = (struct trial_plants){0};
}

/* --- what is drawn --------------------------------------------------------------------------- */

size_t trial_draw(size_t below)
{
    unsigned drawn;

    random_bytes(&drawn, sizeof(drawn));
    return drawn % below;
}

void trial_draw_word(char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        word[i] = (char)('a' + trial_draw(26));
    word[length] = '\0';
}

static char near_char(char old)
{
    char drawn = old;

    while (drawn == old)
        drawn = (char)(isdigit((unsigned char)old)   ? '0' + trial_draw(10)
                       : islower((unsigned char)old) ? 'a' + trial_draw(26)
                                                     : 'A' + trial_draw(26));
    return drawn;
}

/* No letter or digit of a number that follows a backslash (\x41, \101), nor one right behind one.
 */
static bool is_plain(const char *literal, size_t at)
{
    for (size_t back = 1; back <= at && back <= 9; back++)
        if (literal[at - back] == '\\')
            return back > 1 && !strchr("xuU01234567", literal[at - back + 1]);
    return true;
}

/* One string, and not several, one behind another. */
static bool is_string(const char *text, size_t length)
{
    size_t at = 1;

    if (length < 3 || text[0] != '"')
        return false;
    while (at < length && text[at] != '"')
        at += text[at] == '\\' ? 2 : 1;
    return at == length - 1;
}

char *trial_near_string(const char *text, size_t length)
{
    char *near;

    if (!is_string(text, length))
        return NULL;
    near = xstrndup(text, length);
    for (size_t tries = 0; tries < DRAWS_MOST; tries++) {
        size_t at = 1 + trial_draw(length - 2);

        if (isalnum((unsigned char)near[at]) && is_plain(near, at)) {
            near[at] = near_char(near[at]);
            return near;
        }
    }
    free(near);
    return NULL;
}

char *trial_near_number(const char *text, size_t length)
{
    char *near;

    if (length == 0 || length > NUMBER_MOST || strspn(text, "0123456789") < length ||
        (length > 1 && text[0] == '0'))
        return NULL;
    near = xstrndup(text, length);
    do { /* the first digit stays one that is no 0 */
        size_t at = trial_draw(length);

        near[at] = near_char(near[at]);
    } while (length > 1 && near[0] == '0');
    if (strncmp(near, text, length) != 0)
        return near;
    free(near);
    return NULL;
}

/* --- the text -------------------------------------------------------------------------------- */

void trial_edits_add(struct trial_edits *edits, size_t start, size_t end, const char *text)
{
    if (edits->count == edits->room) {
        edits->room += edits->room / 2 + 16;
        edits->items = xrealloc(edits->items, edits->room * sizeof(*edits->items));
    }
    edits->items[edits->count++] = (struct trial_edit){start, end, text};
}

void trial_edits_plant(struct trial_edits *edits, const struct trial_plants *plants,
                       const struct trial_plant *plant, bool is_thinned)
{
    for (size_t i = 0; is_thinned && i < plants->assertion_count; i++) {
        const struct trial_assertion *assertion = &plants->assertions[i];

        if (trial_draw(2) == 0 ||
            (plant && plant->end > assertion->start && plant->start < assertion->end) ||
            (plant && plant->shown >= assertion->start && plant->shown < assertion->end))
            continue;
        trial_edits_add(edits, assertion->start, assertion->end, assertion->thinned);
    }
    if (plant)
        trial_edits_add(edits, plant->start, plant->end, plant->text);
}

void trial_edits_release(struct trial_edits *edits)
{
    free(edits->items);
    *edits = (struct trial_edits){0};
}

/* An insertion goes before what replaces the text behind it. There are few edits. */
static void sort(struct trial_edits *edits)
{
    for (size_t i = 1; i < edits->count; i++) {
        struct trial_edit edit = edits->items[i];
        size_t at = i;

        for (; at > 0 &&
               (edits->items[at - 1].start > edit.start ||
                (edits->items[at - 1].start == edit.start && edits->items[at - 1].end > edit.end));
             at--)
            edits->items[at] = edits->items[at - 1];
        edits->items[at] = edit;
    }
}

char *trial_edits_apply(struct trial_edits *edits, const char *text)
{
    struct buf edited = BUF_INIT;
    char noise[NOISE_MOST];
    size_t at = 0;

    sort(edits);
    for (size_t i = 0; i < edits->count; i++) {
        if (edits->items[i].start < at) /* it overlaps, against what the header asks for */
            continue;
        buf_add(&edited, text + at, edits->items[i].start - at);
        buf_add_str(&edited, edits->items[i].text);
        at = edits->items[i].end;
    }
    trial_draw_word(noise, trial_draw(NOISE_MOST - 1));
    buf_addf(&edited, "%s\n/*%s*/\n", text + at, noise);
    return buf_take(&edited);
}
