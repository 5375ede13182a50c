#include "backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/child.h"
#include "backup/part.h"
#include "backup/parts.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "settings.h"
#include "store/backup.h"
#include "store/db.h"
#include "store/dump.h"

#include "base/banned.h"

#define PACKET_MAX (INT64_C(1) << 30)

DEFINE_CLEANUP(struct db *, free_db, db_free)

struct restoration {
    const struct settings *settings;
    struct database_settings database; /* of which only the name may be another */
    struct db *db;
    bool files;                    /* not the database alone */
    struct backup_folders folders; /* where they go */
    backup_progress *progress;
    void *arg;
    struct part_place place; /* of the backup */
    json_object *manifest;
};

/* --- before anything is written -------------------------------------------------------------- */

static bool has_file(const struct restoration *restoration, const char *name)
{
    json_object *files = json_object_object_get(restoration->manifest, "files");

    for (size_t i = 0; i < json_object_array_length(files); i++) {
        const char *found = json_get_text(json_object_array_get_idx(files, i), "name");

        if (found && strcmp(found, name) == 0)
            return true;
    }
    return false;
}

/* Folders may be there, and what begins with a dot at the top: a lock, or what is being made. */
static int check_folder(const char *path, struct error *err)
{
    char *paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *tree;
    int status = 0;

    if (access(path, F_OK) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %s", path);
    tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    if (!tree)
        return error_errno(err, errno, "cannot open %s", path);
    for (FTSENT *entry; status == 0 && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_level == 1 && entry->fts_name[0] == '.')
            fts_set(tree, entry, FTS_SKIP);
        else if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
            status = error_set(err, ERROR_CONFLICT, NULL,
                               "%s is not empty (it has %.120s); a backup is only restored into "
                               "empty folders, so move it away",
                               path, entry->fts_path + strlen(path) + 1);
    }
    fts_close(tree);
    return status;
}

static int check_places(struct restoration *restoration, struct error *err)
{
    const char *name = restoration->database.db_name;
    const struct backup_folder *folders = restoration->folders.rows;
    int64_t uid_base = json_get_int(restoration->manifest, "uid_base", 0);
    bool empty;

    if (store_database_empty(restoration->db, name, &empty, err) < 0)
        return -1;
    if (!empty)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "the database %s is not empty; a backup is only restored into an empty "
                         "one. Stop the server and drop that database, or try the backup out with "
                         "--into ANOTHER_NAME",
                         name);
    for (size_t i = 0; restoration->files && i < BACKUP_FOLDERS; i++) {
        if (has_file(restoration, folders[i].part) && check_folder(folders[i].folder, err) < 0)
            return -1;
    }
    if (restoration->files && has_file(restoration, "images.tar") &&
        uid_base != restoration->settings->engine.uid_base)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "the images belong to uid_base %" PRId64 ", but [engine] uid_base is "
                         "%" PRId64 "; set it to the former",
                         uid_base, restoration->settings->engine.uid_base);
    return 0;
}

/* --- the database ---------------------------------------------------------------------------- */

/* What mariadb or tar doesn't take any more, its exit status explains. */
static int feed(const void *bytes, size_t size, void *arg, struct error *err)
{
    const struct child *child = arg;

    return fd_write_all(child->fd, bytes, size, err);
}

static int feed_part(const char *bytes, size_t size, void *arg, struct error *err)
{
    return feed(bytes, size, arg, err);
}

static int feed_dump(const char *bytes, size_t size, void *arg, struct error *err)
{
    return dump_add(arg, bytes, size, err);
}

/* The reason of a broken pipe is the program's end. */
static int end_of(struct child *child, int status, struct error *err)
{
    struct error end = ERROR_INIT;

    if (child_end(child, 0, &end) == 0)
        return status;
    *err = end;
    return -1;
}

static int load(const struct restoration *restoration, struct error *err)
{
    const char *const argv[] = {"mariadb",
                                BACKUP_SIGN_IN_OPTION,
                                "--batch",
                                "--max-allowed-packet=1G",
                                restoration->database.db_name,
                                NULL};
    _cleanup_(child_release) struct child child = {.fd = -1};
    _cleanup_(close_fd) int sign_in = backup_sign_in(&restoration->database, err);
    _cleanup_(dump_release) struct dump dump = {.rows = NULL};
    struct part_sum sum;
    int status;

    if (sign_in < 0 || child_start(&child, argv, true, sign_in, err) < 0)
        return -1;
    dump_begin(&dump, feed, &child);
    status = part_read(&restoration->place, BACKUP_DATABASE, feed_dump, &dump, &sum, err);
    return end_of(&child, status, err);
}

