#include "backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/child.h"
#include "backup/part.h"
#include "backup/parts.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "settings.h"
#include "store/backup.h"
#include "store/db.h"
#include "store/dump.h"

#include "base/banned.h"

#define PARTIAL ".partial-"
#define ARCHIVE ".tar"
#define NAME_LENGTH (sizeof("20261121T190500Z") - 1)

DEFINE_CLEANUP(json_object *, release_object, json_object_put)
DEFINE_CLEANUP(struct db *, free_db, db_free)

struct backup {
    const struct settings *settings;
    struct db *db;
    const struct backup_wish *wish;
    backup_progress *progress;
    void *arg;
    int folder; /* of this backup */
    json_object *manifest, *files;
};

/* --- the database ---------------------------------------------------------------------------- */

/* Commits are held until the dump has begun its first table, for then its snapshot is there. */
struct holding {
    struct dump dump;
    struct db *held; /* NULL: no more */
};

static void release_commits(struct holding *holding)
{
    if (holding->held)
        store_commits_release(holding->held);
    holding->held = NULL;
    dump_release(&holding->dump);
}

static int look_at_dump(const char *bytes, size_t size, void *arg, struct error *err)
{
    struct holding *holding = arg;

    if (dump_add(&holding->dump, bytes, size, err) < 0)
        return -1;
    if (holding->dump.has_tables && holding->held) {
        store_commits_release(holding->held);
        holding->held = NULL;
    }
    return 0;
}

static void add_file(struct backup *backup, const char *name, const struct part_sum *sum)
{
    json_object *file = json_object_new_object();

    json_add_text(file, "name", name);
    json_add_int(file, "bytes", sum->bytes);
    json_add_text(file, "sha256", sum->sha256);
    json_object_array_add(backup->files, file);
}

/* Rows in full, binary ones as hex, in the order of the primary keys. */
static int dump_database(struct backup *backup, struct holding *holding, struct error *err)
{
    const struct database_settings *database = &backup->settings->database;
    const char *const argv[] = {"mariadb-dump",
                                BACKUP_SIGN_IN_OPTION,
                                "--single-transaction",
                                "--quick",
                                "--hex-blob",
                                "--max-allowed-packet=1G",
                                "--net-buffer-length=1M",
                                "--comments",
                                "--skip-dump-date",
                                database->db_name,
                                NULL};
    _cleanup_(child_release) struct child child = {.fd = -1};
    _cleanup_(close_fd) int sign_in = backup_sign_in(database, err);
    struct part_sum sum;

    if (sign_in < 0 || child_start(&child, argv, false, sign_in, err) < 0 ||
        part_write(backup->folder, BACKUP_DATABASE, child.fd, look_at_dump, holding, &sum, err) <
            0 ||
        child_end(&child, 0, err) < 0 || dump_end(&holding->dump, err) < 0)
        return -1;
    add_file(backup, BACKUP_DATABASE, &sum);
    return 0;
}

/* Takes what the manifest says in the same moment, by another connection. */
static int save_database(struct backup *backup, struct error *err)
{
    _cleanup_(free_db) struct db *holder = db_new(&backup->settings->database, DB_ADMIN, err);
    _cleanup_(db_end_snapshot) struct db *snapshot = NULL;
    _cleanup_(release_commits) struct holding holding = {.held = NULL};
    _cleanup_(release_object) json_object *numbers = NULL;

    dump_begin(&holding.dump, NULL, NULL);
    backup->progress(BACKUP_DATABASE, backup->arg);
    if (!holder || db_ping(backup->db, err) < 0 || store_commits_hold(holder, err) < 0)
        return -1;
    holding.held = holder;
    snapshot = db_snapshot(backup->db, err);
    if (!snapshot || dump_database(backup, &holding, err) < 0)
        return error_wrap(err, "saving the database");
    numbers = backup_numbers(snapshot, err);
    if (!numbers)
        return -1;
    json_object_object_foreach (numbers, name, value) {
        json_add(backup->manifest, name, json_object_get(value));
    }
    return 0;
}

/* --- the folders ----------------------------------------------------------------------------- */

/* What begins with a dot is being made or removed. tar says 1 where a file changed or went while it
 * was read. */
