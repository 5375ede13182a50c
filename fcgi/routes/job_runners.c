/*
 * What a job's runner says, by the job's secret: progress, a result by PUT, completion.
 *
 * nginx takes a result's body onto its disk before a worker gets it, so that no worker waits for a
 * slow client, and asks a worker first whether it may come (request->may_come). From nginx's file
 * it goes to results_dir/incoming piece by piece; the daemon has it checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/jobs.h"
#include "wire/await.h"

#include "base/banned.h"

#define SECRET_MAX 256
#define STAGE_MAX 200 /* characters, as the database has it */
#define MESSAGE_MAX 4000
#define PIECE 65536
#define RESERVE_SHARE 50 /* a fiftieth of the file system is left to others, as by the daemon */
#define UPLOAD "job-result"

static void hash_secret(const char *secret, unsigned char hash[SHA256_SIZE])
{
    sha256(secret, strlen(secret), hash);
}

static void render_nothing(struct answer *answer)
{
    struct buf *body = answer_json(answer, 200);

    render_open(body, NULL, '{');
    render_close(body, '}');
}

/* --- POST progress --------------------------------------------------------------------------- */

struct progress_values {
    struct field_text secret, stage;
    int64_t pct;
};

static const struct field progress_body[] = {
    {"secret", FIELD_TEXT, .required = true, .most = SECRET_MAX,
     .offset = offsetof(struct progress_values, secret)},
    {"progress_pct", FIELD_INT, .required = true, .least = 0, .most = 100,
     .offset = offsetof(struct progress_values, pct)},
    {"progress_stage", FIELD_TEXT, .nullable = true, .most = STAGE_MAX,
     .offset = offsetof(struct progress_values, stage)},
};

static int post_progress(void *app, const struct request *request, const void *values,
                         struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct progress_values *form = values;
    unsigned char hash[SHA256_SIZE];

    hash_secret(form->secret.bytes, hash);
    if (store_job_progress(api->db, request->params[0], hash, form->pct, form->stage.bytes, err) <
        0)
        return -1;
    render_nothing(answer);
    return 0;
}

/* --- POST complete --------------------------------------------------------------------------- */

struct complete_values {
    struct field_text secret, message;
    int outcome;
};

static const char *const outcomes[] = {"completed", "error", NULL};

static const struct field complete_body[] = {
    {"secret", FIELD_TEXT, .required = true, .most = SECRET_MAX,
     .offset = offsetof(struct complete_values, secret)},
    {"outcome", FIELD_WORD, .required = true, .words = outcomes,
     .offset = offsetof(struct complete_values, outcome)},
    {"error_message", FIELD_TEXT, .nullable = true, .most = MESSAGE_MAX,
     .offset = offsetof(struct complete_values, message)},
};

static int post_complete(void *app, const struct request *request, const void *values,
                         struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct complete_values *form = values;
    unsigned char hash[SHA256_SIZE];
    enum agent_job_status status;
    struct buf *body;
    struct id id;

    hash_secret(form->secret.bytes, hash);
    if (path_id(request, 0, "AGENT_JOB_NOT_FOUND", &id, err) < 0 ||
        store_job_complete(api->db, id.text, hash, form->outcome == 0,
                           form->message.length ? form->message.bytes : NULL, &status, err) < 0)
        return -1;
    doorbell_ring(&api->doorbell, WORK_JOB, &id);
    body = answer_json(answer, 200);
    render_open(body, NULL, '{');
    render_text(body, "job_id", id.text);
    render_text(body, "status", agent_job_status_name(status));
    render_close(body, '}');
    return 0;
}

/* --- PUT result ------------------------------------------------------------------------------ */

static int too_large(int64_t most, struct error *err)
{
    return error_set(err, ERROR_INVALID, "BODY_TOO_LARGE",
                     "A result may have at most %lld bytes, packed.", (long long)most);
}

static int check_room(const char *folder, int64_t bytes, struct error *err)
{
    struct statvfs fs;

    if (statvfs(folder, &fs) < 0)
        return error_errno(err, errno, "cannot look at %s", folder);
    if (fs.f_bavail * fs.f_frsize < (uint64_t)bytes + fs.f_blocks / RESERVE_SHARE * fs.f_frsize)
        return error_set(err, ERROR_UNAVAILABLE, "UNAVAILABLE",
                         "the server has no room on its disk for the result");
    return 0;
}

