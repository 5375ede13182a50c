/*
 * import.c - codesetctl dataset import: a file of samples, of any format that dataset/formats.h
 * knows, into the database, all of it or nothing: all rows are one transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/import_batch.h"
#include "ctl/import_check.h"
#include "ctl/import_fields.h"
#include "ctl/import_images.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "ctl/sample_scripts.h"
#include "dataset/formats.h"
#include "dataset/row_source.h"
#include "grade/log_names.h"
#include "images/pull.h"
#include "store/audit_log.h"
#include "store/samples.h"
#include "wire/egress.h"
#include "wire/profile.h"

#include "base/banned.h"

#define SAMPLES_MOST 1000000 /* of a file: their ids are kept, to find one that comes twice */
#define REPORTED_MOST 100
#define HIDDEN "hidden" /* what --answers may be, besides "visible" */

struct import {
    struct ctl *ctl;
    struct db *db;
    const char *path, *dataset;
    const char *description, *egress, *answers; /* of the data set; NULL: as it is */
    struct sample_defaults defaults;
    struct import_images images;
    const char *scripts; /* a folder; NULL: none */
    const char *format;  /* NULL: told by the rows */
    char *format_before; /* of the data set's last import; NULL: none, or not known */
    struct row_source *source;
    struct row_source *first; /* the same, of tasks' folders: read for their images; NULL: none */
    struct import_check check;
    bool keep_going, dry_run, strict, hide_answers;
    bool is_new; /* the data set has no samples, and nobody else can add some */
    void *seen;  /* tsearch(3)'s tree of sample ids */
    int64_t rows, line, bad;
    struct import_target target;
    struct import_rows taken;
    bool undecided; /* the connection broke at the commit */
    json_object *errors;
    json_object *sample_ids;     /* of the rows that came in; NULL: nobody asks */
    struct buf profile;          /* of the data set (wire/profile.h); empty: it is left as it is */
    json_object *unknown_fields; /* by name: {"field", "lines", "first_line", "meant"} */
    struct progress progress;
};

