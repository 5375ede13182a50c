/*
 * codeset-chaos - kill -9 of the front's parts while clients write: what was answered with 2xx is
 * there, every job ends, refusals are clear. Against a stack that is up; tests/chaos/daemon does
 * the same for the daemon and its containers.
 */
#include "runner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "chaos.h"
#include "fixture.h"
#include "http.h"

#include "base/banned.h"

#define WRITERS 4
#define ACCEPTED_MAX 20000
#define STRIDE 5 /* writes of each writer before, between and after the kills */

int stack(const char *verb, const char *part)
{
    return shell(NULL, "%s --dir \"$CODESET_STACK\" %s %s >&2", STACK_PATH, verb, part);
}

/* --- a storm of writes -------------------------------------------------------------------------
 */

struct writer {
    pthread_t thread;
    struct ident session;
    struct ident *accepted;
    atomic_size_t count;
    unsigned odd; /* answers that no client should get */
    char first_odd[400];
};

static atomic_bool stormy;
static pthread_mutex_t progress_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress; /* a write was accepted; by the monotonic clock */

static void tell_progress(struct writer *writer)
{
    pthread_mutex_lock(&progress_lock);
    writer->count++;
    pthread_cond_signal(&progress);
    pthread_mutex_unlock(&progress_lock);
}

/* Refusals while a part is down have the contract's form; a broken connection has none. */
static bool is_clear_refusal(const struct answer *answer)
{
    char retry[32];

    if (answer->status == 0)
        return true;
    answer_header(answer, "Retry-After", retry, sizeof(retry));
    return (answer->status == 503 || answer->status == 504 || answer->status == 429) && *retry &&
           *answer_text(answer, "detail.code");
}

static void *write_on(void *arg)
{
    struct writer *writer = arg;
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", writer->session.text);

    while (stormy && writer->count < ACCEPTED_MAX) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = path, .body = "{\"command\":\"true\"}", .timeout_ms = 30000);

        if (answer->status == 202) {
            struct ident *id = &writer->accepted[writer->count];

            snprintf(id->text, sizeof(id->text), "%s", answer_text(answer, "interaction_id"));
            tell_progress(writer);
            answer_free(interaction_wait(NULL, writer->session.text, id->text, 1));
        } else if (!is_clear_refusal(answer) && writer->odd++ == 0) {
            snprintf(writer->first_odd, sizeof(writer->first_odd), "%ld %.300s", answer->status,
                     answer->body.data);
        }
    }
    http_thread_end();
    return NULL;
}

/* A worker that has met a dead MariaDB refuses for a moment longer than that one is dead. */
static bool is_asked_again(const struct answer *answer, int64_t deadline)
{
    return answer->status != 200 && is_clear_refusal(answer) && clock_monotonic() < deadline;
}

struct ident open_session(void)
{
    int64_t deadline = clock_monotonic() + PATIENCE * CLOCK_SECOND;
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);

    while (!*id.text && clock_monotonic() < deadline)
        id = session_ready(NULL, DATASET, SOLVABLE);
    CHECK_MSG(*id.text, "no session within %d s", PATIENCE);
    return id;
}

static void storm_begins(struct writer *writers)
{
    stormy = true;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.session = open_session()};
        writers[i].accepted = xcalloc(ACCEPTED_MAX, sizeof(struct ident));
        if (pthread_create(&writers[i].thread, NULL, write_on, &writers[i]) != 0)
            abort();
    }
}

static struct answer *end_of(const struct writer *writer, const struct ident *command,
                             int64_t deadline)
{
    struct answer *answer = NULL;

    do {
        int left = (int)((deadline - clock_monotonic()) / CLOCK_SECOND);

        answer_free(answer);
        answer = interaction_wait(NULL, writer->session.text, command->text, left > 0 ? left : 1);
    } while (is_asked_again(answer, deadline));
    return answer;
}

/* Each accepted command is there and ran once to its end, within 60 s of the last kill. */
static void storm_ends(struct writer *writers)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    stormy = false;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        for (size_t n = 0; n < writers[i].count; n++) {
            _cleanup_(answer_release) struct answer *answer =
                end_of(&writers[i], &writers[i].accepted[n], deadline);

            if (!INT(answer, "exit_code", 0))
                break;
        }
        CHECK_MSG(writers[i].odd == 0, "%u odd answers, the first: %s", writers[i].odd,
                  writers[i].first_odd);
        session_close(NULL, writers[i].session.text);
        free(writers[i].accepted);
    }
}

static bool all_have(const struct writer *writers, const size_t *goal)
{
    for (int i = 0; i < WRITERS; i++)
        if (writers[i].count < goal[i])
            return false;
    return true;
}

/* The storm goes on until each writer has had so many more writes accepted, however long that takes
 * on this machine. */
static void writes_go_on(const struct writer *writers)
{
    int64_t deadline = clock_monotonic() + PATIENCE * CLOCK_SECOND;
    const struct timespec until = {.tv_sec = deadline / CLOCK_SECOND,
                                   .tv_nsec = deadline % CLOCK_SECOND * 1000};
    size_t goal[WRITERS];
    bool reached;
    int late = 0;

    for (int i = 0; i < WRITERS; i++)
        goal[i] = writers[i].count + STRIDE;
    pthread_mutex_lock(&progress_lock);
    while (!(reached = all_have(writers, goal)) && late == 0)
        late = pthread_cond_timedwait(&progress, &progress_lock, &until);
    pthread_mutex_unlock(&progress_lock);
    CHECK_MSG(reached, "no %d writes of each writer were accepted within %d s", STRIDE, PATIENCE);
}

