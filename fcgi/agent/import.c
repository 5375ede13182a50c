/*
 * PUT /changes: makes the tree below root what the archive says.
 *
 * Three passes. First what the manifest does not name, or names as another kind of thing, is
 * removed; then the entries are unpacked in their order; then the tree is compared with the
 * manifest, so that nothing is taken for the session's tree that lacks a part of it. A name is a
 * path below root without "..", and no part of it is followed if it is a link, so nothing outside
 * root is touched. What is kept (CHANGES_KEPT) is neither removed nor laid, whatever the archive
 * says: it may be that of an agent of an earlier release, or of a liar. Nor is what the rules at
 * the beginning of the body hold back (restore.h).
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
#include "agent/crossing.h"
#include "agent/listing.h"
#include "agent/request.h"
#include "agent/restore.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "wire/agent_protocol.h"
#include "wire/pax.h"

#include "base/banned.h"

struct item {
    const char *text; /* "type path", in the manifest */
    bool settled;     /* it is there, or the archive says that it has gone */
};

struct import {
    struct evbuffer *body;    /* the parent's, too: to drain it would copy its pages first */
    struct evbuffer_ptr next; /* what is read next of it */
    int root_fd;
    char *rules;
    struct restore *restore;
    struct crossings *crossings;
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

    if (evbuffer_copyout_from(import->body, &import->next, bytes, size) != (ssize_t)size ||
        evbuffer_ptr_set(import->body, &import->next, size, EVBUFFER_PTR_ADD) < 0)
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

        if (!strchr("dfl", item[0]) || !item[0] || item[1] != ' ' || !path_is_below(item + 2))
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

/* What is in the file, which is the image's. Nothing: it is none, or larger than it may be. */
static void read_image(int dir_fd, const char *name, struct buf *ret_text)
{
    struct error ignored = ERROR_INIT;
    struct stat st;

    if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    if (file_read(dir_fd, name, RESTORE_PART_MOST, ret_text, &ignored) < 0)
        buf_clear(ret_text);
}

/* A file of the image that the session removed, or made something else of, and that speaks to the
 * runner. */
static bool is_held(struct import *import, const struct walk_thing *thing)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!S_ISREG(thing->st->st_mode))
        return false;
    read_image(thing->dir_fd, thing->name, &text);
    if (!restore_part_speaks(thing->name, text.data, text.length))
        return false;
    restore_hold(import->restore, thing->path);
    return true;
}

static bool is_as_wanted(const struct stat *st, char wanted)
{
    return wanted && listing_type(st->st_mode) == wanted;
}

/* A folder with tests in it that is none any more stays whole: tests read what lies beside them. */
static bool stays_whole(const struct import *import, const struct walk_thing *thing, char wanted)
{
    return wanted != 'd' && S_ISDIR(thing->st->st_mode) &&
           restore_needs_folder(import->restore, thing->path);
}

/* Is the thing held back, whatever the session made of it? */
static bool stays(struct import *import, const struct walk_thing *thing, char wanted)
{
    size_t kept = strlen(thing->path);
    unsigned kinds = restore_asks_kinds(import->restore)
                         ? crossing_of_thing(thing->dir_fd, thing->name, thing->path)
                         : 0;
    enum restore_answer answer;

    if (S_ISDIR(thing->st->st_mode) && wanted == 'l')
        kinds |= CROSSING_LINK;
    answer = restore_ask(import->restore, thing->path, kinds, &kept);

    if (answer == RESTORE_CROSSES && !stays_whole(import, thing, wanted))
        return false;
    if (is_as_wanted(thing->st, wanted))
        return answer == RESTORE_KEPT &&
               !(S_ISDIR(thing->st->st_mode) && restore_takes_some(import->restore));
    if (answer == RESTORE_PART && !is_held(import, thing))
        return false;
    if (kinds)
        restore_hold(import->restore, thing->path);
    restore_note(import->restore, thing->path, kept);
    return true;
}

static enum walk_next visit_remove(void *arg, const struct walk_thing *thing, struct error *err)
{
    const struct stat *st = thing->st;
    char wanted = listed(arg, thing->path);

