/*
 * codeset-container - the engine's helper: starts or stops one container (container/container.h).
 *
 *     codeset-container start|stop KEY=VALUE...
 *
 * Run by codeset-reaper. Start reads config.json from descriptor 3.
 *
 * DIAGNOSTICS: one line on standard output: "ok", or the error's kind (a number), its code or
 * "-", and its message. Exit status 0, 1, or 64 for wrong usage.
 * BUGS: a helper that is killed leaves what engine_stop then removes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "container/container.h"

#include "base/banned.h"

#define CONFIG_FD 3

/* Nothing that runs from here on, the container least of all, may hold the line to the daemon
 * open: it moves away from standard output, to a descriptor that closes on exec. */
static FILE *take_output(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 5);

    if (fd < 0 || dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0)
        return NULL;
    return fdopen(fd, "w");
}

int main(int argc, char **argv)
{
    struct container_job job;
    struct error err = ERROR_INIT;
    FILE *out;
    int rc;

    if (argc < 2 || (strcmp(argv[1], "start") != 0 && strcmp(argv[1], "stop") != 0)) {
        fputs("usage: codeset-container start|stop KEY=VALUE...\n", stderr);
        return EX_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    fcntl(CONFIG_FD, F_SETFD, FD_CLOEXEC);
    out = take_output();
    if (out == NULL)
        return 1;
    rc = container_job_parse(argv + 2, argc - 2, &job, &err);
    if (rc == 0 && strcmp(argv[1], "start") == 0)
        rc = container_start(&job, CONFIG_FD, &err);
    else if (rc == 0)
        rc = container_stop(&job, &err);
    if (rc == 0)
        fputs("ok\n", out);
    else
        fprintf(out, "%d %s %s\n", (int)err.kind, err.code ? err.code : "-", err.message);
    fclose(out);
    return rc == 0 ? 0 : 1;
}
