/*
 * images.c - codesetctl image.
 */
#include "images/images.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/image_options.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "images/image_choice.h"
#include "store/agents.h"
#include "store/catalog.h"
#include "store/containers.h"
#include "store/samples.h"
#include "wire/profile.h"

#include "base/banned.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define SAMPLES_NAMED_MOST 5

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

/* What needs an image, for people: "session ID (ready)", "container cs-ID (ended, on HOST)". */
static void describe_user(const struct image_user *user, struct buf *out)
{
    buf_addf(out, "%s %s (%s%s%s)", user->what, user->id.text, user->status,
             user->node ? ", on " : "", user->node ? user->node : "");
}

#define NAMED_MOST 5

struct pins {
    int64_t count;
    struct buf text; /* the first NAMED_MOST */
};

static void add_pin(const struct image_user *user, void *arg)
{
    struct pins *pins = arg;

    if (pins->count++ >= NAMED_MOST)
        return;
    buf_add_str(&pins->text, pins->text.length ? "; " : "");
    describe_user(user, &pins->text);
}

static int refuse_pinned(const char *name, struct pins *pins, struct error *err)
{
    if (pins->count > NAMED_MOST)
        buf_addf(&pins->text, "; and %lld more", (long long)(pins->count - NAMED_MOST));
    return error_set(err, ERROR_CONFLICT, NULL,
                     "%s is in use by %s. Close the sessions ('codesetctl session close') and wait "
                     "until their containers are gone; for a host that does not come back, "
                     "'codesetctl node forget'",
                     name, pins->text.data);
}

int ctl_check_image_free(struct ctl *ctl, const char *name, struct error *err)
{
    bool found;

    if (image_is_stored(&ctl_settings(ctl)->engine, name, &found, err) < 0)
        return -1;
    return found ? error_set(err, ERROR_CONFLICT, NULL,
                             "image '%s' already exists; use --replace to replace it", name)
                 : 0;
}

int ctl_check_image_unused(struct ctl *ctl, const char *name, struct error *err)
{
    bool found;
    struct pins pins = {.text = BUF_INIT};
    struct db *db;
    int status = 0;

    if (image_is_stored(&ctl_settings(ctl)->engine, name, &found, err) < 0)
        return -1;
    if (!found)
        return 0;
    db = ctl_db(ctl, err);
    if (!db || store_image_users(db, name, add_pin, &pins, err) < 0)
        status = ctl_option(ctl, "force")
                     ? 0
                     : error_wrap(err, "cannot tell whether %s is in use (--force does it anyway)",
                                  name);
    else if (pins.count > 0)
        status = refuse_pinned(name, &pins, err);
    buf_release(&pins.text);
    return status;
}

struct agents {
    const char *image;
    struct buf names; /* of those that name it */
};

static void add_name(const char *dataset, const char *sample_id, void *arg)
{
    struct buf *names = arg;

    buf_addf(names, "%s%s/%s", names->length > 0 ? ", " : "", dataset, sample_id);
}

static void add_agent(const struct agent *agent, void *arg)
{
    struct agents *agents = arg;

    if (agent->image && strcmp(agent->image, agents->image) == 0)
        buf_addf(&agents->names, "%s%s", agents->names.length > 0 ? ", " : "", agent->agent_id);
}

static int check_agents(struct db *db, const char *name, struct error *err)
{
    struct agents agents = {.image = name, .names = BUF_INIT};
    int status = store_agent_list(db, add_agent, &agents, err);

    if (status == 0 && agents.names.length > 0)
        status =
            error_set(err, ERROR_CONFLICT, NULL,
                      "image '%s' is used by the agents %.200s; without it, no job of them can "
                      "start. Remove them ('codesetctl agent remove'), or use --force",
                      name, agents.names.data);
    buf_release(&agents.names);
    return status;
}

/* Sessions of samples that name the image, or jobs of such agents, could not start any more. */
static int check_unnamed(struct ctl *ctl, const char *name, struct error *err)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;
    bool found;
    struct db *db;
    int64_t total;

    if (image_is_stored(&ctl_settings(ctl)->engine, name, &found, err) < 0)
        return -1;
    if (!found || ctl_option(ctl, "force"))
        return 0;
    db = ctl_db(ctl, err);
    if (!db || store_image_samples(db, name, SAMPLES_NAMED_MOST, add_name, &names, &total, err) < 0)
        return error_wrap(err, "cannot tell whether samples use image '%s' (--force skips this)",
                          name);
    if (total == 0)
        return check_agents(db, name, err);
    if (total > SAMPLES_NAMED_MOST)
        buf_addf(&names, " and %" PRId64 " more", total - SAMPLES_NAMED_MOST);
    return error_set(err, ERROR_CONFLICT, NULL,
                     "image '%s' is used by %" PRId64 " sample%s (%.200s); without it, no session "
                     "of %s can start. To remove it nevertheless, use --force",
                     name, total, total == 1 ? "" : "s", names.data, total == 1 ? "it" : "them");
}

