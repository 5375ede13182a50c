#include "tars.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define BUSYBOX "/bin/busybox"

static void check(struct archive *archive, int rc)
{
    if (rc < ARCHIVE_WARN) {
        fprintf(stderr, "cannot write a test archive: %s\n", archive_error_string(archive));
        abort();
    }
}

static struct archive *open_archive(const char *file, bool compressed)
{
    struct archive *archive = archive_write_new();

    archive_write_set_format_pax_restricted(archive);
    if (compressed)
        archive_write_add_filter_gzip(archive);
    check(archive, archive_write_open_filename(archive, file));
    return archive;
}

static void add(struct archive *archive, const struct tar_entry *what, const void *bytes,
                size_t length)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, what->path);
    archive_entry_set_mode(entry, what->type | (what->mode ? what->mode : 0755));
    archive_entry_set_uid(entry, what->uid);
    archive_entry_set_gid(entry, what->uid);
    archive_entry_set_mtime(entry, 1000000000, 0);
    archive_entry_set_size(entry, bytes ? (int64_t)length : what->size);
    if (what->hardlink != NULL)
        archive_entry_set_hardlink(entry, what->hardlink);
    if (what->type == S_IFLNK)
        archive_entry_set_symlink(entry, what->content);
    if (what->type == S_IFCHR || what->type == S_IFBLK)
        archive_entry_set_rdev(entry, makedev(1, 1));
    if (bytes == NULL && what->size > 0) /* nothing but a hole before its last byte */
        archive_entry_sparse_add_entry(entry, what->size - 1, 1);
    check(archive, archive_write_header(archive, entry));
    if (length > 0 && archive_write_data(archive, bytes, length) < 0)
        check(archive, ARCHIVE_FATAL);
    if (bytes == NULL && what->size > 0) /* the map of holes goes out with the first byte */
        archive_write_data(archive, "", 1);
    archive_entry_free(entry);
}

static void close_archive(struct archive *archive)
{
    check(archive, archive_write_close(archive));
    archive_write_free(archive);
}

static void add_all(struct archive *archive, const struct tar_entry *entries, int count)
{
    for (int i = 0; i < count; i++) {
        const char *bytes = entries[i].type == S_IFREG ? entries[i].content : NULL;
        size_t length = entries[i].size ? (size_t)entries[i].size : bytes ? strlen(bytes) : 0;

        add(archive, &entries[i], bytes, bytes ? length : 0);
    }
}

void tar_write(const char *file, const struct tar_entry *entries, int count)
{
    struct archive *archive = open_archive(file, true);

    add_all(archive, entries, count);
    close_archive(archive);
}

void tar_write_plain(const char *file, const struct tar_entry *entries, int count)
{
    struct archive *archive = open_archive(file, false);

    add_all(archive, entries, count);
    close_archive(archive);
}

void tar_write_image(const char *file, const struct tar_entry *entries, int count)
{
    const struct tar_entry shell = TAR_SHELL;
    struct archive *archive = open_archive(file, true);

    add_all(archive, entries, count);
    add_all(archive, &shell, 1);
    close_archive(archive);
}

void tar_write_busybox(const char *file)
{
    static const char *const applets[] = {
        "sh",      "cat",   "ls",    "dd",    "sleep",  "id",   "mkdir",    "mount",
        "unshare", "chown", "mknod", "touch", "yes",    "head", "tail",     "seq",
        "grep",    "rm",    "mv",    "ln",    "wc",     "find", "hostname", "kill",
        "stat",    "chmod", "ip",    "ps",    "setsid", "true", "tr"};
    const struct tar_entry folders[] = {TAR_FOLDER("./"),
                                        TAR_FOLDER("bin/"),
                                        TAR_FOLDER("etc"),
                                        TAR_FOLDER("dev"),
                                        TAR_FOLDER("usr"),
                                        TAR_FOLDER("usr/lib"),
                                        TAR_LINK("lib", "usr/lib"),
                                        TAR_FILE("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"),
                                        {"home/user/mine", S_IFREG, 0600, "mine", NULL, 1000, 0}};
    const struct tar_entry program = {"bin/busybox", S_IFREG, 0755, NULL, NULL, 0, 0};
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct archive *archive = open_archive(file, true);
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, BUSYBOX, 16 << 20, &bytes, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        add(archive, &folders[i], folders[i].type == S_IFREG ? folders[i].content : NULL,
            folders[i].type == S_IFREG ? strlen(folders[i].content) : 0);
    add(archive, &program, bytes.data, bytes.length);
    for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("bin/%s", applets[i]);

        add(archive, &(struct tar_entry)TAR_LINK(path, "busybox"), NULL, 0);
    }
    close_archive(archive);
}