/* All that can be told without the body. */
static int check_head(struct api *api, const struct request *request, const struct id *job_id,
                      const unsigned char hash[SHA256_SIZE], int64_t *ret_length, struct error *err)
{
    int64_t most = api->settings->jobs.result_bytes_max, length;

    if (store_job_upload_check(api->db, job_id->text, hash, err) < 0 ||
        request_content_length(request, &length, err) < 0)
        return -1;
    if (request_parameter(request, "HTTP_CONTENT_RANGE")) /* RFC 9110, section 14.5 */
        return error_set(err, ERROR_INVALID, "BAD_REQUEST",
                         "A result can't be sent in parts: send the whole file, without a "
                         "Content-Range.");
    if (length > most)
        return too_large(most, err);
    if (length == 0)
        return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED",
                         "The body is empty; send a tar.gz file.");
    *ret_length = length;
    return check_room(api->settings->jobs.results_dir, length < 0 ? most : length, err);
}

static int copy_body(const struct request *request, int fd, int64_t most, int64_t *ret_bytes,
                     struct error *err)
{
    _cleanup_(free_ptr) char *piece = xmalloc(PIECE);
    int64_t bytes = 0;

    for (;;) {
        size_t got = request->stream->read(request->stream->arg, piece, PIECE);

        if (got == 0)
            break;
        bytes += (int64_t)got;
        if (bytes > most)
            return too_large(most, err);
        if (fd_write_all(fd, piece, got, err) < 0)
            return -1;
    }
    *ret_bytes = bytes;
    return 0;
}

/* What the body should have, and whether all of it was there. */
static int check_whole(int64_t announced, int64_t bytes, struct error *err)
{
    if (bytes == 0)
        return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED",
                         "The body is empty; send a tar.gz file.");
    if (announced >= 0 && bytes != announced)
        return error_set(err, ERROR_INVALID, "BAD_REQUEST",
                         "The body ended before its Content-Length.");
    return 0;
}

/* Under a name of its own until it is whole: a worker that died with the same request may have left
 * one of the same id. */
static int write_file(const struct request *request, int folder, const char *name, int64_t most,
                      int64_t announced, int64_t *ret_bytes, struct error *err)
{
    _cleanup_(close_fd) int fd =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);

    if (fd < 0)
        return error_errno(err, errno, "cannot make a file for a result");
    if (copy_body(request, fd, most, ret_bytes, err) < 0 ||
        check_whole(announced, *ret_bytes, err) < 0)
        return -1;
    return fsync(fd) < 0 ? error_errno(err, errno, "cannot write a result") : 0;
}

static int receive(struct api *api, const struct request *request, const struct id *upload_id,
                   int64_t announced, int64_t *ret_bytes, struct error *err)
{
    const struct jobs_settings *jobs = &api->settings->jobs;
    _cleanup_(free_ptr) char *path = xasprintf("%s/incoming", jobs->results_dir);
    _cleanup_(close_fd) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct id name = id_new();

    if (folder < 0)
        return error_errno(err, errno, "cannot open %s", path);
    if (write_file(request, folder, name.text, jobs->result_bytes_max, announced, ret_bytes, err) <
        0) {
        unlinkat(folder, name.text, 0);
        return -1;
    }
    if (renameat(folder, name.text, folder, upload_id->text) < 0 || fsync(folder) < 0)
        return error_errno(err, errno, "cannot name a result's file");
    return 0;
}

/* One that a worker recorded that died behind it is not written again. */
static int is_recorded(struct api *api, const struct id *upload_id, bool *ret_recorded,
                       struct error *err)
{
    _cleanup_(job_upload_release) struct job_upload upload = {0};

    *ret_recorded = store_job_upload_get(api->db, upload_id->text, &upload, err) == 0;
    if (!*ret_recorded && err->kind != ERROR_NOT_FOUND)
        return -1;
    error_clear(err);
    return 0;
}

/* then: "result", or "result-again" when it was held once. */
static void await_check(const struct id *job_id, const struct id *upload_id, const char *then,
                        struct answer *answer)
{
    _cleanup_(free_ptr) char *path =
        xasprintf(API "/agent-jobs/%s/%s/%s", job_id->text, then, upload_id->text);

