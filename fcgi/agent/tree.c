/*
 * DIAGNOSTICS: none; the caller answers when it is done, whatever was left.
 * BUGS: a process in uninterruptible sleep outlives SIGKILL until its sleep ends; nobody waits
 * for it longer than END_MOST.
 */
#include "agent/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#define PROC_MAGIC 0x9fa0
#define PROCESSES_MOST 100000
#define STOP_PASSES 20
#define FRESH_PASSES 20 /* a bomb that was stopped first has nobody new after two or three */
#define QUIET_PASSES 20 /* a chain may slip through a pass unseen, hardly through so many */
#define END_MOST (10 * CLOCK_SECOND)

struct process {
    pid_t pid;
    pid_t parent;
    unsigned long long start; /* with the pid, who it is */
    bool stopped;
    bool dead;
    bool below; /* found to be a descendant */
};

struct tree_victim {
    pid_t pid;
    unsigned long long start;
};

DEFINE_CLEANUP(DIR *, close_dir, closedir)

int tree_open(void)
{
    _cleanup_(close_fd) int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct statfs fs;

    if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_MAGIC)
        return -1;
    return TAKE_FD(fd);
}

/* /proc/PID/stat: "pid (name) state ppid ... num_threads 0 starttime". The name may hold anything.
 */
static bool process_read(int proc_fd, const char *name, struct process *process)
{
    char path[64], text[1024], state;
    _cleanup_(close_fd) int fd = -1;
    unsigned long long start;
    int parent, threads;
    const char *behind;
    ssize_t got;

    snprintf(path, sizeof(path), "%.20s/stat", name);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof(text) - 1);
    if (got <= 0)
        return false;
    text[got] = '\0';
    behind = strrchr(text, ')');
    if (!behind || sscanf(behind + 1,
                          " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d "
                          "%*d %llu",
                          &state, &parent, &threads, &start) != 4)
        return false;
    process->pid = (pid_t)strtol(name, NULL, 10);
    process->parent = parent;
    process->start = start;
    process->stopped = state == 'T';
    /* A leader that ended before its other threads looks like a zombie, and runs on. */
    process->dead = state == 'X' || (state == 'Z' && threads <= 1);
    process->below = false;
    return true;
}

/* All processes there are. */
static struct process *processes_read(int proc_fd, size_t *ret_count)
{
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct process *all = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;

    if (!dir) {
        close_fd(&fd);
        return NULL;
    }
    while (count < PROCESSES_MOST && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (count == room) {
            room += room / 2 + 64;
            all = xrealloc(all, room * sizeof(*all));
        }
        if (process_read(proc_fd, entry->d_name, &all[count]))
            count++;
    }
    *ret_count = count;
    return all ? all : xmalloc(1);
}

static bool listed(const pid_t *pids, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

static int process_compare(const void *a, const void *b)
{
    pid_t left = ((const struct process *)a)->pid, right = ((const struct process *)b)->pid;

    return (left > right) - (left < right);
}

static struct process *process_find(struct process *all, size_t count, pid_t pid)
{
    struct process key = {.pid = pid};

    return bsearch(&key, all, count, sizeof(*all), process_compare);
}

/* Marks what is below root. Pids wrap, so a parent can come after its child: repeat. */
static void mark_below(struct process *all, size_t count, pid_t root, const pid_t *spared,
                       size_t spared_count)
{
    bool more = true;

    qsort(all, count, sizeof(*all), process_compare);
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            const struct process *parent;

            if (all[i].below || all[i].pid == root || listed(spared, spared_count, all[i].pid))
                continue;
            if (all[i].parent != root) {
                parent = process_find(all, count, all[i].parent);
                if (!parent || !parent->below)
                    continue;
            }
            all[i].below = true;
            more = true;
        }
    }
}

int tree_signal(int proc_fd, pid_t root, const pid_t *spared, size_t spared_count, int signal)
{
    size_t count = 0;
    _cleanup_(free_ptr) struct process *all = processes_read(proc_fd, &count);
    int met = 0;

    if (!all)
        return -1;
    mark_below(all, count, root, spared, spared_count);
    for (size_t i = 0; i < count; i++) {
        if (!all[i].below || all[i].dead || (signal == SIGSTOP && all[i].stopped))
            continue;
        kill(all[i].pid, signal);
        met++;
    }
    return met;
}

static int victim_compare(const void *a, const void *b)
{
    pid_t left = ((const struct tree_victim *)a)->pid, right = ((const struct tree_victim *)b)->pid;

    return (left > right) - (left < right);
}

static bool met_before(const struct tree_kill *state, const struct tree_victim *victim)
{
    const struct tree_victim *met = NULL;

    if (state->count > 0)
        met = bsearch(victim, state->victims, state->count, sizeof(*victim), victim_compare);
    return met && met->start == victim->start;
}

void tree_kill_release(struct tree_kill *state)
{
    free(state->victims);
    memset(state, 0, sizeof(*state));
}

int tree_kill_pass(struct tree_kill *state, int proc_fd, pid_t root, const pid_t *spared,
                   size_t spared_count)
{
    size_t count = 0, met = 0;
    _cleanup_(free_ptr) struct process *all = processes_read(proc_fd, &count);
    struct tree_victim *victims;
    bool fresh = !all;

    if (all) {
        mark_below(all, count, root, spared, spared_count);
        victims = xcalloc(count + 1, sizeof(*victims));
        for (size_t i = 0; i < count; i++) {
            if (!all[i].below || all[i].dead)
                continue;
            kill(all[i].pid, SIGKILL);
            victims[met] = (struct tree_victim){.pid = all[i].pid, .start = all[i].start};
            if (!met_before(state, &victims[met]))
                fresh = true;
            met++;
        }
        free(state->victims);
        state->victims = victims; /* sorted, as all is */
        state->count = met;
    }
    if (fresh)
        state->fresh_passes++;
    state->quiet_passes =
        met > 0 || (!all && !tree_kill_too_slow(state)) ? 0 : state->quiet_passes + 1;
    return all ? (int)met : -1;
}

bool tree_kill_too_slow(const struct tree_kill *state)
{
    return state->fresh_passes > FRESH_PASSES;
}

/* True while there are children. */
static bool reap(void)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid == 0;
}

void tree_end(int proc_fd, tree_before_kill_all *before_kill_all, void *arg)
{
    _cleanup_(tree_kill_release) struct tree_kill state = {0};
    int64_t begun = clock_monotonic();
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int pass = 0; pass < STOP_PASSES; pass++)
        if (tree_signal(proc_fd, getpid(), NULL, 0, SIGSTOP) <= 0)
            break;
    do {
        int before = state.fresh_passes;

        tree_kill_pass(&state, proc_fd, getpid(), NULL, 0);
        if (before_kill_all && state.fresh_passes > before && tree_kill_too_slow(&state)) {
            before_kill_all(arg);
            kill(-1, SIGKILL);
        }
        if (!reap())
            return;
        nanosleep(&pause, NULL);
    } while (clock_monotonic() - begun < END_MOST && state.quiet_passes < QUIET_PASSES);
}
