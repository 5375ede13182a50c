/*
 * The daemon's side of codeset-grader against the real program and against some that lie.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/grader.h"
#include "report-archive.h"
#include "unit.h"

#include "base/banned.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define SINCE (INT64_C(1700000000) * 1000000)
#define PATIENCE_SECONDS 300 /* ends a hang, nothing else */

/* --- the client ------------------------------------------------------------------------------ */

struct bench {
    struct event_base *base;
    struct graders *graders;
    char folder[64]; /* of a grader of our own, or "" */
};

struct outcome {
    struct bench *bench;
    int called;
    bool success;
    char code[64], message[512];
    char *result;
    int ready_fd; /* -1: not ready yet */
};

static void on_patience(evutil_socket_t fd, short events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    fputs("a grader hangs\n", stderr);
    abort();
}

static void bench_open(struct bench *bench, const char *agent_path, size_t most)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct error err = ERROR_INIT;

    memset(bench, 0, sizeof(*bench));
    bench->base = event_base_new();
    event_base_once(bench->base, -1, EV_TIMEOUT, on_patience, NULL, &patience);
    bench->graders = graders_new(bench->base, agent_path, most, &err);
    if (!bench->graders)
        fprintf(stderr, "%s\n", err.message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->graders);
}

static void bench_close(struct bench *bench)
{
    graders_free(bench->graders);
    event_base_free(bench->base);
    if (bench->folder[0]) {
        struct error err = ERROR_INIT;

        remove_tree(bench->folder, &err);
    }
}

/* With a shell script in the grader's place. */
static void bench_open_liar(struct bench *bench, const char *script)
{
    char folder[] = "/tmp/codeset-liar-XXXXXX";
    /* say HEAD: an answer's length and head. */
    _cleanup_(free_ptr) char *text =
        xasprintf("#!/bin/bash\n"
                  "say() { local hex; printf -v hex %%04x ${#1}; "
                  "printf \"\\\\x00\\\\x00\\\\x${hex:0:2}\\\\x${hex:2:2}\"; printf %%s \"$1\"; }\n"
                  "%s\n",
                  script);
    _cleanup_(free_ptr) char *program = NULL;
    _cleanup_(free_ptr) char *agent = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    program = xasprintf("%s/codeset-grader", folder);
    agent = xasprintf("%s/codeset-agent", folder);
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, program, text, strlen(text), 0755, &err), 0);
    bench_open(bench, agent, 4);
    snprintf(bench->folder, sizeof(bench->folder), "%s", folder);
}

static void on_done(const struct error *err, struct grader_verdict *verdict, void *arg)
{
    struct outcome *outcome = arg;

    outcome->called++;
    CU_ASSERT((err == NULL) != (verdict == NULL));
    if (err) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(err->code);
        snprintf(outcome->code, sizeof(outcome->code), "%s", err->code);
        snprintf(outcome->message, sizeof(outcome->message), "%s", err->message);
    } else {
        CU_ASSERT_EQUAL(verdict->success, verdict->reason == NULL);
        CU_ASSERT_EQUAL(strlen(verdict->result), verdict->result_length);
        outcome->success = verdict->success;
        outcome->result = TAKE_PTR(verdict->result);
    }
    event_base_loopbreak(outcome->bench->base);
}

static void on_ready(int fd, void *arg)
{
    struct outcome *outcome = arg;

    CU_ASSERT_EQUAL(outcome->called, 0);
    CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    outcome->ready_fd = fd;
    event_base_loopbreak(outcome->bench->base);
}

/* The verifier's output is longer than a pipe: once that is taken, the grader has read of it. */
static struct grader *start(struct bench *bench, int tar_fd, struct outcome *outcome)
{
    static char text[200000];
    const struct grader_request request = {
        .run = {.tool = "test_suite",
                .timeout = 9,
                .seconds = 1,
                .out = text,
                .out_length = sizeof(text),
                .err = ""},
        .lists = {"[\"c::a\"]", "[]", "[]"},
        .since = SINCE,
    };

    memset(text, 'x', sizeof(text));
    *outcome = (struct outcome){.bench = bench, .ready_fd = -1};
    return grader_start(bench->graders, &request, tar_fd, on_ready, on_done, outcome);
}

static void outcome_release(struct outcome *outcome)
{
    free(outcome->result);
    close_fd(&outcome->ready_fd);
}

