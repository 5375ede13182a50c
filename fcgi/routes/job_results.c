/*
 * GET /agent-jobs/{job_id}/result. nginx sends the file, in ranges where they are asked for.
 *
 * A result is a row of gzip members, one for each folder, and a last one that ends the archive.
 * Some of them, one after the other, are an archive, too: so a choice of folders is a copy of
 * ranges of bytes, which is made once and kept beside the result.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "routes/routes.h"
#include "store/jobs.h"

#include "base/banned.h"

#define WHOLE "all.tar.gz"
#define COMMON "common"
#define FOLDERS_MAX 64
#define CHOICES_MAX 8
#define HASH_DIGITS 32
#define NAME_SIZE (HASH_DIGITS + sizeof(".tar.gz"))

DEFINE_CLEANUP(DIR *, close_dir, closedir)

struct result_values {
    struct field_texts agent_ids;
};

static const struct field result_query[] = {
    {"agent_id", FIELD_TEXTS, .least = 1, .most = 64, .items_most = FOLDERS_MAX,
     .offset = offsetof(struct result_values, agent_ids)},
};

static int no_result(const struct agent_job *job, struct error *err)
{
    const char *reason = "it was removed, as results are kept for some days only";

    if (job->status == AGENT_JOB_ERROR)
        reason = "the job ended in error";
    else if (!agent_job_ended(job->status))
        reason = "the job has not completed yet; GET it until it has";
    return error_set(err, ERROR_NOT_FOUND, "RESULT_NOT_FOUND", "There is no result: %s.", reason);
}

/* --- the choice ------------------------------------------------------------------------------ */

struct part {
    const char *name; /* "": the end of the archive */
    int64_t offset, length;
    bool chosen;
};

struct choice {
    json_object *json; /* what names point to */
    struct part *parts;
    size_t count;
    bool whole;
};

static void choice_release(struct choice *choice)
{
    json_release(&choice->json);
    free(choice->parts);
}

static int bad_parts(const struct agent_job *job, struct error *err)
{
    return error_set(err, ERROR_INTERNAL, NULL, "result_parts of job %s make no sense",
                     job->job_id.text);
}

static int read_parts(const struct agent_job *job, struct choice *choice, struct error *err)
{
    if (!job->result_parts ||
        json_parse(job->result_parts, strlen(job->result_parts), &choice->json, NULL, err) < 0 ||
        !json_object_is_type(choice->json, json_type_array))
        return bad_parts(job, err);
    choice->count = json_object_array_length(choice->json);
    choice->parts = xcalloc(choice->count + 1, sizeof(*choice->parts));
    for (size_t i = 0; i < choice->count; i++) {
        json_object *entry = json_object_array_get_idx(choice->json, i);
        struct part *part = &choice->parts[i];

        part->name = json_get_text(entry, "name");
        part->offset = json_get_int(entry, "offset", -1);
        part->length = json_get_int(entry, "length", -1);
        if (!part->name || part->offset < 0 || part->length < 0 ||
            part->offset > job->result_bytes - part->length)
            return bad_parts(job, err);
        part->chosen = !part->name[0] || strcmp(part->name, COMMON) == 0;
    }
    return 0;
}

static struct part *find_part(struct choice *choice, const char *name)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->parts[i].name[0] && strcmp(choice->parts[i].name, name) == 0)
            return &choice->parts[i];
    }
    return NULL;
}

static int choose(const struct field_texts *wanted, struct choice *choice, struct error *err)
{
    choice->whole = true;
    for (size_t i = 0; i < wanted->count; i++) {
        struct part *part = find_part(choice, wanted->items[i].bytes);

        if (!part)
            return error_set(err, ERROR_NOT_FOUND, "RESULT_NOT_FOUND",
                             "The result has no folder of an agent %.*s.",
                             (int)wanted->items[i].length, wanted->items[i].bytes);
        part->chosen = true;
    }
    for (size_t i = 0; i < choice->count && wanted->count > 0; i++)
        choice->whole = choice->whole && choice->parts[i].chosen;
    return 0;
}

/* --- its file -------------------------------------------------------------------------------- */

static void name_choice(const struct choice *choice, char name[NAME_SIZE])
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;
    char hash[2 * SHA256_SIZE + 1];

    for (size_t i = 0; i < choice->count; i++) {
        if (choice->parts[i].chosen)
            buf_add(&names, choice->parts[i].name, strlen(choice->parts[i].name) + 1);
    }
    sha256_hex(names.data, names.length, hash);
    snprintf(name, NAME_SIZE, "%.*s.tar.gz", HASH_DIGITS, hash);
}

static int copy_range(int from, int64_t offset, int64_t length, int to, struct error *err)
{
    off_t at = offset;

    while (length > 0) {
        ssize_t copied = copy_file_range(from, &at, to, NULL, (size_t)length, 0);

        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return error_errno(err, copied < 0 ? errno : EIO, "cannot copy a part of a result");
        length -= copied;
    }
    return 0;
}

