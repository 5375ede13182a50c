#include "backup/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define PIECE (256 * 1024)

DEFINE_CLEANUP(gzFile, close_gz, gzclose)
DEFINE_CLEANUP(struct sha256_sum *, sum_release, sha256_free)

static bool is_compressed(const char *name)
{
    size_t length = strlen(name);

    return length > 3 && strcmp(name + length - 3, ".gz") == 0;
}

static int zlib_failed(gzFile file, const char *verb, const char *name, struct error *err)
{
    int code, why = errno;
    const char *text = gzerror(file, &code);

    if (code == Z_ERRNO)
        return error_errno(err, why, "cannot %s %s", verb, name);
    return error_set(err, ERROR_INVALID, NULL, "cannot %s %s: %s", verb, name, text);
}

/* gzdopen owns the descriptor that it is given. */
static gzFile open_stream(int fd, const char *mode, const char *name, struct error *err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    gzFile file = copy < 0 ? NULL : gzdopen(copy, mode);

    if (file)
        return file;
    if (copy >= 0)
        close(copy);
    error_errno(err, errno, "cannot open %s", name);
    return NULL;
}

static int copy_in(gzFile file, const char *name, int from, part_take *take, void *arg,
                   struct sha256_sum *sum, int64_t *bytes, struct error *err)
{
    _cleanup_(free_ptr) char *piece = xcalloc(1, PIECE);

    for (;;) {
        ssize_t got = read(from, piece, PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read what goes into %s", name);
        if (got == 0)
            return 0;
        if (take && take(piece, (size_t)got, arg, err) < 0)
            return -1;
        sha256_add(sum, piece, (size_t)got);
        *bytes += got;
        if (gzwrite(file, piece, (unsigned)got) != got)
            return zlib_failed(file, "write", name, err);
    }
}

int part_write(int folder, const char *name, int from, part_take *take, void *arg,
               struct part_sum *ret_sum, struct error *err)
{
    _cleanup_(close_fd) int fd =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    _cleanup_(sum_release) struct sha256_sum *sum = sha256_begin();
    _cleanup_(close_gz) gzFile file = NULL;
    gzFile closing;

    *ret_sum = (struct part_sum){0};
    if (fd < 0)
        return error_errno(err, errno, "cannot make %s", name);
    file = open_stream(fd, is_compressed(name) ? "wb1" : "wbT", name, err);
    if (!file || copy_in(file, name, from, take, arg, sum, &ret_sum->bytes, err) < 0)
        return -1;
    closing = TAKE_PTR(file);
    if (gzclose(closing) != Z_OK || fsync(fd) < 0)
        return error_errno(err, errno, "cannot write %s", name);
    sha256_end_hex(sum, ret_sum->sha256);
    return 0;
}

int part_read(int folder, const char *name, part_take *take, void *arg, struct part_sum *ret_sum,
              struct error *err)
{
    _cleanup_(close_fd) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    _cleanup_(sum_release) struct sha256_sum *sum = sha256_begin();
    _cleanup_(free_ptr) char *piece = xcalloc(1, PIECE);
    _cleanup_(close_gz) gzFile file = NULL;
    int got;

    *ret_sum = (struct part_sum){0};
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", name);
    file = open_stream(fd, "rb", name, err);
    if (!file)
        return -1;
    while ((got = gzread(file, piece, PIECE)) > 0) {
        if (take && take(piece, (size_t)got, arg, err) < 0)
            return -1;
        sha256_add(sum, piece, (size_t)got);
        ret_sum->bytes += got;
    }
    if (got < 0)
        return zlib_failed(file, "read", name, err);
    sha256_end_hex(sum, ret_sum->sha256);
    return 0;
}
