/*
 * BUGS: of more than 4096 containers the rest is not looked at. Locks are counted by a sample where
 * there are very many; whose they are is told by who took them, else by the container's own file
 * systems, else by who has such a file open. Of directories only the most that they can hold is
 * known; of large ones in flight over sockets too little is counted. Connections that wait at a
 * socket behind the first thousands that listen are not counted.
 */
#include "container/kernel_memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/cgroup.h"
#include "container/evict.h"

#include "base/banned.h"

#define HOLDERS_MAX 4096
#define TEXT_MAX (4 << 20)
#define LOCKS_TEXT_MAX (1 << 20)
#define SOCKETS_TEXT_MAX (1 << 20)
#define TOO_MANY_BYTES (INT64_C(1) << 30)
#define CONNECTION_BYTES 2560 /* struct tcp6_sock; the kernel makes it in nobody's name */
/* A socket's membership, with its list of sources and the interface's: at most 64 of them
 * (net.ipv6.mld_max_msf), 10 of IPv4 (net.ipv4.igmp_max_msf). */
#define MEMBERSHIP_BYTES 2400
#define MEMBERSHIP_IPV4_BYTES 256
#define POLLED_BYTES 72 /* struct pollfd, struct poll_table_entry */
#define LOCK_BYTES 192  /* where /proc/slabinfo does not say */
/* Of a directory that was listed: a name of four letters takes 12 bytes of ext4's, which tell in
 * the directory's size, and 96 of overlayfs's. What the image has there does not tell. */
#define LISTED_TIMES 8
#define LISTED_IMAGE (16 << 10)
#define PASSED_BYTES (64 << 10) /* of a descriptor in flight; nothing tells what it is of */
#define NETLINK_BYTES 2048      /* struct netlink_sock */
#define OWNED_BYTES 64          /* struct fown_struct, of any open file (F_SETOWN) */
#define ANONYMOUS_BYTES 256     /* struct timerfd_ctx, struct eventpoll; an eventfd's is less */

struct holder {
    char name[64];
    pid_t init;
    dev_t root; /* the device numbers of what is mounted at /; once locks are counted */
    int64_t bytes, locks;
};

struct holders {
    const struct container_job *job;
    struct cgroup_fs fs;
    struct holder *all;
    size_t count;
};

static void holders_release(struct holders *holders)
{
    cgroup_fs_release(&holders->fs);
    free(holders->all);
}

static void read_text(const char *path, size_t most, struct buf *text)
{
    struct error ignored;

    buf_clear(text);
    if (file_read(AT_FDCWD, path, most, text, &ignored) < 0)
        buf_clear(text); /* it has ended meanwhile, or is beyond all measure */
}

/* Its beginning, however long it is. */
static void read_part(const char *path, size_t most, struct buf *text)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    buf_clear(text);
    while (fd >= 0 && got > 0 && text->length < most) {
        char bytes[4096];

        got = read(fd, bytes, sizeof(bytes));
        if (got > 0)
            buf_add(text, bytes, (size_t)got);
    }
}

/* --- sockets --------------------------------------------------------------------------------- */

typedef int64_t line_value(const char *line, int column);

/*
 * The sum over the lines. The kernel goes through all that it has told before at each page of such
 * a file, so a long one is not read to its end. What is sought there may be behind thousands that
 * hold nothing; no honest container has as many, so these are what it is ended for.
 */
static int64_t sum_lines(pid_t pid, const char *file, line_value *value, int column)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/net/%s", (int)pid, file);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int64_t sum = 0;

    read_part(path, SOCKETS_TEXT_MAX, &text);
    for (const char *at = text.length ? text.data : ""; *at != '\0';) {
        sum += value(at, column);
        at = strchrnul(at, '\n');
        at += *at == '\n';
    }
    return text.length < SOCKETS_TEXT_MAX ? sum : sum + TOO_MANY_BYTES;
}

/* A number; words and lines with fewer columns count as 0. */
static int64_t in_column(const char *line, int column)
{
    for (int skipped = 1; skipped < column && *line != '\n' && *line != '\0'; skipped++) {
        line += strspn(line, " \t");
        line += strcspn(line, " \t\n");
    }
    line += strspn(line, " \t");
    return isdigit((unsigned char)*line) ? strtoll(line, NULL, 10) : 0;
}

