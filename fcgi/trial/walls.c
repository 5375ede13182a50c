#include "trial/walls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"

#include "base/banned.h"

#define FOLDERS_MOST 4
#define TEMPORARY_MOST 10000 /* names that a folder of temporary files may have from the image */

const char *const trial_walls_temporary[] = {"/tmp", "/var/tmp", "/dev/shm", NULL};

/* --- what everybody may write ---------------------------------------------------------------- */

static bool is_temporary(const char *path)
{
    for (const char *const *folder = trial_walls_temporary; *folder; folder++)
        if (strcmp(*folder + 1, path) == 0)
            return true;
    return false;
}

static enum walk_next close_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    mode_t mode = thing->st->st_mode;

    if (strcmp(thing->path, arg) == 0)
        return WALK_OVER;
    if (!S_ISLNK(mode) && (mode & S_IWOTH) && !is_temporary(thing->path) &&
        fchmodat(thing->dir_fd, thing->name, mode & 07777 & ~(mode_t)S_IWOTH, 0) < 0) {
        error_errno(err, errno, "cannot close /%.200s", thing->path);
        return WALK_STOP;
    }
    return WALK_ON;
}

int trial_walls_close(const char *spared, struct error *err)
{
    _cleanup_(close_fd) int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return error_errno(err, errno, "cannot open /");
    return walk(root, close_thing, (void *)(spared + 1), err);
}

int trial_walls_hide(int dir_fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, errno, "cannot hide %.200s", path);
    if (S_ISLNK(st.st_mode))
        return error_set(err, ERROR_INVALID, NULL, "%.200s is a link: name what it leads to", path);
    if (fchownat(dir_fd, path, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dir_fd, path, S_ISDIR(st.st_mode) ? 0700 : 0600, 0) < 0)
        return error_errno(err, errno, "cannot hide %.200s", path);
    return 0;
}

/* --- the repository -------------------------------------------------------------------------- */

/* Touched only where it is not so already: a change copies a file of the image. */
static int seal(const struct walk_thing *thing)
{
    mode_t mode = thing->st->st_mode, wanted = (mode & 0777 & ~(mode_t)022) | 0444;

    if ((thing->st->st_uid != 0 || thing->st->st_gid != 0) &&
        fchownat(thing->dir_fd, thing->name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISLNK(mode))
        return 0;
    if (S_ISDIR(mode) || (mode & 0111))
        wanted |= 0111;
    if (!S_ISDIR(mode) && !S_ISREG(mode))
        wanted = 0;
    return (mode & 07777) == wanted ? 0 : fchmodat(thing->dir_fd, thing->name, wanted, 0);
}

static enum walk_next seal_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    (void)arg;
    if (strcmp(thing->path, ".git") == 0 && !S_ISLNK(thing->st->st_mode))
        return trial_walls_hide(thing->dir_fd, thing->name, err) < 0 ? WALK_STOP : WALK_OVER;
    if (seal(thing) < 0) {
        error_errno(err, errno, "cannot seal %.200s", thing->path);
        return WALK_STOP;
    }
    return WALK_ON;
}

int trial_walls_seal(int root_fd, struct error *err)
{
    if (fchown(root_fd, 0, 0) < 0 || fchmod(root_fd, 0755) < 0)
        return error_errno(err, errno, "cannot seal the repository's folder");
    return walk(root_fd, seal_thing, NULL, err);
}

/* --- temporary files ------------------------------------------------------------------------- */

struct names {
    char **items; /* sorted */
    size_t count;
};

struct trial_leftovers {
    const char *const *folders;
    struct names there[FOLDERS_MOST];
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static DIR *open_temporary(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir)
        close_fd(&fd);
    return dir;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

DEFINE_CLEANUP(DIR *, close_dir, closedir)

struct trial_leftovers *trial_leftovers_new(const char *const *folders)
{
    struct trial_leftovers *leftovers = xcalloc(1, sizeof(*leftovers));

    leftovers->folders = folders;
    for (size_t i = 0; i < FOLDERS_MOST && folders[i]; i++) {
        _cleanup_(close_dir) DIR *dir = open_temporary(folders[i]);
        struct names *names = &leftovers->there[i];
        const struct dirent *entry;

        names->items = xcalloc(TEMPORARY_MOST, sizeof(*names->items));
        while (dir && names->count < TEMPORARY_MOST && (entry = readdir(dir)))
            if (!is_dots(entry->d_name))
                names->items[names->count++] = xstrdup(entry->d_name);
        qsort(names->items, names->count, sizeof(*names->items), by_text);
    }
    return leftovers;
}

void trial_leftovers_free(struct trial_leftovers *leftovers)
{
    if (!leftovers)
        return;
    for (size_t i = 0; i < FOLDERS_MOST; i++) {
        for (size_t j = 0; j < leftovers->there[i].count; j++)
            free(leftovers->there[i].items[j]);
        free(leftovers->there[i].items);
    }
    free(leftovers);
}

static int remove_new(DIR *dir, const struct names *names, struct error *err)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;

        if (!is_dots(name) &&
            !bsearch(&name, names->items, names->count, sizeof(*names->items), by_text) &&
            remove_tree_at(dirfd(dir), name, err) < 0)
            return -1;
    }
    return 0;
}

int trial_leftovers_remove(const struct trial_leftovers *leftovers, struct error *err)
{
    for (size_t i = 0; i < FOLDERS_MOST && leftovers->folders[i]; i++) {
        _cleanup_(close_dir) DIR *dir = open_temporary(leftovers->folders[i]);

        if (dir && remove_new(dir, &leftovers->there[i], err) < 0)
            return error_wrap(err, "%s cannot be cleaned", leftovers->folders[i]);
    }
    return 0;
}

/* --- System V's IPC -------------------------------------------------------------------------- */

/* The kernel's calls go by place in a table: the highest one that is in use, then one by one. */
void trial_walls_forget_ipc(void)
{
    uid_t user = geteuid();
    struct shm_info shm_info;
    struct shmid_ds shm;
    struct msginfo msg_info;
    struct msqid_ds msg;
    struct seminfo sem_info;
    struct semid_ds sem;
    int last, id;

    last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&shm_info);
    for (int i = 0; i <= last; i++)
        if ((id = shmctl(i, SHM_STAT_ANY, &shm)) >= 0 && shm.shm_perm.cuid == user)
            (void)shmctl(id, IPC_RMID, NULL);
    last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&msg_info);
    for (int i = 0; i <= last; i++)
        if ((id = msgctl(i, MSG_STAT_ANY, &msg)) >= 0 && msg.msg_perm.cuid == user)
            (void)msgctl(id, IPC_RMID, NULL);
    last = semctl(0, 0, SEM_INFO, &sem_info);
    for (int i = 0; i <= last; i++)
        if ((id = semctl(i, 0, SEM_STAT_ANY, &sem)) >= 0 && sem.sem_perm.cuid == user)
            (void)semctl(id, 0, IPC_RMID);
}
