/* Floods end at their caps, are named in the answer, and hurt nobody else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "escape_fixture.h"
#include "fixture.h"

#include "base/banned.h"

/* Runs a command that floods; it must end by itself or by its limit. The session goes on. */
static struct answer *flood(const struct ident *session, const char *command, int timeout)
{
    struct ident id = exec_start(session->text, command, timeout);
    struct answer *answer;

    escape_neighbour_lives();
    answer = interaction_wait(NULL, session->text, id.text, timeout + 60);
    CHECK_MSG(answer_int(answer, "exit_code") >= 0, "%s: %.600s", command, answer->body.data);
    return answer;
}

static void still_works(const struct ident *session)
{
    _cleanup_(answer_release) struct answer *answer = exec_run(session->text, "echo here", 60);

    CHECK_MSG(strcmp(answer_text(answer, "stdout"), "here\n") == 0, "after the flood: %.600s",
              answer->body.data);
}

static void a_fork_bomb(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        flood(&id, "bomb() { bomb | bomb & }; bomb; sleep 3000", 3);

    /* The cap of processes may keep the shell itself from forking. */
    CHECK(answer_int(answer, "exit_code") != 0);
    still_works(&id);
    escape_close(&id);
}

static void a_fork_bomb_that_stays(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = flood(
        &id, "trap '' TERM; i=0; while [ $i -lt 3000 ]; do (setsid sleep 3000 &); i=$((i+1)); done",
        5);

    CHECK(answer_int(answer, "exit_code") == 124 || answer_int(answer, "exit_code") == 2 ||
          answer_int(answer, "exit_code") == 0);
    escape_close(&id);
}

static void a_flood_of_memory(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *one =
        flood(&id, "awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }'", 60);
    _cleanup_(answer_release) struct answer *shared = NULL;

    INT(one, "exit_code", 137);
    CHECK_MSG(strstr(answer_text(one, "message"), "memory") != NULL, "message: %s",
              answer_text(one, "message"));
    shared =
        flood(&id, "dd if=/dev/zero of=/dev/shm/x bs=1M 2>&1; df /dev/shm; rm -f /dev/shm/x", 60);
    CHECK(answer_int(shared, "exit_code") == 0 || answer_int(shared, "exit_code") == 137);
    still_works(&id);
    escape_close(&id);
}

static void a_flood_of_disk(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *disk =
        flood(&id, "dd if=/dev/zero of=/calc/big bs=1M; rm -f /calc/big", 120);
    _cleanup_(answer_release) struct answer *files = NULL;

    CHECK_MSG(strstr(answer_text(disk, "stderr"), "No space left") != NULL, "%.400s",
              disk->body.data);
    files = flood(&id,
                  "mkdir /calc/many && cd /calc/many && i=0; "
                  "while : > $i; do i=$((i+1)); done; cd /; rm -rf /calc/many",
                  120);
    CHECK_MSG(strstr(answer_text(files, "stderr"), "No space left") != NULL, "%.400s",
              files->body.data);
    still_works(&id);
    escape_close(&id);
}

static void a_flood_of_descriptors(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        flood(&id, "/tmp/probe flood-descriptors", 120);

    CHECK_MSG(strstr(answer_text(answer, "stdout"), "open files") != NULL, "%.400s",
              answer->body.data);
    still_works(&id);
    escape_close(&id);
}

static void a_flood_of_zombies(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = flood(&id, "/tmp/probe flood-zombies", 120);
    long left = 10;

    CHECK_MSG(strstr(answer_text(answer, "stdout"), "made ") != NULL, "%.400s", answer->body.data);
    still_works(&id);
    for (int i = 0; i < 100 && left >= 10; i++) {
        _cleanup_(answer_release) struct answer *look =
            exec_run(id.text, "ps -o stat,args | grep -c '^Z'", 60);

        left = strtol(answer_text(look, "stdout"), NULL, 10);
    }
    CHECK_MSG(left < 10, "zombies: %ld", left);
    escape_close(&id);
}

/* The kernel has one sum for all connections of the host, and counts it apart. */
static void a_flood_of_sockets(void)
{
    struct ident id = escape_open();

    escape_refused(&id, "flood-sockets", "270"); /* of 256 that the container has */
    escape_close(&id);
}

/* Before Linux 6.6 the kernel counted these to nobody. */
static void a_flood_of_attributes(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        flood(&id, "/tmp/probe flood-attributes 300", 120); /* of 256 that the container has */

    CHECK_MSG(answer_int(answer, "exit_code") != 1, "%.400s", answer->body.data);
    still_works(&id);
    escape_close(&id);
}

