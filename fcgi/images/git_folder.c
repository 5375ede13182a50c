#include "images/git_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "git2/sys/repository.h"

#include "base/banned.h"

#define REFERENCE_MOST 4096              /* bytes of a loose one */
#define PACKED_MOST ((size_t)64 << 20)   /* of packed-refs */
#define HOPS_MOST 5                      /* from HEAD to a commit */
#define WINDOW_BYTES ((size_t)16 << 20)  /* of a pack that is mapped at a time */
#define MAPPED_BYTES ((size_t)256 << 20) /* of all packs; the cage has 1 GiB of addresses */

DEFINE_CLEANUP(FTS *, close_walk, fts_close)

int git_folder_fault(const char *path, const char *what, struct error *err)
{
    const git_error *said = git_error_last();

    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "the git repository %.200s: %s: %.200s",
                     path, what, said ? said->message : "no reason was given");
}

int git_folder_prepare(struct error *err)
{
    if (git_libgit2_init() < 0 || git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, WINDOW_BYTES) < 0 ||
        git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAPPED_BYTES) < 0 ||
        git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0) < 0)
        return error_set(err, ERROR_INTERNAL, NULL, "libgit2 cannot be used");
    return 0;
}

/* --- where they are -------------------------------------------------------------------------- */

void git_folder_list_release(struct git_folder_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    memset(list, 0, sizeof(*list));
}

/* What git takes for a HEAD: "ref: refs/heads/main", or a commit's id in either length. */
static bool is_head(const char *text)
{
    const size_t digits = strspn(text, "0123456789abcdefABCDEF");

    if (strncmp(text, "ref:", 4) == 0)
        return strncmp(text + 4 + strspn(text + 4, " \t"), "refs/", 5) == 0;
    return digits >= GIT_OID_HEXSZ;
}

