/* The API's objects: create, wait for the end, close. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "client.h"

#include "base/banned.h"

static struct ident take_id(struct answer *answer, long expected, const char *member,
                            const char *what)
{
    struct ident id = {""};

    if (answer->status == expected)
        snprintf(id.text, sizeof(id.text), "%s", answer_text(answer, member));
    else
        fprintf(stderr, "\n    %s: status %ld %s %.300s\n", what, answer->status, answer->failure,
                answer->body.data);
    answer_free(answer);
    return id;
}

struct ident session_create(const char *key, const char *dataset, const char *sample_id)
{
    _cleanup_(free_ptr) char *body =
        xasprintf("{\"dataset\":\"%s\",\"sample_id\":\"%s\"}", dataset, sample_id);

    return take_id(SEND(.path = "/sessions", .body = body, .key = key), 201, "session_id",
                   "POST /sessions");
}

static bool is_unfinished(const struct answer *answer, const char *status_words)
{
    const char *status = answer_text(answer, "status");

    if (answer->status != 200)
        return false;
    if (!status_words) { /* an interaction tells its end by its exit code */
        json_object *code = NULL;

        return answer->json && json_object_object_get_ex(answer->json, "exit_code", &code) && !code;
    }
    return *status && strstr(status_words, status);
}

static struct answer *wait_end(const char *key, const char *path, const char *unfinished,
                               int seconds)
{
    int64_t deadline = clock_monotonic() + seconds * CLOCK_SECOND;

    for (;;) {
        int64_t left = (deadline - clock_monotonic()) / CLOCK_SECOND;
        char prefer[32];
        struct answer *answer;

        snprintf(prefer, sizeof(prefer), "Prefer: wait=%d",
                 left > 50 ? 50 : (left < 1 ? 1 : (int)left));
        answer = SEND(.path = path, .key = key, .headers = {prefer});
        if (!is_unfinished(answer, unfinished) || clock_monotonic() >= deadline)
            return answer;
        answer_free(answer);
    }
}

struct answer *session_wait(const char *key, const char *session, int seconds)
{
    char path[256];

    snprintf(path, sizeof(path), "/sessions/%s", session);
    return wait_end(key, path, "creating", seconds);
}

struct answer *interaction_wait(const char *key, const char *session, const char *interaction,
                                int seconds)
{
    char path[256];

    snprintf(path, sizeof(path), "/sessions/%s/interactions/%s", session, interaction);
    return wait_end(key, path, NULL, seconds);
}

struct answer *verification_wait(const char *key, const char *session, const char *job, int seconds)
{
    char path[256];

    snprintf(path, sizeof(path), "/sessions/%s/verify/%s", session, job);
    return wait_end(key, path, "pending starting running", seconds);
}

struct ident session_ready(const char *key, const char *dataset, const char *sample_id)
{
    struct ident id = session_create(key, dataset, sample_id);
    _cleanup_(answer_release) struct answer *answer = NULL;

    if (!*id.text)
        return id;
    answer = session_wait(key, id.text, 60);
    if (strcmp(answer_text(answer, "status"), "ready") != 0) {
        fprintf(stderr, "\n    session %s is not ready: %ld %.500s\n", id.text, answer->status,
                answer->body.data);
        id.text[0] = '\0';
    }
    return id;
}

void session_close(const char *key, const char *session)
{
    char path[128];

    snprintf(path, sizeof(path), "/sessions/%s", session);
    answer_free(SEND(.method = "DELETE", .path = path, .key = key));
}

char *exec_body(const char *command, int timeout)
{
    struct buf body = BUF_INIT;

    buf_add_str(&body, "{\"command\":");
    json_write_string(&body, command, strlen(command));
    if (timeout)
        buf_addf(&body, ",\"command_timeout\":%d", timeout);
    buf_add_str(&body, "}");
    return buf_take(&body);
}

struct ident exec_start(const char *session, const char *command, int timeout)
{
    _cleanup_(free_ptr) char *body = exec_body(command, timeout);

    return take_id(client_post(body, "/sessions/%s/exec", session), 202, "interaction_id",
                   "POST exec");
}

struct answer *exec_run(const char *session, const char *command, int timeout)
{
    struct ident id = exec_start(session, command, timeout);

    return interaction_wait(NULL, session, *id.text ? id.text : "refused",
                            (timeout ? timeout : 60) + 30);
}

char *base64(const void *bytes, size_t size)
{
    char *text = xmalloc(size / 3 * 4 + 8);

    EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
    return text;
}

static struct answer *file_operation(const char *body, const char *session, const char *verb)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/%s", session, verb);
    struct answer *answer = SEND(.path = path, .body = body);

    for (int i = 1; i < TRIES && strstr(answer_text(answer, "message"), "took too long"); i++) {
        answer_free(answer);
        answer = SEND(.path = path, .body = body);
    }
    return answer;
}

struct answer *upload(const char *session, const char *path, const void *bytes, size_t size,
                      bool executable)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    _cleanup_(free_ptr) char *content = base64(bytes, size);

    buf_add_str(&body, "{\"file_path\":");
    json_write_string(&body, path, strlen(path));
    buf_addf(&body, ",\"content_base64\":\"%s\",\"make_executable\":%s}", content,
             executable ? "true" : "false");
    return file_operation(body.data, session, "upload");
}

struct answer *replace(const char *session, const char *path, const char *old_text,
                       const char *new_text)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;

    buf_add_str(&body, "{\"file_path\":");
    json_write_string(&body, path, strlen(path));
    buf_add_str(&body, ",\"str_to_replace\":");
    json_write_string(&body, old_text, strlen(old_text));
    buf_add_str(&body, ",\"str_to_insert\":");
    json_write_string(&body, new_text, strlen(new_text));
    buf_add_str(&body, "}");
    return file_operation(body.data, session, "str_replace");
}

static void run_child(const char *command, int out)
{
    dup2(out, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

int shell(struct buf *out, const char *format, ...)
{
    _cleanup_(free_ptr) char *command = NULL;
    int ends[2], status = -1;
    char chunk[8192];
    ssize_t got;
    va_list args;
    pid_t pid;

    va_start(args, format);
    if (vasprintf(&command, format, args) < 0)
        abort();
    va_end(args);
    if (pipe2(ends, O_CLOEXEC) < 0)
        abort();
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_child(command, ends[1]);
    close(ends[1]);
    while ((got = read(ends[0], chunk, sizeof(chunk))) > 0)
        if (out)
            buf_add(out, chunk, (size_t)got);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
