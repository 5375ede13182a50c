/*
 * samples.c - codesetctl dataset list, dataset show, dataset export, dataset remove, sample list,
 * sample show.
 */
#include "store/samples.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/import_check.h"
#include "ctl/output.h"
#include "images/images.h"
#include "store/catalog.h"
#include "store/sample_checks.h"

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
    json_add_text(object, "answers", dataset->hides_answers ? "hidden" : "visible");
    json_add_text(object, "format", dataset->format);
    add_profile(object, dataset->profile);
    json_add_int(object, "sample_count", dataset->sample_count);
    json_add_time(object, "created_at", dataset->created_at);
    json_object_array_add(arg, object);
}

int ctl_dataset_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"NAME", "name"},     {"SAMPLES", "sample_count"}, {"CREATED", "created_at"},
        {"EGRESS", "egress"}, {"ANSWERS", "answers"},      {"DESCRIPTION", "description"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_dataset_list(db, add_dataset, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there are no data sets yet; import one with 'codesetctl dataset import'");
    return CTL_OK;
}

/* What `dataset list` shows of one. NULL: there is none of that name, or the database failed. */
static json_object *find_dataset(struct db *db, const char *name, struct error *err)
{
    _cleanup_(json_release) json_object *all = json_object_new_array();

    if (store_dataset_list(db, add_dataset, all, err) < 0)
        return NULL;
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *dataset = json_object_array_get_idx(all, i);

        if (strcmp(json_get_text(dataset, "name"), name) == 0)
            return json_object_get(dataset);
    }
    error_set(err, ERROR_NOT_FOUND, NULL,
              "there is no data set '%s'; list them with 'codesetctl dataset list'", name);
    return NULL;
}

int ctl_check_dataset(struct db *db, const char *name, struct error *err)
{
    _cleanup_(json_release) json_object *dataset = find_dataset(db, name, err);

    return dataset ? 0 : -1;
}

/* --- dataset show ---------------------------------------------------------------------------- */

struct showing {
    struct import_check check;
    json_object *stored;                        /* keys: what the image store has */
    json_object *there, *missing, *not_fetched; /* keys: images that samples name; the last: where a
                                                 * registry has one that is missing */
    json_object *languages, *parsers;           /* by name: how many samples */
    int64_t count, with_setup, own_commands;
};

static void showing_release(struct showing *showing)
{
    import_check_release(&showing->check);
    json_object_put(showing->stored);
    json_object_put(showing->there);
    json_object_put(showing->missing);
    json_object_put(showing->not_fetched);
    json_object_put(showing->languages);
    json_object_put(showing->parsers);
}

static void count_in(json_object *counts, const char *name)
{
    json_add_int(counts, name, json_get_int(counts, name, 0) + 1);
}

static void note_image(struct showing *showing, const char *name, const char *reference)
{
    bool stored = name && json_object_object_get_ex(showing->stored, name, NULL);

    if (!name)
        return;
    json_add(stored ? showing->there : showing->missing, name, NULL);
    if (!stored && reference)
        json_add(showing->not_fetched, reference, NULL);
}

static int show_sample(const struct sample_whole *sample, void *arg, struct error *err)
{
    struct showing *showing = arg;
    const struct sample_summary *summary = &sample->summary;
    _cleanup_(json_release) json_object *json = NULL;
    struct sample_line line = {.sample_id = summary->sample_id,
                               .language = summary->language,
                               .log_parser = summary->log_parser,
                               .image = summary->image,
                               .verifier_image = summary->verifier_image,
                               .image_reference = summary->image_reference,
                               .repo_path = summary->repo_path,
                               .needs = summary->needs};

    if (json_parse(sample->json, sample->json_length, &json, NULL, err) < 0)
        return error_wrap(err, "sample %s", summary->sample_id);
    line.fail_to_pass =
        (char *)json_object_to_json_string(json_object_object_get(json, "fail_to_pass"));
    line.pass_to_pass =
        (char *)json_object_to_json_string(json_object_object_get(json, "pass_to_pass"));
    note_image(showing, summary->image, summary->image_reference);
    note_image(showing, summary->verifier_image, NULL);
    import_check_sample(&showing->check, ++showing->count, &line, showing->missing);
    count_in(showing->languages, summary->language);
    count_in(showing->parsers, summary->log_parser ? summary->log_parser : "none");
    showing->with_setup += summary->setup_command != NULL;
    showing->own_commands += strcmp(summary->verifier_command, "/verifier.sh") != 0;
    return 0;
}

