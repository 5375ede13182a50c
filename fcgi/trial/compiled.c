#include "trial/compiled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/walk.h"
#include "trial/lay.h"

#include "base/banned.h"

#define ASKED "modules.json"
#define MADE "compiled.json"
#define MADE_MOST ((size_t)4 << 20) /* bytes of it */
#define FOLDER "__pycache__"

json_object *trial_compiled_of(const struct trial_end *ends, size_t count)
{
    _cleanup_(json_release) json_object *known = json_object_new_object();
    json_object *modules = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; ends[i].compiled && n < json_object_array_length(ends[i].compiled);
             n++) {
            json_object *path = json_object_array_get_idx(ends[i].compiled, n);
            const char *text = json_object_get_string(path);

            if (json_object_object_get_ex(known, text, NULL))
                continue;
            json_object_object_add(known, text, NULL);
            json_object_array_add(modules, json_object_get(path));
        }
    return modules;
}

int trial_compiled_ask(int plan_fd, json_object *modules, struct error *err)
{
    _cleanup_(json_release) json_object *root = json_object_new_object();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *repository = getcwd(NULL, 0);

    if (!repository)
        return error_errno(err, errno, "the repository's folder is gone");
    json_add_text(root, "repository", repository);
    json_add(root, "modules", json_object_get(modules));
    json_write(&text, root);
    return file_write_atomic(plan_fd, ASKED, text.data, text.length, 0600, err);
}

/* Is it still a file, with a folder for what is compiled, or none yet? */
static bool is_fit(int dir_fd, const char *name)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (fstatat(dir_fd, FOLDER, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    return S_ISDIR(st.st_mode);
}

/* What can't be laid is not there, nor half of it: each run compiles that module. */
static void lay(int plan_fd, const char *from, int root_fd, const char *source, const char *name)
{
    _cleanup_(free_ptr) char *path = xasprintf(FOLDER "/%s", name);
    struct error ignored = ERROR_INIT;
    struct walk_cursor cursor;
    const char *last;
    int dir_fd;

    walk_cursor_init(&cursor, root_fd);
    dir_fd = walk_cursor_parent(&cursor, source, false, &last);
    if (dir_fd >= 0 && is_fit(dir_fd, last) &&
        trial_lay(plan_fd, from, dir_fd, path, 0, TRIAL_LAY_FRESH, &ignored) < 0)
        remove_tree_at(dir_fd, path, &ignored);
    walk_cursor_release(&cursor);
}

int trial_compiled_lay(json_object *plan, int plan_fd, int root_fd, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *made = NULL;
    struct error ignored = ERROR_INIT;

    (void)plan;
    (void)err;
    if (file_read(plan_fd, MADE, MADE_MOST, &text, &ignored) < 0 ||
        json_parse(text.data, text.length, &made, NULL, &ignored) < 0 ||
        !json_object_is_type(made, json_type_array))
        return 0;
    for (size_t i = 0; i < json_object_array_length(made); i++) {
        json_object *one = json_object_array_get_idx(made, i);
        const char *source = json_get_text(one, "source");
        const char *name = json_get_text(one, "name");
        const char *from = json_get_text(one, "file");

        if (source && name && from && path_is_below(source) && !strchr(name, '/'))
            lay(plan_fd, from, root_fd, source, name);
    }
    return 0;
}