static int compare(const struct restoration *restoration, struct error *err)
{
    _cleanup_(db_end_snapshot) struct db *snapshot = db_snapshot(restoration->db, err);
    _cleanup_(json_release) json_object *numbers = snapshot ? backup_numbers(snapshot, err) : NULL;

    if (!numbers || backup_compare(json_object_object_get(restoration->manifest, "tables"),
                                   json_object_object_get(numbers, "tables"),
                                   "the number of rows of the table", err) < 0)
        return -1;
    return backup_compare(json_object_object_get(restoration->manifest, "ledger"),
                          json_object_object_get(numbers, "ledger"), "the sum of the ledger", err);
}

/* A row may be longer than what the server takes by default. */
static int restore_database(const struct restoration *restoration, struct error *err)
{
    struct error ignored;
    int64_t packet, set;
    int status;

    restoration->progress(BACKUP_DATABASE, restoration->arg);
    if (store_database_create(restoration->db, restoration->database.db_name, err) < 0 ||
        store_packet_max_set(restoration->db, PACKET_MAX, &packet, err) < 0)
        return -1;
    status = load(restoration, err);
    store_packet_max_set(restoration->db, packet, &set, &ignored);
    if (status == 0)
        status = compare(restoration, err);
    return status == 0
               ? 0
               : error_wrap(err, "restoring into the database %s", restoration->database.db_name);
}

/* --- the folders ----------------------------------------------------------------------------- */

/* A session's changes are what is newer than its image's mark (images.h). Unpacked files are all
 * new, so the marks are made anew behind them. */
static int renew_marks(const char *image_dir, struct error *err)
{
    DIR *dir = opendir(image_dir);
    int status = 0;

    if (!dir)
        return error_errno(err, errno, "cannot open %s", image_dir);
    for (struct dirent *entry; status == 0 && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *path = xasprintf("%s/%s/complete", image_dir, entry->d_name);

        if (entry->d_name[0] != '.' && utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno != ENOENT)
            status = error_errno(err, errno, "cannot touch %s", path);
    }
    closedir(dir);
    return status;
}

static int restore_folder(const struct restoration *restoration, const struct backup_folder *folder,
                          struct error *err)
{
    const char *const argv[] = {"tar",
                                "-C",
                                folder->folder,
                                "--extract",
                                "--file=-",
                                "--numeric-owner",
                                "--same-owner",
                                "--same-permissions",
                                "--xattrs",
                                "--xattrs-include=*",
                                NULL};
    _cleanup_(child_release) struct child child = {.fd = -1};
    struct part_sum sum;
    int status;

    if (!has_file(restoration, folder->part))
        return 0;
    restoration->progress(folder->part, restoration->arg);
    if (make_dirs(folder->folder, 0755, err) < 0 || child_start(&child, argv, true, -1, err) < 0)
        return -1;
    status = part_read(&restoration->place, folder->part, feed_part, &child, &sum, err);
    if (end_of(&child, status, err) < 0)
        return error_wrap(err, "restoring %s", folder->folder);
    return folder->is_images ? renew_marks(folder->folder, err) : 0;
}

/* --------------------------------------------------------------------------------------------- */

static int restore(struct restoration *restoration, struct error *err)
{
    const struct backup_folder *folders = restoration->folders.rows;

    if (check_places(restoration, err) < 0 || restore_database(restoration, err) < 0)
        return -1;
    for (size_t i = 0; restoration->files && i < BACKUP_FOLDERS; i++) {
        if (restore_folder(restoration, &folders[i], err) < 0)
            return -1;
    }
    return 0;
}

static void restoration_release(struct restoration *restoration)
{
    backup_folders_release(&restoration->folders);
    part_place_release(&restoration->place);
}

int backup_restore(const struct settings *settings, const char *path, const char *database,
                   const char *below, backup_progress *progress, void *arg,
                   json_object **ret_manifest, struct error *err)
{
    _cleanup_(restoration_release) struct restoration restoration = {
        .settings = settings,
        .database = settings->database,
        .files = below || !database || strcmp(database, settings->database.db_name) == 0,
        .progress = progress,
        .arg = arg,
        .place = {.folder = -1},
    };
    _cleanup_(json_release) json_object *manifest = NULL;
    _cleanup_(free_ptr) char *name = database ? xstrdup(database) : NULL;
    _cleanup_(free_db) struct db *db = NULL;

    backup_folders(settings, below, &restoration.folders);
    progress("check", arg);
    if (part_place_open(&restoration.place, path, err) < 0 ||
        backup_check(path, &manifest, err) < 0)
        return -1;
    if (name)
        restoration.database.db_name = name;
    db = db_new(&restoration.database, DB_ADMIN, err);
    if (!db)
        return -1;
    restoration.db = db;
    restoration.manifest = manifest;
    signal(SIGPIPE, SIG_IGN); /* a program that ended early is told by its status */
    if (restore(&restoration, err) < 0)
        return -1;
    *ret_manifest = TAKE_PTR(manifest);
    return 0;
}
