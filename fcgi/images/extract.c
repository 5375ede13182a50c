#include "images/extract.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/userns.h"
#include "images/etc_files.h"
#include "images/tar_stream.h"

#include "base/banned.h"

#define XATTR_BYTES_MAX 65536
#define PROGRESS_STEP (4 << 20)
#define HEADERS_SIZE 2048 /* of an entry, with its padding; most have 512 */

DEFINE_CLEANUP(struct tar_stream *, close_stream, tar_stream_close)

/* The folder of the last entry; most entries are in the same folder as the one before. */
struct place {
    int fd;
    char *path;
};

static void place_release(struct place *place)
{
    close_fd(&place->fd);
    free(place->path);
}

static int refuse(struct error *err, const char *path, const char *why)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%.200s: %s", path, why);
}

static int open_below(int root_fd, const char *path, int flags, bool links)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = links ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                                            : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
}

/* What the layers below have at the path. False: nothing. */
static bool base_stat(const struct extract *extract, const char *path, struct stat *st)
{
    for (int i = 0; i < extract->base_count; i++) {
        _cleanup_(close_fd) int fd =
            open_below(extract->base_fds[i], path, O_PATH | O_NOFOLLOW, false);

        if (fd >= 0)
            return fstat(fd, st) == 0;
    }
    return false;
}

/* A folder that hides a link of the base would break every path through the link, /lib above all
 * where it leads to /usr/lib. */
static int check_base_link(const struct extract *extract, const char *path, struct error *err)
{
    struct stat st;

    if (base_stat(extract, path, &st) && S_ISLNK(st.st_mode))
        return refuse(err, path, "is a link in the base image; use the path that it leads to");
    return 0;
}

/* Folders that an entry's name implies count as well. */
static int count_entry(struct extract *extract, struct error *err)
{
    if (++extract->entries <= extract->entries_max)
        return 0;
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the image has more than %lld entries (image_entries_max)",
                     (long long)extract->entries_max);
}

/* Makes a folder that has no entry of its own (yet): as in the base, or root's. */
static int make_parent(struct extract *extract, int at, const char *name, const char *path,
                       struct error *err)
{
    struct stat st = {.st_mode = 0755};

    if (count_entry(extract, err) < 0 || check_base_link(extract, path, err) < 0)
        return -1;
    base_stat(extract, path, &st);
    if (mkdirat(at, name, 0700) < 0 || fchownat(at, name, st.st_uid, st.st_gid, 0) < 0 ||
        fchmodat(at, name, st.st_mode & 07777, 0) < 0)
        return error_errno(err, errno, "cannot make folder %.200s", path);
    return 0;
}

/* Opens the longest part of the path that is there; *ret_length is how long it is. */
static int open_deepest(const struct extract *extract, const char *path, size_t *ret_length,
                        struct error *err)
{
    _cleanup_(free_ptr) char *part = xstrdup(path);
    int at;

    while ((at = open_below(extract->root_fd, part, O_RDONLY | O_DIRECTORY, extract->oci)) < 0 &&
           errno == ENOENT && *part != '\0') {
        char *slash = strrchr(part, '/');

        *(slash != NULL ? slash : part) = '\0';
    }
    if (at < 0)
        return refuse(err, path,
                      errno == ELOOP || errno == EXDEV || errno == ENOTDIR
                          ? "a part of the path is a link or not a folder"
                          : strerror(errno));
    *ret_length = strlen(part);
    return at;
}

/* Opens the folder of that path, made step by step where it is not there. Each step is one from the
 * folder before: what a deep path costs grows with its depth, not with the square of it. */
static int open_folder(struct extract *extract, const char *path, struct error *err)
{
    size_t done = 0;
    _cleanup_(close_fd) int at = open_deepest(extract, path, &done, err);
    _cleanup_(free_ptr) char *made = xstrdup(path);

    if (at < 0)
        return -1;
    while (path[done] != '\0') {
        size_t name = done + (path[done] == '/'), end = name + strcspn(path + name, "/");
        int next;

        made[end] = '\0';
        if (make_parent(extract, at, made + name, made, err) < 0)
            return -1;
        next = openat(at, made + name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return error_errno(err, errno, "cannot open folder %.200s", made);
        close_fd(&at);
        at = next;
        made[end] = path[end];
        done = end;
    }
    return TAKE_FD(at);
}

static int enter_place(struct extract *extract, struct place *place, const char *path,
                       const char **ret_name, struct error *err)
{
    const char *slash = strrchr(path, '/');
    _cleanup_(free_ptr) char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);

    *ret_name = slash ? slash + 1 : path;
    if (place->fd >= 0 && strcmp(place->path, folder) == 0)
        return 0;
    close_fd(&place->fd);
    place->fd = open_folder(extract, folder, err);
    if (place->fd < 0)
        return -1;
    free(place->path);
    place->path = TAKE_PTR(folder);
    return 0;
}

