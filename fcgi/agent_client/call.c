#include "agent_client/call.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

static void call_free(struct agent_call *call)
{
    if (call->kind->release)
        call->kind->release(call);
    LIST_REMOVE(call, links);
    curl_easy_cleanup(call->transfer.easy);
    curl_slist_free_all(call->headers);
    buf_release(&call->request);
    buf_release(&call->body);
    event_free(call->go_on);
    event_free(call->deadline);
    free(call);
}

void agent_call_cancel(struct agent_call *call)
{
    if (!call || call->ending)
        return;
    if (call->started)
        http_loop_stop(call->client->loop, &call->transfer);
    call_free(call);
}

bool agent_call_is_answered(const struct agent_call *call)
{
    return call->answer.status >= 200; /* not an interim one */
}

void *agent_call_arg(const struct agent_call *call)
{
    return call->arg;
}

/* ---- what curl calls ---- */

static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct agent_call *call = arg;

    (void)one;
    return answer_head(&call->answer, line, length, &call->failure) < 0 ? 0 : length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct agent_call *call = arg;
    size_t taken;

    (void)one;
    if (call->kind->take && call->answer.status == 200) {
        taken = call->kind->take(call, bytes, length);
        if (taken == CURL_WRITEFUNC_PAUSE)
            call->paused |= CURLPAUSE_RECV;
        return taken;
    }
    if (length > ANSWER_JSON_MOST - call->body.length) {
        error_set(&call->failure, ERROR_INTERNAL, "AGENT_PROTOCOL",
                  "the agent's answer is longer than it may be");
        return 0;
    }
    buf_add(&call->body, bytes, length);
    return length;
}

static size_t on_read(char *bytes, size_t one, size_t most, void *arg)
{
    struct agent_call *call = arg;
    size_t given = call->kind->give(call, bytes, one * most);

    if (given == CURL_READFUNC_PAUSE)
        call->paused |= CURLPAUSE_SEND;
    return given;
}

/* ---- making a call ---- */

static bool is_host(const char *text, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (size_t i = 0; i < length; i++)
        if (!memchr(letters, text[i], sizeof(letters) - 1) && !strchr(".-:[]", text[i]))
            return false;
    return length > 0;
}

/* "HOST:PORT", with nothing that would mean something else in a URL. */
static bool is_host_and_port(const char *text)
{
    const char *colon = strrchr(text, ':');

    return colon && is_host(text, (size_t)(colon - text)) && colon[1] &&
           strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

void call_address(struct agent_call *call, const char *address, const char *target)
{
    _cleanup_(free_ptr) char *url = NULL, *head = NULL;
    CURL *easy = call->transfer.easy;

    if (strncmp(address, "unix:/", 6) == 0) {
        url = xasprintf("http://agent%s", target);
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address + 5);
    } else if (strncmp(address, "tcp:", 4) == 0 && is_host_and_port(address + 4)) {
        url = xasprintf("http://%s%s", address + 4, target);
        if (call->client->token) {
            head = xasprintf("Authorization: Bearer %s", call->client->token);
            call->headers = curl_slist_append(call->headers, head);
        }
    } else {
        error_set(&call->failure, ERROR_UNAVAILABLE, "AGENT_UNREACHABLE",
                  "'%.200s' is not the address of an agent", address);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
}

static void on_done(struct http_transfer *transfer, CURLcode outcome);
static void on_deadline(evutil_socket_t fd, short what, void *arg);
static void on_go_on(evutil_socket_t fd, short what, void *arg);

struct agent_call *call_new(struct agent_client *client, const struct call_kind *kind,
                            const char *address, const char *method, const char *target, void *arg)
{
    struct agent_call *call = xcalloc(1, kind->size);
    CURL *easy = curl_easy_init();

    if (!easy)
        abort(); /* out of memory */
    call->client = client;
    call->kind = kind;
    call->arg = arg;
    call->transfer = (struct http_transfer){.easy = easy, .done = on_done};
    call->request = (struct buf)BUF_INIT;
    call->body = (struct buf)BUF_INIT;
    call->go_on = event_new(client->base, -1, 0, on_go_on, call);
    call->deadline = evtimer_new(client->base, on_deadline, call);
    call->headers = curl_slist_append(NULL, "Expect:");
    answer_init(&call->answer);
    LIST_INSERT_HEAD(&client->calls, call, links);
    if (address)
        call_address(call, address, target);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's proxies are not meant */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    return call;
}

void call_send(struct agent_call *call, const void *bytes, size_t size)
{
    /* NULL would mean that there is no body. */
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDS, bytes ? bytes : "");
}

