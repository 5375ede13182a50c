/*
 * DIAGNOSTICS: errors with the codes AGENT_UNREACHABLE (nobody answers, the answer was cut off or
 * came too late), AGENT_PROTOCOL (the answer breaks the protocol), AGENT_BUSY (no process, memory
 * or descriptor in the container), AGENT_REFUSED (our request is not understood),
 * CHANGES_TOO_LARGE, CHANGES_INCOMPLETE.
 */
#include "agent_client/agent_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_client/answer.h"
#include "agent_client/http_loop.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define IDLE_CONNECTIONS_MOST 256
#define RETRY_FIRST_MS 1
#define RETRY_MOST_MS 50
#define RUN_GRACE_MS 60000 /* over the time limit: killing may take a while */
#define FORGET_MS 10000
#define FILE_MS 10000
#define TREE_MS 300000

enum call_kind { CALL_HELLO, CALL_RUN, CALL_FORGET, CALL_FILE, CALL_GET_TREE, CALL_PUT_TREE };

struct agent_call {
    struct http_transfer transfer; /* first: a transfer's address is its call's */
    LIST_ENTRY(agent_call) links;
    struct agent_client *client;
    enum call_kind kind;
    bool started;
    bool ending; /* calling back: it can't be cancelled any more */
    struct curl_slist *headers;
    struct buf request; /* the body that is sent, where it is in memory */
    struct answer answer;
    struct buf body;
    struct error failure; /* what our own reading of the answer found wrong */
    int fd;               /* CALL_GET_TREE: what the answer is written to, the caller's */
    int64_t moved;        /* bytes written to it */
    int64_t most;
    bool archive;     /* the answer is to be one */
    int source_fd;    /* what is sent as the body, the caller's; -1: nothing, or `request` */
    int64_t read;     /* bytes read from it */
    int64_t deadline; /* CALL_HELLO: monotonic */
    int retry_ms;
    struct event *retry;
    union {
        agent_hello_done *hello;
        agent_run_done *run;
        agent_file_done *file;
        agent_tree_done *tree;
    } done;
    void *arg;
};

struct agent_client {
    struct event_base *base;
    struct http_loop *loop;
    LIST_HEAD(, agent_call) calls;
};

DEFINE_CLEANUP(struct agent_client *, release_client, agent_client_free)

struct agent_client *agent_client_new(struct event_base *base, struct error *err)
{
    _cleanup_(release_client) struct agent_client *client = xcalloc(1, sizeof(*client));

    client->base = base;
    LIST_INIT(&client->calls);
    client->loop = http_loop_new(base, IDLE_CONNECTIONS_MOST, err);
    if (!client->loop)
        return NULL;
    return TAKE_PTR(client);
}

static void call_free(struct agent_call *call)
{
    LIST_REMOVE(call, links);
    curl_easy_cleanup(call->transfer.easy);
    curl_slist_free_all(call->headers);
    buf_release(&call->request);
    buf_release(&call->body);
    if (call->retry)
        event_free(call->retry);
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

void agent_client_free(struct agent_client *client)
{
    if (!client)
        return;
    /* clang-tidy does not see that call_free takes the call off the list. */
    while (!LIST_EMPTY(&client->calls))
        agent_call_cancel(LIST_FIRST(&client->calls)); /* NOLINT(clang-analyzer-unix.Malloc) */
    http_loop_free(client->loop);
    free(client);
}

/* ---- what curl calls ---- */

static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct agent_call *call = arg;

    (void)one;
    return answer_head(&call->answer, line, length, &call->failure) < 0 ? 0 : length;
}

