/*
 * cgroup.h - limits, usage and killing of a container's processes, on cgroup v2 and v1 alike.
 *
 * The one place that knows that there are two versions. A struct cgroup_fs is what the host has;
 * a cgroup is named by its path below the hierarchy's root ("/codeset/cs-...").
 *
 * DIAGNOSTICS: a controller that is missing or not delegated is an ERROR_INTERNAL that names it.
 * BUGS: on v1 a cgroup's processes are killed one by one until none is left, so a container
 * whose pid 1 still lives could fork faster than that; callers kill pid 1 first.
 */
#ifndef CODESET_CONTAINER_CGROUP_H
#define CODESET_CONTAINER_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define CGROUP_MOUNTS_MAX 16

struct cgroup_fs {
    bool v2;
    bool hybrid;                     /* v1 with a v2 hierarchy beside it, mounted at `unified` */
    char *unified;                   /* owned */
    int count;                       /* 1 on v2 */
    char *mounts[CGROUP_MOUNTS_MAX]; /* all, since a runtime may use more of v1's than we do */
    const char *memory;              /* each one of `mounts`; one and the same on v2 */
    const char *pids;
    const char *cpu;
    const char *cpuacct;
    const char *freezer; /* the same; NULL: there is none */
    const char *cpuset;  /* of version 1; NULL: there is none, or version 2 */
};

struct cgroup_limits {
    int64_t memory_bytes;
    int64_t processes;
    int64_t cpu_millicores;
};

struct cgroup_usage {
    int64_t memory_bytes;
    int64_t processes;
    int64_t cpu_us;
    int64_t oom_kills;
};

/* Reads what the text of /proc/self/mountinfo says. */
int cgroup_fs_parse(const char *mountinfo, struct cgroup_fs *ret_fs, struct error *err);
int cgroup_fs_open(struct cgroup_fs *ret_fs, struct error *err);
void cgroup_fs_release(struct cgroup_fs *fs);

/* In a private mount namespace: takes the empty v2 hierarchy of a hybrid host out of sight, which
 * confuses crun. Nothing on other hosts. */
int cgroup_fs_simplify(const struct cgroup_fs *fs, struct error *err);

/* What TCP and UDP sockets of a container with that memory may hold, on version 1; version 2 counts
 * it as memory. */
int64_t cgroup_socket_bytes(int64_t memory_bytes);

/* Makes the cgroup and those above it, and sets the limits. One that is there already is fine. */
int cgroup_make(const struct cgroup_fs *fs, const char *path, const struct cgroup_limits *limits,
                struct error *err);

/* Makes the cgroup of all containers, gives it its weight, and limits what they have together.
 * Where they have more than that already a limit is an ERROR_CONFLICT: to set it would end some of
 * them. */
int cgroup_make_parent(const struct cgroup_fs *fs, const char *path, int64_t memory_bytes,
                       int64_t processes, struct error *err);

/* Moves the calling process into it. Async-signal-safe but for the message. */
int cgroup_enter(const struct cgroup_fs *fs, const char *path, struct error *err);

int cgroup_read(const struct cgroup_fs *fs, const char *path, struct cgroup_usage *ret_usage,
                struct error *err);

/* The time of processors that it has used so far, in microseconds. */
int cgroup_read_cpu(const struct cgroup_fs *fs, const char *path, int64_t *ret_us,
                    struct error *err);

/* Its processes have what of the processors the other cgroups at its level leave, and give way at
 * once (cpu.idle, Linux 5.15), or are the others' equals again. */
int cgroup_set_last(const struct cgroup_fs *fs, const char *path, bool last, struct error *err);

/* A descriptor of the file in which a line "oom_kill N" counts the kills by the memory limit. */
int cgroup_open_oom(const struct cgroup_fs *fs, const char *path, struct error *err);

/* The same of the file in which a line "max N" counts the processes that the limit of processes
 * kept from being made. */
int cgroup_open_pids(const struct cgroup_fs *fs, const char *path, struct error *err);

/* Calls `each` for the processes in it; those that are born meanwhile may be missed. */
void cgroup_each(const struct cgroup_fs *fs, const char *path, void (*each)(pid_t pid, void *arg),
                 void *arg);

/* For one whose processes were just killed, as they have to run once more to die: it does not come
 * last any more, and has room in its limit of memory. (Where all that it has lies with a disk that
 * takes nothing any more, a process that wants memory waits for minutes before it dies.) A second
 * call gives nothing more. */
void cgroup_let_die(const struct cgroup_fs *fs, const char *path);

/* Kills all processes in it but one, for which meanwhile no new ones can be made, and waits until
 * they are gone. processes: its limit, where another call that was killed left none.
 * ERROR_UNAVAILABLE when that takes longer than timeout_ms. */
int cgroup_clear(const struct cgroup_fs *fs, const char *path, pid_t spared, int64_t processes,
                 int timeout_ms, struct error *err);

/*
 * Freezes its processes but those of the program that `spared` runs, in a cgroup below it.
 * ERROR_UNAVAILABLE: the host can't, or for catch_ms, and in 16 looks, ever new ones come, or
 * settle_ms after that some have not run once more, as they must; then cgroup_thaw is for the
 * caller, as after success.
 */
int cgroup_freeze(const struct cgroup_fs *fs, const char *path, pid_t spared, int catch_ms,
                  int settle_ms, struct error *err);

/* Does cgroup_freeze hold some of its processes? */
bool cgroup_is_held(const struct cgroup_fs *fs, const char *path);

/* Lets them go on, where they were before. Nothing frozen: nothing. */
void cgroup_thaw(const struct cgroup_fs *fs, const char *path);

/* Kills all processes in it, waits until they are gone, and removes it with what is below it.
 * ERROR_UNAVAILABLE when that takes longer than timeout_ms. Not there is success. */
int cgroup_destroy(const struct cgroup_fs *fs, const char *path, int timeout_ms, struct error *err);

#endif
