/*
 * GET /changes and GET /files.
 *
 * The tree is walked once before the first byte goes out, so that the manifest is complete and a
 * tree that is too large is refused with a status. What changes between the walk and the moment at
 * which a file is read is laid out as it then is: a file that has gone is left out, and one that
 * grew or shrank while it is read keeps the size that its header announced.
 *
 * BUGS: on a file system where a folder can be renamed with what is in it (an overlay refuses
 * that, and tools copy instead), the files in a renamed folder keep their ctime and are not taken
 * for changed. Paths of PATH_MAX bytes and more are left out.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/changes.h"
#include "agent/pax.h"
#include "agent/request.h"
#include "agent/walk.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#define CHANGES_MOST (INT64_C(512) << 20)
#define MANIFEST_MOST ((size_t)64 << 20)
#define REPORTS_MOST (INT64_C(64) << 20)
#define REPORT_FILES_MOST 1000
#define PATTERNS_MOST 64
#define HEADERS_SIZE (3 * PAX_BLOCK) /* about what an entry costs beside its content */
/* A ctime comes from a clock that ticks every 4 or 10 ms, so it may lie before the moment. */
#define TICK (10 * CLOCK_SECOND / 1000)

struct outgoing {
    int out;
    int root_fd;
    int64_t since;
    char *patterns[PATTERNS_MOST];
    size_t pattern_count;
    struct buf manifest; /* GET /changes: "type path\0" of all there is */
    size_t *chosen;      /* where in the manifest the things to send are */
    size_t chosen_count, chosen_room;
    int64_t size; /* of all that was chosen, with headers */
    int64_t most;
    int parent_fd; /* of `parent`, the folder of the entry sent last */
    char parent[PATH_MAX];
};

static void choose(struct outgoing *outgoing, size_t at, int64_t size)
{
    if (outgoing->chosen_count == outgoing->chosen_room) {
        outgoing->chosen_room += outgoing->chosen_room / 2 + 256;
        outgoing->chosen =
            xrealloc(outgoing->chosen, outgoing->chosen_room * sizeof(*outgoing->chosen));
    }
    outgoing->chosen[outgoing->chosen_count++] = at;
    outgoing->size += HEADERS_SIZE + size + (int64_t)pax_padding(size);
}

static char type_of(mode_t mode)
{
    if (S_ISREG(mode))
        return 'f';
    if (S_ISDIR(mode))
        return 'd';
    return S_ISLNK(mode) ? 'l' : '\0';
}

static size_t list(struct outgoing *outgoing, char type, const char *path)
{
    size_t at = outgoing->manifest.length;

    buf_add_char(&outgoing->manifest, type);
    buf_add_char(&outgoing->manifest, ' ');
    buf_add(&outgoing->manifest, path, strlen(path) + 1);
    return at;
}

static enum walk_next too_large(const struct outgoing *outgoing, struct error *err)
{
    error_set(err, ERROR_LIMIT, NULL, "there is more than %" PRId64 " bytes to send",
              outgoing->most);
    return WALK_STOP;
}

static enum walk_next visit_changes(void *arg, int dir_fd, const char *name, const char *path,
                                    const struct stat *st, struct error *err)
{
    struct outgoing *outgoing = arg;
    char type = type_of(st->st_mode);
    int64_t changed = st->st_ctim.tv_sec * CLOCK_SECOND + st->st_ctim.tv_nsec / 1000;
    size_t at;

    (void)dir_fd;
    (void)name;
    if (!type)
        return WALK_ON;
    at = list(outgoing, type, path);
    if (changed >= outgoing->since - TICK)
        choose(outgoing, at, type == 'f' ? st->st_size : 0);
    if (outgoing->manifest.length > MANIFEST_MOST ||
        outgoing->size + (int64_t)outgoing->manifest.length > outgoing->most)
        return too_large(outgoing, err);
    return WALK_ON;
}

/* Does the first part of the pattern, as deep as the path, match it? So that the walk goes only
 * where a match can be. */