static size_t to_file(struct agent_call *call, const char *bytes, size_t length)
{
    if (call->archive && !call->answer.is_tar) {
        error_set(&call->failure, ERROR_INTERNAL, "AGENT_PROTOCOL",
                  "the agent's answer is no archive");
        return 0;
    }
    if (call->moved + (int64_t)length > call->most) {
        error_set(&call->failure, ERROR_LIMIT, "CHANGES_TOO_LARGE",
                  "the archive is larger than %" PRId64 " bytes", call->most);
        return 0;
    }
    if (fd_write_all(call->fd, bytes, length, &call->failure) < 0)
        return 0;
    call->moved += (int64_t)length;
    return length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct agent_call *call = arg;
    size_t most = ANSWER_JSON_MOST;

    (void)one;
    if (call->kind == CALL_GET_TREE && call->answer.status == 200)
        return to_file(call, bytes, length);
    if (call->kind == CALL_RUN && call->answer.status == 200) {
        most = answer_result_most(&call->answer);
        if (call->body.length == 0 && most > 0)
            buf_reserve(&call->body, most); /* exactly: growing would hold both copies */
    }
    if (length > most - call->body.length) {
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
    ssize_t got = pread(call->source_fd, bytes, one * most, call->read);

    if (got < 0) {
        error_errno(&call->failure, errno, "cannot read what is to be sent");
        return CURL_READFUNC_ABORT;
    }
    call->read += got;
    return (size_t)got;
}

/* curl goes back when a connection that it wanted to use again turns out to be closed. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct agent_call *call = arg;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    call->read = offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- making a call ---- */

static void on_done(struct http_transfer *transfer, CURLcode outcome);

static struct agent_call *call_new(struct agent_client *client, enum call_kind kind,
                                   const char *socket, const char *method, const char *target,
                                   int64_t timeout_ms)
{
    struct agent_call *call = xcalloc(1, sizeof(*call));
    _cleanup_(free_ptr) char *url = xasprintf("http://agent%s", target);
    CURL *easy = curl_easy_init();

    if (!easy)
        abort(); /* out of memory */
    call->client = client;
    call->kind = kind;
    call->transfer = (struct http_transfer){.easy = easy, .done = on_done};
    call->request = (struct buf)BUF_INIT;
    call->body = (struct buf)BUF_INIT;
    call->fd = call->source_fd = -1;
    call->headers = curl_slist_append(NULL, "Expect:");
    answer_init(&call->answer);
    LIST_INSERT_HEAD(&client->calls, call, links);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's proxies are not meant */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    return call;
}

static void call_send_memory(struct agent_call *call)
{
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)call->request.length);
    curl_easy_setopt(call->transfer.easy, CURLOPT_POSTFIELDS, call->request.data);
}

static void call_send_file(struct agent_call *call, int fd)
{
    CURL *easy = call->transfer.easy;
    struct stat st = {0};

    (void)fstat(fd, &st); /* where it fails, so will reading */
    call->source_fd = fd;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
}

static void call_start(struct agent_call *call)
{
    call->started = true;
    http_loop_start(call->client->loop, &call->transfer);
}

/* A value in a path or query, RFC 3986's unreserved characters as they are. */
static void add_escaped(struct buf *target, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~/", c))
            buf_add_char(target, (char)c);
        else
            buf_addf(target, "%%%02X", c);
    }
}

static void add_field(struct buf *target, const char *name, const char *value)
{
    buf_addf(target, "%c%s=", strchr(target->data, '?') ? '&' : '?', name);
    add_escaped(target, value);
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
                         "the agent can't be reached: %s", curl_easy_strerror(outcome));
    }
}

static void end_run(struct agent_call *call, int outcome, struct error *err)
{
    struct agent_result result;

    if (outcome == 0)
        outcome = answer_result(&call->answer, &call->body, &result, err);
    call->done.run(outcome < 0 ? err : NULL, outcome < 0 ? NULL : &result, call->arg);
}

static void end_file(struct agent_call *call, int outcome, struct error *err)
{
    _cleanup_(buf_release) struct buf message = BUF_INIT;
    bool success = false;
    int64_t size = 0;

    if (outcome == 0)
        outcome = answer_file(&call->body, &success, &message, &size, err);
    call->done.file(outcome < 0 ? err : NULL, success, message.data, size, call->arg);
}

