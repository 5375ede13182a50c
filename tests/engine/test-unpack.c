/*
 * Who reads an image archive: what codeset-unpack is while it works, and that each of its bounds
 * holds. Nothing stays behind an import that is interrupted.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "fixture.h"
#include "images/guard.h"
#include "images/images.h"
#include "tars.h"

#include "base/banned.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define PATIENCE (120 * CLOCK_SECOND)

static struct fixture fixture;

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", fixture.dir, name);
}

/* --- processes ------------------------------------------------------------------------------- */

static void read_of(pid_t pid, const char *file, struct buf *out)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", (int)pid, file);
    struct error ignored;

    buf_clear(out);
    if (file_read(AT_FDCWD, path, 1 << 20, out, &ignored) < 0)
        buf_clear(out);
}

/* A child of that process with that name, or 0. */
static pid_t child_of(pid_t parent, const char *name)
{
    _cleanup_(buf_release) struct buf list = BUF_INIT, comm = BUF_INIT;
    _cleanup_(free_ptr) char *children = xasprintf("task/%d/children", (int)parent);
    char *at;

    read_of(parent, children, &list);
    at = list.data;
    for (long pid = strtol(at, &at, 10); pid > 0; pid = strtol(at, &at, 10)) {
        read_of((pid_t)pid, "comm", &comm);
        if (strcmp(comm.data, name) == 0)
            return (pid_t)pid;
    }
    return 0;
}

static char *link_of(pid_t pid, const char *file)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", (int)pid, file);
    char *target = xcalloc(1, 4096);

    if (readlink(path, target, 4095) < 0)
        target[0] = '\0';
    return target;
}

static void has(const struct buf *text, const char *line)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(text->data, line));
    if (strstr(text->data, line) == NULL)
        fprintf(stderr, "(no \"%s\") ", line);
}

/* --- imports in a process of their own ---------------------------------------------------------
 */

struct import {
    pid_t pid;
    int pipe_fd; /* its standard input; nothing comes until it is written */
};

static struct import begin_import(void)
{
    struct import import = {.pid = 0};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    import.pid = fork();
    CU_ASSERT_FATAL(import.pid >= 0);
    if (import.pid == 0) {
        struct error err = ERROR_INIT;

        signal(SIGINT, SIG_DFL); /* ignored where a shell runs the tests in the background */
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO);
        _exit(image_import(&fixture.settings.engine, "subject", "-", NULL, false, NULL, NULL,
                           &err) == 0
                  ? 0
                  : 1);
    }
    close(ends[0]);
    import.pipe_fd = ends[1];
    return import;
}

static bool before(int64_t deadline)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    nanosleep(&pause, NULL);
    return clock_monotonic() < deadline;
}

/* Waits until the archive's reader is behind its filter, and returns it. */
static pid_t reader_of(const struct import *import)
{
    int64_t deadline = clock_monotonic() + PATIENCE;
    _cleanup_(buf_release) struct buf status = BUF_INIT;
    pid_t pid = 0;

    do {
        pid = child_of(import->pid, "codeset-unpack\n");
        if (pid > 0)
            read_of(pid, "status", &status);
    } while ((pid == 0 || strstr(status.data, "\nSeccomp:\t2\n") == NULL) && before(deadline));
    CU_ASSERT_TRUE_FATAL(pid > 0);
    return pid;
}

static int end_of(struct import *import)
{
    int status = 0;

    CU_ASSERT_EQUAL(waitpid(import->pid, &status, 0), import->pid);
    close_fd(&import->pipe_fd);
    return status;
}

/* Anything of an import: its folder, its cgroup. */
static bool something_is_left(void)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    struct error err = ERROR_INIT;
    DIR *dir = opendir(fixture.settings.engine.image_dir);
    bool left = false;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        left = left || strncmp(entry->d_name, ".import-", 8) == 0;
    if (dir != NULL)
        closedir(dir);
    CU_ASSERT_EQUAL_FATAL(cgroup_fs_open(&fs, &err), 0);
    for (int i = 0; i < fs.count; i++) {
        _cleanup_(free_ptr) char *path =
            xasprintf("%s%s", fs.mounts[i], fixture.settings.engine.cgroup_parent);

        dir = opendir(path);
        for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
            left = left || strncmp(entry->d_name, "import-", 7) == 0;
        if (dir != NULL)
            closedir(dir);
    }
    return left;
}

