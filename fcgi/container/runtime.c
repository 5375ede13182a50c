#include "container/runtime.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "container/container.h"
#include "container/mounts.h"

#include "base/banned.h"

#define FOLDERS "/usr/sbin:/usr/bin:/sbin:/bin"
#define PAGE 4096
#define WORDS_MOST 360 /* of the message of an error, which has 512 bytes */

/* --- standard descriptors -------------------------------------------------------------------- */

static int memory_file(const char *name, off_t size, int seals, struct error *err)
{
    _cleanup_(close_fd) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
        return error_errno(err, errno, "cannot make a memory file");
    return TAKE_FD(fd);
}

int runtime_errors_new(struct error *err)
{
    return memory_file("errors", RUNTIME_ERRORS_SIZE, F_SEAL_GROW | F_SEAL_SHRINK, err);
}

int runtime_errors_seal(int errors_fd, struct error *err)
{
    if (fcntl(errors_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return error_errno(err, errno, "cannot seal the file of the runtime's errors");
    return 0;
}

/*
 * Crun gives its standard descriptors to the container's root, whatever they are, and up to 1.23 a
 * device too (containers/crun issue 1845): the host's /dev/null would be the guest's, who could
 * take it from everybody. So runtime and agent get an empty file that takes nothing, and one that
 * takes nothing once the agent runs.
 */
static int take_standard_fds(int errors_fd, struct error *err)
{
    _cleanup_(close_fd) int empty =
        memory_file("empty", 0, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL, err);

    if (empty < 0)
        return -1;
    if (dup2(empty, STDIN_FILENO) < 0 || dup2(empty, STDOUT_FILENO) < 0 ||
        dup2(errors_fd, STDERR_FILENO) < 0)
        return error_errno(err, errno, "cannot set up the standard descriptors");
    return 0;
}

/* --- the start ------------------------------------------------------------------------------- */

/*
 * Crun starts itself a second time, from a read-only mount, unless it runs from one already: a
 * container's root that gets hold of the process must not reach the host's program
 * (CVE-2019-5736). That is a tenth of its time, so it is started from one. Returns on failure only;
 * a script can't be run so.
 */
static void become_crun(const char *runtime, char *const *args, char *const *environment)
{
    struct error ignored;
    _cleanup_(close_fd) int fd = mounts_program(runtime, FOLDERS, &ignored);

    if (fd >= 0)
        (void)execveat(fd, "", args, environment, AT_EMPTY_PATH);
}

int runtime_become(const struct container_job *job, const char *folder, int socket_fd,
                   int errors_fd, struct error *err)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", folder);
    _cleanup_(free_ptr) char *log = xasprintf("--log=%s/log", folder);
    _cleanup_(free_ptr) char *bundle = xasprintf("--bundle=%s", folder);
    _cleanup_(free_ptr) char *pid_file = xasprintf("--pid-file=%s/pid", folder);
    const char *args[16];
    /* crun makes a file there for a moment; one that is killed in it leaves the file behind. */
    _cleanup_(free_ptr) char *state = xasprintf("_LIBCONTAINER_STATEDIR=%s", folder);
    char *const environment[] = {(char *)"PATH=" FOLDERS, state, NULL};
    const bool is_crun = container_runtime_is_crun(job->runtime);
    int n = 0;

    args[n++] = job->runtime;
    args[n++] = root;
    args[n++] = log;
    if (is_crun) /* it is in the container's cgroup already; saves a tenth */
        args[n++] = "--cgroup-manager=disabled";
    args[n++] = "run";
    args[n++] = "--detach";
    args[n++] = "--preserve-fds=1";
    args[n++] = bundle;
    args[n++] = pid_file;
    args[n++] = job->name;
    args[n] = NULL;
    if (take_standard_fds(errors_fd, err) < 0)
        return -1;
    if (dup3(socket_fd, 3, 0) < 0)
        return error_errno(err, errno, "cannot pass the socket on");
    if (is_crun)
        become_crun(job->runtime, (char *const *)args, environment);
    execvpe(job->runtime, (char *const *)args, environment);
    return error_errno(err, errno, "cannot run %s", job->runtime);
}

/* --- what it said ---------------------------------------------------------------------------- */

/* Adds the lines of text, "; " before each but the first, as one that a terminal can show. */
static void add_lines(struct buf *words, const char *text, size_t length)
{
    for (size_t at = 0, next; at < length; at = next + 1) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t end;

        end = next = newline ? (size_t)(newline - text) : length;
        while (end > at && isspace((unsigned char)text[end - 1]))
            end--;
        if (end > at) {
            buf_add_str(words, words->length > 0 ? "; " : "");
            utf8_printable(words, text + at, end - at);
        }
    }
}

/* Adds what is in the file from there on, which is at most RUNTIME_ERRORS_SIZE. Returns its length
 * without zeros at the end: nobody has written these. */
static size_t add_file(struct buf *words, int fd, off_t from)
{
    _cleanup_(free_ptr) char *text = xmalloc(RUNTIME_ERRORS_SIZE);
    ssize_t got = pread(fd, text, RUNTIME_ERRORS_SIZE, from);
    size_t length = got > 0 ? (size_t)got : 0;

    while (length > 0 && text[length - 1] == '\0')
        length--;
    add_lines(words, text, length);
    return length;
}

static void add_log(struct buf *words, const char *path)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0)
        add_file(words, fd,
                 st.st_size > RUNTIME_ERRORS_SIZE ? st.st_size - RUNTIME_ERRORS_SIZE : 0);
}

/* What is on standard error, after what the words are already. What does not fit is refused by
 * pages, so that the last one need not be full. */
static void add_errors(struct buf *words, int errors_fd)
{
    const char *lost = "(more may be lost)";

    if (add_file(words, errors_fd, 0) > RUNTIME_ERRORS_SIZE - PAGE)
        add_lines(words, lost, strlen(lost));
}

/* What came last says most: warnings come before. */
static const char *last_words(const struct buf *words)
{
    const char *last;

    if (words->length == 0)
        return "it gave no reason";
    if (words->length <= WORDS_MOST)
        return words->data;
    last = words->data + words->length - WORDS_MOST;
    while (utf8_char(last, strlen(last)) == 0) /* the cut was within one */
        last++;
    return last;
}

int runtime_failed(const struct container_job *job, const char *folder, int errors_fd, int status,
                   int timeout_ms, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/log", folder);
    _cleanup_(free_ptr) char *end = NULL;
    _cleanup_(buf_release) struct buf words = BUF_INIT;

    add_log(&words, path);
    add_errors(&words, errors_fd);
    if (status == -1)
        end = xasprintf("took longer than %d s", timeout_ms / 1000);
    else if (WIFSIGNALED(status))
        end = xasprintf("was ended by signal %d", WTERMSIG(status));
    else
        end = xasprintf("failed with status %d", WEXITSTATUS(status));
    return error_set(err, ERROR_INTERNAL, NULL, "%s %s: %s", job->runtime, end, last_words(&words));
}

int runtime_agent_ended(int errors_fd, struct error *err)
{
    _cleanup_(buf_release) struct buf words = BUF_INIT;

    add_errors(&words, errors_fd);
    return error_set(err, ERROR_INTERNAL, NULL, "the agent ended at once: %s", last_words(&words));
}
