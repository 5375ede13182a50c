#include "images/build.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/userns.h"
#include "images/cage.h"
#include "images/folder_tar.h"
#include "images/guard.h"
#include "images/images.h"
#include "images/workplace.h"
#include "settings.h"

#include "base/banned.h"

#define PROGRAM "/usr/bin/buildah"
#define WORK "work"    /* the part of the workplace that is theirs; */
#define SEEN_AS "/mnt" /* they see it here */
#define ARCHIVE "image.tar"
#define CERTIFICATES "certificates.pem"
#define CERTIFICATES_MOST (4 << 20)
#define CGROUP_MS 10000
#define SAID_MOST 400
#define PROCESSES 2048
#define DESCRIPTORS 65536

static const struct cgroup_limits limits = {
    .memory_bytes = INT64_C(4) << 30, .processes = PROCESSES, .cpu_millicores = 2000};

struct builder {
    const struct engine_settings *settings;
    const struct image_build *build;
    struct workplace workplace;
    char *work; /* path */
    struct userns space;
    struct cgroup_fs cgroups;
    bool has_cgroup;
    struct guard guard;
    pid_t pid, packer; /* buildah; tar, which packs the folder for it */
};

/* Ends it; its status. */
static int end(pid_t *pid)
{
    int status = 0;

    if (*pid <= 0)
        return 0;
    kill(*pid, SIGKILL);
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
    return status;
}

static void builder_release(struct builder *builder)
{
    struct error ignored;

    end(&builder->pid);
    end(&builder->packer);
    guard_release(&builder->guard);
    if (builder->has_cgroup)
        cgroup_destroy(&builder->cgroups, builder->workplace.cgroup, CGROUP_MS, &ignored);
    cgroup_fs_release(&builder->cgroups);
    userns_release(&builder->space);
    workplace_release(&builder->workplace);
    free_ptr(&builder->work);
}

/* The folder goes in as a tar, so that buildah need not read what is the operator's. */
static int start_packer(struct builder *builder, int *ret_in, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    builder->packer = folder_tar_start(builder->build->folder_fd, ".", ends[1],
                                       builder->settings->image_bytes_max);
    close(ends[1]);
    *ret_in = ends[0];
    return builder->packer < 0 ? error_errno(err, errno, "cannot fork") : 0;
}

/* --- buildah --------------------------------------------------------------------------------- */

/* Its own processes in /proc, the work, and of the places where programs of the host leave things
 * for one another none (/var/lib/containers is root's: where it can't be read, buildah fails); with
 * the host's network /run stays, for resolv.conf may be there. */
static bool arrange_files(const struct builder *builder)
{
    static const char *const hidden[] = {"/tmp", "/var/tmp", "/dev/shm", "/var/lib/containers",
                                         "/run"};
    const size_t count = ARRAY_SIZE(hidden) - (builder->build->network ? 1 : 0);

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(builder->work, SEEN_AS, NULL, MS_BIND, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (mount("none", hidden[i], "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") < 0 &&
            errno != ENOENT)
            return false;
    }
    return chdir(SEEN_AS) == 0;
}

/* Never more than it has. */
static bool limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return false;
    now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
    now.rlim_cur = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &now) == 0;
}

/* Root of the user namespace: to the host, the owner of images' files. */
static bool step_down(const struct builder *builder)
{
    umask(022);
    return limit(RLIMIT_FSIZE, (rlim_t)builder->settings->image_bytes_max) &&
           limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, PROCESSES) &&
           limit(RLIMIT_NOFILE, DESCRIPTORS) && setns(builder->space.fd, CLONE_NEWUSER) == 0 &&
           setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

/* Of the environment only what says how the network is reached. */
static void choose_environment(const struct builder *builder, const char *environment[16])
{
    static const char *const kept[] = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
                                       "http_proxy", "https_proxy", "no_proxy"};
    size_t count = 0;

    environment[count++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    environment[count++] = "HOME=" SEEN_AS;
    environment[count++] = "TMPDIR=" SEEN_AS;
    environment[count++] = "XDG_RUNTIME_DIR=" SEEN_AS;
    environment[count++] = "_CONTAINERS_USERNS_CONFIGURED=done"; /* it need not make one */
    if (builder->build->network && getenv("SSL_CERT_FILE"))
        environment[count++] = "SSL_CERT_FILE=" SEEN_AS "/" CERTIFICATES;
    for (size_t i = 0; builder->build->network && i < ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i]);

        if (value)
            environment[count++] = xasprintf("%s=%s", kept[i], value);
    }
    environment[count] = NULL;
}

