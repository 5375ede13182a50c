/*
 * DIAGNOSTICS: errors with the codes AGENT_UNREACHABLE (nobody answers, the answer was cut off or
 * came too late), AGENT_PROTOCOL (the answer breaks the protocol), AGENT_BUSY (no process, memory
 * or descriptor in the container), AGENT_REFUSED (our request is not understood),
 * AGENT_OUTCOME_UNKNOWN (of a file operation), CHANGES_TOO_LARGE, CHANGES_INCOMPLETE.
 */
#include "agent_client/agent_client.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/call.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define IDLE_CONNECTIONS_MOST 256
#define RETRY_FIRST_MS 1
#define RETRY_MOST_MS 50
#define RUN_GRACE_MS 60000 /* over the time limit: killing may take a while */
#define FORGET_MS 10000
#define TAIL_MS 10000
#define FILE_MS 10000

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

void agent_client_free(struct agent_client *client)
{
    if (!client)
        return;
    /* clang-tidy does not see that a cancelled call takes itself off the list. */
    while (!LIST_EMPTY(&client->calls))
        agent_call_cancel(LIST_FIRST(&client->calls)); /* NOLINT(clang-analyzer-unix.Malloc) */
    http_loop_free(client->loop);
    free(client->token);
    free(client);
}

void agent_client_set_token(struct agent_client *client, const char *token)
{
    free(client->token);
    client->token = xstrdup(token);
}

void agent_client_set_admit(struct agent_client *client, agent_admit *admit, void *arg)
{
    client->admit = admit;
    client->admit_arg = arg;
}

/* ---- hello ---- */

struct hello {
    struct agent_call call; /* first */
    int retry_ms;
    struct event *retry;
    agent_hello_done *done;
};

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct agent_call *call = arg;

    (void)fd;
    (void)what;
    buf_clear(&call->body);
    answer_init(&call->answer);
    call_start(call);
}

/* Nobody listens yet, or whoever did has gone: tries again until its time is over. */
static bool hello_again(struct agent_call *call, CURLcode outcome)
{
    struct hello *hello = (struct hello *)call;
    struct timeval pause = {.tv_usec = hello->retry_ms * 1000};

    if (outcome != CURLE_COULDNT_CONNECT && outcome != CURLE_GOT_NOTHING &&
        outcome != CURLE_RECV_ERROR && outcome != CURLE_SEND_ERROR)
        return false;
    hello->retry_ms = hello->retry_ms * 2 < RETRY_MOST_MS ? hello->retry_ms * 2 : RETRY_MOST_MS;
    evtimer_add(hello->retry, &pause);
    return true;
}

static void hello_end(struct agent_call *call, struct error *err)
{
    agent_hello_done *done = ((struct hello *)call)->done;
    int protocol = 0;

    if (err->kind == ERROR_NONE)
        answer_hello(&call->body, &protocol, err);
    done(err->kind != ERROR_NONE ? err : NULL, protocol, call->arg);
}

static void hello_release(struct agent_call *call)
{
    event_free(((struct hello *)call)->retry);
}

static const struct call_kind hello_kind = {.size = sizeof(struct hello),
                                            .linger = hello_again,
                                            .end = hello_end,
                                            .release = hello_release};

struct agent_call *agent_hello(struct agent_client *client, const char *address, int timeout_ms,
                               agent_hello_done *done, void *arg)
{
    struct agent_call *call = call_new(client, &hello_kind, address, "GET", AGENT_PATH_HELLO, arg);
    struct hello *hello = (struct hello *)call;

    hello->done = done;
    hello->retry_ms = RETRY_FIRST_MS;
    hello->retry = evtimer_new(client->base, on_retry, call);
    call_limit(call, timeout_ms);
    call_start(call);
    return call;
}

/* ---- commands ---- */

struct run {
    struct agent_call call; /* first */
    bool admitted;
    void (*sent)(void *arg);
    agent_run_done *done;
};

static size_t run_take(struct agent_call *call, const char *bytes, size_t length)
{
    const struct agent_client *client = call->client;
    struct run *run = (struct run *)call;
    size_t most = answer_result_most(&call->answer);

    if (length > most - call->body.length) {
        error_set(&call->failure, ERROR_INTERNAL, "AGENT_PROTOCOL",
                  "the agent's answer is longer than it may be");
        return 0;
    }
    if (!run->admitted) {
        run->admitted = true;
        if (client->admit && !client->admit(most, call, client->admit_arg)) {
            call_limit(call, -1);
            return CURL_WRITEFUNC_PAUSE;
        }
    }
    if (call->body.length == 0)
        buf_reserve(&call->body, most); /* exactly: growing would hold both copies */
    buf_add(&call->body, bytes, length);
    return length;
}

static void run_sent(struct agent_call *call)
{
    const struct run *run = (const struct run *)call;

    if (run->sent && !run->admitted)
        run->sent(call->arg);
}

void agent_call_resume(struct agent_call *call)
{
    call_limit(call, RUN_GRACE_MS);
    call_go_on(call, CURLPAUSE_RECV);
}

static void run_end(struct agent_call *call, struct error *err)
{
    agent_run_done *done = ((struct run *)call)->done;
    struct agent_result result;

    if (err->kind == ERROR_NONE)
        answer_result(&call->answer, &call->body, &result, err);
    if (err->kind != ERROR_NONE)
        done(err, NULL, call->arg);
    else
        done(NULL, &result, call->arg);
}

