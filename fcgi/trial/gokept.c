#include "trial/gokept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "trial/gotests.h"
#include "trial/writing.h"

#include "base/banned.h"

#define TESTDATA "testdata"

struct keeping {
    struct trial_gomodule *module;
    const char *folder;
    bool is_deep; /* what is in folders of the folder, too */
};

static enum walk_next keep_thing(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct keeping *keeping = arg;
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", keeping->folder, thing->path);

    (void)err;
    if (S_ISDIR(thing->st->st_mode))
        return keeping->is_deep ? WALK_ON : WALK_OVER;
    if (!gotests_is_given(keeping->module, path))
        trial_list_add(keeping->module->kept, path);
    return WALK_ON;
}

/* One that the image does not have is nothing. */
static int keep_folder(struct trial_gomodule *module, const char *folder, bool is_deep,
                       struct error *err)
{
    _cleanup_(free_ptr) char *whole = xasprintf("%s/%s", module->copy, folder);
    _cleanup_(close_fd) int fd = open(whole, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct keeping keeping = {module, folder, is_deep};

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : error_errno(err, errno, "cannot open %.200s", whole);
    return walk(fd, keep_thing, &keeping, err);
}

int trial_gokept_find(struct trial_gomodule *module, json_object *packages, struct error *err)
{
    for (size_t i = 0; i < trial_list_count(module->vendored); i++)
        if (keep_folder(module, trial_list_at(module->vendored, i), false, err) < 0)
            return -1;
    for (size_t i = 0; i < trial_list_count(packages); i++) {
        const char *package = trial_list_at(packages, i);
        _cleanup_(free_ptr) char *folder =
            strcmp(package, ".") == 0 ? xstrdup(TESTDATA) : xasprintf("%s/" TESTDATA, package);

        if (keep_folder(module, folder, true, err) < 0)
            return -1;
    }
    return 0;
}