/* The daemon must not keep what a command pours out: at most twice the cap of 1 MiB a stream. */
static void a_flood_of_output(void)
{
    const char *reaper = getenv("CODESET_REAPER_PID");
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *warm = flood(&id, "yes | head -c 4000000", 60);
    long before, after;
    _cleanup_(answer_release) struct answer *answer = NULL;

    CHECK_MSG(reaper != NULL, "CODESET_REAPER_PID is not set");
    if (!reaper)
        return;
    STATUS(warm, 200);
    before = escape_memory_kib(strtol(reaper, NULL, 10));
    answer = flood(&id, "yes out & yes err >&2", 4);
    INT(answer, "exit_code", 124);
    after = escape_memory_kib(strtol(reaper, NULL, 10));
    CHECK_MSG(before > 0 && after - before <= 4096, "the daemon grew by %ld KiB", after - before);
    CHECK(strstr(answer_text(answer, "message"), "truncated") != NULL);
    CHECK(strlen(answer_text(answer, "stdout")) <= 1u << 20);
    CHECK(strlen(answer_text(answer, "stderr")) <= 1u << 20);
    escape_close(&id);
}

/* What the kernel counts by user, and not by cgroup. */
static void a_flood_of_quotas(void)
{
    static const char *const kinds[] = {"timers",         "pipes",   "descriptors in flight",
                                        "message queues", "inotify", "terminals"};
    struct ident id = escape_open(), other = escape_open();

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        _cleanup_(free_ptr) char *fill = xasprintf("/tmp/probe fill '%s'", kinds[i]);
        _cleanup_(free_ptr) char *take = xasprintf("/tmp/probe take '%s'", kinds[i]);
        _cleanup_(answer_release) struct answer *filled = exec_run(id.text, fill, 20);
        _cleanup_(answer_release) struct answer *own = exec_run(id.text, take, 10);
        _cleanup_(answer_release) struct answer *others = exec_run(other.text, take, 10);

        INT(filled, "exit_code", 0);
        CHECK_MSG(answer_int(own, "exit_code") == 1, "not full, after %s: %s",
                  answer_text(filled, "stdout"), own->body.data);
        CHECK_MSG(answer_int(others, "exit_code") == 0, "the other one, after %s: %s",
                  answer_text(filled, "stdout"), others->body.data);
    }
    escape_close(&id);
    escape_close(&other);
}

/* The command's end may be known before the session's. */
static struct answer *ended_session(const struct ident *id)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    struct answer *answer = client_get("/sessions/%s", id->text);

    while (strcmp(answer_text(answer, "status"), "ready") == 0 && clock_monotonic() < deadline) {
        answer_free(answer);
        answer = client_get("/sessions/%s", id->text);
    }
    return answer;
}

/* What the kernel holds for a session and counts to no limit. The session ends for it, before the
 * host has lost much. */
static void a_flood_of_kernel_memory(void)
{
    static const char *const probes[] = {"flood-netlink",      "flood-locks",
                                         "flood-poll",         "flood-orphaned-locks 60",
                                         "flood-directories",  "flood-passed-directories",
                                         "flood-connections",  "flood-netlink behind-others",
                                         "flood-kind timers",  "flood-kind epoll",
                                         "flood-kind netlink", "flood-kind owned",
                                         "flood-memberships"};

    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        struct ident id = escape_open();
        _cleanup_(buf_release) struct buf limits = BUF_INIT, after = BUF_INIT;
        _cleanup_(free_ptr) char *command = xasprintf("/tmp/probe %s", probes[i]);
        long before = escape_kernel_kib();
        struct ident run;
        _cleanup_(answer_release) struct answer *answer = NULL, *session = NULL;

        escape_neighbour_lives(); /* is begun, where it was not yet */
        escape_limits_of_all(&limits);
        run = exec_start(id.text, command, 120);
        escape_neighbour_lives();
        answer = interaction_wait(NULL, id.text, run.text, 180);
        session = ended_session(&id);
        INT(answer, "exit_code", -1000);
        CHECK_MSG(strcmp(answer_text(session, "error.code"), "KERNEL_MEMORY_LIMIT") == 0,
                  "%s: %s %s", probes[i], answer->body.data, session->body.data);
        escape_limits_of_all(&after);
        CHECK_MSG(limits.length > 0 && strcmp(limits.data, after.data) == 0,
                  "%s: the limits of all are %s, and were %s", probes[i], after.data, limits.data);
        /* What is counted to the session is in it: 256 MiB at most, on a stack of these tests. */
        CHECK_MSG(escape_kernel_kib() - before < 384 << 10, "%s: the kernel took %ld KiB",
                  probes[i], escape_kernel_kib() - before);
        escape_close(&id);
    }
}

static const struct test tests[] = {
    {"a fork bomb ends at its limit", a_fork_bomb},
    {"thousands of daemons end with the session", a_fork_bomb_that_stays},
    {"a flood of memory is 137, in /dev/shm too", a_flood_of_memory},
    {"a full disk and too many files are ENOSPC", a_flood_of_disk},
    {"descriptors have a cap", a_flood_of_descriptors},
    {"zombies are reaped", a_flood_of_zombies},
    {"what sockets hold has a cap", a_flood_of_sockets},
    {"attributes of files are counted", a_flood_of_attributes},
    {"a session uses up its own quotas only", a_flood_of_quotas},
    {"who makes the kernel hold memory is ended", a_flood_of_kernel_memory},
    {"a flood of output is cut, and the daemon stays small", a_flood_of_output},
};

SUITE(floods, tests);