static json_object *image_object(const struct image *image)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", image->name);
    json_add_text(object, "base", image->base);
    json_add_int(object, "size_bytes", image->size_bytes);
    json_add_time(object, "created_at", image->created_at);
    json_add_text(object, "source", image->source);
    json_add_int(object, "scrubbed", image->scrubbed);
    json_add_text(object, "user", image->user);
    json_add_text(object, "shell", image->shell);
    json_add_text(object, "workdir", image->workdir);
    json_add_text(object, "repo_path", image->repo_path);
    return object;
}

struct imported {
    const char *name;
    json_object *object; /* NULL: not found (yet) */
};

static void take_imported(const struct image *image, void *arg)
{
    struct imported *imported = arg;

    if (strcmp(image->name, imported->name) == 0)
        imported->object = image_object(image);
}

int ctl_tell_image(const struct ctl *ctl, const char *name, bool scrubbed, struct error *err)
{
    struct imported imported = {.name = name};
    _cleanup_(free_ptr) char *more = NULL;
    int64_t repositories;
    double bytes;

    if (image_list(&ctl_settings(ctl)->engine, take_imported, &imported, err) < 0)
        return -1;
    bytes = (double)json_get_int(imported.object, "size_bytes", 0);
    repositories = json_get_int(imported.object, "scrubbed", 0);
    more =
        scrubbed ? xasprintf("; git repositories scrubbed: %" PRId64, repositories) : xstrdup("");
    output_done(ctl_json(ctl), imported.object, "image '%s' imported (%.*f %s)%s", name,
                bytes < MIB ? 0 : 1, bytes < MIB ? bytes / KIB : bytes / MIB,
                bytes < MIB ? "KiB" : "MiB", more);
    json_object_put(imported.object);
    return 0;
}

int image_options_read(const struct ctl *ctl, struct image_options *ret_options, struct error *err)
{
    const struct image_options options = {.env = ctl_option(ctl, "env"),
                                          .user = ctl_option(ctl, "user"),
                                          .shell = ctl_option(ctl, "shell"),
                                          .repo_path = ctl_option(ctl, "repo-path"),
                                          .scrub_git = ctl_option(ctl, "scrub-git") != NULL};
    const struct profile_options profile = {options.env, options.user, options.shell};
    _cleanup_(json_release) json_object *checked = NULL;

    if (profile_make(&profile, &checked, err) < 0 ||
        (options.repo_path && sample_check_folder("--repo-path", options.repo_path, err) < 0))
        return -1;
    *ret_options = options;
    return 0;
}

int ctl_image_import(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0), *source = ctl_argument(ctl, 1);
    bool replace = ctl_option(ctl, "replace") != NULL;
    struct import_progress import = {.source = source};
    struct image_import wanted = {.name = name,
                                  .source = source,
                                  .base = ctl_option(ctl, "on"),
                                  .replace = replace,
                                  .progress = show_progress,
                                  .arg = &import};
    const struct image_choice choice = {ctl_option(ctl, "tag"), ctl_option(ctl, "platform")};
    struct error err = ERROR_INIT;
    int status;

    if (sample_check_image("NAME", name, &err) < 0 || image_choice_check(&choice, &err) < 0 ||
        image_options_read(ctl, &wanted.options, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (wanted.base && wanted.options.scrub_git)
        return ctl_usage(ctl, "--scrub-git cannot be used with --on: what is in the image below "
                              "stays; use it when that one is imported");
    wanted.options.tag = choice.tag;
    wanted.options.platform = choice.platform;
    if (replace && ctl_check_image_unused(ctl, name, &err) < 0)
        return ctl_fail(ctl, &err);
    progress_begin(&import.progress);
    status = image_import_as(&ctl_settings(ctl)->engine, &wanted, &err);
    progress_end(&import.progress);
    if (status < 0) {
        if (err.code && strcmp(err.code, "IMAGE_EXISTS") == 0)
            error_set(&err, ERROR_CONFLICT, NULL,
                      "image '%s' already exists; use --replace to replace it", name);
        return ctl_fail(ctl, &err);
    }
    ctl_record(ctl, "image.imported", name, source);
    return ctl_tell_image(ctl, name, ctl_option(ctl, "scrub-git") != NULL, &err) < 0
               ? ctl_fail(ctl, &err)
               : CTL_OK;
}

static void add_image(const struct image *image, void *arg)
{
    json_object_array_add(arg, image_object(image));
}

/* Rows of the list, in the order of their names; `used_by` stays away where it can't be told. */
static void add_user(const struct image_user *user, void *arg)
{
    for (size_t i = 0; i < json_object_array_length(arg); i++) {
        json_object *row = json_object_array_get_idx(arg, i), *users = NULL;
        _cleanup_(buf_release) struct buf text = BUF_INIT;

        if (strcmp(json_object_get_string(json_object_object_get(row, "name")), user->image) != 0)
            continue;
        describe_user(user, &text);
        users = json_object_object_get(row, "used_by");
        json_object_array_add(users, json_object_new_string(text.data));
        json_add_int(row, "in_use", (int64_t)json_object_array_length(users));
    }
}

static void add_users(struct ctl *ctl, json_object *rows)
{
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_add_int(json_object_array_get_idx(rows, i), "in_use", 0);
        json_add(json_object_array_get_idx(rows, i), "used_by", json_object_new_array());
    }
    if (db && store_image_users(db, NULL, add_user, rows, &err) == 0)
        return;
    ctl_warn(ctl, "cannot tell what is in use: %s", err.message);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object_object_del(json_object_array_get_idx(rows, i), "in_use");
        json_object_object_del(json_object_array_get_idx(rows, i), "used_by");
    }
}

