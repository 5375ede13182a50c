#include "engined/disk_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engined/commitments.h"
#include "engined/containers.h"
#include "settings.h"

#include "base/banned.h"

#define FAR_MS 100
#define NEAR_MS 10
#define NEAR_BYTES (INT64_C(1) << 30) /* above the reserve: from here on it looks oftener */
/* The disk fills at the speed of memory, for what is written lies there first: gigabytes a second,
 * unannounced. */
#define MARGIN_LEAST (INT64_C(256) << 20)
#define MARGIN_US (100 * 1000) /* what is written in that time has to fit above the reserve */
#define LATE_MOST (200 * 1000)
#define EVICT_GUESS (100 * 1000) /* until one was ended */
#define WORTH (INT64_C(1) << 20) /* who takes less is not to blame */

#define REASON                                                                                     \
    "HOST_DISK_FULL the host's disk is nearly full, and of all sessions this one had written "     \
    "most; create another, and write less"

struct disk_watch {
    struct event_base *base;
    const struct engine_settings *settings;
    struct containers *containers;
    struct event *timer;
    bool armed;
    int busy;                     /* so many are being ended */
    int64_t ending;               /* bytes of the first of those */
    bool helpless;                /* it is near, and no container is to blame: said once */
    int64_t available, looked_at; /* at the last look; 0: there was none */
    int64_t per_second;           /* how fast it fills; falls slowly */
    /* In microseconds: until the next look, how much later the last one came, how long it took to
     * end the last containers, and when that began. */
    int64_t pause, late, evict_took, evict_began;
};

static void look_again(struct disk_watch *watch, int ms)
{
    struct timeval pause = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    watch->armed = true;
    watch->pause = ms * INT64_C(1000);
    evtimer_add(watch->timer, &pause);
}

static void evicted(const struct error *err, void *arg)
{
    struct disk_watch *watch = arg;

    watch->busy--;
    watch->evict_took = clock_monotonic() - watch->evict_began;
    if (err != NULL)
        log_error("evict_failed", err);
    if (err == NULL && watch->busy == 0) {
        watch->per_second = 0; /* it was theirs; others' shows at the next looks */
        watch->looked_at = 0;
    }
}

/* The speed of the last look, or nearly what it was: what guests write reaches the disk in bursts,
 * and a pause between two of them is not the end. */
static void measure(struct disk_watch *watch, int64_t available)
{
    int64_t now = clock_monotonic();
    int64_t took = now - watch->looked_at;
    int64_t speed = 0;

    if (watch->looked_at != 0 && took > 0 && available < watch->available)
        speed = (watch->available - available) * CLOCK_SECOND / took;
    watch->per_second = watch->per_second / 64 * 63;
    if (speed > watch->per_second)
        watch->per_second = speed;
    watch->late = watch->looked_at != 0 && took > watch->pause ? took - watch->pause : 0;
    watch->available = available;
    watch->looked_at = now;
}

static void end_largest(struct disk_watch *watch)
{
    int64_t bytes;
    const char *name = commitments_largest(containers_commitments(watch->containers), &bytes);

    if (name == NULL || bytes < WORTH) {
        if (watch->busy > 0)
            return;
        if (!watch->helpless)
            log_event(LOG_ERROR, "disk_near", "available=%" PRId64 " largest=%" PRId64,
                      watch->available, bytes);
        watch->helpless = true;
        return;
    }
    /* Those that fill the disk together hold much alike. Who holds little beside the one that is
     * being ended only stands near. */
    if (watch->busy > 0 && bytes < watch->ending / 4)
        return;
    log_event(LOG_WARNING, "disk_writer_ended",
              "container=%s bytes=%" PRId64 " available=%" PRId64 " bytes_per_second=%" PRId64,
              name, bytes, watch->available, watch->per_second);
    if (watch->busy++ == 0) {
        watch->ending = bytes;
        watch->evict_began = clock_monotonic();
    }
    containers_evict(watch->containers, name, REASON, evicted, watch);
}

/* What may be written until the container is ended. On a busy host looks come late, and so does
 * that end. */
static int64_t margin_of(const struct disk_watch *watch)
{
    int64_t late = watch->late + watch->evict_took;
    int64_t margin =
        watch->per_second / 1000 * (MARGIN_US + (late < LATE_MOST ? late : LATE_MOST)) / 1000;

    return margin > MARGIN_LEAST ? margin : MARGIN_LEAST;
}

static void look(struct disk_watch *watch)
{
    int64_t reserve = watch->settings->disk_reserve_bytes;
    int64_t margin, available;
    struct statvfs fs;
    bool near;

    if (statvfs(watch->settings->scratch_dir, &fs) < 0) {
        struct error err = ERROR_INIT;

        error_errno(&err, errno, "cannot find out the free space of %s",
                    watch->settings->scratch_dir);
        log_error("disk_unknown", &err);
        look_again(watch, FAR_MS);
        return;
    }
    available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    measure(watch, available);
    margin = margin_of(watch);
    near = available < reserve + margin;
    /* Where a quarter of the margin is gone before the last one has ended, the others write on. */
    if (near && (watch->busy == 0 || available < reserve + margin / 4 * 3))
        end_largest(watch);
    else if (!near)
        watch->helpless = false;
    /* At its speed, could it come near before the next look? */
    near = near || available - reserve < NEAR_BYTES || available - reserve < watch->per_second;
    look_again(watch, near ? NEAR_MS : FAR_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct disk_watch *watch = arg;

    (void)fd;
    (void)what;
    watch->armed = false;
    if (commitments_count(containers_commitments(watch->containers)) > 0)
        look(watch);
    else
        watch->looked_at = 0;
}

void disk_watch_begin(struct disk_watch *watch)
{
    /* With no reserve there is nothing to keep. */
    if (!watch->armed && watch->settings->disk_reserve_bytes > 0)
        look_again(watch, NEAR_MS);
}

struct disk_watch *disk_watch_new(struct event_base *base, const struct engine_settings *settings,
                                  struct containers *containers)
{
    struct disk_watch *watch = xcalloc(1, sizeof(*watch));

    watch->base = base;
    watch->settings = settings;
    watch->containers = containers;
    watch->timer = evtimer_new(base, on_timer, watch);
    watch->evict_took = EVICT_GUESS;
    disk_watch_begin(watch); /* for those that are there */
    return watch;
}

void disk_watch_free(struct disk_watch *watch)
{
    if (watch == NULL)
        return;
    event_free(watch->timer);
    free(watch);
}
