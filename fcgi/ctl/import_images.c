#include "ctl/import_images.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "images/image_store.h"
#include "images/images.h"
#include "settings.h"

#include "base/banned.h"

#define NAMED_MOST 10

static void add_stored(json_object *stored, const char *name, const char *repo_path,
                       const char *workdir)
{
    json_object *folders = json_object_new_object();

    json_add_text(folders, "repo_path", repo_path);
    json_add_text(folders, "workdir", workdir);
    json_add(stored, name, folders);
}

static void add_listed(const struct image *image, void *arg)
{
    add_stored(arg, image->name, image->repo_path, image->workdir);
}

void import_images_begin(struct import_images *images, struct ctl *ctl, bool make)
{
    struct error err = ERROR_INIT;

    images->ctl = ctl;
    images->make = make;
    images->stored = json_object_new_object();
    images->missing = json_object_new_object();
    images->of_folders = xcalloc(images->folders.count + 1, sizeof(*images->of_folders));
    if (image_list(&ctl_settings(ctl)->engine, add_listed, images->stored, &err) < 0)
        ctl_warn(ctl, "%s", err.message);
}

void import_images_release(struct import_images *images)
{
    for (size_t i = 0; images->of_folders && i < images->folders.count; i++) {
        task_images_release(&images->of_folders[i].images);
        free(images->of_folders[i].refusal);
    }
    free(images->of_folders);
    task_folders_release(&images->folders);
    image_map_release(&images->map);
    json_object_put(images->stored);
    json_object_put(images->missing);
}

/* It may have been made a moment ago. */
static void note_made(const struct import_images *images, const char *name)
{
    const char *image_dir = ctl_settings(images->ctl)->engine.image_dir;
    _cleanup_(json_release) json_object *image = NULL;
    struct error ignored = ERROR_INIT;

    if (name && !json_object_object_get_ex(images->stored, name, NULL) &&
        image_describe(image_dir, name, &image, &ignored) == 0)
        add_stored(images->stored, name, json_get_text(image, "repo_path"),
                   json_get_text(image, "workdir"));
}

static bool is_of_folder(const struct import_images *images, int64_t row)
{
    return row >= 1 && (uint64_t)row <= images->folders.count;
}

void import_images_make(struct import_images *images, int64_t row, const struct sample_line *line)
{
    struct folder_images *made = is_of_folder(images, row) ? &images->of_folders[row - 1] : NULL;
    struct error why = ERROR_INIT;

    if (made && task_folder_images(images->ctl, &images->folders, (size_t)(row - 1), line->image,
                                   images->make, images->network, &made->images, &why) < 0)
        made->refusal = xstrdup(why.message);
}

/* A task's folder says what its images are made of. */
static int take_made(const struct import_images *images, int64_t row, struct sample_line *line,
                     struct error *why)
{
    const struct folder_images *made = &images->of_folders[row - 1];

    if (made->refusal)
        return error_set(why, ERROR_INVALID, NULL, "%s", made->refusal);
    if (made->images.image)
        line->image = made->images.image;
    if (made->images.verifier_image)
        line->verifier_image = made->images.verifier_image;
    note_made(images, made->images.image);
    note_made(images, made->images.verifier_image);
    return 0;
}

static void note_missing(const struct import_images *images, const char *name)
{
    if (name && !json_object_object_get_ex(images->stored, name, NULL))
        json_add(images->missing, name, NULL);
}

static void choose(const struct import_images *images, struct sample_line *line)
{
    const struct image_map_entry *entry = image_map_find(&images->map, line->sample_id);

    if (entry) {
        line->image = entry->image;
        line->verifier_image = entry->verifier_image;
        sample_line_met(line, "image");
    }
    note_missing(images, line->image);
    note_missing(images, line->verifier_image);
}

/* The folders that its image names. One that is a layer which is not made yet will name those of
 * the image below it. */
static json_object *folders_of(const struct import_images *images, const struct sample_line *line,
                               const struct task_images *made)
{
    const char *image = line->image;

    if (image && made && image == made->image && made->base &&
        !json_object_object_get_ex(images->stored, image, NULL))
        image = made->base;
    return image ? json_object_object_get(images->stored, image) : NULL;
}

int import_images_settle(struct import_images *images, int64_t row, struct sample_line *line,
                         bool *ret_incomplete, struct error *why)
{
    const bool of_folder = is_of_folder(images, row);
    const struct task_images *made = of_folder ? &images->of_folders[row - 1].images : NULL;
    const bool is_harbors = of_folder && !images->folders.list[row - 1].is_own;
    const char *repo_path, *workdir;
    json_object *folders;

    if (of_folder && take_made(images, row, line, why) < 0)
        return -1;
    *ret_incomplete = made && made->incomplete;
    choose(images, line);
    folders = folders_of(images, line, made);
    repo_path = json_get_text(folders, "repo_path");
    workdir = json_get_text(folders, "workdir");
    /* Harbor's tasks run where their image says. What the row has was read from a Dockerfile. */
    if (is_harbors && !repo_path && workdir && strcmp(workdir, "/") != 0)
        repo_path = workdir;
    if (is_harbors && repo_path)
        line->names_no_folder = true;
    return sample_line_settle_folder(line, repo_path, workdir, why);
}

/* An order that works, so no failure: data first, images then. */
void import_images_warn(const struct import_images *images)
{
    int named = 0;

    json_object_object_foreach (images->missing, name, ignored) {
        (void)ignored;
        if (named++ < NAMED_MOST)
            ctl_warn(images->ctl,
                     "image '%s' is not in the image store; import it with 'codesetctl image "
                     "import' before sessions need it",
                     name);
    }
    if (named > NAMED_MOST)
        ctl_warn(images->ctl, "%d more images are not in the image store", named - NAMED_MOST);
}
