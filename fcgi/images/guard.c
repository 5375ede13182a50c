#include "images/guard.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "settings.h"

#include "base/banned.h"

#define LOOK_MS 50
/* Sessions are ended for a full disk some hundred MiB above the reserve (engined/disk_watch.h). An
 * import that fills the same disk ends before them. */
#define MARGIN (INT64_C(512) << 20)
#define INODES_SHARE 32  /* one in so many stays free */
#define FILES_MOST 20000 /* in a folder */

/* The guard's exit statuses. */
enum verdict {
    SUBJECT_ENDED,
    TIME_IS_OVER,
    DISK_IS_FULL,
    TOO_LARGE,
    STARTER_IS_GONE,
    CANNOT_GUARD
};

/* --- the disk -------------------------------------------------------------------------------- */

static bool shares_scratch(const struct engine_settings *settings)
{
    struct stat store, scratch;

    return stat(settings->image_dir, &store) == 0 && stat(settings->scratch_dir, &scratch) == 0 &&
           store.st_dev == scratch.st_dev;
}

/* Whoever fills it, and whatever is in the archive: the store often shares its disk with others. */
int guard_check_disk(const struct engine_settings *settings, struct error *err)
{
    const int64_t margin = shares_scratch(settings) ? MARGIN : 0;
    struct statvfs disk;

    if (statvfs(settings->image_dir, &disk) < 0)
        return error_errno(err, errno, "cannot look at the disk of %s", settings->image_dir);
    if ((int64_t)disk.f_bavail * (int64_t)disk.f_frsize - margin < settings->disk_reserve_bytes)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "the disk of %s is full up to its reserve of %" PRId64
                         " bytes (disk_reserve_bytes)%s; make room, then import again",
                         settings->image_dir, settings->disk_reserve_bytes,
                         margin > 0 ? " and 512 MiB, as sessions write there, too" : "");
    /* Some file systems have no such table, and say 0. */
    if (disk.f_files > 0 && disk.f_favail < disk.f_files / INODES_SHARE)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "the file system of %s has fewer than 1 in %d of its inodes left (df -i); "
                         "remove files there, or use a file system with more, then import again",
                         settings->image_dir, INODES_SHARE);
    return 0;
}

/* --- a folder -------------------------------------------------------------------------------- */

int64_t guard_folder_bytes(const char *folder)
{
    char *const paths[] = {(char *)(uintptr_t)folder, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    int64_t bytes = 0;
    int files = 0;

    if (!tree)
        return 0;
    for (FTSENT *entry; files <= FILES_MOST && (entry = fts_read(tree)) != NULL; files++)
        if (entry->fts_info == FTS_F)
            bytes += entry->fts_statp->st_size;
    fts_close(tree);
    return files > FILES_MOST ? INT64_MAX : bytes;
}

/* --- the guard ------------------------------------------------------------------------------- */

/* The bytes come first: what ends meanwhile only allows more. */
static bool is_too_large(const struct engine_settings *settings,
                         const struct guard_subject *subject)
{
    const int64_t bytes = guard_folder_bytes(subject->folder), each = settings->image_bytes_max;
    const int64_t ended = subject->ended ? *subject->ended - subject->ended_before : 0;

    return ended <= (INT64_MAX - subject->folder_bytes_max) / each &&
           bytes > subject->folder_bytes_max + ended * each;
}

static enum verdict look(const struct engine_settings *settings,
                         const struct guard_subject *subject, pid_t starter, int64_t deadline)
{
    struct error ignored;

    if (getppid() != starter)
        return STARTER_IS_GONE;
    if (clock_monotonic() >= deadline)
        return TIME_IS_OVER;
    if (subject->folder && is_too_large(settings, subject))
        return TOO_LARGE;
    return guard_check_disk(settings, &ignored) < 0 ? DISK_IS_FULL : SUBJECT_ENDED;
}

static _Noreturn void guard(const struct engine_settings *settings,
                            const struct guard_subject *subject, pid_t starter, int subject_fd)
{
    const int64_t deadline = clock_monotonic() + settings->image_seconds_max * CLOCK_SECOND;
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    enum verdict verdict = SUBJECT_ENDED;

    setsid();
    if (dup2(subject_fd, STDIN_FILENO) < 0 || close_range(STDIN_FILENO + 1, ~0U, 0) < 0)
        verdict = CANNOT_GUARD;
    while (verdict == SUBJECT_ENDED && poll(&end, 1, LOOK_MS) <= 0)
        verdict = look(settings, subject, starter, deadline);
    if (verdict != SUBJECT_ENDED &&
        pidfd_send_signal(verdict == CANNOT_GUARD ? subject_fd : STDIN_FILENO, SIGKILL, NULL, 0) <
            0)
        verdict = SUBJECT_ENDED; /* meanwhile it has */
    _exit(verdict);
}

/* --- who has it ------------------------------------------------------------------------------ */

int guard_start(const struct engine_settings *settings, const struct guard_subject *subject,
                struct guard *ret_guard, struct error *err)
{
    _cleanup_(close_fd) int subject_fd = pidfd_open(subject->pid, 0);
    const pid_t starter = getpid();
    struct guard begun = {.fd = -1, .what = subject->what};

    if (subject_fd < 0)
        return error_errno(err, errno, "cannot watch the process");
    begun.pid = fork();
    if (begun.pid == 0)
        guard(settings, subject, starter, subject_fd);
    if (begun.pid < 0)
        return error_errno(err, errno, "cannot fork");
    begun.fd = pidfd_open(begun.pid, 0);
    *ret_guard = begun;
    return begun.fd >= 0 ? 0 : error_errno(err, errno, "cannot watch the import's guard");
}

static int await(struct guard *guard)
{
    int status = 0;

    while (guard->pid > 0 && waitpid(guard->pid, &status, 0) < 0 && errno == EINTR)
        ;
    guard->pid = 0;
    close_fd(&guard->fd);
    return status;
}

int guard_end(struct guard *guard, const struct engine_settings *settings, struct error *err)
{
    int status = await(guard);

    if (!WIFEXITED(status))
        return error_set(err, ERROR_INTERNAL, NULL,
                         "the import's guard was ended by signal %d; import again",
                         WTERMSIG(status));
    switch (WEXITSTATUS(status)) {
    case SUBJECT_ENDED:
        return 0;
    case TIME_IS_OVER:
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "%s takes more than %" PRId64 " seconds (image_seconds_max)", guard->what,
                         settings->image_seconds_max);
    case TOO_LARGE:
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image is larger than %" PRId64 " bytes (image_bytes_max)",
                         settings->image_bytes_max);
    case DISK_IS_FULL:
        if (guard_check_disk(settings, err) < 0)
            return -1;
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "%s takes more room than the disk of %s has above its reserve "
                         "(disk_reserve_bytes) and 1 in %d of its inodes; make room, then import "
                         "again",
                         guard->what, settings->image_dir, INODES_SHARE);
    default:
        return error_set(err, ERROR_INTERNAL, NULL, "the import's guard failed");
    }
}

void guard_release(struct guard *guard)
{
    if (guard->pid > 0)
        kill(guard->pid, SIGKILL);
    await(guard);
}
