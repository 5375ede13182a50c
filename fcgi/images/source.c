#include "images/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define BLOCK (256 << 10)

void source_copy_release(struct source_copy *copy)
{
    if (copy->path)
        unlink(copy->path);
    free(copy->path);
    copy->path = NULL;
}

/* Returns its descriptor. */
static int make_file(const char *folder, struct source_copy *copy, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/source-XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd < 0)
        return error_errno(err, errno, "cannot make a temporary file in %s", folder);
    copy->path = TAKE_PTR(path);
    return fd;
}

static int add(int fd, const void *bytes, size_t size, int64_t *total, int64_t most,
               struct error *err)
{
    *total += (int64_t)size;
    if (*total > most)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "more than %lld bytes (image_bytes_max)", (long long)most);
    return fd_write_all(fd, bytes, size, err);
}

int source_copy_input(const char *folder, int64_t most, void (*progress)(int64_t bytes, void *arg),
                      void *arg, struct source_copy *ret_copy, struct error *err)
{
    _cleanup_(free_ptr) char *block = xmalloc(BLOCK);
    _cleanup_(source_copy_release) struct source_copy copy = {0};
    _cleanup_(close_fd) int fd = make_file(folder, &copy, err);
    int64_t total = 0;
    ssize_t got;

    if (fd < 0)
        return -1;
    while ((got = read(STDIN_FILENO, block, BLOCK)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read it");
        if (add(fd, block, (size_t)got, &total, most, err) < 0)
            return -1;
        if (progress)
            progress(total, arg);
    }
    ret_copy->path = TAKE_PTR(copy.path);
    return 0;
}
