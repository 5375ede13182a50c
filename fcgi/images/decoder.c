#include "images/decoder.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define BLOCK (256 << 10)
#define PIPE_SIZE (1 << 20)
#define WORD_MAX 256
/* xz, the slowest, gives some 50 MiB a second. */
#define CPU_SECONDS_LEAST 60
#define BYTES_A_SECOND (8 << 20)

/* --- in the child ---------------------------------------------------------------------------- */

static la_ssize_t read_source(struct archive *archive, void *arg, const void **ret_block)
{
    ssize_t got;

    while ((got = read(STDIN_FILENO, arg, BLOCK)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        archive_set_error(archive, errno, "%s", strerror(errno));
    *ret_block = arg;
    return got;
}

/* Not libarchive's "all": some of those would have it run programs. */
static struct archive *new_reader(void)
{
    struct archive *archive = archive_read_new();

    if (archive == NULL)
        return NULL;
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_lz4(archive);
    archive_read_support_filter_compress(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    return archive;
}

static const char *why(struct archive *archive)
{
    const char *text = archive_error_string(archive);

    return text ? text : "it cannot be read";
}

/* NULL when all went well. */
static const char *decode(struct archive *archive, char *in_block)
{
    struct archive_entry *entry;
    struct error err = ERROR_INIT;
    const void *data;
    size_t got;
    la_int64_t offset;
    int rc;

    if (archive_read_open(archive, in_block, NULL, read_source, NULL) != ARCHIVE_OK)
        return why(archive);
    rc = archive_read_next_header(archive, &entry);
    if (rc == ARCHIVE_EOF)
        return NULL;
    if (rc != ARCHIVE_OK)
        return why(archive);
    if (archive_filter_count(archive) > 2) /* the last is the source itself */
        return "it is compressed more than once";
    /* By the block: what has come of a pipe is passed on. */
    while ((rc = archive_read_data_block(archive, &data, &got, &offset)) == ARCHIVE_OK)
        if (fd_write_all(STDOUT_FILENO, data, got, &err) < 0)
            return err.sys_errno == EPIPE ? NULL : "the pipe broke";
    return rc != ARCHIVE_EOF ? why(archive) : NULL;
}

static int lay_descriptors(int source_fd, int out_fd, int word_fd, struct error *err)
{
    /* They are above 2, or what is laid first would be lost. */
    if (dup2(source_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
        dup2(word_fd, STDERR_FILENO) < 0)
        return error_errno(err, errno, "cannot lay the descriptors");
    return 0;
}

static _Noreturn void work(int source_fd, const int out[2], const int word[2], unsigned seconds)
{
    char *in_block = xmalloc(BLOCK);
    struct error err = ERROR_INIT, ignored;
    const char *wrong;
    struct archive *archive;

    signal(SIGPIPE, SIG_IGN);
    if (lay_descriptors(source_fd, out[1], word[1], &err) < 0 || confine_user(&err) < 0 ||
        confine(&(struct confinement){.cpu_seconds = seconds}, &err) < 0) {
        wrong = err.message;
    } else {
        archive = new_reader();
        wrong = archive ? decode(archive, in_block) : "there is no memory for it";
    }
    if (wrong != NULL)
        fd_write_all(STDERR_FILENO, wrong, strnlen(wrong, WORD_MAX), &ignored);
    _exit(wrong != NULL);
}

/* --- in the parent --------------------------------------------------------------------------- */

/* A pipe whose ends are not among the standard descriptors, whatever is closed of these. */
static int make_pipe(int ends[2], struct error *err)
{
    int low[2];

    if (pipe2(low, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low[i]);
    }
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    error_errno(err, errno, "cannot make a pipe");
    close_fd(&ends[0]);
    close_fd(&ends[1]);
    return -1;
}

int decoder_open(int source_fd, int64_t most, struct decoder *ret_decoder, struct error *err)
{
    const int64_t seconds = CPU_SECONDS_LEAST + most / BYTES_A_SECOND;
    _cleanup_(close_fd) int high = fcntl(source_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    struct decoder decoder = {.most = most};
    int out[2] = {-1, -1}, word[2] = {-1, -1};

    if (high < 0 || (lseek(high, 0, SEEK_SET) < 0 && errno != ESPIPE))
        return error_errno(err, errno, "cannot read it");
    if (make_pipe(out, err) < 0)
        return -1;
    if (make_pipe(word, err) < 0) {
        close_fd(&out[0]);
        close_fd(&out[1]);
        return -1;
    }
    fcntl(out[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one is slower, no more */
    decoder.pid = fork();
    if (decoder.pid == 0)
        work(high, out, word, (unsigned)(seconds < 1000000 ? seconds : 1000000));
    if (decoder.pid < 0)
        error_errno(err, errno, "cannot fork");
    close_fd(&out[1]);
    close_fd(&word[1]);
    decoder.fd = out[0];
    decoder.word_fd = word[0];
    if (decoder.pid < 0) {
        decoder_release(&decoder);
        return -1;
    }
    *ret_decoder = decoder;
    return 0;
}

/* How it ended; called when its output has ended. */
static int check_end(struct decoder *decoder, struct error *err)
{
    char word[WORD_MAX + 1] = "";
    int status = 0;

    if (decoder->pid <= 0)
        return 0;
    if (read(decoder->word_fd, word, WORD_MAX) < 0)
        word[0] = '\0';
    while (waitpid(decoder->pid, &status, 0) < 0 && errno == EINTR)
        ;
    decoder->pid = 0;
    if (status == 0)
        return 0;
    if (word[0] == '\0')
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "cannot decompress it: it takes too much memory or time (the decompressor "
                         "ended with signal %d)",
                         WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "cannot decompress it: %s", word);
}

ssize_t decoder_read(struct decoder *decoder, void *bytes, size_t size, struct error *err)
{
    ssize_t got;

    while ((got = read(decoder->fd, bytes, size)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        return error_errno(err, errno, "cannot read it");
    if (got == 0)
        return check_end(decoder, err);
    if (got > decoder->most)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "decompressed it is larger than an image may be (image_bytes_max, "
                         "image_entries_max)");
    decoder->most -= got;
    decoder->bytes += got;
    return got;
}

void decoder_release(struct decoder *decoder)
{
    close_fd(&decoder->fd);
    close_fd(&decoder->word_fd);
    if (decoder->pid > 0) {
        kill(decoder->pid, SIGKILL);
        while (waitpid(decoder->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    decoder->pid = 0;
}