/* An entry takes the place of what is there: a folder is merged with a folder, all else goes. */
static int clear_place(const struct extract *extract, int at, const char *name, const char *path,
                       bool folder, struct error *err)
{
    struct stat st;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "cannot look at %.200s", path);
    if (S_ISDIR(st.st_mode) && folder)
        return 0;
    if (S_ISDIR(st.st_mode) && !extract->oci)
        return refuse(err, path, "is in the archive twice, as a folder and as something else");
    return remove_tree_at(at, name, err) < 0 ? error_wrap(err, "cannot replace %.200s", path) : 0;
}

static int write_content(struct tar_stream *stream, int fd, const char *path, struct error *err)
{
    const void *block;
    size_t size;
    int64_t offset;
    int rc;

    while ((rc = tar_stream_block(stream, &block, &size, &offset, err)) > 0) {
        const char *at = block;

        while (size > 0) {
            ssize_t put = pwrite(fd, at, size, offset);

            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                return error_errno(err, errno, "cannot write %.200s", path);
            at += put;
            offset += put;
            size -= (size_t)put;
        }
    }
    return rc < 0 ? error_wrap(err, "%.200s", path) : 0;
}

static void keep_xattrs(struct archive_entry *entry, int fd)
{
    const char *name;
    const void *value;
    size_t size;

    if (archive_entry_xattr_reset(entry) > 64)
        return;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (strncmp(name, "user.", 5) == 0 && size <= XATTR_BYTES_MAX)
            fsetxattr(fd, name, value, size, 0); /* where the file system has them */
}

static int make_file(struct tar_stream *stream, struct archive_entry *entry, int at,
                     const char *name, const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd =
        openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(err, errno, "cannot make %.200s", path);
    if (write_content(stream, fd, path, err) < 0)
        return -1;
    if (ftruncate(fd, archive_entry_size(entry)) < 0) /* a hole at the end has no block */
        return error_errno(err, errno, "cannot size %.200s", path);
    keep_xattrs(entry, fd);
    return 0;
}

