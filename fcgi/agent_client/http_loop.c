#include "agent_client/http_loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct http_loop {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
};

DEFINE_CLEANUP(struct http_loop *, release_loop, http_loop_free)

static void take_outcomes(struct http_loop *loop)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(loop->multi, &left))) {
        CURLcode outcome = message->data.result;
        CURL *easy = message->easy_handle;
        void *transfer;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(loop->multi, easy); /* ends the message's life, too */
        ((struct http_transfer *)transfer)->done(transfer, outcome);
    }
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
    struct http_loop *loop = arg;
    int running, action = 0;

    if (what & EV_READ)
        action |= CURL_CSELECT_IN;
    if (what & EV_WRITE)
        action |= CURL_CSELECT_OUT;
    curl_multi_socket_action(loop->multi, fd, action, &running);
    take_outcomes(loop);
}

static void time_reached(evutil_socket_t fd, short what, void *arg)
{
    struct http_loop *loop = arg;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_outcomes(loop);
}

static int on_timer(CURLM *multi, long milliseconds, void *arg)
{
    struct http_loop *loop = arg;
    struct timeval when = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

    (void)multi;
    if (milliseconds < 0)
        evtimer_del(loop->timer);
    else
        evtimer_add(loop->timer, &when);
    return 0;
}

/* `socket` is what curl_multi_assign was given for this descriptor: its event. */
static int on_socket(CURL *easy, curl_socket_t fd, int wanted, void *arg, void *socket)
{
    struct http_loop *loop = arg;
    struct event *event = socket;
    short what = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    event = NULL;
    if (wanted & CURL_POLL_IN)
        what |= EV_READ;
    if (wanted & CURL_POLL_OUT)
        what |= EV_WRITE;
    if (wanted != CURL_POLL_REMOVE) {
        event = event_new(loop->base, fd, what, socket_ready, loop);
        event_add(event, NULL);
    }
    curl_multi_assign(loop->multi, fd, event);
    return 0;
}

struct http_loop *http_loop_new(struct event_base *base, int idle_most, struct error *err)
{
    _cleanup_(release_loop) struct http_loop *loop = xcalloc(1, sizeof(*loop));

    loop->base = base;
    loop->multi = curl_multi_init();
    loop->timer = evtimer_new(base, time_reached, loop);
    if (!loop->multi || !loop->timer) {
        error_set(err, ERROR_INTERNAL, NULL, "cannot set up curl on the event loop");
        return NULL;
    }
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)idle_most);
    return TAKE_PTR(loop);
}

void http_loop_free(struct http_loop *loop)
{
    if (!loop)
        return;
    if (loop->multi)
        curl_multi_cleanup(loop->multi);
    if (loop->timer)
        event_free(loop->timer);
    free(loop);
}

void http_loop_start(struct http_loop *loop, struct http_transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, (void *)transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    /* Arms the timer at once; what goes wrong from here on is an outcome. */
    if (curl_multi_add_handle(loop->multi, transfer->easy) != CURLM_OK)
        abort(); /* a handle that is in use already: our own fault */
}

void http_loop_stop(struct http_loop *loop, struct http_transfer *transfer)
{
    curl_multi_remove_handle(loop->multi, transfer->easy);
}

void http_loop_go_on(struct http_loop *loop, struct http_transfer *transfer, int paused)
{
    CURLcode outcome = curl_easy_pause(transfer->easy, paused);

    if (outcome == CURLE_OK)
        return;
    http_loop_stop(loop, transfer);
    transfer->done(transfer, outcome);
}