    hold_until(WORK_JOB_RESULT, upload_id, AWAIT_HOLD_MS_MAX, path, answer);
}

static int put_result(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    const char *secret = request_parameter(request, "HTTP_X_JOB_SECRET");
    struct id job_id, upload_id = request_make_id(request, UPLOAD);
    unsigned char hash[SHA256_SIZE];
    int64_t announced = -1, bytes = 0;
    bool recorded;

    (void)values;
    hash_secret(secret ? secret : "", hash);
    if (path_id(request, 0, "AGENT_JOB_NOT_FOUND", &job_id, err) < 0 ||
        is_recorded(api, &upload_id, &recorded, err) < 0)
        return -1;
    if (!recorded && check_head(api, request, &job_id, hash, &announced, err) < 0)
        return -1;
    if (request->may_come) {
        answer->status = 204;
        return 0;
    }
    if (!recorded &&
        (receive(api, request, &upload_id, announced, &bytes, err) < 0 ||
         store_job_upload_create(api->db, &upload_id, job_id.text, hash, bytes, err) < 0))
        return -1;
    doorbell_ring(&api->doorbell, WORK_JOB_RESULT, &upload_id);
    await_check(&job_id, &upload_id, "result", answer);
    return 0;
}

static int still_pending(struct error *err)
{
    return error_set(
        err, ERROR_CONFLICT, "RESULT_PENDING",
        "The result has arrived and will be checked. Don't send it again: say that the "
        "job is complete, until that is not answered RESULT_MISSING.");
}

static int find_upload(struct api *api, const struct request *request, struct job_upload *upload,
                       struct error *err)
{
    if (store_job_upload_get(api->db, request->params[1], upload, err) < 0)
        return -1;
    if (strcmp(upload->job_id.text, request->params[0]) == 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, "NOT_FOUND", "There is nothing at this path.");
}

static int answer_checked(const struct job_upload *upload, struct answer *answer, struct error *err)
{
    const char *code = upload->error_code ? upload->error_code : "";
    const char *message = upload->message ? upload->message : "The result was refused.";

    if (upload->status == UPLOAD_ACCEPTED) {
        render_nothing(answer);
        return 0;
    }
    if (strcmp(code, "JOB_SECRET_REFUSED") == 0)
        return error_set(err, ERROR_CONFLICT, "JOB_SECRET_REFUSED", "%s", message);
    if (strcmp(code, "JOB_RESULT_TOO_LARGE") == 0)
        return error_set(err, ERROR_INVALID, "JOB_RESULT_TOO_LARGE", "%s", message);
    return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED", "%s", message);
}

static int awaited_result(void *app, const struct request *request, const void *values,
                          struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(job_upload_release) struct job_upload upload = {0};

    (void)values;
    if (find_upload(api, request, &upload, err) < 0)
        return -1;
    if (upload.status != UPLOAD_PENDING)
        return answer_checked(&upload, answer, err);
    if (!daemon_listens(api))
        return still_pending(err);
    await_check(&upload.job_id, &upload.upload_id, "result-again", answer);
    return 0;
}

static int awaited_again(void *app, const struct request *request, const void *values,
                         struct answer *answer, struct error *err)
{
    _cleanup_(job_upload_release) struct job_upload upload = {0};

    (void)values;
    if (find_upload(app, request, &upload, err) < 0)
        return -1;
    return upload.status == UPLOAD_PENDING ? still_pending(err)
                                           : answer_checked(&upload, answer, err);
}

#define JOB API "/agent-jobs/{job_id}"

static const struct route rows[] = {
    {"POST", JOB "/progress", post_progress, .pool = "api",
     ROUTE_BODY(struct progress_values, progress_body)},
    {"POST", JOB "/complete", post_complete, .pool = "api",
     ROUTE_BODY(struct complete_values, complete_body)},
    {"PUT", JOB "/result", put_result, .flags = ROUTE_STREAM, .pool = "api"},
    {"GET", JOB "/result/{upload_id}", awaited_result, .flags = ROUTE_AWAITED, .pool = "api"},
    {"GET", JOB "/result-again/{upload_id}", awaited_again, .flags = ROUTE_AWAITED, .pool = "api"},
};
const struct route_list job_runners_routes = {rows, ARRAY_SIZE(rows)};