static int save_folder(struct backup *backup, const struct backup_folder *folder, struct error *err)
{
    const char *const argv[] = {"tar",
                                "-C",
                                folder->folder,
                                "--create",
                                "--file=-",
                                "--sparse",
                                "--numeric-owner",
                                "--xattrs",
                                "--xattrs-include=*",
                                "--anchored",
                                "--exclude=./.*",
                                "--warning=no-file-changed",
                                "--warning=no-file-removed",
                                "--",
                                ".",
                                NULL};
    _cleanup_(child_release) struct child child = {.fd = -1};
    struct part_sum sum;

    if (access(folder->folder, F_OK) < 0 && errno == ENOENT)
        return 0; /* nothing was ever put there */
    backup->progress(folder->part, backup->arg);
    if (child_start(&child, argv, false, -1, err) < 0 ||
        part_write(backup->folder, folder->part, child.fd, NULL, NULL, &sum, err) < 0 ||
        child_end(&child, 1, err) < 0)
        return error_wrap(err, "saving %s", folder->folder);
    add_file(backup, folder->part, &sum);
    return 0;
}

static int write_manifest(struct backup *backup, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add_str(&text,
                json_object_to_json_string_ext(
                    backup->manifest, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_add_char(&text, '\n');
    return file_write_atomic(backup->folder, BACKUP_MANIFEST, text.data, text.length, 0600, err);
}

static int save(struct backup *backup, int64_t now, struct error *err)
{
    _cleanup_(backup_folders_release) struct backup_folders folders;

    backup_folders(backup->settings, NULL, &folders);
    json_add_int(backup->manifest, "format", BACKUP_FORMAT);
    json_add_text(backup->manifest, "version", CODESET_VERSION);
    json_add_time(backup->manifest, "taken_at", now);
    json_add_int(backup->manifest, "uid_base", backup->settings->engine.uid_base);
    json_add(backup->manifest, "files", backup->files);
    if (save_database(backup, err) < 0)
        return -1;
    for (size_t i = 0; i < BACKUP_FOLDERS; i++) {
        const struct backup_folder *folder = &folders.rows[i];

        if ((backup->wish->images || !folder->is_images) && save_folder(backup, folder, err) < 0)
            return -1;
    }
    return write_manifest(backup, err);
}

/* --- the folder of backups ------------------------------------------------------------------- */

static bool is_backup(const char *name)
{
    return strspn(name, "0123456789TZ") == NAME_LENGTH && name[8] == 'T' &&
           name[NAME_LENGTH - 1] == 'Z' &&
           (!name[NAME_LENGTH] || strcmp(name + NAME_LENGTH, ARCHIVE) == 0);
}

static int backup_entry(const struct dirent *entry)
{
    return is_backup(entry->d_name);
}

static int partial_entry(const struct dirent *entry)
{
    return strncmp(entry->d_name, PARTIAL, sizeof(PARTIAL) - 1) == 0;
}

/* Removes the first entries of the folder, but the last `keep`. */
static int remove_entries(const char *folder, int (*filter)(const struct dirent *), int64_t keep,
                          int64_t *ret_removed, struct error *err)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, filter, alphasort), status = 0;

    if (count < 0)
        return error_errno(err, errno, "cannot read the folder %s", folder);
    *ret_removed = 0;
    for (int i = 0; i < count; i++) {
        _cleanup_(free_ptr) char *path = xasprintf("%s/%s", folder, entries[i]->d_name);

        free(entries[i]);
        if (status == 0 && i < count - keep) {
            status = remove_tree(path, err);
            *ret_removed += status == 0;
        }
    }
    free(entries);
    return status;
}

int backup_prune(const char *folder, int64_t keep, int64_t *ret_removed, struct error *err)
{
    return remove_entries(folder, backup_entry, keep, ret_removed, err);
}

/* The lock is held until the descriptor is closed. */
static int lock_folder(const char *folder, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/.lock", folder);
    _cleanup_(close_fd) int fd = -1;

    if (make_dirs(folder, 0700, err) < 0)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot lock %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "another backup into %s is running; wait until it has ended", folder);
    return TAKE_FD(fd);
}

