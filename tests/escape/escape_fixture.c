#include "escape_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "fixture.h"

#include "base/banned.h"

static struct ident neighbour;

struct ident escape_open(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(buf_release) struct buf probe = BUF_INIT;
    _cleanup_(answer_release) struct answer *answer = NULL;
    struct error err = ERROR_INIT;

    if (!CHECK_MSG(file_read(AT_FDCWD, PROBE_PATH, 8u << 20, &probe, &err) == 0, "%s", err.message))
        return id;
    answer = upload(id.text, "/tmp/probe", probe.data, probe.length, true);
    CHECK_MSG(json_object_get_boolean(answer_at(answer, "success")), "%s", answer->body.data);
    return id;
}

/* Seconds that the neighbour takes to answer. */
static double neighbour_answers(void)
{
    int64_t begun = clock_monotonic();
    _cleanup_(answer_release) struct answer *answer = exec_run(neighbour.text, "echo well", 30);

    CHECK_MSG(strcmp(answer_text(answer, "stdout"), "well\n") == 0, "the neighbour: %ld %s",
              answer->status, answer->body.data);
    return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
}

void escape_neighbour_lives(void)
{
    _cleanup_(answer_release) struct answer *health = NULL;
    double took;

    if (!*neighbour.text)
        neighbour = session_ready(NULL, DATASET, SOLVABLE);
    took = neighbour_answers();
    for (int i = 1; i < TRIES && took >= 1; i++)
        took = neighbour_answers();
    CHECK_MSG(took < 1, "the neighbour took %.3f s", took);
    health = SEND_PROMPTLY(1, .path = "/health");
    CHECK_MSG(health->status == 200 && health->seconds < 1, "/health: %ld in %.3f s %s",
              health->status, health->seconds, health->body.data);
}

/* The id of the session's container, by which the host's things of it are called. */
static void container_of(const char *session, struct buf *id)
{
    buf_clear(id);
    shell(id,
          "mariadb --no-defaults --protocol=socket -u root -N "
          "--socket=\"$CODESET_STACK/run/mysqld/mysqld.sock\" codeset -e "
          "\"SELECT container_id FROM sessions WHERE session_id='%s'\" | tr -d '\\n'",
          session);
    CHECK_MSG(id->length == strlen(session), "the container of %s: %s", session, id->data);
}

/* A line for each thing of the container that the host still has. */
static void left_of(const char *container, struct buf *out)
{
    buf_clear(out);
    shell(out,
          "id=%s; "
          "grep -l \"$id\" /proc/[0-9]*/cgroup 2>/dev/null | sed 's/^/process /'; "
          "for m in /proc/[0-9]*/mountinfo; do grep -F \"$id\" $m; done 2>/dev/null | sort -u | "
          "sed 's/^/mount /'; "
          "find /sys/fs/cgroup -depth -name \"*$id*\" 2>/dev/null | sed 's/^/cgroup /'; "
          "grep -lF \"$id\" /sys/block/loop*/loop/backing_file 2>/dev/null | sed 's/^/loop /'; "
          "find \"$CODESET_STACK\" -name \"*$id*\" 2>/dev/null | sed 's/^/file /'",
          container);
}

/* Looks whenever something goes from the containers' folders, until nothing is left. */
static void nothing_stays(const char *session)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/containers", getenv("CODESET_STACK"));
    _cleanup_(close_fd) int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    _cleanup_(buf_release) struct buf left = BUF_INIT, container = BUF_INIT;
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    container_of(session, &container);
    inotify_add_watch(watch, folder, IN_DELETE | IN_MOVED_FROM);
    for (;;) {
        struct pollfd event = {.fd = watch, .events = POLLIN};
        char drain[4096];

        left_of(container.data, &left);
        if (left.length == 0 || clock_monotonic() > deadline)
            break;
        poll(&event, 1, 250); /* what goes last may go without an event */
        while (read(watch, drain, sizeof(drain)) > 0)
            ;
    }
    CHECK_MSG(left.length == 0, "left of the session: %.800s", left.data);
}

void escape_close(const struct ident *session)
{
    escape_neighbour_lives();
    session_close(NULL, session->text);
    nothing_stays(session->text);
}

void escape_end(void)
{
    if (*neighbour.text)
        session_close(NULL, neighbour.text);
    neighbour.text[0] = '\0';
}

void escape_refused(const struct ident *session, const char *probe, const char *argument)
{
    _cleanup_(free_ptr) char *command = xasprintf("/tmp/probe %s '%s'", probe, argument);
    _cleanup_(answer_release) struct answer *answer = exec_run(session->text, command, 60);

    CHECK_MSG(answer_int(answer, "exit_code") == 0, "probe %s: %.900s", probe, answer->body.data);
}

void escape_limits_of_all(struct buf *out)
{
    _cleanup_(buf_release) struct buf container = BUF_INIT;

    container_of(neighbour.text, &container);
    buf_clear(out);
    shell(out,
          "for group in $(find /sys/fs/cgroup -type d -name '*%s'); do cd $group/.. && "
          "cat memory.limit_in_bytes memory.memsw.limit_in_bytes memory.max pids.max; done "
          "2>/dev/null",
          container.data);
}

long escape_memory_kib(long pid)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    shell(&out, "awk '/^VmRSS/ { print $2 }' /proc/%ld/status", pid);
    return strtol(out.data, NULL, 10);
}

long escape_kernel_kib(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    shell(&text, "awk '/^MemTotal:/ { left = $2 } "
                 "/^(MemFree|Active|Inactive|Unevictable|SReclaimable):/ { left -= $2 } "
                 "END { print left }' /proc/meminfo");
    return strtol(text.data, NULL, 10);
}