/* A link is taken for what it may lead to: git would follow it. */
static bool has_head(int folder)
{
    _cleanup_(close_fd) int fd = -1;
    char text[GIT_OID_HEXSZ + 32];
    struct stat st;
    ssize_t got;

    if (fstatat(folder, "HEAD", &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
        return S_ISLNK(st.st_mode);
    fd = openat(folder, "HEAD", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    got = S_ISREG(st.st_mode) && fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
    return is_head(text);
}

static bool has_folder(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
}

static bool is_git_folder(const char *path)
{
    _cleanup_(close_fd) int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return folder >= 0 && has_folder(folder, "objects") && has_folder(folder, "refs") &&
           has_head(folder);
}

static int take(struct git_folder_list *list, const char *path, struct error *err)
{
    if (list->count == GIT_FOLDERS_MOST)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image has more than %d git repositories", GIT_FOLDERS_MOST);
    list->paths = xrealloc(list->paths, (list->count + 1) * sizeof(*list->paths));
    list->paths[list->count++] = xstrdup(path);
    return 0;
}

/* In a git's folder there are others only below `modules`. */
static bool is_worth_a_look(const FTSENT *entry)
{
    return !entry->fts_parent || !entry->fts_parent->fts_number ||
           strcmp(entry->fts_name, "modules") == 0;
}

static int visit(FTS *walk, FTSENT *entry, struct git_folder_list *list, struct error *err)
{
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
        return error_errno(err, entry->fts_errno, "cannot read %.200s", entry->fts_path);
    if (entry->fts_info != FTS_D)
        return 0;
    if (!is_worth_a_look(entry)) {
        fts_set(walk, entry, FTS_SKIP);
        return 0;
    }
    if (!is_git_folder(entry->fts_accpath))
        return 0;
    entry->fts_number = 1;
    return take(list, entry->fts_path, err);
}

/* Is it below the work tree of the one whose folder is `.git`, not in that folder, and its HEAD in
 * the index there? */
static bool is_tracked(git_index *index, const char *path, const char *git)
{
    const size_t length = strlen(git), tree = length - strlen(".git");
    _cleanup_(free_ptr) char *head = NULL;
    size_t place;

    if (strncmp(path, git, tree) != 0 ||
        (strncmp(path, git, length) == 0 && (path[length] == '/' || path[length] == '\0')))
        return false;
    head = xasprintf("%s/HEAD", path + tree);
    return git_index_find(&place, index, head) == 0;
}

/* Marks as NULL. Of an index that cannot be read nothing is known; who opens it says why. */
static void forget_tracked(struct git_folder_list *list, size_t own)
{
    const char *git = list->paths[own];
    _cleanup_(free_ptr) char *index_path = xasprintf("%s/index", git);
    git_index *index = NULL;

    if (strcmp(strrchr(git, '/') + 1, ".git") != 0 || git_index_open(&index, index_path) < 0)
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (i != own && list->paths[i] && is_tracked(index, list->paths[i], git)) {
            free(list->paths[i]);
            list->paths[i] = NULL;
        }
    }
    git_index_free(index);
}

/* Repositories that are files of another one, for its tests: to change them would change these. */
static void leave_out_tracked(struct git_folder_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (list->paths[i])
            forget_tracked(list, i);
    for (size_t i = 0; i < list->count; i++)
        if (list->paths[i])
            list->paths[kept++] = list->paths[i];
    list->count = kept;
}

int git_folder_find(const char *root, struct git_folder_list *ret_list, struct error *err)
{
    char *const roots[] = {(char *)(uintptr_t)root, NULL};
    _cleanup_(git_folder_list_release) struct git_folder_list list = {.count = 0};
    _cleanup_(close_walk) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *entry;

    if (!walk)
        return error_errno(err, errno, "cannot walk through %s", root);
    while ((errno = 0, entry = fts_read(walk)))
        if (visit(walk, entry, &list, err) < 0)
            return -1;
    if (errno)
        return error_errno(err, errno, "cannot walk through %s", root);
    leave_out_tracked(&list);
    *ret_list = list;
    memset(&list, 0, sizeof(list));
    return 0;
}

/* --- small files ----------------------------------------------------------------------------- */

void git_folder_read(const struct git_folder *folder, const char *name, size_t most,
                     struct buf *text)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    _cleanup_(close_fd) int fd = (int)syscall(SYS_openat2, folder->fd, name, &how, sizeof(how));
    size_t from = text->length;
    struct stat st;
    char bytes[16384];
    ssize_t got;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > most)
        return;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0 && text->length - from + (size_t)got <= most)
        buf_add(text, bytes, (size_t)got);
}

/* --- references ------------------------------------------------------------------------------ */

struct reference_search {
    const char *name;
    git_oid target;
    bool found;
};

static void match_reference(const char *name, const git_oid *target, void *arg)
{
    struct reference_search *search = arg;

    if (search->found || strcmp(name, search->name) != 0)
        return;
    search->target = *target;
    search->found = true;
}

/* "<oid> <name>"; behind "^" stands what a tag leads to. */
static void read_packed(const struct git_folder *folder,
                        void (*each)(const char *name, const git_oid *target, void *arg), void *arg)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    git_folder_read(folder, "packed-refs", PACKED_MOST, &text);
    for (char *line = text.data, *next; text.length > 0 && line; line = next) {
        git_oid target;

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strlen(line) > GIT_OID_HEXSZ + 1 && line[GIT_OID_HEXSZ] == ' ' &&
            git_oid_fromstrn(&target, line, GIT_OID_HEXSZ) == 0)
            each(line + GIT_OID_HEXSZ + 1, &target, arg);
    }
}

static void read_loose(const struct git_folder *folder, const char *name,
                       void (*each)(const char *name, const git_oid *target, void *arg), void *arg)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    git_oid target;

    git_folder_read(folder, name, REFERENCE_MOST, &text);
    if (text.length >= GIT_OID_HEXSZ && git_oid_fromstrn(&target, text.data, GIT_OID_HEXSZ) == 0)
        each(name, &target, arg);
}