static void workers_are_killed(void)
{
    struct writer writers[WRITERS];

    storm_begins(writers);
    for (int i = 0; i < 15; i++) {
        writes_go_on(writers);
        CHECK(stack("kill", "api") == 0);
    }
    writes_go_on(writers);
    storm_ends(writers);
}

static void part_is_killed(const char *part, int times)
{
    struct writer writers[WRITERS];

    storm_begins(writers);
    for (int i = 0; i < times; i++) {
        writes_go_on(writers);
        CHECK(stack("kill", part) == 0);
        CHECK(stack("start", part) == 0);
    }
    writes_go_on(writers);
    storm_ends(writers);
}

static void mariadb_is_killed(void)
{
    part_is_killed("mariadb", 2);
}

static void nginx_is_killed(void)
{
    part_is_killed("nginx", 4);
}

static void the_daemon_is_killed(void)
{
    part_is_killed("reaper", 4);
}

/* An upgrade restarts the pool without a failed request. */
static void reloads_fail_no_request(void)
{
    static const char *const parts[] = {"api", "nginx", "api"};
    struct writer writers[WRITERS];

    storm_begins(writers);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        writes_go_on(writers);
        CHECK(stack("reload", parts[i]) == 0);
        for (int n = 0; n < 20; n++) {
            _cleanup_(answer_release) struct answer *answer = SEND(.path = "/datasets");

            STATUS(answer, 200);
        }
    }
    writes_go_on(writers);
    storm_ends(writers);
}

/* --- while a part is down ----------------------------------------------------------------------
 */

static void without_mariadb_refusals_are_clear(void)
{
    const char *const paths[] = {"/sessions", "/datasets", "/samples?page_size=1"};
    struct ident session;
    _cleanup_(answer_release) struct answer *health = NULL, *create = NULL;

    CHECK(stack("kill", "mariadb") == 0);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i]);

        if (answer->status == 200) /* kept since the last time */
            continue;
        REFUSED(answer, 503, "DATABASE_UNAVAILABLE");
        CHECK(answer_has_header(answer, "Retry-After"));
    }
    create = SEND(.path = "/sessions",
                  .body = "{\"dataset\":\"" DATASET "\",\"sample_id\":\"" SOLVABLE "\"}");
    REFUSED(create, 503, "DATABASE_UNAVAILABLE");
    health = client_get("/health");
    STATUS(health, 503);
    SHAPE(health->json, "status:s service:s version:s timestamp:t parts:a");
    CHECK_MSG(health->seconds < 20, "%.3f s", health->seconds);
    CHECK(stack("start", "mariadb") == 0);
    session = open_session();
    session_close(NULL, session.text);
}

static void without_the_daemon_work_waits(void)
{
    struct ident session = open_session(), command, created;
    _cleanup_(answer_release) struct answer *early = NULL, *list = NULL, *health = NULL,
                                            *replaced = NULL, *late = NULL, *ready = NULL;
    char path[160];

    CHECK(stack("kill", "reaper") == 0);
    command = exec_start(session.text, "echo done", 0);
    created = session_create(NULL, DATASET, SOLVABLE);
    CHECK(*command.text && *created.text);
    snprintf(path, sizeof(path), "/sessions/%s/interactions/%s", session.text, command.text);
    early = SEND(.path = path, .headers = {"Prefer: wait=30"});
    STATUS(early, 200);
    CHECK(answer_at(early, "exit_code") == NULL);
    CHECK_MSG(early->seconds < 20, "the hold lasted %.3f s", early->seconds);
    list = client_get("/sessions?page_size=1");
    STATUS(list, 200);
    health = client_get("/health");
    STATUS(health, 200);
    replaced = replace(session.text, "lines", "one", "1");
    REFUSED(replaced, 409, "INTERACTION_PENDING");
    CHECK(answer_has_header(replaced, "X-Should-Retry"));
    CHECK(stack("start", "reaper") == 0);
    late = interaction_wait(NULL, session.text, command.text, 60);
    TEXT(late, "stdout", "done\n");
    ready = session_wait(NULL, created.text, 60);
    TEXT(ready, "status", "ready");
    answer_free(TAKE_PTR(late));
    late = exec_run(session.text, "head -1 lines", 10);
    TEXT(late, "stdout", "1\n");
    session_close(NULL, session.text);
    session_close(NULL, created.text);
}

static const struct test tests[] = {
    {"workers killed under load lose no accepted write", workers_are_killed},
    {"MariaDB killed under load loses no accepted write", mariadb_is_killed},
    {"nginx killed under load loses no accepted write", nginx_is_killed},
    {"the daemon killed under load loses no accepted write", the_daemon_is_killed},
    {"reloads under load fail no request", reloads_fail_no_request},
    {"without the daemon reads go on and work waits", without_the_daemon_work_waits},
    {"without MariaDB refusals are clear", without_mariadb_refusals_are_clear},
};

SUITE(front, tests);

extern const struct suite suite_once;
static const struct suite *const suites[] = {&suite_front, &suite_once};

int main(int argc, char **argv)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&progress, &monotonic);
    return run_suites(suites, ARRAY_SIZE(suites), argc, argv, NULL);
}
