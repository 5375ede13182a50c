#include "ctl/sample_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/samples.h"

#include "base/banned.h"

DEFINE_CLEANUP(struct archive *, free_archive, archive_write_free)
DEFINE_CLEANUP(struct archive_entry *, free_entry, archive_entry_free)

static int refused(struct archive *archive, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, NULL, "cannot make the sample's archive: %s",
                     archive_error_string(archive));
}

static la_ssize_t write_to_buf(struct archive *archive, void *out, const void *bytes, size_t length)
{
    (void)archive;
    buf_add(out, bytes, length);
    return (la_ssize_t)length;
}

/* when: seconds since 1970, the same for all entries and at every import. */
static int add_file(struct archive *archive, const char *name, const char *text, size_t length,
                    int64_t when, struct error *err)
{
    _cleanup_(free_entry) struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)length);
    archive_entry_set_mtime(entry, when, 0);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    if (archive_write_header(archive, entry) != ARCHIVE_OK ||
        archive_write_data(archive, text, length) != (la_ssize_t)length)
        return refused(archive, err);
    return 0;
}

int sample_pack(const struct sample_line *line, const struct buf *json, struct buf *archive,
                struct error *err)
{
    _cleanup_(free_archive) struct archive *writer = archive_write_new();
    int64_t when = line->created_at / CLOCK_SECOND;
    const struct {
        const char *name, *text;
        bool always;
    } files[] = {
        {"problem_statement.md", line->problem_statement, true},
        {"hints.md", line->hints_text, false},
        {"patch.diff", line->hides_answers ? "" : line->patch, true},
        {"test_patch.diff", line->hides_answers ? "" : line->test_patch, true},
        {"non_code_patch.diff", line->hides_answers ? "" : line->non_code_patch, false},
    };

    if (archive_write_set_format_pax_restricted(writer) != ARCHIVE_OK ||
        archive_write_add_filter_gzip(writer) != ARCHIVE_OK ||
        archive_write_set_filter_option(writer, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(writer, 1) != ARCHIVE_OK ||
        archive_write_open(writer, archive, NULL, write_to_buf, NULL) != ARCHIVE_OK)
        return refused(writer, err);
    if (add_file(writer, "sample.json", json->data, json->length, when, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        size_t length = strlen(files[i].text);

        if ((files[i].always || length > 0) &&
            add_file(writer, files[i].name, files[i].text, length, when, err) < 0)
            return -1;
    }
    return archive_write_close(writer) == ARCHIVE_OK ? 0 : refused(writer, err);
}

void sample_pack_folder(const char *dataset, struct buf *path)
{
    sample_pack_path(dataset, "", 1, path);
    buf_truncate(path, (size_t)(strrchr(path->data, '/') - path->data));
}

int sample_packs_lock(const char *pack_dir, bool alone, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/.lock", pack_dir);
    _cleanup_(close_fd) int fd = -1;

    if (make_dirs(pack_dir, 0755, err) < 0)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, alone ? LOCK_EX : LOCK_SH) < 0)
        return error_errno(err, errno, "cannot lock %s", path);
    return TAKE_FD(fd);
}

/* --- archives that show what is hidden ------------------------------------------------------- */

struct sweep {
    struct db *db;
    const char *pack_dir, *dataset;
    int64_t *removed;
    int status; /* of all data sets */
    struct error err;
};

static int remove_pack(const char *sample_id, int64_t version, void *arg, struct error *err)
{
    const struct sweep *sweep = arg;
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    buf_addf(&path, "%s/", sweep->pack_dir);
    sample_pack_path(sweep->dataset, sample_id, version, &path);
    if (unlink(path.data) == 0)
        ++*sweep->removed;
    else if (errno != ENOENT)
        return error_errno(err, errno, "cannot remove %s, which shows the answers of sample %s",
                           path.data, sample_id);
    return 0;
}

int sample_packs_sweep(struct db *db, const char *pack_dir, const char *dataset, int64_t *removed,
                       struct error *err)
{
    struct sweep sweep = {.pack_dir = pack_dir, .dataset = dataset, .removed = removed};

    return store_sample_blanked(db, dataset, remove_pack, &sweep, err);
}

static void sweep_dataset(const struct dataset *dataset, void *arg)
{
    struct sweep *sweep = arg;

    if (sweep->status == 0)
        sweep->status = sample_packs_sweep(sweep->db, sweep->pack_dir, dataset->name,
                                           sweep->removed, &sweep->err);
}

int sample_packs_sweep_all(struct db *db, const char *pack_dir, int64_t *removed, struct error *err)
{
    struct sweep sweep = {.db = db, .pack_dir = pack_dir, .removed = removed, .err = ERROR_INIT};
    _cleanup_(close_fd) int lock = -1;

    if (access(pack_dir, F_OK) < 0 && errno == ENOENT)
        return 0;
    lock = sample_packs_lock(pack_dir, false, err);
    if (lock < 0 || store_dataset_list(db, sweep_dataset, &sweep, err) < 0)
        return -1;
    if (sweep.status < 0)
        *err = sweep.err;
    return sweep.status;
}
