/*
 * The daemon's client against agents that lie: a child that accepts one connection at a time, reads
 * a head and answers with fixed bytes. And the agent over TCP, which wants its token.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent-rig.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "unit.h"

#include "base/banned.h"

#define GOOD                                                                                       \
    "X-End: exit\r\nX-Exit-Status: 0\r\nX-Seconds: 0.000001\r\nX-Started-At: 1\r\n"                \
    "X-Stdout-Length: 2\r\nX-Stdout-Truncated: 0\r\nX-Stderr-Length: 1\r\n"                        \
    "X-Stderr-Truncated: 1\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static struct rig rig;
static struct outcome outcome;
static pid_t liar;

/* Answers every request with the bytes, then with `endless` over and over, then closes. */
static _Noreturn void lie(int fd, const char *bytes, size_t length, const char *endless)
{
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        struct error err = ERROR_INIT;
        char request[4096];

        if (client < 0 || read(client, request, sizeof(request)) < 0)
            _exit(1);
        if (fd_write_all(client, bytes, length, &err) == 0 && endless)
            while (fd_write_all(client, endless, strlen(endless), &err) == 0)
                ;
        close(client);
    }
}

static void open_liar(const char *bytes, size_t length, const char *endless)
{
    int fd;

    rig_open_bare(&rig, &fd);
    liar = fork();
    CU_ASSERT_FATAL(liar >= 0);
    if (liar == 0)
        lie(fd, bytes, length, endless);
    close(fd);
}

static void close_liar(void)
{
    kill(liar, SIGKILL);
    waitpid(liar, NULL, 0);
    outcome_release(&outcome);
    rig_close(&rig);
}

/* What the client makes of a command that is answered so. NULL: a result. */
static void run_is(const char *code, const char *bytes, size_t length, const char *endless)
{
    struct agent_command command;

    open_liar(bytes, length, endless);
    command = rig_command(&rig, "x", "true");
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    rig_await(&rig, &outcome);
    if (!code) {
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
        CU_ASSERT_STRING_EQUAL(outcome.out.data, "ab");
        CU_ASSERT_STRING_EQUAL(outcome.errors.data, "c");
        CU_ASSERT_TRUE(outcome.result.err_truncated);
    } else {
        CU_ASSERT_TRUE(outcome.err.code && strcmp(outcome.err.code, code) == 0);
    }
    close_liar();
}

#define RUN_IS(code, text) run_is(code, text, sizeof(text) - 1, NULL)

static void an_answer_by_the_protocol_is_a_result(void)
{
    RUN_IS(NULL, OK GOOD "Content-Length: 3\r\n\r\nabc");
    RUN_IS(NULL, "HTTP/1.1 100 Continue\r\nX-Exit-Status: 7\r\n\r\n" OK GOOD
                 "X-Other: y\r\nContent-Length: 3\r\n\r\nabc");
}

static void lengths_that_do_not_add_up_are_wrong(void)
{
    RUN_IS("AGENT_PROTOCOL", OK GOOD "Content-Length: 4\r\n\r\nabcd");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "Content-Length: 2\r\n\r\nab");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    RUN_IS("AGENT_UNREACHABLE", OK GOOD "Content-Length: 3\r\n\r\nab");
}

