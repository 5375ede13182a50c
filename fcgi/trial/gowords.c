#include "trial/gowords.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

void gowords_add(struct gowords *words, const char *text, size_t length)
{
    if (words->count == words->room) {
        words->room += words->room / 2 + 64;
        words->items = xrealloc(words->items, words->room * sizeof(*words->items));
    }
    words->items[words->count++] = (struct goword){text, length};
}

void gowords_add_all(struct gowords *words, const struct gotext *go)
{
    for (size_t at = 0; at < go->length;) {
        size_t length = gotext_word_length(go, at);

        at += length > 0 ? length : 1;
        if (length > 0)
            gowords_add(words, go->text + at - length, length);
    }
}

static int compare(const void *a, const void *b)
{
    const struct goword *one = a, *other = b;

    if (one->length != other->length)
        return one->length < other->length ? -1 : 1;
    return memcmp(one->text, other->text, one->length);
}

void gowords_sort(struct gowords *words)
{
    size_t kept = 0;

    if (words->count == 0)
        return;
    qsort(words->items, words->count, sizeof(*words->items), compare);
    for (size_t i = 1; i < words->count; i++)
        if (compare(&words->items[kept], &words->items[i]) != 0)
            words->items[++kept] = words->items[i];
    words->count = kept + 1;
}

bool gowords_has(const struct gowords *words, const char *text, size_t length)
{
    const struct goword word = {text, length};

    return words->count > 0 &&
           bsearch(&word, words->items, words->count, sizeof(word), compare) != NULL;
}

void gowords_release(struct gowords *words)
{
    free(words->items);
    *words = (struct gowords){0};
}