/* "N: ADDRESS ADDRESS STATE SENDING:RECEIVING ...", hexadecimal. Of a socket that listens the last
 * is how many connections wait to be accepted. */
static int64_t waiting_in(const char *line, int column)
{
    unsigned state, waiting;

    (void)column;
    return sscanf(line, "%*s %*s %*s %x %*[^:]:%x", &state, &waiting) == 2 && state == TCP_LISTEN
               ? waiting
               : 0;
}

/* Those that listen come first, so of many connections the rest may be left out. */
static int64_t unaccepted(pid_t pid, const char *file)
{
    return sum_lines(pid, file, waiting_in, 0) % TOO_MANY_BYTES * CONNECTION_BYTES;
}

static int64_t held_in_sockets(pid_t pid)
{
    return sum_lines(pid, "netlink", in_column, 5) +
           sum_lines(pid, "igmp6", in_column, 4) * MEMBERSHIP_BYTES +
           sum_lines(pid, "igmp", in_column, 2) * MEMBERSHIP_IPV4_BYTES + unaccepted(pid, "tcp") +
           unaccepted(pid, "tcp6");
}

/* --- poll and select ------------------------------------------------------------------------- */

/* How many descriptors the thread waits for: "NUMBER ARGUMENT...", hexadecimal; or "running". */
static int64_t polled_by(const char *task)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/syscall", task);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    uint64_t first, second;
    long number;

    read_text(path, 1024, &text);
    if (text.length == 0 ||
        sscanf(text.data, "%ld %" SCNx64 " %" SCNx64, &number, &first, &second) != 3)
        return 0;
    switch (number) {
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return (int64_t)(second & UINT32_MAX);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return (int64_t)(first & UINT32_MAX);
    default:
        return 0;
    }
}

static int64_t polled_in(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    int64_t sum = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        _cleanup_(free_ptr) char *task = xasprintf("%s/%s", path, entry->d_name);

        if (isdigit((unsigned char)entry->d_name[0]))
            sum += polled_by(task);
    }
    if (dir != NULL)
        closedir(dir);
    return sum;
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* How many descriptors wait in the socket to be received. */
static int64_t passed_in(pid_t pid, const char *fd)
{
    static const char name[] = "\nscm_fds:";
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fdinfo/%s", (int)pid, fd);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *at;

    read_part(path, 4096, &text);
    at = text.length ? strstr(text.data, name) : NULL;
    return at ? strtoll(at + sizeof(name) - 1, NULL, 10) : 0;
}

/* /proc/net/netlink has those only that have an address. */
static bool is_netlink(int dir_fd, const char *fd)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/self/fd/%d/%s", dir_fd, fd);
    char protocol[16] = "";

    return getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1) > 0 &&
           strcmp(protocol, "NETLINK") == 0;
}

static int64_t held_by_socket(pid_t pid, int dir_fd, const char *fd)
{
    return is_netlink(dir_fd, fd) ? NETLINK_BYTES : passed_in(pid, fd) * PASSED_BYTES;
}

/* What the kernel may keep for the process's descriptors: a netlink socket; what belongs to a timer
 * or an epoll instance, whose files are of no kind; for each open directory that was listed all its
 * names as they were, by overlayfs. Processes may share a descriptor, which then counts for each.
 */