/* In the child. The namespaces around it are what keeps commands in, so of buildah's own ways to
 * run them the one that needs no more rights is enough (chroot). */
static _Noreturn void run_buildah(const struct builder *builder, int in, int out)
{
    const char *arguments[24] = {"buildah",
                                 "--root=" SEEN_AS "/storage",
                                 "--runroot=" SEEN_AS "/state",
                                 "--storage-driver=vfs",
                                 "build",
                                 "--isolation=chroot",
                                 "--http-proxy=false", /* whose password may be in its URL */
                                 "--network=host",
                                 "--format=oci",
                                 "--tag=oci-archive:" SEEN_AS "/" ARCHIVE ":image"};
    const char *environment[16];
    struct error err = ERROR_INIT;
    size_t count = 10;

    if (builder->build->dockerfile) {
        arguments[count++] = "--file";
        arguments[count++] = builder->build->dockerfile;
    }
    arguments[count++] = "-"; /* the folder comes by standard input */
    choose_environment(builder, environment);
    cage_reset_signals();
    if ((builder->has_cgroup &&
         cgroup_enter(&builder->cgroups, builder->workplace.cgroup, &err) < 0) ||
        dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0 || !arrange_files(builder) || !step_down(builder)) {
        dprintf(out, "cannot confine buildah: %s\n", strerror(errno));
        _exit(126);
    }
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execve(PROGRAM, (char *const *)arguments, (char *const *)environment);
    dprintf(STDERR_FILENO, "cannot start " PROGRAM ": %s\n", strerror(errno));
    _exit(127);
}

/* Shows what is printed line by line; the last line is the reason of a failure. */
static void listen_to(const struct builder *builder, FILE *out, char said[SAID_MOST])
{
    char line[4096];

    while (fgets(line, sizeof(line), out)) {
        line[strcspn(line, "\n")] = '\0';
        if (builder->build->line)
            builder->build->line(line, builder->build->arg);
        if (line[0])
            snprintf(said, SAID_MOST, "%.*s", SAID_MOST - 1,
                     strncmp(line, "Error: ", 7) == 0 ? line + 7 : line);
    }
}

static int start_buildah(struct builder *builder, int in, FILE **ret_out, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    *ret_out = fdopen(ends[0], "r");
    if (!*ret_out) {
        error_errno(err, errno, "cannot read from a pipe");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    fflush(NULL);
    builder->pid = cage_fork(builder->build->network);
    if (builder->pid == 0)
        run_buildah(builder, in, ends[1]);
    close(ends[1]);
    if (builder->pid < 0) {
        builder->pid = 0;
        return error_errno(err, errno, "cannot start buildah");
    }
    return guard_start(builder->settings,
                       &(struct guard_subject){.pid = builder->pid, .what = "to build it"},
                       &builder->guard, err);
}

static int explain(const struct builder *builder, const char *said, struct error *err)
{
    struct cgroup_usage usage;
    struct error ignored;

    if (builder->has_cgroup &&
        cgroup_read(&builder->cgroups, builder->workplace.cgroup, &usage, &ignored) == 0 &&
        usage.oom_kills > 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "the build took more than %lld MiB of memory: %s",
                         (long long)(limits.memory_bytes >> 20), said);
    return error_set(
        err, ERROR_INVALID, NULL, "the build failed: %s%s",
        said[0] ? said : "buildah gave no reason",
        builder->build->network ? "" : " (a build reaches no network, unless --network is given)");
}

static int run(struct builder *builder, struct error *err)
{
    _cleanup_(close_fd) int in = -1;
    FILE *out = NULL;
    char said[SAID_MOST] = "";
    int status, packed;

    if (start_packer(builder, &in, err) < 0 || start_buildah(builder, in, &out, err) < 0) {
        if (out)
            fclose(out);
        return -1;
    }
    close_fd(&in); /* so that tar ends with buildah */
    listen_to(builder, out, said);
    fclose(out);
    while (waitpid(builder->pid, &status, 0) < 0 && errno == EINTR)
        ;
    builder->pid = 0;
    packed = end(&builder->packer);
    if (guard_end(&builder->guard, builder->settings, err) < 0)
        return -1;
    if (WIFEXITED(packed) && WEXITSTATUS(packed) != 0)
        return error_set(err, ERROR_INVALID, NULL, "the folder cannot be read as a whole");
    return status == 0 ? 0 : explain(builder, said, err);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* The operator's file may be where buildah sees none, or not for everybody. */
static int lay_certificates(const struct builder *builder, struct error *err)
{
    const char *given = getenv("SSL_CERT_FILE");
    _cleanup_(free_ptr) char *path = xasprintf("%s/" CERTIFICATES, builder->work);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!builder->build->network || !given)
        return 0;
    return file_read(AT_FDCWD, given, CERTIFICATES_MOST, &text, err) < 0
               ? -1
               : file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, err);
}

