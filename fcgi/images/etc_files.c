#include "images/etc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#include "base/banned.h"

#define CONTENT_MOST 65536
#define ETC "etc"
#define SAFE "[safe]\n\tdirectory = *\n"

/* As a container would open it: absolute links lead below the root, too. */
static int open_in(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned long long)flags | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

/* The text of a plain file, or of one that links lead to; "" of anything else. False for a plain
 * file that cannot be read as a whole, and so is left as it is. */
static bool read_plain(int root_fd, const char *path, struct buf *text)
{
    _cleanup_(close_fd) int look = open_in(root_fd, path, O_PATH);
    _cleanup_(close_fd) int fd = -1;
    struct error ignored;
    struct stat st;

    buf_add_str(text, "");
    if (look < 0 || fstat(look, &st) < 0 || !S_ISREG(st.st_mode))
        return true;
    if (st.st_size > CONTENT_MOST)
        return false;
    fd = open_in(root_fd, path, O_RDONLY); /* nobody else changes the folder */
    return fd >= 0 && fd_read_all(fd, CONTENT_MOST, text, &ignored) == 0;
}

/* Does a line of the file give the name to an address that begins so? */
static bool has_host(const char *text, const char *address, const char *name)
{
    const size_t length = strlen(name);

    for (const char *line = text; *line != '\0';) {
        const size_t size = strcspn(line, "\n"), used = strcspn(line, "#\n");

        if (strncmp(line, address, strlen(address)) == 0) {
            for (size_t at = strcspn(line, " \t"); at < used;) {
                size_t word;

                at += strspn(line + at, " \t\r");
                word = strcspn(line + at, " \t\r#\n");
                if (word == length && strncmp(line + at, name, length) == 0)
                    return true;
                at += word ? word : 1;
            }
        }
        line += size + (line[size] == '\n');
    }
    return false;
}

static void mend_hosts(const char *before, struct buf *after)
{
    if (!has_host(before, "127.", "localhost"))
        buf_add_str(after, "127.0.0.1\tlocalhost\n");
    if (!has_host(before, "127.", "sandbox"))
        buf_add_str(after, "127.0.1.1\tsandbox\n");
    if (!has_host(before, "::1", "localhost"))
        buf_add_str(after, "::1\tlocalhost ip6-localhost ip6-loopback\n");
    buf_add_str(after, before);
}

static void mend_gitconfig(const char *before, struct buf *after)
{
    buf_add_str(after, before);
    if (strstr(before, SAFE) != NULL)
        return;
    if (after->length > 0 && after->data[after->length - 1] != '\n')
        buf_add_char(after, '\n');
    buf_add_str(after, SAFE);
}

static int replace(int etc_fd, const char *name, const struct buf *text, struct error *err)
{
    _cleanup_(close_fd) int fd = -1;

    /* A file of its own, also where the old one has other names or is a folder. */
    if (remove_tree_at(etc_fd, name, err) < 0)
        return -1;
    fd = openat(etc_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return error_errno(err, errno, "cannot make " ETC "/%s", name);
    return fd_write_all(fd, text->data, text->length, err);
}

int etc_files_lay(int root_fd, bool is_layer, struct error *err)
{
    static const struct {
        const char *name, *path;
        void (*mend)(const char *before, struct buf *after);
    } files[] = {{"hosts", ETC "/hosts", mend_hosts},
                 {"gitconfig", ETC "/gitconfig", mend_gitconfig}};
    _cleanup_(close_fd) int etc = open_in(root_fd, ETC, O_RDONLY | O_DIRECTORY);

    for (size_t i = 0; etc >= 0 && i < ARRAY_SIZE(files); i++) {
        _cleanup_(buf_release) struct buf before = BUF_INIT, after = BUF_INIT;
        struct stat st;

        if (is_layer && fstatat(etc, files[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!read_plain(root_fd, files[i].path, &before))
            continue;
        files[i].mend(before.data, &after);
        if (after.length != before.length && replace(etc, files[i].name, &after, err) < 0)
            return -1;
    }
    return 0;
}
