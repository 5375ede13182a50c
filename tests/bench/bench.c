/*
 * codeset-bench - the figures of docs/benchmarks.md, taken against a stack that is up and prepared
 * by tests/bench/run:
 *
 *     codeset-bench [--rounds N] [exec] [create] [session] [samples] [me] [webhook] [crowd]
 *                   [neighbour] [verification] [lists] [money]
 */
#include "bench.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

#define CONNECTIONS 16
#define ROUNDS_USUAL "200"
#define CROWD 200

/* POST exec, then GET of the interaction until it has ended, over one kept-alive connection. */
double bench_exec_once(const char *session)
{
    int64_t begun = clock_monotonic();
    struct ident id = exec_start(session, "true", 0);

    for (;;) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/sessions/%s/interactions/%s", session, id.text);

        if (answer->status != 200)
            bench_fail("the interaction: %ld %.300s", answer->status, answer->body.data);
        if (answer_at(answer, "exit_code")) {
            if (answer_int(answer, "exit_code") != 0)
                bench_fail("true failed: %.300s", answer->body.data);
            return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
        }
    }
}

struct ident bench_ready(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);

    if (!*id.text)
        bench_fail("no session");
    return id;
}

struct ident bench_container_of(const char *session)
{
    _cleanup_(answer_release) struct answer *answer = client_get("/sessions/%s", session);
    struct ident name = {""};

    snprintf(name.text, sizeof(name.text), "%s",
             answer_text(answer, "container_info.container_name"));
    if (!*name.text)
        bench_fail("no container: %ld %.300s", answer->status, answer->body.data);
    return name;
}

static void bench_exec(void)
{
    struct ident id = bench_ready(), name = bench_container_of(id.text);
    struct series ours = {0}, bare = {0};

    bare_prepare(name.text);
    bench_exec_once(id.text);
    bare_exec();
    for (int round = 0; round < 2 * bench_rounds; round++) {
        series_add(&ours, bench_exec_once(id.text));
        series_add(&bare, bare_exec());
    }
    bare_end();
    table_row("exec round trip : crun exec", &ours, &bare, "ms", 1e3, "<= 1.0");
    series_release(&ours);
    series_release(&bare);
    session_close(NULL, id.text);
}

/* POST, then GET until ready. */
static double our_create(struct ident *ret_id)
{
    int64_t begun = clock_monotonic();

    *ret_id = session_create(NULL, DATASET, SOLVABLE);
    for (;;) {
        _cleanup_(answer_release) struct answer *answer = client_get("/sessions/%s", ret_id->text);
        const char *status = answer_text(answer, "status");

        if (strcmp(status, "ready") == 0)
            return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
        if (strcmp(status, "creating") != 0)
            bench_fail("the session: %ld %.300s", answer->status, answer->body.data);
    }
}

/* Closed and cleared away, so that nothing of it weighs on the next measurement. */
static void close_wholly(const char *session)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/containers", getenv("CODESET_STACK"));
    struct ident name = bench_container_of(session);
    _cleanup_(free_ptr) char *container = xasprintf("%s/%s", folder, name.text);
    _cleanup_(close_fd) int watch = inotify_init1(IN_CLOEXEC);
    int64_t deadline = clock_monotonic() + 20 * CLOCK_SECOND;

    inotify_add_watch(watch, folder, IN_DELETE | IN_MOVED_FROM);
    session_close(NULL, session);
    while (access(container, F_OK) == 0) {
        struct pollfd event = {.fd = watch, .events = POLLIN};
        char drain[4096];

        if (clock_monotonic() > deadline)
            bench_fail("%s stays", container);
        if (poll(&event, 1, 1000) > 0 && read(watch, drain, sizeof(drain)) < 0)
            bench_fail("inotify");
    }
}

static void bench_create(void)
{
    struct ident first = bench_ready(), id;
    struct series ours = {0}, bare = {0};

    bare_prepare(bench_container_of(first.text).text);
    bare_run();
    for (int round = 0; round < bench_rounds; round++) {
        series_add(&ours, our_create(&id));
        close_wholly(id.text);
        series_add(&bare, bare_run());
    }
    bare_end();
    table_row("session create to ready : crun run", &ours, &bare, "ms", 1e3, "<= 1.5");
    series_release(&ours);
    series_release(&bare);
    session_close(NULL, first.text);
}

/* Two addresses, asked in turns by as many connections. */
static void bench_load(const char *what, const char *path, const char *headers, const char *peer,
                       const char *target)
{
    struct load *ours = load_new(path, headers, CONNECTIONS);
    struct load *theirs = load_new(peer, headers, CONNECTIONS);
    struct series of_ours = {0}, of_theirs = {0};

    for (int round = 0; round < bench_rounds; round++) {
        series_add(&of_ours, load_run(ours, 10));
        series_add(&of_theirs, load_run(theirs, 10));
    }
    table_row(what, &of_ours, &of_theirs, "1/s", 1, target);
    series_release(&of_ours);
    series_release(&of_theirs);
    load_free(ours);
    load_free(theirs);
}

static void bench_session(void)
{
    struct ident id = bench_ready();
    _cleanup_(free_ptr) char *path = xasprintf("/api/v1/sessions/%s", id.text);
    _cleanup_(free_ptr) char *peer = xasprintf("/bench/peer/%s", id.text);
    _cleanup_(free_ptr) char *headers = xasprintf("Authorization: Bearer %s\r\n", client_key());

    bench_load("GET /sessions/{id} : worker with one SELECT", path, headers, peer, ">= 0.55");
    session_close(NULL, id.text);
}

