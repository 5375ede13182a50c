#include "images/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "images/git_folder.h"

#include "base/banned.h"

#define NEW "codeset-new" /* in git's folder, while it is built */
#define BRANCH "refs/heads/main"
#define CONFIG_MOST ((size_t)1 << 20)

DEFINE_CLEANUP(git_commit *, free_commit, git_commit_free)
DEFINE_CLEANUP(git_index *, free_index, git_index_free)
DEFINE_CLEANUP(git_packbuilder *, free_packbuilder, git_packbuilder_free)
DEFINE_CLEANUP(git_config *, free_config, git_config_free)
DEFINE_CLEANUP(FTS *, close_walk, fts_close)

static int make_folder(const struct git_folder *from, const char *name, struct error *err)
{
    return mkdirat(from->fd, name, 0755) == 0
               ? 0
               : error_errno(err, errno, "cannot make %s in %.200s", name, from->path);
}

static int write_text(const struct git_folder *from, const char *name, const char *text,
                      struct error *err)
{
    _cleanup_(close_fd) int fd =
        openat(from->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_errno(err, errno, "cannot make %s in %.200s", name, from->path);
    return fd_write_all(fd, text, strlen(text), err);
}

/* --- objects --------------------------------------------------------------------------------- */

/* What was staged is not lost: its blobs go along. The index is written anew, without what it
 * remembers besides its entries, such as trees that are gone. */
static int copy_entries(const struct git_folder *from, git_index *index, git_index *copy,
                        git_packbuilder *pack)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < git_index_entrycount(index); i++) {
        const git_index_entry *entry = git_index_get_byindex(index, i);

        if (entry->mode != GIT_FILEMODE_COMMIT && git_odb_exists(from->odb, &entry->id))
            rc = git_packbuilder_insert(pack, &entry->id, entry->path);
        if (rc == 0)
            rc = git_index_add(copy, entry);
    }
    return rc == 0 ? git_index_write(copy) : rc;
}

static int add_index(const struct git_folder *from, git_packbuilder *pack)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/index", from->path);
    _cleanup_(free_ptr) char *new_path = xasprintf("%s/" NEW "/index", from->path);
    _cleanup_(free_index) git_index *index = NULL, *copy = NULL;
    int rc = git_index_open(&index, path);

    if (rc != 0 || git_index_entrycount(index) == 0)
        return rc;
    rc = git_index_open(&copy, new_path);
    return rc == 0 ? copy_entries(from, index, copy, pack) : rc;
}

static int write_pack(struct git_folder *from, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/" NEW "/objects/pack", from->path);
    _cleanup_(free_packbuilder) git_packbuilder *pack = NULL;
    int rc = git_packbuilder_new(&pack, from->repo);

    if (rc == 0)
        git_packbuilder_set_threads(pack, 1);
    if (rc == 0 && from->has_head)
        rc = git_packbuilder_insert_commit(pack, &from->head);
    if (rc == 0)
        rc = add_index(from, pack);
    if (rc == 0 && git_packbuilder_object_count(pack) > 0)
        rc = git_packbuilder_write(pack, folder, 0444, NULL, NULL);
    return rc == 0 ? 0 : git_folder_fault(from->path, "its files cannot be packed", err);
}

static int write_objects(struct git_folder *from, struct error *err)
{
    static const char *const folders[] = {NEW "/objects", NEW "/objects/pack", NEW "/objects/info"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (make_folder(from, folders[i], err) < 0)
            return -1;
    return write_pack(from, err);
}

/* --- references and configuration ------------------------------------------------------------ */

/* A commit that is named here has no parents for git, whatever it says itself. */
static int cut_history(const struct git_folder *from, const char *oid, struct error *err)
{
    _cleanup_(free_commit) git_commit *head = NULL;

    if (git_folder_head(from, &head, err) < 0)
        return -1;
    return git_commit_parentcount(head) > 0 ? write_text(from, NEW "/shallow", oid, err) : 0;
}

/* "refs/heads/a/b": the folders, then the file. */
static int write_branch(const struct git_folder *from, const char *branch, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf(NEW "/%s", branch);
    char oid[GIT_OID_HEXSZ + 2];

    for (char *slash = path + strlen(NEW) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdirat(from->fd, path, 0755) < 0 && errno != EEXIST)
            return error_errno(err, errno, "cannot make %s in %.200s", path, from->path);
    }
    if (!from->has_head)
        return 0;
    git_oid_tostr(oid, sizeof(oid), &from->head);
    oid[GIT_OID_HEXSZ] = '\n';
    oid[GIT_OID_HEXSZ + 1] = '\0';
    return write_text(from, path, oid, err) < 0 ? -1 : cut_history(from, oid, err);
}

static int write_references(const struct git_folder *from, struct error *err)
{
    const char *branch = from->branch ? from->branch : BRANCH;
    _cleanup_(free_ptr) char *head = xasprintf("ref: %s\n", branch);

    return write_text(from, NEW "/HEAD", head, err) < 0 ? -1 : write_branch(from, branch, err);
}