static bool leads_on(const char *pattern, const char *path)
{
    char prefix[PATH_MAX];
    const char *end = pattern;

    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        end = strchr(end + (end != pattern), '/');
        if (!end)
            return false;
    }
    snprintf(prefix, sizeof(prefix), "%.*s", (int)(end - pattern), pattern);
    return fnmatch(prefix, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

static enum walk_next visit_files(void *arg, int dir_fd, const char *name, const char *path,
                                  const struct stat *st, struct error *err)
{
    struct outgoing *outgoing = arg;

    (void)dir_fd;
    (void)name;
    for (size_t i = 0; i < outgoing->pattern_count; i++) {
        if (S_ISDIR(st->st_mode) && leads_on(outgoing->patterns[i], path))
            return WALK_ON;
        if (!S_ISREG(st->st_mode) ||
            fnmatch(outgoing->patterns[i], path, FNM_PATHNAME | FNM_PERIOD) != 0)
            continue;
        choose(outgoing, list(outgoing, 'f', path), st->st_size);
        if (outgoing->chosen_count > REPORT_FILES_MOST || outgoing->size > outgoing->most)
            return too_large(outgoing, err);
        break;
    }
    return WALK_OVER;
}

static void send_buf(const struct outgoing *outgoing, struct buf *bytes)
{
    worker_data(outgoing->out, bytes->data, bytes->length);
    buf_clear(bytes);
}

/* Exactly `size` bytes, whatever the file does meanwhile. */
static void send_content(const struct outgoing *outgoing, int fd, int64_t size)
{
    static char bytes[64 * 1024];
    int64_t left = size + (int64_t)pax_padding(size), readable = size;

    while (left > 0) {
        size_t piece = left < (int64_t)sizeof(bytes) ? (size_t)left : sizeof(bytes);
        ssize_t got = 0;

        if (readable > 0) {
            size_t most = readable < (int64_t)piece ? (size_t)readable : piece;

            got = read(fd, bytes, most);
            if (got < 0 && errno == EINTR)
                continue;
        }
        if (got <= 0) { /* shrunk, unreadable, or at the padding */
            readable = 0;
            memset(bytes, 0, piece);
            got = (ssize_t)piece;
        }
        worker_data(outgoing->out, bytes, (size_t)got);
        left -= got;
        readable -= readable > 0 ? got : 0;
    }
}

static int parent_open(struct outgoing *outgoing, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;

    *ret_name = slash ? slash + 1 : path;
    if (outgoing->parent_fd >= 0 && strlen(outgoing->parent) == length &&
        memcmp(outgoing->parent, path, length) == 0)
        return outgoing->parent_fd;
    close_fd(&outgoing->parent_fd);
    outgoing->parent_fd = walk_open_parent(outgoing->root_fd, path, false, ret_name);
    memcpy(outgoing->parent, path, length);
    outgoing->parent[length] = '\0';
    return outgoing->parent_fd;
}

/* Sends the thing as it is now; leaves out what has gone or become another kind of thing. */
static void send_entry(struct outgoing *outgoing, char type, const char *path)
{
    _cleanup_(buf_release) struct buf header = BUF_INIT;
    _cleanup_(close_fd) int fd = -1;
    char target[PATH_MAX];
    struct stat st;
    const char *name;
    int dir_fd = parent_open(outgoing, path, &name);
    ssize_t length;
    struct pax_entry entry = {.type = type, .path = (char *)path};

    if (dir_fd < 0)
        return;
    if (type == 'f') {
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
            return;
        entry.size = st.st_size;
    } else if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return;
    }
    if (type_of(st.st_mode) != type)
        return;
    if (type == 'l') {
        length = readlinkat(dir_fd, name, target, sizeof(target) - 1);
        if (length < 0)
            return;
        target[length] = '\0';
        entry.target = target;
    }
    outgoing->most -= HEADERS_SIZE + entry.size;
    if (outgoing->most < 0)
        _exit(1); /* grown beyond all bounds since the walk: the client sees the cut */
    entry.mode = st.st_mode & 07777;
    entry.uid = st.st_uid;
    entry.gid = st.st_gid;
    entry.mtime = st.st_mtim;
    entry.changed = st.st_ctim;
    pax_write(&header, &entry);
    send_buf(outgoing, &header);
    if (type == 'f')
        send_content(outgoing, fd, entry.size);
}

