/*
 * samples.c - codesetctl dataset list, dataset remove, sample list, sample show.
 */
#include "store/samples.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_pack.h"
#include "store/catalog.h"

#include "base/banned.h"

/* How commands are run; null where the database holds what is no JSON. */
static void add_profile(json_object *object, const char *text)
{
    json_object *profile = NULL;
    struct error ignored = ERROR_INIT;

    json_parse(text, strlen(text), &profile, NULL, &ignored);
    json_add(object, "profile", profile);
}

static void add_dataset(const struct dataset *dataset, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", dataset->name);
    json_add_text(object, "description", dataset->description);
    json_add_text(object, "egress", dataset->egress);
    add_profile(object, dataset->profile);
    json_add_int(object, "sample_count", dataset->sample_count);
    json_add_time(object, "created_at", dataset->created_at);
    json_object_array_add(arg, object);
}

int ctl_dataset_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"NAME", "name"},
                                                   {"SAMPLES", "sample_count"},
                                                   {"CREATED", "created_at"},
                                                   {"EGRESS", "egress"},
                                                   {"DESCRIPTION", "description"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_dataset_list(db, add_dataset, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there are no data sets yet; import one with 'codesetctl dataset import'");
    return CTL_OK;
}

struct dataset_search {
    const char *name;
    bool found;
};

static void match(const struct dataset *dataset, void *arg)
{
    struct dataset_search *search = arg;

    search->found |= strcmp(dataset->name, search->name) == 0;
}

/* Without this a misspelt name would look like a data set without samples. */
static int check_dataset(struct db *db, const char *name, struct error *err)
{
    struct dataset_search search = {.name = name};

    if (store_dataset_list(db, match, &search, err) < 0)
        return -1;
    return search.found ? 0
                        : error_set(err, ERROR_NOT_FOUND, NULL,
                                    "there is no data set '%s'; list them with 'codesetctl dataset "
                                    "list'",
                                    name);
}

static int remove_packs(const char *pack_dir, const char *dataset, struct error *err)
{
    _cleanup_(buf_release) struct buf folder = BUF_INIT;

    buf_addf(&folder, "%s/", pack_dir);
    sample_pack_folder(dataset, &folder);
    return remove_tree(folder.data, err);
}

/* Rows first: archives without rows only take up room, rows without archives break downloads. */
static int remove_dataset(struct db *db, const char *pack_dir, const char *name,
                          int64_t *ret_versions, struct error *err)
{
    _cleanup_(close_fd) int lock = sample_packs_lock(pack_dir, true, err);

    if (lock < 0 || db_begin(db, err) < 0)
        return -1;
    if (store_dataset_remove(db, name, ret_versions, err) < 0 || db_commit(db, err) < 0) {
        db_rollback(db);
        return -1;
    }
    if (remove_packs(pack_dir, name, err) < 0)
        return error_wrap(err, "data set '%s' was removed, but not all of its archives", name);
    return 0;
}

int ctl_dataset_remove(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *object = NULL;
    int64_t versions;

    if (!db || check_dataset(db, name, &err) < 0)
        return ctl_fail(ctl, &err);
    if (remove_dataset(db, ctl_settings(ctl)->api.pack_dir, name, &versions, &err) < 0) {
        if (err.kind == ERROR_CONFLICT)
            error_wrap(&err, "cannot remove it; close its sessions first ('codesetctl session "
                             "list')");
        return ctl_fail(ctl, &err);
    }
    object = json_object_new_object();
    json_add_text(object, "name", name);
    json_add_int(object, "removed_versions", versions);
    output_done(ctl_json(ctl), object, "data set '%s' removed (%lld version%s of samples)", name,
                (long long)versions, versions == 1 ? "" : "s");
    return CTL_OK;
}

/* A line as dataset import reads it: what the API shows, less what an import decides itself, and
 * what else defines the sample. */
static int print_sample(const struct sample_whole *sample, void *arg, struct error *err)
{
    static const char *const ours[] = {"dataset", "version", "latest"};
    const struct sample_summary *summary = &sample->summary;
    _cleanup_(json_release) json_object *line = NULL, *paths = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    (void)arg;
    if (json_parse(sample->json, sample->json_length, &line, NULL, err) < 0 ||
        json_parse(sample->report_paths, strlen(sample->report_paths), &paths, NULL, err) < 0)
        return error_wrap(err, "sample %s", summary->sample_id);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        json_object_object_del(line, ours[i]);
    json_add_text(line, "image", summary->image);
    json_add_text(line, "verifier_image", summary->verifier_image);
    json_add_text(line, "image_reference", summary->image_reference);
    json_add_text(line, "repo_path", summary->repo_path);
    json_add_text(line, "verifier_command", summary->verifier_command);
    json_add(line, "report_paths", json_object_get(paths));
    json_add_text(line, "log_parser", summary->log_parser);
    if (summary->verify_timeout)
        json_add_int(line, "verify_timeout", summary->verify_timeout);
    if (summary->hide_verifier_output)
        json_add_bool(line, "hide_verifier_output", true);
    json_write(&text, line);
    printf("%s\n", text.data);
    return 0;
}

int ctl_dataset_export(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    if (!db || check_dataset(db, name, &err) < 0 ||
        store_sample_export(db, name, print_sample, NULL, &err) < 0)
        return ctl_fail(ctl, &err);
    return CTL_OK;
}

static json_object *summary_object(const struct sample_summary *summary)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "dataset", summary->dataset);
    json_add_text(object, "sample_id", summary->sample_id);
    json_add_int(object, "version", summary->version);
    json_add_bool(object, "latest", summary->latest);
    json_add_text(object, "language", summary->language);
    json_add_text(object, "image", summary->image);
    json_add_text(object, "verifier_image", summary->verifier_image);
    json_add_text(object, "image_reference", summary->image_reference);
    json_add_text(object, "repo_path", summary->repo_path);
    json_add_text(object, "verifier", summary->verifier);
    json_add_text(object, "verifier_command", summary->verifier_command);
    json_add_text(object, "log_parser", summary->log_parser);
    json_add(object, "verify_timeout",
             summary->verify_timeout ? json_object_new_int64(summary->verify_timeout) : NULL);
    json_add_bool(object, "hide_verifier_output", summary->hide_verifier_output);
    json_add_time(object, "imported_at", summary->imported_at);
    return object;
}