static void wait_for_end(struct outcome *outcome)
{
    while (!outcome->called)
        event_base_dispatch(outcome->bench->base);
    event_base_loop(outcome->bench->base, EVLOOP_NONBLOCK); /* a second call would come now */
    CU_ASSERT_EQUAL(outcome->called, 1);
}

static void wait_until_ready(struct outcome *outcome)
{
    while (outcome->ready_fd < 0 && !outcome->called)
        event_base_dispatch(outcome->bench->base);
    CU_ASSERT_FATAL(outcome->ready_fd >= 0);
}

/* The code that the archive ends with, or "" with a verdict. It is closed. */
static const char *code_for(struct bench *bench, int tar_fd)
{
    static char code[64];
    _cleanup_(outcome_release) struct outcome outcome;

    start(bench, tar_fd, &outcome);
    wait_for_end(&outcome);
    close(tar_fd);
    if (strcmp(outcome.code, "VERDICT_FAILED") == 0)
        fprintf(stderr, "    %s\n", outcome.message);
    snprintf(code, sizeof(code), "%s", outcome.code);
    return code;
}

static void a_report_comes_back_as_a_verdict(void)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome passes, fails;
    _cleanup_(close_fd) int good = archive_of(SINCE, REPORT_PASSES);
    _cleanup_(close_fd) int bad = archive_of(SINCE, REPORT_FAILS);

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    start(&bench, good, &passes);
    start(&bench, bad, &fails);
    CU_ASSERT_EQUAL(graders_pending(bench.graders), 2);
    wait_for_end(&passes);
    wait_for_end(&fails);
    CU_ASSERT_EQUAL(graders_pending(bench.graders), 0);
    CU_ASSERT_STRING_EQUAL(passes.code, "");
    CU_ASSERT(passes.success);
    CU_ASSERT_PTR_NOT_NULL_FATAL(passes.result);
    CU_ASSERT_PTR_NOT_NULL(strstr(passes.result, "\"passed\":2"));
    CU_ASSERT_STRING_EQUAL(fails.code, "");
    CU_ASSERT_FALSE(fails.success);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fails.result);
    CU_ASSERT_PTR_NOT_NULL(strstr(fails.result, "\"is_success\":false"));
}

static void an_archive_can_be_written_as_it_comes(void)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome outcome;
    _cleanup_(close_fd) int file = archive_of(SINCE, REPORT_PASSES);
    char bytes[4096];
    ssize_t got;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    start(&bench, -1, &outcome);
    wait_until_ready(&outcome);
    lseek(file, 0, SEEK_SET);
    while ((got = read(file, bytes, sizeof(bytes))) > 0)
        CU_ASSERT_EQUAL(write(outcome.ready_fd, bytes, (size_t)got), got);
    close_fd(&outcome.ready_fd);
    wait_for_end(&outcome);
    CU_ASSERT_STRING_EQUAL(outcome.code, "");
    CU_ASSERT(outcome.success);
}

static void what_can_not_be_told_has_its_code(void)
{
    _cleanup_(bench_close) struct bench bench;
    int cut = archive_of(SINCE, REPORT_PASSES);

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    CU_ASSERT_STRING_EQUAL(code_for(&bench, memory_file()), "REPORT_MISSING");
    CU_ASSERT_STRING_EQUAL(code_for(&bench, archive_of(SINCE - 1, REPORT_PASSES)), "REPORT_STALE");
    CU_ASSERT_STRING_EQUAL(code_for(&bench, archive_of(SINCE, "<testsuite")), "REPORT_UNREADABLE");
    CU_ASSERT_EQUAL(ftruncate(cut, lseek(cut, 0, SEEK_END) - 1024 - 512 + 20), 0);
    CU_ASSERT_STRING_EQUAL(code_for(&bench, cut), "REPORT_UNREADABLE");
}

static void links_and_folders_in_the_archive_are_passed_over(void)
{
    _cleanup_(bench_close) struct bench bench;
    int fd = memory_file();
    struct archive *archive = begin_archive(fd);

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    add_entry(archive, "../../etc/passwd", AE_IFLNK, SINCE, "/etc/shadow", 0);
    add_entry(archive, "/dev/sda", AE_IFBLK, SINCE, NULL, 0);
    add_entry(archive, "a/b", AE_IFDIR, SINCE, NULL, 0);
    add_entry(archive, "fifo", AE_IFIFO, SINCE, NULL, 0);
    end_archive(archive);
    CU_ASSERT_STRING_EQUAL(code_for(&bench, fd), "REPORT_MISSING");
}

