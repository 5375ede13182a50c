/*
 * GET /listing, POST /changes, GET /files and GET /archive.
 *
 * The tree is walked once before the first byte goes out, so that the manifest is complete and a
 * tree that is too large is refused with a status. What changes between the walk and the moment at
 * which a file is read is laid out as it then is: a file that has gone is told
 * as gone, and one that grew or shrank while it is read keeps the size that its header announced.
 *
 * BUGS: where the pristine tree is no copy of the same image layers, so that inode numbers say
 * nothing, and the root itself was exchanged for another folder of the image, a file that looks
 * like the listed one in all but its content is not taken for changed.
 */
#include <errno.h>
#include <event2/buffer.h>
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
#include "agent/edit.h"
#include "agent/listing.h"
#include "agent/request.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/walk.h"
#include "wire/agent_protocol.h"
#include "wire/pax.h"

#include "base/banned.h"

#define HEADERS_SIZE (3 * PAX_BLOCK) /* about what an entry costs beside its content */
/* A ctime comes from a clock that ticks every 4 or 10 ms, so it may lie before the moment. */
#define TICK (10 * CLOCK_SECOND / 1000)

struct outgoing {
    int out;
    int root_fd;
    int64_t since;       /* of POST /changes, as is the listing, and of GET /files */
    size_t entries_most; /* of GET /archive */
    bool reports;        /* GET /files: what is older is told without content, one of it */
    bool old_told;
    struct listing pristine;   /* in the request's body */
    struct glob_list patterns; /* of GET /files */
    struct buf manifest; /* changes: "type path\0" of all there is; GET /listing: its records */
    bool manifest_first; /* changes, so that the reader of the archive knows what to expect */
    size_t *chosen;      /* where in the manifest the things to send are */
    size_t chosen_count, chosen_room;
    int64_t size; /* of all that was chosen, with headers */
    int64_t most;
    struct walk_cursor cursor; /* to the entry sent last */
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
    error_set(err, ERROR_LIMIT, NULL, "there are more than %" PRId64 " bytes to send",
              outgoing->most);
    return WALK_STOP;
}

static int64_t changed_at(const struct stat *st)
{
    return st->st_ctim.tv_sec * CLOCK_SECOND + st->st_ctim.tv_nsec / 1000;
}

static bool is_new(const struct outgoing *outgoing, const struct stat *st)
{
    return changed_at(st) >= outgoing->since - TICK;
}

/*
 * What was written moved its ctime. What came to its path with a folder that was renamed did not,
 * and differs from what the listing has there; if only in content, then it is another inode. Inode
 * numbers are those of the image's layers, and so the same in all containers of that image;
 * elsewhere each differs, and only what is below a folder that changed (it is marked), and so may
 * have been renamed, is doubted.
 */
static bool is_changed(const struct outgoing *outgoing, const struct walk_thing *thing)
{
    if (is_new(outgoing, thing->st))
        return true;
    switch (listing_compare(&outgoing->pristine, thing->path, thing->st)) {
    case LISTING_SAME:
        return false;
    case LISTING_SIMILAR:
        return thing->marked;
    default:
        return true;
    }
}

static enum walk_next visit_listing(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct outgoing *outgoing = arg;

    if (strcmp(thing->name, CHANGES_KEPT) == 0)
        return WALK_OVER;
    if (listing_type(thing->st->st_mode))
        listing_add(&outgoing->manifest, thing->path, thing->st);
    return outgoing->manifest.length > (size_t)outgoing->most ? too_large(outgoing, err) : WALK_ON;
}

static enum walk_next visit_changes(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct outgoing *outgoing = arg;
    char type = listing_type(thing->st->st_mode);
    size_t at;

    if (strcmp(thing->name, CHANGES_KEPT) == 0)
        return WALK_OVER;
    /* What a killed upload left behind is none of the session's changes. */
    if (!type || (type == 'f' && fnmatch(EDIT_TEMPORARY_PATTERN, thing->name, 0) == 0))
        return WALK_ON;
    at = list(outgoing, type, thing->path);
    if (is_changed(outgoing, thing))
        choose(outgoing, at, type == 'f' ? thing->st->st_size : 0);
    if (outgoing->manifest.length > (size_t)AGENT_LISTING_CAP ||
        outgoing->size + (int64_t)outgoing->manifest.length > outgoing->most)
        return too_large(outgoing, err);
    return is_new(outgoing, thing->st) ? WALK_MARK : WALK_ON;
}

static enum walk_next visit_all(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct outgoing *outgoing = arg;
    char type = listing_type(thing->st->st_mode);

    if (!type)
        return WALK_ON;
    if (outgoing->chosen_count == outgoing->entries_most) {
        error_set(err, ERROR_LIMIT, NULL, "there are more than %zu files and folders",
                  outgoing->entries_most);
        return WALK_STOP;
    }
    choose(outgoing, list(outgoing, type, thing->path), type == 'f' ? thing->st->st_size : 0);
    if (outgoing->manifest.length > (size_t)AGENT_LISTING_CAP || outgoing->size > outgoing->most)
        return too_large(outgoing, err);
    return WALK_ON;
}

