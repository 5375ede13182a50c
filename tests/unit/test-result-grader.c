/*
 * The daemon's side of `codeset-grader result` against the real program and against some that lie.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/result_grader.h"
#include "report-archive.h"
#include "unit.h"

#include "base/banned.h"

#define PATIENCE_SECONDS 300 /* ends a hang, nothing else */

static struct event_base *base;
static struct result_graders *graders;
static char folder[64]; /* of a grader of our own, or "" */

struct outcome {
    int called;
    char code[64], message[1600];
    int64_t bytes;
    struct result_parts parts;
    int ready_fd; /* -1: not ready yet */
};

static struct outcome outcome;
static const struct result_limits limits = {
    .packed = 64 << 20, .unpacked = 256 << 20, .entries = 100000};

static void on_patience(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    fputs("a grader hangs\n", stderr);
    abort();
}

static void open_bench(const char *agent_path)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct error err = ERROR_INIT;

    base = event_base_new();
    event_base_once(base, -1, EV_TIMEOUT, on_patience, NULL, &patience);
    graders = result_graders_new(base, agent_path, 2, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graders);
    outcome = (struct outcome){.ready_fd = -1};
}

static void open_real(void)
{
    folder[0] = '\0';
    open_bench(GRADER_BUILD "/codeset-agent");
}

/* With a shell script in the grader's place. say HEAD: an answer. */
static void open_liar(const char *script)
{
    _cleanup_(free_ptr) char *text =
        xasprintf("#!/bin/bash\n"
                  "say() { local hex; printf -v hex %%04x ${#1}; "
                  "printf \"\\\\x00\\\\x00\\\\x${hex:0:2}\\\\x${hex:2:2}\"; printf %%s \"$1\"; }\n"
                  "%s\n",
                  script);
    _cleanup_(free_ptr) char *program = NULL;
    _cleanup_(free_ptr) char *agent = NULL;
    struct error err = ERROR_INIT;

    snprintf(folder, sizeof(folder), "/tmp/codeset-liar-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    program = xasprintf("%s/codeset-grader", folder);
    agent = xasprintf("%s/codeset-agent", folder);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, program, text, strlen(text), 0755, &err), 0);
    open_bench(agent);
}

static void close_bench(void)
{
    struct error err = ERROR_INIT;

    result_graders_free(graders);
    event_base_free(base);
    if (folder[0])
        remove_tree(folder, &err);
}

static void on_done(const struct error *err, int64_t bytes, const struct result_parts *parts,
                    void *arg)
{
    (void)arg;
    outcome.called++;
    CU_ASSERT((err == NULL) == (parts != NULL));
    if (err) {
        snprintf(outcome.code, sizeof(outcome.code), "%s", err->code ? err->code : "(none)");
        snprintf(outcome.message, sizeof(outcome.message), "%s", err->message);
    } else {
        outcome.bytes = bytes;
        outcome.parts = *parts;
    }
    event_base_loopbreak(base);
}

static void on_ready(int fd, void *arg)
{
    (void)arg;
    CU_ASSERT_EQUAL(outcome.called, 0);
    CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    outcome.ready_fd = fd;
    event_base_loopbreak(base);
}

static void until_called(void)
{
    while (outcome.called == 0)
        event_base_loop(base, EVLOOP_ONCE);
}

static int archive_with(const char *name, size_t size)
{
    int fd = memory_file();
    struct archive *archive = begin_archive(fd);
    _cleanup_(free_ptr) char *content = xcalloc(1, size + 1);

    memset(content, 'x', size);
    add_entry(archive, name, AE_IFREG, 0, content, size);
    end_archive(archive);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void fails_with(const char *code, const char *why)
{
    CU_ASSERT_EQUAL(outcome.called, 1);
    if (strcmp(outcome.code, code) != 0 || !strstr(outcome.message, why))
        fprintf(stderr, "%s: %s\n", outcome.code, outcome.message);
    CU_ASSERT_STRING_EQUAL(outcome.code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message, why));
}

static void a_file_becomes_a_file_of_parts(void)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 100000);
    _cleanup_(close_fd) int out = memory_file();
    struct stat st;

    open_real();
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called();
    CU_ASSERT_STRING_EQUAL(outcome.code, "");
    CU_ASSERT_EQUAL(outcome.parts.count, 2);
    CU_ASSERT_STRING_EQUAL(outcome.parts.parts[0].name, "agent");
    CU_ASSERT(fstat(out, &st) == 0 && st.st_size == outcome.bytes);
    CU_ASSERT_EQUAL(result_graders_pending(graders), 0);
    close_bench();
}