int git_folder_references(const struct git_folder *folder,
                          void (*each)(const char *name, const git_oid *target, void *arg),
                          void *arg, struct error *err)
{
    _cleanup_(free_ptr) char *root = xasprintf("%s/refs", folder->path);
    char *const roots[] = {root, NULL};
    _cleanup_(close_walk) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *entry;

    if (!walk)
        return error_errno(err, errno, "cannot walk through %s", root);
    while ((entry = fts_read(walk)))
        if (entry->fts_info == FTS_F)
            read_loose(folder, entry->fts_path + strlen(folder->path) + 1, each, arg);
    read_packed(folder, each, arg);
    return 0;
}

/* --- HEAD ------------------------------------------------------------------------------------ */

/* Follows the symbolic references from HEAD on. One that leads to nothing is a branch without a
 * commit. */
static int resolve_head(struct git_folder *folder, struct error *err)
{
    static const char symbolic[] = "ref: ";
    _cleanup_(free_ptr) char *name = xstrdup("HEAD");

    for (int hop = 0; hop < HOPS_MOST; hop++) {
        struct reference_search search = {.name = name};
        _cleanup_(buf_release) struct buf text = BUF_INIT;

        git_folder_read(folder, name, REFERENCE_MOST, &text);
        buf_add_char(&text, '\0');
        if (strncmp(text.data, symbolic, strlen(symbolic)) == 0) {
            char *target = text.data + strlen(symbolic);

            target[strcspn(target, "\r\n")] = '\0';
            free(name);
            name = xstrdup(target);
            if (!folder->branch && git_reference_is_valid_name(name) &&
                strncmp(name, "refs/heads/", 11) == 0)
                folder->branch = xstrdup(name);
            continue;
        }
        read_loose(folder, name, match_reference, &search);
        if (!search.found)
            read_packed(folder, match_reference, &search);
        folder->has_head = search.found;
        folder->head = search.target;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the git repository %.200s: its HEAD leads nowhere", folder->path);
}

static int open_objects(struct git_folder *folder, struct error *err)
{
    _cleanup_(free_ptr) char *objects = xasprintf("%s/objects", folder->path);
    git_config *nothing = NULL;

    if (git_odb_open(&folder->odb, objects) < 0 ||
        git_repository_wrap_odb(&folder->repo, folder->odb) < 0 || git_config_new(&nothing) < 0)
        return git_folder_fault(folder->path, "its objects cannot be read", err);
    git_repository_set_config(folder->repo, nothing);
    git_config_free(nothing);
    return 0;
}

/* Where a link leads is another's, or nowhere once it is in a container. */
static int refuse_links(const struct git_folder *folder, struct error *err)
{
    static const char *const names[] = {"HEAD", "objects", "refs"};
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (fstatat(folder->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "the git repository %.200s cannot be looked into: its %s is a link",
                             folder->path, names[i]);
    return 0;
}

int git_folder_open(const char *path, struct git_folder *ret_folder, struct error *err)
{
    _cleanup_(git_folder_release) struct git_folder folder = GIT_FOLDER_INIT;

    folder.path = path;
    folder.fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder.fd < 0)
        return error_errno(err, errno, "cannot open %.200s", path);
    if (refuse_links(&folder, err) < 0 || resolve_head(&folder, err) < 0 ||
        open_objects(&folder, err) < 0)
        return -1;
    *ret_folder = folder;
    folder = (struct git_folder)GIT_FOLDER_INIT;
    return 0;
}

void git_folder_release(struct git_folder *folder)
{
    git_repository_free(folder->repo);
    git_odb_free(folder->odb);
    close_fd(&folder->fd);
    free(folder->branch);
    *folder = (struct git_folder)GIT_FOLDER_INIT;
}

int git_folder_head(const struct git_folder *folder, git_commit **ret_commit, struct error *err)
{
    return git_commit_lookup(ret_commit, folder->repo, &folder->head) == 0
               ? 0
               : git_folder_fault(folder->path, "its HEAD is no commit that can be read", err);
}
