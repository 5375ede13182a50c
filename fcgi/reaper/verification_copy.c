/*
 * verification_copy.c - what the session changed, into the grading container: read while the
 * session is held still, laid, and kept for a repetition.
 *
 * Once the listing of such a container is known (listings.h), a session's changes are read while
 * its grading container is being started. What then goes wrong, or does not fit, is forgotten, and
 * done again when the container is up.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "grade/restore_rules.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/listings.h"
#include "reaper/sessions.h"
#include "reaper/verification.h"
#include "settings.h"
#include "store/changes.h"

#include "base/banned.h"

/* --- what is kept of it, while it is verified ------------------------------------------------ */

static int keep(struct db *db, void *arg, struct error *err)
{
    struct job *job = arg;

    return store_changes_keep(db, job_context(job)->run, &job->id, job->work.attempt,
                              job->kept.archive.length > 0 ? job->kept.archive.data : NULL,
                              job->kept.bytes, err);
}

static void forget_changes(struct job *job)
{
    buf_release(&job->kept.archive);
    job->kept.bytes = 0;
}

/* A verdict is worth more than its repetition: without its changes it goes on. */
static void changes_kept(const struct error *err, void *arg)
{
    struct job *job = arg;

    job->keeps = false;
    forget_changes(job);
    if (err && err->kind != ERROR_NOT_FOUND)
        log_error("changes_not_kept", err);
    if (job_is_over(job))
        return;
    if (job->end_waits)
        job_write(job);
}

static void keep_changes(struct job *job)
{
    bool large = job->kept.archive.length > DB_SMALL_BYTES;

    job->keeps = true;
    job->database_busy++;
    db_pool_submit(job_context(job)->pool, large ? DB_LARGE : DB_SMALL, &job->work.user_id, keep,
                   changes_kept, job);
}

/* --- what the session changed ---------------------------------------------------------------- */

#define TREE_BOUNDS                                                                                \
    "at most 512 MiB of changes, 64 MiB for a list of all its files' paths, and folders 256 deep"

static struct container *container_of_session(const struct job *job)
{
    const struct live_session *session =
        sessions_find(job_context(job)->sessions, &job->work.session_id);

    return session ? session_container(session) : NULL;
}

static void copy_changes(struct job *job);

static void copy_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    copy_changes(arg);
}

static void listing_failed(struct job *job, const struct error *err)
{
    if (error_has_code(err, "AGENT_UNREACHABLE"))
        job_give_up(job, "GRADING_CONTAINER_LOST", err->message,
                    "the grading container ended before its files were listed");
    else if (error_has_code(err, "CHANGES_TOO_LARGE"))
        job_give_up(job, "REPOSITORY_TOO_LARGE", err->message,
                    "the repository's folder of the sample can't be verified: " TREE_BOUNDS);
    else
        job_give_up(job, "CHANGES_UNREADABLE", err->message,
                    "the files of the grading container could not be listed");
}

static void reading_failed(struct job *job, const struct error *err)
{
    struct container *container = container_of_session(job);

    if (error_has_code(err, "AGENT_UNREACHABLE") && ++job->tries <= TRIES_MAX) {
        /* A session whose container is gone ends, and takes this along. */
        context_timer(job_context(job), &job->timer, RETRY_MS, copy_again, job);
        if (container)
            container_suspect(container);
    } else if (error_has_code(err, "CHANGES_TOO_LARGE")) {
        job_give_up(
            job, "CHANGES_TOO_LARGE", err->message,
            "what the session changed in the repository's folder can't be verified: " TREE_BOUNDS);
    } else if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID) {
        job_give_up(job, "REPOSITORY_MISSING", err->message,
                    "the repository's folder cannot be read in the session's container");
    } else {
        job_give_up(job, "CHANGES_UNREADABLE", err->message,
                    "the changes of the session could not be read from its container");
    }
}

static void laying_failed(struct job *job, const struct error *err)
{
    job_give_up(job,
                error_has_code(err, "AGENT_UNREACHABLE")    ? "GRADING_CONTAINER_LOST"
                : error_has_code(err, "CHANGES_INCOMPLETE") ? "CHANGES_INCOMPLETE"
                                                            : "CHANGES_REFUSED",
                err->message,
                "the session's changes could not be applied in the grading container");
}