static const struct call_kind run_kind = {
    .size = sizeof(struct run), .take = run_take, .end = run_end};

static void add_member(struct buf *json, const char *name, const char *text, size_t length)
{
    buf_addf(json, "%c\"%s\":", json->length ? ',' : '{', name);
    json_write_string(json, text, length);
}

struct agent_call *agent_run(struct agent_client *client, const char *address,
                             const struct agent_command *command, bool attach_only,
                             agent_run_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, AGENT_PATH_COMMANDS);
    call_add_escaped(&target, command->id);
    call = call_new(client, &run_kind, address, attach_only ? "GET" : "PUT", target.data, arg);
    ((struct run *)call)->done = done;
    if (!attach_only) {
        add_member(&call->request, "command", command->command, command->command_length);
        add_member(&call->request, "workdir", command->workdir, strlen(command->workdir));
        buf_addf(&call->request, ",\"env\":%s,\"profile\":%s,\"timeout\":%d%s%s}",
                 command->env_json ? command->env_json : "null",
                 command->profile_json ? command->profile_json : "null", command->timeout_seconds,
                 command->keeps_tail ? ",\"tail\":true" : "",
                 command->is_trial ? ",\"trial\":true" : "");
        ((struct run *)call)->sent = command->sent;
        call_send_request(call, run_sent);
    }
    call_limit(call, command->timeout_seconds * INT64_C(1000) + RUN_GRACE_MS);
    call_start(call);
    return call;
}

struct tail_call {
    struct agent_call call; /* first */
    agent_tail_done *done;
};

static void tail_end(struct agent_call *call, struct error *err)
{
    agent_tail_done *done = ((struct tail_call *)call)->done;

    if (err->kind == ERROR_NONE)
        answer_tail(&call->answer, &call->body, err);
    if (err->kind != ERROR_NONE)
        done(err, NULL, 0, 0, call->arg);
    else
        done(NULL, call->body.data, call->body.length, call->answer.total, call->arg);
}

static const struct call_kind tail_kind = {.size = sizeof(struct tail_call), .end = tail_end};

struct agent_call *agent_tail(struct agent_client *client, const char *address, const char *id,
                              agent_tail_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, AGENT_PATH_COMMANDS);
    call_add_escaped(&target, id);
    buf_add_str(&target, AGENT_PATH_TAIL);
    call = call_new(client, &tail_kind, address, "GET", target.data, arg);
    ((struct tail_call *)call)->done = done;
    call_limit(call, TAIL_MS);
    call_start(call);
    return call;
}

static void forget_end(struct agent_call *call, struct error *err)
{
    (void)call;
    (void)err;
}

static const struct call_kind forget_kind = {.size = sizeof(struct agent_call), .end = forget_end};

void agent_forget(struct agent_client *client, const char *address, const char *id)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, AGENT_PATH_COMMANDS);
    call_add_escaped(&target, id);
    call = call_new(client, &forget_kind, address, "DELETE", target.data, NULL);
    call_limit(call, FORGET_MS);
    call_start(call);
}

/* ---- file operations ---- */

struct file_call {
    struct agent_call call; /* first */
    agent_file_done *done;
};

static void file_end(struct agent_call *call, struct error *err)
{
    agent_file_done *done = ((struct file_call *)call)->done;
    _cleanup_(buf_release) struct buf message = BUF_INIT;
    bool success = false;
    int64_t size = 0;

    if (err->kind == ERROR_NONE)
        answer_file(&call->body, &success, &message, &size, err);
    done(err->kind != ERROR_NONE ? err : NULL, success, message.data, size, call->arg);
}

static const struct call_kind file_kind = {.size = sizeof(struct file_call), .end = file_end};

struct agent_call *agent_replace(struct agent_client *client, const char *address,
                                 const struct agent_replacement *replacement, agent_file_done *done,
                                 void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, AGENT_PATH_REPLACE);
    call_add_field(&target, AGENT_FIELD_ID, replacement->id);
    call = call_new(client, &file_kind, address, "POST", target.data, arg);
    ((struct file_call *)call)->done = done;
    add_member(&call->request, "path", replacement->path, strlen(replacement->path));
    add_member(&call->request, "workdir", replacement->workdir, strlen(replacement->workdir));
    add_member(&call->request, "old", replacement->old_text, replacement->old_length);
    add_member(&call->request, "new", replacement->new_text, replacement->new_length);
    buf_add_char(&call->request, '}');
    call_send(call, call->request.data, call->request.length);
    call_limit(call, FILE_MS);
    call_start(call);
    return call;
}

struct agent_call *agent_upload(struct agent_client *client, const char *address,
                                const struct agent_upload *upload, agent_file_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;

    buf_add_str(&target, AGENT_PATH_FILE);
    call_add_field(&target, AGENT_FIELD_ID, upload->id);
    call_add_field(&target, AGENT_FIELD_PATH, upload->path);
    call_add_field(&target, AGENT_FIELD_WORKDIR, upload->workdir);
    call_add_field(&target, AGENT_FIELD_EXECUTABLE, upload->executable ? "1" : "0");
    call = call_new(client, &file_kind, address, "PUT", target.data, arg);
    ((struct file_call *)call)->done = done;
    call_send(call, upload->bytes, upload->size);
    call_limit(call, FILE_MS);
    call_start(call);
    return call;
}
