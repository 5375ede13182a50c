#include "routes/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"

#include "base/banned.h"

#define TOUCH_SECONDS (PAGE_IDLE_SECONDS / 4)

DEFINE_CLEANUP(DIR *, close_dir, closedir)

struct page_name page_name(const char *stamp, const char *question)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    char digest[2 * SHA256_SIZE + 1];
    struct page_name name;

    buf_addf(&text, "%zu:%s%s", strlen(stamp), stamp, question);
    sha256_hex(text.data, text.length, digest);
    memcpy(name.text, digest, sizeof(name.text) - 1);
    name.text[sizeof(name.text) - 1] = '\0';
    return name;
}

static int open_folder(const char *folder)
{
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int64_t idle_seconds(const struct stat *st)
{
    return (int64_t)time(NULL) - (int64_t)st->st_mtime;
}

bool page_find(const char *folder, const struct page_name *name)
{
    _cleanup_(close_fd) int fd = open_folder(folder);
    struct stat st;

    if (fd < 0 || fstatat(fd, name->text, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (idle_seconds(&st) < TOUCH_SECONDS)
        return true;
    /* The time of change is the time of the last use, nearly. Gone meanwhile: not found. */
    return utimensat(fd, name->text, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Deletes what nobody asked for of late; counts what stays. A file of another worker that is still
 * being written counts as well. */
static int sweep(int fd, size_t *ret_count, size_t *ret_bytes)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    _cleanup_(close_dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    struct stat st;

    if (!dir) {
        close_fd(&copy);
        return -1;
    }
    *ret_count = 0;
    *ret_bytes = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (idle_seconds(&st) > PAGE_IDLE_SECONDS && unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        (*ret_count)++;
        *ret_bytes += (size_t)st.st_size;
    }
    return 0;
}

int page_turn(const char *folder)
{
    _cleanup_(close_fd) int fd = open_folder(folder);

    if (fd < 0)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? TAKE_FD(fd) : -1;
}

bool page_keep(const char *folder, const struct page_name *name, const struct buf *body, bool often)
{
    size_t share = often ? 1 : 2;

    _cleanup_(close_fd) int fd = -1;
    struct error err = ERROR_INIT;
    size_t count, bytes;

    if (body->length < PAGE_BYTES_LEAST || body->length > PAGES_BYTES_MOST)
        return false;
    fd = open_folder(folder);
    if (fd < 0 || sweep(fd, &count, &bytes) < 0) {
        log_event(LOG_DEBUG, "page_not_kept", "folder=%s reason=\"%s\"", folder, strerror(errno));
        return false;
    }
    if (count >= PAGES_MOST / share || bytes + body->length > PAGES_BYTES_MOST / share)
        return false;
    if (file_write_atomic(fd, name->text, body->data, body->length, 0644, &err) == 0)
        return true;
    log_error("page_not_kept", &err);
    return false;
}
