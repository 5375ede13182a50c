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

#include "base/banned.h"

static int open_folder(const char *name, struct error *err)
{
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 ? fd : error_errno(err, errno, "cannot open the import's folder %s", name);
}

static int unpack_archive(struct extract *extract, int source_fd, int scratch_fd,
                          struct unpacked *unpacked, struct error *err)
{
    enum archive_kind kind;

    if (archive_kind(source_fd, extract_stream_most(extract), &kind, err) < 0)
        return -1;
    if (kind == ARCHIVE_ROOT)
        return extract_tar(extract, source_fd, NULL, err);
    if (extract->base_count > 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "this is an image archive, which has a root file system of its own; a "
                         "layer over another image must be a plain tar");
    return image_oci_unpack(extract, kind, source_fd, scratch_fd, unpacked, err);
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
    if (job->is_pipe) {
        copy = source_copy(job->source_fd, scratch, job->bytes_max, job->progress, job->arg, err);
        if (copy < 0)
            return -1;
    }
    if (unpack_archive(&extract, job->is_pipe ? copy : job->source_fd, scratch, &unpacked, err) <
            0 ||
        extract_finish(&extract, err) < 0)
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
