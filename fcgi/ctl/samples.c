/*
 * samples.c - codesetctl dataset list, sample list, sample show.
 */
#include "store/samples.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"

#include "base/banned.h"

static void add_dataset(const struct dataset *dataset, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", dataset->name);
    json_add_text(object, "description", dataset->description);
    json_add_int(object, "sample_count", dataset->sample_count);
    json_add_time(object, "created_at", dataset->created_at);
    json_object_array_add(arg, object);
}

int ctl_dataset_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"NAME", "name"},
                                                   {"SAMPLES", "sample_count"},
                                                   {"CREATED", "created_at"},
                                                   {"DESCRIPTION", "description"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_dataset_list(db, add_dataset, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there is no data set yet; 'codesetctl dataset import' makes one");
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
    json_add_text(object, "repo_path", summary->repo_path);
    json_add_text(object, "verifier", summary->verifier);
    json_add_text(object, "verifier_command", summary->verifier_command);
    json_add(object, "verify_timeout",
             summary->verify_timeout ? json_object_new_int64(summary->verify_timeout) : NULL);
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

    if (!db || store_sample_list(db, &page, add_summary, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "there is no such sample");
    return CTL_OK;
}

int ctl_sample_show(struct ctl *ctl)
{
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
    if (!db ||
        store_sample_get(db, ctl_argument(ctl, 0), ctl_argument(ctl, 1), version, &summary, &text,
                         &err) < 0 ||
        json_parse(text.data, text.length, &sample, NULL, &err) < 0)
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
