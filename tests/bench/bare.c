/*
 * What crun costs by itself, in a container made from a session's config.json. The session's own
 * container can't be entered with crun: its pid 1, the agent, lets itself not be read. The program
 * runs where crun works (tests/tools/without-unified), so that nothing but crun is between the
 * clock's two readings.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

static char *bundle;
static unsigned runs;

static const char *stack(void)
{
    const char *folder = getenv("CODESET_STACK");

    if (!folder)
        bench_fail("CODESET_STACK is not set");
    return folder;
}

/* Crun gives its standard descriptors away to the container, a device too: neither the host's
 * /dev/null nor a log is for that. */
static int memory_file(int *fd, const char *name)
{
    if (*fd < 0)
        *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0)
        bench_fail("cannot make a memory file: %s", strerror(errno));
    return *fd;
}

static int empty_file(void)
{
    static int fd = -1;

    return memory_file(&fd, "empty");
}

static int errors_file(void)
{
    static int fd = -1;

    return memory_file(&fd, "errors");
}

/* Starts the program with no input, and stdout at `out`. */
static pid_t start(char *const *arguments, int out)
{
    static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int result;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, empty_file(), 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, errors_file(), 2);
    result = posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        bench_fail("cannot start %s: %s", arguments[0], strerror(result));
    return pid;
}

static void must_succeed(pid_t pid, const char *what)
{
    char said[1024];
    ssize_t got;
    int status;

    if (waitpid(pid, &status, 0) == pid && status == 0)
        return;
    got = pread(errors_file(), said, sizeof(said), 0);
    bench_fail("%s failed (wait status %#x): %.*s", what, (unsigned)status, got > 0 ? (int)got : 0,
               said);
}

static json_object *read_config(const char *container)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/containers/%s/config.json", stack(), container);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *config = NULL;
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, path, 1u << 22, &text, &err) < 0 ||
        json_parse(text.data, text.length, &config, NULL, &err) < 0)
        bench_fail("%s: %s", path, err.message);
    return config;
}

/* An overlay as a session has it, mounted once: what crun costs is measured, not the mount. */
static void mount_root(void)
{
    _cleanup_(free_ptr) char *lower = xasprintf("%s/images/blackbox/rootfs", stack());
    _cleanup_(free_ptr) char *root = xasprintf("%s/rootfs", bundle);
    _cleanup_(free_ptr) char *upper = xasprintf("%s/upper", bundle);
    _cleanup_(free_ptr) char *work = xasprintf("%s/work", bundle);
    _cleanup_(free_ptr) char *options =
        xasprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
    struct error err = ERROR_INIT;
    struct stat st;

    if (make_dirs(root, 0755, &err) < 0 || make_dirs(upper, 0755, &err) < 0 ||
        make_dirs(work, 0755, &err) < 0)
        bench_fail("%s", err.message);
    if (stat(lower, &st) < 0 || chown(upper, st.st_uid, st.st_gid) < 0 || chmod(bundle, 0755) < 0 ||
        mount("overlay", root, "overlay", 0, options) < 0)
        bench_fail("cannot mount an overlay at %s: %s", root, strerror(errno));
}

/* In a user namespace that crun makes, of the ids that the image's files have on the disk. */
static void live_as_the_image(json_object *config)
{
    static const char *const maps[] = {"linux.uidMappings.0", "linux.gidMappings.0"};
    _cleanup_(free_ptr) char *upper = xasprintf("%s/upper", bundle);
    struct stat st;

    if (stat(upper, &st) < 0)
        bench_fail("%s: %s", upper, strerror(errno));
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        json_object_object_add(json_at(config, maps[i]), "hostID",
                               json_object_new_int64((int64_t)st.st_uid));
    json_object_object_del(json_at(config, "linux.namespaces.0"), "path");
}

/* Over files of /proc a file is mounted, over /sys a folder that has a place for what comes below.
 */
static const char *stand_in(const char *where, const char *file, const char *folder)
{
    _cleanup_(free_ptr) char *place = NULL;
    struct error err = ERROR_INIT;

    if (strncmp(where, "/sys", 4) != 0)
        return file;
    place = xasprintf("%s%s", folder, where + 4);
    if (make_dirs(place, 0755, &err) < 0)
        bench_fail("%s", err.message);
    return folder;
}

/* What is mounted from the /dev of a session's own start isn't there in one by crun alone. */
static void replace_figures(json_object *config)
{
    _cleanup_(free_ptr) char *file = xasprintf("%s/figure", bundle);
    _cleanup_(free_ptr) char *folder = xasprintf("%s/sys", bundle);
    json_object *mounts = json_at(config, "mounts");
    struct error err = ERROR_INIT;

    if (file_write_atomic(AT_FDCWD, file, "0\n", 2, 0444, &err) < 0)
        bench_fail("%s", err.message);
    for (size_t i = 0; i < json_object_array_length(mounts); i++) {
        json_object *row = json_object_array_get_idx(mounts, i);
        const char *where = json_get_text(row, "destination");

        if (strncmp(json_get_text(row, "source"), "/dev/", 5) == 0)
            json_object_object_add(row, "source",
                                   json_object_new_string(stand_in(where, file, folder)));
    }
}

