#include "ctl/spelling.h"

#include <string.h>

#include "base/banned.h"

#define WORD_MOST 40 /* of what is compared */

/* Wagner and Fischer's, in one row. */
size_t spelling_distance(const char *a, const char *b)
{
    size_t row[WORD_MOST + 1];
    size_t b_length = strnlen(b, WORD_MOST);

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 0; i < WORD_MOST && a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

/* One spelling of words that differ only in case and in what separates their parts. */
static void fold(const char *word, char folded[WORD_MOST + 1])
{
    size_t i;

    for (i = 0; i < WORD_MOST && word[i]; i++) {
        char c = word[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        folded[i] = c == '-' || c == ' ' || c == '.' ? '_' : c;
    }
    folded[i] = '\0';
}

const char *spelling_nearest(const char *word, const char *const *names)
{
    char folded[WORD_MOST + 1] = "", folded_name[WORD_MOST + 1] = "";
    const char *best = NULL;
    size_t least = 3;

    if (strlen(word) > WORD_MOST)
        return NULL;
    fold(word, folded);
    for (; *names; names++) {
        size_t edits;

        fold(*names, folded_name);
        edits = spelling_distance(folded, folded_name);
        if (edits < least && (edits < 2 || strlen(*names) >= 8)) {
            least = edits;
            best = *names;
        }
    }
    return best;
}
