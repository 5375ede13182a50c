#include "trial/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define CONTROL_FD 3
#define CHILDREN "/proc/thread-self/children"
#define CHILDREN_MOST ((size_t)1 << 20)
#define READY "ready"
#define ANSWER_SECONDS 60 /* it takes milliseconds; a busy host gets its time */
#define ANSWER_MOST 24

bool trial_zygote_is_possible(void)
{
    return access(CHILDREN, R_OK) == 0;
}

static bool begins(const char *text, const char *words)
{
    return strncmp(text, words, strlen(words)) == 0;
}

/* NULL: runs need more than their own environment. To be freed; its texts are the caller's. */
static char **environment_of(char *const *runs)
{
    size_t count = 0, kept = 0;
    char **own;

    while (runs[count])
        if (begins(runs[count++], "LD_"))
            return NULL;
    own = xcalloc(count + 1, sizeof(*own));
    for (size_t i = 0; i < count; i++)
        if (begins(runs[i], "LANG=") || begins(runs[i], "LC_") || begins(runs[i], "TZ="))
            own[kept++] = runs[i];
    return own;
}

static _Noreturn void become(char *const *argv, char *const *environment, void (*limits)(void),
                             int control)
{
    _cleanup_(close_fd) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    limits();
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
        _exit(126);
    if (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0 : dup2(control, CONTROL_FD) < 0)
        _exit(126);
    descriptors_close_all_but((const int[]){CONTROL_FD}, 1);
    execve(argv[0], argv, environment);
    dprintf(2, "cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* false: there was none in time. */
static bool hear(const struct trial_zygote *zygote, char said[ANSWER_MOST])
{
    struct pollfd fd = {.fd = zygote->fd, .events = POLLIN};
    ssize_t got = -1;

    if (poll(&fd, 1, zygote->seconds * 1000) > 0)
        got = recv(zygote->fd, said, ANSWER_MOST - 1, MSG_DONTWAIT);
    said[got > 0 ? got : 0] = '\0';
    return got > 0;
}

int trial_zygote_start(char *const *argv, char *const *environment, void (*limits)(void),
                       struct trial_zygote *ret_zygote, struct error *err)
{
    _cleanup_(free_ptr) char **own = environment_of(environment);
    struct trial_zygote zygote = {.seconds = ANSWER_SECONDS};
    char said[ANSWER_MOST];
    int ends[2];

    if (!own || argv[0][0] != '/')
        return error_set(err, ERROR_INVALID, NULL, "what runs begin with can't be loaded once");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(err, errno, "cannot make a socket");
    zygote.fd = ends[0];
    zygote.pid = fork();
    if (zygote.pid == 0)
        become(argv, own, limits, ends[1]);
    close(ends[1]);
    if (zygote.pid < 0) {
        close(ends[0]);
        return error_errno(err, errno, "cannot make a process");
    }
    if (!hear(&zygote, said) || strcmp(said, READY) != 0) {
        trial_zygote_stop(&zygote);
        return error_set(err, ERROR_INVALID, NULL, "what runs begin with can't be loaded once");
    }
    *ret_zygote = zygote;
    return 0;
}

void trial_zygote_stop(struct trial_zygote *zygote)
{
    if (zygote->fd < 0)
        return;
    close_fd(&zygote->fd);
    if (zygote->pid > 0) {
        (void)kill(zygote->pid, SIGKILL);
        while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *zygote = TRIAL_ZYGOTE_NONE;
}

/* --- a run ----------------------------------------------------------------------------------- */

static json_object *environment_object(char *const *environment)
{
    json_object *object = json_object_new_object();

    for (char *const *entry = environment; *entry; entry++) {
        const char *value = strchr(*entry, '=');
        _cleanup_(free_ptr) char *name = value ? xstrndup(*entry, (size_t)(value - *entry)) : NULL;

        if (value)
            json_add_text(object, name, value + 1);
    }
    return object;
}

/* Writes it into the file, to be read from its begin. */
static int write_request(const struct trial_zygote_run *run, int fd, struct error *err)
{
    _cleanup_(json_release) json_object *request = json_object_new_object();
    _cleanup_(free_ptr) char *folder = run->folder ? xstrdup(run->folder) : getcwd(NULL, 0);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *argv = json_object_new_array();

    for (char *const *argument = run->argv; *argument; argument++)
        json_object_array_add(argv, json_object_new_string(*argument));
    json_object_object_add(request, "argv", argv);
    json_object_object_add(request, "environment", environment_object(run->environment));
    json_object_object_add(request, "uid", json_object_new_int64(run->uid));
    if (!folder)
        return error_errno(err, errno, "the folder of a run is gone");
    json_add_text(request, "folder", folder);
    json_write(&text, request);
    if (fd_write_all(fd, text.data, text.length, err) < 0)
        return -1;
    return lseek(fd, 0, SEEK_SET) < 0 ? error_errno(err, errno, "cannot make a file") : 0;
}

int trial_zygote_fork(const struct trial_zygote *zygote, const struct trial_zygote_run *run,
                      pid_t *ret_pid, struct error *err)
{
    _cleanup_(close_fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    _cleanup_(close_fd) int request = memfd_create("run", MFD_CLOEXEC);
    char said[ANSWER_MOST];
    long pid;

    if (request < 0 || null_fd < 0)
        return error_errno(err, errno, "cannot begin a run");
    if (write_request(run, request, err) < 0)
        return -1;
    if (fd_send(zygote->fd, "", 1, (const int[]){null_fd, run->printed_fd, run->told_fd, request},
                4, 0) < 0)
        return error_errno(err, errno, "cannot begin a run");
    if (!hear(zygote, said))
        return error_set(err, ERROR_INTERNAL, NULL, "what runs are forked from does not answer");
    pid = strtol(said, NULL, 10);
    if (pid <= 1)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot make a process for a run");
    *ret_pid = (pid_t)pid;
    return 0;
}

/* --- its end --------------------------------------------------------------------------------- */

bool trial_zygote_is_alone(const struct trial_zygote *zygote)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored = ERROR_INIT;
    char *rest;

    if (file_read(AT_FDCWD, CHILDREN, CHILDREN_MOST, &text, &ignored) < 0)
        return false;
    return strtol(text.data, &rest, 10) == zygote->pid && rest[strspn(rest, " \n")] == '\0';
}