static int64_t opened_in(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    int64_t sum = 0;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat st;

        if (!isdigit((unsigned char)entry->d_name[0]) ||
            fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
            continue;
        sum += OWNED_BYTES;
        if ((st.st_mode & S_IFMT) == 0)
            sum += ANONYMOUS_BYTES;
        else if (S_ISDIR(st.st_mode) && st.st_size > 0) /* those of /proc have none */
            sum += st.st_size * LISTED_TIMES + LISTED_IMAGE;
        else if (S_ISSOCK(st.st_mode))
            sum += held_by_socket(pid, dirfd(dir), entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return sum;
}

/* --- locks ----------------------------------------------------------------------------------- */

/* What all locks of the host take. */
static int64_t locks_bytes(void)
{
    static const char name[] = "\nfile_lock_cache ";
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int64_t objects = 0, size = LOCK_BYTES;
    const char *line;

    read_text("/proc/slabinfo", TEXT_MAX, &text);
    line = text.length ? strstr(text.data, name) : NULL;
    if (line == NULL ||
        sscanf(line + sizeof(name) - 1, "%" SCNd64 " %*d %" SCNd64, &objects, &size) != 2)
        return 0;
    return objects * size;
}

/* The container that a process of the host is in, or NULL. */
static struct holder *holder_of_pid(struct holders *holders, pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/cgroup", (int)pid);
    _cleanup_(free_ptr) char *parent = xasprintf(":%s/", holders->job->cgroup);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *at;
    size_t length;

    read_text(path, 64 << 10, &text);
    at = text.length ? strstr(text.data, parent) : NULL;
    if (at == NULL)
        return NULL;
    at += strlen(parent);
    length = strcspn(at, "/\n");
    for (size_t i = 0; i < holders->count; i++)
        if (strlen(holders->all[i].name) == length &&
            strncmp(holders->all[i].name, at, length) == 0)
            return &holders->all[i];
    return NULL;
}

static struct holder *holder_of_device(struct holders *holders, dev_t device)
{
    for (size_t i = 0; i < holders->count; i++)
        if (holders->all[i].root == device)
            return &holders->all[i];
    return NULL;
}

static bool has_open(pid_t pid, dev_t device, ino_t inode)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    bool found = false;
    struct stat st;

    for (struct dirent *entry; dir != NULL && !found && (entry = readdir(dir)) != NULL;)
        found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && st.st_ino == inode &&
                st.st_dev == device;
    if (dir != NULL)
        closedir(dir);
    return found;
}

struct visit {
    int64_t polled, opened;
    dev_t device;
    ino_t inode;
    bool has_open;
};

static void count_process(pid_t pid, void *arg)
{
    struct visit *visit = arg;

    visit->polled += polled_in(pid);
    visit->opened += opened_in(pid);
}

static void look_for_inode(pid_t pid, void *arg)
{
    struct visit *visit = arg;

    visit->has_open = visit->has_open || has_open(pid, visit->device, visit->inode);
}

static void visit_processes(const struct holders *holders, const struct holder *holder,
                            void (*each)(pid_t pid, void *arg), void *arg)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", holders->job->cgroup, holder->name);

    cgroup_each(&holders->fs, path, each, arg);
}

static struct holder *holder_of_inode(struct holders *holders, dev_t device, ino_t inode)
{
    for (size_t i = 0; i < holders->count; i++) {
        struct visit visit = {.device = device, .inode = inode};

        visit_processes(holders, &holders->all[i], look_for_inode, &visit);
        if (visit.has_open)
            return &holders->all[i];
    }
    return NULL;
}

/* "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT ..." */
static dev_t root_of(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/mountinfo", (int)pid);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    read_text(path, TEXT_MAX, &text);
    for (const char *line = text.length ? text.data : ""; *line != '\0';) {
        unsigned major_number, minor_number;
        char point[8];

        if (sscanf(line, "%*s %*s %u:%u %*s %7s", &major_number, &minor_number, point) == 3 &&
            strcmp(point, "/") == 0)
            return makedev(major_number, minor_number);
        line = strchrnul(line, '\n');
        line += *line == '\n';
    }
    return 0;
}

/* Whose the locks are, of which one follows the other. */
struct owners {
    struct holders *holders;
    pid_t pid; /* of the last one */
    struct holder *of_pid, *heir;
    bool gone, sought;
};

/* A process may be gone whose locks stay: it shared its descriptors. Where the file is in no file
 * system of a container's own, one such file tells for all of them. */
static struct holder *owner_of(struct owners *owners, pid_t pid, dev_t device, ino_t inode)
{
    struct holder *holder;

    if (pid != owners->pid) {
        owners->pid = pid;
        owners->of_pid = holder_of_pid(owners->holders, pid);
        owners->gone = pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
    }
    if (owners->of_pid != NULL)
        return owners->of_pid;
    holder = holder_of_device(owners->holders, device);
    if (holder != NULL || !owners->gone)
        return holder;
    if (!owners->sought)
        owners->heir = holder_of_inode(owners->holders, device, inode);
    owners->sought = true;
    return owners->heir;
}

