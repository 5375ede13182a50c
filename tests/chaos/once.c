/*
 * Once, under kills: clients that send again what libraries send again (408, 429, 5xx, a 409 that
 * does not forbid it, a connection that broke), while the parts of the front are killed. Each
 * command and each edit leaves a mark of its own, and at the end each mark is there once.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "chaos.h"
#include "check.h"
#include "fixture.h"
#include "http.h"

#include "base/banned.h"

#define WRITERS 6
#define STEPS_MAX 20000

enum fate { UNTRIED, ACCEPTED, UNKNOWN };

struct writer {
    pthread_t thread;
    struct ident session;
    atomic_size_t steps; /* step n made, or tried to make, mark n of each kind */
    unsigned char commands[STEPS_MAX], edits[STEPS_MAX];
    unsigned failures; /* answers of 5xx */
    unsigned unknowns;
    unsigned odd; /* answers that no client should get */
    char first_failure[400], first_odd[400];
};

static atomic_bool stormy;
static atomic_size_t sent; /* by all writers */
static pthread_mutex_t progress_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;

static void tell_progress(void)
{
    pthread_mutex_lock(&progress_lock);
    sent++;
    pthread_cond_signal(&progress);
    pthread_mutex_unlock(&progress_lock);
}

/* The storm goes on until so many more steps were made. */
static void storm_goes_on(size_t steps)
{
    struct timespec until;
    size_t goal;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    pthread_mutex_lock(&progress_lock);
    goal = sent + steps;
    while (sent < goal && late == 0)
        late = pthread_cond_timedwait(&progress, &progress_lock, &until);
    pthread_mutex_unlock(&progress_lock);
    CHECK_MSG(late == 0, "no %zu steps within %d s", steps, PATIENCE);
}

/* --- a client that sends again --------------------------------------------------------------- */

static bool sends_again(const struct answer *answer)
{
    char value[16];

    if (answer->status == 409)
        return strcmp(answer_header(answer, "X-Should-Retry", value, sizeof(value)), "false") != 0;
    return answer->status == 0 || answer->status == 408 || answer->status == 429 ||
           answer->status >= 500;
}

static void note(unsigned *count, char first[400], const struct answer *answer)
{
    if ((*count)++ == 0)
        snprintf(first, 400, "%ld %.300s", answer->status, answer->body.data);
}

static struct answer *send_until_done(struct writer *writer, const struct call *call)
{
    int64_t deadline = clock_monotonic() + PATIENCE * CLOCK_SECOND;

    for (;;) {
        struct answer *answer = client_send(call);

        if (answer->status >= 500)
            note(&writer->failures, writer->first_failure, answer);
        if (!sends_again(answer) || clock_monotonic() > deadline)
            return answer;
        answer_free(answer);
    }
}

static enum fate fate_of(struct writer *writer, const struct answer *answer)
{
    const char *code = answer_text(answer, "detail.code");

    if (answer->status / 100 == 2)
        return ACCEPTED;
    if (strcmp(code, "OUTCOME_UNKNOWN") == 0 || strcmp(code, "INTERACTION_PENDING") == 0)
        writer->unknowns++;
    else
        note(&writer->odd, writer->first_odd, answer);
    return UNKNOWN;
}

/* Whatever is away meanwhile: what was accepted is carried out, and only then looked for. */
static void wait_for_end(const struct writer *writer, const char *interaction_id)
{
    int64_t deadline = clock_monotonic() + PATIENCE * CLOCK_SECOND;
    bool ended = false;

    while (!ended && clock_monotonic() < deadline) {
        _cleanup_(answer_release) struct answer *answer =
            interaction_wait(NULL, writer->session.text, interaction_id, 1);

        ended = json_object_is_type(answer_at(answer, "exit_code"), json_type_int);
    }
}

static enum fate run_command(struct writer *writer, size_t step)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", writer->session.text);
    _cleanup_(free_ptr) char *body =
        xasprintf("{\"command\":\"echo c%zu. >> /tmp/commands\"}", step);
    _cleanup_(answer_release) struct answer *answer =
        send_until_done(writer, &(struct call){.path = path, .body = body});
    enum fate fate = fate_of(writer, answer);

    if (fate == ACCEPTED)
        wait_for_end(writer, answer_text(answer, "interaction_id"));
    return fate;
}

static enum fate edit(struct writer *writer, size_t step)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/str_replace", writer->session.text);
    _cleanup_(free_ptr) char *body = xasprintf("{\"file_path\":\"/tmp/edits\",\"str_to_replace\":"
                                               "\"the end\",\"str_to_insert\":\"e%zu. the end\"}",
                                               step);
    _cleanup_(answer_release) struct answer *answer =
        send_until_done(writer, &(struct call){.path = path, .body = body});

    if (answer->status == 200 && !json_object_get_boolean(answer_at(answer, "success")))
        return UNKNOWN; /* the machine stalled, and the operation was given up */
    return fate_of(writer, answer);
}

/* One that nobody closes stays open, and is found at the end. */
static void open_and_close(struct writer *writer)
{
    _cleanup_(free_ptr) char *path = NULL;
    _cleanup_(answer_release) struct answer *created =
        send_until_done(writer, &(struct call){.path = "/sessions",
                                               .body = "{\"dataset\":\"" DATASET
                                                       "\",\"sample_id\":\"" SOLVABLE "\"}"});

    if (fate_of(writer, created) != ACCEPTED)
        return;
    path = xasprintf("/sessions/%s", answer_text(created, "session_id"));
    answer_free(send_until_done(writer, &(struct call){.method = "DELETE", .path = path}));
}

