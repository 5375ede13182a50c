#include "agent/edits.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "agent/operations.h"
#include "agent/request.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define READ_SIZE (64 * 1024)

struct edit {
    struct operation operation; /* first */
    TAILQ_ENTRY(edit) links;
    struct edits *edits;
    pid_t pid; /* 0 once it was waited for */
    int fd;
    struct event *ready;
    struct event *limit;
    struct evbuffer *input;
    bool commits; /* the child was about to put the file into its place */
    int status;   /* of the answer; 0: not yet */
    char *json;
};

struct edits {
    struct event_base *base;
    struct operations *operations;
    TAILQ_HEAD(, edit) running;
};

struct edits *edits_new(struct event_base *base, struct operations *operations)
{
    struct edits *edits = xcalloc(1, sizeof(*edits));

    edits->base = base;
    edits->operations = operations;
    TAILQ_INIT(&edits->running);
    return edits;
}

void edits_reaped(struct edits *edits, pid_t pid)
{
    struct edit *edit;

    TAILQ_FOREACH(edit, &edits->running, links)
    if (edit->pid == pid)
        edit->pid = 0;
}

/* ---- as an operation ---- */

static void edit_answer(struct operation *operation, struct evhttp_request *req)
{
    const struct edit *edit = (struct edit *)operation;

    request_json(req, edit->status, edit->json);
}

/* It can't be undone, and ends in a second. */
static void edit_abandon(struct operation *operation)
{
    (void)operation;
}

static void edit_unlisted(struct operation *operation)
{
    (void)operation;
}

static void edit_free(struct operation *operation)
{
    struct edit *edit = (struct edit *)operation;

    free(edit->json);
    free(edit);
}

static const struct operation_kind edit_kind = {
    .answer = edit_answer, .abandon = edit_abandon, .unlisted = edit_unlisted, .free = edit_free};

/* ---- its end ---- */

static void edit_end(struct edit *edit)
{
    if (edit->pid)
        kill(edit->pid, SIGKILL);
    TAILQ_REMOVE(&edit->edits->running, edit, links);
    event_free(edit->ready);
    event_free(edit->limit);
    evbuffer_free(edit->input);
    close_fd(&edit->fd);
    operation_end(&edit->operation, edit->status != AGENT_STATUS_BUSY);
    operation_unref(&edit->operation);
}

/* Reads what the child has said so far. False when no more comes. */
static bool edit_read(struct edit *edit)
{
    int got, status;

    do
        got = evbuffer_read(edit->input, edit->fd, READ_SIZE);
    while (got > 0);
    while (edit->status == 0 && worker_frame(edit->input, &status, &edit->json)) {
        if (status == WORKER_COMMITS)
            edit->commits = true;
        else
            edit->status = status;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The child has not answered, and will not. */
static void edit_lost(struct edit *edit, const char *why)
{
    edit->status = edit->commits ? AGENT_STATUS_LOST : AGENT_STATUS_BUSY;
    free(edit->json);
    edit->json = request_message_json(why);
    edit_end(edit);
}

static void child_ready(evutil_socket_t fd, short what, void *arg)
{
    struct edit *edit = arg;
    bool more = edit_read(edit);

    (void)fd;
    (void)what;
    if (edit->status != 0)
        edit_end(edit);
    else if (!more)
        edit_lost(edit, edit->commits ? "the operation was killed when it was almost done"
                                      : "the operation was killed");
}

/* A child that is sent SIGKILL comes back from no system call: what it has not said by then it will
 * not do. */
static void limit_reached(evutil_socket_t fd, short what, void *arg)
{
    struct edit *edit = arg;

    (void)fd;
    (void)what;
    if (edit->pid)
        kill(edit->pid, SIGKILL);
    edit_read(edit);
    if (edit->status != 0)
        edit_end(edit);
    else
        edit_lost(edit, "the operation took too long");
}

/* ---- its beginning ---- */

static struct edit *edit_new(struct edits *edits, const char *id, pid_t pid, int fd)
{
    const struct timeval limit = {.tv_sec = AGENT_FILE_SECONDS};
    struct edit *edit = xcalloc(1, sizeof(*edit));

    operation_init(&edit->operation, &edit_kind, id);
    edit->edits = edits;
    edit->pid = pid;
    edit->fd = fd;
    edit->input = evbuffer_new();
    edit->ready = event_new(edits->base, fd, EV_READ | EV_PERSIST, child_ready, edit);
    event_add(edit->ready, NULL);
    edit->limit = evtimer_new(edits->base, limit_reached, edit);
    evtimer_add(edit->limit, &limit);
    TAILQ_INSERT_TAIL(&edits->running, edit, links);
    return edit;
}

static struct operation *begin(struct edits *edits, const char *id, struct evhttp_request *req,
                               worker_run *run)
{
    struct error err = ERROR_INIT;
    struct edit *edit;
    pid_t pid;
    int fd;

    if (operations_make_room(edits->operations, &err) < 0 ||
        worker_fork(req, run, &pid, &fd, &err) < 0) {
        request_message(req, AGENT_STATUS_BUSY, err.message);
        return NULL;
    }
    edit = edit_new(edits, id, pid, fd);
    operations_add(edits->operations, &edit->operation);
    return &edit->operation;
}

void edits_request(struct edits *edits, struct evhttp_request *req, worker_run *run)
{
    struct operation *operation;
    struct error err = ERROR_INIT;
    struct evkeyvalq fields;
    char id[AGENT_ID_MOST + 1] = "";
    const char *given;

    TAILQ_INIT(&fields);
    given =
        request_query(req, &fields, &err) == 0 ? evhttp_find_header(&fields, AGENT_FIELD_ID) : NULL;
    if (given && operation_id_valid(given))
        snprintf(id, sizeof(id), "%s", given);
    evhttp_clear_headers(&fields);
    if (!id[0]) {
        request_message(req, 400, "id is missing or not the id of an operation");
        return;
    }
    operation = operations_find(edits->operations, id);
    if (operation && operation->kind != &edit_kind)
        request_message(req, 400, "the id is that of a command");
    else if (operation || (operation = begin(edits, id, req, run)))
        operation_wait(operation, req);
}