/* "N: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE FROM TO", newest first. Returns how many there
 * were in all. */
static int64_t count_locks(struct holders *holders)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct owners owners = {.holders = holders};
    int64_t count = 0;

    for (size_t i = 0; i < holders->count; i++)
        holders->all[i].root = root_of(holders->all[i].init);
    read_part("/proc/locks", LOCKS_TEXT_MAX, &text);
    for (const char *line = text.length ? text.data : ""; *line != '\0'; count++) {
        struct holder *holder = NULL;
        unsigned major_number, minor_number;
        uint64_t inode;
        int pid;

        if (sscanf(line, "%*s %*s %*s %*s %d %x:%x:%" SCNu64, &pid, &major_number, &minor_number,
                   &inode) == 4)
            holder = owner_of(&owners, pid, makedev(major_number, minor_number), (ino_t)inode);
        if (holder != NULL)
            holder->locks++;
        line = strchrnul(line, '\n');
        line += *line == '\n';
    }
    return count;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int find_holders(struct holders *holders, struct error *err)
{
    DIR *dir = opendir(holders->job->state_dir);

    if (dir == NULL)
        return error_errno(err, errno, "cannot read %s", holders->job->state_dir);
    holders->all = xcalloc(HOLDERS_MAX, sizeof(*holders->all));
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && holders->count < HOLDERS_MAX;) {
        struct holder *holder = &holders->all[holders->count];
        _cleanup_(free_ptr) char *folder =
            xasprintf("%s/%s", holders->job->state_dir, entry->d_name);

        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(holder->name) ||
            !container_runs(folder, &holder->init))
            continue;
        snprintf(holder->name, sizeof(holder->name), "%s", entry->d_name);
        holders->count++;
    }
    closedir(dir);
    return 0;
}

static void measure(struct holders *holders)
{
    int64_t locked = locks_bytes(), locks = 1;

    if (locked > holders->job->memory_bytes)
        locks += count_locks(holders);
    for (size_t i = 0; i < holders->count; i++) {
        struct holder *holder = &holders->all[i];
        struct visit visit = {.polled = 0};

        visit_processes(holders, holder, count_process, &visit);
        holder->bytes = held_in_sockets(holder->init) + visit.polled * POLLED_BYTES + visit.opened +
                        locked * holder->locks / locks;
    }
}

static int end_takers(const struct holders *holders, struct error *err)
{
    _cleanup_(buf_release) struct buf ended = BUF_INIT;

    for (size_t i = 0; i < holders->count; i++) {
        struct container_job job = *holders->job;
        _cleanup_(free_ptr) char *cgroup = NULL;
        struct error failed = ERROR_INIT;

        if (holders->all[i].bytes <= job.memory_bytes)
            continue;
        job.name = holders->all[i].name;
        cgroup = xasprintf("%s/%s", holders->job->cgroup, job.name);
        job.cgroup = cgroup; /* the job's is that above all of them */
        if (container_evict(&job, &failed) < 0)
            buf_addf(&ended, "%s%s: %s", ended.length ? ", " : "", job.name, failed.message);
        else
            buf_addf(&ended, "%s%s for %" PRId64 " bytes", ended.length ? ", " : "", job.name,
                     holders->all[i].bytes);
    }
    if (ended.length > 0)
        return error_set(err, ERROR_LIMIT, NULL, "%.400s", ended.data);
    return 0;
}

int kernel_memory_end_takers(const struct container_job *job, struct error *err)
{
    _cleanup_(holders_release) struct holders holders = {.job = job};

    if (job->scratch_dir == NULL || job->ended == NULL || job->memory_bytes <= 0)
        return error_set(err, ERROR_INVALID, NULL, "scratch, ended and memory are needed");
    if (cgroup_fs_open(&holders.fs, err) < 0 || find_holders(&holders, err) < 0)
        return -1;
    measure(&holders);
    return end_takers(&holders, err);
}
