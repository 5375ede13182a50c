/*
 * private_dev.h - a container's own device nodes, and what it is told in place of the host's
 * figures.
 *
 * A runtime that works in a user namespace can make no device: it binds the host's /dev/null and
 * its like into the container. The host's are one inode for all, on which containers would meet:
 * locks, inotify, times. So the helper, in its private mount namespace, mounts a /dev of its own
 * before it becomes the runtime, which then finds there what it binds.
 */
#ifndef CODESET_CONTAINER_PRIVATE_DEV_H
#define CODESET_CONTAINER_PRIVATE_DEV_H

#include <stdint.h>

#include "base/error.h"
#include "container/cgroup.h"

/* Files beside the nodes, for config.json to mount over those of /proc (oci_config.h). */
#define PRIVATE_DEV_LOADAVG "/dev/loadavg" /* idle */
#define PRIVATE_DEV_MEMINFO "/dev/meminfo" /* memory_bytes, all of it free */
#define PRIVATE_DEV_CGROUPS "/dev/cgroups" /* the host's controllers, one cgroup each */
#define PRIVATE_DEV_BOOT_ID "/dev/boot_id" /* a random one */
#define PRIVATE_DEV_STAT "/dev/stat"       /* `cpus` processors that never did anything */
#define PRIVATE_DEV_CPUINFO "/dev/cpuinfo" /* the first `cpus` of the host's */
#define PRIVATE_DEV_SYS "/dev/sys"         /* a folder: container/own_sys.h */

struct private_dev {
    int64_t memory_bytes;
    int64_t cpu_millicores;
    const struct cgroup_fs *fs;
    const char *cgroup; /* the container's */
};

/* How many processors a container with that limit needs, and has at most: each that it begins. */
int private_dev_cpus(int64_t cpu_millicores);

/* In a mount namespace that is private. Afterwards no other device can be opened by name. */
int private_dev_mount(const struct private_dev *dev, struct error *err);

#endif
