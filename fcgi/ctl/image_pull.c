/*
 * image_pull.c - codesetctl image pull: one image, or all that a data set's rows name.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/image_options.h"
#include "ctl/output.h"
#include "ctl/pull_jobs.h"
#include "ctl/sample_line.h"
#include "images/images.h"
#include "images/pull.h"
#include "images/reference.h"
#include "store/catalog.h"

#include "base/banned.h"

struct wanted {
    json_object *stored; /* keys: names of the image store */
    json_object *list;   /* of {"name", "reference", "outcome", "reason"} */
};

static void wanted_release(struct wanted *wanted)
{
    json_object_put(wanted->stored);
    json_object_put(wanted->list);
}

static void add_stored(const struct image *image, void *arg)
{
    json_add(arg, image->name, NULL);
}

static void want(struct wanted *wanted, const char *name, const char *reference)
{
    json_object *item = json_object_new_object();
    bool there = json_object_object_get_ex(wanted->stored, name, NULL);

    json_add_text(item, "name", name);
    json_add_text(item, "reference", reference);
    json_add_text(item, "outcome", there ? "there" : NULL);
    json_add_text(item, "reason", NULL);
    json_object_array_add(wanted->list, item);
}

/* A sample whose image has a name of the operator's runs on what the operator put there. */
static void want_of_dataset(const char *image, const char *reference, void *arg)
{
    _cleanup_(free_ptr) char *name = image_reference_store_name(reference);

    if (strcmp(image, name) == 0)
        want(arg, image, reference);
}

static int want_one(struct ctl *ctl, struct wanted *wanted, struct error *err)
{
    _cleanup_(free_ptr) char *reference = image_reference_full(ctl_argument(ctl, 0), err);
    _cleanup_(free_ptr) char *made = reference ? image_reference_store_name(reference) : NULL;
    const char *name = ctl_option(ctl, "as") ? ctl_option(ctl, "as") : made;

    if (!reference || sample_check_image("--as", name, err) < 0)
        return -1;
    if (json_object_object_get_ex(wanted->stored, name, NULL))
        return error_set(err, ERROR_CONFLICT, NULL,
                         "image '%s' already exists; remove it first ('codesetctl image remove'), "
                         "or give another name with --as",
                         name);
    want(wanted, name, reference);
    return 0;
}

static int want_all(struct ctl *ctl, const char *dataset, struct wanted *wanted, struct error *err)
{
    struct db *db = ctl_db(ctl, err);

    if (!db || ctl_check_dataset(db, dataset, err) < 0 ||
        store_dataset_references(db, dataset, want_of_dataset, wanted, err) < 0)
        return -1;
    if (json_object_array_length(wanted->list) > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, NULL,
                     "no sample of data set '%s' names an image of a registry ('codesetctl sample "
                     "list --dataset %s --json' shows image_reference)",
                     dataset, dataset);
}

/* --- fetching -------------------------------------------------------------------------------- */

struct showing {
    struct ctl *ctl;
    struct progress progress;
    const struct wanted *wanted;
    size_t failed;
};

static void show(size_t number, const char *text, void *arg)
{
    struct showing *showing = arg;
    json_object *item = json_object_array_get_idx(showing->wanted->list, number);

    if (progress_due(&showing->progress))
        progress_show(&showing->progress, "%zu of %zu, %s: %.60s", number + 1,
                      json_object_array_length(showing->wanted->list),
                      json_get_text(item, "reference"), text);
}

static void is_done(json_object *item, const char *reason, void *arg)
{
    struct showing *showing = arg;
    const char *name = json_get_text(item, "name"), *reference = json_get_text(item, "reference");

    json_add_text(item, "outcome", reason ? "failed" : "pulled");
    json_add_text(item, "reason", reason);
    progress_end(&showing->progress);
    if (reason) {
        showing->failed++;
        ctl_warn(showing->ctl, "%s", reason);
    } else {
        ctl_record(showing->ctl, "image.imported", name, reference);
        if (!ctl_json(showing->ctl))
            printf("image '%s' pulled from %s\n", name, reference);
    }
    progress_begin(&showing->progress);
}

static size_t count_there(const struct wanted *wanted)
{
    size_t there = 0;

    for (size_t i = 0; i < json_object_array_length(wanted->list); i++)
        there += json_get_text(json_object_array_get_idx(wanted->list, i), "outcome") != NULL;
    return there;
}

static int fetch_all(struct ctl *ctl, const struct wanted *wanted,
                     const struct image_options *options, unsigned jobs, struct error *err)
{
    const size_t count = json_object_array_length(wanted->list), there = count_there(wanted);
    struct showing showing = {.ctl = ctl, .wanted = wanted};
    const struct pull_jobs pulls = {
        .pull = pull_open(&ctl_settings(ctl)->engine, ctl_option(ctl, "credentials"), jobs, err),
        .jobs = jobs,
        .list = wanted->list,
        .options = options,
        .progress = show,
        .done = is_done,
        .arg = &showing};

    if (!pulls.pull)
        return -1;
    progress_begin(&showing.progress);
    pull_jobs_run(&pulls);
    progress_end(&showing.progress);
    pull_close(pulls.pull, showing.failed > 0);
    if (ctl_json(ctl))
        output_rows(true, wanted->list, NULL, 0, "");
    else if (count > 1)
        printf("%zu pulled, %zu there already, %zu failed\n", count - there - showing.failed, there,
               showing.failed);
    return showing.failed > 0 ? CTL_FAILED : CTL_OK;
}

int ctl_image_pull(struct ctl *ctl)
{
    const char *dataset = ctl_option(ctl, "from-dataset");
    _cleanup_(wanted_release) struct wanted wanted = {.stored = json_object_new_object(),
                                                      .list = json_object_new_array()};
    struct image_options options;
    struct error err = ERROR_INIT;
    int64_t jobs;
    int status = ctl_option_int(ctl, "jobs", 1, PULL_JOBS_MOST, 1, &jobs);

    if (status != CTL_OK)
        return status;
    if (!dataset == !ctl_argument(ctl, 0))
        return ctl_usage(ctl, "give either a REFERENCE or --from-dataset NAME");
    if (dataset && ctl_option(ctl, "as"))
        return ctl_usage(ctl, "--as is for one image, not for --from-dataset");
    if (image_options_read(ctl, &options, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (image_list(&ctl_settings(ctl)->engine, add_stored, wanted.stored, &err) < 0 ||
        (dataset ? want_all(ctl, dataset, &wanted, &err) : want_one(ctl, &wanted, &err)) < 0)
        return ctl_fail(ctl, &err);
    status = fetch_all(ctl, &wanted, &options, (unsigned)jobs, &err);
    return status < 0 ? ctl_fail(ctl, &err) : status;
}