/* Each file of the corpus is a report, as it is and as an archive. */
static void the_corpus_of_reports_ends_within_the_bounds(void)
{
    _cleanup_(bench_close) struct bench bench;
    DIR *folder = opendir(REPORTS_DIR);
    struct dirent *entry;
    int seen = 0;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    while ((entry = readdir(folder))) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;
        const char *code;
        int bare = memory_file();

        if (entry->d_name[0] == '.') {
            close(bare);
            continue;
        }
        seen++;
        CU_ASSERT_EQUAL_FATAL(file_read(dirfd(folder), entry->d_name, 1 << 20, &text, &err), 0);
        code = code_for(&bench, archive_of(SINCE, text.data));
        CU_ASSERT(strcmp(code, "") == 0 || strcmp(code, "REPORT_UNREADABLE") == 0);
        if (strncmp(entry->d_name, "hostile", 7) == 0)
            CU_ASSERT_STRING_EQUAL(code, "REPORT_UNREADABLE");
        CU_ASSERT_EQUAL(fd_write_all(bare, text.data, text.length, &err), 0);
        CU_ASSERT_STRING_EQUAL(code_for(&bench, bare), "REPORT_UNREADABLE");
    }
    closedir(folder);
    CU_ASSERT(seen > 10);
}

/* `count` times the text, within a suite, filled up with blanks to `size` bytes. */
static int archive_of_many(const char *text, size_t count, size_t size)
{
    _cleanup_(buf_release) struct buf report = BUF_INIT;
    _cleanup_(free_ptr) char *blanks = NULL;

    buf_add_str(&report, "<testsuite>");
    for (size_t i = 0; i < count; i++)
        buf_addf(&report, text, i);
    if (report.length + 12 < size) {
        blanks = xmalloc(size);
        memset(blanks, ' ', size);
        buf_add(&report, blanks, size - 12 - report.length);
    }
    buf_add_str(&report, "</testsuite>");
    return archive_of(SINCE, report.data);
}

static void the_largest_report_is_taken(void)
{
    _cleanup_(bench_close) struct bench bench;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    CU_ASSERT_STRING_EQUAL(
        code_for(&bench, archive_of_many("<testcase classname='a.b.c.d.e.f' name='c%zu' time='1'/>",
                                         200000, (64u << 20) - 512)),
        "");
    /* All of it in names, which are kept in many forms. */
    CU_ASSERT_STRING_EQUAL(
        code_for(&bench,
                 archive_of_many("<testcase classname='a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t'"
                                 " name='c%zu[aaaaaaaaaaaa/bbbbbbbbbbbbbbb]'/>",
                                 200000, 0)),
        "");
}

static void bombs_end_within_the_bounds(void)
{
    _cleanup_(bench_close) struct bench bench;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    CU_ASSERT_STRING_EQUAL(code_for(&bench, archive_of_many("<testcase name='%zu'/>", 200001, 0)),
                           "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(code_for(&bench, archive_of_many("<a%zu>", 500000, 0)),
                           "REPORT_UNREADABLE");
    CU_ASSERT_STRING_EQUAL(code_for(&bench, archive_of_many("", 0, (64u << 20) + 1)),
                           "REPORT_TOO_LARGE");
    /* 60 MiB of failures that become six times as long in the result. */
    CU_ASSERT_STRING_EQUAL(
        code_for(&bench,
                 archive_of_many("<testcase name='%zu'><failure>"
                                 "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
                                 "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
                                 "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
                                 "</failure></testcase>",
                                 199999, 0)),
        "REPORT_TOO_LARGE");
}

static void an_archive_without_an_end_ends(void)
{
    static const char zeros[65536];
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome outcome;
    int64_t put = 0;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 4);
    start(&bench, -1, &outcome);
    wait_until_ready(&outcome);
    fcntl(outcome.ready_fd, F_SETFL, 0); /* so that each write waits for the reader */
    for (;;) {
        ssize_t now = write(outcome.ready_fd, zeros, sizeof(zeros));

        if (now < 0)
            break;
        put += now;
    }
    CU_ASSERT_EQUAL(errno, EPIPE);
    CU_ASSERT(put < GRADER_TAR_MAX + (1 << 20));
    wait_for_end(&outcome);
    CU_ASSERT_STRING_EQUAL(outcome.code, "REPORT_TOO_LARGE");
}

