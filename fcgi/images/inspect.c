#include "images/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <git2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/git_folder.h"
#include "images/inspect_patch.h"

#include "base/banned.h"

#define FILE_MOST ((size_t)4 << 20) /* bytes of a file or an object that is looked into */
#define SAMPLES_MOST 2000
#define NAMED_MOST 5 /* references of a repository */

DEFINE_CLEANUP(git_commit *, free_commit, git_commit_free)
DEFINE_CLEANUP(git_tree *, free_tree, git_tree_free)
DEFINE_CLEANUP(git_odb_object *, free_object, git_odb_object_free)
DEFINE_CLEANUP(FTS *, close_walk, fts_close)

/* Many samples may have one image. */
struct sample {
    const char *id, *repo_path;
    struct patch_files fix, tests;
};

struct inspecting {
    const struct inspection *job;
    json_object *document;
    struct sample *samples;
    size_t sample_count, findings;
    struct git_folder_list repositories;
};

static void inspecting_release(struct inspecting *inspecting)
{
    for (size_t i = 0; i < inspecting->sample_count; i++) {
        patch_files_release(&inspecting->samples[i].fix);
        patch_files_release(&inspecting->samples[i].tests);
    }
    free(inspecting->samples);
    json_object_put(inspecting->document);
    git_folder_list_release(&inspecting->repositories);
}

static void find(struct inspecting *inspecting, const char *kind, const char *path,
                 const char *what)
{
    size_t root = strlen(inspecting->job->root);

    if (inspecting->findings++ < INSPECT_FINDINGS_MOST)
        inspecting->job->found(kind,
                               strncmp(path, inspecting->job->root, root) == 0 ? path + root : path,
                               what, inspecting->job->arg);
}

static int read_samples(struct inspecting *inspecting, struct error *err)
{
    const struct inspection *job = inspecting->job;
    size_t count;

    if (json_parse(job->samples, job->samples_length, &inspecting->document, NULL, err) < 0 ||
        !json_object_is_type(inspecting->document, json_type_array))
        return error_set(err, ERROR_INVALID, NULL, "the samples cannot be read");
    count = json_object_array_length(inspecting->document);
    if (count > SAMPLES_MOST)
        count = SAMPLES_MOST;
    inspecting->samples = xcalloc(count + 1, sizeof(*inspecting->samples));
    for (size_t i = 0; i < count; i++) {
        json_object *row = json_object_array_get_idx(inspecting->document, i);
        struct sample *sample = &inspecting->samples[inspecting->sample_count++];
        const char *patch = json_get_text(row, "patch"), *tests = json_get_text(row, "test_patch");

        sample->id = json_get_text(row, "sample_id") ? json_get_text(row, "sample_id") : "";
        sample->repo_path = json_get_text(row, "repo_path") ? json_get_text(row, "repo_path") : "";
        patch_files_read(patch ? patch : "", &sample->fix);
        patch_files_read(tests ? tests : "", &sample->tests);
    }
    return 0;
}

/* --- sets of object ids ---------------------------------------------------------------------- */

struct oid_set {
    void *root;
    size_t count;
};

static int compare_oids(const void *a, const void *b)
{
    return git_oid_cmp(a, b);
}

static void oid_set_release(struct oid_set *set)
{
    tdestroy(set->root, free);
}

static void oid_set_add(struct oid_set *set, const git_oid *oid)
{
    git_oid *copy;

    if (tfind(oid, &set->root, compare_oids))
        return;
    copy = xmalloc(sizeof(*copy));
    *copy = *oid;
    if (!tsearch(copy, &set->root, compare_oids))
        abort(); /* no memory */
    set->count++;
}

static bool oid_set_has(const struct oid_set *set, const git_oid *oid)
{
    return tfind(oid, &set->root, compare_oids) != NULL;
}

/* --- a repository ---------------------------------------------------------------------------- */

struct looking {
    struct inspecting *inspecting;
    struct git_folder folder;
    struct oid_set history; /* commits from HEAD on */
    struct oid_set files;   /* of HEAD */
    size_t strange;         /* commits that are in no history of HEAD's */
    size_t named, more;     /* references to such */
};

static void looking_release(struct looking *looking)
{
    oid_set_release(&looking->history);
    oid_set_release(&looking->files);
    git_folder_release(&looking->folder);
}

static int note_file(const char *root, const git_tree_entry *entry, void *arg)
{
    struct looking *looking = arg;

    (void)root;
    if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
        oid_set_add(&looking->files, git_tree_entry_id(entry));
    return 0;
}

/* Commits whose parents are to be looked at. */
struct oid_list {
    git_oid *items;
    size_t count, room;
};

static void oid_list_add(struct oid_list *list, const git_oid *oid)
{
    if (list->count == list->room) {
        list->room += list->room / 2 + 256;
        list->items = xrealloc(list->items, list->room * sizeof(*list->items));
    }
    list->items[list->count++] = *oid;
}

