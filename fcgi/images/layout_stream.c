#include "images/layout_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "images/layout_tar.h"

#include "base/banned.h"

#define PIPE_SIZE (1 << 20)

static _Noreturn void write_it(const struct engine_settings *settings,
                               const struct image_choice *choice, int layout_fd, int blobs_fd,
                               int out_fd, struct error *said)
{
    struct error err = ERROR_INIT;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL); /* by this it ends where the reader wants no more */
    if (layout_tar(settings, choice, layout_fd, blobs_fd, out_fd, &err) == 0)
        _exit(0);
    *said = err;
    _exit(1);
}

int layout_stream_start(const struct engine_settings *settings, const struct image_choice *choice,
                        int layout_fd, int blobs_fd, struct layout_stream *ret_stream,
                        struct error *err)
{
    struct error *said =
        mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    pid_t pid;

    if (said == MAP_FAILED)
        return error_errno(err, errno, "cannot share memory");
    if (pipe2(ends, O_CLOEXEC) < 0) {
        error_errno(err, errno, "cannot make a pipe");
        munmap(said, sizeof(*said));
        return -1;
    }
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one is slower, no more */
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        write_it(settings, choice, layout_fd, blobs_fd, ends[1], said);
    }
    close(ends[1]);
    if (pid < 0) {
        error_errno(err, errno, "cannot make a process");
        close(ends[0]);
        munmap(said, sizeof(*said));
        return -1;
    }
    *ret_stream = (struct layout_stream){.pid = pid, .fd = ends[0], .said = said};
    return 0;
}

int layout_stream_end(struct layout_stream *stream, int status, struct error *err)
{
    int ended = 0;

    if (stream->pid == 0)
        return status;
    /* A writer that still has more to say is ended by this, and its reader's reason counts. */
    close_fd(&stream->fd);
    while (waitpid(stream->pid, &ended, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(ended) && WEXITSTATUS(ended) != 0) {
        *err = *stream->said;
        status = -1;
    } else if (WIFSIGNALED(ended) && WTERMSIG(ended) != SIGPIPE && status == 0) {
        status = error_set(err, ERROR_UNAVAILABLE, NULL,
                           "the process that reads the image's layout was killed");
    }
    munmap(stream->said, sizeof(*stream->said));
    *stream = (struct layout_stream)LAYOUT_STREAM_INIT;
    return status;
}