static void keep_text(char **kept, const char *text)
{
    free(*kept);
    *kept = text[0] ? xstrdup(text) : NULL;
}

static struct listing_of listing_of(const struct job *job)
{
    return (struct listing_of){job->work.verifier_image, job->work.repo_path, job->work.profile};
}

static void keep_listing(struct job *job)
{
    const struct listing_of of = listing_of(job);
    int64_t image_time = container_image_time(job->container);

    if (job->listed.archive.length > 0 && image_time > 0)
        listings_keep(job->verifications->listings, &of, image_time, &job->listed.archive);
}

static void copied(const struct error *err, enum agent_copy_stage stage,
                   const struct agent_laid *laid, void *arg)
{
    static void (*const failures[])(struct job * job, const struct error *err) = {
        [AGENT_COPY_LISTING] = listing_failed,
        [AGENT_COPY_READING] = reading_failed,
        [AGENT_COPY_LAYING] = laying_failed,
    };
    struct job *job = arg;

    job->call = NULL;
    job_thaw(job);
    if (job->reads_ahead) { /* it is done again, and told then */
        log_event(LOG_DEBUG, "changes_not_read_ahead", "verification=%s reason=\"%s\"",
                  job->id.text, err->message);
        job->reads_ahead = false;
        forget_changes(job);
        return;
    }
    if (err) {
        failures[stage](job, err);
        return;
    }
    job->tries = 0;
    keep_listing(job);
    keep_text(&job->kept_back, laid->kept_back);
    keep_text(&job->crossed, laid->crossed);
    keep_text(&job->crossed_counts, laid->crossed_counts);
    job->kept_back_count = laid->kept_back_count;
    if (job->kept.most > 0 && !job_is_regrade(job))
        keep_changes(job);
    else
        forget_changes(job);
    job_laid(job);
}

void freezing_free(struct freezing *freezing)
{
    LIST_REMOVE(freezing, next);
    close_fd(&freezing->fd);
    free(freezing);
}

void job_thaw(struct job *job)
{
    struct freezing *freezing = TAKE_PTR(job->freezing);

    if (!freezing)
        return;
    freezing->job = NULL;
    close_fd(&freezing->fd);
    if (freezing->answered)
        freezing_free(freezing);
}

/* Where it can't be frozen, its files are read all the same. */
static void frozen(const struct error *err, int fd, void *arg)
{
    struct freezing *freezing = arg;

    freezing->answered = true;
    if (!freezing->job) {
        close_fd(&fd);
        freezing_free(freezing);
        return;
    }
    if (err)
        log_event(LOG_WARNING, "session_not_frozen", "verification=%s reason=\"%s\"",
                  freezing->job->id.text, err->message);
    freezing->fd = fd;
    agent_copy_read(freezing->job->call);
}

static void about_to_read(void *arg)
{
    struct job *job = arg;
    const struct container *session = container_of_session(job);
    struct freezing *freezing;

    if (!session) { /* it ends, and takes this along */
        agent_copy_read(job->call);
        return;
    }
    freezing = xcalloc(1, sizeof(*freezing));
    freezing->job = job;
    freezing->fd = -1;
    LIST_INSERT_HEAD(&job->verifications->freezings, freezing, next);
    job->freezing = freezing;
    engine_freeze(job_context(job)->engine, CONTAINER_SESSION, container_id(session), frozen,
                  freezing);
}

static void has_read(void *arg)
{
    job_thaw(arg);
}

static void rules_of(const struct job *job, struct buf *rules)
{
    const struct restore_sample sample = {
        .language = job->work.language,
        .test_patch = job->work.test_patch,
        .fail_to_pass = job->work.fail_to_pass,
        .pass_to_pass = job->work.pass_to_pass,
        .held_out = job->work.held_out,
        .restore = job->work.restore,
        .profile = container_profile(job->container),
        .root = job->work.repo_path,
    };

    restore_rules(&sample, rules);
}