/* The session's config with other arguments and a cgroup of its own, as
 * <bundle>/<name>/config.json. */
static void write_config(json_object *config, const char *name, const char *const *arguments)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", bundle, name);
    _cleanup_(free_ptr) char *path = xasprintf("%s/config.json", folder);
    _cleanup_(free_ptr) char *cgroup = xasprintf("/codeset-bench-%d-%s", (int)getpid(), name);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *list = json_object_new_array();
    struct error err = ERROR_INIT;

    for (; *arguments; arguments++)
        json_object_array_add(list, json_object_new_string(*arguments));
    json_object_object_add(json_at(config, "process"), "args", list);
    json_object_object_add(json_at(config, "linux"), "cgroupsPath", json_object_new_string(cgroup));
    json_write(&text, config);
    if (make_dirs(folder, 0755, &err) < 0 ||
        file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, &err) < 0)
        bench_fail("%s", err.message);
}

/* `crun WHAT FIRST SECOND sleeper`; second may be NULL. */
static void crun_sleeper(const char *what, const char *first, const char *second)
{
    _cleanup_(free_ptr) char *state = xasprintf("--root=%s/state", bundle);
    char *arguments[] = {(char *)"crun",    state, (char *)what, (char *)first,
                         (char *)"sleeper", NULL,  NULL};

    if (second) {
        arguments[4] = (char *)second;
        arguments[5] = (char *)"sleeper";
    }
    must_succeed(start(arguments, errors_file()), what);
}

void bare_prepare(const char *container)
{
    static const char *const echo[] = {"/bin/echo", "up", NULL};
    static const char *const sleeper[] = {"/bin/sleep", "100000", NULL};
    static const char *const verifier[] = {"/bin/sh", "-c", "/verifier.sh; true", NULL};
    _cleanup_(json_release) json_object *config = read_config(container);
    _cleanup_(free_ptr) char *root = NULL, *sleeps = NULL;

    bundle = xasprintf("%s/bare", fixture_folder());
    root = xasprintf("%s/rootfs", bundle);
    sleeps = xasprintf("--bundle=%s/sleeper", bundle);
    if (chmod(fixture_folder(), 0755) < 0)
        bench_fail("%s: %s", fixture_folder(), strerror(errno));
    mount_root();
    live_as_the_image(config);
    replace_figures(config);
    json_object_object_add(json_at(config, "root"), "path", json_object_new_string(root));
    write_config(config, "echo", echo);
    write_config(config, "verifier", verifier);
    write_config(config, "sleeper", sleeper);
    crun_sleeper("run", "--detach", sleeps);
}

double bare_exec(void)
{
    _cleanup_(free_ptr) char *state = xasprintf("--root=%s/state", bundle);
    char *const arguments[] = {(char *)"crun",    state,          (char *)"exec",
                               (char *)"sleeper", (char *)"true", NULL};
    int64_t begun;

    begun = clock_monotonic();
    must_succeed(start(arguments, empty_file()), "crun exec");
    return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
}

double bare_run(void)
{
    _cleanup_(free_ptr) char *state = xasprintf("--root=%s/state", bundle);
    _cleanup_(free_ptr) char *from = xasprintf("--bundle=%s/echo", bundle);
    _cleanup_(free_ptr) char *name = xasprintf("echo-%u", runs++);
    char *const arguments[] = {(char *)"crun", state, (char *)"run", from, name, NULL};
    int64_t begun;
    double seconds;
    int ends[2];
    char byte;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        bench_fail("pipe: %s", strerror(errno));
    begun = clock_monotonic();
    pid = start(arguments, ends[1]);
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        bench_fail("crun run printed nothing");
    seconds = (double)(clock_monotonic() - begun) / CLOCK_SECOND;
    must_succeed(pid, "crun run");
    close(ends[0]);
    return seconds;
}

double bare_verify(void)
{
    _cleanup_(free_ptr) char *state = xasprintf("--root=%s/state", bundle);
    _cleanup_(free_ptr) char *from = xasprintf("--bundle=%s/verifier", bundle);
    _cleanup_(free_ptr) char *name = xasprintf("verifier-%u", runs++);
    char *const arguments[] = {(char *)"crun", state, (char *)"run", from, name, NULL};
    int64_t begun = clock_monotonic();

    must_succeed(start(arguments, errors_file()), "crun run");
    return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
}

void bare_end(void)
{
    _cleanup_(free_ptr) char *root = xasprintf("%s/rootfs", bundle);

    crun_sleeper("delete", "--force", NULL);
    umount2(root, MNT_DETACH);
    free(bundle);
    bundle = NULL;
}
