#include "images/archive_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/tar_stream.h"

#include "base/banned.h"

#define JSON_MAX (4 << 20)
#define LINKS_MOST 8
#define OVERHEAD 65536 /* of an entry's headers and padding, more than they are */
#define PROGRESS_STEP (4 << 20)

DEFINE_CLEANUP(struct tar_stream *, close_stream, tar_stream_close)

struct copying {
    struct tar_stream *stream;
    int64_t left; /* bytes that may still be copied */
    void (*progress)(int64_t bytes, void *arg);
    void *arg;
    int64_t told;
    struct archive_files files;
};

static int refuse(struct error *err, const char *name, const char *why)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%.200s: %s", name, why);
}

void archive_files_release(struct archive_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].name);
        free(files->items[i].target);
    }
    free(files->items);
    files->items = NULL;
    files->count = 0;
}

/* Where a link in the folder of `name` leads, by the letters alone. NULL: out of the archive. */
static char *link_target(const char *name, const char *target)
{
    const char *slash = strrchr(name, '/');
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    if (target == NULL || *target == '/')
        return NULL;
    if (slash != NULL)
        buf_add(&path, name, (size_t)(slash - name));
    while (*target != '\0') {
        size_t length = strcspn(target, "/");

        if (length == 2 && strncmp(target, "..", 2) == 0) {
            const char *last = path.length > 0 ? strrchr(path.data, '/') : NULL;

            if (path.length == 0)
                return NULL;
            buf_truncate(&path, last ? (size_t)(last - path.data) : 0);
        } else if (length > 0 && !(length == 1 && *target == '.')) {
            buf_add_str(&path, path.length > 0 ? "/" : "");
            buf_add(&path, target, length);
        }
        target += length + (target[length] == '/');
    }
    return path.length > 0 && path.length <= TAR_NAME_MAX ? buf_take(&path) : NULL;
}

static void tell(struct copying *copying)
{
    int64_t now = tar_stream_bytes(copying->stream);

    if (copying->progress == NULL || now - copying->told < PROGRESS_STEP)
        return;
    copying->progress(now, copying->arg);
    copying->told = now;
}

static int copy_content(struct copying *copying, struct archive_file *file, int fd,
                        struct error *err)
{
    struct sha256_sum *sum = sha256_begin();
    const void *block;
    int64_t offset, at = 0;
    size_t size;
    int rc;

    while ((rc = tar_stream_block(copying->stream, &block, &size, &offset, err)) > 0) {
        if (offset != at) {
            rc = refuse(err, file->name, "has holes");
            break;
        }
        rc = fd_write_all(fd, block, size, err);
        if (rc < 0)
            break;
        sha256_add(sum, block, size);
        at += (int64_t)size;
        tell(copying);
    }
    if (rc == 0)
        sha256_end_hex(sum, file->sha256);
    sha256_free(sum);
    return rc;
}

static int copy_file(struct copying *copying, struct archive_entry *entry,
                     struct archive_file *file, struct error *err)
{
    int64_t size = archive_entry_size(entry);
    _cleanup_(close_fd) int fd = -1;

    if (size < 0 || size > copying->left)
        return refuse(err, file->name,
                      "the archive is larger than an image may be "
                      "(image_bytes_max)");
    if (archive_entry_sparse_count(entry) > 0)
        return refuse(err, file->name, "has holes");
    copying->left -= size;
    snprintf(file->copy, sizeof(file->copy), "%zu", copying->files.count);
    fd = openat(copying->files.folder_fd, file->copy,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "cannot make a copy of %.200s", file->name);
    return copy_content(copying, file, fd, err);
}

/* Fills the file with what the entry is. Returns 1, 0 for what is not needed, -1. */
static int take(struct copying *copying, struct archive_entry *entry, struct archive_file *file,
                struct error *err)
{
    if (archive_entry_hardlink(entry) != NULL) {
        file->target = tar_name(archive_entry_hardlink(entry), err);
        return file->target != NULL ? 1 : -1;
    }
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        return 0;
    case AE_IFREG:
        return copy_file(copying, entry, file, err) < 0 ? -1 : 1;
    case AE_IFLNK:
        file->target = link_target(file->name, archive_entry_symlink(entry));
        return file->target != NULL ? 1 : refuse(err, file->name, "is a link out of the archive");
    default:
        return refuse(err, file->name, "is not a file, folder or link");
    }
}

static int copy_entry(struct copying *copying, struct archive_entry *entry, struct error *err)
{
    struct archive_files *files = &copying->files;
    struct archive_file *file;
    int rc;

    files->items = xrealloc(files->items, (files->count + 1) * sizeof(*files->items));
    file = &files->items[files->count];
    memset(file, 0, sizeof(*file));
    file->name = tar_name(archive_entry_pathname(entry), err);
    if (file->name == NULL)
        return -1;
    rc = take(copying, entry, file, err);
    if (rc > 0) {
        files->count++;
        return 0;
    }
    free(file->name);
    free(file->target);
    return rc;
}

static int copy_all(struct copying *copying, struct error *err)
{
    struct archive_entry *entry;
    int rc, entries = 0;

    while ((rc = tar_stream_next(copying->stream, &entry, err)) > 0) {
        if (++entries > ARCHIVE_FILES_MOST)
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "the image archive holds more than %d files", ARCHIVE_FILES_MOST);
        if (copy_entry(copying, entry, err) < 0)
            return -1;
    }
    return rc;
}

int archive_files_copy(int source_fd, int folder_fd, int64_t most,
                       void (*progress)(int64_t bytes, void *arg), void *arg,
                       struct archive_files *ret_files, struct error *err)
{
    _cleanup_(close_stream) struct tar_stream *stream =
        tar_stream_open(source_fd, most + ARCHIVE_FILES_MOST * (int64_t)OVERHEAD, false, err);
    struct copying copying = {.stream = stream,
                              .left = most,
                              .progress = progress,
                              .arg = arg,
                              .files = {.folder_fd = folder_fd}};

    if (stream == NULL)
        return -1;
    if (copy_all(&copying, err) < 0) {
        archive_files_release(&copying.files);
        return -1;
    }
    *ret_files = copying.files;
    return 0;
}

/* Of several with one name the last, as tar has it. */
static const struct archive_file *find(const struct archive_files *files, const char *name)
{
    for (size_t i = files->count; i > 0; i--)
        if (strcmp(files->items[i - 1].name, name) == 0)
            return &files->items[i - 1];
    return NULL;
}

const struct archive_file *archive_files_find(const struct archive_files *files, const char *name,
                                              struct error *err)
{
    _cleanup_(free_ptr) char *plain = tar_name(name, err);
    const struct archive_file *file = plain ? find(files, plain) : NULL;

    if (plain == NULL)
        return NULL;
    for (int links = 0; file != NULL && file->target != NULL; links++)
        file = links < LINKS_MOST ? find(files, file->target) : NULL;
    if (file == NULL)
        refuse(err, name, "the archive does not hold this file, which it names");
    return file;
}

int archive_file_open(const struct archive_files *files, const struct archive_file *file,
                      struct error *err)
{
    int fd = openat(files->folder_fd, file->copy, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 ? fd : error_errno(err, errno, "cannot open the copy of %.200s", file->name);
}

int archive_file_json(const struct archive_files *files, const struct archive_file *file,
                      json_object **ret_object, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(files->folder_fd, file->copy, JSON_MAX, &text, err) < 0 ||
        json_parse(text.data ? text.data : "", text.length, ret_object, NULL, err) < 0)
        return refuse(err, file->name, "is not valid JSON, or larger than 4 MiB");
    return 0;
}