static enum walk_next visit_files(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct outgoing *outgoing = arg;
    const struct stat *st = thing->st;
    const char *path = thing->path;

    if (S_ISDIR(st->st_mode))
        return glob_list_leads(&outgoing->patterns, path) ? WALK_ON : WALK_OVER;
    if (!S_ISREG(st->st_mode) || !glob_list_match(&outgoing->patterns, path))
        return WALK_OVER;
    if (changed_at(st) >= outgoing->since)
        choose(outgoing, list(outgoing, 'f', path), st->st_size);
    else if (!outgoing->old_told)
        choose(outgoing, list(outgoing, 'f', path), 0);
    outgoing->old_told |= changed_at(st) < outgoing->since;
    if (outgoing->chosen_count > AGENT_REPORTS_MOST || outgoing->size > outgoing->most)
        return too_large(outgoing, err);
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

/* The header; the content is the caller's. */
static void send_header(struct outgoing *outgoing, const struct pax_entry *entry)
{
    _cleanup_(buf_release) struct buf header = BUF_INIT;

    outgoing->most -= HEADERS_SIZE + entry->size;
    if (outgoing->most < 0)
        _exit(1); /* grown beyond all bounds since the walk: the client sees the cut */
    pax_write(&header, entry);
    send_buf(outgoing, &header);
}

/* Is the thing still there and of its type? Opens it if it is a file. -1 with errno. */
static int look_again(int dir_fd, const char *name, char type, struct stat *st, int *ret_fd)
{
    if (dir_fd < 0)
        return -1;
    if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (type == 'f' && listing_type(st->st_mode) == 'f') {
        *ret_fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (*ret_fd < 0 || fstat(*ret_fd, st) < 0)
            return -1;
    }
    if (listing_type(st->st_mode) != type) {
        errno = ENOENT;
        return -1;
    }
    return 0;
}

/* Sends the thing as it is now. Of one that has gone or become another kind of thing it says so;
 * one that can't be read is left out, which the reader of the archive finds missing. */
static void send_entry(struct outgoing *outgoing, char type, const char *path)
{
    _cleanup_(close_fd) int fd = -1;
    char target[PATH_MAX];
    struct stat st;
    const char *name;
    int dir_fd = walk_cursor_parent(&outgoing->cursor, path, false, &name);
    ssize_t length = 0;
    struct pax_entry entry = {.type = type, .path = (char *)path};

    if (look_again(dir_fd, name, type, &st, &fd) < 0 ||
        (type == 'l' && (length = readlinkat(dir_fd, name, target, sizeof(target) - 1)) < 0)) {
        entry.type = 'w';
        if (outgoing->manifest_first &&
            (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EINVAL))
            send_header(outgoing, &entry);
        return;
    }
    if (type == 'l') {
        target[length] = '\0';
        entry.target = target;
    }
    if (type == 'f' && !(outgoing->reports && changed_at(&st) < outgoing->since))
        entry.size = st.st_size;
    entry.mode = st.st_mode & 07777;
    entry.uid = st.st_uid;
    entry.gid = st.st_gid;
    entry.mtime = st.st_mtim;
    entry.changed = st.st_ctim;
    send_header(outgoing, &entry);
    if (type == 'f')
        send_content(outgoing, fd, entry.size);
}

static void send_chosen(struct outgoing *outgoing)
{
    _cleanup_(buf_release) struct buf end = BUF_INIT;

    walk_cursor_init(&outgoing->cursor, outgoing->root_fd);
    for (size_t i = 0; i < outgoing->chosen_count; i++) {
        const char *item = outgoing->manifest.data + outgoing->chosen[i];

        send_entry(outgoing, item[0], item + 2);
    }
    walk_cursor_release(&outgoing->cursor);
    pax_write_end(&end);
    send_buf(outgoing, &end);
    worker_end(outgoing->out);
}

static void send_manifest(struct outgoing *outgoing)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct pax_entry entry = {.type = 'f',
                              .path = (char *)CHANGES_MANIFEST,
                              .mode = 0644,
                              .size = (int64_t)outgoing->manifest.length};
    size_t padding = pax_padding(entry.size);

    outgoing->manifest_first = true;
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
    root = evhttp_find_header(fields, AGENT_FIELD_ROOT);
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
        worker_message(out, AGENT_STATUS_TOO_LARGE, err->message);
        break;
    default:
        worker_message(out, AGENT_STATUS_BUSY, err->message);
        break;
    }
}

