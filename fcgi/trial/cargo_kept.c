#include "trial/cargo_kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "trial/copy.h"
#include "trial/lay.h"
#include "trial/writing.h"

#include "base/banned.h"

#define MANIFEST "Cargo.toml"
#define SUMS ".cargo-checksum.json" /* of a package that `cargo vendor` wrote */
#define KEPT "kept"                 /* in the planner's folder */

struct keeping {
    const struct crate_project *project;
    json_object *kept; /* paths */
    int from, to;      /* the copy; what replaces the session's */
};

static bool is_there(int dir_fd, const char *folder, const char *name)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s%s%s", folder, folder[0] ? "/" : "", name);

    return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int keep(struct keeping *keeping, const char *path, struct error *err)
{
    trial_list_add(keeping->kept, path);
    return is_there(keeping->from, "", path)
               ? trial_lay(keeping->from, path, keeping->to, path, 0, TRIAL_LAY_TIMES, err)
               : 0;
}

/* An empty folder where there is none: so whatever leads to it in the session is a folder, too, and
 * no link to another one with settings. */
static int keep_folder(struct keeping *keeping, const char *path, struct error *err)
{
    _cleanup_(free_ptr) char *empty = xasprintf(KEPT "/%s", path);

    if (is_there(keeping->from, "", path))
        return keep(keeping, path, err);
    trial_list_add(keeping->kept, path);
    return make_dirs(empty, 0755, err);
}

/* What tells cargo and rustup which programs to run: in the project's folder and all above it. */
static int keep_settings(struct keeping *keeping, struct error *err)
{
    static const char *const names[] = {"rust-toolchain", "rust-toolchain.toml"};
    _cleanup_(free_ptr) char *folder = xstrdup(keeping->project->folder);

    for (;;) {
        _cleanup_(free_ptr) char *settings = xasprintf("%s.cargo", folder);
        char *slash;

        if (keep_folder(keeping, settings, err) < 0)
            return -1;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            _cleanup_(free_ptr) char *path = xasprintf("%s%s", folder, names[i]);

            if (keep(keeping, path, err) < 0)
                return -1;
        }
        if (!folder[0])
            return 0;
        folder[strlen(folder) - 1] = '\0';
        slash = strrchr(folder, '/');
        (slash ? slash + 1 : folder)[0] = '\0';
    }
}

/* A package's build script, where cargo would find one, and what may be a workspace around it. */
static int keep_around(struct keeping *keeping, const char *manifest, struct error *err)
{
    int length = (int)(strlen(manifest) - strlen(MANIFEST)); /* of the folder */
    _cleanup_(free_ptr) char *script = xasprintf("%.*sbuild.rs", length, manifest);

    if (keep(keeping, script, err) < 0)
        return -1;
    while (length > 0) {
        _cleanup_(free_ptr) char *above = NULL;

        for (length--; length > 0 && manifest[length - 1] != '/'; length--)
            ;
        above = xasprintf("%.*s" MANIFEST, length, manifest);
        if (keep(keeping, above, err) < 0)
            return -1;
    }
    return 0;
}

DEFINE_CLEANUP(DIR *, close_dir, closedir)

/* Has it packages of others, and no other folders? A session could add one, which then may be used
 * in place of the image's. */
static bool is_source(const struct keeping *keeping, const char *folder)
{
    int fd = openat(keeping->from, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_(close_dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    bool found = false;

    if (fd >= 0 && !dir)
        close(fd);
    while (dir && (entry = readdir(dir))) {
        bool has_sums;

        if (entry->d_name[0] == '.')
            continue;
        has_sums = is_there(fd, entry->d_name, SUMS);
        if (!has_sums && is_there(fd, entry->d_name, ".")) /* a folder */
            return false;
        found = found || has_sums;
    }
    return found;
}

static enum walk_next keep_package(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct keeping *keeping = arg;

    if (S_ISDIR(thing->st->st_mode)) {
        if (!is_there(keeping->from, thing->path, SUMS) && !is_source(keeping, thing->path))
            return WALK_ON;
        return keep(keeping, thing->path, err) < 0 ? WALK_STOP : WALK_OVER;
    }
    if (strcmp(thing->name, MANIFEST) == 0 &&
        (keep(keeping, thing->path, err) < 0 || keep_around(keeping, thing->path, err) < 0))
        return WALK_STOP;
    return WALK_ON;
}

/* Is the folder that of a package, or has it the first file of a program? */
static bool has_program(const struct crate_project *project, const char *folder, size_t length)
{
    _cleanup_(free_ptr) char *manifest = xasprintf("%.*s/" MANIFEST, (int)length, folder);

    if (is_there(AT_FDCWD, TRIAL_COPY, manifest))
        return true;
    for (size_t i = 0; i < project->target_count; i++)
        if (strncmp(project->targets[i].root, folder, length) == 0 &&
            project->targets[i].root[length] == '/')
            return true;
    return false;
}

/* A build script with the files beside it, which may be parts of it, where it has a folder of its
 * own. */
static int keep_script(struct keeping *keeping, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    _cleanup_(free_ptr) char *folder = xstrndup(path, length);

    return keep(keeping, length == 0 || has_program(keeping->project, path, length) ? path : folder,
                err);
}

static int keep_scripts(struct keeping *keeping, struct error *err)
{
    const struct crate_paths *scripts = &keeping->project->scripts;
    const struct crate_paths *modules = &keeping->project->script_modules;

    for (size_t i = 0; i < scripts->count; i++)
        if (keep_script(keeping, scripts->items[i], err) < 0)
            return -1;
    for (size_t i = 0; i < modules->count; i++)
        if (keep(keeping, modules->items[i], err) < 0)
            return -1;
    return 0;
}

int trial_cargo_keep(const struct crate_project *project, json_object *plan, struct error *err)
{
    _cleanup_(close_fd) int from = open(TRIAL_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
    struct keeping keeping = {.project = project, .kept = json_object_new_array(), .from = from};
    bool own = json_object_get_boolean(json_object_object_get(project->trial, "manifests"));

    json_object_object_add(plan, "kept", keeping.kept);
    if (mkdir(KEPT, 0755) < 0 || from < 0 ||
        (to = open(KEPT, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_errno(err, errno, "cannot make " KEPT);
    keeping.to = to;
    if (keep_settings(&keeping, err) < 0)
        return -1;
    if (own)
        return 0;
    if (keep_scripts(&keeping, err) < 0)
        return -1;
    return walk(from, keep_package, &keeping, err);
}