int ctl_image_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"NAME", "name"},        {"LAYER OVER", "base"},     {"BYTES", "size_bytes"},
        {"IN USE BY", "in_use"}, {"IMPORTED", "created_at"}, {"SOURCE", "source"}};
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (image_list(&ctl_settings(ctl)->engine, add_image, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    if (json_object_array_length(rows) > 0)
        add_users(ctl, rows);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there are no images yet; import one with 'codesetctl image import'");
    return CTL_OK;
}

static void add_image_name(const struct image *image, void *arg)
{
    json_object_array_add(arg, json_object_new_string(image->name));
}

/* Those of the names that nothing needs; *ret_count: how many were removed. What is needed, also by
 * an image over it, is left without a word; any other failure is one. */
static int remove_round(struct ctl *ctl, json_object *removed, size_t *ret_count, struct error *err)
{
    _cleanup_(json_release) json_object *names = json_object_new_array();
    size_t before = json_object_array_length(removed);

    if (image_list(&ctl_settings(ctl)->engine, add_image_name, names, err) < 0)
        return -1;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));

        if (ctl_check_image_unused(ctl, name, err) < 0 || check_unnamed(ctl, name, err) < 0 ||
            image_remove(&ctl_settings(ctl)->engine, name, err) < 0) {
            if (err->kind != ERROR_CONFLICT)
                return -1;
            error_clear(err);
            continue;
        }
        ctl_record(ctl, "image.removed", name, NULL);
        json_object_array_add(removed, json_object_new_string(name));
        if (!ctl_json(ctl))
            printf("image '%s' removed\n", name);
    }
    *ret_count = json_object_array_length(removed) - before;
    return 0;
}

/* An image that was a layer over another frees that one: until there is nothing more. */
static int remove_all_unused(struct ctl *ctl)
{
    _cleanup_(json_release) json_object *removed = json_object_new_array();
    struct error err = ERROR_INIT;
    size_t count;

    do {
        if (remove_round(ctl, removed, &count, &err) < 0)
            return ctl_fail(ctl, &err);
    } while (count > 0);
    if (ctl_json(ctl))
        output_rows(true, removed, NULL, 0, "");
    else if (json_object_array_length(removed) == 0)
        printf("all images are needed\n");
    return CTL_OK;
}

int ctl_image_remove(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    _cleanup_(json_release) json_object *object = NULL;
    struct error err = ERROR_INIT;

    if (!name == !ctl_option(ctl, "unused"))
        return ctl_usage(ctl, "give either a NAME or --unused");
    if (!name && ctl_option(ctl, "force"))
        return ctl_usage(ctl, "--force is for one image, not for --unused");
    if (!name)
        return remove_all_unused(ctl);
    if (sample_check_image("NAME", name, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (ctl_check_image_unused(ctl, name, &err) < 0 || check_unnamed(ctl, name, &err) < 0 ||
        image_remove(&ctl_settings(ctl)->engine, name, &err) < 0)
        return ctl_fail(ctl, &err);
    ctl_record(ctl, "image.removed", name, NULL);
    object = json_object_new_object();
    json_add_text(object, "name", name);
    json_add_bool(object, "removed", true);
    output_done(ctl_json(ctl), object, "image '%s' removed", name);
    return CTL_OK;
}