static int check_room(int folder, const struct choice *choice, struct error *err)
{
    struct statvfs fs;
    uint64_t wanted = 0;

    for (size_t i = 0; i < choice->count; i++)
        wanted += choice->parts[i].chosen ? (uint64_t)choice->parts[i].length : 0;
    if (fstatvfs(folder, &fs) < 0)
        return error_errno(err, errno, "cannot look at the folder of a result");
    if (fs.f_bavail * fs.f_frsize < wanted + fs.f_blocks / 50 * fs.f_frsize)
        return error_set(err, ERROR_UNAVAILABLE, "UNAVAILABLE",
                         "the server has no room on its disk for this choice; ask for the whole "
                         "result");
    return 0;
}

static int write_choice(int folder, const struct choice *choice, int fd, struct error *err)
{
    _cleanup_(close_fd) int from = openat(folder, WHOLE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (from < 0)
        return error_errno(err, errno, "cannot open a result");
    for (size_t i = 0; i < choice->count; i++) {
        const struct part *part = &choice->parts[i];

        if (part->chosen && copy_range(from, part->offset, part->length, fd, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_choice(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");

    return digits == HASH_DIGITS && strcmp(name + digits, ".tar.gz") == 0;
}

/* The one that was made first goes where there are too many: whoever is being sent it has it
 * open. */
static void make_place(int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_dir) DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    char oldest[NAME_SIZE] = "";
    const struct dirent *entry;
    time_t when = 0;
    int count = 0;

    if (!dir) {
        close_fd(&copy);
        return;
    }
    while ((entry = readdir(dir))) {
        struct stat st;

        if (!is_choice(entry->d_name) ||
            fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (count++ == 0 || st.st_mtime < when) {
            memcpy(oldest, entry->d_name, HASH_DIGITS + sizeof(".tar.gz"));
            when = st.st_mtime;
        }
    }
    if (count >= CHOICES_MAX)
        unlinkat(folder, oldest, 0);
}

static int make_choice(int folder, const struct choice *choice, const char *name, struct error *err)
{
    struct id temporary = id_new();
    _cleanup_(close_fd) int fd = -1;

    if (check_room(folder, choice, err) < 0)
        return -1;
    make_place(folder);
    fd = openat(folder, temporary.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a file for a choice of a result");
    if (write_choice(folder, choice, fd, err) == 0 &&
        (renameat(folder, temporary.text, folder, name) == 0 ||
         error_errno(err, errno, "cannot name a choice of a result") == 0))
        return 0;
    unlinkat(folder, temporary.text, 0);
    return -1;
}

/* The file to be sent. In the moment when a job has just completed it may not have its name yet. */
static int find_file(const struct settings *settings, const struct agent_job *job,
                     const struct choice *choice, char name[NAME_SIZE], struct error *err)
{
    _cleanup_(free_ptr) char *path =
        xasprintf("%s/%s", settings->jobs.results_dir, job->job_id.text);
    _cleanup_(close_fd) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0 || faccessat(folder, WHOLE, F_OK, 0) < 0)
        return error_set(
            err, ERROR_UNAVAILABLE, "UNAVAILABLE",
            "the result is not there yet; try again in a few seconds (it stays so if the "
            "hosts of this server do not share results_dir)");
    if (choice->whole) {
        snprintf(name, NAME_SIZE, WHOLE);
        return 0;
    }
    name_choice(choice, name);
    return faccessat(folder, name, F_OK, 0) == 0 ? 0 : make_choice(folder, choice, name, err);
}

/* Names of owners and repositories need no quoting anywhere (github/names.h). */
static void add_disposition(const struct agent_job *job, struct answer *answer)
{
    const char *slash = strchr(job->repo, '/');
    time_t when = (time_t)(job->completed_at / CLOCK_SECOND);
    struct tm tm;
    char day[16];

    gmtime_r(&when, &tm);
    strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    answer_header(answer, "Content-Disposition",
                  "attachment; filename=\"codeset-%.*s-%s-%s.tar.gz\"", (int)(slash - job->repo),
                  job->repo, slash + 1, day);
}

static int get_result(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct result_values *form = values;
    _cleanup_(agent_job_release) struct agent_job job = {0};
    _cleanup_(choice_release) struct choice choice = {NULL};
    _cleanup_(free_ptr) char *location = NULL;
    char name[NAME_SIZE];

    if (store_job_get(api->db, &api->caller.user_id, request->params[0], &job, err) < 0)
        return -1;
    if (!job.result_available)
        return no_result(&job, err);
    if (read_parts(&job, &choice, err) < 0 || choose(&form->agent_ids, &choice, err) < 0 ||
        find_file(api->settings, &job, &choice, name, err) < 0)
        return -1;
    location = xasprintf("/-/results/%s/%s", job.job_id.text, name);
    answer_redirect_internally(answer, location);
    answer_header(answer, "Content-Type", "application/gzip");
    add_disposition(&job, answer);
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/agent-jobs/{job_id}/result", get_result, .flags = ROUTE_BEARER, .pool = "api",
     ROUTE_QUERY(struct result_values, result_query)},
};
const struct route_list job_results_routes = {rows, ARRAY_SIZE(rows)};