/* As far as it is there: a shallow clone's is cut off. */
static void read_history(struct looking *looking)
{
    struct oid_list todo = {.count = 0};

    oid_set_add(&looking->history, &looking->folder.head);
    oid_list_add(&todo, &looking->folder.head);
    while (todo.count > 0) {
        const git_oid next = todo.items[--todo.count];
        _cleanup_(free_commit) git_commit *commit = NULL;

        if (git_commit_lookup(&commit, looking->folder.repo, &next) < 0)
            continue;
        for (unsigned i = 0; i < git_commit_parentcount(commit); i++) {
            const git_oid *parent = git_commit_parent_id(commit, i);

            if (oid_set_has(&looking->history, parent))
                continue;
            oid_set_add(&looking->history, parent);
            oid_list_add(&todo, parent);
        }
    }
    free(todo.items);
}

/* Of a repository without a commit nothing is HEAD's. */
static int read_head(struct looking *looking, struct error *err)
{
    _cleanup_(free_commit) git_commit *head = NULL;
    _cleanup_(free_tree) git_tree *tree = NULL;

    if (!looking->folder.has_head)
        return 0;
    if (git_folder_head(&looking->folder, &head, err) < 0)
        return -1;
    if (git_commit_tree(&tree, head) < 0 ||
        git_tree_walk(tree, GIT_TREEWALK_PRE, note_file, looking) < 0)
        return git_folder_fault(looking->folder.path, "HEAD's files cannot be read", err);
    read_history(looking);
    return 0;
}

/* The commit that a tag, or a tag of a tag, leads to. */
static bool is_strange(const struct looking *looking, const git_oid *target)
{
    git_object *object = NULL, *commit = NULL;
    bool strange = false;

    if (oid_set_has(&looking->history, target) ||
        git_object_lookup(&object, looking->folder.repo, target, GIT_OBJECT_ANY) < 0)
        return false;
    if (git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0)
        strange = !oid_set_has(&looking->history, git_object_id(commit));
    git_object_free(commit);
    git_object_free(object);
    return strange;
}

static void see_reference(const char *name, const git_oid *target, void *arg)
{
    struct looking *looking = arg;

    if (!is_strange(looking, target))
        return;
    if (looking->named++ >= NAMED_MOST)
        return;
    find(looking->inspecting, strcmp(name, "refs/stash") == 0 ? "stash" : "reference",
         looking->folder.path, name);
}

static void see_object_of(struct looking *looking, const git_oid *oid, const struct sample *sample,
                          const char *bytes, size_t length)
{
    char hex[GIT_OID_HEXSZ + 1];

    for (size_t i = 0; i < sample->fix.count; i++) {
        const struct patch_file *file = &sample->fix.files[i];
        _cleanup_(free_ptr) char *what = NULL;

        if (!patch_file_is_in(file, bytes, length))
            continue;
        git_oid_tostr(hex, sizeof(hex), oid);
        what = xasprintf("object %s has the fix of %.*s (sample %s)", hex, (int)file->path_length,
                         file->path, sample->id);
        find(looking->inspecting, "object", looking->folder.path, what);
    }
}

static int see_object(const git_oid *oid, void *arg)
{
    struct looking *looking = arg;
    _cleanup_(free_object) git_odb_object *object = NULL;
    git_object_t type;
    size_t length;

    if (git_odb_read_header(&length, &type, looking->folder.odb, oid) < 0)
        return 0;
    if (type == GIT_OBJECT_COMMIT)
        looking->strange += !oid_set_has(&looking->history, oid);
    if (type != GIT_OBJECT_BLOB || length > FILE_MOST || oid_set_has(&looking->files, oid) ||
        looking->inspecting->sample_count == 0 ||
        git_odb_read(&object, looking->folder.odb, oid) < 0)
        return 0;
    for (size_t i = 0; i < looking->inspecting->sample_count; i++)
        see_object_of(looking, oid, &looking->inspecting->samples[i], git_odb_object_data(object),
                      git_odb_object_size(object));
    return 0;
}

static void see_remotes(struct looking *looking)
{
    _cleanup_(buf_release) struct buf config = BUF_INIT;
    const char *line;

    git_folder_read(&looking->folder, "config", FILE_MOST, &config);
    buf_add_char(&config, '\0');
    line = strstr(config.data, "[remote ");
    if (line) {
        _cleanup_(free_ptr) char *what = xasprintf("%.*s", (int)strcspn(line, "\r\n"), line);

        find(looking->inspecting, "remote", looking->folder.path, what);
    }
}

static void see_worktrees(struct looking *looking)
{
    struct stat st;

    if (fstatat(looking->folder.fd, "worktrees", &st, AT_SYMLINK_NOFOLLOW) == 0)
        find(looking->inspecting, "worktree", looking->folder.path,
             "it has further worktrees, which have a HEAD of their own");
}

