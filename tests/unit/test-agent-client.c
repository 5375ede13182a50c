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
    agent_run(rig.client, rig.socket, &command, false, rig_on_run, &outcome);
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
    agent_upload(rig.client, rig.socket, "p", "/", false, "x", 1, rig_on_file, &outcome);
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
    agent_get_files(rig.client, rig.socket, "/", patterns, 1, 0, fd, rig_on_tree, &outcome);
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
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
        nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    open_liar(cut, sizeof(cut) - 1, NULL);
    agent_get_changes(rig.client, rig.socket, "/", 0, nothing, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_UNAVAILABLE);
    close_liar();
    close(nothing);
    close(fd);
}

static void hello_waits_until_its_time_is_over(void)
{
    int64_t begun = clock_monotonic();
    int fd;

    rig_open_bare(&rig, &fd);
    close(fd); /* nobody listens any more */
    agent_hello(rig.client, rig.socket, 300, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
    CU_ASSERT(clock_monotonic() - begun > CLOCK_SECOND / 5);
    CU_ASSERT(clock_monotonic() - begun < 30 * CLOCK_SECOND);
    rig_close(&rig);
    outcome_release(&outcome);
    rig_open_bare(&rig, &fd); /* here somebody listens, and says nothing */
    begun = clock_monotonic();
    agent_hello(rig.client, rig.socket, 300, rig_on_hello, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "AGENT_UNREACHABLE");
    CU_ASSERT(clock_monotonic() - begun < 30 * CLOCK_SECOND);
    rig_close(&rig);
    outcome_release(&outcome);
    close(fd);
}

static void another_protocol_is_wrong(void)
{
    static const char other[] = OK "Content-Length: 14\r\n\r\n{\"protocol\":2}";

    open_liar(other, sizeof(other) - 1, NULL);
    agent_hello(rig.client, rig.socket, 1000, rig_on_hello, &outcome);
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
    call = agent_run(rig.client, rig.socket, &command, false, rig_on_run, &outcome);
    agent_hello(rig.client, rig.socket, 1000, rig_on_hello, &outcome);
    agent_forget(rig.client, rig.socket, "x");
    event_base_loopexit(rig.base, &pause);
    event_base_dispatch(rig.base);
    agent_call_cancel(call);
    close(fd);
    rig_close(&rig); /* the client goes with the other two under way */
    CU_ASSERT_FALSE(outcome.done);
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
        {"an archive without end is too large", an_archive_without_end_is_too_large},
        {"an archive that is cut short is no success", an_archive_that_is_cut_short_is_no_success},
        {"hello waits until its time is over", hello_waits_until_its_time_is_over},
        {"another protocol is wrong", another_protocol_is_wrong},
        {"calls that are cancelled never call back", calls_that_are_cancelled_never_call_back},
        {"over TCP the agent wants its token", over_tcp_the_agent_wants_its_token},
        {"the agent refuses to start without what it needs",
         the_agent_refuses_to_start_without_what_it_needs},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: client", tests);
}
