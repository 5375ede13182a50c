#include "backup/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "backup/child.h"
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

int part_place_open(struct part_place *place, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(err, errno, "cannot open %s", path);
        close_fd(&fd);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        *place = (struct part_place){fd, NULL};
        return 0;
    }
    close(fd);
    *place = (struct part_place){-1, path};
    return 0;
}

void part_place_release(struct part_place *place)
{
    close_fd(&place->folder);
}

/* To the end of the stream. */
static int copy_out(gzFile file, const char *name, part_take *take, void *arg,
                    struct part_sum *ret_sum, struct error *err)
{
    _cleanup_(sum_release) struct sha256_sum *sum = sha256_begin();
    _cleanup_(free_ptr) char *piece = xcalloc(1, PIECE);
    int got;

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

static int read_stream(int fd, const char *name, part_take *take, void *arg,
                       struct part_sum *ret_sum, struct error *err)
{
    _cleanup_(close_gz) gzFile file = open_stream(fd, "rb", name, err);

    return file ? copy_out(file, name, take, arg, ret_sum, err) : -1;
}

/* tar reads the archive from descriptor CHILD_FILE_FD, so that no name of it is an option or a
 * host. */
static int read_member(const char *archive, const char *name, part_take *take, void *arg,
                       struct part_sum *ret_sum, struct error *err)
{
    const char *const argv[] = {
        "tar", "--extract", "--to-stdout", "--occurrence=1", "--file=/dev/fd/3", "--", name, NULL};
    _cleanup_(child_release) struct child child = {.fd = -1};
    _cleanup_(close_fd) int fd = open(archive, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", archive);
    if (child_start(&child, argv, false, fd, err) < 0 ||
        read_stream(child.fd, name, take, arg, ret_sum, err) < 0)
        return -1;
    if (child_end(&child, 0, err) < 0)
        return error_wrap(err, "%s is not in %s", name, archive);
    return 0;
}

int part_read(const struct part_place *place, const char *name, part_take *take, void *arg,
              struct part_sum *ret_sum, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;

    *ret_sum = (struct part_sum){0};
    if (place->folder < 0)
        return read_member(place->archive, name, take, arg, ret_sum, err);
    fd = openat(place->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", name);
    return read_stream(fd, name, take, arg, ret_sum, err);
}
