/*
 * PUT /changes: makes the tree below root what the archive says.
 *
 * Three passes. First what the manifest does not name, or names as another kind of thing, is
 * removed; then the entries are unpacked in their order; then the tree is compared with the
 * manifest, so that nothing is taken for the session's tree that lacks a part of it. A name is a
 * path below root without "..", and no part of it is followed if it is a link, so nothing outside
 * root is touched. What is kept (CHANGES_KEPT) is neither removed nor laid, whatever the archive
 * says: it may be that of an agent of an earlier release, or of a liar.
 *
 * The body is in memory: it was received whole before this child was made, and is bounded by the
 * container's memory as well as by the server's cap on bodies.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/changes.h"
#include "agent/listing.h"
#include "agent/request.h"
#include "agent/walk.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"
#include "wire/pax.h"

#include "base/banned.h"

struct item {
    const char *text; /* "type path", in the manifest */
    bool settled;     /* it is there, or the archive says that it has gone */
};

struct import {
    struct evbuffer *body;
    int root_fd;
    struct walk_cursor cursor; /* to the entry laid last */
    char *manifest;
    struct item *items; /* by path */
    size_t count;
};

/* Does a part of the path have the name of what is kept? */
static bool is_kept(const char *path)
{
    size_t length = strlen(CHANGES_KEPT);

    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, CHANGES_KEPT, length) == 0 && (!part[length] || part[length] == '/'))
            return true;
    }
    return false;
}

static int from_body(void *arg, void *bytes, size_t size, struct error *err)
{
    struct import *import = arg;

    if (evbuffer_remove(import->body, bytes, size) != (int)size)
        return error_set(err, ERROR_INVALID, NULL, "the archive is incomplete");
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->text + 2, ((const struct item *)b)->text + 2);
}

static int manifest_sort(struct import *import, size_t size, struct error *err)
{
    size_t room = 0;

    for (size_t at = 0; at < size; at += strlen(import->manifest + at) + 1) {
        const char *item = import->manifest + at;

        if (!strchr("dfl", item[0]) || !item[0] || item[1] != ' ' || !walk_path_valid(item + 2))
            return error_set(err, ERROR_INVALID, NULL, "the manifest is broken");
        if (import->count == room) {
            room += room / 2 + 256;
            import->items = xrealloc(import->items, room * sizeof(*import->items));
        }
        import->items[import->count++] = (struct item){.text = item, .settled = is_kept(item + 2)};
    }
    if (import->count > 0)
        qsort(import->items, import->count, sizeof(*import->items), by_path);
    return 0;
}

static int manifest_read(struct import *import, struct error *err)
{
    _cleanup_(pax_entry_release) struct pax_entry entry = {0};
    int met = pax_read(from_body, import, &entry, err);
    size_t size;

    if (met < 0)
        return -1;
    if (met == 0 || entry.type != 'f' || strcmp(entry.path, CHANGES_MANIFEST) != 0 ||
        entry.size > AGENT_LISTING_CAP)
        return error_set(err, ERROR_INVALID, NULL, "the archive does not begin with a manifest");
    size = (size_t)entry.size;
    import->manifest = xmalloc(size + pax_padding(entry.size) + 1);
    if (from_body(import, import->manifest, size + pax_padding(entry.size), err) < 0)
        return -1;
    import->manifest[size] = '\0';
    return manifest_sort(import, size, err);
}