static void send_chosen(struct outgoing *outgoing)
{
    _cleanup_(buf_release) struct buf end = BUF_INIT;

    for (size_t i = 0; i < outgoing->chosen_count; i++) {
        const char *item = outgoing->manifest.data + outgoing->chosen[i];

        send_entry(outgoing, item[0], item + 2);
    }
    pax_write_end(&end);
    send_buf(outgoing, &end);
    worker_end(outgoing->out);
}

static void send_manifest(const struct outgoing *outgoing)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct pax_entry entry = {.type = 'f',
                              .path = (char *)CHANGES_MANIFEST,
                              .mode = 0644,
                              .size = (int64_t)outgoing->manifest.length};
    size_t padding = pax_padding(entry.size);

    pax_write(&bytes, &entry);
    worker_data(outgoing->out, bytes.data, bytes.length);
    worker_data(outgoing->out, outgoing->manifest.data, outgoing->manifest.length);
    buf_clear(&bytes);
    while (padding-- > 0)
        buf_add_char(&bytes, '\0');
    worker_data(outgoing->out, bytes.data, bytes.length);
}

static int export_open(struct outgoing *outgoing, struct evhttp_request *req,
                       struct evkeyvalq *fields, struct error *err)
{
    const char *root;

    TAILQ_INIT(fields);
    if (request_query(req, fields, err) < 0)
        return -1;
    root = evhttp_find_header(fields, "root");
    if (!root || root[0] != '/')
        return error_set(err, ERROR_INVALID, NULL, "root is missing or not absolute");
    outgoing->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (outgoing->root_fd < 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "%.200s: %s", root, strerror(errno));
    return 0;
}

static void refuse(int out, const struct error *err)
{
    switch (err->kind) {
    case ERROR_INVALID:
        worker_message(out, 400, err->message);
        break;
    case ERROR_NOT_FOUND:
        worker_message(out, 404, err->message);
        break;
    case ERROR_LIMIT:
        worker_message(out, 413, err->message);
        break;
    default:
        worker_message(out, 503, err->message);
        break;
    }
}

void changes_get(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {
        .out = out, .most = CHANGES_MOST, .manifest = BUF_INIT, .root_fd = -1, .parent_fd = -1};
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;
    const char *since;
    char *end = NULL;

    if (export_open(&outgoing, req, &fields, &err) < 0) {
        refuse(out, &err);
        return;
    }
    since = evhttp_find_header(&fields, "since");
    if (since)
        outgoing.since = strtoll(since, &end, 10);
    if (!since || !since[0] || *end) {
        worker_message(out, 400, "since is missing or no number");
        return;
    }
    if (walk(outgoing.root_fd, visit_changes, &outgoing, &err) < 0) {
        refuse(out, &err);
        return;
    }
    send_manifest(&outgoing);
    send_chosen(&outgoing);
}

void files_get(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {
        .out = out, .most = REPORTS_MOST, .manifest = BUF_INIT, .root_fd = -1, .parent_fd = -1};
    struct error err = ERROR_INIT;
    const struct evkeyval *field;
    struct evkeyvalq fields;

    if (export_open(&outgoing, req, &fields, &err) < 0) {
        refuse(out, &err);
        return;
    }
    TAILQ_FOREACH(field, &fields, next)
    {
        if (strcmp(field->key, "match") != 0)
            continue;
        if (outgoing.pattern_count == PATTERNS_MOST || strlen(field->value) >= PATH_MAX) {
            worker_message(out, 400, "too many or too long patterns");
            return;
        }
        outgoing.patterns[outgoing.pattern_count++] = field->value;
    }
    if (walk(outgoing.root_fd, visit_files, &outgoing, &err) < 0)
        refuse(out, &err);
    else
        send_chosen(&outgoing);
}