static int prepare(struct builder *builder, struct error *err)
{
    const uid_t owner = (uid_t)builder->settings->uid_base;
    struct error ignored;

    if (guard_check_disk(builder->settings, err) < 0 ||
        workplace_make(builder->settings, &builder->workplace, err) < 0)
        return -1;
    builder->work = xasprintf("%s/" WORK, builder->workplace.path);
    if (mkdir(builder->work, 0700) < 0 || chown(builder->work, owner, owner) < 0)
        return error_errno(err, errno, "cannot make the folder %s", builder->work);
    if (lay_certificates(builder, err) < 0)
        return -1;
    /* A host without the controllers starts no container, but may prepare images. */
    builder->has_cgroup =
        cgroup_fs_open(&builder->cgroups, &ignored) == 0 &&
        cgroup_make(&builder->cgroups, builder->workplace.cgroup, &limits, &ignored) == 0;
    return userns_make(0, builder->settings->uid_base, &builder->space, err);
}

/* The folder was its commands' to write, who may have got out of their root: a link there leads
 * nowhere, and nothing is opened before it is known what it is. They are gone, with the first
 * process of their namespace, so it stays what it is. */
static int open_archive(const struct builder *builder, struct error *err)
{
    const uid_t first = (uid_t)builder->settings->uid_base;
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve =
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    _cleanup_(close_fd) int work =
        openat(builder->workplace.fd, WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(close_fd) int look =
        work < 0 ? -1 : (int)syscall(SYS_openat2, work, ARCHIVE, &how, sizeof(how));
    _cleanup_(free_ptr) char *path = xasprintf("/proc/self/fd/%d", look);
    struct stat st;
    int fd;

    if (look < 0 || fstat(look, &st) < 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the build left no image that can be read (" ARCHIVE "): %s",
                         strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid < first ||
        st.st_uid - first >= USERNS_IDS)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "what the build left as its image is not a file that it made");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : error_errno(err, errno, "cannot open the image that was built");
}

static int check_program(struct error *err)
{
    if (access(PROGRAM, X_OK) == 0)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, NULL,
                     "buildah is not installed; install Debian's package buildah, or build the "
                     "image elsewhere and import it ('codesetctl image import')");
}

int image_build(const struct engine_settings *settings, const char *name,
                const struct image_build *build, struct error *err)
{
    _cleanup_(builder_release) struct builder builder = {.settings = settings,
                                                         .build = build,
                                                         .workplace = WORKPLACE_INIT,
                                                         .space = USERNS_INIT,
                                                         .guard = GUARD_INIT};
    _cleanup_(close_fd) int archive = -1;

    if (check_program(err) < 0 || prepare(&builder, err) < 0 || run(&builder, err) < 0)
        return -1;
    archive = open_archive(&builder, err);
    if (archive < 0)
        return -1;
    return image_import_as(settings,
                           &(struct image_import){.name = name,
                                                  .source_fd = archive,
                                                  .origin = build->origin,
                                                  .replace = build->replace,
                                                  .progress = build->bytes,
                                                  .arg = build->arg},
                           err);
}