static void add_summary(const struct sample_summary *summary, void *arg)
{
    json_object_array_add(arg, summary_object(summary));
}

int ctl_sample_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"DATASET", "dataset"}, {"SAMPLE", "sample_id"},
                                                   {"VERSION", "version"}, {"LANGUAGE", "language"},
                                                   {"IMAGE", "image"},     {"FOLDER", "repo_path"}};
    const struct sample_page page = {.dataset = ctl_option(ctl, "dataset"),
                                     .search = ctl_option(ctl, "search")};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || (page.dataset && check_dataset(db, page.dataset, &err) < 0) ||
        store_sample_list(db, &page, add_summary, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                page.dataset || page.search ? "no sample matches" : "there are no samples yet");
    return CTL_OK;
}

/* The store's message is written for users of the API. */
static int no_sample(struct ctl *ctl, int64_t version, struct error *err)
{
    const char *dataset = ctl_argument(ctl, 0), *sample_id = ctl_argument(ctl, 1);

    if (err->kind == ERROR_NOT_FOUND && version)
        error_set(err, ERROR_NOT_FOUND, NULL, "data set '%s' has no version %lld of sample '%s'",
                  dataset, (long long)version, sample_id);
    else if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "data set '%s' has no sample '%s'; list them with 'codesetctl sample list "
                  "--dataset %s'",
                  dataset, sample_id, dataset);
    return ctl_fail(ctl, err);
}

int ctl_sample_show(struct ctl *ctl)
{
    const char *dataset = ctl_argument(ctl, 0), *sample_id = ctl_argument(ctl, 1);
    struct error err = ERROR_INIT;
    _cleanup_(sample_summary_release) struct sample_summary summary = {0};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    json_object *sample = NULL;
    int64_t version;
    struct db *db;

    if (ctl_option_int(ctl, "version", 1, UINT32_MAX, 0, &version) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db || check_dataset(db, dataset, &err) < 0)
        return ctl_fail(ctl, &err);
    if (store_sample_get(db, dataset, sample_id, version, &summary, &text, &err) < 0)
        return no_sample(ctl, version, &err);
    if (json_parse(text.data, text.length, &sample, NULL, &err) < 0)
        return ctl_fail(ctl, &err);
    object = summary_object(&summary);
    if (ctl_json(ctl)) {
        json_add(object, "sample", sample);
        output_object(true, object);
        return CTL_OK;
    }
    output_object(false, object);
    printf("\n");
    output_block(json_get_text(sample, "problem_statement"));
    json_object_put(sample);
    return CTL_OK;
}