    if (strcmp(thing->name, CHANGES_KEPT) == 0 || stays(arg, thing, wanted))
        return WALK_OVER;
    if (is_as_wanted(st, wanted))
        return WALK_ON;
    /* Devices, pipes and sockets of the image are in no manifest; they stay. */
    if (!wanted && !listing_type(st->st_mode))
        return WALK_OVER;
    if (S_ISDIR(st->st_mode) && wanted == 'l')
        crossings_note(((struct import *)arg)->crossings, CROSSING_LINK, thing->path);
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

/* text: what is laid in place of the entry's content, which is read already; NULL: the content. */
static int lay_file(struct import *import, int dir_fd, const char *name,
                    const struct pax_entry *entry, const struct buf *text, struct error *err)
{
    const struct timespec times[] = {entry->mtime, entry->mtime};
    _cleanup_(close_fd) int fd = -1;
    int laid;

    if (walk_remove(dir_fd, name, err) < 0)
        return -1;
    fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(err, entry);
    laid = text ? fd_write_all(fd, text->data, text->length, err)
                : lay_content(import, fd, entry, err);
    if (laid < 0)
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

/* --- what is held back --- */

/* Reads the entry's content past, and tells whether the file is the same. */
static int compare_content(struct import *import, int dir_fd, const char *name,
                           const struct pax_entry *entry, bool *ret_same, struct error *err)
{
    static char theirs[64 * 1024], ours[64 * 1024];
    _cleanup_(close_fd) int fd =
        dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int64_t left = entry->size;
    struct stat st;
    bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == left;

    while (left > 0) {
        size_t piece = left < (int64_t)sizeof(theirs) ? (size_t)left : sizeof(theirs);

        if (from_body(import, theirs, piece, err) < 0)
            return -1;
        same = same && read(fd, ours, piece) == (ssize_t)piece && memcmp(ours, theirs, piece) == 0;
        left -= (int64_t)piece;
    }
    *ret_same = same;
    return from_body(import, theirs, pax_padding(entry->size), err);
}

/* The entry is not laid. What the session made of the thing is told, if it made something of it. */
static int hold_back(struct import *import, const struct pax_entry *entry, size_t kept,
                     struct error *err)
{
    char target[PATH_MAX];
    const char *name;
    int dir_fd = walk_cursor_parent(&import->cursor, entry->path, false, &name);
    struct stat st;
    bool same = dir_fd >= 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                listing_type(st.st_mode) == entry->type;
    ssize_t length;

    if (entry->type == 'f') {
        if (compare_content(import, dir_fd, name, entry, &same, err) < 0)
            return -1;
    } else if (entry->type == 'l' && same) {
        length = readlinkat(dir_fd, name, target, sizeof(target) - 1);
        same = length >= 0 && strncmp(target, entry->target, (size_t)length) == 0 &&
               !entry->target[length];
    }
    if (!same)
        restore_note(import->restore, entry->path, kept);
    return 0;
}

/* A file that may speak to the runner: what it says there stays the image's. */
static int lay_part(struct import *import, int dir_fd, const char *name,
                    const struct pax_entry *entry, struct error *err)
{
    _cleanup_(buf_release) struct buf image = BUF_INIT, session = BUF_INIT, merged = BUF_INIT;
    enum restore_merged made;

    if (entry->type != 'f' || entry->size > RESTORE_PART_MOST)
        return hold_back(import, entry, strlen(entry->path), err);
    buf_reserve(&session, (size_t)entry->size + pax_padding(entry->size));
    if (from_body(import, session.data, (size_t)entry->size + pax_padding(entry->size), err) < 0)
        return -1;
    session.length = (size_t)entry->size;
    read_image(dir_fd, name, &image);
    made =
        restore_merge(name, restore_parts(import->restore, entry->path), &image, &session, &merged);
    if (made != RESTORE_SESSIONS)
        restore_note(import->restore, entry->path, strlen(entry->path));
    if (made == RESTORE_IMAGES)
        return 0;
    return lay_file(import, dir_fd, name, entry, made == RESTORE_MERGED ? &merged : &session, err);
}

static int lay_thing(struct import *import, const struct pax_entry *entry, bool part,
                     struct error *err)
{
    const char *name;
    int dir_fd;

    if (entry->type == 'w')
        return lay_nothing(import, entry, err);
    dir_fd = walk_cursor_parent(&import->cursor, entry->path, true, &name);
    if (dir_fd < 0)
        return failed(err, entry);
    if (part && entry->type != 'd')
        return lay_part(import, dir_fd, name, entry, err);
    switch (entry->type) {
    case 'd':
        return lay_folder(dir_fd, name, entry, err);
    case 'l':
        return lay_link(dir_fd, name, entry, err);
    default:
        return lay_file(import, dir_fd, name, entry, NULL, err);
    }
}

/* --- what crosses, and is told --- */

/* The kinds of the entry, whose content is next in the body. */
static unsigned kinds_of(const struct import *import, const struct pax_entry *entry)
{
    char head[CROSSING_HEAD];
    size_t most = entry->size < CROSSING_HEAD ? (size_t)entry->size : CROSSING_HEAD;
    ssize_t got = evbuffer_copyout_from(import->body, &import->next, head, most);

    return crossing_of(entry->type, entry->path, head, got > 0 ? (size_t)got : 0);
}

/* Asks of the entry and, if its kind counts, of what the image has in its place. */
static enum restore_answer ask(struct import *import, const struct pax_entry *entry,
                               size_t *ret_kept)
{
    enum restore_answer answer;
    unsigned kinds = 0;
    const char *name;

    if (restore_asks_kinds(import->restore)) {
        int dir_fd = walk_cursor_parent(&import->cursor, entry->path, false, &name);

        kinds = kinds_of(import, entry) | crossing_of_thing(dir_fd, name, entry->path);
    }
    answer = restore_ask(import->restore, entry->path, kinds, ret_kept);
    if (answer == RESTORE_KEPT && kinds) /* its path alone does not say that it may be missing */
        settle(import, entry->path);
    return answer;
}

/* Is the image's file the same as the one whose content is next in the body? */
static bool is_same_file(const struct import *import, int dir_fd, const char *name,
                         const struct pax_entry *entry)
{
    static char theirs[64 * 1024], ours[64 * 1024];
    _cleanup_(close_fd) int fd =
        dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct evbuffer_ptr at = import->next;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != entry->size)
        return false;
    for (int64_t left = entry->size; left > 0;) {
        size_t piece = left < (int64_t)sizeof(theirs) ? (size_t)left : sizeof(theirs);

        if (evbuffer_copyout_from(import->body, &at, theirs, piece) != (ssize_t)piece ||
            read(fd, ours, piece) != (ssize_t)piece || memcmp(ours, theirs, piece) != 0 ||
            evbuffer_ptr_set(import->body, &at, piece, EVBUFFER_PTR_ADD) < 0)
            return false;
        left -= (int64_t)piece;
    }
    return true;
}

/* Does the package.json that is next in the body name others to begin with? */
static bool is_entry_changed(struct import *import, int dir_fd, const char *name,
                             const struct pax_entry *entry)
{
    _cleanup_(buf_release) struct buf image = BUF_INIT, session = BUF_INIT;

    if (entry->size > RESTORE_PART_MOST)
        return true;
    buf_reserve(&session, (size_t)entry->size + 1);
    if (evbuffer_copyout_from(import->body, &import->next, session.data, (size_t)entry->size) !=
        entry->size)
        return true;
    session.length = (size_t)entry->size;
    read_image(dir_fd, name, &image);
    return crossing_entry_differs(&image, &session);
}

/* Notes the entry, which is about to be laid, where it is of a kind that is told. */
static void note_crossing(struct import *import, const struct pax_entry *entry)
{
    unsigned kinds = 0;
    const char *name;
    int dir_fd;

    if (entry->type != 'f' && entry->type != 'l')
        return;
    kinds = kinds_of(import, entry);
    if (!kinds && !crossing_is_package(entry->path))
        return;
    dir_fd = walk_cursor_parent(&import->cursor, entry->path, false, &name);
    if (entry->type == 'f' && is_same_file(import, dir_fd, name, entry))
        return;
    if (crossing_is_package(entry->path) && entry->type == 'f' &&
        !(restore_parts(import->restore, entry->path) & RESTORE_ENTRY) &&
        is_entry_changed(import, dir_fd, name, entry))
        kinds |= CROSSING_ENTRY;
    crossings_note(import->crossings, kinds, entry->path);
}

static int lay(struct import *import, const struct pax_entry *entry, struct error *err)
{
    char wanted = path_is_below(entry->path) ? listed(import, entry->path) : '\0';
    enum restore_answer answer;
    size_t kept;

    if (!wanted || (wanted != entry->type && entry->type != 'w'))
        return error_set(err, ERROR_INVALID, NULL, "a path in the archive is not allowed: %.200s",
                         entry->path);
    if (is_kept(entry->path))
        return skip_content(import, entry, err);
    kept = strlen(entry->path);
    answer = ask(import, entry, &kept);
    if (answer == RESTORE_KEPT || (answer == RESTORE_PART && entry->type == 'w') ||
        (entry->type != 'd' && restore_needs_folder(import->restore, entry->path)))
        return hold_back(import, entry, kept, err);
    note_crossing(import, entry);
    return lay_thing(import, entry, answer == RESTORE_PART, err);
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

/* May the thing of the manifest be missing, as it was held back? */
static bool is_held_back(const struct import *import, const char *path)
{
    size_t kept;

    return restore_ask(import->restore, path, 0, &kept) != RESTORE_CROSSES ||
           restore_needs_folder(import->restore, path);
}

/* Is all there that the manifest names? */
static int compare(struct import *import, struct error *err)
{
    if (walk(import->root_fd, visit_settle, import, err) < 0)
        return -1;
    for (size_t i = 0; i < import->count; i++)
        if (!import->items[i].settled && !is_held_back(import, import->items[i].text + 2))
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

/* The rules, in the first bytes of the body; the query says how many. */
static int rules_read(struct import *import, const char *text, struct error *err)
{
    char *end = NULL;
    long size = text ? strtol(text, &end, 10) : 0;

    if (size < 0 || size > AGENT_RULES_MOST || (text && (!text[0] || *end)))
        return error_set(err, ERROR_INVALID, NULL, "the rules are not a number of bytes up to %d",
                         AGENT_RULES_MOST);
    import->rules = xmalloc((size_t)size + 1);
    if (from_body(import, import->rules, (size_t)size, err) < 0)
        return -1;
    import->restore = restore_new(import->rules, (size_t)size, import->root_fd, err);
    return import->restore ? 0 : -1;
}

static int import_all(struct import *import, struct error *err)
{
    if (manifest_read(import, err) < 0 || walk(import->root_fd, visit_remove, import, err) < 0)
        return -1;
    restore_settle(import->restore);
    return lay_all(import, err) < 0 ? -1 : compare(import, err);
}

void changes_put(struct evhttp_request *req, int out)
{
    struct import import = {
        .body = evhttp_request_get_input_buffer(req), .root_fd = -1, .crossings = crossings_new()};
    _cleanup_(buf_release) struct buf answer = BUF_INIT;
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
    if (evbuffer_ptr_set(import.body, &import.next, 0, EVBUFFER_PTR_SET) < 0) {
        worker_message(out, AGENT_STATUS_BUSY, "the request's body can't be read");
        return;
    }
    if (rules_read(&import, evhttp_find_header(&fields, AGENT_FIELD_RULES), &err) < 0 ||
        import_all(&import, &err) < 0) {
        worker_message(out, status_of(&err), err.message);
        return;
    }
    if (!clock_pass_files()) { /* what a command writes that is started now must be newer */
        worker_message(out, AGENT_STATUS_BUSY,
                       "the clock was set back while the changes were laid");
        return;
    }
    buf_add_char(&answer, '{');
    restore_tell(import.restore, &answer);
    buf_add_str(&answer, ",\"crossed\":");
    crossings_tell(import.crossings, &answer);
    buf_add_char(&answer, '}');
    worker_json(out, 200, answer.data);
}
