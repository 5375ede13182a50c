#include "container/own_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define PROCESSORS "devices/system/cpu"

static int make_list(const char *folder, const char *name, int cpus, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" PROCESSORS "/%s", folder, name);
    _cleanup_(free_ptr) char *text = cpus > 1 ? xasprintf("0-%d\n", cpus - 1) : xstrdup("0\n");
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

    if (fd < 0)
        return error_errno(err, errno, "cannot make %s", path);
    return fd_write_all(fd, text, strlen(text), err);
}

/* The C library counts processors by these, and so does what is written in Python. */
static int make_processors(const char *folder, int cpus, struct error *err)
{
    static const char *const lists[] = {"online", "possible", "present"};
    _cleanup_(free_ptr) char *path = xasprintf("%s/" PROCESSORS, folder);

    if (make_dirs(path, 0555, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (make_list(folder, lists[i], cpus, err) < 0)
            return -1;
    return 0;
}

/* "memory" of "/sys/fs/cgroup/memory". */
static const char *name_of(const char *hierarchy)
{
    const char *slash = strrchr(hierarchy, '/');

    return slash ? slash + 1 : hierarchy;
}

/* A cgroup as a mount of its own: of the hierarchy above it nothing can be reached through it. */
static int show(const char *hierarchy, const char *cgroup, const char *folder, struct error *err)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    _cleanup_(free_ptr) char *source = xasprintf("%s%s", hierarchy, cgroup);
    _cleanup_(free_ptr) char *place =
        xasprintf("%s/" OWN_SYS_CGROUPS "/%s", folder, name_of(hierarchy));
    _cleanup_(free_ptr) char *view =
        xasprintf("%s" OWN_SYS_VIEWS "/%s", folder, name_of(hierarchy));
    _cleanup_(close_fd) int fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return error_errno(err, errno, "cannot open the cgroup %s", source);
    if (mkdir(place, 0555) < 0 || make_dirs(view, 0555, err) < 0 ||
        move_mount(fd, "", AT_FDCWD, view, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_errno(err, errno, "cannot mount the cgroup %s", source);
    return 0;
}

/*
 * JVMs believe a version 1 only where they find memory, cpu, cpuacct and cpuset. Containers have no
 * cgroup in the last of them; an empty one that all share is shown in its place.
 */
static int show_cpuset(const char *hierarchy, const char *cgroup, const char *folder,
                       struct error *err)
{
    const char *slash = strrchr(cgroup, '/');
    _cleanup_(free_ptr) char *parent = xstrndup(cgroup, (size_t)(slash - cgroup));
    _cleanup_(free_ptr) char *path = xasprintf("%s%s", hierarchy, parent);

    return make_dirs(path, 0755, err) < 0 ? -1 : show(hierarchy, parent, folder, err);
}

/* One hierarchy may have several controllers: is it none of those before? */
static bool is_first(const char *const *hierarchies, size_t i)
{
    size_t first = 0;

    while (hierarchies[first] != hierarchies[i])
        first++;
    return first == i && hierarchies[i] != NULL;
}

size_t own_sys_cgroups(const struct cgroup_fs *fs, const char *names[OWN_SYS_CGROUPS_MOST])
{
    const char *const hierarchies[] = {fs->memory, fs->cpu, fs->cpuacct, fs->pids, fs->cpuset};
    size_t count = 0;

    for (size_t i = 0; !fs->v2 && i < ARRAY_SIZE(hierarchies); i++)
        if (is_first(hierarchies, i))
            names[count++] = name_of(hierarchies[i]);
    return count;
}

static int show_cgroups(const struct cgroup_fs *fs, const char *cgroup, const char *folder,
                        struct error *err)
{
    const char *const hierarchies[] = {fs->memory, fs->cpu, fs->cpuacct, fs->pids, fs->cpuset};
    const size_t cpuset = ARRAY_SIZE(hierarchies) - 1;

    for (size_t i = 0; i < cpuset; i++)
        if (is_first(hierarchies, i) && show(hierarchies[i], cgroup, folder, err) < 0)
            return -1;
    /* Beside another of them it is shown with the container's own cgroup already. */
    return is_first(hierarchies, cpuset) ? show_cpuset(fs->cpuset, cgroup, folder, err) : 0;
}

int own_sys_make(const char *folder, int cpus, const struct cgroup_fs *fs, const char *cgroup,
                 struct error *err)
{
    _cleanup_(free_ptr) char *cgroups = xasprintf("%s/" OWN_SYS_CGROUPS, folder);

    if (make_processors(folder, cpus, err) < 0 || make_dirs(cgroups, 0555, err) < 0)
        return -1;
    return fs->v2 ? 0 : show_cgroups(fs, cgroup, folder, err);
}
