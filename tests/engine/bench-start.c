/*
 * bench-start.c - how long a start takes until the agent has answered: asked of codeset-engined as
 * the daemon does, by the same functions within this process, and beside a bare `crun run` of the
 * same configuration and image until the first byte of its output.
 *
 *     bench-start [ROUNDS]
 *
 * The three take turns, so that what else the machine does hits all.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/mounts.h"
#include "container/oci_config.h"
#include "container/seccomp.h"
#include "engine/oci.h"
#include "fixture.h"

#include "base/banned.h"

extern char **environ;

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The value below which so many per cent of them lie, in milliseconds. */
static double percentile(const int64_t *sorted, int count, int percent)
{
    int place = count * percent / 100;

    return (double)sorted[place] / 1000;
}

static double report(const char *what, int64_t *times, int count)
{
    qsort(times, (size_t)count, sizeof(*times), compare);
    printf("%-32s median %6.2f ms   least %6.2f   p10 %6.2f   p90 %6.2f   p99 %6.2f\n", what,
           percentile(times, count, 50), percentile(times, count, 0), percentile(times, count, 10),
           percentile(times, count, 90), percentile(times, count, 99));
    return percentile(times, count, 50);
}

/* Writes the bundle of the bare run: the engine's configuration, another program in it. Its runtime
 * goes to the image's root as the container's root, who is nobody there. */
static void write_bundle(const struct fixture *fixture, const char *bundle)
{
    _cleanup_(free_ptr) char *image = xasprintf("%s/busybox", fixture->settings.engine.image_dir);
    _cleanup_(free_ptr) char *rootfs = xasprintf("%s/rootfs", image);
    _cleanup_(free_ptr) char *agent = xasprintf("%s/.agent", fixture->settings.engine.scratch_dir);
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/bare", fixture->settings.engine.cgroup_parent);
    _cleanup_(free_ptr) char *path = xasprintf("%s/config.json", bundle);
    _cleanup_(json_release) json_object *seccomp = seccomp_config();
    const struct oci_spec spec = {.name = "bare",
                                  .rootfs = rootfs,
                                  .agent = agent,
                                  .cgroup_path = cgroup,
                                  .first_id = fixture->settings.engine.uid_base,
                                  .limits = fixture_limits,
                                  .seccomp = seccomp};
    _cleanup_(json_release) json_object *config = oci_config(&spec);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *process = json_object_object_get(config, "process");
    json_object *args = json_object_new_array();
    struct error err = ERROR_INIT;

    json_object_array_add(args, json_object_new_string("/bin/busybox"));
    json_object_array_add(args, json_object_new_string("echo"));
    json_object_array_add(args, json_object_new_string("x"));
    json_add(process, "args", args);
    json_write(&text, config);
    if (chmod(fixture->settings.engine.image_dir, 0711) < 0 || chmod(image, 0711) < 0 ||
        make_dirs(bundle, 0711, &err) < 0 ||
        file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, &err) < 0)
        abort();
}

static int64_t bare_run(const char *bundle)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", bundle);
    _cleanup_(free_ptr) char *where = xasprintf("--bundle=%s", bundle);
    _cleanup_(close_fd) int empty = memfd_create("empty", MFD_CLOEXEC);
    const char *const args[] = {"crun", root, "run", where, "bare", NULL};
    posix_spawn_file_actions_t actions;
    int64_t before = clock_monotonic(), after;
    int fds[2], status;
    pid_t pid;
    char byte;

    if (empty < 0 || pipe2(fds, O_CLOEXEC) < 0)
        abort();
    posix_spawn_file_actions_init(&actions);
    /* Crun gives them to the container: the host's /dev/null is no such (container/runtime.c). */
    posix_spawn_file_actions_adddup2(&actions, empty, 0);
    posix_spawn_file_actions_adddup2(&actions, empty, 2);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    if (posix_spawnp(&pid, "crun", &actions, NULL, (char *const *)args, environ) != 0)
        abort();
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (read(fds[0], &byte, 1) != 1)
        abort();
    after = clock_monotonic();
    close(fds[0]);
    waitpid(pid, &status, 0);
    return after - before;
}

/* CPU time of children that were waited for: steadier than the clock on a busy machine. */
static int64_t children_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * CLOCK_SECOND + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

struct hop {
    struct fixture *fixture;
    struct engine *engine;
    struct id id;
    bool done, failed;
};

static void on_started(const struct error *err, const struct engine_description *description,
                       void *arg)
{
    struct hop *hop = arg;

    hop->done = true;
    hop->failed = err != NULL || !description->running;
}

static void on_stopped(const struct error *err, void *arg)
{
    struct hop *hop = arg;

    hop->done = true;
    hop->failed = err != NULL;
}