static void end_hello(struct agent_call *call, int outcome, struct error *err)
{
    if (outcome == 0)
        outcome = answer_hello(&call->body, err);
    call->done.hello(outcome < 0 ? err : NULL, call->arg);
}

static bool hello_again(struct agent_call *call, CURLcode outcome)
{
    struct timeval pause = {.tv_usec = call->retry_ms * 1000};
    int64_t left = call->deadline - clock_monotonic() - call->retry_ms * INT64_C(1000);

    if (call->kind != CALL_HELLO || left < 1000 ||
        (outcome != CURLE_COULDNT_CONNECT && outcome != CURLE_GOT_NOTHING &&
         outcome != CURLE_RECV_ERROR && outcome != CURLE_SEND_ERROR))
        return false;
    call->started = false;
    call->retry_ms = call->retry_ms * 2 < RETRY_MOST_MS ? call->retry_ms * 2 : RETRY_MOST_MS;
    evtimer_add(call->retry, &pause);
    return true;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct agent_call *call = arg;
    int64_t left = (call->deadline - clock_monotonic()) / 1000;

    (void)fd;
    (void)what;
    curl_easy_setopt(call->transfer.easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
    buf_clear(&call->body);
    answer_init(&call->answer);
    call_start(call);
}

static void on_done(struct http_transfer *transfer, CURLcode outcome)
{
    struct agent_call *call = (struct agent_call *)transfer;
    struct error err = ERROR_INIT;
    int result;

    if (hello_again(call, outcome))
        return;
    call->ending = true;
    result = outcome_error(call, outcome, &err);
    if (result == 0 && call->answer.status != 200 && call->kind != CALL_FORGET)
        result = answer_refusal(&call->answer, &call->body, &err);
    switch (call->kind) {
    case CALL_HELLO:
        end_hello(call, result, &err);
        break;
    case CALL_RUN:
        end_run(call, result, &err);
        break;
    case CALL_FILE:
        end_file(call, result, &err);
        break;
    case CALL_GET_TREE:
    case CALL_PUT_TREE:
        call->done.tree(result < 0 ? &err : NULL, call->arg);
        break;
    case CALL_FORGET:
        break;
    }
    call_free(call);
}

/* ---- the calls ---- */

struct agent_call *agent_hello(struct agent_client *client, const char *socket, int timeout_ms,
                               agent_hello_done *done, void *arg)
{
    struct agent_call *call = call_new(client, CALL_HELLO, socket, "GET", "/hello", timeout_ms);

    call->deadline = clock_monotonic() + timeout_ms * INT64_C(1000);
    call->retry_ms = RETRY_FIRST_MS;
    call->retry = evtimer_new(client->base, on_retry, call);
    call->done.hello = done;
    call->arg = arg;
    call_start(call);
    return call;
}

static void add_member(struct buf *json, const char *name, const char *text, size_t length)
{
    buf_addf(json, "%c\"%s\":", json->length ? ',' : '{', name);
    json_write_string(json, text, length);
}

struct agent_call *agent_run(struct agent_client *client, const char *socket,
                             const struct agent_command *command, bool attach_only,
                             agent_run_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/commands/");
    add_escaped(&target, command->id);
    call = call_new(client, CALL_RUN, socket, attach_only ? "GET" : "PUT", target.data,
                    command->timeout_seconds * INT64_C(1000) + RUN_GRACE_MS);
    call->done.run = done;
    call->arg = arg;
    if (!attach_only) {
        add_member(&call->request, "command", command->command, command->command_length);
        add_member(&call->request, "workdir", command->workdir, strlen(command->workdir));
        buf_addf(&call->request, ",\"env\":%s,\"timeout\":%d}",
                 command->env_json ? command->env_json : "null", command->timeout_seconds);
        call_send_memory(call);
    }
    call_start(call);
    return call;
}

void agent_forget(struct agent_client *client, const char *socket, const char *id)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    buf_add_str(&target, "/commands/");
    add_escaped(&target, id);
    call_start(call_new(client, CALL_FORGET, socket, "DELETE", target.data, FORGET_MS));
}

