/*
 * DIAGNOSTICS: {"success": false} with a message for the client of the API.
 * BUGS: other hard links to a replaced file keep the old content. Extended attributes that need
 * rights which the container lacks are not carried over.
 */
#include "agent/edit.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/near.h"
#include "agent/request.h"
#include "agent/worker.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define LINKS_MOST 40
#define BODY_MOST ((size_t)(2 * AGENT_FILE_CAP))

/* Where a file is to be replaced. */
struct place {
    int dir_fd;
    const char *name; /* in dir_fd; not a link */
    char path[PATH_MAX];
    bool exists;
    struct stat st; /* if it exists: a regular file */
};

/* What the alarm's handler needs, and nothing else may need it. */
static struct {
    volatile sig_atomic_t made; /* there is a temporary to remove */
    int dir_fd;
    char name[64];
    int out;
} temporary;

static void place_release(struct place *place)
{
    close_fd(&place->dir_fd);
}

/* While it is held off, what is done and what the handler is told of it are one. */
static void alarm_hold(bool hold)
{
    sigset_t alarm;

    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &alarm, NULL);
}

static void answer(int out, bool success, const char *message, int64_t size)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;

    alarm_hold(true); /* one answer, not two inside each other */
    buf_addf(&json, "{\"success\":%s,\"message\":", success ? "true" : "false");
    json_write_string(&json, message, strlen(message));
    buf_addf(&json, ",\"size_bytes\":%" PRId64 "}", size);
    worker_json(out, 200, json.data);
}

static void refuse_request(int out, const char *message)
{
    alarm_hold(true);
    worker_message(out, 400, message);
}

static void out_of_time(int signal)
{
    static const char late[] =
        "{\"success\":false,\"message\":\"the operation took too long\",\"size_bytes\":0}";

    (void)signal;
    if (temporary.made)
        unlinkat(temporary.dir_fd, temporary.name, 0);
    worker_json(temporary.out, 200, late);
    _exit(0);
}

static void set_alarm(int out)
{
    const struct sigaction action = {.sa_handler = out_of_time};
    const struct itimerval when = {
        .it_value = {EDIT_MILLISECONDS / 1000, EDIT_MILLISECONDS % 1000 * 1000}};

    temporary.out = out;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &when, NULL);
}

/* Files of the kernel are not the guest's to edit: reading one may wait, or tell of the agent. */
static bool ordinary_file_system(int fd)
{
    static const unsigned long special[] = {
        0x9fa0 /* proc */,        0x62656572 /* sysfs */,   0x27e0eb /* cgroup */,
        0x63677270 /* cgroup2 */, 0x64626720 /* debugfs */, 0x74726163 /* tracefs */,
        0x19800202 /* mqueue */,  0x1cd1 /* devpts */,
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(special); i++)
        if ((unsigned long)fs.f_type == special[i])
            return false;
    return true;
}

static int refuse(struct error *err, const char *path, const char *why)
{
    return error_set(err, ERROR_INVALID, NULL, "%.200s: %s", path, why);
}

/* Follows links at the end of the path, so that a link stays one and its target is replaced. */
static int follow(char path[PATH_MAX], struct error *err)
{
    for (int links = 0; links < LINKS_MOST; links++) {
        char target[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof(target));
        const char *slash = strrchr(path, '/');
        size_t base = slash ? (size_t)(slash - path) + 1 : 0;

        if (length < 0)
            return 0;
        if (length > 0 && target[0] == '/')
            base = 0;
        if (base + (size_t)length >= PATH_MAX)
            return refuse(err, path, strerror(ENAMETOOLONG));
        memcpy(path + base, target, (size_t)length);
        path[base + (size_t)length] = '\0';
    }
    return refuse(err, path, strerror(ELOOP));
}