/* --- graders that lie ------------------------------------------------------------------------ */

#define SAY(head, rest) "say '" head "'; " rest
#define CASELESS                                                                                   \
    "printf %s "                                                                                   \
    "'{\"tool\":\"test_suite\",\"is_success\":true,\"execution_duration_seconds\":1.000,"          \
    "\"total\":0,\"passed\":0,\"failed\":0,\"skipped\":0,\"passes\":[],\"failures\":[],"           \
    "\"skips\":[],\"stdout\":\"\",\"stderr\":\"\"}'"
#define CASELESS_LENGTH "179"
#define VERDICT "{\"success\":true,\"reason\":\"\",\"length\":" CASELESS_LENGTH "}"
#define EAT "cat >/dev/null; "

static void expect_of_liar(const char *script, int64_t limit_ms, const char *code)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome outcome;
    _cleanup_(close_fd) int file = archive_of(SINCE, REPORT_PASSES);

    bench_open_liar(&bench, script);
    if (limit_ms)
        graders_set_limit(bench.graders, limit_ms);
    start(&bench, file, &outcome);
    wait_for_end(&outcome);
    if (strcmp(outcome.code, code) != 0)
        fprintf(stderr, "    %s\n    %s %s\n", script, outcome.code, outcome.message);
    CU_ASSERT_STRING_EQUAL(outcome.code, code);
}

static void a_grader_that_answers_well_is_believed(void)
{
    expect_of_liar(EAT SAY(VERDICT, CASELESS), 0, "");
    expect_of_liar(SAY(VERDICT, CASELESS), 0, ""); /* it need not read all */
    expect_of_liar(EAT SAY("{\"code\":\"REPORT_STALE\",\"message\":\"m\"}", ""), 0, "REPORT_STALE");
}

