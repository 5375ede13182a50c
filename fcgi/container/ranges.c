#include "container/ranges.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "container/userns.h"
#include "settings.h"

#include "base/banned.h"

struct ranges {
    int64_t first; /* of range 0 */
    int64_t count;
    int64_t next;
    char **folders; /* who took the range last, or NULL */
};

void ranges_span(const struct engine_settings *settings, int64_t *ret_first, int64_t *ret_last)
{
    *ret_first = settings->uid_base;
    *ret_last = settings->uid_base + USERNS_IDS * (settings->uid_ranges + 1) - 1;
}

/* Which range the folder's container has, -1 if none. */
static int64_t range_of(const struct ranges *ranges, const char *folder)
{
    struct stat st;
    int64_t offset;

    if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
        return -1;
    offset = (int64_t)st.st_gid - ranges->first;
    if (offset < 0 || offset % USERNS_IDS != 0 || offset / USERNS_IDS >= ranges->count)
        return -1;
    return offset / USERNS_IDS;
}

static void put(struct ranges *ranges, int64_t range, const char *folder)
{
    free(ranges->folders[range]);
    ranges->folders[range] = xstrdup(folder);
}

static int read_folders(struct ranges *ranges, const char *state_dir, struct error *err)
{
    DIR *dir = opendir(state_dir);

    if (dir == NULL)
        return error_errno(err, errno, "cannot read %s", state_dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", state_dir, entry->d_name);
        int64_t range = entry->d_name[0] == '.' ? -1 : range_of(ranges, folder);

        if (range >= 0)
            put(ranges, range, folder);
    }
    closedir(dir);
    return 0;
}

struct ranges *ranges_new(const struct engine_settings *settings, struct error *err)
{
    struct ranges *ranges;
    int64_t first, last;

    ranges_span(settings, &first, &last);
    if (last > RANGES_LAST_ID) {
        error_set(err, ERROR_INVALID, NULL,
                  "uid_base and uid_ranges go beyond the last user id, %" PRId64, RANGES_LAST_ID);
        return NULL;
    }
    ranges = xcalloc(1, sizeof(*ranges));
    ranges->first = first + USERNS_IDS;
    ranges->count = settings->uid_ranges;
    ranges->folders = xcalloc((size_t)ranges->count, sizeof(*ranges->folders));
    if (read_folders(ranges, settings->state_dir, err) < 0) {
        ranges_free(ranges);
        return NULL;
    }
    return ranges;
}

void ranges_free(struct ranges *ranges)
{
    if (ranges == NULL)
        return;
    for (int64_t i = 0; i < ranges->count; i++)
        free(ranges->folders[i]);
    free(ranges->folders);
    free(ranges);
}

int ranges_take(struct ranges *ranges, const char *folder, int64_t *ret_first, struct error *err)
{
    int64_t range = range_of(ranges, folder);
    int64_t first;

    for (int64_t tries = 0; range < 0 && tries < ranges->count; tries++) {
        int64_t at = (ranges->next + tries) % ranges->count;

        if (ranges->folders[at] == NULL || range_of(ranges, ranges->folders[at]) != at)
            range = at;
    }
    if (range < 0)
        return error_set(err, ERROR_UNAVAILABLE, "ID_RANGES_SHORT",
                         "all %" PRId64 " ranges of host ids are in use by containers",
                         ranges->count);
    first = ranges->first + range * USERNS_IDS;
    if (chown(folder, (uid_t)-1, (gid_t)first) < 0)
        return error_errno(err, errno, "cannot assign a range of host ids to %s", folder);
    *ret_first = first;
    put(ranges, range, folder);
    ranges->next = (range + 1) % ranges->count;
    return 0;
}
