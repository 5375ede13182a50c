/*
 * own_sys.h - the few files of /sys by which programs find out what they may use: how many
 * processors, and, on cgroup version 1, the container's own limits.
 *
 * The helper lays them into its private /dev (private_dev.h), from where config.json mounts them as
 * /sys. On version 2 the runtime mounts the container's cgroup itself.
 */
#ifndef CODESET_CONTAINER_OWN_SYS_H
#define CODESET_CONTAINER_OWN_SYS_H

#include "base/error.h"
#include "container/cgroup.h"

#define OWN_SYS_CGROUPS "fs/cgroup" /* in the folder; places without content */
#define OWN_SYS_VIEWS ".cgroup"     /* behind the folder's name: what is to be mounted there */
#define OWN_SYS_CGROUPS_MOST 5

/* The names in both, each for config.json to mount: a folder with mounts in it could not be mounted
 * without these from within a user namespace. Returns how many; borrowed of fs. */
size_t own_sys_cgroups(const struct cgroup_fs *fs, const char *names[OWN_SYS_CGROUPS_MOST]);

/* Makes the folder, with `cpus` processors. cgroup: the container's, which is there already. What
 * is shown of it is read-only, for whoever comes to it. */
int own_sys_make(const char *folder, int cpus, const struct cgroup_fs *fs, const char *cgroup,
                 struct error *err);

#endif