static void a_grader_that_dies_gives_no_verdict(void)
{
    static const char *const scripts[] = {
        "exit 0",
        "exit 1",
        "kill -SEGV $$",
        EAT "kill -SYS $$",
        EAT SAY(VERDICT, CASELESS "; exit 1"),
        EAT SAY(VERDICT, CASELESS "; kill -KILL $$"),
        EAT SAY("{\"code\":\"REPORT_STALE\",\"message\":\"m\"}", "exit 3"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
        expect_of_liar(scripts[i], 0, "VERDICT_FAILED");
}

static void a_grader_that_talks_nonsense_gives_no_verdict(void)
{
    static const char *const scripts[] = {
        "printf x",
        "printf '\\x00\\x00\\x00\\x02{}'",
        "printf '\\xff\\xff\\xff\\xff'",
        EAT "cat /bin/sh",
        EAT SAY(VERDICT, ""),
        EAT SAY(VERDICT, CASELESS " | head -c 100"),
        EAT SAY(VERDICT, CASELESS "; printf x"),
        EAT SAY("{\"success\":false,\"reason\":\"no\",\"length\":" CASELESS_LENGTH "}", CASELESS),
        EAT SAY("{\"success\":true,\"reason\":\"\",\"length\":0}", ""),
        EAT SAY("{\"code\":\"HOST_FULL\",\"message\":\"m\"}", ""),
        EAT SAY("{\"code\":\"REPORT_STALE\",\"message\":\"m\"}", "printf x"),
        EAT SAY("{\"success\":true,\"reason\":\"\",\"length\":999999999999}", "cat /dev/zero"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
        expect_of_liar(scripts[i], 0, "VERDICT_FAILED");
}

static void a_grader_that_floods_is_killed(void)
{
    expect_of_liar("cat /dev/zero", 0, "VERDICT_FAILED");
    expect_of_liar(SAY(VERDICT, CASELESS "; cat /dev/zero"), 0, "VERDICT_FAILED");
    expect_of_liar(SAY("{\"success\":true,\"reason\":\"\",\"length\":33554432}",
                       CASELESS " | head -c 165; yes | tr -d '\\n'"),
                   0, "VERDICT_FAILED");
}

static void a_grader_that_hangs_is_killed(void)
{
    expect_of_liar("exec sleep 1000", 100, "VERDICT_FAILED");
    expect_of_liar(EAT SAY(VERDICT, CASELESS "; exec sleep 1000"), 300, "VERDICT_FAILED");
    expect_of_liar("trap '' TERM INT HUP; while :; do :; done", 100, "VERDICT_FAILED");
}

static void one_that_is_not_there_can_not_be_used(void)
{
    struct event_base *base = event_base_new();
    struct error err = ERROR_INIT;

    CU_ASSERT_PTR_NULL(graders_new(base, "/nonexistent/codeset-agent", 1, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/nonexistent/codeset-grader"));
    event_base_free(base);
}

/* One that went between the daemon's start and its use: an error, and no call from within. */
static void one_that_can_not_be_started_is_an_error(void)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome outcome;
    struct error err = ERROR_INIT;

    bench_open_liar(&bench, "exit 0");
    CU_ASSERT_EQUAL(clear_tree(bench.folder, &err), 0);
    start(&bench, -1, &outcome);
    CU_ASSERT_EQUAL(outcome.called, 0);
    wait_for_end(&outcome);
    CU_ASSERT_STRING_EQUAL(outcome.code, "VERDICT_FAILED");
}

/* --- numbers and cancels --------------------------------------------------------------------- */

static int children(pid_t *ret_last)
{
    _cleanup_(close_file) FILE *file = fopen("/proc/thread-self/children", "re");
    int count = 0, pid;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fscanf(file, "%d", &pid) == 1) { // NOLINT(cert-err34-c): the kernel wrote it
        count++;
        *ret_last = pid;
    }
    return count;
}

static void only_so_many_run_at_once(void)
{
    _cleanup_(bench_close) struct bench bench;
    struct outcome outcomes[3];
    pid_t pid;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 1);
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        start(&bench, -1, &outcomes[i]);
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
        wait_until_ready(&outcomes[i]);
        CU_ASSERT_EQUAL(children(&pid), 1);
        CU_ASSERT_EQUAL(graders_pending(bench.graders), ARRAY_SIZE(outcomes) - i);
        for (size_t later = i + 1; later < ARRAY_SIZE(outcomes); later++)
            CU_ASSERT_EQUAL(outcomes[later].ready_fd, -1);
        close_fd(&outcomes[i].ready_fd);
        wait_for_end(&outcomes[i]);
        CU_ASSERT_STRING_EQUAL(outcomes[i].code, "REPORT_MISSING");
        outcome_release(&outcomes[i]);
    }
}

static void one_that_is_cancelled_calls_nobody(void)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome begun, waiting, after;
    struct grader *first, *second;
    pid_t pid;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 1);
    first = start(&bench, -1, &begun);
    second = start(&bench, -1, &waiting);
    wait_until_ready(&begun);
    grader_cancel(second);
    grader_cancel(first);
    start(&bench, archive_of(SINCE, REPORT_PASSES), &after);
    wait_for_end(&after);
    CU_ASSERT(after.success);
    CU_ASSERT_EQUAL(begun.called + waiting.called, 0);
    CU_ASSERT_EQUAL(waiting.ready_fd, -1);
    CU_ASSERT_EQUAL(children(&pid), 0);
}

static void the_daemon_s_end_ends_them(void)
{
    struct bench bench;
    _cleanup_(outcome_release) struct outcome begun, waiting;
    pid_t pid;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 1);
    start(&bench, -1, &begun);
    start(&bench, -1, &waiting);
    wait_until_ready(&begun);
    bench_close(&bench);
    CU_ASSERT_EQUAL(begun.called + waiting.called, 0);
    CU_ASSERT_EQUAL(children(&pid), 0);
}

/* A daemon that starts a grader, leaves the tar's pipe open with somebody else, and is killed. */
static _Noreturn void be_a_daemon_that_is_killed(int tell, int control)
{
    struct bench bench;
    struct outcome outcome;
    pid_t pid = 0;
    char byte;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 1);
    start(&bench, -1, &outcome);
    wait_until_ready(&outcome);
    children(&pid);
    if (fork() == 0) {
        close(tell);
        while (read(control, &byte, 1) < 0)
            ;
        _exit(0);
    }
    if (write(tell, &pid, sizeof(pid)) == (ssize_t)sizeof(pid))
        raise(SIGKILL);
    abort();
}