static int look_into(struct looking *looking, const char *path, struct error *err)
{
    if (git_folder_open(path, &looking->folder, err) < 0 || read_head(looking, err) < 0 ||
        git_folder_references(&looking->folder, see_reference, looking, err) < 0)
        return -1;
    if (looking->named > NAMED_MOST) {
        _cleanup_(free_ptr) char *what =
            xasprintf("and %zu more references", looking->named - NAMED_MOST);

        find(looking->inspecting, "reference", path, what);
    }
    see_remotes(looking);
    see_worktrees(looking);
    if (git_odb_foreach(looking->folder.odb, see_object, looking) < 0)
        return git_folder_fault(path, "its objects cannot be listed", err);
    if (looking->strange > 0) {
        _cleanup_(free_ptr) char *what =
            xasprintf("%zu commits that are not in HEAD's history", looking->strange);

        find(looking->inspecting, "commits", path, what);
    }
    return 0;
}

/* One that can't be read keeps nobody from reading the others. */
static void see_repository(struct inspecting *inspecting, const char *path)
{
    struct looking looking = {.inspecting = inspecting, .folder = GIT_FOLDER_INIT};
    struct error why = ERROR_INIT;

    if (look_into(&looking, path, &why) < 0)
        find(inspecting, "repository", path, why.message);
    looking_release(&looking);
}

/* --- the other files ------------------------------------------------------------------------- */

static bool read_whole(const FTSENT *entry, struct buf *text)
{
    _cleanup_(close_fd) int fd =
        open(entry->fts_accpath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char bytes[16384];
    ssize_t got;

    if (fd < 0 || entry->fts_statp->st_size <= 0 || (size_t)entry->fts_statp->st_size > FILE_MOST)
        return false;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0 && text->length <= FILE_MOST)
        buf_add(text, bytes, (size_t)got);
    return text->length > 0;
}

static bool is_in_repository(const struct sample *sample, const char *path)
{
    size_t length = strlen(sample->repo_path);

    return length > 0 && strncmp(path, sample->repo_path, length) == 0 && path[length] == '/';
}

static void see_file_of(struct inspecting *inspecting, const struct patch_files *files,
                        const struct sample *sample, const char *kind, const FTSENT *entry,
                        struct buf *text)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct patch_file *file = &files->files[i];
        _cleanup_(free_ptr) char *what = NULL;

        if (!patch_file_is_called(file, entry->fts_name) ||
            (text->length == 0 && !read_whole(entry, text)) ||
            !patch_file_is_in(file, text->data, text->length))
            continue;
        what = xasprintf("has the lines that the %s adds to %.*s (sample %s)",
                         strcmp(kind, "fix") == 0 ? "patch" : "test patch", (int)file->path_length,
                         file->path, sample->id);
        find(inspecting, kind, entry->fts_path, what);
    }
}

static void see_file(struct inspecting *inspecting, const FTSENT *entry)
{
    const char *path = entry->fts_path + strlen(inspecting->job->root);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    for (size_t i = 0; i < inspecting->sample_count; i++) {
        const struct sample *sample = &inspecting->samples[i];

        see_file_of(inspecting, &sample->tests, sample, "tests", entry, &text);
        if (!is_in_repository(sample, path))
            see_file_of(inspecting, &sample->fix, sample, "fix", entry, &text);
    }
}

static bool is_repository(const struct inspecting *inspecting, const char *path)
{
    for (size_t i = 0; i < inspecting->repositories.count; i++)
        if (strcmp(inspecting->repositories.paths[i], path) == 0)
            return true;
    return false;
}

static int see_files(struct inspecting *inspecting, struct error *err)
{
    char *const roots[] = {(char *)(uintptr_t)inspecting->job->root, NULL};
    _cleanup_(close_walk) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    FTSENT *entry;

    if (!walk)
        return error_errno(err, errno, "cannot walk through the image");
    while ((errno = 0, entry = fts_read(walk))) {
        if (entry->fts_info == FTS_D && is_repository(inspecting, entry->fts_path))
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F)
            see_file(inspecting, entry);
    }
    return errno ? error_errno(err, errno, "cannot walk through the image") : 0;
}

int inspect(const struct inspection *inspection, struct error *err)
{
    _cleanup_(inspecting_release) struct inspecting inspecting = {.job = inspection};

    if (read_samples(&inspecting, err) < 0 ||
        git_folder_find(inspection->root, &inspecting.repositories, err) < 0)
        return -1;
    for (size_t i = 0; i < inspecting.repositories.count; i++)
        see_repository(&inspecting, inspecting.repositories.paths[i]);
    return inspecting.sample_count > 0 ? see_files(&inspecting, err) : 0;
}
