#include "reaper/job_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "settings.h"
#include "store/jobs.h"

#include "base/banned.h"

#define INCOMING "incoming"
#define RESULT "all.tar.gz"
#define NEW "new-"
#define NEW_SIZE (sizeof(NEW) + ID_LENGTH)
#define RESERVE_SHARE 50 /* a fiftieth of the file system is left to others */
#define ABANDONED_SECONDS 3600
#define TICK (20 * CLOCK_SECOND / 1000) /* files' times come from a clock that is a bit late */
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

DEFINE_CLEANUP(DIR *, close_dir, closedir)

static int open_results(const struct jobs_settings *settings, struct error *err)
{
    int fd = open(settings->results_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : error_errno(err, errno, "cannot open %s", settings->results_dir);
}

static int open_job(const struct jobs_settings *settings, const struct id *job, struct error *err)
{
    _cleanup_(close_fd) int results = open_results(settings, err);
    int fd;

    if (results < 0)
        return -1;
    fd = openat(results, job->text, FOLDER_FLAGS);
    return fd >= 0 ? fd
                   : error_errno(err, errno, "cannot open %s/%s", settings->results_dir, job->text);
}

static void new_name(const struct id *id, char name[NEW_SIZE])
{
    snprintf(name, NEW_SIZE, NEW "%s", id->text);
}

/* --- a result -------------------------------------------------------------------------------- */

static int check_room(const struct jobs_settings *settings, int results, size_t others,
                      struct error *err)
{
    struct statvfs fs;
    uint64_t wanted = (uint64_t)settings->result_bytes_max * (others + 1);

    if (fstatvfs(results, &fs) < 0)
        return error_errno(err, errno, "cannot look at %s", settings->results_dir);
    if ((uint64_t)fs.f_bavail * fs.f_frsize < wanted + fs.f_blocks / RESERVE_SHARE * fs.f_frsize)
        return error_set(err, ERROR_LIMIT, "JOB_HOST_FULL",
                         "the server has no room on its disk for the result");
    return 0;
}

/* Workers make files in it, too: its group is the folder's above it, and may. */
static int make_job_folder(int results, const struct id *job, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;
    struct stat above, st;

    if (mkdirat(results, job->text, 0770) < 0 && errno != EEXIST)
        return error_errno(err, errno, "cannot make a folder for the result");
    fd = openat(results, job->text, FOLDER_FLAGS);
    if (fd < 0 || fstat(results, &above) < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot open the folder for the result");
    if ((st.st_mode & 07777) != (above.st_mode & 07777) && fchmod(fd, above.st_mode & 07777) < 0)
        return error_errno(err, errno, "cannot set the mode of the folder for the result");
    return TAKE_FD(fd);
}

int job_file_create(const struct jobs_settings *settings, const struct id *job, const struct id *id,
                    size_t others, int *ret_fd, struct error *err)
{
    _cleanup_(close_fd) int results = open_results(settings, err);
    _cleanup_(close_fd) int folder = -1;
    char name[NEW_SIZE];
    int fd;

    if (results < 0 || check_room(settings, results, others, err) < 0)
        return -1;
    folder = make_job_folder(results, job, err);
    if (folder < 0)
        return -1;
    new_name(id, name);
    fd = openat(folder, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a file for the result");
    *ret_fd = fd;
    return 0;
}

int job_file_sync(const struct jobs_settings *settings, const struct id *job, int fd,
                  struct error *err)
{
    _cleanup_(close_fd) int folder = open_job(settings, job, err);

    if (folder < 0)
        return -1;
    if (fsync(fd) < 0 || fsync(folder) < 0)
        return error_errno(err, errno, "cannot write the result to the disk");
    return 0;
}

/* Choices of another result's parts. */
static void remove_choices(int folder)
{
    int copy = openat(folder, ".", FOLDER_FLAGS);
    _cleanup_(close_dir) DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;

    if (!dir) {
        close_fd(&copy);
        return;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, NEW, sizeof(NEW) - 1) != 0 &&
            strcmp(entry->d_name, RESULT) != 0)
            unlinkat(folder, entry->d_name, 0);
    }
}

int job_file_place(const struct jobs_settings *settings, const struct id *job, const struct id *id,
                   struct error *err)
{
    _cleanup_(close_fd) int folder = open_job(settings, job, err);
    char name[NEW_SIZE];

    if (folder < 0)
        return -1;
    new_name(id, name);
    if (renameat(folder, name, folder, RESULT) < 0 && errno != ENOENT)
        return error_errno(err, errno, "cannot rename the result's file");
    remove_choices(folder);
    if (fsync(folder) < 0)
        return error_errno(err, errno, "cannot write the result's folder to the disk");
    return 0;
}

void job_file_discard(const struct jobs_settings *settings, const struct id *job,
                      const struct id *id)
{
    struct error ignored;
    _cleanup_(close_fd) int results = open_results(settings, &ignored);
    _cleanup_(close_fd) int folder = results >= 0 ? openat(results, job->text, FOLDER_FLAGS) : -1;
    char name[NEW_SIZE];

    if (folder < 0)
        return;
    new_name(id, name);
    unlinkat(folder, name, 0);
    unlinkat(results, job->text, AT_REMOVEDIR); /* if nothing else is in it */
}

int job_files_remove(const struct jobs_settings *settings, const struct id *job, struct error *err)
{
    _cleanup_(close_fd) int results = open_results(settings, err);

    return results < 0 ? -1 : remove_tree_at(results, job->text, err);
}

/* --- an upload ------------------------------------------------------------------------------- */

static int open_incoming(const struct jobs_settings *settings, struct error *err)
{
    _cleanup_(close_fd) int results = open_results(settings, err);
    int fd;

    if (results < 0)
        return -1;
    fd = openat(results, INCOMING, FOLDER_FLAGS);
    return fd >= 0 ? fd
                   : error_errno(err, errno, "cannot open %s/" INCOMING, settings->results_dir);
}

int job_upload_open(const struct jobs_settings *settings, const struct id *upload, int64_t bytes,
                    int *ret_fd, struct error *err)
{
    _cleanup_(close_fd) int folder = open_incoming(settings, err);
    _cleanup_(close_fd) int fd = -1;
    struct stat st;

    if (folder < 0)
        return -1;
    fd = openat(folder, upload->text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot open the upload");
    if (!S_ISREG(st.st_mode) || st.st_size != bytes)
        return error_set(err, ERROR_INVALID, NULL, "the upload is not the file that was announced");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

void job_upload_discard(const struct jobs_settings *settings, const struct id *upload)
{
    struct error ignored;
    _cleanup_(close_fd) int folder = open_incoming(settings, &ignored);

    if (folder >= 0)
        unlinkat(folder, upload->text, 0);
}

/* --- what is left ---------------------------------------------------------------------------- */

struct look {
    struct db *db;
    const struct jobs_settings *settings;
    int64_t before;
};

typedef int each_id(const struct look *look, int folder, const struct id *id, struct error *err);

/* Calls for each entry whose name is an id. */
static int for_each_id(const struct look *look, int folder, each_id *each, struct error *err)
{
    int copy = openat(folder, ".", FOLDER_FLAGS);
    _cleanup_(close_dir) DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    struct id id;

    if (!dir) {
        error_errno(err, errno, "cannot read a folder of results");
        close_fd(&copy);
        return -1;
    }
    while ((entry = readdir(dir))) {
        if (id_parse(entry->d_name, strlen(entry->d_name), &id) == 0 &&
            each(look, folder, &id, err) < 0)
            return -1;
    }
    return 0;
}

/* LEFT_IN_USE: a daemon, perhaps of another host that shares the folder, writes it or will write it
 * anew. */
enum left { LEFT_IN_USE, LEFT_RESULT, LEFT_GARBAGE };

static enum left left_by_job(const struct agent_job *job, int64_t size)
{
    if (!agent_job_ended(job->status))
        return LEFT_IN_USE;
    return job->status == AGENT_JOB_COMPLETED && job->result_bytes == size ? LEFT_RESULT
                                                                           : LEFT_GARBAGE;
}

static enum left left_by_upload(const struct agent_job *job, const struct job_upload *upload,
                                int64_t size)
{
    if (upload->status == UPLOAD_PENDING)
        return LEFT_IN_USE;
    return upload->status == UPLOAD_ACCEPTED && job->result_bytes == size ? LEFT_RESULT
                                                                          : LEFT_GARBAGE;
}

/* What does the database tell of new-ID? */
static int look_up(struct db *db, const struct id *job_id, const struct id *id, int64_t size,
                   enum left *ret_left, struct error *err)
{
    _cleanup_(agent_job_release) struct agent_job job = {.result_bytes = 0};
    _cleanup_(job_upload_release) struct job_upload upload = {.bytes = 0};
    bool by_upload = strcmp(job_id->text, id->text) != 0;
    int rc = store_job_get(db, NULL, job_id->text, &job, err);

    if (rc == 0 && by_upload)
        rc = store_job_upload_get(db, id->text, &upload, err);
    if (rc < 0 && err->kind != ERROR_NOT_FOUND)
        return -1;
    if (rc < 0)
        *ret_left = LEFT_GARBAGE;
    else
        *ret_left = by_upload ? left_by_upload(&job, &upload, size) : left_by_job(&job, size);
    error_clear(err);
    return 0;
}

static int recover_file(const struct look *look, int folder, const struct id *job,
                        const struct id *id, struct error *err)
{
    char name[NEW_SIZE];
    struct stat st;
    enum left left;

    new_name(id, name);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000 >= look->before - TICK)
        return 0;
    if (look_up(look->db, job, id, st.st_size, &left, err) < 0)
        return -1;
    if (left == LEFT_IN_USE)
        return 0;
    log_event(LOG_INFO, "result_recovered", "job=%s by=%s kept=%d", job->text, id->text,
              left == LEFT_RESULT);
    if (left == LEFT_RESULT)
        return job_file_place(look->settings, job, id, err);
    job_file_discard(look->settings, job, id);
    return 0;
}

static int recover_job(const struct look *look, int results, const struct id *job,
                       struct error *err)
{
    _cleanup_(close_fd) int folder = openat(results, job->text, FOLDER_FLAGS);
    _cleanup_(close_dir) DIR *dir = NULL;
    const struct dirent *entry;
    struct id id;
    int copy;

    if (folder < 0)
        return 0;
    copy = openat(folder, ".", FOLDER_FLAGS);
    dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!dir) {
        close_fd(&copy);
        return 0;
    }
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name + sizeof(NEW) - 1;

        if (strncmp(entry->d_name, NEW, sizeof(NEW) - 1) == 0 &&
            id_parse(name, strlen(name), &id) == 0 && recover_file(look, folder, job, &id, err) < 0)
            return -1;
    }
    return 0;
}