static void fields_that_are_missing_or_nonsense_are_wrong(void)
{
    RUN_IS("AGENT_PROTOCOL", OK "Content-Length: 0\r\n\r\n");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-Exit-Status: 256\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-Exit-Status: -1\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-End: maybe\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-Seconds: nan\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-Stdout-Length: 1048577\r\nContent-Length: 1048578\r\n\r\n");
    RUN_IS("AGENT_PROTOCOL",
           OK GOOD "X-Stdout-Length: 99999999999999999999\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", OK GOOD "X-Message: %00\r\nContent-Length: 3\r\n\r\nabc");
    RUN_IS("AGENT_PROTOCOL", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    RUN_IS("AGENT_PROTOCOL", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
}

static void outputs_that_are_not_utf8_are_wrong(void)
{
    RUN_IS("AGENT_PROTOCOL", OK GOOD "Content-Length: 3\r\n\r\na\377c");
    /* A character across the two outputs belongs to neither. */
    RUN_IS("AGENT_PROTOCOL", OK GOOD "Content-Length: 3\r\n\r\na\303\251");
}

static void endless_heads_and_bodies_end(void)
{
    run_is("AGENT_PROTOCOL", OK, sizeof(OK) - 1, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    run_is("AGENT_PROTOCOL", "", 0, "HTTP/1.1 100 Continue\r\n\r\n");
    run_is("AGENT_PROTOCOL", "HTTP/1.1 500 Bad\r\n\r\n", 20, "{\"message\":\"and so on\"}");
}

static void garbage_and_silence_are_errors(void)
{
    RUN_IS("AGENT_PROTOCOL", "\001\002\003 garbage\r\n\r\n");
    RUN_IS("AGENT_UNREACHABLE", "");
    RUN_IS("AGENT_PROTOCOL", "HTTP/1.1 200 OK\r\nX-En"); /* to curl the head is over, too */
}

static void refusals_are_told_apart(void)
{
    RUN_IS("AGENT_BUSY", "HTTP/1.1 503 No\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}");
    RUN_IS("AGENT_BUSY", "HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\n[}{");
    RUN_IS("CHANGES_INCOMPLETE",
           "HTTP/1.1 409 No\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}");
    RUN_IS("AGENT_REFUSED", "HTTP/1.1 400 No\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}");
}

static void file_is(const char *code, const char *bytes)
{
    open_liar(bytes, strlen(bytes), NULL);
    rig_upload(&rig, &outcome, "p", false, "x", 1);
    rig_await(&rig, &outcome);
    if (code) {
        CU_ASSERT_TRUE(outcome.err.code && strcmp(outcome.err.code, code) == 0);
    } else {
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
        CU_ASSERT_TRUE(outcome.success);
        CU_ASSERT_EQUAL(outcome.size, 7);
        CU_ASSERT_STRING_EQUAL(outcome.message.data, "m");
    }
    close_liar();
}

static void outcomes_of_file_operations_are_checked(void)
{
    file_is(NULL, OK "\r\n{\"success\":true,\"message\":\"m\",\"size_bytes\":7}");
    file_is("AGENT_PROTOCOL", OK "\r\n{\"success\":1,\"message\":\"m\",\"size_bytes\":7}");
    file_is("AGENT_PROTOCOL", OK "\r\n{\"success\":true,\"message\":null,\"size_bytes\":7}");
    file_is("AGENT_PROTOCOL", OK "\r\n{\"success\":true,\"message\":\"m\",\"size_bytes\":-7}");
    file_is("AGENT_PROTOCOL", OK "\r\n{\"success\":true,\"message\":\"\377\",\"size_bytes\":7}");
    file_is("AGENT_PROTOCOL", OK "\r\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    file_is("AGENT_PROTOCOL", OK "\r\n");
    file_is("AGENT_OUTCOME_UNKNOWN",
            "HTTP/1.1 410 Gone\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}");
    file_is("AGENT_BUSY", "HTTP/1.1 503 No\r\nContent-Length: 15\r\n\r\n{\"message\":\"m\"}");
}

static void an_archive_without_end_is_too_large(void)
{
    static const char head[] = OK "Content-Type: application/x-tar\r\n\r\n";
    static const char *const patterns[] = {"*"};
    _cleanup_(free_ptr) char *block = xmalloc(65537);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    memset(block, 'x', 65536);
    block[65536] = '\0';
    open_liar(head, sizeof(head) - 1, block);
    agent_get_files(rig.client, rig.address, "/", patterns, 1, 0, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "CHANGES_TOO_LARGE");
    close_liar();
    close(fd);
}

static void an_archive_that_is_cut_short_is_no_success(void)
{
    static const char cut[] =
        OK "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    static const char *const patterns[] = {"*"};
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    open_liar(cut, sizeof(cut) - 1, NULL);
    agent_get_files(rig.client, rig.address, "/", patterns, 1, 0, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_UNAVAILABLE);
    close_liar();
    close(fd);
}

static void tail_is(const char *code, const char *bytes)
{
    open_liar(bytes, strlen(bytes), NULL);
    agent_tail(rig.client, rig.address, "x", rig_on_tail, &outcome);
    rig_await(&rig, &outcome);
    if (code) {
        CU_ASSERT_TRUE(outcome.err.code && strcmp(outcome.err.code, code) == 0);
    } else {
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
        CU_ASSERT_STRING_EQUAL(outcome.out.data, "abc");
        CU_ASSERT_EQUAL(outcome.size, 7);
    }
    close_liar();
}

static void tails_are_checked(void)
{
    _cleanup_(buf_release) struct buf large = BUF_INIT;

    tail_is(NULL, OK "X-Total: 7\r\nContent-Length: 3\r\n\r\nabc");
    tail_is("AGENT_PROTOCOL", OK "Content-Length: 3\r\n\r\nabc");
    tail_is("AGENT_PROTOCOL", OK "X-Total: 2\r\nContent-Length: 3\r\n\r\nabc");
    tail_is("AGENT_PROTOCOL", OK "X-Total: -7\r\nContent-Length: 3\r\n\r\nabc");
    tail_is("AGENT_PROTOCOL", OK "X-Total: 7\r\nContent-Length: 3\r\n\r\na\377c");
    buf_add_str(&large, OK "X-Total: 9999999\r\nContent-Length: 65537\r\n\r\n");
    for (int i = 0; i < AGENT_TAIL_CAP + 1; i++)
        buf_add_char(&large, 'x');
    tail_is("AGENT_PROTOCOL", large.data);
}

static void an_archive_is_no_larger_than_was_asked_for(void)
{
    static const char head[] = OK "Content-Type: application/x-tar\r\n\r\n";
    const struct agent_archive_limits most = {.bytes = 1 << 20, .entries = 10, .seconds = 60};
    _cleanup_(close_fd) int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    open_liar(head, sizeof(head) - 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    agent_get_archive(rig.client, rig.address, "/", &most, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    close_liar();
}

static void hello_waits_until_its_time_is_over(void)
{
    int64_t begun = clock_monotonic();
    int fd;

    rig_open_bare(&rig, &fd);
    close(fd); /* nobody listens any more */
    agent_hello(rig.client, rig.address, 300, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
    CU_ASSERT(clock_monotonic() - begun > CLOCK_SECOND / 5);
    CU_ASSERT(clock_monotonic() - begun < 30 * CLOCK_SECOND);
    rig_close(&rig);
    outcome_release(&outcome);
    rig_open_bare(&rig, &fd); /* here somebody listens, and says nothing */
    begun = clock_monotonic();
    agent_hello(rig.client, rig.address, 300, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
    CU_ASSERT(clock_monotonic() - begun < 30 * CLOCK_SECOND);
    rig_close(&rig);
    outcome_release(&outcome);
    close(fd);
}

/* An agent of the release before, which a container may still have. */
static void what_an_agent_speaks_is_told(void)
{
    static const char before[] = OK "Content-Length: 14\r\n\r\n{\"protocol\":1}";

    open_liar(before, sizeof(before) - 1, NULL);
    agent_hello(rig.client, rig.address, 1000, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(outcome.protocol, 1);
    CU_ASSERT_TRUE(outcome.protocol < AGENT_PROTOCOL_IDS);
    close_liar();
}

static void another_protocol_is_wrong(void)
{
    static const char other[] = OK "Content-Length: 14\r\n\r\n{\"protocol\":4}";

    open_liar(other, sizeof(other) - 1, NULL);
    agent_hello(rig.client, rig.address, 1000, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_PROTOCOL");
    close_liar();
}

static void calls_that_are_cancelled_never_call_back(void)
{
    struct agent_command command;
    const struct timeval pause = {.tv_usec = 50000};
    struct agent_call *call;
    int fd;

    rig_open_bare(&rig, &fd);
    command = rig_command(&rig, "x", "true");
    call = agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
    agent_hello(rig.client, rig.address, 1000, rig_on_hello, &outcome);
    agent_forget(rig.client, rig.address, "x");
    event_base_loopexit(rig.base, &pause);
    event_base_dispatch(rig.base);
    agent_call_cancel(call);
    close(fd);
    rig_close(&rig); /* the client goes with the other two under way */
    CU_ASSERT_FALSE(outcome.done);
}

/* ---- results that must wait ---- */

struct admission {
    bool allow;
    int asked;
    size_t bytes;
    struct agent_call *call;
};

static bool admit(size_t bytes, struct agent_call *call, void *arg)
{
    struct admission *admission = arg;

    admission->asked++;
    admission->bytes += bytes;
    admission->call = call;
    CU_ASSERT_PTR_EQUAL(agent_call_arg(call), &outcome);
    return admission->allow;
}

static void run_begun(const char *id, const char *text)
{
    struct agent_command command = rig_command(&rig, id, text);

    outcome_release(&outcome);
    agent_run(rig.client, rig.address, &command, false, rig_on_run, &outcome);
}

static void until_asked(const struct admission *admission)
{
    while (!admission->asked && !outcome.done)
        event_base_loop(rig.base, EVLOOP_ONCE);
}

#define FLOOD "yes | head -c 700000; yes no | head -c 600000 >&2"

static void a_result_waits_until_it_is_admitted(void)
{
    struct admission admission = {0};
    struct outcome other = {0};

    rig_open(&rig);
    agent_client_set_admit(rig.client, admit, &admission);
    run_begun("waits", FLOOD);
    until_asked(&admission);
    CU_ASSERT_FALSE(outcome.done);
    CU_ASSERT_EQUAL(admission.bytes, 1300000);
    for (int i = 0; i < 20; i++) { /* others pass by */
        agent_hello(rig.client, rig.address, 60000, rig_on_hello, &other);
        rig_await(&rig, &other);
        CU_ASSERT_EQUAL(other.err.kind, ERROR_NONE);
        outcome_release(&other);
    }
    CU_ASSERT_FALSE(outcome.done);
    agent_call_resume(admission.call);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT_EQUAL(outcome.out.length, 700000);
    CU_ASSERT_EQUAL(outcome.errors.length, 600000);
    CU_ASSERT_EQUAL(admission.asked, 1);
}

static void a_result_that_is_cancelled_while_it_waits_is_kept_by_the_agent(void)
{
    struct admission admission = {0};

    agent_client_set_admit(rig.client, admit, &admission);
    run_begun("kept", FLOOD);
    until_asked(&admission);
    agent_call_cancel(admission.call);
    admission = (struct admission){.allow = true};
    run_begun("kept", FLOOD);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(admission.asked, 1);
    CU_ASSERT_EQUAL(outcome.out.length, 700000);
    admission = (struct admission){0};
    run_begun("empty", "exit 3"); /* nobody is asked about nothing */
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(admission.asked, 0);
    CU_ASSERT_EQUAL(outcome.result.exit_status, 3);
    run_begun("left", FLOOD);
    until_asked(&admission);
    outcome_release(&outcome);
    rig_close(&rig); /* the client goes with one that waits */
}

/* Its connection ends while it waits. */
static void a_result_that_is_lost_while_it_waits_is_an_error(void)
{
    static const char cut[] = OK GOOD "X-Stdout-Length: 90000\r\nX-Stderr-Length: 0\r\n"
                                      "Content-Length: 90000\r\n\r\nabc";
    struct admission admission = {0};

    open_liar(cut, sizeof(cut) - 1, NULL);
    agent_client_set_admit(rig.client, admit, &admission);
    run_begun("lost", "true");
    until_asked(&admission);
    CU_ASSERT_EQUAL(admission.bytes, 90000);
    agent_call_resume(admission.call);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
    close_liar();
}

static char *taken;

static void take_texts(const struct error *err, const struct agent_result *result, void *arg)
{
    struct outcome *into = arg;

    CU_ASSERT_PTR_NULL_FATAL(err);
    CU_ASSERT_PTR_EQUAL(result->texts->data, result->out);
    CU_ASSERT_PTR_EQUAL(result->out + result->out_length, result->err);
    taken = buf_take(result->texts);
    CU_ASSERT_PTR_EQUAL(taken, result->out); /* no copy was made */
    into->done = true;
}

static void the_texts_of_a_result_may_be_taken(void)
{
    struct agent_command command;

    rig_open(&rig);
    command = rig_command(&rig, "taken", "echo out; echo err >&2");
    agent_run(rig.client, rig.address, &command, false, take_texts, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(taken, "out\nerr\n");
    free(taken);
    outcome_release(&outcome);
    rig_close(&rig);
}

/* ---- addresses ---- */

static void what_is_no_address_is_not_reached(void)
{
    static const char *const addresses[] = {
        "",           "/tmp/socket", "unix:",          "unix:relative", "tcp:",
        "tcp:host",   "tcp::80",     "tcp:a:b",        "tcp:a@b:80",    "tcp:a/b:80",
        "tcp:a?b:80", "tcp:a b:80",  "tcp:host:80/up", "http://a:80",   "tcp:127.0.0.1:1",
    };
    int fd;

    rig_open_bare(&rig, &fd);
    close(fd);
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        agent_hello(rig.client, addresses[i], 50, rig_on_hello, &outcome);
        CU_ASSERT_FALSE(outcome.done); /* never from within the call */
        rig_await(&rig, &outcome);
        CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
        outcome_release(&outcome);
    }
    agent_call_cancel(agent_hello(rig.client, "nonsense", 50, rig_on_hello, &outcome));
    rig_close(&rig);
}

/* ---- TCP ---- */

static long status_with(const char *url, const char *authorization)
{
    struct curl_slist *headers = curl_slist_append(NULL, authorization);
    CURL *easy = curl_easy_init();
    long status = -1;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE *nowhere = fdopen(fd, "w");

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, nowhere);
    if (curl_easy_perform(easy) == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    fclose(nowhere);
    return status;
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, length), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void expect_by_tcp(const char *client_token, bool success)
{
    agent_client_set_token(rig.client, client_token);
    rig_upload(&rig, &outcome, "by-tcp", false, "x", 1);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.success, success);
    CU_ASSERT_EQUAL(outcome.err.kind, success ? ERROR_NONE : ERROR_INTERNAL);
    outcome_release(&outcome);
}

static void over_tcp_the_agent_wants_its_token(void)
{
    const char *const wrong[] = {"X-None: x",
                                 "Authorization: Bearer",
                                 "Authorization: Bearer x",
                                 "Authorization: Bearer 0123456789abcdeX",
                                 "Authorization: Bearer 0123456789abcdef0",
                                 "Authorization: Bearer 0123456789abcde",
                                 "Authorization: Basic 0123456789abcdef"};
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
    const struct timespec pause = {.tv_nsec = 2000000};
    char address[64], url[96], token[96];
    struct error err = ERROR_INIT;
    int fd;

    rig_open_bare(&rig, &fd);
    close(fd);
    snprintf(address, sizeof(address), "127.0.0.1:%d", free_port());
    snprintf(url, sizeof(url), "http://%s/hello", address);
    snprintf(token, sizeof(token), "%s/token", rig.folder);
    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, token, "0123456789abcdef\n", 17, 0600, &err), 0);
    rig.agent = fork();
    if (rig.agent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(AGENT_PROGRAM, "codeset-agent", "--listen", address, "--token-file", token,
              (char *)NULL);
        _exit(127);
    }
    while (status_with(url, "Authorization: Bearer 0123456789abcdef") != 200 &&
           clock_monotonic() < deadline)
        nanosleep(&pause, NULL);
    CU_ASSERT_EQUAL(status_with(url, "Authorization: Bearer 0123456789abcdef"), 200);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        CU_ASSERT_EQUAL(status_with(url, wrong[i]), 401);
    snprintf(rig.address, sizeof(rig.address), "tcp:%s", address);
    expect_by_tcp(NULL, false);
    expect_by_tcp("another-token-x1", false);
    expect_by_tcp("0123456789abcdef", true);
    expect_by_tcp(NULL, false);
    rig_close(&rig);
}

static void the_agent_refuses_to_start_without_what_it_needs(void)
{
    const char *const calls[] = {"3<&-",
                                 "3</dev/null",
                                 "--listen 127.0.0.1:1",
                                 "--token-file /dev/null",
                                 "--listen 127.0.0.1:0 --token-file /dev/null",
                                 "surplus"};

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            char command[512];

            snprintf(command, sizeof(command), "exec %s %s 2>/dev/null", AGENT_PROGRAM, calls[i]);
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
            _exit(0);
        }
        waitpid(child, &status, 0);
        CU_ASSERT(WIFEXITED(status) && (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 64));
    }
}

int main(void)
{
    const struct unit_test tests[] = {
        {"an answer by the protocol is a result", an_answer_by_the_protocol_is_a_result},
        {"lengths that do not add up are wrong", lengths_that_do_not_add_up_are_wrong},
        {"fields that are missing or nonsense are wrong",
         fields_that_are_missing_or_nonsense_are_wrong},
        {"outputs that are not UTF-8 are wrong", outputs_that_are_not_utf8_are_wrong},
        {"endless heads and bodies end", endless_heads_and_bodies_end},
        {"garbage and silence are errors", garbage_and_silence_are_errors},
        {"refusals are told apart", refusals_are_told_apart},
        {"outcomes of file operations are checked", outcomes_of_file_operations_are_checked},
        {"tails are checked", tails_are_checked},
        {"an archive is no larger than was asked for", an_archive_is_no_larger_than_was_asked_for},
        {"an archive without end is too large", an_archive_without_end_is_too_large},
        {"an archive that is cut short is no success", an_archive_that_is_cut_short_is_no_success},
        {"hello waits until its time is over", hello_waits_until_its_time_is_over},
        {"what an agent speaks is told", what_an_agent_speaks_is_told},
        {"another protocol is wrong", another_protocol_is_wrong},
        {"calls that are cancelled never call back", calls_that_are_cancelled_never_call_back},
        {"a result waits until it is admitted", a_result_waits_until_it_is_admitted},
        {"a result that is cancelled while it waits is kept by the agent",
         a_result_that_is_cancelled_while_it_waits_is_kept_by_the_agent},
        {"a result that is lost while it waits is an error",
         a_result_that_is_lost_while_it_waits_is_an_error},
        {"the texts of a result may be taken", the_texts_of_a_result_may_be_taken},
        {"what is no address is not reached", what_is_no_address_is_not_reached},
        {"over TCP the agent wants its token", over_tcp_the_agent_wants_its_token},
        {"the agent refuses to start without what it needs",
         the_agent_refuses_to_start_without_what_it_needs},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: client", tests);
}