static void must_be_done(struct hop *hop)
{
    if (!fixture_wait(hop->fixture, &hop->done, 180) || hop->failed)
        abort();
}

static void hop_start(struct hop *hop)
{
    struct engine_start start = {
        .kind = CONTAINER_SESSION,
        .id = hop->id,
        .image = "busybox",
        .limits = {fixture_limits.memory_bytes, fixture_limits.disk_bytes,
                   fixture_limits.disk_inodes, fixture_limits.processes,
                   fixture_limits.cpu_millicores},
    };
    char name[CONTAINER_NAME_SIZE];

    hop->done = false;
    engine_start(hop->engine, &start, on_started, hop);
    must_be_done(hop);
    if (fixture_run(hop->fixture, container_name(CONTAINER_SESSION, &hop->id, name), "", NULL) != 0)
        abort();
}

static void hop_stop(struct hop *hop)
{
    hop->done = false;
    engine_stop(hop->engine, CONTAINER_SESSION, &hop->id, on_stopped, hop);
    must_be_done(hop);
}

static void measure_hop(struct hop *hop, int64_t *ret_start, int64_t *ret_stop)
{
    int64_t at = clock_monotonic();

    hop_start(hop);
    *ret_start = clock_monotonic() - at;
    at = clock_monotonic();
    hop_stop(hop);
    *ret_stop = clock_monotonic() - at;
}

static int rounds_asked(int argc, char **argv)
{
    char *end;
    long rounds = strtol(argc > 1 ? argv[1] : "100", &end, 10);

    if (argc <= 2 && rounds >= 1 && rounds <= INT_MAX && *end == '\0')
        return (int)rounds;
    fputs("usage: bench-start [ROUNDS]\n", stderr);
    exit(EX_USAGE);
}

int main(int argc, char **argv)
{
    int rounds = rounds_asked(argc, argv);
    int64_t *start = xcalloc((size_t)rounds, sizeof(*start));
    int64_t *stop = xcalloc((size_t)rounds, sizeof(*stop));
    int64_t *bare = xcalloc((size_t)rounds, sizeof(*bare));
    int64_t *asked_start = xcalloc((size_t)rounds, sizeof(*asked_start));
    int64_t *asked_stop = xcalloc((size_t)rounds, sizeof(*asked_stop));
    struct hop hop = {.fixture = NULL};
    _cleanup_(cgroup_fs_release) struct cgroup_fs fs = {.v2 = false};
    _cleanup_(free_ptr) char *bundle = NULL;
    struct error err = ERROR_INIT;
    struct fixture fixture;
    int64_t start_cpu = 0, bare_cpu = 0, cpu;
    double ratio;

    fixture_open(&fixture, "bench");
    bundle = xasprintf("%s/bare", fixture.dir);
    write_bundle(&fixture, bundle);
    if (cgroup_fs_open(&fs, &err) < 0 || mounts_unshare(&err) < 0 ||
        cgroup_fs_simplify(&fs, &err) < 0)
        abort();
    fixture_run_engined(&fixture, "disk_reserve_bytes = 0\n");
    hop = (struct hop){
        .fixture = &fixture, .engine = oci_new(fixture.base, fixture.socket), .id = id_new()};
    for (int i = 0; i < rounds; i++) {
        int64_t at;

        measure_hop(&hop, &asked_start[i], &asked_stop[i]);
        at = clock_monotonic();
        cpu = children_us();
        if (fixture_start(&fixture, "c", "busybox", &fixture_limits) < 0 ||
            fixture_run(&fixture, "c", "", NULL) != 0)
            abort();
        start[i] = clock_monotonic() - at;
        start_cpu += children_us() - cpu;
        at = clock_monotonic();
        if (fixture_stop(&fixture, "c") < 0)
            abort();
        stop[i] = clock_monotonic() - at;
        cpu = children_us();
        bare[i] = bare_run(bundle);
        bare_cpu += children_us() - cpu;
    }
    engine_free(hop.engine);
    fixture_end_engined(&fixture, SIGTERM);
    report("asked of codeset-engined", asked_start, rounds);
    ratio = report("within this process", start, rounds);
    ratio /= report("crun run, first byte of output", bare, rounds);
    report("stop, asked of codeset-engined", asked_stop, rounds);
    report("stop, within this process", stop, rounds);
    printf("CPU: start %.2f ms, bare crun run %.2f ms\n", (double)start_cpu / 1000 / rounds,
           (double)bare_cpu / 1000 / rounds);
    printf("start / bare crun run: %.2f\n", ratio);
    return fixture_close(&fixture) ? 0 : 1;
}