static void bench_me(void)
{
    struct ident id = bench_ready();
    _cleanup_(free_ptr) char *peer = xasprintf("/bench/peer/%s", id.text);
    _cleanup_(free_ptr) char *headers = xasprintf("Authorization: Bearer %s\r\n", client_key());

    bench_load("GET /users/me : worker with one SELECT", "/api/v1/users/me", headers, peer,
               ">= 0.5");
    bench_load("GET /users/me : the same in FastAPI", "/api/v1/users/me", headers,
               "/bench/fastapi/users/me", ">= 4");
    session_close(NULL, id.text);
}

/* The bytes that we answer become the file that nginx serves. */
static void save_answer(const char *path, const char *headers, const char *name)
{
    struct load *once = load_new(path, headers, 1);
    _cleanup_(free_ptr) char *file = xasprintf("%s/bench/%s", getenv("CODESET_STACK"), name);
    struct error err = ERROR_INIT;
    size_t length;
    const char *body = load_body(once, &length);

    if (file_write_atomic(AT_FDCWD, file, body, length, 0644, &err) < 0)
        bench_fail("%s", err.message);
    table_note("(%s: %zu bytes)", name, length);
    load_free(once);
}

static void bench_samples(void)
{
    static const char path[] = "/api/v1/samples?dataset=bench&page_size=100";

    save_answer(path, "", "samples.json");
    save_answer(path, "Accept-Encoding: gzip\r\n", "samples.gzip");
    bench_load("GET /samples?page_size=100 : nginx, a file", path, "", "/bench/samples.json",
               ">= 0.5");
    bench_load("the same, gzip", path, "Accept-Encoding: gzip\r\n", "/bench/samples.gzip",
               ">= 0.5");
}

/* Private memory of a process in KiB. */
static double private_kib(long pid)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    if (shell(&out,
              "awk '/^Private_(Clean|Dirty)/ { s += $2 } END { print s }' "
              "/proc/%ld/smaps_rollup",
              pid) != 0)
        bench_fail("cannot read the memory of %ld", pid);
    return strtod(out.data, NULL);
}

static double agent_kib(const char *session)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/containers/%s/init", getenv("CODESET_STACK"),
                                               bench_container_of(session).text);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, path, 4096, &text, &err) < 0)
        bench_fail("%s", err.message);
    return private_kib(strtol(text.data, NULL, 10));
}

static void memory_of(const struct ident *sessions)
{
    const char *reaper = getenv("CODESET_REAPER_PID");
    double daemon = private_kib(strtol(reaper ? reaper : "0", NULL, 10)), agents = 0;

    for (int i = 0; i < CROWD; i++)
        agents += agent_kib(sessions[i].text);
    table_note("private memory a session, %d open: %.2f MiB (agents %.2f, daemon %.2f); target "
               "<= 2",
               CROWD, (agents + daemon) / CROWD / 1024, agents / CROWD / 1024,
               daemon / CROWD / 1024);
}

/* With one open, then with all, then with one again. */
static void bench_crowd(void)
{
    struct ident sessions[CROWD];
    struct series alone = {0}, crowded = {0};
    double before, among;

    sessions[0] = bench_ready();
    for (int round = 0; round < 2 * bench_rounds; round++)
        series_add(&alone, bench_exec_once(sessions[0].text));
    for (int i = 1; i < CROWD; i++)
        sessions[i] = bench_ready();
    for (int round = 0; round < 4 * bench_rounds; round++)
        series_add(&crowded, bench_exec_once(sessions[round % CROWD].text));
    memory_of(sessions);
    for (int i = 1; i < CROWD; i++)
        close_wholly(sessions[i].text);
    for (int round = 0; round < 2 * bench_rounds; round++)
        series_add(&alone, bench_exec_once(sessions[0].text));
    session_close(NULL, sessions[0].text);
    table_row("exec, 200 sessions open : one open", &crowded, &alone, "ms", 1e3, "p99 <= 2.0");
    before = series_percentile(&alone, 99);
    among = series_percentile(&crowded, 99);
    table_note("p99 with %d open : p99 with one open = %.2f", CROWD, among / before);
    series_release(&alone);
    series_release(&crowded);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {{"exec", bench_exec},
             {"create", bench_create},
             {"session", bench_session},
             {"samples", bench_samples},
             {"me", bench_me},
             {"webhook", bench_webhooks},
             {"crowd", bench_crowd},
             {"neighbour", bench_neighbour},
             {"verification", bench_verification},
             {"lists", bench_lists},
             {"money", bench_money}};

int bench_rounds;

static bool is_named(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_part(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strcmp(name, parts[i].name) == 0)
            return true;
    return false;
}

/* Returns where the names of parts begin. */
static int read_arguments(int argc, char **argv)
{
    const bool told = argc > 1 && strcmp(argv[1], "--rounds") == 0;
    const char *rounds = !told ? ROUNDS_USUAL : argc > 2 ? argv[2] : "";
    const int first = told && argc > 2 ? 3 : 1;
    char *end;

    bench_rounds = (int)strtol(rounds, &end, 10);
    if (bench_rounds < 1 || *end != '\0')
        bench_fail("--rounds needs a number");
    for (int a = first; a < argc; a++)
        if (!is_part(argv[a]))
            bench_fail("there is no part %s", argv[a]);
    return first;
}

int main(int argc, char **argv)
{
    const int first = read_arguments(argc, argv);

    client_open();
    atexit(fixture_close); /* a failed measurement ends the program anywhere */
    if (fixture_open() < 0)
        bench_fail("no fixture");
    table_begin();
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (argc == first || is_named(parts[i].name, argc - first, argv + first))
            parts[i].run();
    return 0;
}
