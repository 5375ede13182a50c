/*
 * job_watch.c - what an agent prints while it runs: its tail is asked for, secrets are masked, and
 * log and progress are written. The same write tells whether the agent is to be ended.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/live_job.h"
#include "settings.h"

#include "base/banned.h"

#define TAIL_ROUNDS 2 /* of the daemon, from one look to the next */

static void ask(struct live_job *job);

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ask(arg);
}

static void look_later(struct live_job *job)
{
    const struct context *context = live_job_context(job);

    context_timer(context, &job->tail_timer, TAIL_ROUNDS * context->settings->sweep_ms, look, job);
}

/* --- writing --------------------------------------------------------------------------------- */

/* The thread's own: a job may begin anew meanwhile. */
struct note {
    struct live_job *job; /* it reads id and work */
    struct buf text;
    bool has_text;
    int64_t total, pct;
    char *stage; /* NULL: no news */
    bool asked_to_end;
    bool last;
};

static void note_free(struct note *note)
{
    if (note == NULL)
        return;
    buf_release(&note->text);
    free(note->stage);
    free(note);
}

DEFINE_CLEANUP(struct note *, free_note, note_free)

static int write_note(struct db *db, void *arg, struct error *err)
{
    struct note *note = arg;
    const struct live_job *job = note->job;

    return store_job_note(db, live_job_context(job)->run, &job->id, job->work.attempt,
                          note->has_text ? note->text.data : NULL, note->text.length, note->total,
                          note->pct, note->stage, &note->asked_to_end, err);
}

static void noted(const struct error *err, void *arg)
{
    _cleanup_(free_note) struct note *note = arg;
    struct live_job *job = note->job;

    job->note = NULL;
    if (live_job_is_over(job, &job->database_busy) || job->phase != LIVE_WORKING ||
        live_job_is_lost(job, err, "job_note"))
        return;
    if (!job->watched) /* and what it tells may be of an agent before */
        return;
    job->asked_to_end |= note->asked_to_end;
    if (note->last) {
        job->watched = false;
        job->then(job);
    } else if (job->agent_ended) {
        ask(job);
    } else {
        if (job->asked_to_end)
            live_job_clear(job, NULL); /* the command's end follows */
        look_later(job);
    }
}

/* Its answer tells, too, whether the agent is to end, so that it is written without news as well.
 */
static void write_news(struct live_job *job, bool printed_more, bool progressed)
{
    struct note *note = xcalloc(1, sizeof(*note));

    note->job = job;
    note->text = (struct buf)BUF_INIT;
    note->total = job->log.total;
    note->last = job->agent_ended;
    if (printed_more)
        job_log_text(&job->log, &job->masks, job->agent_ended, &note->text);
    note->has_text = printed_more;
    note->pct = job->log.pct;
    note->stage = progressed ? xstrdup(job->log.stage) : NULL;
    job->note = note;
    job->database_busy++;
    db_pool_insist(live_job_context(job)->pool,
                   note->text.length > DB_SMALL_BYTES ? DB_LARGE : DB_SMALL, &job->work.user_id,
                   write_note, noted, note);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void told(const struct error *err, const char *text, size_t length, int64_t total, void *arg)
{
    struct live_job *job = arg;
    bool printed_more = false, progressed = false;

    job->tail = NULL;
    if (!err) {
        printed_more = job_log_take(&job->log, text, length, total);
        progressed = job_log_progress(&job->log, &job->masks, job->agent_ended);
    }
    /* At the end what was held back, as it could have been the beginning of a secret, is shown. */
    printed_more |= job->agent_ended && job->log.total > 0;
    write_news(job, printed_more, progressed);
}

static void ask(struct live_job *job)
{
    if (job->tail || job->note)
        return;
    job->tail = agent_tail(live_job_context(job)->agents, container_address(job->container),
                           job->id.text, told, job);
}

void live_job_watch(struct live_job *job)
{
    job->watched = true;
    if (!job->tail && !job->note)
        look_later(job);
}

void live_job_look(struct live_job *job)
{
    if (job->watched)
        ask(job);
}

void live_job_watch_end(struct live_job *job, void (*then)(struct live_job *job))
{
    job->watched = true;
    job->agent_ended = true;
    job->then = then;
    agent_call_cancel(TAKE_PTR(job->tail)); /* it may have been answered before the end */
    if (job->tail_timer)
        event_del(job->tail_timer);
    ask(job);
}

void live_job_watch_halt(struct live_job *job)
{
    job->watched = false;
    agent_call_cancel(TAKE_PTR(job->tail));
    if (job->tail_timer)
        event_del(job->tail_timer);
}

void live_job_watch_free(struct live_job *job)
{
    note_free(TAKE_PTR(job->note));
}

char *live_job_last_line(const struct live_job *job)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    job_log_text(&job->log, &job->masks, true, &text);
    return job_log_last_line(text.data, text.length);
}