static void nothing_stays(void)
{
    int64_t deadline = clock_monotonic() + PATIENCE;

    while (something_is_left() && before(deadline))
        ;
    CU_ASSERT_FALSE(something_is_left());
}

/* --- what it is --------------------------------------------------------------------------------
 */

static void check_descriptors(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);

    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *name = xasprintf("fd/%s", entry->d_name);
        _cleanup_(free_ptr) char *target = link_of(pid, name);
        bool is_known = target[0] == '\0' || strncmp(target, "pipe:", 5) == 0 ||
                        strcmp(target, "/dev/null") == 0 || strstr(target, "/.import-") != NULL ||
                        strcmp(target, "/rootfs") == 0 || strncmp(target, "/archive", 8) == 0;

        if (entry->d_name[0] != '.' && !is_known && !SANITIZED) {
            fprintf(stderr, "(descriptor %s: %s) ", entry->d_name, target);
            CU_FAIL("a descriptor that it does not need");
        }
    }
    closedir(dir);
}

static void check_namespaces(pid_t pid)
{
    static const char *const spaces[] = {"ns/user", "ns/pid", "ns/mnt",
                                         "ns/net",  "ns/ipc", "ns/uts"};

    for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
        _cleanup_(free_ptr) char *its = link_of(pid, spaces[i]);
        _cleanup_(free_ptr) char *ours = link_of(getpid(), spaces[i]);

        CU_ASSERT_TRUE(its[0] != '\0' && strcmp(its, ours) != 0);
    }
}

/* Its own cgroup, with limits. */
static void check_cgroup(pid_t pid)
{
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(buf_release) struct buf groups = BUF_INIT, memory = BUF_INIT, processes = BUF_INIT;
    _cleanup_(free_ptr) char *line = NULL, *path = NULL;
    struct error err = ERROR_INIT;
    const char *name;

    read_of(pid, "cgroup", &groups);
    line = xasprintf(":%s/import-", fixture.settings.engine.cgroup_parent);
    name = strstr(groups.data, line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    CU_ASSERT_EQUAL_FATAL(cgroup_fs_open(&fs, &err), 0);
    path = xasprintf("%s%.*s/%s", fs.memory, (int)strcspn(name + 1, "\n"), name + 1,
                     fs.v2 ? "memory.max" : "memory.limit_in_bytes");
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 64, &memory, &err), 0);
    CU_ASSERT_STRING_EQUAL(memory.data, "1073741824\n");
    free(path);
    path = xasprintf("%s%.*s/pids.max", fs.pids, (int)strcspn(name + 1, "\n"), name + 1);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 64, &processes, &err), 0);
    CU_ASSERT_STRING_EQUAL(processes.data, "4\n");
}

static void it_is_nobody_on_the_host(void)
{
    struct import import = begin_import();
    pid_t pid = reader_of(&import);
    _cleanup_(buf_release) struct buf status = BUF_INIT, limits = BUF_INIT, environment = BUF_INIT;
    _cleanup_(free_ptr) char *root = link_of(pid, "root");
    _cleanup_(free_ptr) char *uid = xasprintf("\nUid:\t%1$lld\t%1$lld\t%1$lld\t%1$lld\n",
                                              (long long)fixture.settings.engine.uid_base);

    read_of(pid, "status", &status);
    has(&status, uid);
    has(&status, "\nGroups:\t \n");
    has(&status, "\nCapEff:\t00000000000000db\n"); /* those of images/cage.c, in its namespace */
    has(&status, "\nCapBnd:\t0000000000000000\n");
    has(&status, "\nCapInh:\t0000000000000000\n");
    has(&status, "\nNoNewPrivs:\t1\n");
    read_of(pid, "limits", &limits);
    has(&limits, "Max core file size        0 ");
    has(&limits, "Max processes             4 ");
    if (!SANITIZED)
        has(&limits, "Max address space         1073741824 ");
    read_of(pid, "environ", &environment);
    CU_ASSERT_EQUAL(environment.length, 0);
    CU_ASSERT_STRING_EQUAL(root, "/");
    check_namespaces(pid);
    check_descriptors(pid);
    check_cgroup(pid);
    kill(import.pid, SIGKILL);
    end_of(&import);
    nothing_stays();
}

