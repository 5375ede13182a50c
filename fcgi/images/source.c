#include "images/source.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define BLOCK (256 << 10)
#define COPY_NAME "source"

static int add(int fd, const void *bytes, size_t size, int64_t *total, int64_t most,
               struct error *err)
{
    *total += (int64_t)size;
    if (*total > most)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "more than %lld bytes (image_bytes_max)", (long long)most);
    return fd_write_all(fd, bytes, size, err);
}

int source_copy(int input_fd, int folder_fd, int64_t most,
                void (*progress)(int64_t bytes, void *arg), void *arg, struct error *err)
{
    _cleanup_(free_ptr) char *block = xmalloc(BLOCK);
    _cleanup_(close_fd) int fd =
        openat(folder_fd, COPY_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int64_t total = 0;
    ssize_t got;

    if (fd < 0)
        return error_errno(err, errno, "cannot make a temporary file");
    while ((got = read(input_fd, block, BLOCK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read it");
        if (add(fd, block, (size_t)got, &total, most, err) < 0)
            return -1;
        if (progress)
            progress(total, arg);
    }
    return TAKE_FD(fd);
}
