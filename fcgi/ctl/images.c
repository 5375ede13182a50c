/*
 * images.c - codesetctl image.
 */
#include "images/images.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "store/samples.h"

#include "base/banned.h"

#define MIB (1024.0 * 1024)

struct import_progress {
    struct progress progress;
    const char *source;
};

static void show_progress(int64_t bytes, void *arg)
{
    struct import_progress *import = arg;

    if (progress_due(&import->progress))
        progress_show(&import->progress, "%s: %.0f MiB read", import->source, (double)bytes / MIB);
}

struct search {
    const char *name;
    bool found;
};

static void match(const struct image *image, void *arg)
{
    struct search *search = arg;

    search->found |= strcmp(image->name, search->name) == 0;
}

/* An image that sessions stand on must stay as it is. */
static int check_unused(struct ctl *ctl, const char *name, struct error *err)
{
    struct search search = {.name = name};
    struct db *db;
    int64_t used;

    if (image_list(&ctl_settings(ctl)->engine, match, &search, err) < 0)
        return -1;
    if (!search.found || ctl_option(ctl, "force"))
        return 0;
    db = ctl_db(ctl, err);
    if (!db || store_image_use(db, name, &used, err) < 0)
        return error_wrap(err, "cannot tell whether %s is in use (--force goes on all the same)",
                          name);
    if (used > 0)
        return error_set(err, ERROR_CONFLICT, NULL,
                         "%lld sessions or verifications run on %s; close them first ('codesetctl "
                         "session list')",
                         (long long)used, name);
    return 0;
}

int ctl_image_import(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0), *source = ctl_argument(ctl, 1);
    bool replace = ctl_option(ctl, "replace") != NULL;
    struct import_progress import = {.source = source};
    struct error err = ERROR_INIT;
    int status;

    if (sample_check_image("NAME", name, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (replace && check_unused(ctl, name, &err) < 0)
        return ctl_fail(ctl, &err);
    progress_begin(&import.progress);
    status = image_import(&ctl_settings(ctl)->engine, name, source, ctl_option(ctl, "on"), replace,
                          show_progress, &import, &err);
    progress_end(&import.progress);
    if (status < 0) {
        if (err.code && strcmp(err.code, "IMAGE_EXISTS") == 0)
            error_set(&err, ERROR_CONFLICT, NULL,
                      "there is an image %s already; --replace puts this one in its place", name);
        return ctl_fail(ctl, &err);
    }
    return CTL_OK;
}

static void add_image(const struct image *image, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", image->name);
    json_add_text(object, "base", image->base);
    json_add_int(object, "size_bytes", image->size_bytes);
    json_add_time(object, "created_at", image->created_at);
    json_add_text(object, "source", image->source);
    json_object_array_add(arg, object);
}

int ctl_image_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"NAME", "name"},
                                                   {"ON", "base"},
                                                   {"BYTES", "size_bytes"},
                                                   {"IMPORTED", "created_at"},
                                                   {"SOURCE", "source"}};
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (image_list(&ctl_settings(ctl)->engine, add_image, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there is no image yet; 'codesetctl image import' makes one");
    return CTL_OK;
}

int ctl_image_remove(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;

    if (sample_check_image("NAME", name, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (check_unused(ctl, name, &err) < 0 ||
        image_remove(&ctl_settings(ctl)->engine, name, &err) < 0)
        return ctl_fail(ctl, &err);
    return CTL_OK;
}
