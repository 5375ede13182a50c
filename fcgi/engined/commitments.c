#include "engined/commitments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "container/mounts.h"
#include "settings.h"

#include "base/banned.h"

struct commitment {
    LIST_ENTRY(commitment) next;
    char *name;
    int64_t share;       /* bytes */
    int64_t passed_over; /* until then, on the monotonic clock */
};

struct commitments {
    const struct engine_settings *settings;
    LIST_HEAD(, commitment) list;
    size_t count;
    int64_t shares; /* of all */
};

struct commitments *commitments_new(const struct engine_settings *settings)
{
    struct commitments *commitments = xcalloc(1, sizeof(*commitments));

    commitments->settings = settings;
    LIST_INIT(&commitments->list);
    return commitments;
}

static void drop(struct commitments *commitments, struct commitment *commitment)
{
    LIST_REMOVE(commitment, next);
    commitments->count--;
    commitments->shares -= commitment->share;
    free(commitment->name);
    free(commitment);
}

void commitments_free(struct commitments *commitments)
{
    if (commitments == NULL)
        return;
    /* clang-tidy does not see that what is freed leaves the list first. */
    while (!LIST_EMPTY(&commitments->list))
        drop(commitments, LIST_FIRST(&commitments->list)); // NOLINT
    free(commitments);
}

static struct commitment *find(const struct commitments *commitments, const char *name)
{
    struct commitment *commitment;

    LIST_FOREACH(commitment, &commitments->list, next)
    {
        if (strcmp(commitment->name, name) == 0)
            return commitment;
    }
    return NULL;
}

static int64_t share_of(const struct commitments *commitments, int64_t disk_bytes)
{
    return disk_bytes / 100 * commitments->settings->disk_commit_percent;
}

void commitments_add(struct commitments *commitments, const char *name, int64_t disk_bytes)
{
    struct commitment *commitment = xcalloc(1, sizeof(*commitment));

    commitment->name = xstrdup(name);
    commitment->share = share_of(commitments, disk_bytes);
    commitments->count++;
    commitments->shares += commitment->share;
    LIST_INSERT_HEAD(&commitments->list, commitment, next);
}

int64_t commitments_written(const struct engine_settings *settings, const char *name,
                            int64_t *ret_size)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s" SCRATCH_SUFFIX, settings->scratch_dir, name);
    struct stat st;
    bool there = stat(path, &st) == 0;

    if (ret_size != NULL)
        *ret_size = there ? (int64_t)st.st_size : 0;
    return there ? (int64_t)st.st_blocks * 512 : 0;
}

/* What is promised and not taken yet. */
static int64_t outstanding(const struct commitments *commitments)
{
    const struct commitment *commitment;
    int64_t sum = 0;

    LIST_FOREACH(commitment, &commitments->list, next)
    {
        int64_t left =
            commitment->share - commitments_written(commitments->settings, commitment->name, NULL);

        sum += left > 0 ? left : 0;
    }
    return sum;
}

int commitments_take(struct commitments *commitments, const char *name, int64_t disk_bytes,
                     struct error *err)
{
    const struct engine_settings *settings = commitments->settings;
    int64_t wanted = settings->disk_reserve_bytes + share_of(commitments, disk_bytes);
    int64_t available;
    struct statvfs fs;

    if (find(commitments, name) != NULL)
        return 0;
    if (statvfs(settings->scratch_dir, &fs) < 0)
        return error_errno(err, errno, "cannot find out the free space of %s",
                           settings->scratch_dir);
    available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    /* Each is asked for what it has taken only where it matters. */
    if (available < wanted + commitments->shares && available < wanted + outstanding(commitments))
        return error_set(
            err, ERROR_UNAVAILABLE, "DISK_SHORT",
            "the host is short of disk space: %" PRId64 " MiB are free in %s, and with the "
            "reserve and what containers were promised, %" PRId64 " are needed",
            available >> 20, settings->scratch_dir, (wanted + outstanding(commitments)) >> 20);
    commitments_add(commitments, name, disk_bytes);
    return 0;
}

void commitments_drop(struct commitments *commitments, const char *name)
{
    struct commitment *commitment = find(commitments, name);

    if (commitment != NULL)
        drop(commitments, commitment);
}

void commitments_pass_over(struct commitments *commitments, const char *name, int64_t micros)
{
    struct commitment *commitment = find(commitments, name);

    if (commitment != NULL)
        commitment->passed_over = clock_monotonic() + micros;
}

size_t commitments_count(const struct commitments *commitments)
{
    return commitments->count;
}

const char *commitments_largest(const struct commitments *commitments, int64_t *ret_bytes)
{
    const struct commitment *commitment;
    int64_t now = clock_monotonic();
    const char *largest = NULL;
    int64_t most = 0;

    LIST_FOREACH(commitment, &commitments->list, next)
    {
        int64_t written;

        if (commitment->passed_over > now)
            continue;
        written = commitments_written(commitments->settings, commitment->name, NULL);
        if (written > most) {
            most = written;
            largest = commitment->name;
        }
    }
    *ret_bytes = most;
    return largest;
}