static void note_stored(const struct image *image, void *arg)
{
    json_add(arg, image->name, NULL);
}

static json_object *keys_of(json_object *object)
{
    json_object *keys = json_object_new_array();

    json_object_object_foreach (object, key, ignored) {
        (void)ignored;
        json_object_array_add(keys, json_object_new_string(key));
    }
    return keys;
}

static void print_dataset(struct ctl *ctl, const struct showing *showing, json_object *dataset)
{
    json_add(dataset, "languages", json_object_get(showing->languages));
    json_add_int(dataset, "own_commands", showing->own_commands);
    json_add_int(dataset, "setup_commands", showing->with_setup);
    json_add(dataset, "log_parsers", json_object_get(showing->parsers));
    json_add_int(dataset, "images_stored", json_object_object_length(showing->there));
    json_add_int(dataset, "images_missing", json_object_object_length(showing->missing));
    if (ctl_json(ctl)) {
        json_add(dataset, "missing_images", keys_of(showing->missing));
        json_add(dataset, "missing_references", keys_of(showing->not_fetched));
        import_check_add(&showing->check, dataset);
    }
    output_object(ctl_json(ctl), dataset);
    if (ctl_json(ctl))
        return;
    import_check_print(&showing->check, json_get_text(dataset, "format"));
    if (!showing->check.rows && showing->check.lacking + showing->check.hopeless > 0)
        printf("To see which: the same command with --rows\n");
    if (json_object_object_length(showing->not_fetched) > 0)
        printf("To fetch what a registry has: codesetctl image pull --from-dataset %s\n",
               json_get_text(dataset, "name"));
}

int ctl_dataset_show(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    _cleanup_(showing_release) struct showing showing = {
        .check = {.image_dir = ctl_settings(ctl)->engine.image_dir,
                  .rows = ctl_option(ctl, "rows") ? json_object_new_array() : NULL},
        .stored = json_object_new_object(),
        .there = json_object_new_object(),
        .missing = json_object_new_object(),
        .not_fetched = json_object_new_object(),
        .languages = json_object_new_object(),
        .parsers = json_object_new_object(),
    };
    _cleanup_(json_release) json_object *dataset = NULL;
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    dataset = db ? find_dataset(db, name, &err) : NULL;
    if (!dataset)
        return ctl_fail(ctl, &err);
    if (image_list(&ctl_settings(ctl)->engine, note_stored, showing.stored, &err) < 0)
        ctl_warn(ctl, "%s", err.message);
    if (store_sample_export(db, name, show_sample, &showing, &err) < 0)
        return ctl_fail(ctl, &err);
    print_dataset(ctl, &showing, dataset);
    return CTL_OK;
}

static int remove_dataset(struct db *db, const char *name, int64_t *ret_versions, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (store_dataset_remove(db, name, ret_versions, err) < 0 || db_commit(db, err) < 0) {
        db_rollback(db);
        return -1;
    }
    return 0;
}

