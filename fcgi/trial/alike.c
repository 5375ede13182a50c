#include "trial/alike.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

#define WORDS_MOST 256

/* The sums of the hashes of a name's first words, by their number. */
struct words {
    size_t count;
    bool is_cut; /* there are more */
    uint64_t sums[WORDS_MOST + 1];
};

static bool is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_word(const char *word, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)word[i]) * 0x100000001b3;
    return hash;
}

static void find_words(const char *text, struct words *ret_words)
{
    size_t count = 0, length;

    ret_words->sums[0] = 0;
    ret_words->is_cut = false;
    for (; *text; text += length + (text[length] != '\0')) {
        for (length = 0; is_of_word(text[length]);)
            length++;
        if (length == 0 || (length == 2 && memcmp(text, "py", 2) == 0))
            continue;
        if (count == WORDS_MOST) {
            ret_words->is_cut = true;
            break;
        }
        ret_words->sums[count + 1] = ret_words->sums[count] + hash_word(text, length);
        count++;
    }
    ret_words->count = count;
}

void trial_alike_add(struct trial_alike *alike, const char *name, enum trial_result result)
{
    struct words words;

    find_words(name, &words);
    if (alike->count == alike->room) {
        alike->room += alike->room / 2 + 16;
        alike->items = xrealloc(alike->items, alike->room * sizeof(*alike->items));
    }
    alike->items[alike->count++] = (struct trial_alike_item){
        .words = words.is_cut ? 0 : words.count,
        .sum = words.is_cut ? 0 : words.sums[words.count],
        .result = result,
    };
}

static int by_words(const void *a, const void *b)
{
    const struct trial_alike_item *one = a, *other = b;

    if (one->words != other->words)
        return one->words < other->words ? -1 : 1;
    return one->sum < other->sum ? -1 : one->sum > other->sum;
}

void trial_alike_sort(struct trial_alike *alike)
{
    size_t kept = 0;

    if (alike->count == 0)
        return;
    qsort(alike->items, alike->count, sizeof(*alike->items), by_words);
    for (size_t i = 1; i < alike->count; i++) {
        struct trial_alike_item *last = &alike->items[kept];

        if (by_words(last, &alike->items[i]) != 0)
            alike->items[++kept] = alike->items[i];
        else if (alike->items[i].result > last->result)
            last->result = alike->items[i].result;
    }
    alike->count = kept + 1;
}

static enum trial_result worst_of_length(const struct trial_alike *alike, const struct words *words,
                                         size_t length)
{
    enum trial_result worst = TRIAL_PASSED;

    for (size_t at = 0; at + length <= words->count; at++) {
        const struct trial_alike_item key = {.words = length,
                                             .sum = words->sums[at + length] - words->sums[at]};
        const struct trial_alike_item *found =
            bsearch(&key, alike->items, alike->count, sizeof(key), by_words);

        if (found && found->result > worst)
            worst = found->result;
    }
    return worst;
}

enum trial_result trial_alike_worst(const struct trial_alike *alike, const char *test)
{
    enum trial_result worst = TRIAL_PASSED;
    struct words words;

    find_words(test, &words);
    for (size_t i = 0; i < alike->count; i++) {
        enum trial_result found = alike->items[i].result;

        if (i > 0 && alike->items[i].words == alike->items[i - 1].words && !words.is_cut)
            continue;
        if (!words.is_cut)
            found = worst_of_length(alike, &words, alike->items[i].words);
        if (found > worst)
            worst = found;
    }
    return worst;
}

void trial_alike_release(struct trial_alike *alike)
{
    free(alike->items);
    memset(alike, 0, sizeof(*alike));
}