/* Finds out what is at the path; opens its folder. place->dir_fd is -1 before. */
static int place_open(struct place *place, struct error *err)
{
    char *slash;

    if (follow(place->path, err) < 0)
        return -1;
    slash = strrchr(place->path, '/');
    place->name = slash ? slash + 1 : place->path;
    if (!place->name[0] || strcmp(place->name, ".") == 0 || strcmp(place->name, "..") == 0)
        return refuse(err, place->path, strerror(EISDIR));
    if (stat(place->path, &place->st) == 0) {
        place->exists = true;
        if (S_ISDIR(place->st.st_mode))
            return refuse(err, place->path, strerror(EISDIR));
        if (!S_ISREG(place->st.st_mode))
            return refuse(err, place->path, "is not a regular file");
    } else if (errno != ENOENT) {
        return refuse(err, place->path, strerror(errno));
    }
    if (slash)
        *slash = '\0';
    place->dir_fd = open(slash ? (slash == place->path ? "/" : place->path) : ".",
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (slash)
        *slash = '/';
    if (place->dir_fd < 0)
        return refuse(err, place->path, strerror(errno));
    if (!ordinary_file_system(place->dir_fd))
        return refuse(err, place->path, "is on a special file system (such as /proc)");
    return 0;
}

/* Lays the path in place->path and goes to workdir, at which a relative path starts. */
static int place_path(struct place *place, const char *path, const char *workdir, struct error *err)
{
    if (!path || !path[0] || !workdir || workdir[0] != '/')
        return error_set(err, ERROR_INVALID, NULL, "path or workdir is missing or wrong");
    if (strlen(path) >= sizeof(place->path))
        return refuse(err, path, strerror(ENAMETOOLONG));
    snprintf(place->path, sizeof(place->path), "%s", path);
    if (path[0] != '/' && chdir(workdir) < 0)
        return refuse(err, workdir, strerror(errno));
    return 0;
}

static void copy_attributes(int from, int to)
{
    char names[4096], value[4096];
    ssize_t length = flistxattr(from, names, sizeof(names));

    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from, names + at, value, sizeof(value));

        if (size >= 0)
            (void)fsetxattr(to, names + at, value, (size_t)size, 0);
    }
}

static int temporary_open(const struct place *place, struct error *err)
{
    uint64_t number;
    int fd;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = (uint64_t)getpid();
    snprintf(temporary.name, sizeof(temporary.name), ".codeset-%016" PRIx64 ".tmp", number);
    temporary.dir_fd = place->dir_fd;
    alarm_hold(true);
    fd = openat(place->dir_fd, temporary.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
    if (fd < 0)
        refuse(err, place->path, strerror(errno));
    else
        temporary.made = 1;
    alarm_hold(false);
    return fd;
}

/* What is new belongs to whom its folder does: commands may run as another user than root. */
static int give_as(int folder_fd, int fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstat(folder_fd, &st) < 0 ||
        ((st.st_uid != 0 || st.st_gid != 0) && fchown(fd, st.st_uid, st.st_gid) < 0))
        return refuse(err, path, strerror(errno));
    return 0;
}

/* Puts the written temporary in its place. old_fd: the file that was there, or -1. */
static int temporary_rename(const struct place *place, int fd, int old_fd, mode_t mode,
                            struct error *err)
{
    if (place->exists && fchown(fd, place->st.st_uid, place->st.st_gid) < 0)
        return refuse(err, place->path, strerror(errno));
    if (!place->exists && give_as(place->dir_fd, fd, place->path, err) < 0)
        return -1;
    if (old_fd >= 0)
        copy_attributes(old_fd, fd);
    if (fchmod(fd, mode) < 0)
        return refuse(err, place->path, strerror(errno));
    /* To the end: what has been done is what is answered. Who is killed from here on may have done
     * it. */
    alarm_hold(true);
    worker_commits(temporary.out);
    if (renameat(place->dir_fd, temporary.name, place->dir_fd, place->name) < 0)
        return refuse(err, place->path, strerror(errno));
    temporary.made = 0;
    return 0;
}

static void temporary_remove(void)
{
    alarm_hold(true);
    if (temporary.made)
        unlinkat(temporary.dir_fd, temporary.name, 0);
    temporary.made = 0;
}

