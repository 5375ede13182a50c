#include "base/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
#define MARKED '!'
#define UNMARKED ' '

DEFINE_CLEANUP(DIR *, close_dir, closedir)

/* --- the walk -------------------------------------------------------------------------------- */

/* A folder that is being walked: what is in it was visited, the folders in it are still to come. */
struct level {
    int fd;
    const char *name;   /* in the folder above */
    size_t path_length; /* of its own path, in the walk's */
    struct buf folders; /* MARKED or UNMARKED, name, NUL; of each */
    size_t next;        /* in folders */
    bool marked;
};

struct walking {
    struct level levels[WALK_DEPTH_MOST + 1]; /* the root first */
    int depth;                                /* of the folder at hand; -1: the walk is over */
    dev_t device;
    char path[PATH_MAX];
    walk_visit *visit;
    void *arg;
    bool removes; /* each folder, when what was in it has been visited */
};

static void walking_free(struct walking *walking)
{
    for (; walking->depth >= 0; walking->depth--) {
        close_fd(&walking->levels[walking->depth].fd);
        buf_release(&walking->levels[walking->depth].folders);
    }
    free(walking);
}

DEFINE_CLEANUP(struct walking *, free_walking, walking_free)

/* False if it has gone, or something is mounted there. (On an overlay st_dev tells mounts for
 * folders only, so the kernel is asked.) */
static bool look(int dir_fd, const char *name, dev_t device, struct stat *st)
{
    struct statx stx;

    if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (S_ISDIR(st->st_mode) && st->st_dev != device)
        return false;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) == 0 &&
        (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return false;
    return true;
}

/* Puts the name behind the path of the folder at hand. */
static int path_extend(struct walking *walking, const char *name, struct error *err)
{
    size_t length = walking->levels[walking->depth].path_length;
    int added = snprintf(walking->path + length, sizeof(walking->path) - length, "%s%s",
                         length ? "/" : "", name);

    if (added >= (int)(sizeof(walking->path) - length)) {
        walking->path[length] = '\0';
        return error_set(err, ERROR_LIMIT, NULL, "a path is longer than %d bytes: %.100s...",
                         PATH_MAX - 1, walking->path);
    }
    return 0;
}

static int visit_entry(struct walking *walking, const char *name, struct error *err)
{
    struct level *level = &walking->levels[walking->depth];
    struct stat st;
    const struct walk_thing thing = {.dir_fd = level->fd,
                                     .name = name,
                                     .path = walking->path,
                                     .st = &st,
                                     .marked = level->marked};
    enum walk_next next;

    if (!look(level->fd, name, walking->device, &st))
        return 0;
    if (path_extend(walking, name, err) < 0)
        return -1;
    next = walking->visit(walking->arg, &thing, err);
    if (next == WALK_STOP)
        return -1;
    if (next == WALK_OVER || !S_ISDIR(st.st_mode))
        return 0;
    buf_add_char(&level->folders, next == WALK_MARK || level->marked ? MARKED : UNMARKED);
    buf_add(&level->folders, name, strlen(name) + 1);
    return 0;
}

/* Visits all that is in the folder at hand. */
static int visit_folder(struct walking *walking, struct error *err)
{
    int fd = openat(walking->levels[walking->depth].fd, ".", FOLDER_FLAGS);
    _cleanup_(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        error_errno(err, errno, "cannot read the folder %.200s", walking->path);
        close_fd(&fd);
        return -1;
    }
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            visit_entry(walking, entry->d_name, err) < 0)
            return -1;
    return 0;
}

/* Goes into the next folder of the one at hand; `item` says which, and whether it is marked. */
static int enter(struct walking *walking, const char *item, struct error *err)
{
    const struct level *above = &walking->levels[walking->depth];
    _cleanup_(close_fd) int fd = -1;

    if (walking->depth == WALK_DEPTH_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "folders are more than %d deep: %.100s...",
                         WALK_DEPTH_MOST, walking->path);
    if (path_extend(walking, item + 1, err) < 0)
        return -1;
    fd = openat(above->fd, item + 1, FOLDER_FLAGS);
    /* Removed, or made into something else, since it was seen. */
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 0;
    if (fd < 0)
        return error_errno(err, errno, "cannot read the folder %.200s", walking->path);
    walking->levels[++walking->depth] = (struct level){.fd = TAKE_FD(fd),
                                                       .name = item + 1,
                                                       .path_length = strlen(walking->path),
                                                       .folders = BUF_INIT,
                                                       .marked = item[0] == MARKED};
    return visit_folder(walking, err);
}