struct agent_call *agent_replace(struct agent_client *client, const char *socket, const char *path,
                                 const char *workdir, const char *old_text, size_t old_length,
                                 const char *new_text, size_t new_length, agent_file_done *done,
                                 void *arg)
{
    struct agent_call *call = call_new(client, CALL_FILE, socket, "POST", "/replace", FILE_MS);

    add_member(&call->request, "path", path, strlen(path));
    add_member(&call->request, "workdir", workdir, strlen(workdir));
    add_member(&call->request, "old", old_text, old_length);
    add_member(&call->request, "new", new_text, new_length);
    buf_add_char(&call->request, '}');
    call_send_memory(call);
    call->done.file = done;
    call->arg = arg;
    call_start(call);
    return call;
}

struct agent_call *agent_upload(struct agent_client *client, const char *socket, const char *path,
                                const char *workdir, bool make_executable, const void *bytes,
                                size_t size, agent_file_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/file");
    add_field(&target, "path", path);
    add_field(&target, "workdir", workdir);
    add_field(&target, "executable", make_executable ? "1" : "0");
    call = call_new(client, CALL_FILE, socket, "PUT", target.data, FILE_MS);
    buf_add(&call->request, bytes, size);
    call_send_memory(call);
    call->done.file = done;
    call->arg = arg;
    call_start(call);
    return call;
}

static struct agent_call *tree_new(struct agent_client *client, enum call_kind kind,
                                   const char *socket, const char *method, const char *target,
                                   agent_tree_done *done, void *arg)
{
    struct agent_call *call = call_new(client, kind, socket, method, target, TREE_MS);

    call->done.tree = done;
    call->arg = arg;
    return call;
}

struct agent_call *agent_get_listing(struct agent_client *client, const char *socket,
                                     const char *root, int fd, agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/listing");
    add_field(&target, "root", root);
    call = tree_new(client, CALL_GET_TREE, socket, "GET", target.data, done, arg);
    call->fd = fd;
    call->most = AGENT_LISTING_CAP;
    call_start(call);
    return call;
}

struct agent_call *agent_get_changes(struct agent_client *client, const char *socket,
                                     const char *root, int64_t since, int listing_fd, int fd,
                                     agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/changes");
    add_field(&target, "root", root);
    buf_addf(&target, "&since=%" PRId64, since);
    call = tree_new(client, CALL_GET_TREE, socket, "POST", target.data, done, arg);
    call->fd = fd;
    call->most = AGENT_TREE_CAP;
    call->archive = true;
    call_send_file(call, listing_fd);
    call_start(call);
    return call;
}

struct agent_call *agent_put_changes(struct agent_client *client, const char *socket,
                                     const char *root, int fd, agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/changes");
    add_field(&target, "root", root);
    call = tree_new(client, CALL_PUT_TREE, socket, "PUT", target.data, done, arg);
    call_send_file(call, fd);
    call_start(call);
    return call;
}

struct agent_call *agent_get_files(struct agent_client *client, const char *socket,
                                   const char *root, const char *const *patterns, size_t count,
                                   int64_t since, int fd, agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, "/files");
    add_field(&target, "root", root);
    buf_addf(&target, "&since=%" PRId64, since);
    for (size_t i = 0; i < count; i++)
        add_field(&target, "match", patterns[i]);
    call = tree_new(client, CALL_GET_TREE, socket, "GET", target.data, done, arg);
    call->fd = fd;
    call->most = AGENT_REPORT_CAP;
    call->archive = true;
    call_start(call);
    return call;
}