static size_t on_request_read(char *bytes, size_t one, size_t most, void *arg)
{
    struct agent_call *call = arg;
    size_t left = call->request.length - call->request_given;
    size_t given = left < one * most ? left : one * most;

    if (given == 0)
        return 0;
    memcpy(bytes, call->request.data + call->request_given, given);
    call->request_given += given;
    if (given < left)
        return given;
    buf_release(&call->request);
    call->request_given = 0;
    if (call->request_sent)
        call->request_sent(call);
    return given;
}

/* On another connection. What is freed is not there any more. */
static int on_request_seek(void *arg, curl_off_t offset, int origin)
{
    struct agent_call *call = arg;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset >= call->request.length)
        return CURL_SEEKFUNC_FAIL;
    call->request_given = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

void call_send_request(struct agent_call *call, void (*sent)(struct agent_call *call))
{
    CURL *easy = call->transfer.easy;

    if (call->request.length <= CALL_REQUEST_KEPT) {
        call_send(call, call->request.data, call->request.length);
        if (sent)
            sent(call);
        return;
    }
    call->request_sent = sent;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->request.length);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_request_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_request_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
    /* Of curl's own copy, which stays until the call ends: the least that there is. */
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
}

void call_send_given(struct agent_call *call, int64_t size)
{
    CURL *easy = call->transfer.easy;

    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    /* What was given can't be given again, as it would have to be where a connection that is used
     * again turns out to be closed. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

void call_limit(struct agent_call *call, int64_t ms)
{
    struct timeval when = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (ms < 0)
        evtimer_del(call->deadline);
    else
        evtimer_add(call->deadline, &when);
}

void call_start(struct agent_call *call)
{
    if (call->failure.kind != ERROR_NONE) {
        call_limit(call, 0);
        return;
    }
    call->started = true;
    http_loop_start(call->client->loop, &call->transfer);
}

void call_add_escaped(struct buf *target, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        /* RFC 3986's unreserved characters, and the slash, as they are. */
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~/", c))
            buf_add_char(target, (char)c);
        else
            buf_addf(target, "%%%02X", c);
    }
}

void call_add_field(struct buf *target, const char *name, const char *value)
{
    buf_addf(target, "%c%s=", strchr(target->data, '?') ? '&' : '?', name);
    call_add_escaped(target, value);
}

/* ---- pauses ---- */

void call_go_on(struct agent_call *call, int direction)
{
    if (!(call->paused & direction))
        return;
    call->to_go_on |= direction;
    event_active(call->go_on, 0, 0);
}

/* Not within call_go_on, which a callback of curl's may have called: curl_easy_pause delivers what
 * was held back before it returns. */
static void on_go_on(evutil_socket_t fd, short what, void *arg)
{
    struct agent_call *call = arg;

    (void)fd;
    (void)what;
    call->paused &= ~call->to_go_on;
    call->to_go_on = 0;
    if (call->started)
        http_loop_go_on(call->client->loop, &call->transfer, call->paused);
}

/* ---- the end of a call ---- */

static int outcome_error(const struct agent_call *call, CURLcode outcome, struct error *err)
{
    if (call->failure.kind != ERROR_NONE) {
        *err = call->failure;
        return -1;
    }
    switch (outcome) {
    case CURLE_OK:
        return 0;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
        return error_set(err, ERROR_INTERNAL, "AGENT_PROTOCOL", "the agent's answer is wrong: %s",
                         curl_easy_strerror(outcome));
    default:
        return error_set(err, ERROR_UNAVAILABLE, "AGENT_UNREACHABLE",
                         "the agent cannot be reached: %s", curl_easy_strerror(outcome));
    }
}

void call_end(struct agent_call *call, CURLcode outcome)
{
    struct error err = ERROR_INIT;

    call->ending = true;
    if (outcome_error(call, outcome, &err) == 0 && call->answer.status != 200)
        answer_refusal(&call->answer, &call->body, &err);
    call->kind->end(call, &err);
    call_free(call);
}

static void on_done(struct http_transfer *transfer, CURLcode outcome)
{
    struct agent_call *call = (struct agent_call *)transfer;

    call->started = false;
    if (!call->kind->linger || !call->kind->linger(call, outcome))
        call_end(call, outcome);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct agent_call *call = arg;

    (void)fd;
    (void)what;
    if (call->started)
        http_loop_stop(call->client->loop, &call->transfer);
    call->started = false;
    call_end(call, CURLE_OPERATION_TIMEDOUT);
}