static int make_hardlink(const struct extract *extract, struct archive_entry *entry, int at,
                         const char *name, const char *path, struct error *err)
{
    _cleanup_(free_ptr) char *target = tar_name(archive_entry_hardlink(entry), err);
    _cleanup_(close_fd) int folder = -1;
    struct stat st;
    char *slash;

    if (target == NULL)
        return -1;
    slash = strrchr(target, '/');
    if (slash != NULL)
        *slash = '\0';
    folder =
        open_below(extract->root_fd, slash ? target : "", O_RDONLY | O_DIRECTORY, extract->oci);
    if (folder < 0 || fstatat(folder, slash ? slash + 1 : target, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return refuse(err, path, "is a hard link to a file that is not in the archive");
    if (S_ISDIR(st.st_mode))
        return refuse(err, path, "is a hard link to a folder");
    if (linkat(folder, slash ? slash + 1 : target, at, name, 0) < 0)
        return error_errno(err, errno, "cannot link %.200s", path);
    return 0;
}

static int set_owner_mode_time(struct archive_entry *entry, int at, const char *name,
                               const char *path, struct error *err)
{
    const struct timespec times[2] = {
        {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
        {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
    };
    uid_t uid = (uid_t)archive_entry_uid(entry);
    gid_t gid = (gid_t)archive_entry_gid(entry);
    bool link = archive_entry_filetype(entry) == AE_IFLNK;

    /* chown takes set-user-id bits away, so the mode comes after it. */
    if (fchownat(at, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!link && fchmodat(at, name, archive_entry_perm(entry) & 07777, 0) < 0))
        return error_errno(err, errno, "cannot set owner and mode of %.200s", path);
    if (archive_entry_mtime_is_set(entry))
        utimensat(at, name, times,
                  AT_SYMLINK_NOFOLLOW); /* a time that cannot be set is no reason to refuse */
    return 0;
}

static int check_entry(struct extract *extract, struct archive_entry *entry, const char *path,
                       struct error *err)
{
    int64_t size = archive_entry_size(entry);
    int64_t uid = archive_entry_uid(entry);
    int64_t gid = archive_entry_gid(entry);

    if (count_entry(extract, err) < 0)
        return -1;
    if (uid < 0 || gid < 0 || uid >= USERNS_IDS || gid >= USERNS_IDS)
        return refuse(err, path, "its owner or group is above 65535");
    if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == NULL) {
        if (size < 0 || size > extract->bytes_max - extract->bytes)
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "%.200s: the image is larger than %lld bytes (image_bytes_max)", path,
                             (long long)extract->bytes_max);
        extract->bytes += size;
    }
    return 0;
}

/* Makes what the entry says at the place; only folders may be there already. */
static int make_entry(const struct extract *extract, struct tar_stream *stream,
                      struct archive_entry *entry, int at, const char *name, const char *path,
                      struct error *err)
{
    const char *target = archive_entry_symlink(entry);

    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return make_file(stream, entry, at, name, path, err);
    case AE_IFDIR:
        if (check_base_link(extract, path, err) < 0)
            return -1;
        if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
            return error_errno(err, errno, "cannot make folder %.200s", path);
        return 0;
    case AE_IFLNK:
        if (target == NULL || *target == '\0' || strlen(target) > TAR_NAME_MAX)
            return refuse(err, path, "the link has no target, or too long a one");
        if (symlinkat(target, at, name) < 0)
            return error_errno(err, errno, "cannot make link %.200s", path);
        return 0;
    case AE_IFIFO:
        if (mkfifoat(at, name, 0600) < 0)
            return error_errno(err, errno, "cannot make fifo %.200s", path);
        return 0;
    default:
        return refuse(err, path, "is not a file, folder, link or fifo");
    }
}

static bool is_device(const struct archive_entry *entry)
{
    mode_t type = archive_entry_filetype((struct archive_entry *)entry);

    return type == AE_IFCHR || type == AE_IFBLK;
}

static int extract_entry(struct extract *extract, struct place *place, struct tar_stream *stream,
                         struct archive_entry *entry, const char *path, struct error *err)
{
    bool folder =
        archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == NULL;
    const char *name;

    if (*path == '\0') { /* the root */
        if (!folder)
            return refuse(err, "/", "is not a folder");
        return set_owner_mode_time(entry, extract->root_fd, ".", "/", err);
    }
    if (is_device(entry)) {
        if (strncmp(path, "dev/", 4) == 0)
            return 0; /* containers get a /dev of their own */
        return refuse(err, path, "is a device");
    }
    if (enter_place(extract, place, path, &name, err) < 0 ||
        clear_place(extract, place->fd, name, path, folder, err) < 0)
        return -1;
    if (archive_entry_hardlink(entry) != NULL)
        return make_hardlink(extract, entry, place->fd, name, path, err);
    if (make_entry(extract, stream, entry, place->fd, name, path, err) < 0)
        return -1;
    return set_owner_mode_time(entry, place->fd, name, path, err);
}

/* name: without what is before it in the path. */
static int check_whiteout(const char *name, const char *path, struct error *err)
{
    if (strcmp(name, ".wh.") == 0 || strcmp(name, ".wh..") == 0 || strcmp(name, ".wh...") == 0)
        return refuse(err, path, "does not say what to remove");
    return 0;
}

/* ".wh.NAME" removes NAME of the layers before, ".wh..wh..opq" all that is in its folder. */
static int whiteout(struct extract *extract, struct place *place, const char *path,
                    struct error *err)
{
    const char *name;

    if (enter_place(extract, place, path, &name, err) < 0)
        return -1;
    if (strcmp(name, ".wh..wh..opq") == 0)
        return clear_tree_at(place->fd, ".", err) < 0
                   ? error_wrap(err, "cannot empty the folder of %.200s", path)
                   : 0;
    if (check_whiteout(name, path, err) < 0)
        return -1;
    return remove_tree_at(place->fd, name + 4, err) < 0
               ? error_wrap(err, "cannot remove what %.200s names", path)
               : 0;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_whiteout(const char *path)
{
    return strncmp(last_name(path), ".wh.", 4) == 0;
}

static void tell(struct extract *extract, struct tar_stream *stream, int64_t *told)
{
    int64_t now = tar_stream_bytes(stream);

    if (extract->progress != NULL && now - *told >= PROGRESS_STEP) {
        extract->progress(now, extract->arg);
        *told = now;
    }
}

static int take_entry(struct extract *extract, struct place *place, struct tar_stream *stream,
                      struct archive_entry *entry, bool whiteouts, struct error *err)
{
    _cleanup_(free_ptr) char *name = tar_name(archive_entry_pathname(entry), err);

    if (name == NULL)
        return -1;
    if (is_whiteout(name) && !extract->oci)
        return refuse(err, name, "names that begin with '.wh.' are only allowed in image archives");
    if (is_whiteout(name) != whiteouts && !(is_whiteout(name) && extract->on_nothing))
        return 0;
    if (check_entry(extract, entry, name, err) < 0)
        return -1;
    if (is_whiteout(name) && !whiteouts)
        return check_whiteout(last_name(name), name, err);
    return whiteouts ? whiteout(extract, place, name, err)
                     : extract_entry(extract, place, stream, entry, name, err);
}

/* The removals of an OCI layer are done first (`whiteouts`): they are about the layers before,
 * wherever in the archive they are. */
static int pass(struct extract *extract, struct tar_stream *stream, bool whiteouts,
                struct error *err)
{
    _cleanup_(place_release) struct place place = {.fd = -1};
    struct archive_entry *entry;
    int64_t told = 0, met = 0;
    int rc;

    while ((rc = tar_stream_next(stream, &entry, err)) > 0) {
        if (++met > extract->entries_max)
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "the image has more than %lld entries (image_entries_max)",
                             (long long)extract->entries_max);
        if (take_entry(extract, &place, stream, entry, whiteouts, err) < 0)
            return -1;
        if (!whiteouts)
            tell(extract, stream, &told);
    }
    return rc;
}

int64_t extract_stream_most(const struct extract *extract)
{
    const int64_t headers = extract->entries_max * HEADERS_SIZE + (1 << 20);

    return extract->bytes_max + headers - extract->stream_bytes;
}

static int check_sum(struct tar_stream *stream, const char *sha256, struct error *err)
{
    char digits[2 * SHA256_SIZE + 1];

    if (tar_stream_digest(stream, digits, err) < 0)
        return -1;
    if (strcmp(digits, sha256) != 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "its content does not match its digest sha256:%s", sha256);
    return 0;
}

int extract_tar(struct extract *extract, int source_fd, const char *sha256, struct error *err)
{
    const int64_t most = extract_stream_most(extract);
    int64_t length = 0;

    if ((extract->oci && !extract->on_nothing) || sha256 != NULL) {
        _cleanup_(close_stream) struct tar_stream *stream =
            tar_stream_open(source_fd, most, sha256 != NULL, err);

        if (stream == NULL || pass(extract, stream, true, err) < 0 ||
            (sha256 != NULL && check_sum(stream, sha256, err) < 0))
            return -1;
        length = tar_stream_bytes(stream);
    }
    {
        _cleanup_(close_stream) struct tar_stream *stream =
            tar_stream_open(source_fd, most, false, err);

        if (stream == NULL || pass(extract, stream, false, err) < 0)
            return -1;
        /* The first pass may have read on behind the last entry, or there was none. */
        if (length < tar_stream_bytes(stream))
            length = tar_stream_bytes(stream);
        extract->stream_bytes += length;
        return 0;
    }
}

int extract_read(const struct extract *extract, const char *path, size_t most, struct buf *text,
                 struct error *err)
{
    buf_add_str(text, "");
    for (int i = -1; i < extract->base_count; i++) {
        const int root = i < 0 ? extract->root_fd : extract->base_fds[i];
        _cleanup_(close_fd) int look = open_below(root, path, O_PATH, true);
        _cleanup_(close_fd) int fd = -1;
        struct stat st;

        if (look < 0 || fstat(look, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (st.st_size > (off_t)most)
            return 0;
        fd = open_below(root, path, O_RDONLY, true); /* nobody else changes the folder */
        return fd < 0 ? error_errno(err, errno, "cannot read %s", path)
                      : fd_read_all(fd, most, text, err);
    }
    return 0;
}

/* Container engines make it, so some images have none. */
static int lay_etc_files(struct extract *extract, struct error *err)
{
    struct stat st;

    if (extract->base_count == 0 &&
        fstatat(extract->root_fd, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        make_parent(extract, extract->root_fd, "etc", "etc", err) < 0)
        return -1;
    return etc_files_lay(extract->root_fd, extract->base_count > 0, err);
}

/* --- can a container be started from it? ----------------------------------------------------- */

/* Not the 32-bit programs that the processor could run: containers have no way into the kernel for
 * them (container/seccomp.h). */
static bool runs_here(uint16_t machine)
{
#if defined(__x86_64__)
    return machine == EM_X86_64;
#elif defined(__aarch64__)
    return machine == EM_AARCH64;
#else
    (void)machine;
    return true;
#endif
}

/* Of a shell that is there: would the kernel start it? */
static int check_program(const struct extract *extract, int fd, const char *path, struct error *err)
{
    _cleanup_(close_fd) int program = -1;
    unsigned char head[20] = {0}; /* the ELF header up to the machine */
    struct stat st;
    uint16_t machine;

    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        return refuse(err, path, "is not an executable file, so no command could run");
    /* Again, now that it is known to be a file: nobody else changes the folder. */
    program = open_below(extract->root_fd, path, O_RDONLY, true);
    if (program < 0 || pread(program, head, sizeof(head), 0) < 0)
        return error_errno(err, errno, "cannot read %s", path);
    if (head[0] == '#' && head[1] == '!')
        return 0;
    if (memcmp(head, ELFMAG, SELFMAG) != 0)
        return refuse(err, path, "is not an executable file, so no command could run");
    memcpy(&machine, head + 18, sizeof(machine));
    if (!runs_here(machine))
        return refuse(err, path, "is a program for another kind of processor than this host's");
    return 0;
}

/* The shells in the order in which the agent tries them. Without one every command would fail in
 * a session that is ready. */
static int check_shell(const struct extract *extract, struct error *err)
{
    static const char *const shells[] = {"bin/bash", "usr/bin/bash", "bin/sh"};

    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        _cleanup_(close_fd) int fd = open_below(extract->root_fd, shells[i], O_PATH, true);

        if (fd >= 0)
            return check_program(extract, fd, shells[i], err);
    }
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "not a root file system in which commands can run: it has none of /bin/bash, "
                     "/usr/bin/bash and /bin/sh");
}

/* Runtimes read these at a container's start, before anybody could end them for what they find: a
 * fifo would hold the start, a device fill its memory. */
static int check_accounts(const struct extract *extract, struct error *err)
{
    static const char *const files[] = {"etc/passwd", "etc/group"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(close_fd) int itself =
            open_below(extract->root_fd, files[i], O_PATH | O_NOFOLLOW, false);
        _cleanup_(close_fd) int fd = open_below(extract->root_fd, files[i], O_PATH, true);
        struct stat st;

        if (itself < 0 && fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return refuse(err, files[i],
                          "must be a plain file, or a link to one in the same archive");
    }
    return 0;
}

int extract_finish(struct extract *extract, struct error *err)
{
    static const char *const folders[] = {"dev", "proc", "sys", "tmp", "run"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        struct stat st;

        if (fstatat(extract->root_fd, folders[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
            if (!S_ISDIR(st.st_mode))
                return refuse(err, folders[i], "must be a folder");
            continue;
        }
        if (extract->base_count > 0)
            continue;
        if (make_parent(extract, extract->root_fd, folders[i], folders[i], err) < 0)
            return -1;
        if (strcmp(folders[i], "tmp") == 0 && fchmodat(extract->root_fd, "tmp", 01777, 0) < 0)
            return error_errno(err, errno, "cannot set the mode of tmp");
    }
    if (check_accounts(extract, err) < 0)
        return -1;
    if (extract->base_count == 0 && check_shell(extract, err) < 0) /* a base's was checked */
        return -1;
    return lay_etc_files(extract, err);
}