/* git's quotes. */
static void add_setting(struct buf *text, const char *name, const char *value)
{
    buf_addf(text, "\t%s = \"", name);
    for (; *value; value++) {
        if (strchr("\"\\", *value))
            buf_add_char(text, '\\');
        if (*value == '\n')
            buf_add_str(text, "\\n");
        else
            buf_add_char(text, *value);
    }
    buf_add_str(text, "\"\n");
}

static void add_settings(struct buf *text, git_config *config, const char *section,
                         const char *const *names)
{
    for (; *names; names++) {
        _cleanup_(free_ptr) char *name = xasprintf("%s.%s", section, *names);
        git_buf value = {NULL};

        if (git_config_get_string_buf(&value, config, name) == 0)
            add_setting(text, *names, value.ptr);
        git_buf_dispose(&value);
    }
}

/* How files are read, where they lie, and who commits; nothing that names a remote, a program or
 * another file. */
static int write_config(const struct git_folder *from, struct error *err)
{
    static const char *const core[] = {"bare",     "worktree", "filemode",   "symlinks",
                                       "autocrlf", "eol",      "ignorecase", NULL};
    static const char *const user[] = {"name", "email", NULL};
    _cleanup_(free_ptr) char *path = xasprintf("%s/config", from->path);
    _cleanup_(free_config) git_config *config = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT, there = BUF_INIT;

    git_folder_read(from, "config", CONFIG_MOST, &there);
    buf_add_str(&text, "[core]\n\trepositoryformatversion = 0\n");
    if (there.length > 0 && git_config_open_ondisk(&config, path) == 0) {
        add_settings(&text, config, "core", core);
        buf_add_str(&text, "[user]\n");
        add_settings(&text, config, "user", user);
    }
    return write_text(from, NEW "/config", text.data, err);
}

/* --- the new folder's place ------------------------------------------------------------------ */

/* What stays as it is; nothing there is nothing to move. */
static int move_over(const struct git_folder *from, struct error *err)
{
    static const char *const names[] = {"modules", "info/exclude", "info/attributes",
                                        "info/sparse-checkout"};

    if (make_folder(from, NEW "/info", err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(free_ptr) char *to = xasprintf(NEW "/%s", names[i]);
        struct stat st;

        if (fstatat(from->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !(S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && strcmp(names[i], "modules") == 0)))
            continue;
        if (renameat(from->fd, names[i], from->fd, to) < 0)
            return error_errno(err, errno, "cannot keep %s of %.200s", names[i], from->path);
    }
    return 0;
}

/* Of what was moved here, the owners are right already. */
static int give(const char *path, const struct stat *owner, struct error *err)
{
    char *const roots[] = {(char *)(uintptr_t)path, NULL};
    _cleanup_(close_walk) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *entry;

    if (!walk)
        return error_errno(err, errno, "cannot walk through %.200s", path);
    while ((entry = fts_read(walk))) {
        if (entry->fts_level == 1 && strcmp(entry->fts_name, "modules") == 0)
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info != FTS_DP && fchownat(AT_FDCWD, entry->fts_path, owner->st_uid,
                                                       owner->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
            return error_errno(err, errno, "cannot give away %.200s", entry->fts_path);
    }
    return 0;
}

static int put_in_place(const char *path, const struct stat *before, struct error *err)
{
    _cleanup_(free_ptr) char *inner = xasprintf("%s/" NEW, path);
    _cleanup_(free_ptr) char *beside = xasprintf("%s." NEW, path);

    if (give(inner, before, err) < 0)
        return -1;
    if (renameat(AT_FDCWD, inner, AT_FDCWD, beside) < 0)
        return error_errno(err, errno, "cannot move %.200s", inner);
    if (remove_tree(path, err) < 0)
        return -1;
    if (fchmodat(AT_FDCWD, beside, before->st_mode & 07777, 0) < 0 ||
        renameat(AT_FDCWD, beside, AT_FDCWD, path) < 0)
        return error_errno(err, errno, "cannot replace %.200s", path);
    return 0;
}

static int scrub_one(const char *path, struct error *err)
{
    struct git_folder from = GIT_FOLDER_INIT;
    struct stat before;
    int rc;

    if (git_folder_open(path, &from, err) < 0)
        return -1;
    rc = fstat(from.fd, &before) == 0 ? remove_tree_at(from.fd, NEW, err)
                                      : error_errno(err, errno, "cannot look at %.200s", path);
    if (rc == 0)
        rc = make_folder(&from, NEW, err);
    if (rc == 0)
        rc = write_objects(&from, err);
    if (rc == 0)
        rc = write_references(&from, err);
    if (rc == 0)
        rc = write_config(&from, err);
    if (rc == 0)
        rc = move_over(&from, err);
    git_folder_release(&from);
    return rc == 0 ? put_in_place(path, &before, err) : -1;
}

/* From the last on, so that submodules' folders come before the one that they lie in moves. */
int scrub_git(const char *root, struct error *err)
{
    _cleanup_(git_folder_list_release) struct git_folder_list list = {.count = 0};

    if (git_folder_find(root, &list, err) < 0)
        return -1;
    for (size_t i = list.count; i > 0; i--)
        if (scrub_one(list.paths[i - 1], err) < 0)
            return -1;
    return (int)list.count;
}
