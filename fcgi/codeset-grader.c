/*
 * codeset-grader - reads what guests wrote (an archive of JUnit reports) and says what it comes to.
 *
 *     request | codeset-grader | answer          (a file as its output it may not write)
 *
 * Run by codeset-reaper, one for each verdict; wire/grader.h tells what goes in and out. It
 * confines itself before it reads the first byte (base/confine.h): whoever takes it over by a
 * report can read that report, compute, and give a wrong answer about it, and nothing else.
 *
 * DIAGNOSTICS: an error that ends the job is part of the answer, and the exit status is 0, also
 * where it could not be confined and so read nothing. 1: nobody takes its answer. 2: it was given
 * arguments. Killed by SIGSYS: it did what it may not; by SIGKILL or SIGXCPU: a limit; by SIGABRT,
 * which the filter makes SIGSYS: memory.
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
#include "grade/rehearsal.h"
#include "grade/request.h"

#include "base/banned.h"

static ssize_t read_input(void *arg, void *bytes, size_t size)
{
    ssize_t got;

    (void)arg;
    do
        got = read(STDIN_FILENO, bytes, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static int give(const struct buf *bytes, struct error *err)
{
    return fd_write_all(STDOUT_FILENO, bytes->data, bytes->length, err);
}

int main(int argc, char **argv)
{
    static const struct reports_source source = {.read = read_input};
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    _cleanup_(buf_release) struct buf result = BUF_INIT;
    struct error err = ERROR_INIT;

    if (argc > 1) {
        bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

        fputs("usage: codeset-grader\n"
              "Reads the reports of one verification. Run by codeset-reaper: its input and output\n"
              "are pipes.\n",
              help ? stdout : stderr);
        return help ? 0 : EX_USAGE;
    }
    if (rehearse(&err) < 0 || confine(GRADER_CPU_SECONDS, &err) < 0)
        grader_answer_write_error(&head, &err);
    else
        request_answer(&source, &head, &result);
    /* Nothing is left to be flushed or told to anybody, and exit handlers may do what is forbidden.
     */
    _exit(give(&head, &err) == 0 && give(&result, &err) == 0 ? 0 : 1);
}
