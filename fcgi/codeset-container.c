/*
 * codeset-container - the engine's helper: starts or stops one container (container/container.h),
 * or ends one, or what runs in it, for what it does to the host (container/evict.h,
 * container/kernel_memory.h), opens its way out (container/egress.h), or holds it still for a
 * moment (container/freeze.h).
 *
 *     codeset-container start|stop|evict|clear|egress|freeze|watch KEY=VALUE...
 *
 * Run by codeset-engined. Start reads config.json from descriptor 3; egress and freeze send on it,
 * a unix socket, what they have opened.
 *
 * DIAGNOSTICS: one line on standard output: "ok", or the error's kind (a number), its code or
 * "-", and its message. Exit status 0, 1, or 64 for wrong usage.
 * BUGS: a helper that is killed leaves what a stop then removes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/options.h"
#include "container/container.h"
#include "container/egress.h"
#include "container/evict.h"
#include "container/freeze.h"
#include "container/kernel_memory.h"

#include "base/banned.h"

#define GIVEN_FD 3

static const char usage[] =
    "usage: codeset-container start|stop|evict|clear|egress|freeze|watch KEY=VALUE...\n"
    "Starts, stops, ends, clears, opens, freezes or watches one container. Run by "
    "codeset-engined.\n";

/* Nothing that runs from here on, the container least of all, may hold the line to codeset-engined
 * open: it moves away from standard output, to a descriptor that closes on exec. */
static FILE *take_output(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 5);

    if (fd < 0 || dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0)
        return NULL;
    return fdopen(fd, "w");
}

/* codeset-engined comes before everybody else; its starts and stops don't. */
static void take_turns(void)
{
    (void)setpriority(PRIO_PROCESS, 0, 0);
}

static int start(const struct container_job *job, struct error *err)
{
    take_turns();
    return container_start(job, GIVEN_FD, err);
}

static int stop(const struct container_job *job, struct error *err)
{
    take_turns();
    return container_stop(job, err);
}

static int egress(const struct container_job *job, struct error *err)
{
    take_turns();
    return container_egress(job, GIVEN_FD, err);
}

static int freeze(const struct container_job *job, struct error *err)
{
    take_turns();
    return container_freeze(job, GIVEN_FD, err);
}

static const struct {
    const char *name;
    int (*run)(const struct container_job *job, struct error *err);
} verbs[] = {{"start", start},
             {"stop", stop},
             {"evict", container_evict},
             {"clear", container_clear},
             {"egress", egress},
             {"freeze", freeze},
             {"watch", kernel_memory_end_takers}};

int main(int argc, char **argv)
{
    size_t verb = 0;
    struct container_job job;
    struct error err = ERROR_INIT;
    FILE *out;
    int rc;

    while (argc > 1 && verb < ARRAY_SIZE(verbs) && strcmp(argv[1], verbs[verb].name) != 0)
        verb++;
    if (argc < 2 || verb == ARRAY_SIZE(verbs)) {
        if (options_asked("codeset-container", usage, argc, argv))
            return 0;
        fputs(usage, stderr);
        return EX_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    fcntl(GIVEN_FD, F_SETFD, FD_CLOEXEC);
    out = take_output();
    if (out == NULL)
        return 1;
    rc = container_job_parse(argv + 2, argc - 2, &job, &err);
    if (rc == 0)
        rc = verbs[verb].run(&job, &err);
    if (rc == 0)
        fputs("ok\n", out);
    else
        fprintf(out, "%d %s %s\n", (int)err.kind, err.code ? err.code : "-", err.message);
    fclose(out);
    return rc == 0 ? 0 : 1;
}