/* Each import has several decoders, which live as long as it takes them. */
static _Noreturn void import_for_ever(const char *archive)
{
    for (;;) {
        struct error ignored;

        image_import(&fixture.settings.engine, "subject", archive, NULL, true, NULL, NULL,
                     &ignored);
    }
}

static void its_decoders_are_nobody_at_all(void)
{
    static char content[48 << 20];
    const struct tar_entry entries[] = {TAR_SHELL, TAR_BYTES("a", content, sizeof(content))};
    _cleanup_(free_ptr) char *archive = path_of("large.tar.gz");
    _cleanup_(free_ptr) char *uid = xasprintf("\nUid:\t%1$lld\t%1$lld\t%1$lld\t%1$lld\n",
                                              (long long)fixture.settings.engine.uid_base + 65534);
    _cleanup_(buf_release) struct buf status = BUF_INIT, limits = BUF_INIT;
    int64_t deadline = clock_monotonic() + PATIENCE;
    struct import import = {.pipe_fd = -1};
    struct error err = ERROR_INIT;

    tar_write(archive, entries, ARRAY_SIZE(entries));
    import.pid = fork();
    if (import.pid == 0)
        import_for_ever(archive);
    do {
        pid_t reader = child_of(import.pid, "codeset-unpack\n");
        pid_t decoder = reader > 0 ? child_of(reader, "codeset-unpack\n") : 0;

        read_of(decoder > 0 ? decoder : 1, "limits", &limits);
        if (decoder > 0)
            read_of(decoder, "status", &status);
    } while ((strstr(limits.data, "Max open files            0 ") == NULL || status.length == 0) &&
             before(deadline));
    kill(import.pid, SIGKILL);
    end_of(&import);
    has(&status, uid);
    has(&status, "\nCapEff:\t0000000000000000\n");
    has(&status, "\nCapPrm:\t0000000000000000\n");
    has(&status, "\nNoNewPrivs:\t1\n");
    has(&status, "\nSeccomp:\t2\n");
    nothing_stays();
    image_remove(&fixture.settings.engine, "subject", &err);
}

/* --- bounds, and what interrupts it ------------------------------------------------------------
 */

static int import_from(const char *source, struct error *err)
{
    return image_import(&fixture.settings.engine, "subject", source, NULL, false, NULL, NULL, err);
}

/* Nobody writes into the pipe, and nobody closes it. */
static void an_import_ends_when_its_time_is_over(void)
{
    int64_t kept = fixture.settings.engine.image_seconds_max;
    int standard = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10), ends[2];
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[0], STDIN_FILENO);
    fixture.settings.engine.image_seconds_max = 1;
    CU_ASSERT_EQUAL(import_from("-", &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "takes more than 1 seconds (image_seconds_max)"));
    CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
    fixture.settings.engine.image_seconds_max = kept;
    if (standard >= 0)
        dup2(standard, STDIN_FILENO);
    close(standard);
    close(ends[0]);
    close(ends[1]);
    CU_ASSERT_FALSE(something_is_left());
}