/* Everything below the folder at hand has been visited. */
static int leave(struct walking *walking, struct error *err)
{
    struct level *level = &walking->levels[walking->depth--];
    const struct level *above = walking->depth >= 0 ? &walking->levels[walking->depth] : NULL;

    close_fd(&level->fd);
    buf_release(&level->folders);
    walking->path[level->path_length] = '\0';
    if (walking->removes && above && unlinkat(above->fd, level->name, AT_REMOVEDIR) < 0)
        return error_errno(err, errno, "cannot remove %.200s", walking->path);
    return 0;
}

static int walk_all(int root_fd, walk_visit *visit, void *arg, bool removes, struct error *err)
{
    _cleanup_(free_walking) struct walking *walking = xcalloc(1, sizeof(*walking));
    struct level *level = &walking->levels[0];
    struct stat root;

    *level = (struct level){.fd = openat(root_fd, ".", FOLDER_FLAGS), .folders = BUF_INIT};
    if (level->fd < 0 || fstat(level->fd, &root) < 0)
        return error_errno(err, errno, "cannot look at the folder");
    walking->device = root.st_dev;
    walking->visit = visit;
    walking->arg = arg;
    walking->removes = removes;
    if (visit_folder(walking, err) < 0)
        return -1;
    while (walking->depth >= 0) {
        level = &walking->levels[walking->depth];
        walking->path[level->path_length] = '\0';
        if (level->next < level->folders.length) {
            const char *item = level->folders.data + level->next;

            level->next += strlen(item) + 1;
            if (enter(walking, item, err) < 0)
                return -1;
        } else if (leave(walking, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int walk(int root_fd, walk_visit *visit, void *arg, struct error *err)
{
    return walk_all(root_fd, visit, arg, false, err);
}

/* Of folders what is in them goes first. */
static enum walk_next visit_remove(void *arg, const struct walk_thing *thing, struct error *err)
{
    (void)arg;
    if (S_ISDIR(thing->st->st_mode))
        return WALK_ON;
    if (unlinkat(thing->dir_fd, thing->name, 0) == 0 || errno == ENOENT)
        return WALK_ON;
    error_errno(err, errno, "cannot remove %.200s", thing->path);
    return WALK_STOP;
}

int walk_remove(int dir_fd, const char *name, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;

    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "cannot remove %.200s", name);
    fd = openat(dir_fd, name, FOLDER_FLAGS);
    if (fd < 0)
        return error_errno(err, errno, "cannot remove %.200s", name);
    if (walk_all(fd, visit_remove, NULL, true, err) < 0)
        return -1;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
        return error_errno(err, errno, "cannot remove %.200s", name);
    return 0;
}

/* --- the cursor ------------------------------------------------------------------------------ */

void walk_cursor_init(struct walk_cursor *cursor, int root_fd)
{
    cursor->root_fd = root_fd;
    cursor->depth = 0;
    cursor->path[0] = '\0';
}

static void cursor_back(struct walk_cursor *cursor, int depth)
{
    while (cursor->depth > depth)
        close_fd(&cursor->fds[--cursor->depth]);
}

void walk_cursor_release(struct walk_cursor *cursor)
{
    cursor_back(cursor, 0);
}

/* How many of the open folders the path leads through. */
static int cursor_common(const struct walk_cursor *cursor, const char *path, size_t length)
{
    int depth = 0;

    while (depth < cursor->depth && cursor->ends[depth] <= length &&
           memcmp(cursor->path, path, cursor->ends[depth]) == 0 && path[cursor->ends[depth]] == '/')
        depth++;
    return depth;
}

/* Goes into the folder whose name lies from `start` to `end` of the path. */
static int cursor_enter(struct walk_cursor *cursor, const char *path, size_t start, size_t end,
                        bool make)
{
    int at = cursor->depth > 0 ? cursor->fds[cursor->depth - 1] : cursor->root_fd, fd;
    char *name = cursor->path + start;

    if (cursor->depth == WALK_DEPTH_MOST || end >= sizeof(cursor->path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(cursor->path, path, end);
    cursor->path[end] = '\0';
    fd = openat(at, name, FOLDER_FLAGS);
    if (fd < 0 && errno == ENOENT && make && mkdirat(at, name, 0755) == 0)
        fd = openat(at, name, FOLDER_FLAGS);
    if (fd < 0)
        return -1;
    cursor->fds[cursor->depth] = fd;
    cursor->ends[cursor->depth++] = end;
    return 0;
}

int walk_cursor_parent(struct walk_cursor *cursor, const char *path, bool make,
                       const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0, at;

    cursor_back(cursor, cursor_common(cursor, path, length));
    at = cursor->depth > 0 ? cursor->ends[cursor->depth - 1] : 0;
    while (at < length) {
        size_t start = at + (at > 0), end = start + strcspn(path + start, "/");

        if (cursor_enter(cursor, path, start, end, make) < 0)
            return -1;
        at = end;
    }
    *ret_name = slash ? slash + 1 : path;
    return cursor->depth > 0 ? cursor->fds[cursor->depth - 1] : cursor->root_fd;
}
