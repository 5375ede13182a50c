/*
 * job_prepare.c - the operator's secrets of an agent, and a token to clone with. On a thread of the
 * pool, as both may take their time; the thread has a struct of its own until it is done.
 */
#include <event2/util.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/job_token.h"
#include "reaper/live_job.h"

#include "base/banned.h"

#define TOKEN_TRIES 3
#define TOKEN_PAUSE_MS 3000

struct preparation {
    struct live_job *job; /* the thread reads its work only */
    bool wants_token;
    const char *code; /* of `failure` */
    struct error failure;
    json_object *secrets;
    struct masks masks;
    char *token;
};

static void wipe_text(char **text)
{
    if (*text)
        OPENSSL_cleanse(*text, strlen(*text));
    free(TAKE_PTR(*text));
}

void live_job_forget_token(struct live_job *job)
{
    wipe_text(&job->token);
}

/* --- on the thread ---------------------------------------------------------------------------- */

static void wipe_buf(struct buf *text)
{
    OPENSSL_cleanse(text->data, text->length);
    buf_release(text);
}

static int read_secret(struct preparation *preparation, json_object *row, struct error *err)
{
    const char *name = json_get_text(row, "name"), *file = json_get_text(row, "file");
    _cleanup_(wipe_buf) struct buf value = BUF_INIT;
    _cleanup_(free_ptr) char *text = NULL;

    if (!name || !file)
        return error_set(err, ERROR_INVALID, NULL, "the agent's list of secrets cannot be read");
    if (file_read_secret(file, &value, err) < 0)
        return error_wrap(err, "the secret %s of the agent", name);
    if (strlen(value.data) != value.length || value.length < MASKS_LEAST)
        return error_set(err, ERROR_INVALID, NULL,
                         "the secret %s of the agent has a NUL in it, or fewer than %d bytes", name,
                         MASKS_LEAST);
    text = xasprintf("%s=%s", name, value.data);
    json_object_array_add(preparation->secrets, json_object_new_string(text));
    masks_add(&preparation->masks, value.data);
    OPENSSL_cleanse(text, strlen(text));
    return 0;
}

static int read_secrets(struct preparation *preparation, struct error *err)
{
    const char *list = preparation->job->work.secrets;
    _cleanup_(json_release) json_object *rows = NULL;

    preparation->secrets = json_object_new_array();
    if (!list)
        return 0;
    if (json_parse(list, strlen(list), &rows, NULL, err) < 0 ||
        !json_object_is_type(rows, json_type_array))
        return error_set(err, ERROR_INVALID, NULL, "the agent's list of secrets cannot be read");
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        if (read_secret(preparation, json_object_array_get_idx(rows, i), err) < 0)
            return -1;
    }
    return 0;
}

static void prepare(struct preparation *preparation)
{
    const struct agent_job_work *work = &preparation->job->work;
    struct error *err = &preparation->failure;

    preparation->code = "JOB_SECRET_MISSING";
    if (read_secrets(preparation, err) < 0)
        return;
    if (!preparation->wants_token || work->installation_id == 0)
        return;
    preparation->code = "JOB_CLONE_FAILED";
    if (job_token(live_job_context(preparation->job)->accounts, work->installation_id, work->repo,
                  &preparation->token, err) == 0)
        masks_add(&preparation->masks, preparation->token);
}

static int run_prepare(struct db *db, void *arg, struct error *err)
{
    (void)db;
    (void)err;
    prepare(arg);
    return 0;
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void preparation_free(struct preparation *preparation)
{
    json_object_put(preparation->secrets);
    masks_release(&preparation->masks);
    wipe_text(&preparation->token);
    free(preparation);
}

DEFINE_CLEANUP(struct preparation *, free_preparation, preparation_free)

static void prepare_again(evutil_socket_t fd, short what, void *arg)
{
    struct live_job *job = arg;

    (void)fd;
    (void)what;
    live_job_prepare(job, job->wants_token, job->prepared);
}

static void not_prepared(struct live_job *job, const struct preparation *preparation)
{
    const struct error *failure = &preparation->failure;

    if (strcmp(preparation->code, "JOB_SECRET_MISSING") == 0) {
        live_job_fail(job, "JOB_SECRET_MISSING", failure->message,
                      "a secret that the operator gave this agent cannot be read; the operator "
                      "finds the reason in the log");
    } else if (failure->kind == ERROR_UNAVAILABLE && ++job->tries < TOKEN_TRIES) {
        context_timer(live_job_context(job), &job->timer, TOKEN_PAUSE_MS, prepare_again, job);
    } else if (failure->code == NULL) { /* not GitHub's doing, such as a key that cannot be read */
        live_job_fail(job, "JOB_CLONE_FAILED", failure->message,
                      "the server could not ask GitHub for access to the repository; the "
                      "operator finds the reason in the log");
    } else {
        _cleanup_(free_ptr) char *message =
            xasprintf("GitHub gave no access to %s: %s", job->work.repo, failure->message);

        live_job_fail(job, "JOB_CLONE_FAILED", NULL, message);
    }
}

static void prepared(const struct error *err, void *arg)
{
    _cleanup_(free_preparation) struct preparation *preparation = arg;
    struct live_job *job = preparation->job;

    if (live_job_is_over(job, &job->database_busy) || job->phase != LIVE_WORKING)
        return;
    if (err) { /* the database is away, and was not asked for anything */
        context_timer(live_job_context(job), &job->timer, TOKEN_PAUSE_MS, prepare_again, job);
        return;
    }
    json_object_put(job->secrets);
    job->secrets = TAKE_PTR(preparation->secrets);
    masks_release(&job->masks);
    job->masks = preparation->masks;
    preparation->masks = (struct masks){.count = 0};
    live_job_forget_token(job);
    job->token = TAKE_PTR(preparation->token);
    if (preparation->failure.kind != ERROR_NONE) {
        not_prepared(job, preparation);
        return;
    }
    job->tries = 0;
    job->prepared(job);
}

void live_job_prepare(struct live_job *job, bool token, void (*then)(struct live_job *job))
{
    struct preparation *preparation = xcalloc(1, sizeof(*preparation));

    preparation->job = job;
    preparation->wants_token = job->wants_token = token;
    job->prepared = then;
    job->database_busy++;
    /* The lane of what takes long: at most half of the threads. */
    db_pool_submit(live_job_context(job)->pool, DB_LARGE, &job->work.user_id, run_prepare, prepared,
                   preparation);
}