static void a_pipe_does_as_well(void)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 10000);
    _cleanup_(close_fd) int out = memory_file();
    char bytes[65536];
    struct error err = ERROR_INIT;
    ssize_t got;

    open_real();
    result_grader_start(graders, &limits, -1, out, on_ready, on_done, NULL);
    while (outcome.ready_fd < 0)
        event_base_loop(base, EVLOOP_ONCE);
    got = read(in, bytes, sizeof(bytes));
    CU_ASSERT_FATAL(got > 0);
    CU_ASSERT_EQUAL(fd_write_all(outcome.ready_fd, bytes, (size_t)got, &err), 0);
    CU_ASSERT_EQUAL(outcome.called, 0);
    close(outcome.ready_fd);
    until_called();
    CU_ASSERT_STRING_EQUAL(outcome.code, "");
    CU_ASSERT_EQUAL(outcome.parts.count, 2);
    close_bench();
}

static void what_is_refused_is_told(void)
{
    _cleanup_(close_fd) int in = archive_with("../file", 10);
    _cleanup_(close_fd) int out = memory_file();

    open_real();
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called();
    fails_with("JOB_RESULT_REFUSED", "..");
    close_bench();
}

/* 100,000 names are what it has to remember at most. */
static void it_needs_little_memory(void)
{
    _cleanup_(close_fd) int in = memory_file();
    _cleanup_(close_fd) int out = memory_file();
    struct archive *archive = begin_archive(in);
    char name[128];

    for (int i = 0; i < 99999; i++) {
        snprintf(name, sizeof(name), "agent/%060d", i);
        add_entry(archive, name, AE_IFREG, 0, "x", 1);
    }
    end_archive(archive);
    lseek(in, 0, SEEK_SET);
    open_real();
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called(); /* within the address space that it gives itself */
    CU_ASSERT_STRING_EQUAL(outcome.code, "");
    close_bench();
}

static void lies_are(const char *script, const char *why)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 10);
    _cleanup_(close_fd) int out = memory_file();

    open_liar(script);
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called();
    fails_with("RESULT_FAILED", why);
    close_bench();
}

#define PARTS                                                                                      \
    "\"parts\":[{\"name\":\"a\",\"offset\":0,\"length\":5},{\"name\":\"\",\"offset\":5,"           \
    "\"length\":4}]"

static void lies_are_no_result(void)
{
    lies_are("kill -SEGV $$", "signal 11");
    lies_are("exit 3", "status 3");
    lies_are("exit 0", "cut off");
    lies_are("printf '\\0\\0\\0\\5ab'", "cut off");
    lies_are("printf '\\377\\377\\377\\377'; cat /dev/zero", "too long");
    lies_are("say nonsense", "not what was agreed");
    lies_are("say '{\"code\":\"INVENTED\",\"message\":\"x\"}'", "not what was agreed");
    lies_are("say '{\"bytes\":10," PARTS "}'", "not what was agreed");
    /* true in itself, and not of the file */
    lies_are("say '{\"bytes\":9," PARTS "}'", "file is not as it says");
    lies_are("printf 1234567890 >&3; say '{\"bytes\":9," PARTS "}'", "file is not as it says");
}

static void the_truth_is_one_where_it_fits(void)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 10);
    _cleanup_(close_fd) int out = memory_file();

    open_liar("test \"$*\" = 'result 67108864 268435456 100000' || exit 1\n"
              "test -e /proc/$$/fd/3 -a ! -e /proc/$$/fd/4 -a ! -e /proc/$$/fd/5 || exit 2\n"
              "printf 123456789 >&3; say '{\"bytes\":9," PARTS "}'");
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called();
    CU_ASSERT_STRING_EQUAL(outcome.code, "");
    CU_ASSERT_EQUAL(outcome.bytes, 9);
    close_bench();
}

static void one_that_hangs_is_ended(void)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 10);
    _cleanup_(close_fd) int out = memory_file();

    open_liar("sleep 1000");
    result_graders_set_limit(graders, 50);
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    until_called();
    fails_with("RESULT_FAILED", "time limit");
    close_bench();
}

static void one_that_is_cancelled_calls_nobody_back(void)
{
    _cleanup_(close_fd) int in = archive_with("agent/file", 10);
    _cleanup_(close_fd) int out = memory_file();
    struct result_grader *started[4];

    open_liar("sleep 1000");
    for (size_t i = 0; i < ARRAY_SIZE(started); i++)
        started[i] = result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(result_graders_pending(graders), 4);
    for (size_t i = 0; i < ARRAY_SIZE(started); i++)
        result_grader_cancel(started[i]);
    while (result_graders_pending(graders) > 0)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(outcome.called, 0);
    result_grader_cancel(NULL);
    result_grader_start(graders, &limits, in, out, NULL, on_done, NULL);
    event_base_loop(base, EVLOOP_ONCE);
    close_bench(); /* ends the one that runs */
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a file becomes a file of parts", a_file_becomes_a_file_of_parts},
        {"a pipe does as well", a_pipe_does_as_well},
        {"what is refused is told", what_is_refused_is_told},
        {"it needs little memory", it_needs_little_memory},
        {"lies are no result", lies_are_no_result},
        {"the truth is one where it fits", the_truth_is_one_where_it_fits},
        {"one that hangs is ended", one_that_hangs_is_ended},
        {"one that is cancelled calls nobody back", one_that_is_cancelled_calls_nobody_back},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("result graders", tests);
}
