#include "images/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "images/archive_kind.h"
#include "images/extract.h"
#include "images/oci_archive.h"
#include "images/scrub.h"
#include "images/source.h"
#include "wire/account.h"

#include "base/banned.h"

static int open_folder(const char *name, struct error *err)
{
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 ? fd : error_errno(err, errno, "cannot open the import's folder %s", name);
}

static int unpack_archive(struct extract *extract, const struct unpack_job *job, int source_fd,
                          int scratch_fd, struct unpacked *unpacked, struct error *err)
{
    enum archive_kind kind = ARCHIVE_OCI;

    if (!job->is_layout && archive_kind(source_fd, extract_stream_most(extract), &kind, err) < 0)
        return -1;
    if (kind == ARCHIVE_ROOT)
        return extract_tar(extract, source_fd, NULL, err);
    if (extract->base_count > 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "this is an image archive, which has a root file system of its own; a "
                         "layer over another image must be a plain tar");
    return image_oci_unpack(extract, kind, &job->choice, source_fd, scratch_fd, unpacked, err);
}

/* That commands can become the user is found out here and not by the first session. */
static int check_user(const struct extract *extract, const char *user, struct error *err)
{
    _cleanup_(buf_release) struct buf passwd = BUF_INIT, group = BUF_INIT;
    struct account account;

    if (user == NULL || !account_spec_valid(user)) /* which the report's reader refuses */
        return 0;
    if (extract_read(extract, "etc/passwd", ACCOUNT_FILE_MOST, &passwd, err) < 0 ||
        extract_read(extract, "etc/group", ACCOUNT_FILE_MOST, &group, err) < 0)
        return -1;
    if (account_find(passwd.data, group.data, user, &account, err) == 0)
        return 0;
    err->code = "IMAGE_REFUSED";
    return error_wrap(err, "commands cannot run as the image's user; give another with --user");
}

int unpack(const struct unpack_job *job, struct unpacked *ret_unpacked, struct error *err)
{
    _cleanup_(unpacked_release) struct unpacked unpacked = {.bytes = 0};
    _cleanup_(close_fd) int root = open_folder("/" UNPACK_ROOTFS, err);
    _cleanup_(close_fd) int scratch = root >= 0 ? open_folder("/" UNPACK_SCRATCH, err) : -1;
    _cleanup_(close_fd) int copy = -1;
    struct extract extract = {.root_fd = root,
                              .base_fds = job->base_fds,
                              .base_count = job->base_count,
                              .bytes_max = job->bytes_max,
                              .entries_max = job->entries_max,
                              .progress = job->progress,
                              .arg = job->arg};

    if (scratch < 0)
        return -1;
    if (job->is_pipe && !job->is_layout) {
        copy = source_copy(job->source_fd, scratch, job->bytes_max, job->progress, job->arg, err);
        if (copy < 0)
            return -1;
    }
    if (unpack_archive(&extract, job, copy >= 0 ? copy : job->source_fd, scratch, &unpacked, err) <
            0 ||
        extract_finish(&extract, err) < 0 ||
        check_user(&extract, job->user ? job->user : unpacked.user, err) < 0)
        return -1;
    if (job->scrub_git) {
        unpacked.scrubbed = scrub_git("/" UNPACK_ROOTFS, err);
        if (unpacked.scrubbed < 0)
            return -1;
    }
    unpacked.bytes = extract.bytes;
    *ret_unpacked = unpacked;
    memset(&unpacked, 0, sizeof(unpacked));
    return 0;
}
