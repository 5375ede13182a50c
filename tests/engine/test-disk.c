/*
 * The host's reserve of disk, whatever guests write. As root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "asker.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "engine/oci.h"
#include "engined/server.h"
#include "wire/engined.h"

#include "base/banned.h"

/* --- the disk -------------------------------------------------------------------------------- */

#define DEVICE_BYTES (768 * MIB)
#define RESERVE (128 * MIB)

/*
 * A file system of its own, as large as a guest fills in a second. Each in a new file that nobody
 * can find again: a container that dies slowly holds the one before in its mount namespace, and
 * mount(8) would take that one, of another size and with another's blocks, for the same file's.
 */
static void mount_small(const char *where, int64_t size, const char *features)
{
    _cleanup_(free_ptr) char *image = xasprintf("%s/device", fixture.dir);
    _cleanup_(free_ptr) char *command =
        xasprintf("truncate -s %lld %s && mke2fs -q -F -t ext4 -m 0 -O %s %s && mkdir -p %s && "
                  "mount -o loop %s %s",
                  (long long)size, image, features, image, where, image, where);
    char *const args[] = {(char *)"sh", (char *)"-c", command, NULL};
    pid_t pid;
    int status;

    if (posix_spawnp(&pid, "sh", NULL, NULL, args, environ) != 0 || waitpid(pid, &status, 0) < 0 ||
        status != 0 || chmod(where, 0711) < 0 || unlink(image) < 0) {
        fprintf(stderr, "cannot mount a small file system\n");
        abort();
    }
}

static int64_t free_in(const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) < 0 ? -1 : (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

/* In a process of its own: the least that was free, asked for all the time until it is told to end.
 */
static pid_t watch_free(const char *path, int *ret_fd)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        int64_t least = INT64_MAX;
        sigset_t end;

        sigemptyset(&end);
        sigaddset(&end, SIGTERM);
        sigprocmask(SIG_BLOCK, &end, NULL);
        for (;;) {
            const struct timespec pause = {.tv_nsec = 500000};
            int64_t now = free_in(path);

            least = now < least ? now : least;
            if (sigtimedwait(&end, NULL, &pause) == SIGTERM)
                break;
        }
        _exit(write(fds[1], &least, sizeof(least)) == sizeof(least) ? 0 : 1);
    }
    close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

static void writers_end_before_the_reserve(const char *scratch)
{
    struct id writers[2] = {id_new(), id_new()}, neighbour = id_new();
    struct engine_watch *watches[2] = {NULL, NULL};
    struct answer ends[2] = {{.done = false}, {.done = false}};
    int64_t least = 0;
    int fd;
    pid_t pid;
    struct answer after;

    start(&neighbour);
    CU_ASSERT_EQUAL(run(&neighbour, "dd if=/dev/zero of=/mine bs=1M count=8 2>/dev/null"), 0);
    for (int i = 0; i < 2; i++) {
        struct answer answer = {.watch = &watches[i], .end = &ends[i]};

        ask_start(&writers[i], 1024 * MIB, &answer);
        wait_for(&answer);
        CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    }
    pid = watch_free(scratch, &fd);
    for (int i = 0; i < 2; i++)
        run(&writers[i], "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait");
    /* The first one's connection ends with it; then the second has the disk to itself. */
    for (int i = 0; i < 2; i++) {
        wait_for(&ends[i]);
        CU_ASSERT_STRING_EQUAL(ends[i].ended_code, "HOST_DISK_FULL");
        CU_ASSERT_PTR_NOT_NULL(strstr(ends[i].ended_message, "disk is nearly full"));
        engine_unwatch(watches[i]);
    }
    CU_ASSERT_EQUAL(run(&neighbour, "test -s /mine && echo well >/still && sync && cat /still"), 0);
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    CU_ASSERT(least >= RESERVE);

    end_engined(SIGKILL);
    run_engined();
    after = describe(&writers[0], NULL);
    CU_ASSERT_FALSE(after.running);
    CU_ASSERT_STRING_EQUAL(after.ended_code, "HOST_DISK_FULL");
    CU_ASSERT_EQUAL(run(&neighbour, "true"), 0);
    for (int i = 0; i < 2; i++)
        stop(&writers[i]);
    stop(&neighbour);
    CU_ASSERT(free_in(scratch) > DEVICE_BYTES * 8 / 10);
}