/* What a copy from the session is, but for the grading container. */
static struct agent_copy copy_from(struct job *job, const struct container *session)
{
    forget_changes(job);
    buf_release(&job->listed.archive);
    job->listed.bytes = 0;
    job->kept.most = (size_t)job_context(job)->settings->changes_bytes_max;
    return (struct agent_copy){
        .session_address = container_address(session),
        .root = job->work.repo_path,
        .since = container_image_time(session),
        .reads = about_to_read,
        .has_read = has_read,
        .kept = job->kept.most > 0 ? &job->kept : NULL,
    };
}

static void copy_changes(struct job *job)
{
    const struct container *session = container_of_session(job);
    _cleanup_(buf_release) struct buf rules = BUF_INIT;
    struct agent_copy copy;

    job->changes_wait = !session;
    if (!session)
        return;
    rules_of(job, &rules);
    copy = copy_from(job, session);
    copy.rules = (struct agent_rules){rules.data, rules.length};
    copy.grading_address = container_address(job->container);
    job->listed.most = LISTING_MOST;
    copy.listed = job_is_trial(job) ? NULL : &job->listed; /* its preparation changed modes */
    job->call = agent_copy_changes(job_context(job)->agents, &copy, copied, job);
}

/* --- before there is a grading container ----------------------------------------------------- */

void job_read_ahead(struct job *job)
{
    const struct listing_of of = listing_of(job);
    const struct container *session = container_of_session(job);
    struct agent_copy copy;

    if (!session || job->control || job_is_regrade(job) || job_is_trial(job))
        return;
    copy = copy_from(job, session);
    copy.listing = listings_find(job->verifications->listings, &of, &job->listed_image_time);
    if (!copy.listing)
        return;
    job->reads_ahead = true;
    job->call = agent_copy_changes(job_context(job)->agents, &copy, copied, job);
}

/* The container that has come up is of another image than the listing, or reading failed: from the
 * beginning. */
static void lay_what_was_read(struct job *job)
{
    _cleanup_(buf_release) struct buf rules = BUF_INIT;

    if (!job->reads_ahead) {
        copy_changes(job);
        return;
    }
    job->reads_ahead = false;
    if (container_image_time(job->container) != job->listed_image_time) {
        agent_call_cancel(TAKE_PTR(job->call));
        job_thaw(job);
        copy_changes(job);
        return;
    }
    rules_of(job, &rules);
    agent_copy_lay(job->call, container_address(job->container),
                   &(struct agent_rules){rules.data, rules.length});
}

/* --- a repetition, of what was kept ---------------------------------------------------------- */

static int fetch(struct db *db, void *arg, struct error *err)
{
    struct job *job = arg;

    forget_changes(job);
    return store_changes_get(db, &job->work.regrade_of, &job->kept.archive, err);
}

static void fetched(const struct error *err, void *arg)
{
    struct job *job = arg;
    _cleanup_(buf_release) struct buf rules = BUF_INIT;
    struct agent_copy copy = {.root = job->work.repo_path};

    if (job_is_over(job) || job->phase != JOB_WORKING || !job->container)
        return;
    if (err) {
        job_give_up(job, "CHANGES_NOT_KEPT", err->message,
                    "the changes of the verification that is to be repeated are not kept any more");
        return;
    }
    rules_of(job, &rules);
    copy.rules = (struct agent_rules){rules.data, rules.length};
    copy.grading_address = container_address(job->container);
    job->call = agent_lay_changes(job_context(job)->agents, &copy, &job->kept.archive, copied, job);
}

static void lay_kept(struct job *job)
{
    job->database_busy++;
    db_pool_insist(job_context(job)->pool, DB_LARGE, &job->work.user_id, fetch, fetched, job);
}

void job_copy(struct job *job)
{
    if (job->control)
        job_laid(job);
    else if (job_is_regrade(job))
        lay_kept(job);
    else
        lay_what_was_read(job);
}

void job_session_ready(struct job *job)
{
    if (job->changes_wait)
        copy_changes(job);
}
