#include "images/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "images/guard.h"
#include "images/images.h"
#include "settings.h"

#include "base/banned.h"

/*
 * <image_dir>/.pull/
 *     lock
 *     work/           skopeo's; it sees this as /mnt
 *         blobs/      layers, shared by images
 *         oci-N/      the layout of the image that place N fetches
 */
#define FOLDER ".pull"
#define SEEN_AS "/mnt"
#define USER 65534 /* of the store's range: as `nobody`, whom no image's program needs */
#define CREDENTIALS_MOST 65536
#define SAID_MOST 400
#define NAME_SIZE 32

struct pull {
    const struct engine_settings *settings;
    char *path;
    int fd, work_fd, lock_fd;
    int credentials_fd; /* -1: none */
    unsigned jobs;
    _Atomic int64_t *ended; /* fetches; shared by the processes of all jobs */
    bool found_layers;      /* of an earlier one that was not completed */
    uid_t user;
};

/* --- the folder ------------------------------------------------------------------------------ */

static int make_folder(const struct pull *pull, int at, const char *name, bool theirs, int *ret_fd,
                       struct error *err)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make the folder %s", name);
    *ret_fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret_fd < 0 || (theirs && fchown(*ret_fd, pull->user, pull->user) < 0))
        return error_errno(err, errno, "cannot use the folder %s", name);
    return 0;
}