/* "20261121T190500Z" */
static char *name_of(int64_t when)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(when, text);
    return xasprintf("%.4s%.2s%.2sT%.2s%.2s%.2sZ", text, text + 5, text + 8, text + 11, text + 14,
                     text + 17);
}

static int sync_path(const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? error_errno(err, errno, "cannot sync %s", path) : 0;
}

/* Gives the checked backup its name. */
static int finish(const char *folder, const char *partial, const char *path, struct error *err)
{
    if (sync_path(partial, err) < 0)
        return -1;
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
        return error_errno(err, errno, "cannot rename %s to %s", partial, path);
    return sync_path(folder, err);
}

static int fill(const struct backup *wanted, const char *partial, int64_t now,
                json_object **ret_manifest, struct error *err)
{
    _cleanup_(release_object) json_object *manifest = json_object_new_object();
    _cleanup_(close_fd) int fd = -1;
    struct backup backup = *wanted;

    if (mkdir(partial, 0700) < 0)
        return error_errno(err, errno, "cannot make %s", partial);
    fd = open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", partial);
    backup.folder = fd;
    backup.manifest = manifest;
    backup.files = json_object_new_array();
    if (save(&backup, now, err) < 0)
        return -1;
    backup.progress("check", backup.arg);
    return backup_check(partial, ret_manifest, err);
}

/* The archive of the checked folder, in the order in which it is read. It is checked as well, as it
 * is what stays. */
static int pack(const struct backup *backup, const char *partial, const char *archive,
                json_object **manifest, struct error *err)
{
    const char *argv[10 + BACKUP_FOLDERS] = {
        "tar", "-C", partial, "--create", "--file=-", "--numeric-owner", "--", BACKUP_MANIFEST};
    json_object *files = json_object_object_get(*manifest, "files"), *again;
    _cleanup_(child_release) struct child child = {.fd = -1};
    size_t count = json_object_array_length(files), place = 8;
    struct part_sum sum;

    for (size_t i = 0; i < count && place < ARRAY_SIZE(argv) - 1; i++)
        argv[place++] = json_get_text(json_object_array_get_idx(files, i), "name");
    backup->progress("one file", backup->arg);
    if (child_start(&child, argv, false, -1, err) < 0 ||
        part_write(AT_FDCWD, archive, child.fd, NULL, NULL, &sum, err) < 0 ||
        child_end(&child, 0, err) < 0)
        return error_wrap(err, "packing %s", archive);
    backup->progress("check", backup->arg);
    if (backup_check(archive, &again, err) < 0)
        return -1;
    json_object_put(*manifest);
    *manifest = again;
    return 0;
}

int backup_make(const struct settings *settings, struct db *db, const char *folder,
                const struct backup_wish *wish, backup_progress *progress, void *arg,
                char **ret_path, json_object **ret_manifest, struct error *err)
{
    const struct backup backup = {settings, db, wish, progress, arg, -1, NULL, NULL};
    _cleanup_(close_fd) int lock = lock_folder(folder, err);
    _cleanup_(release_object) json_object *manifest = NULL;
    const int64_t now = clock_now();
    _cleanup_(free_ptr) char *name = name_of(now);
    _cleanup_(free_ptr) char *path =
        xasprintf("%s/%s%s", folder, name, wish->one_file ? ARCHIVE : "");
    _cleanup_(free_ptr) char *partial = xasprintf("%s/" PARTIAL "%s", folder, name);
    _cleanup_(free_ptr) char *archive = xasprintf("%s" ARCHIVE, partial);
    struct error ignored;
    int64_t removed;
    int status;

    if (lock < 0 || remove_entries(folder, partial_entry, 0, &removed, err) < 0)
        return -1;
    status = fill(&backup, partial, now, &manifest, err);
    if (status == 0 && wish->one_file)
        status = pack(&backup, partial, archive, &manifest, err);
    if (status == 0)
        status = finish(folder, wish->one_file ? archive : partial, path, err);
    if (status < 0 || wish->one_file)
        remove_tree(partial, &ignored);
    if (status < 0) {
        remove_tree(archive, &ignored);
        return -1;
    }
    *ret_path = TAKE_PTR(path);
    *ret_manifest = TAKE_PTR(manifest);
    return 0;
}