int ctl_dataset_remove(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *object = NULL;
    int64_t versions;

    if (!db || ctl_check_dataset(db, name, &err) < 0)
        return ctl_fail(ctl, &err);
    if (remove_dataset(db, name, &versions, &err) < 0) {
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
    const struct {
        const char *name, *list;
    } lists[] = {{"held_out", sample->held_out}, {"restore", sample->restore}};
    _cleanup_(json_release) json_object *line = NULL, *paths = NULL, *trial = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    (void)arg;
    if (json_parse(sample->json, sample->json_length, &line, NULL, err) < 0 ||
        json_parse(sample->report_paths, strlen(sample->report_paths), &paths, NULL, err) < 0 ||
        (summary->trial &&
         json_parse(summary->trial, strlen(summary->trial), &trial, NULL, err) < 0))
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
    if (trial)
        json_add(line, "trial", json_object_get(trial));
    json_add_text(line, "setup_command", summary->setup_command);
    if (summary->needs)
        json_add(line, "needs", json_tokener_parse(summary->needs));
    if (summary->exact_outcomes)
        json_add_bool(line, "exact_outcomes", true);
    if (summary->verify_timeout)
        json_add_int(line, "verify_timeout", summary->verify_timeout);
    if (summary->hide_verifier_output)
        json_add_bool(line, "hide_verifier_output", true);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (strcmp(lists[i].list, "[]") != 0)
            json_add(line, lists[i].name, json_tokener_parse(lists[i].list));
    if (sample->solution)
        json_add_text(line, "solution", sample->solution);
    json_write(&text, line);
    printf("%s\n", text.data);
    return 0;
}

int ctl_dataset_export(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    if (!db || ctl_check_dataset(db, name, &err) < 0 ||
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
    json_add_text(object, "trial", summary->trial);
    json_add(object, "verify_timeout",
             summary->verify_timeout ? json_object_new_int64(summary->verify_timeout) : NULL);
    json_add_bool(object, "hide_verifier_output", summary->hide_verifier_output);
    json_add_text(object, "answers", summary->hides_answers ? "hidden" : "visible");
    json_add_text(object, "setup_command", summary->setup_command);
    json_add_bool(object, "exact_outcomes", summary->exact_outcomes);
    json_add(object, "needs", summary->needs ? json_tokener_parse(summary->needs) : NULL);
    json_add_time(object, "imported_at", summary->imported_at);
    json_add_text(object, "state", summary->state);
    json_add_time(object, "checked_at", summary->checked_at);
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
                                                   {"IMAGE", "image"},     {"FOLDER", "repo_path"},
                                                   {"STATE", "state"}};
    const struct sample_page page = {.dataset = ctl_option(ctl, "dataset"),
                                     .search = ctl_option(ctl, "search"),
                                     .runnable = ctl_option(ctl, "runnable") != NULL};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || (page.dataset && ctl_check_dataset(db, page.dataset, &err) < 0) ||
        store_sample_list(db, &page, add_summary, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                page.dataset || page.search || page.runnable ? "no sample matches"
                                                             : "there are no samples yet");
    return CTL_OK;
}

void ctl_no_sample(struct error *err, const char *dataset, const char *sample_id)
{
    if (sample_id && error_has_code(err, "SAMPLE_NOT_FOUND"))
        error_set(err, ERROR_NOT_FOUND, NULL,
                  "data set '%s' has no sample '%s'; list them with 'codesetctl sample list "
                  "--dataset %s'",
                  dataset, sample_id, dataset);
}

static int no_sample(struct ctl *ctl, int64_t version, struct error *err)
{
    const char *dataset = ctl_argument(ctl, 0), *sample_id = ctl_argument(ctl, 1);

    if (err->kind == ERROR_NOT_FOUND && version)
        error_set(err, ERROR_NOT_FOUND, NULL, "data set '%s' has no version %lld of sample '%s'",
                  dataset, (long long)version, sample_id);
    else
        ctl_no_sample(err, dataset, sample_id);
    return ctl_fail(ctl, err);
}

/* What its check came to, beside the state; for people in lines of their own. */
static int add_check(struct db *db, const struct sample_summary *summary, json_object *object,
                     bool json, struct error *err)
{
    _cleanup_(buf_release) struct buf detail = BUF_INIT, names = BUF_INIT;
    _cleanup_(json_release) json_object *check = NULL;
    json_object *tests = NULL;
    int found = store_sample_check_detail(db, summary->dataset, summary->sample_id,
                                          summary->version, &detail, err);

    if (found <= 0) {
        if (found == 0 && json)
            json_add(object, "check", NULL);
        return found;
    }
    if (json_parse(detail.data, detail.length, &check, NULL, err) < 0)
        return error_wrap(err, "the check of sample %s", summary->sample_id);
    if (json) {
        json_add(object, "check", json_object_get(check));
        return 0;
    }
    json_add_text(object, "check_reason", json_get_text(check, "reason"));
    json_object_object_get_ex(check, "flaky_tests", &tests);
    for (size_t i = 0; tests && i < json_object_array_length(tests); i++)
        buf_addf(&names, "%s%s", i ? ", " : "",
                 json_object_get_string(json_object_array_get_idx(tests, i)));
    json_add_text(object, "flaky_tests", names.length ? names.data : NULL);
    return 0;
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
    if (!db || ctl_check_dataset(db, dataset, &err) < 0)
        return ctl_fail(ctl, &err);
    if (store_sample_get(db, dataset, sample_id, version, &summary, &text, &err) < 0)
        return no_sample(ctl, version, &err);
    if (json_parse(text.data, text.length, &sample, NULL, &err) < 0)
        return ctl_fail(ctl, &err);
    object = summary_object(&summary);
    if (add_check(db, &summary, object, ctl_json(ctl), &err) < 0) {
        json_object_put(sample);
        return ctl_fail(ctl, &err);
    }
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
