/*
 * codeset-grader - reads what guests wrote (an archive of JUnit reports, or of an agent's result)
 * and says what it comes to.
 *
 *     request | codeset-grader | answer          (a file as its output it may not write)
 *     archive | codeset-grader result PACKED UNPACKED ENTRIES 3<>FILE | answer
 *
 * Run by codeset-reaper, one for each verdict and each result; wire/grader.h and wire/result.h tell
 * what goes in and out. It confines itself before it reads the first byte (base/confine.h): whoever
 * takes it over by a report or a result can read that, compute, and give a wrong answer about it,
 * or leave another file of the size that was allowed, and nothing else.
 *
 * DIAGNOSTICS: an error that ends the job is part of the answer, and the exit status is 0, also
 * where it could not be confined and so read nothing. 1: nobody takes its answer. 64: it was given
 * wrong arguments. Killed by SIGSYS: it did what it may not; by SIGKILL, SIGXCPU or SIGXFSZ: a
 * limit; by SIGABRT, which the filter makes SIGSYS: memory.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/options.h"
#include "grade/rehearsal.h"
#include "grade/request.h"
#include "grade/result.h"

#include "base/banned.h"

/* Of a result: the program, the libraries' buffers, and what is kept of each entry's name, twice as
 * much while that grows. */
#define RESULT_SPACE (UINT64_C(14) << 20)
#define RESULT_SPACE_ENTRY 64

_Static_assert(RESULT_FD == CONFINE_FILE, "the file that may be written");

static const char usage[] =
    "usage: codeset-grader\n"
    "       codeset-grader result PACKED UNPACKED ENTRIES\n"
    "Reads the reports of one verification, or the result of an agent's job. Run by\n"
    "codeset-reaper: its input and output are pipes.\n";

static ssize_t read_input(void *arg, void *bytes, size_t size)
{
    ssize_t got;

    (void)arg;
    do
        got = read(STDIN_FILENO, bytes, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static const struct reports_source source = {.read = read_input};

static int give(const struct buf *bytes, struct error *err)
{
    return fd_write_all(STDOUT_FILENO, bytes->data, bytes->length, err);
}

static int write_file(void *arg, const void *bytes, size_t length, struct error *err)
{
    (void)arg;
    return fd_write_all(RESULT_FD, bytes, length, err);
}

static int answer_verdict(void)
{
    const struct confinement confinement = {.cpu_seconds = GRADER_CPU_SECONDS};
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    _cleanup_(buf_release) struct buf result = BUF_INIT;
    struct error err = ERROR_INIT;

    if (rehearse(&err) < 0 || confine(&confinement, &err) < 0)
        grader_answer_write_error(&head, &err);
    else
        request_answer(&source, &head, &result);
    return give(&head, &err) == 0 && give(&result, &err) == 0 ? 0 : 1;
}

static int answer_result(const struct result_limits *limits)
{
    static const struct result_sink sink = {.write = write_file};
    const struct confinement confinement = {
        .cpu_seconds = RESULT_CPU_SECONDS,
        .address_space = RESULT_SPACE + (uint64_t)limits->entries * RESULT_SPACE_ENTRY,
        .file_bytes = (uint64_t)limits->packed,
    };
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    struct error err = ERROR_INIT;

    if (rehearse_result(&err) < 0 || confine(&confinement, &err) < 0)
        result_answer_write_error(&head, &err);
    else
        result_answer(&source, limits, &sink, &head);
    return give(&head, &err) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct result_limits limits;

    /* Nothing is left to be flushed or told to anybody, and exit handlers may do what is forbidden.
     */
    if (argc == 1)
        _exit(answer_verdict());
    if (argc == 2 + RESULT_ARGUMENTS && strcmp(argv[1], RESULT_ARGUMENT) == 0 &&
        result_limits_parse(argv + 2, &limits) == 0)
        _exit(answer_result(&limits));
    if (options_asked("codeset-grader", usage, argc, argv))
        return 0;
    fputs(usage, stderr);
    return EX_USAGE;
}