int job_files_recover(struct db *db, const struct jobs_settings *settings, int64_t before,
                      struct error *err)
{
    const struct look look = {.db = db, .settings = settings, .before = before};
    _cleanup_(close_fd) int results = open_results(settings, err);

    return results < 0 ? -1 : for_each_id(&look, results, recover_job, err);
}

static int prune_upload(const struct look *look, int folder, const struct id *id, struct error *err)
{
    _cleanup_(job_upload_release) struct job_upload upload = {.bytes = 0};
    struct stat st;

    if (fstatat(folder, id->text, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        time(NULL) - st.st_mtime < ABANDONED_SECONDS)
        return 0;
    if (store_job_upload_get(look->db, id->text, &upload, err) == 0) {
        if (upload.status == UPLOAD_PENDING)
            return 0;
    } else if (err->kind != ERROR_NOT_FOUND) {
        return -1;
    }
    error_clear(err);
    job_upload_discard(look->settings, id);
    return 0;
}

int job_uploads_prune(struct db *db, const struct jobs_settings *settings, struct error *err)
{
    const struct look look = {.db = db, .settings = settings};
    _cleanup_(close_fd) int folder = open_incoming(settings, err);

    return folder < 0 ? -1 : for_each_id(&look, folder, prune_upload, err);
}
