/*
 * A child writes lines: 'p' and what it does, and 'f' and why it failed as the last one.
 */
#include "ctl/pull_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

#include "base/banned.h"

#define LINE_MOST 4096
#define MIB (1 << 20)

/* A child under way, or none (pid 0). */
struct job {
    pid_t pid;
    int fd;
    size_t number;
    struct buf line, reason;
};

/* --- the child ------------------------------------------------------------------------------- */

static void say(int fd, char word, const char *text)
{
    _cleanup_(buf_release) struct buf line = BUF_INIT;
    struct error ignored;

    buf_add_char(&line, word);
    for (size_t i = 0; i < LINE_MOST && text[i] != '\0'; i++)
        buf_add_char(&line, text[i] == '\n' ? ' ' : text[i]);
    buf_add_char(&line, '\n');
    fd_write_all(fd, line.data, line.length, &ignored); /* whoever listened is gone */
}

static void say_line(const char *text, void *arg)
{
    say(*(int *)arg, 'p', text);
}

static void say_bytes(int64_t bytes, void *arg)
{
    char text[64];

    snprintf(text, sizeof(text), "%" PRId64 " MiB unpacked", bytes / MIB);
    say(*(int *)arg, 'p', text);
}

static _Noreturn void run_child(const struct pull_jobs *jobs, unsigned place, json_object *item,
                                int fd)
{
    const struct pull_progress progress = {.line = say_line, .bytes = say_bytes, .arg = &fd};
    const struct pull_order order = {.reference = json_get_text(item, "reference"),
                                     .name = json_get_text(item, "name"),
                                     .options = jobs->options};
    struct error err = ERROR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (pull_image(jobs->pull, place, &order, &progress, &err) == 0)
        _exit(0);
    say(fd, 'f', err.message);
    _exit(1);
}

/* --- the parent ------------------------------------------------------------------------------ */

static void finish(const struct pull_jobs *jobs, struct job *job, const char *reason)
{
    jobs->done(json_object_array_get_idx(jobs->list, job->number), reason, jobs->arg);
    buf_release(&job->line);
    buf_release(&job->reason);
    *job = (struct job){.fd = -1, .line = BUF_INIT, .reason = BUF_INIT};
}

static void start(const struct pull_jobs *jobs, struct job *job, unsigned place, size_t number)
{
    int ends[2];

    job->number = number;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        finish(jobs, job, strerror(errno));
        return;
    }
    fflush(NULL); /* or the child would write it, too */
    job->pid = fork();
    if (job->pid == 0) {
        close(ends[0]);
        run_child(jobs, place, json_object_array_get_idx(jobs->list, number), ends[1]);
    }
    close(ends[1]);
    job->fd = ends[0];
    if (job->pid > 0)
        return;
    job->pid = 0;
    close_fd(&job->fd);
    finish(jobs, job, "cannot make a process");
}

static void take_line(const struct pull_jobs *jobs, struct job *job)
{
    if (job->line.length > 1 && job->line.data[0] == 'f') {
        buf_truncate(&job->reason, 0);
        buf_add_str(&job->reason, job->line.data + 1);
    } else if (job->line.length > 1) {
        jobs->progress(job->number, job->line.data + 1, jobs->arg);
    }
    buf_truncate(&job->line, 0);
}

static void end(const struct pull_jobs *jobs, struct job *job)
{
    int status = 0;

    close_fd(&job->fd);
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status == 0)
        finish(jobs, job, NULL);
    else
        finish(jobs, job,
               job->reason.length ? job->reason.data : "the process that pulled it was killed");
}

static void listen_to(const struct pull_jobs *jobs, struct job *job)
{
    char bytes[LINE_MOST];
    ssize_t got = read(job->fd, bytes, sizeof(bytes));

    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == '\n')
            take_line(jobs, job);
        else if (job->line.length < LINE_MOST)
            buf_add_char(&job->line, bytes[i]);
    }
    if (got == 0 || (got < 0 && errno != EINTR))
        end(jobs, job);
}

/* The first one from `number` on that is to be pulled; the list's length where there is none. */
static size_t next_number(const struct pull_jobs *jobs, size_t number)
{
    const size_t count = json_object_array_length(jobs->list);

    while (number < count &&
           json_get_text(json_object_array_get_idx(jobs->list, number), "outcome") != NULL)
        number++;
    return number;
}

void pull_jobs_run(const struct pull_jobs *jobs)
{
    const size_t count = json_object_array_length(jobs->list);
    struct job all[PULL_JOBS_MOST];
    struct pollfd fds[PULL_JOBS_MOST];
    size_t number = next_number(jobs, 0), running = 0;

    for (unsigned i = 0; i < PULL_JOBS_MOST; i++)
        all[i] = (struct job){.fd = -1, .line = BUF_INIT, .reason = BUF_INIT};
    do {
        for (unsigned i = 0; i < jobs->jobs && number < count; i++) {
            if (all[i].pid != 0)
                continue;
            start(jobs, &all[i], i, number);
            number = next_number(jobs, number + 1);
        }
        running = 0;
        for (unsigned i = 0; i < jobs->jobs; i++) {
            fds[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
            running += all[i].pid != 0;
        }
        if (running > 0 && poll(fds, jobs->jobs, -1) > 0)
            for (unsigned i = 0; i < jobs->jobs; i++)
                if (fds[i].fd >= 0 && fds[i].revents != 0)
                    listen_to(jobs, &all[i]);
    } while (running > 0 || number < count);
}