static int take_lock(struct pull *pull, struct error *err)
{
    pull->lock_fd = openat(pull->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (pull->lock_fd < 0)
        return error_errno(err, errno, "cannot open %s/lock", pull->path);
    if (flock(pull->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? error_set(err, ERROR_CONFLICT, NULL,
                                            "another pull is running on this host; wait for it")
                                : error_errno(err, errno, "cannot lock %s/lock", pull->path);
}

/* In memory alone, so that nothing is left of them however this ends. skopeo opens it by its
 * number. */
static int lay_credentials(struct pull *pull, const char *path, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!path)
        return 0;
    if (file_read(AT_FDCWD, path, CREDENTIALS_MOST, &text, err) < 0)
        return -1;
    pull->credentials_fd = memfd_create("credentials", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (pull->credentials_fd < 0 || fchmod(pull->credentials_fd, 0400) < 0 ||
        fchown(pull->credentials_fd, pull->user, pull->user) < 0)
        return error_errno(err, errno, "cannot hand over the credentials");
    if (fd_write_all(pull->credentials_fd, text.data, text.length, err) < 0)
        return -1;
    if (fcntl(pull->credentials_fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return error_errno(err, errno, "cannot seal the credentials");
    return 0;
}

static int prepare(struct pull *pull, const char *credentials, struct error *err)
{
    _cleanup_(close_fd) int store =
        open(pull->settings->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_fd) int blobs = -1;

    if (store < 0)
        return error_errno(err, errno, "cannot open %s", pull->settings->image_dir);
    if (pull->ended == MAP_FAILED)
        return error_errno(err, errno, "cannot share memory");
    if (make_folder(pull, store, FOLDER, false, &pull->fd, err) < 0 || take_lock(pull, err) < 0)
        return -1;
    pull->found_layers = faccessat(pull->fd, "work/blobs", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (make_folder(pull, pull->fd, "work", true, &pull->work_fd, err) < 0 ||
        make_folder(pull, pull->work_fd, "blobs", true, &blobs, err) < 0)
        return -1;
    /* Of releases before this one. */
    unlinkat(pull->work_fd, "auth.json", 0);
    if (remove_tree_at(pull->work_fd, "oci", err) < 0)
        return -1;
    return lay_credentials(pull, credentials, err);
}

static void layout_name(unsigned place, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "oci-%u", place);
}

/* What an image leaves there, halves of its layers included. */
static void clear_place(const struct pull *pull, unsigned place)
{
    char name[NAME_SIZE];
    struct error ignored;

    snprintf(name, sizeof(name), "image-%u.tar", place); /* of releases before this one */
    unlinkat(pull->fd, name, 0);
    layout_name(place, name);
    remove_tree_at(pull->work_fd, name, &ignored);
}

struct pull *pull_open(const struct engine_settings *settings, const char *credentials,
                       unsigned jobs, struct error *err)
{
    struct pull *pull = xcalloc(1, sizeof(*pull));

    *pull = (struct pull){.settings = settings,
                          .jobs = jobs,
                          .ended = mmap(NULL, sizeof(*pull->ended), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                          .path = xasprintf("%s/" FOLDER, settings->image_dir),
                          .fd = -1,
                          .work_fd = -1,
                          .lock_fd = -1,
                          .credentials_fd = -1,
                          .user = (uid_t)(settings->uid_base + USER)};
    if (prepare(pull, credentials, err) == 0)
        return pull;
    pull_close(pull, true);
    return NULL;
}

bool pull_found_layers(const struct pull *pull)
{
    return pull->found_layers;
}

void pull_close(struct pull *pull, bool keep)
{
    struct error ignored;

    if (!pull)
        return;
    if (pull->work_fd >= 0) {
        for (unsigned place = 0; place < pull->jobs; place++)
            clear_place(pull, place);
        if (!keep)
            remove_tree_at(pull->fd, "work", &ignored);
    }
    if (pull->ended != MAP_FAILED)
        munmap(pull->ended, sizeof(*pull->ended));
    close_fd(&pull->credentials_fd);
    close_fd(&pull->work_fd);
    close_fd(&pull->lock_fd);
    close_fd(&pull->fd);
    free(pull->path);
    free(pull);
}

/* --- skopeo ---------------------------------------------------------------------------------- */

/* Of the environment only what says how the network is reached. */
static void choose_environment(const char *environment[16])
{
    static const char *const kept[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY",
                                       "HTTPS_PROXY",   "NO_PROXY",     "http_proxy",
                                       "https_proxy",   "no_proxy"};
    size_t count = 0;

    environment[count++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    environment[count++] = "HOME=" SEEN_AS;
    environment[count++] = "TMPDIR=" SEEN_AS;
    environment[count++] = "XDG_RUNTIME_DIR=" SEEN_AS;
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i]);

        if (value)
            environment[count++] = xasprintf("%s=%s", kept[i], value);
    }
    environment[count] = NULL;
}

/* Gives up what root may. */
static bool step_down(const struct pull *pull)
{
    /* By its path: a descriptor belongs to a mount of the old namespace. */
    _cleanup_(free_ptr) char *work = xasprintf("%s/work", pull->path);
    const rlim_t most = (rlim_t)pull->settings->image_bytes_max;
    const struct rlimit files = {most, most}, none = {0, 0};

    return unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(work, SEEN_AS, NULL, MS_BIND, NULL) == 0 && chdir(SEEN_AS) == 0 &&
           setrlimit(RLIMIT_FSIZE, &files) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
           setgroups(0, NULL) == 0 && setresgid(pull->user, pull->user, pull->user) == 0 &&
           setresuid(pull->user, pull->user, pull->user) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

#define ARGUMENTS_MOST 8

/* What it is to do: copy an image to a place, or (no destination) show its manifest, which nobody
 * reads. */
struct errand {
    const char *reference;
    unsigned place;
    bool look;
};

static void choose_arguments(const struct pull *pull, const struct errand *errand,
                             const char *arguments[ARGUMENTS_MOST])
{
    const char *kind = errand->look ? "" : "src-"; /* of the options about the registry */
    size_t count = 0;

    arguments[count++] = "skopeo";
    arguments[count++] = errand->look ? "inspect" : "copy";
    arguments[count++] = "--retry-times=3";
    arguments[count++] = errand->look ? "--raw" : "--dest-shared-blob-dir=" SEEN_AS "/blobs";
    arguments[count++] = pull->credentials_fd >= 0 ? xasprintf("--%sauthfile=/proc/self/fd/%d",
                                                               kind, pull->credentials_fd)
                                                   : xasprintf("--%sno-creds", kind);
    arguments[count++] = xasprintf("docker://%s", errand->reference);
    if (!errand->look)
        arguments[count++] = xasprintf("oci:" SEEN_AS "/oci-%u:image", errand->place);
    arguments[count] = NULL;
}

static _Noreturn void run_skopeo(const struct pull *pull, const struct errand *errand, int out)
{
    const char *arguments[ARGUMENTS_MOST], *environment[16];
    const int shown = errand->look ? open("/dev/null", O_WRONLY | O_CLOEXEC) : out;

    choose_arguments(pull, errand, arguments);
    choose_environment(environment);
    if (dup2(shown, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || !step_down(pull)) {
        dprintf(out, "cannot confine skopeo: %s\n", strerror(errno));
        _exit(126);
    }
    if (pull->credentials_fd >= 0)
        fcntl(pull->credentials_fd, F_SETFD, 0);
    execve("/usr/bin/skopeo", (char *const *)arguments, (char *const *)environment);
    dprintf(STDERR_FILENO, "cannot start /usr/bin/skopeo: %s; install the package skopeo\n",
            strerror(errno));
    _exit(127);
}

/* 'time="..." level=fatal msg="..."' without what is around the message. */
static const char *message_of(char *line)
{
    char *message = strstr(line, " msg=\""), *end = strrchr(line, '"');

    if (!message || end <= message + 6)
        return line;
    *end = '\0';
    return message + 6;
}

/* Shows what it says line by line; the last line is the reason of a failure. */
static void listen_to(FILE *out, const struct pull_progress *progress, char said[SAID_MOST])
{
    char line[4096];

    said[0] = '\0';
    while (fgets(line, sizeof(line), out)) {
        line[strcspn(line, "\n")] = '\0';
        if (progress->line)
            progress->line(line, progress->arg);
        if (line[0])
            snprintf(said, SAID_MOST, "%.*s", SAID_MOST - 1, message_of(line));
    }
}

/* Until it has ended. Returns -1 and why if it was not left to its end, else its status. */
static int await(struct pull *pull, const struct guard_subject *skopeo, FILE *out,
                 const struct pull_progress *progress, char said[SAID_MOST], struct error *err)
{
    struct guard guard = GUARD_INIT;
    int guarded = guard_start(pull->settings, skopeo, &guard, err), status = 0;

    if (guarded < 0)
        kill(skopeo->pid, SIGKILL);
    else
        listen_to(out, progress, said);
    while (waitpid(skopeo->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (guarded == 0)
        guarded = guard_end(&guard, pull->settings, err);
    guard_release(&guard);
    return guarded < 0 ? -1 : status;
}

static int64_t most_bytes(const struct pull *pull)
{
    const int64_t most = pull->settings->image_bytes_max;

    return most > INT64_MAX / (int64_t)pull->jobs ? INT64_MAX : most * (int64_t)pull->jobs;
}

static int spawn(const struct pull *pull, const struct errand *errand, struct guard_subject *skopeo,
                 FILE **ret_out, struct error *err)
{
    int ends[2];

    if (guard_check_disk(pull->settings, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    fflush(NULL); /* or the child would write it, too */
    skopeo->pid = fork();
    if (skopeo->pid == 0)
        run_skopeo(pull, errand, ends[1]);
    close(ends[1]);
    *ret_out = skopeo->pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (*ret_out)
        return 0;
    close(ends[0]);
    return error_errno(err, errno, "cannot start skopeo");
}

/* What is added to the folder is an image at most by each that is fetched at the same time, and by
 * each whose fetch ends meanwhile; what other images left there is not their own. */
static int fetch(struct pull *pull, unsigned place, const char *reference,
                 const struct pull_progress *progress, struct error *err)
{
    _cleanup_(free_ptr) char *work = xasprintf("%s/work", pull->path);
    const int64_t ended = *pull->ended; /* of one that ends now, all bytes may be new */
    const int64_t before = guard_folder_bytes(work), most = most_bytes(pull);
    struct guard_subject skopeo = {
        .what = "to fetch it", .folder = work, .ended = pull->ended, .ended_before = ended};
    const struct errand errand = {.reference = reference, .place = place};
    char said[SAID_MOST] = "";
    int status;
    FILE *out;

    skopeo.folder_bytes_max = before > INT64_MAX - most ? INT64_MAX : before + most;
    if (spawn(pull, &errand, &skopeo, &out, err) < 0)
        return -1;
    status = await(pull, &skopeo, out, progress, said, err);
    ++*pull->ended;
    fclose(out);
    if (status <= 0)
        return status < 0 ? error_wrap(err, "%s cannot be fetched", reference) : 0;
    return error_set(err, ERROR_UNAVAILABLE, NULL, "%s cannot be fetched: %s", reference,
                     said[0] ? said : "skopeo gave no reason");
}

/* Registries' words for it; skopeo's status is the same for all. "not found" alone is also said of
 * a host, a program or a file of credentials. */
static bool is_missing(const char *said)
{
    static const char *const words[] = {"manifest unknown", "name unknown",
                                        "repository name not known"};
    const char *manifest = strstr(said, "manifest for ");

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strstr(said, words[i]))
            return true;
    }
    return manifest && strstr(manifest, " not found");
}

int pull_look(struct pull *pull, const char *reference, struct error *err)
{
    static const struct pull_progress silent;
    const struct errand errand = {.reference = reference, .look = true};
    struct guard_subject skopeo = {.what = "to ask its registry for it"};
    char said[SAID_MOST] = "";
    int status;
    FILE *out;

    if (spawn(pull, &errand, &skopeo, &out, err) < 0)
        return -1;
    status = await(pull, &skopeo, out, &silent, said, err);
    fclose(out);
    if (status <= 0)
        return status < 0 ? error_wrap(err, "%s", reference) : 0;
    return error_set(err, is_missing(said) ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, NULL, "%s",
                     said[0] ? said : "skopeo gave no reason");
}

/* --- one image ------------------------------------------------------------------------------- */

static int open_layout(const struct pull *pull, unsigned place, struct image_layout *ret_layout,
                       struct error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    char name[NAME_SIZE];

    layout_name(place, name);
    ret_layout->folder_fd = openat(pull->work_fd, name, flags);
    ret_layout->blobs_fd = openat(pull->work_fd, "blobs", flags);
    return ret_layout->folder_fd < 0 || ret_layout->blobs_fd < 0
               ? error_errno(err, errno, "cannot open what was fetched")
               : 0;
}

int pull_image(struct pull *pull, unsigned place, const struct pull_order *order,
               const struct pull_progress *progress, struct error *err)
{
    struct image_layout layout = {-1, -1};
    struct image_import import = {.name = order->name,
                                  .layout = &layout,
                                  .origin = order->reference,
                                  .options = *order->options,
                                  .progress = progress->bytes,
                                  .arg = progress->arg};
    int status = -1;

    clear_place(pull, place); /* of one that was killed */
    if (fetch(pull, place, order->reference, progress, err) == 0 &&
        open_layout(pull, place, &layout, err) == 0)
        status = image_import_as(pull->settings, &import, err);
    close_fd(&layout.folder_fd);
    close_fd(&layout.blobs_fd);
    clear_place(pull, place);
    return status;
}