static int old_open(const struct place *place, struct error *err)
{
    _cleanup_(close_fd) int fd = openat(place->dir_fd, place->name,
                                        O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return refuse(err, place->path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !ordinary_file_system(fd))
        return refuse(err, place->path, "is not a regular file");
    return TAKE_FD(fd);
}

struct change {
    const char *old_text, *new_text;
    size_t old_length, new_length;
};

/* Where the text occurs; NULL unless exactly once. Occurrences that overlap are several too. */
static const char *find_once(const struct buf *content, const struct change *change,
                             const char *path, struct error *err)
{
    const char *end = content->data + content->length, *first, *next;
    size_t count = 1;

    first = memmem(content->data, content->length, change->old_text, change->old_length);
    if (!first) {
        char hint[NEAR_HINT_SIZE];

        near_hint(content->data, content->length, change->old_text, change->old_length, hint);
        error_set(err, ERROR_INVALID, NULL, "%.200s: the string does not occur in it%s", path,
                  hint);
        return NULL;
    }
    next = memmem(first + 1, (size_t)(end - first - 1), change->old_text, change->old_length);
    if (!next)
        return first;
    for (next = first; next; count++) {
        next += change->old_length;
        next = memmem(next, (size_t)(end - next), change->old_text, change->old_length);
        if (!next)
            break;
    }
    error_set(err, ERROR_INVALID, NULL,
              "%.200s: the string occurs %zu times in it; it must occur exactly once", path,
              count < 2 ? 2 : count);
    return NULL;
}

static int replace_in(struct place *place, const struct change *change, int64_t *ret_size,
                      struct error *err)
{
    _cleanup_(close_fd) int old_fd = old_open(place, err), fd = -1;
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    const char *found, *behind;

    if (old_fd < 0)
        return -1;
    if (place->st.st_size > AGENT_FILE_CAP)
        return refuse(err, place->path, "is larger than 64 MiB");
    for (;;) {
        ssize_t got;

        buf_reserve(&content, 256 * 1024);
        got = read(old_fd, content.data + content.length, 256 * 1024);
        if (got < 0)
            return refuse(err, place->path, strerror(errno));
        if (got == 0)
            break;
        content.length += (size_t)got;
        if (content.length > (size_t)AGENT_FILE_CAP)
            return refuse(err, place->path, "is larger than 64 MiB");
    }
    found = find_once(&content, change, place->path, err);
    if (!found)
        return -1;
    fd = temporary_open(place, err);
    if (fd < 0)
        return -1;
    behind = found + change->old_length;
    if (fd_write_all(fd, content.data, (size_t)(found - content.data), err) < 0 ||
        fd_write_all(fd, change->new_text, change->new_length, err) < 0 ||
        fd_write_all(fd, behind, (size_t)(content.data + content.length - behind), err) < 0)
        return error_wrap(err, "%.200s", place->path);
    *ret_size = (int64_t)(content.length - change->old_length + change->new_length);
    return temporary_rename(place, fd, old_fd, place->st.st_mode & 07777, err);
}

/* A lock of a process (fcntl(2), POSIX), since the children share what they inherit; it goes with
 * the child, however that ends. A memory file, so that nobody else can hold it. */
static int turn_fd = -1;

void edit_prepare(void)
{
    turn_fd = memfd_create("turn", MFD_CLOEXEC);
    if (turn_fd < 0)
        abort();
    worker_keep(turn_fd);
}

static void take_turn(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    while (fcntl(turn_fd, F_SETLKW, &whole) < 0 && errno == EINTR)
        ;
}

/* A member's text with its length: it may hold NUL. */
static int text_member(json_object *body, const char *key, const char **ret_text,
                       size_t *ret_length, struct error *err)
{
    json_object *value;

    if (!json_object_object_get_ex(body, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return error_set(err, ERROR_INVALID, NULL, "%s is missing or not a string", key);
    *ret_text = json_object_get_string(value);
    *ret_length = (size_t)json_object_get_string_len(value);
    return 0;
}

void edit_replace(struct evhttp_request *req, int out)
{
    _cleanup_(place_release) struct place place = {.dir_fd = -1};
    _cleanup_(json_release) json_object *body = NULL;
    struct error err = ERROR_INIT;
    struct change change;
    int64_t size = 0;

    set_alarm(out);
    if (request_body_json(req, BODY_MOST, &body, &err) < 0 ||
        text_member(body, "old", &change.old_text, &change.old_length, &err) < 0 ||
        text_member(body, "new", &change.new_text, &change.new_length, &err) < 0) {
        refuse_request(out, err.message);
        return;
    }
    if (change.old_length == 0) {
        refuse_request(out, "old is empty");
        return;
    }
    take_turn();
    if (place_path(&place, request_member(body, "path"), request_member(body, "workdir"), &err) <
            0 ||
        place_open(&place, &err) < 0 || replace_in(&place, &change, &size, &err) < 0) {
        temporary_remove();
        answer(out, false, err.message, 0);
        return;
    }
    answer(out, true, "String replaced", size);
}

/* Makes a folder where there is none, which belongs to whom the one above it does. */
static int make_folder(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    _cleanup_(free_ptr) char *above =
        slash ? xstrndup(path, (size_t)(name - path)) : xstrdup("."); /* with its slash */
    _cleanup_(close_fd) int above_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_fd) int fd = -1;

    if (above_fd < 0)
        return refuse(err, above, strerror(errno));
    if (*name == '\0')
        return 0;
    if (mkdirat(above_fd, name, 0755) < 0)
        return errno == EEXIST ? 0 : refuse(err, path, strerror(errno));
    fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? refuse(err, path, strerror(errno)) : give_as(above_fd, fd, path, err);
}

/* Makes the folders above the path. */
static int make_parents(const char *path, struct error *err)
{
    _cleanup_(free_ptr) char *copy = xstrdup(path);

    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_folder(copy, err) < 0)
            return -1;
        *slash = '/';
    }
    return 0;
}