void listing_get(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {
        .out = out, .most = AGENT_LISTING_CAP, .manifest = BUF_INIT, .root_fd = -1};
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;

    if (export_open(&outgoing, req, &fields, &err) < 0 ||
        walk(outgoing.root_fd, visit_listing, &outgoing, &err) < 0) {
        refuse(out, &err);
        return;
    }
    send_buf(&outgoing, &outgoing.manifest);
    worker_end(out);
}

/* The number of microseconds that every request but GET /listing has; -1 when it was refused. */
static int since_read(struct outgoing *outgoing, struct evkeyvalq *fields)
{
    const char *since = evhttp_find_header(fields, AGENT_FIELD_SINCE);
    char *end = NULL;

    if (since)
        outgoing->since = strtoll(since, &end, 10);
    if (since && since[0] && !*end)
        return 0;
    worker_message(outgoing->out, 400, "since is missing or not a number");
    return -1;
}

/* A positive number of the query; -1 when it was refused. */
static int number_read(const struct outgoing *outgoing, struct evkeyvalq *fields, const char *name,
                       int64_t *ret_number)
{
    const char *text = evhttp_find_header(fields, name);
    char message[64], *end = NULL;
    int64_t number = text ? strtoll(text, &end, 10) : 0;

    if (number > 0 && !*end) {
        *ret_number = number;
        return 0;
    }
    snprintf(message, sizeof(message), "%s is missing or not a positive number", name);
    worker_message(outgoing->out, 400, message);
    return -1;
}

static int pristine_read(struct outgoing *outgoing, struct evhttp_request *req, struct error *err)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(req);
    size_t size = evbuffer_get_length(body);

    if (size > (size_t)AGENT_LISTING_CAP)
        return error_set(err, ERROR_LIMIT, NULL, "the listing is larger than %zu bytes",
                         (size_t)AGENT_LISTING_CAP);
    if (evbuffer_add(body, "", 1) < 0)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "there is no memory for the listing");
    return listing_read(&outgoing->pristine, (const char *)evbuffer_pullup(body, -1), size, err);
}

void changes_post(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {
        .out = out, .most = AGENT_TREE_CAP, .manifest = BUF_INIT, .root_fd = -1};
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;

    if (export_open(&outgoing, req, &fields, &err) < 0) {
        refuse(out, &err);
        return;
    }
    if (since_read(&outgoing, &fields) < 0)
        return;
    if (pristine_read(&outgoing, req, &err) < 0 ||
        walk(outgoing.root_fd, visit_changes, &outgoing, &err) < 0) {
        refuse(out, &err);
        return;
    }
    send_manifest(&outgoing);
    send_chosen(&outgoing);
}

void files_get(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {
        .out = out, .reports = true, .most = AGENT_REPORT_CAP, .manifest = BUF_INIT, .root_fd = -1};
    struct error err = ERROR_INIT;
    const struct evkeyval *field;
    struct evkeyvalq fields;

    if (export_open(&outgoing, req, &fields, &err) < 0) {
        refuse(out, &err);
        return;
    }
    if (since_read(&outgoing, &fields) < 0)
        return;
    TAILQ_FOREACH(field, &fields, next)
    {
        if (strcmp(field->key, AGENT_FIELD_MATCH) != 0)
            continue;
        if (glob_list_add(&outgoing.patterns, field->value, &err) < 0) {
            worker_message(out, 400, err.message);
            return;
        }
    }
    if (walk(outgoing.root_fd, visit_files, &outgoing, &err) < 0)
        refuse(out, &err);
    else
        send_chosen(&outgoing);
}

/* A folder before what is in it, and all that is in a folder together: a slash before any other
 * character. */
static int by_path(const void *one, const void *other, void *arg)
{
    const struct outgoing *outgoing = arg;
    const char *a = outgoing->manifest.data + *(const size_t *)one + 2;
    const char *b = outgoing->manifest.data + *(const size_t *)other + 2;

    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a == *b)
        return 0;
    if (*a == '\0' || *b == '\0')
        return *a ? 1 : -1;
    if (*a == '/' || *b == '/')
        return *a == '/' ? -1 : 1;
    return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

void archive_get(struct evhttp_request *req, int out)
{
    struct outgoing outgoing = {.out = out, .manifest = BUF_INIT, .root_fd = -1};
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;
    int64_t entries;

    if (export_open(&outgoing, req, &fields, &err) < 0) {
        refuse(out, &err);
        return;
    }
    if (number_read(&outgoing, &fields, AGENT_FIELD_BYTES, &outgoing.most) < 0 ||
        number_read(&outgoing, &fields, AGENT_FIELD_ENTRIES, &entries) < 0)
        return;
    outgoing.entries_most = (size_t)entries;
    if (walk(outgoing.root_fd, visit_all, &outgoing, &err) < 0) {
        refuse(out, &err);
        return;
    }
    qsort_r(outgoing.chosen, outgoing.chosen_count, sizeof(*outgoing.chosen), by_path, &outgoing);
    send_chosen(&outgoing);
}
