#include "ctl/image_map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "ctl/line_reader.h"
#include "ctl/sample_line.h"

#include "base/banned.h"

#define LINE_MOST 1024
#define ENTRIES_MOST 1000000

static void entry_release(struct image_map_entry *entry)
{
    free(entry->sample_id);
    free(entry->image);
    free(entry->verifier_image);
}

void image_map_release(struct image_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        entry_release(&map->entries[i]);
    free(map->entries);
    *map = (struct image_map){0};
}

/* The next word of the line, NULL behind the last. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t\r");
    size_t length = strcspn(word, " \t\r");

    *at = word + length;
    return length ? xstrndup(word, length) : NULL;
}

/* *ret_blank: there was nothing on the line. */
static int parse_entry(char *line, struct image_map_entry *ret_entry, bool *ret_blank,
                       struct error *err)
{
    _cleanup_(entry_release) struct image_map_entry entry = {0};
    _cleanup_(free_ptr) char *more = NULL;

    line[strcspn(line, "#")] = '\0';
    entry.sample_id = next_word(&line);
    entry.image = next_word(&line);
    entry.verifier_image = next_word(&line);
    more = next_word(&line);
    *ret_blank = !entry.sample_id;
    if (!entry.sample_id)
        return 0;
    if (!entry.image || more)
        return error_set(err, ERROR_INVALID, NULL,
                         "a line must be: SAMPLE_ID IMAGE [VERIFIER_IMAGE]");
    if (sample_check_image("image", entry.image, err) < 0 ||
        (entry.verifier_image &&
         sample_check_image("verifier image", entry.verifier_image, err) < 0))
        return -1;
    *ret_entry = entry;
    memset(&entry, 0, sizeof(entry));
    return 0;
}

static void add_entry(struct image_map *map, const struct image_map_entry *entry)
{
    if ((map->count & (map->count - 1)) == 0) /* a power of two is full */
        map->entries =
            xrealloc(map->entries, (map->count ? 2 * map->count : 1) * sizeof(*map->entries));
    map->entries[map->count++] = *entry;
}

static int compare(const void *a, const void *b)
{
    const struct image_map_entry *left = a, *right = b;

    return strcmp(left->sample_id, right->sample_id);
}

int image_map_read(struct image_map *map, const char *path, struct error *err)
{
    _cleanup_(line_reader_release) struct line_reader reader = {0};
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    bool too_long;
    int got;

    if (line_reader_open(&reader, path, LINE_MOST, err) < 0)
        return -1;
    for (int number = 1; (got = line_reader_next(&reader, &line, &too_long, err)) > 0; number++) {
        struct image_map_entry entry;
        bool blank;

        if (too_long)
            return error_set(err, ERROR_INVALID, NULL, "%s:%d: line too long: more than %d bytes",
                             path, number, LINE_MOST);
        if (parse_entry(line.data, &entry, &blank, err) < 0)
            return error_wrap(err, "%s:%d", path, number);
        if (blank)
            continue;
        add_entry(map, &entry);
        if (map->count > ENTRIES_MOST)
            return error_set(err, ERROR_LIMIT, NULL, "%s: more than %d entries", path,
                             ENTRIES_MOST);
    }
    if (got < 0)
        return -1;
    if (map->count > 0)
        qsort(map->entries, map->count, sizeof(*map->entries), compare);
    for (size_t i = 1; i < map->count; i++) {
        if (compare(&map->entries[i - 1], &map->entries[i]) == 0)
            return error_set(err, ERROR_INVALID, NULL, "%s: duplicate sample %s", path,
                             map->entries[i].sample_id);
    }
    return 0;
}

const struct image_map_entry *image_map_find(const struct image_map *map, const char *sample_id)
{
    struct image_map_entry key = {.sample_id = (char *)(uintptr_t)sample_id};

    return map->count ? bsearch(&key, map->entries, map->count, sizeof(*map->entries), compare)
                      : NULL;
}