static int write_file(struct place *place, struct evbuffer *bytes, bool executable,
                      struct error *err)
{
    _cleanup_(close_fd) int old_fd = place->exists ? old_open(place, err) : -1, fd = -1;
    mode_t mode = place->exists ? place->st.st_mode & 07777 : 0644;

    if (place->exists && old_fd < 0)
        return -1;
    fd = temporary_open(place, err);
    if (fd < 0)
        return -1;
    while (evbuffer_get_length(bytes) > 0)
        if (evbuffer_write(bytes, fd) < 0)
            return refuse(err, place->path, strerror(errno));
    return temporary_rename(place, fd, old_fd, executable ? mode | 0111 : mode, err);
}

void edit_file(struct evhttp_request *req, int out)
{
    _cleanup_(place_release) struct place place = {.dir_fd = -1};
    struct evbuffer *bytes = evhttp_request_get_input_buffer(req);
    int64_t size = (int64_t)evbuffer_get_length(bytes);
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;
    const char *executable;

    set_alarm(out);
    TAILQ_INIT(&fields);
    if (request_query(req, &fields, &err) < 0) {
        refuse_request(out, err.message);
        return;
    }
    executable = evhttp_find_header(&fields, AGENT_FIELD_EXECUTABLE);
    take_turn();
    if (size > AGENT_FILE_CAP)
        error_set(&err, ERROR_INVALID, NULL, "the file is larger than 64 MiB");
    else if (place_path(&place, evhttp_find_header(&fields, AGENT_FIELD_PATH),
                        evhttp_find_header(&fields, AGENT_FIELD_WORKDIR), &err) == 0 &&
             make_parents(place.path, &err) == 0 && place_open(&place, &err) == 0)
        write_file(&place, bytes, executable && strcmp(executable, "1") == 0, &err);
    temporary_remove();
    evhttp_clear_headers(&fields);
    answer(out, err.kind == ERROR_NONE, err.kind == ERROR_NONE ? "File uploaded" : err.message,
           err.kind == ERROR_NONE ? size : 0);
}