/* The first item that does not sort before the path. */
static size_t lower_bound(const struct import *import, const char *path)
{
    size_t low = 0, high = import->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(import->items[middle].text + 2, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What the manifest says is at the path: 'd', 'f', 'l', or 0. */
static char listed(const struct import *import, const char *path)
{
    size_t at = lower_bound(import, path);

    if (at == import->count || strcmp(import->items[at].text + 2, path) != 0)
        return '\0';
    return import->items[at].text[0];
}

/* A folder that changes while it is read may bring a name twice. */
static void settle(struct import *import, const char *path)
{
    for (size_t at = lower_bound(import, path);
         at < import->count && strcmp(import->items[at].text + 2, path) == 0; at++)
        import->items[at].settled = true;
}

static void settle_below(struct import *import, const char *path)
{
    _cleanup_(free_ptr) char *prefix = xasprintf("%s/", path);
    size_t length = strlen(prefix);

    for (size_t at = lower_bound(import, prefix);
         at < import->count && strncmp(import->items[at].text + 2, prefix, length) == 0; at++)
        import->items[at].settled = true;
}

static enum walk_next visit_remove(void *arg, const struct walk_thing *thing, struct error *err)
{
    const struct stat *st = thing->st;
    char wanted = listed(arg, thing->path);

    if (strcmp(thing->name, CHANGES_KEPT) == 0)
        return WALK_OVER;
    if ((S_ISDIR(st->st_mode) && wanted == 'd') || (S_ISREG(st->st_mode) && wanted == 'f') ||
        (S_ISLNK(st->st_mode) && wanted == 'l'))
        return WALK_ON;
    /* Devices, pipes and sockets of the image are in no manifest; they stay. */
    if (!wanted && !S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
        return WALK_OVER;
    return walk_remove(thing->dir_fd, thing->name, err) < 0 ? WALK_STOP : WALK_OVER;
}

static int skip_content(struct import *import, const struct pax_entry *entry, struct error *err)
{
    static char bytes[64 * 1024];
    int64_t left = entry->size;

    while (left > 0) {
        size_t piece = left < (int64_t)sizeof(bytes) ? (size_t)left : sizeof(bytes);

        if (from_body(import, bytes, piece, err) < 0)
            return -1;
        left -= (int64_t)piece;
    }
    return from_body(import, bytes, pax_padding(entry->size), err);
}

static int lay_content(struct import *import, int fd, const struct pax_entry *entry,
                       struct error *err)
{
    static char bytes[64 * 1024];
    int64_t left = entry->size;

    while (left > 0) {
        size_t piece = left < (int64_t)sizeof(bytes) ? (size_t)left : sizeof(bytes);

        if (from_body(import, bytes, piece, err) < 0 || fd_write_all(fd, bytes, piece, err) < 0)
            return -1;
        left -= (int64_t)piece;
    }
    return from_body(import, bytes, pax_padding(entry->size), err);
}

static int failed(struct error *err, const struct pax_entry *entry)
{
    return error_errno(err, errno, "cannot create %.200s", entry->path);
}

static int lay_file(struct import *import, int dir_fd, const char *name,
                    const struct pax_entry *entry, struct error *err)
{
    const struct timespec times[] = {entry->mtime, entry->mtime};
    _cleanup_(close_fd) int fd = -1;

    if (walk_remove(dir_fd, name, err) < 0)
        return -1;
    fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(err, entry);
    if (lay_content(import, fd, entry, err) < 0)
        return error_wrap(err, "%.200s", entry->path);
    if (fchown(fd, entry->uid, entry->gid) < 0 || fchmod(fd, entry->mode) < 0 ||
        futimens(fd, times) < 0)
        return failed(err, entry);
    return 0;
}

static int lay_link(int dir_fd, const char *name, const struct pax_entry *entry, struct error *err)
{
    const struct timespec times[] = {entry->mtime, entry->mtime};

    if (walk_remove(dir_fd, name, err) < 0)
        return -1;
    if (symlinkat(entry->target, dir_fd, name) < 0 ||
        fchownat(dir_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(err, entry);
    return 0;
}

/* A folder's own mtime is not kept: unpacking files into it would change it again. */
static int lay_folder(int dir_fd, const char *name, const struct pax_entry *entry,
                      struct error *err)
{
    _cleanup_(close_fd) int fd = -1;

    if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
        return failed(err, entry);
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, entry->uid, entry->gid) < 0 || fchmod(fd, entry->mode) < 0)
        return failed(err, entry);
    return 0;
}

/* It had gone when it was to be read, and what was in it, too. */
static int lay_nothing(struct import *import, const struct pax_entry *entry, struct error *err)
{
    const char *name;
    int dir_fd = walk_cursor_parent(&import->cursor, entry->path, false, &name);

    settle(import, entry->path);
    settle_below(import, entry->path);
    return dir_fd < 0 ? 0 : walk_remove(dir_fd, name, err);
}

static int lay(struct import *import, const struct pax_entry *entry, struct error *err)
{
    const char *name;
    int dir_fd;
    char wanted = walk_path_valid(entry->path) ? listed(import, entry->path) : '\0';

    if (!wanted || (wanted != entry->type && entry->type != 'w'))
        return error_set(err, ERROR_INVALID, NULL, "a path in the archive is not allowed: %.200s",
                         entry->path);
    if (is_kept(entry->path))
        return skip_content(import, entry, err);
    if (entry->type == 'w')
        return lay_nothing(import, entry, err);
    dir_fd = walk_cursor_parent(&import->cursor, entry->path, true, &name);
    if (dir_fd < 0)
        return failed(err, entry);
    switch (entry->type) {
    case 'd':
        return lay_folder(dir_fd, name, entry, err);
    case 'l':
        return lay_link(dir_fd, name, entry, err);
    default:
        return lay_file(import, dir_fd, name, entry, err);
    }
}

static int lay_all(struct import *import, struct error *err)
{
    int met;

    walk_cursor_init(&import->cursor, import->root_fd);
    do {
        _cleanup_(pax_entry_release) struct pax_entry entry = {0};

        met = pax_read(from_body, import, &entry, err);
        if (met > 0 && lay(import, &entry, err) < 0)
            met = -1;
    } while (met > 0);
    walk_cursor_release(&import->cursor);
    return met;
}

static enum walk_next visit_settle(void *arg, const struct walk_thing *thing, struct error *err)
{
    char type = listing_type(thing->st->st_mode);

    (void)err;
    if (type && listed(arg, thing->path) == type)
        settle(arg, thing->path);
    return WALK_ON;
}

/* Is all there that the manifest names? */
static int compare(struct import *import, struct error *err)
{
    if (walk(import->root_fd, visit_settle, import, err) < 0)
        return -1;
    for (size_t i = 0; i < import->count; i++)
        if (!import->items[i].settled)
            return error_set(err, ERROR_CONFLICT, NULL,
                             "%.200s is neither in the archive nor in the container",
                             import->items[i].text + 2);
    return 0;
}

static int status_of(const struct error *err)
{
    switch (err->kind) {
    case ERROR_INVALID:
        return 400;
    case ERROR_CONFLICT:
        return AGENT_STATUS_INCOMPLETE;
    default:
        return AGENT_STATUS_BUSY;
    }
}

void changes_put(struct evhttp_request *req, int out)
{
    struct import import = {.body = evhttp_request_get_input_buffer(req), .root_fd = -1};
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;
    const char *root;

    TAILQ_INIT(&fields);
    if (request_query(req, &fields, &err) < 0) {
        worker_message(out, 400, err.message);
        return;
    }
    root = evhttp_find_header(&fields, AGENT_FIELD_ROOT);
    if (root && root[0] == '/')
        import.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (import.root_fd < 0) {
        worker_message(out, 404, "root is missing or not a folder");
        return;
    }
    if (manifest_read(&import, &err) < 0 || walk(import.root_fd, visit_remove, &import, &err) < 0 ||
        lay_all(&import, &err) < 0 || compare(&import, &err) < 0)
        worker_message(out, status_of(&err), err.message);
    else
        worker_json(out, 200, "{}");
}