static void import_release(struct import *import)
{
    row_source_free(import->source);
    row_source_free(import->first);
    import_check_release(&import->check);
    import_images_release(&import->images);
    tdestroy(import->seen, free);
    free(import->format_before);
    json_object_put(import->errors);
    import_rows_release(&import->taken);
    buf_release(&import->profile);
    json_object_put(import->unknown_fields);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool any_good(const struct import *import)
{
    return import->taken.counts.added + import->taken.counts.changed +
               import->taken.counts.unchanged >
           0;
}

/* Bad lines keep the good ones out, or there are none. */
static bool is_refused(const struct import *import)
{
    return import->bad > 0 && (!import->keep_going || !any_good(import));
}

static void report_bad(struct import *import, const char *reason)
{
    json_object *error;

    if (import->bad++ >= REPORTED_MOST)
        return;
    progress_end(&import->progress);
    fprintf(stderr, "%s:%" PRId64 ": ", import->path, import->line);
    output_message(reason);
    error = json_object_new_object();
    json_add_int(error, "line", import->line);
    json_add_text(error, "reason", reason);
    json_object_array_add(import->errors, error);
}

/* A row that does not come in. */
static void refuse_row(struct import *import, const char *reason)
{
    import_check_bad(&import->check, import->line, reason);
    report_bad(import, reason);
}

/* --- one sample ------------------------------------------------------------------------------ */

/* What can be told of the sample. That its images are not whole yet is so today only, and no part
 * of it. */
static void check_line(struct import *import, struct sample_line *line, bool incomplete)
{
    char *needs = line->needs;
    _cleanup_(free_ptr) char *today = NULL;

    if (incomplete) {
        _cleanup_(json_release) json_object *list =
            needs ? json_tokener_parse(needs) : json_object_new_array();

        json_object_array_add(
            list, json_object_new_string(import->dry_run
                                             ? "its images, which the import makes"
                                             : "to be imported again when its image is there: the "
                                               "layer with its tests is made then"));
        today = xstrdup(json_object_to_json_string(list));
        line->needs = today;
    }
    import_check_sample(&import->check, import->line, line, import->images.missing);
    line->needs = needs;
}

/* --- one line -------------------------------------------------------------------------------- */

static int parse_line(struct import *import, const struct buf *text, struct sample_line *line,
                      struct error *why)
{
    if (sample_line_parse(text->data, text->length, &import->defaults, line, why) < 0)
        return -1;
    if (import->strict)
        return import_fields_refuse(line, why);
    import_fields_note(import->unknown_fields, import->line, line);
    return 0;
}

/* Returns -1 only when there is no going on: a bad line is reported. */
static int take_line(struct import *import, struct source_row *row, struct error *err)
{
    _cleanup_(sample_line_release) struct sample_line line = {0};
    struct error why = ERROR_INIT;
    bool incomplete = false;
    char **known;

    if (parse_line(import, &row->text, &line, &why) < 0) {
        refuse_row(import, why.message);
        return 0;
    }
    known = tfind(line.sample_id, &import->seen, compare_ids);
    if (known) {
        error_set(&why, ERROR_INVALID, NULL, "duplicate sample %s", line.sample_id);
        refuse_row(import, why.message);
        return 0;
    }
    if (!tsearch(xstrdup(line.sample_id), &import->seen, compare_ids))
        abort(); /* no memory */
    line.hides_answers = import->hide_answers;
    if (import_images_settle(&import->images, import->line, &line, &incomplete, &why) < 0 ||
        (import->scripts && sample_scripts_add(import->scripts, &line, &why) < 0)) {
        refuse_row(import, why.message);
        return 0;
    }
    if (import->sample_ids)
        json_object_array_add(import->sample_ids, json_object_new_string(line.sample_id));
    check_line(import, &line, incomplete);
    /* What can't be kept any more is still read, so that all bad lines are told at once. */
    if (import->bad > 0 && !import->keep_going)
        return 0;
    return import_rows_take(&import->taken, &line, import->line, row->text.length, err);
}

static int take_row(struct import *import, struct source_row *row, struct error *err)
{
    char reason[64];

    import->line = row->number;
    switch (row->kind) {
    case SOURCE_ROW:
        return take_line(import, row, err);
    case SOURCE_BAD:
        refuse_row(import, row->text.data);
        return 0;
    case SOURCE_TOO_LONG:
        break;
    }
    snprintf(reason, sizeof(reason), "line too long: more than %zu bytes", SAMPLE_LINE_MOST);
    refuse_row(import, reason);
    return 0;
}

/* --- the file -------------------------------------------------------------------------------- */

static void show_progress(struct import *import)
{
    if (progress_due(&import->progress))
        progress_show(&import->progress, "%s: line %" PRId64, import->path, import->line);
}

/* What an earlier release took as plain would get a new version of each sample. The formats are
 * compared once, when the file's is known. */
static int check_row(struct import *import, struct error *err)
{
    const char *format = row_source_format(import->source);
    _cleanup_(free_ptr) char *before = format ? TAKE_PTR(import->format_before) : NULL;

    if (++import->rows > SAMPLES_MOST)
        return error_set(err, ERROR_LIMIT, NULL, "%s has more than %d samples; split it",
                         import->path, SAMPLES_MOST);
    if (import->format || !format || !before ||
        !dataset_format_was_plain(dataset_format_named(format)) ||
        !dataset_format_is_plain(dataset_format_named(before)))
        return 0;
    return error_set(err, ERROR_CONFLICT, NULL,
                     "these rows look like '%s', but data set '%s' was imported as '%s'; say which "
                     "it is to be from now on: --format %s or --format %s",
                     format, import->dataset, before, before, format);
}

static int take_file(struct import *import, struct error *err)
{
    struct source_row row = SOURCE_ROW_INIT;
    struct error ignored;
    int status = 0, got = 0;

    import->target = (struct import_target){
        .db = import->db,
        .path = import->path,
        .dataset = import->dataset,
        .is_new = import->is_new,
    };
    import_rows_begin(&import->taken, &import->target);
    while (status == 0 && (got = row_source_next(import->source, &row, err)) > 0) {
        show_progress(import);
        status = check_row(import, err) < 0 ? -1 : take_row(import, &row, err);
    }
    source_row_release(&row);
    if (status < 0 || got < 0) {
        import_rows_end(&import->taken, true, &ignored);
        return -1;
    }
    /* Bad lines keep the good ones out. */
    return import_rows_end(&import->taken, import->bad > 0 && !import->keep_going, err);
}

static void make_images(struct import *import, const struct source_row *row)
{
    _cleanup_(sample_line_release) struct sample_line line = {0};
    struct error ignored = ERROR_INIT;

    import->line = row->number;
    /* What is wrong with a row is told when it is taken. */
    if (row->kind != SOURCE_ROW ||
        sample_line_parse(row->text.data, row->text.length, &import->defaults, &line, &ignored) <
            0 ||
        (import->strict && import_fields_refuse(&line, &ignored) < 0))
        return;
    import_images_make(&import->images, row->number, &line);
}

/* Before the transaction: builds take long, and their entries in the audit log stay, as the images
 * do. */
static int make_all_images(struct import *import, struct error *err)
{
    struct source_row row = SOURCE_ROW_INIT;
    int got = 0;

    while (import->first && (got = row_source_next(import->first, &row, err)) > 0) {
        show_progress(import);
        make_images(import, &row);
    }
    source_row_release(&row);
    return got;
}

static int record(const struct import *import, struct error *err)
{
    _cleanup_(free_ptr) char *counts = xasprintf(
        "%" PRId64 " new, %" PRId64 " changed, %" PRId64 " unchanged samples",
        import->taken.counts.added, import->taken.counts.changed, import->taken.counts.unchanged);

    return store_audit_log_add(import->db, "dataset.imported", import->dataset, counts, err);
}

static int finish(struct import *import, struct error *err)
{
    const char *format = row_source_format(import->source);

    if (record(import, err) < 0 ||
        (format && store_dataset_set_format(import->db, import->dataset, format, err) < 0))
        return -1;
    if (db_commit(import->db, err) < 0) {
        import->undecided = db_lost(import->db);
        if (import->undecided)
            error_wrap(err,
                       "the connection to MariaDB was lost during the commit, so the samples may "
                       "or may not have been imported; run the import again, nothing is "
                       "imported twice");
        return -1;
    }
    return 0;
}

static int check_any(const struct import *import, struct error *err)
{
    if (any_good(import) || import->bad > 0)
        return 0;
    return error_set(err, ERROR_INVALID, NULL, "no samples in %s", import->path);
}

/* Its row is locked until the commit, so imports into one data set come one after the other. */
static int set_up_dataset(struct import *import, struct error *err)
{
    const char *answers = import->answers;
    int64_t count;

    if (store_dataset_ensure(import->db, import->dataset, import->description, err) < 0 ||
        store_sample_count(import->db, &(struct sample_page){.dataset = import->dataset}, &count,
                           err) < 0)
        return -1;
    import->is_new = count == 0;
    if (!import->is_new &&
        store_dataset_format(import->db, import->dataset, &import->format_before, err) < 0)
        return -1;
    if (import->profile.length > 0 &&
        store_dataset_set_profile(import->db, import->dataset, import->profile.data, err) < 0)
        return -1;
    if (import->egress &&
        store_dataset_set_egress(import->db, import->dataset, import->egress, err) < 0)
        return -1;
    if (answers && store_dataset_hide_answers(import->db, import->dataset,
                                              strcmp(answers, HIDDEN) == 0, err) < 0)
        return -1;
    return store_dataset_hides_answers(import->db, import->dataset, &import->hide_answers, err);
}

/* Half a data set would be hidden otherwise, and nobody would know which half. */
static int check_answers(const struct import *import, struct error *err)
{
    int64_t shown = 0;

    if (!import->hide_answers || is_refused(import))
        return 0;
    if (store_dataset_count_answers(import->db, import->dataset, &shown, err) < 0)
        return -1;
    return shown == 0 ? 0
                      : error_set(err, ERROR_CONFLICT, NULL,
                                  "data set '%s' has %" PRId64 " sample%s that this file does not "
                                  "have and whose answers can be seen; import all of them at "
                                  "once, or give this file a data set of its own",
                                  import->dataset, shown, shown == 1 ? "" : "s");
}

static int run(struct import *import, struct error *err)
{
    if (make_all_images(import, err) < 0 || db_begin(import->db, err) < 0)
        return -1;
    if (set_up_dataset(import, err) < 0 || take_file(import, err) < 0 ||
        check_any(import, err) < 0 || check_answers(import, err) < 0) {
        db_rollback(import->db);
        return -1;
    }
    if (is_refused(import) || import->dry_run) {
        db_rollback(import->db);
        import_check_ask(&import->check);
        return 0;
    }
    if (finish(import, err) < 0) {
        db_rollback(import->db);
        return -1;
    }
    return 0;
}

static void tell_refusal(const struct import *import)
{
    if (import->keep_going)
        ctl_warn(import->ctl, "nothing was imported: all lines are bad (%" PRId64 ")", import->bad);
    else
        ctl_warn(import->ctl,
                 "nothing was imported because of %" PRId64
                 " bad line%s; correct %s, or import the "
                 "other lines with --keep-going",
                 import->bad, import->bad == 1 ? "" : "s", import->bad == 1 ? "it" : "them");
}

static void print_check(const struct import *import)
{
    const struct import_check *check = &import->check;

    import_check_print(check, row_source_format(import->source));
    if (!check->rows && check->lacking + check->hopeless > 0)
        printf("To see which: the same command with --check\n");
}

static void print_summary(const struct import *import)
{
    bool nothing = is_refused(import);
    _cleanup_(json_release) json_object *object = NULL;

    if (import->bad > REPORTED_MOST)
        fprintf(stderr, "%s: %" PRId64 " more bad lines\n", import->path,
                import->bad - REPORTED_MOST);
    if (!ctl_json(import->ctl) && (import->check.rows || !nothing))
        print_check(import);
    if (ctl_json(import->ctl)) {
        object = json_object_new_object();
        json_add_text(object, "dataset", import->dataset);
        json_add_bool(object, "imported", !nothing && !import->dry_run);
        json_add_int(object, "added", nothing ? 0 : import->taken.counts.added);
        json_add_int(object, "changed", nothing ? 0 : import->taken.counts.changed);
        json_add_int(object, "unchanged", nothing ? 0 : import->taken.counts.unchanged);
        json_add_int(object, "bad", import->bad);
        json_add(object, "errors", json_object_get(import->errors));
        json_add(object, "unknown_fields", import_fields_list(import->unknown_fields));
        json_add_text(object, "format", row_source_format(import->source));
        json_add_text(object, "answers", import->hide_answers ? HIDDEN : "visible");
        import_check_add(&import->check, object);
        output_object(true, object);
    } else if (nothing) {
        tell_refusal(import);
    } else {
        printf("%s: %" PRId64 " new, %" PRId64 " changed, %" PRId64 " unchanged, %" PRId64
               " bad%s\n",
               import->dataset, import->taken.counts.added, import->taken.counts.changed,
               import->taken.counts.unchanged, import->bad,
               import->dry_run ? " (dry run: nothing was imported)" : "");
    }
}

static int check_format(struct ctl *ctl, const char *format)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;

    if (!format || dataset_format_named(format))
        return CTL_OK;
    dataset_format_list(&names);
    return ctl_usage(ctl, "--format must be one of %s, not '%.40s'", names.data, format);
}