/* Starts one that may fill the disk, and hears of its end. */
static void start_writer(const struct id *id, struct engine_watch **watch, struct answer *end)
{
    struct answer answer = {.watch = watch, .end = end};

    ask_start(id, 1024 * MIB, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL_FATAL(answer.failed, ERROR_NONE);
}

/* It writes all it can. True when it was ended for it, and the reserve was not touched. */
static bool is_ended_for_writing(const char *scratch, const struct id *id, const struct answer *end)
{
    int64_t least = 0;
    bool ended;
    int fd;
    pid_t pid = watch_free(scratch, &fd);

    run(id, "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait");
    ended = fixture_wait(&fixture, &end->done, 5);
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    return ended && least >= RESERVE;
}

/* Nothing is there to be watched while it waits for its turn. */
static void a_start_that_had_to_wait_is_watched(const char *scratch)
{
    struct answer stopped[100] = {{.done = false}}, end = {.done = false};
    struct engine_watch *watch = NULL;
    struct id id = id_new();

    end_engined(SIGTERM);
    run_engined();
    for (size_t i = 0; i < ARRAY_SIZE(stopped); i++) {
        struct id nobody = id_new();

        engine_stop(engine, CONTAINER_SESSION, &nobody, on_done, &stopped[i]);
    }
    start_writer(&id, &watch, &end);
    CU_ASSERT(is_ended_for_writing(scratch, &id, &end));
    CU_ASSERT_STRING_EQUAL(end.ended_code, "HOST_DISK_FULL");
    engine_unwatch(watch);
    stop(&id);
    for (size_t i = 0; i < ARRAY_SIZE(stopped); i++)
        wait_for(&stopped[i]);
}

static bool is_on_a_loop_device(const struct id *id)
{
    _cleanup_(free_ptr) char *image = xasprintf("/cs-%s.img", id->text);
    DIR *dir = opendir("/sys/block");
    bool found = false;

    for (struct dirent *entry; dir != NULL && !found && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *path =
            xasprintf("/sys/block/%s/loop/backing_file", entry->d_name);
        _cleanup_(buf_release) struct buf behind = BUF_INIT;
        struct error err = ERROR_INIT;

        found = file_read(AT_FDCWD, path, 4096, &behind, &err) == 0 &&
                strstr(behind.data, image) != NULL;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static void drop_caches(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL(write(fd, "1", 1), 1);
    close(fd);
}

/* The kernel holds much that it has not written, and must read from the disk where there is room
 * for it. It has to let that go: else it is at it for ever, and takes a processor for it. */
static void what_was_not_written_yet_is_let_go(const char *scratch)
{
    int64_t deadline;
    struct id id = id_new();
    _cleanup_(free_ptr) char *image = xasprintf("%s/cs-%s.img", scratch, id.text);
    struct answer end = {.done = false};
    struct engine_watch *watch = NULL;
    struct stat st;

    restart_with("disk_reserve_bytes = 0\n");
    start_writer(&id, &watch, &end);
    CU_ASSERT_EQUAL(run(&id, "dd if=/dev/zero of=/written bs=1M count=4 conv=fsync && "
                             "dd if=/dev/zero of=/held bs=1M count=300 && "
                             "mkdir /d && cd /d && mkdir $(seq 2000)"),
                    0);
    drop_caches();
    CU_ASSERT(is_on_a_loop_device(&id));
    restart_with("disk_reserve_bytes = 760M\n");
    CU_ASSERT(fixture_wait(&fixture, &end.done, 5));
    CU_ASSERT_STRING_EQUAL(end.ended_code, "HOST_DISK_FULL");
    engine_unwatch(watch);
    deadline = clock_monotonic() + 10 * CLOCK_SECOND;
    while (is_on_a_loop_device(&id) && clock_monotonic() < deadline)
        poll(NULL, 0, 10);
    CU_ASSERT_FALSE(is_on_a_loop_device(&id));
    CU_ASSERT_EQUAL(stat(image, &st), 0);
    CU_ASSERT(st.st_blocks * 512 < MIB); /* lists of files neither */
    stop(&id);
    CU_ASSERT(free_in(scratch) > DEVICE_BYTES * 8 / 10);
}

/* A stop that takes long holds the lock of its container, which may be the one that takes most. */
static void one_that_is_worked_on_does_not_shield_another(const char *scratch)
{
    struct id ids[2] = {id_new(), id_new()};
    struct answer ends[2] = {{.done = false}, {.done = false}};
    struct engine_watch *watches[2] = {NULL, NULL};
    _cleanup_(free_ptr) char *folder =
        xasprintf("%s/cs-%s", fixture.settings.engine.state_dir, ids[0].text);
    int lock;

    restart_with("disk_reserve_bytes = 0\n");
    for (int i = 0; i < 2; i++)
        start_writer(&ids[i], &watches[i], &ends[i]);
    /* More than the other one can. */
    CU_ASSERT_EQUAL(run(&ids[0], "dd if=/dev/zero of=/all bs=1M count=360 conv=fsync"), 0);
    /* Before the disk is watched: what is free now may be near already. */
    lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(flock(lock, LOCK_EX), 0);
    restart_with("disk_reserve_bytes = 128M\n");
    CU_ASSERT(is_ended_for_writing(scratch, &ids[1], &ends[1]));
    CU_ASSERT_FALSE(ends[0].done);
    close(lock);
    for (int i = 0; i < 2; i++) {
        engine_unwatch(watches[i]);
        stop(&ids[i]);
    }
}

/* Where the state lies there may be no room for the reason, least of all when the disk is full. */
static void one_is_ended_also_without_its_reason(const char *scratch)
{
    struct id id = id_new();
    struct answer end = {.done = false};
    struct engine_watch *watch = NULL;
    _cleanup_(free_ptr) char *in_the_way =
        xasprintf("%s/cs-%s/ended.tmp", fixture.settings.engine.state_dir, id.text);

    start_writer(&id, &watch, &end);
    CU_ASSERT_EQUAL_FATAL(mkdir(in_the_way, 0700), 0);
    CU_ASSERT(is_ended_for_writing(scratch, &id, &end));
    engine_unwatch(watch);
    stop(&id);
    CU_ASSERT(free_in(scratch) > DEVICE_BYTES * 8 / 10);
}

static int count_templates(const char *scratch)
{
    DIR *dir = opendir(scratch);
    int count = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += strncmp(entry->d_name, ".template-", 10) == 0;
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* Whoever asks for ever other sizes must not fill the disk with templates of them. */
static void sizes_leave_no_more_than_a_few_templates(const char *scratch)
{
    int64_t before = free_in(scratch);

    for (int i = 0; i < 20; i++) {
        struct answer answer = {.done = false};
        struct id id = id_new();

        ask_start(&id, (64 + i) * MIB, &answer);
        wait_for(&answer);
        CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
        stop(&id);
    }
    printf("(templates: %lld KiB) ", (long long)(before - free_in(scratch)) / 1024);
    CU_ASSERT(count_templates(scratch) <= 4);
}

/* The end of a container takes so long from now on; NULL: as long as it takes. */
static void slow_ends(const char *seconds)
{
    _cleanup_(free_ptr) char *program = xasprintf("%s/bin/codeset-container", fixture.dir);
    _cleanup_(free_ptr) char *text =
        xasprintf("#!/bin/sh\nif [ \"$1\" = evict ]; then sleep %s; fi\n"
                  "exec " BUILD_DIR "/codeset-container \"$@\"\n",
                  seconds ? seconds : "0");
    struct error err = ERROR_INIT;
    int rc;

    CU_ASSERT_EQUAL_FATAL(unlink(program), 0);
    if (seconds == NULL)
        rc = symlink(BUILD_DIR "/codeset-container", program);
    else
        rc = file_write_atomic(AT_FDCWD, program, text, strlen(text), 0755, &err);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

/* Each in another way: at once in two files, in one that is removed already, in what was allocated
 * before, in one with holes. */
static int64_t least_free_under_many_writers(const char *scratch)
{
    static const char *const ways[] = {
        "dd if=/dev/zero of=/all bs=1M & dd if=/dev/zero of=/more bs=1M & wait",
        "exec 5>/gone; rm /gone; dd if=/dev/zero bs=1M >&5",
        "fallocate -l 900M /all; dd if=/dev/zero of=/all bs=1M conv=notrunc",
        "for i in $(seq 0 2 900); do dd if=/dev/zero of=/holes bs=1M count=1 seek=$i; done",
        "dd if=/dev/zero of=/all bs=1M",
        "dd if=/dev/zero of=/all bs=1M",
    };
    struct id ids[ARRAY_SIZE(ways)];
    struct answer ends[ARRAY_SIZE(ways)] = {{.done = false}};
    struct engine_watch *watches[ARRAY_SIZE(ways)] = {NULL};
    pid_t pids[ARRAY_SIZE(ways)];
    bool at_rest = false;
    int64_t least = 0;
    int fd;
    pid_t pid;

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        ids[i] = id_new();
        start_writer(&ids[i], &watches[i], &ends[i]);
    }
    slow_ends("0.25");
    pid = watch_free(scratch, &fd);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            run(&ids[i], ways[i]);
            _exit(0);
        }
    }
    while (!at_rest) { /* each has been ended, or has nothing more to write */
        at_rest = true;
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
            at_rest &= waitpid(pids[i], NULL, WNOHANG) != 0;
        event_base_loop(fixture.base, EVLOOP_NONBLOCK);
        sched_yield();
    }
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(read(fd, &least, sizeof(least)), (ssize_t)sizeof(least));
    close(fd);
    waitpid(pid, NULL, 0);
    printf("(least free %lld of %lld MiB) ", (long long)(least / MIB), (long long)(RESERVE / MIB));
    slow_ends(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        engine_unwatch(watches[i]);
        stop(&ids[i]);
    }
    return least;
}

/* How much is written while an end takes longer than any did before is the machine's matter: the
 * reserve is kept in one of three tries, and something is left in each. */
static void many_writers_end_before_the_reserve(const char *scratch)
{
    int64_t least = 0;

    for (int try = 0; try < 3 && least < RESERVE; try++) {
        least = least_free_under_many_writers(scratch);
        CU_ASSERT(least > 0);
    }
    CU_ASSERT(least >= RESERVE);
}

/* What is promised to those that are there is not promised again. */
static void what_is_promised_counts(void)
{
    struct id ids[8];
    int taken = 0;

    restart_with("disk_reserve_bytes = 128M\ndisk_commit_percent = 50\n");
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct answer answer = {.done = false};

        ids[i] = id_new();
        ask_start(&ids[i], 256 * MIB, &answer);
        wait_for(&answer);
        if (answer.failed == ERROR_NONE)
            taken++;
        else
            CU_ASSERT_EQUAL(answer.failed, ERROR_UNAVAILABLE);
    }
    CU_ASSERT(taken >= 3 && taken <= 5); /* of 128 MiB each, beside the reserve */
    CU_ASSERT_EQUAL((int)list(), taken);
    stop(&ids[0]);
    start(&ids[0]);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        stop(&ids[i]);
}

/* The host went down with its containers: their images are nobody's. */
static void images_without_a_container_are_removed(const char *scratch)
{
    _cleanup_(free_ptr) char *lost =
        xasprintf("%s/cs-01931b2c-aaaa-7bbb-8ccc-0123456789ab.img", scratch);
    _cleanup_(free_ptr) char *foreign = xasprintf("%s/somebody-else-s.img", scratch);
    struct id id = id_new();
    _cleanup_(free_ptr) char *used = xasprintf("%s/cs-%s.img", scratch, id.text);

    start(&id);
    close(open(lost, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(foreign, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    end_engined(SIGKILL);
    run_engined();
    CU_ASSERT_EQUAL(access(lost, F_OK), -1);
    CU_ASSERT_EQUAL(access(foreign, F_OK), 0);
    CU_ASSERT_EQUAL(access(used, F_OK), 0);
    CU_ASSERT_EQUAL(run(&id, "true"), 0);
    stop(&id);
    CU_ASSERT_EQUAL(access(used, F_OK), -1);
    unlink(foreign);
}

/* With a scratch_dir that is as large as that. */
static void with_a_device_of(int64_t size, void (*test)(const char *scratch))
{
    char *before = fixture.settings.engine.scratch_dir;
    _cleanup_(free_ptr) char *small = xasprintf("%s/small", fixture.dir);
    int64_t deadline = clock_monotonic() + 30 * CLOCK_SECOND;

    mount_small(small, size, "has_journal");
    CU_ASSERT(free_in(small) > size * 9 / 10);
    fixture.settings.engine.scratch_dir = small;
    restart_with("disk_reserve_bytes = 128M\n");
    test(small);
    fixture.settings.engine.scratch_dir = before;
    restart_with("disk_reserve_bytes = 0\n");
    while (umount(small) < 0 && errno == EBUSY && clock_monotonic() < deadline)
        poll(NULL, 0, 10); /* a loop device that is on its way out */
    CU_ASSERT_EQUAL(rmdir(small), 0);
}

static void guests_and_the_reserve(const char *scratch)
{
    writers_end_before_the_reserve(scratch);
    a_start_that_had_to_wait_is_watched(scratch);
    what_was_not_written_yet_is_let_go(scratch);
    one_that_is_worked_on_does_not_shield_another(scratch);
    one_is_ended_also_without_its_reason(scratch);
    sizes_leave_no_more_than_a_few_templates(scratch);
    images_without_a_container_are_removed(scratch);
    what_is_promised_counts();
}

static void no_guest_touches_the_reserve(void)
{
    with_a_device_of(DEVICE_BYTES, guests_and_the_reserve);
}

static void many_and_the_reserve(const char *scratch)
{
    for (int round = 0; round < 3; round++)
        many_writers_end_before_the_reserve(scratch);
}

/* They can write most of it before the first look that is near. */
static void many_at_once_do_not_touch_the_reserve(void)
{
    with_a_device_of(2048 * MIB, many_and_the_reserve);
}

/* Writes so many MiB; ends with 0 when it could. */
static _Noreturn void write_there(const char *path, int mib)
{
    static char chunk[MIB];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    for (int i = 0; i < mib; i++)
        if (write(fd, chunk, sizeof(chunk)) != sizeof(chunk))
            _exit(1);
    _exit(0);
}

static pid_t begin_to_write(const struct cgroup_fs *fs, const char *cgroup, const char *folder,
                            int mib)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/written", folder);
    struct error err;
    pid_t pid = fork();

    if (pid == 0) {
        if (cgroup_enter(fs, cgroup, &err) < 0)
            _exit(2);
        write_there(path, mib);
    }
    CU_ASSERT_FATAL(pid > 0);
    return pid;
}

/* As container/evict.c does it: nothing that is held reaches the disk any more, and it is not let
 * go. */
static void shut(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint32_t how = 2; /* what the journal holds is lost */

    CU_ASSERT_EQUAL(ioctl(fd, _IOR('X', 125, uint32_t), &how), 0);
    close(fd);
}

/* Half a second long, at each look: a short wait is none. */
static bool rests_in_the_kernel(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/stat", (int)pid);
    int64_t deadline = clock_monotonic() + 20 * CLOCK_SECOND;
    int looks = 0;

    while (looks < 50 && clock_monotonic() < deadline) {
        _cleanup_(buf_release) struct buf stat = BUF_INIT;
        struct error err;

        looks = file_read(AT_FDCWD, path, 4096, &stat, &err) == 0 && strstr(stat.data, ") D ")
                    ? looks + 1
                    : 0;
        poll(NULL, 0, 10);
    }
    return looks == 50;
}

/* It wants a MiB, and all that its cgroup has lies with what can't be written any more. */
static void who_waits_for_memory_dies_when_it_is_killed(void)
{
    _cleanup_(free_ptr) char *small = xasprintf("%s/small", fixture.dir);
    _cleanup_(free_ptr) char *cgroup = xasprintf("/cse-dying-%d", (int)getpid());
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    struct cgroup_limits most = {64 * MIB, 100, 1000};
    struct cgroup_usage usage;
    struct error err;
    int64_t killed;
    int status = 0;
    pid_t pid;

    mount_small(small, 256 * MIB, "^has_journal"); /* as containers' are */
    CU_ASSERT_EQUAL_FATAL(cgroup_fs_open(&fs, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cgroup_make(&fs, cgroup, &most, &err), 0);
    CU_ASSERT(waitpid(begin_to_write(&fs, cgroup, small, 8), &status, 0) > 0);
    CU_ASSERT_EQUAL(status, 0);
    shut(small);
    CU_ASSERT_EQUAL_FATAL(cgroup_read(&fs, cgroup, &usage, &err), 0);
    most.memory_bytes = usage.memory_bytes + MIB / 2;
    CU_ASSERT_EQUAL(cgroup_make(&fs, cgroup, &most, &err), 0);
    pid = begin_to_write(&fs, cgroup, fixture.dir, 1);
    CU_ASSERT(rests_in_the_kernel(pid));
    kill(pid, SIGKILL);
    killed = clock_monotonic();
    cgroup_let_die(&fs, cgroup);
    waitpid(pid, &status, 0);
    printf("(%lld ms) ", (long long)(clock_monotonic() - killed) / 1000);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CU_ASSERT(clock_monotonic() - killed < 60 * CLOCK_SECOND);
    CU_ASSERT_EQUAL(cgroup_destroy(&fs, cgroup, 5000, &err), 0);
    CU_ASSERT_EQUAL(umount(small), 0);
    CU_ASSERT_EQUAL(rmdir(small), 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"no guest touches the host's reserve of disk", no_guest_touches_the_reserve},
        {"many at once do not touch it, and each end takes long",
         many_at_once_do_not_touch_the_reserve},
        {"who waits for memory dies when it is killed",
         who_waits_for_memory_dies_when_it_is_killed},
    };
    int status;

    signal(SIGPIPE, SIG_IGN);
    asker_open();
    status = UNIT_MAIN("disk", tests);
    return asker_close() ? status : 1;
}