static void *write_on(void *arg)
{
    struct writer *writer = arg;

    while (stormy && writer->steps < STEPS_MAX) {
        size_t step = writer->steps;

        writer->commands[step] = run_command(writer, step);
        writer->edits[step] = edit(writer, step);
        if (step % 4 == 0)
            open_and_close(writer);
        writer->steps++;
        tell_progress();
    }
    http_thread_end();
    return NULL;
}

/* --- the storm ------------------------------------------------------------------------------- */

static struct writer *storm_begins(void)
{
    struct writer *writers = xcalloc(WRITERS, sizeof(*writers));

    stormy = true;
    for (int i = 0; i < WRITERS; i++) {
        writers[i].session = open_session();
        answer_free(upload(writers[i].session.text, "/tmp/edits", "the end", 7, false));
        if (pthread_create(&writers[i].thread, NULL, write_on, &writers[i]) != 0)
            abort();
    }
    return writers;
}

static size_t count_of(const char *text, const char *mark)
{
    size_t count = 0, length = strlen(mark);

    for (const char *at = text; (at = strstr(at, mark)) != NULL; at += length)
        count++;
    return count;
}

/* What was accepted is there once; what nobody knows about at most once. */
static void check_marks(const struct writer *writer, const char *text, char kind,
                        const unsigned char *fates)
{
    unsigned lost = 0, twice = 0;

    for (size_t step = 0; step < writer->steps; step++) {
        char mark[32];
        size_t count;

        snprintf(mark, sizeof(mark), "%c%zu.", kind, step);
        count = count_of(text, mark);
        lost += count == 0 && fates[step] == ACCEPTED;
        twice += count > 1;
    }
    CHECK_MSG(lost == 0 && twice == 0, "of %zu marks '%c' %u are lost, %u there twice",
              (size_t)writer->steps, kind, lost, twice);
}

static void check_writer(struct writer *writer)
{
    _cleanup_(answer_release) struct answer *text =
        exec_run(writer->session.text, "cat /tmp/commands /tmp/edits", 30);

    INT(text, "exit_code", 0);
    check_marks(writer, answer_text(text, "stdout"), 'c', writer->commands);
    check_marks(writer, answer_text(text, "stdout"), 'e', writer->edits);
    CHECK_MSG(writer->odd == 0, "%u odd answers, the first: %s", writer->odd, writer->first_odd);
    session_close(NULL, writer->session.text);
}

static void check_open_sessions(void)
{
    static const char *const states[] = {"creating", "ready"};

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        _cleanup_(answer_release) struct answer *list =
            client_get("/sessions?page_size=1&status=%s", states[i]);

        INT(list, "total_count", 0);
    }
}

/* Ends it. May 5xx have been answered? And was the outcome of something unknown? */
static void storm_ends(struct writer *writers, bool may_fail, bool may_be_unknown)
{
    unsigned unknowns = 0;

    stormy = false;
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (int i = 0; i < WRITERS; i++) {
        check_writer(&writers[i]);
        unknowns += writers[i].unknowns;
        CHECK_MSG(may_fail || writers[i].failures == 0, "%u answers of 5xx, the first: %s",
                  writers[i].failures, writers[i].first_failure);
    }
    CHECK_MSG(may_be_unknown || unknowns == 0, "of %u requests nobody knows how they ended",
              unknowns);
    if (unknowns == 0)
        check_open_sessions();
    free(writers);
}

static void workers_killed_do_nothing_twice(void)
{
    struct writer *writers = storm_begins();

    for (int i = 0; i < 40; i++) {
        storm_goes_on(3);
        CHECK(stack("kill", "api") == 0);
    }
    storm_goes_on(WRITERS);
    storm_ends(writers, false, false);
}

static void a_daemon_killed_does_nothing_twice(void)
{
    struct writer *writers = storm_begins();

    for (int i = 0; i < 4; i++) {
        storm_goes_on(2 * WRITERS);
        CHECK(stack("kill", "reaper") == 0);
        CHECK(stack("start", "reaper") == 0);
    }
    storm_goes_on(WRITERS);
    /* A start may take longer than a client waits, on a machine that is busy elsewhere. */
    storm_ends(writers, false, true);
}

static void an_upgrade_does_nothing_twice(void)
{
    struct writer *writers = storm_begins();

    for (int i = 0; i < 3; i++) {
        storm_goes_on(WRITERS);
        CHECK(stack("reload", "api") == 0);
        storm_goes_on(WRITERS);
        CHECK(stack("restart", "reaper") == 0);
        storm_goes_on(WRITERS);
        CHECK(stack("reload", "nginx") == 0);
    }
    storm_goes_on(WRITERS);
    storm_ends(writers, false, true);
}

static void mariadb_killed_does_nothing_twice(void)
{
    struct writer *writers = storm_begins();

    for (int i = 0; i < 3; i++) {
        storm_goes_on(2 * WRITERS);
        CHECK(stack("kill", "mariadb") == 0);
        CHECK(stack("start", "mariadb") == 0);
    }
    storm_goes_on(WRITERS);
    storm_ends(writers, true, true);
}

static const struct test tests[] = {
    {"workers killed under load: nothing lost, nothing twice, no 5xx",
     workers_killed_do_nothing_twice},
    {"a daemon killed under load: nothing lost, nothing twice, no 5xx",
     a_daemon_killed_does_nothing_twice},
    {"an upgrade under load: nothing lost, nothing twice, no 5xx", an_upgrade_does_nothing_twice},
    {"MariaDB killed under load: nothing lost, nothing twice", mariadb_killed_does_nothing_twice},
};

SUITE(once, tests);