/* Programs in it may be set-user-id, whose owner on the host is that of all images. */
static void nobody_else_passes_through_the_store(void)
{
    const struct tar_entry entries[] = {TAR_SHELL};
    _cleanup_(free_ptr) char *archive = path_of("shell.tar");
    struct error err = ERROR_INIT;
    struct stat st;

    tar_write(archive, entries, ARRAY_SIZE(entries));
    CU_ASSERT_EQUAL(chmod(fixture.settings.engine.image_dir, 0755), 0);
    CU_ASSERT_EQUAL(import_from(archive, &err), 0);
    CU_ASSERT_EQUAL(stat(fixture.settings.engine.image_dir, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);
    CU_ASSERT_EQUAL(image_remove(&fixture.settings.engine, "subject", &err), 0);
}

static void an_import_leaves_the_disks_reserve(void)
{
    const struct tar_entry entries[] = {TAR_SHELL};
    _cleanup_(free_ptr) char *archive = path_of("small.tar.gz");
    struct error err = ERROR_INIT;

    tar_write(archive, entries, ARRAY_SIZE(entries));
    fixture.settings.engine.disk_reserve_bytes = INT64_MAX;
    CU_ASSERT_EQUAL(import_from(archive, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "(disk_reserve_bytes)"));
    fixture.settings.engine.disk_reserve_bytes = 0;
    CU_ASSERT_FALSE(something_is_left());
}

/* A disk of its own for the store, that has so many files already. */
static void begin_small_disk(const char *options, int files)
{
    _cleanup_(free_ptr) char *disk = path_of("small-disk");
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(make_dirs(disk, 0711, &err), 0);
    CU_ASSERT_EQUAL_FATAL(mount("none", disk, "tmpfs", 0, options), 0);
    for (int i = 0; i < files; i++) {
        _cleanup_(free_ptr) char *path = xasprintf("%s/%d", disk, i);
        _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        CU_ASSERT_TRUE(fd >= 0);
    }
    fixture.settings.engine.image_dir = TAKE_PTR(disk);
}

static void end_small_disk(char *kept)
{
    CU_ASSERT_FALSE(something_is_left());
    CU_ASSERT_EQUAL(umount(fixture.settings.engine.image_dir), 0);
    free(fixture.settings.engine.image_dir);
    fixture.settings.engine.image_dir = kept;
}

/* The archive goes on for ever: who reads it can't end by itself. */
static void an_import_stops_at_the_reserve(void)
{
    static char content[8 << 20];
    char *kept = fixture.settings.engine.image_dir;
    struct error err = ERROR_INIT;
    struct import import;
    int status;

    begin_small_disk("size=64m", 0);
    fixture.settings.engine.disk_reserve_bytes = 60 << 20;
    import = begin_import();
    signal(SIGPIPE, SIG_IGN);
    fd_write_all(import.pipe_fd, content, sizeof(content), &err);
    status = end_of(&import);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    fixture.settings.engine.disk_reserve_bytes = 0;
    end_small_disk(kept);
}

/* Of 256 some are taken, and 8 are to stay. */
static void an_import_leaves_inodes(void)
{
    const struct tar_entry entries[] = {TAR_SHELL};
    _cleanup_(free_ptr) char *archive = path_of("one.tar.gz");
    char *kept = fixture.settings.engine.image_dir;
    struct error err = ERROR_INIT;

    tar_write(archive, entries, ARRAY_SIZE(entries));
    begin_small_disk("nr_inodes=256", 245);
    CU_ASSERT_EQUAL(import_from(archive, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "of its inodes left"));
    end_small_disk(kept);
}

static bool has_ended(pid_t pid)
{
    _cleanup_(buf_release) struct buf status = BUF_INIT;

    read_of(pid, "status", &status);
    return status.length == 0 || strstr(status.data, "\nState:\tZ") != NULL;
}

/* Ctrl-Z, or a terminal that takes no more. */
static void a_stopped_import_ends_in_time(void)
{
    int64_t kept = fixture.settings.engine.image_seconds_max, deadline;
    struct import import;
    pid_t reader;
    int status;

    fixture.settings.engine.image_seconds_max = 5;
    import = begin_import();
    reader = reader_of(&import);
    kill(import.pid, SIGSTOP);
    deadline = clock_monotonic() + PATIENCE;
    while (!has_ended(reader) && before(deadline))
        ;
    CU_ASSERT_TRUE(has_ended(reader));
    kill(import.pid, SIGCONT);
    status = end_of(&import);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    fixture.settings.engine.image_seconds_max = kept;
    CU_ASSERT_FALSE(something_is_left());
}

/* Whoever took the reader over can forget that it is to end with its parent: it would live on. */
static void the_guard_outlives_who_started_it(void)
{
    int64_t deadline = clock_monotonic() + PATIENCE;
    pid_t starter, subject = 0;
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    starter = fork();
    if (starter == 0) {
        struct guard guard;
        struct error err = ERROR_INIT;

        subject = fork();
        if (subject == 0)
            for (;;)
                pause();
        if (guard_start(&fixture.settings.engine,
                        &(struct guard_subject){.pid = subject, .what = "to unpack it"}, &guard,
                        &err) < 0 ||
            write(ends[1], &subject, sizeof(subject)) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    CU_ASSERT_EQUAL_FATAL(read(ends[0], &subject, sizeof(subject)), (ssize_t)sizeof(subject));
    CU_ASSERT_EQUAL(kill(subject, 0), 0);
    kill(starter, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(starter, NULL, 0), starter);
    while (!has_ended(subject) && before(deadline))
        ;
    CU_ASSERT_TRUE(has_ended(subject));
    close(ends[0]);
    close(ends[1]);
}

static void an_interrupted_import_leaves_nothing(int signal_number)
{
    struct import import = begin_import();
    pid_t reader = reader_of(&import);
    int64_t deadline = clock_monotonic() + PATIENCE;
    int status;

    CU_ASSERT_TRUE(something_is_left());
    kill(import.pid, signal_number);
    status = end_of(&import);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
    nothing_stays();
    while (kill(reader, 0) == 0 && before(deadline))
        ;
    CU_ASSERT_EQUAL(kill(reader, 0), -1);
}

static void a_killed_import_leaves_nothing(void)
{
    an_interrupted_import_leaves_nothing(SIGKILL);
    an_interrupted_import_leaves_nothing(SIGINT);
}

static void an_import_whose_reader_dies_fails_and_leaves_nothing(void)
{
    struct import import = begin_import();
    int status;

    kill(reader_of(&import), SIGKILL);
    status = end_of(&import);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    CU_ASSERT_FALSE(something_is_left());
}

/* Whoever took its reader over could write there, what a terminal obeys. */
static void no_archive_comes_from_a_terminal(void)
{
    int standard = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct error err = ERROR_INIT;

    CU_ASSERT_TRUE_FATAL(terminal >= 0);
    dup2(terminal, STDIN_FILENO);
    CU_ASSERT_EQUAL(import_from("-", &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "standard input is a terminal"));
    if (standard >= 0)
        dup2(standard, STDIN_FILENO);
    close(standard);
    close(terminal);
    CU_ASSERT_FALSE(something_is_left());
}

/* A name of the archive may hold what a terminal obeys. */
static void names_are_told_without_control_characters(void)
{
    const struct tar_entry entries[] = {
        {"a\033]0;x\a\n\302\233m", S_IFBLK, 0600, NULL, NULL, 0, 0}};
    _cleanup_(free_ptr) char *archive = path_of("rude.tar.gz");
    struct error err = ERROR_INIT;

    tar_write(archive, entries, ARRAY_SIZE(entries));
    CU_ASSERT_EQUAL(import_from(archive, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "a?]0;x???m: is a device"));
}

static const struct unit_test tests[] = {
    {"an archive's reader is nobody on the host, with limits", it_is_nobody_on_the_host},
    {"its decoders are nobody even there", its_decoders_are_nobody_at_all},
    {"nobody else passes through the image store", nobody_else_passes_through_the_store},
    {"an import ends when its time is over", an_import_ends_when_its_time_is_over},
    {"an import leaves the disk's reserve", an_import_leaves_the_disks_reserve},
    {"an import stops where the reserve begins", an_import_stops_at_the_reserve},
    {"an import leaves inodes", an_import_leaves_inodes},
    {"an import ends in time when who started it is stopped", a_stopped_import_ends_in_time},
    {"its guard outlives who started it", the_guard_outlives_who_started_it},
    {"an import that is killed or interrupted leaves nothing", a_killed_import_leaves_nothing},
    {"an import whose reader dies fails, and leaves nothing",
     an_import_whose_reader_dies_fails_and_leaves_nothing},
    {"no archive comes from a terminal", no_archive_comes_from_a_terminal},
    {"an archive's names are told without control characters",
     names_are_told_without_control_characters},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "u");
    failed = UNIT_MAIN("unpack", tests);
    return fixture_close(&fixture) ? failed : 1;
}