static int check_log_parser(struct ctl *ctl, const char **ret_name)
{
    const char *given = ctl_option(ctl, "log-parser");

    *ret_name = given ? log_parser_name(given) : NULL;
    if (!given || *ret_name)
        return CTL_OK;
    return ctl_usage(ctl, "--log-parser must be one of " LOG_PARSER_NAMES ", not '%.40s'", given);
}

/* How commands are to be run, if a word is said of it. */
static int read_profile(const struct ctl *ctl, struct buf *text, struct error *err)
{
    const struct profile_options options = {ctl_option(ctl, "env"), ctl_option(ctl, "user"),
                                            ctl_option(ctl, "shell")};
    _cleanup_(json_release) json_object *profile = NULL;

    if (!options.env && !options.user && !options.shell)
        return 0;
    if (profile_make(&options, &profile, err) < 0)
        return -1;
    json_write(text, profile);
    return 0;
}

static int check_options(struct ctl *ctl, const struct import *import)
{
    struct error err = ERROR_INIT;

    if (!import->dataset)
        return ctl_usage(ctl, "missing option: --dataset NAME");
    if (sample_check_dataset(import->dataset, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (import->egress && egress_policy_check(import->egress, &err) < 0)
        return ctl_usage(ctl, "--egress: %s", err.message);
    if (import->answers && strcmp(import->answers, HIDDEN) != 0 &&
        strcmp(import->answers, "visible") != 0)
        return ctl_usage(ctl, "--answers must be hidden or visible, not '%.40s'", import->answers);
    if (import->defaults.repo_path &&
        sample_check_folder("--repo-path", import->defaults.repo_path, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (import->defaults.image && ctl_option(ctl, "image-map"))
        return ctl_usage(ctl, "--image and --image-map cannot be used together");
    if (import->defaults.language &&
        sample_check_language("--language", import->defaults.language, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (import->defaults.image && sample_check_image("--image", import->defaults.image, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (ctl_option(ctl, "ask-registries") && !import->check.rows)
        return ctl_usage(ctl, "--ask-registries goes with --check");
    if (ctl_option(ctl, "credentials") && !ctl_option(ctl, "ask-registries"))
        return ctl_usage(ctl, "--credentials goes with --ask-registries");
    return check_format(ctl, import->format);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The command line says which images the rows are for, or what they are. */
static bool has_own_images(const struct import *import)
{
    return import->defaults.image || import->defaults.repo_path || import->defaults.language ||
           import->images.map.count > 0;
}

/* Before there is a connection to the database: the source's children are copies of this. */
static int open_source(struct import *import, struct error *err)
{
    _cleanup_(free_ptr) char *rows = NULL;

    if (is_folder(import->path)) {
        if (task_folders_open(import->path, SAMPLE_LINE_MOST, &import->images.folders, err) < 0)
            return -1;
        rows = xasprintf("/proc/self/fd/%d", import->images.folders.rows_fd);
        import->first = row_source_open(rows, import->format, true, SAMPLE_LINE_MOST, err);
        if (!import->first)
            return -1;
    }
    import->source = row_source_open(rows ? rows : import->path, import->format,
                                     has_own_images(import), SAMPLE_LINE_MOST, err);
    return import->source ? 0 : -1;
}

/* What an import needs beside its files. */
static int begin(struct import *import, struct error *err)
{
    import->errors = json_object_new_array();
    import->unknown_fields = json_object_new_object();
    import_images_begin(&import->images, import->ctl, !import->dry_run);
    import->db = ctl_db(import->ctl, err);
    return import->db ? 0 : -1;
}

static int nothing_imported(struct ctl *ctl, const struct error *err)
{
    int status = ctl_fail(ctl, err);

    fprintf(stderr, "Nothing was imported.\n");
    return status;
}

/* Reads the command line into import. */
static int prepare(struct ctl *ctl, struct import *import)
{
    const char *image_map = ctl_option(ctl, "image-map");
    struct error err = ERROR_INIT;
    int status;

    *import = (struct import){
        .ctl = ctl,
        .path = ctl_argument(ctl, 0),
        .dataset = ctl_option(ctl, "dataset"),
        .description = ctl_option(ctl, "description"),
        .egress = ctl_option(ctl, "egress"),
        .answers = ctl_option(ctl, "answers"),
        .images = {.folders = TASK_FOLDERS_INIT, .network = ctl_option(ctl, "network") != NULL},
        .defaults = {.language = ctl_option(ctl, "language"),
                     .image = ctl_option(ctl, "image"),
                     .repo_path = ctl_option(ctl, "repo-path")},
        .scripts = ctl_option(ctl, "scripts"),
        .profile = BUF_INIT,
        .format = ctl_option(ctl, "format"),
        .keep_going = ctl_option(ctl, "keep-going") != NULL,
        .dry_run = ctl_option(ctl, "dry-run") != NULL || ctl_option(ctl, "check") != NULL,
        .check = {.image_dir = ctl_settings(ctl)->engine.image_dir,
                  .rows = ctl_option(ctl, "check") ? json_object_new_array() : NULL},
        .strict = ctl_option(ctl, "strict") != NULL,
    };
    status = check_options(ctl, import);
    if (status != CTL_OK)
        return status;
    if (check_log_parser(ctl, &import->defaults.log_parser) != CTL_OK)
        return CTL_USAGE;
    if (read_profile(ctl, &import->profile, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (image_map && image_map_read(&import->images.map, image_map, &err) < 0)
        return ctl_fail(ctl, &err);
    if (open_source(import, &err) < 0)
        return nothing_imported(ctl, &err);
    if (ctl_option(ctl, "ask-registries")) {
        import->check.pull =
            pull_open(&ctl_settings(ctl)->engine, ctl_option(ctl, "credentials"), 1, &err);
        if (!import->check.pull)
            return ctl_fail(ctl, &err);
    }
    return begin(import, &err) < 0 ? ctl_fail(ctl, &err) : CTL_OK;
}

/* What compression needs is a quarter of a MiB for each thread, again and again: kept, as giving it
 * back to the kernel each time costs more than the compression. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

/* -1: it failed, which was told; *ret_status. */
static int carry_out(struct import *import, int *ret_status)
{
    struct error err = ERROR_INIT;
    int status;

    keep_memory();
    progress_begin(&import->progress);
    status = run(import, &err);
    progress_end(&import->progress);
    if (status < 0)
        *ret_status =
            import->undecided ? ctl_fail(import->ctl, &err) : nothing_imported(import->ctl, &err);
    return status;
}

int ctl_dataset_import(struct ctl *ctl)
{
    _cleanup_(import_release) struct import import;
    int status = prepare(ctl, &import);

    if (status != CTL_OK || carry_out(&import, &status) < 0)
        return status;
    print_summary(&import);
    import_fields_warn(ctl, import.unknown_fields);
    import_images_warn(&import.images);
    return import.bad > 0 || import_check_failed(&import.check) ? CTL_FAILED : CTL_OK;
}

int ctl_import_tasks(struct ctl *ctl, const char *folder, const char *dataset, bool network,
                     json_object *sample_ids)
{
    _cleanup_(import_release) struct import import = {
        .ctl = ctl,
        .path = folder,
        .dataset = dataset,
        .images = {.folders = TASK_FOLDERS_INIT, .network = network},
        .profile = BUF_INIT,
        .sample_ids = sample_ids};
    struct error err = ERROR_INIT;
    int status;

    if (sample_check_dataset(dataset, &err) < 0)
        return ctl_usage(ctl, "--dataset: %s", err.message);
    if (open_source(&import, &err) < 0)
        return nothing_imported(ctl, &err);
    if (begin(&import, &err) < 0)
        return ctl_fail(ctl, &err);
    if (carry_out(&import, &status) < 0)
        return status;
    if (is_refused(&import)) {
        tell_refusal(&import);
        return CTL_FAILED;
    }
    import_images_warn(&import.images);
    return CTL_OK;
}