static void one_whose_daemon_is_killed_goes_too(void)
{
    int told[2], control[2], status, pidfd;
    pid_t daemon, grader = 0;

    CU_ASSERT_FATAL(pipe2(told, O_CLOEXEC) == 0 && pipe2(control, O_CLOEXEC) == 0);
    daemon = fork();
    if (daemon == 0) {
        close(control[1]);
        be_a_daemon_that_is_killed(told[1], control[0]);
    }
    close(told[1]);
    CU_ASSERT_EQUAL(read(told[0], &grader, sizeof(grader)), (ssize_t)sizeof(grader));
    CU_ASSERT_EQUAL(waitpid(daemon, &status, 0), daemon);
    pidfd = pidfd_open(grader, 0);
    if (pidfd >= 0) {
        struct pollfd end = {.fd = pidfd, .events = POLLIN};

        CU_ASSERT_EQUAL(poll(&end, 1, PATIENCE_SECONDS * 1000), 1);
        close(pidfd);
    } else {
        CU_ASSERT_EQUAL(errno, ESRCH); /* gone, and its number given back */
    }
    close(control[0]);
    close(control[1]); /* who had the pipe goes now */
    close(told[0]);
}

/* --- the program while it works -------------------------------------------------------------- */

static void read_proc(pid_t pid, const char *name, struct buf *out)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", pid, name);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 1 << 20, out, &err), 0);
}

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

static void the_program_is_confined_before_it_reads(void)
{
    _cleanup_(bench_close) struct bench bench;
    _cleanup_(outcome_release) struct outcome outcome;
    _cleanup_(buf_release) struct buf status = BUF_INIT, limits = BUF_INIT, environment = BUF_INIT;
    _cleanup_(free_ptr) char *folder = NULL;
    int inherited = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as some libraries do */
    pid_t pid = 0;

    bench_open(&bench, GRADER_BUILD "/codeset-agent", 1);
    start(&bench, -1, &outcome);
    wait_until_ready(&outcome); /* so it has read */
    CU_ASSERT_EQUAL_FATAL(children(&pid), 1);
    folder = xasprintf("/proc/%d/fd", pid);
    read_proc(pid, "status", &status);
    read_proc(pid, "limits", &limits);
    read_proc(pid, "environ", &environment);
    CU_ASSERT_PTR_NOT_NULL(strstr(status.data, "\nSeccomp:\t2\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(status.data, "\nNoNewPrivs:\t1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(status.data, "\nThreads:\t1\n"));
    CU_ASSERT_EQUAL(count_entries(folder), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(limits.data, "Max open files            0 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(limits.data, "Max processes             0 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(limits.data, "Max cpu time              60 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(limits.data, "Max core file size        0 "));
    if (!SANITIZED)
        CU_ASSERT_PTR_NOT_NULL(strstr(limits.data, "Max address space         1073741824 "));
    CU_ASSERT_EQUAL(environment.length, 0);
    close(inherited);
}

static const struct unit_test tests[] = {
    {"a report comes back as a verdict", a_report_comes_back_as_a_verdict},
    {"an archive can be written as it comes", an_archive_can_be_written_as_it_comes},
    {"what can't be told has its code", what_can_not_be_told_has_its_code},
    {"links and folders in the archive are passed over",
     links_and_folders_in_the_archive_are_passed_over},
    {"the corpus of reports ends within the bounds", the_corpus_of_reports_ends_within_the_bounds},
    {"the largest report is taken", the_largest_report_is_taken},
    {"bombs end within the bounds", bombs_end_within_the_bounds},
    {"an archive without an end ends", an_archive_without_an_end_ends},
    {"a grader that answers well is believed", a_grader_that_answers_well_is_believed},
    {"a grader that dies gives no verdict", a_grader_that_dies_gives_no_verdict},
    {"a grader that talks nonsense gives no verdict",
     a_grader_that_talks_nonsense_gives_no_verdict},
    {"a grader that floods is killed", a_grader_that_floods_is_killed},
    {"a grader that hangs is killed", a_grader_that_hangs_is_killed},
    {"one that is not there can't be used", one_that_is_not_there_can_not_be_used},
    {"one that can't be started is an error", one_that_can_not_be_started_is_an_error},
    {"only so many run at once", only_so_many_run_at_once},
    {"one that is cancelled calls nobody", one_that_is_cancelled_calls_nobody},
    {"the daemon's end ends them", the_daemon_s_end_ends_them},
    {"one whose daemon is killed goes too", one_whose_daemon_is_killed_goes_too},
    {"the program is confined before it reads", the_program_is_confined_before_it_reads},
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return UNIT_MAIN("grader", tests);
}
