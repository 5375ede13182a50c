/*
 * mounts.h - the file systems of a container: a scratch image of its own, and the overlay.
 *
 * All of it happens in the helper process, in a mount namespace that is private to the container:
 * nothing shows on the host, and everything vanishes with the container's last process, whoever
 * dies in between.
 *
 * The scratch image is a sparse ext4 file on a loop device. Formatting takes 9 ms, so each pair of
 * size and count is formatted once, to a template in the scratch folder (.template-SIZE-COUNT),
 * and copied, holes left out. The copy is called <container>.img: so that it can be seen what each
 * container takes of the disk.
 */
#ifndef CODESET_CONTAINER_MOUNTS_H
#define CODESET_CONTAINER_MOUNTS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define MOUNTS_LAYERS_MAX 16

/* Leaves the host's mount namespace for a private copy. */
int mounts_unshare(struct error *err);

#define SCRATCH_SUFFIX ".img"

/* A file descriptor of a fresh ext4 image that holds `bytes` in `inodes` files, in place of one
 * that a start of the same name left. ERROR_UNAVAILABLE when less than `reserve` bytes are free in
 * the folder. */
int scratch_create(const char *scratch_dir, const char *name, int64_t bytes, int64_t inodes,
                   int64_t reserve, struct error *err);

/* Its blocks are free when its loop device is gone too. Not there is success. */
int scratch_remove(const char *scratch_dir, const char *name, struct error *err);

/* Attaches the image to a loop device, which goes when its mount goes, and mounts it on `where`.
 * ERROR_UNAVAILABLE when there is no loop device to be had. */
int scratch_mount(int image_fd, const char *where, struct error *err);

/*
 * A file descriptor of a program, by its path or by its name in one of the `folders` (colons
 * between them), on a mount of its own that is read-only and attached to nothing. Whoever gets hold
 * of the process that runs it can't write to the program.
 */
int mounts_program(const char *name, const char *folders, struct error *err);

/* Makes the namespace to be found at `where`, a file that is made. */
int mounts_namespace(int namespace_fd, const char *where, struct error *err);

/*
 * A file descriptor of a mount, attached to nothing, of what is at `path`, with its owners shown
 * as the user namespace maps them. ERROR_INTERNAL with errno EINVAL where the file system cannot do
 * this: ext4, xfs and btrfs can (Linux 5.15), overlayfs and network file systems cannot.
 */
int mounts_mapped(const char *path, int owners_fd, struct error *err);

/*
 * Mounts at <dir>/rootfs the layers (topmost first), with what is written going to <dir>/scratch,
 * on which the scratch is mounted. The working directory becomes dir: the layers are mounted, with
 * their owners mapped, on short names in it, so that the container's /proc/mounts tells nothing of
 * the host's folders.
 */
int mounts_overlay(const char *dir, const char *const *layers, int count, int owners_fd,
                   struct error *err);

#endif
