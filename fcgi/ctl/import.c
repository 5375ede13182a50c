/*
 * import.c - codesetctl dataset import: a file of samples, of any format that dataset/formats.h
 * knows, into the database and the folder of packs, all of it or nothing.
 *
 * All rows are one transaction. A sample's archive is written before the commit; what a failed
 * import leaves there belongs to a version that does not exist, and is overwritten when it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "ctl/image_map.h"
#include "ctl/import_check.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "ctl/sample_pack.h"
#include "dataset/formats.h"
#include "dataset/row_source.h"
#include "images/images.h"
#include "store/audit_log.h"
#include "store/samples.h"
#include "wire/egress.h"
#include "wire/profile.h"

#include "base/banned.h"

#define SAMPLES_MOST 1000000 /* of a file: their ids are kept, to find one that comes twice */
#define REPORTED_MOST 100
#define IMAGES_NAMED_MOST 10
#define UNKNOWN_FIELDS_MOST 100 /* that are remembered, of a file */

struct import {
    struct ctl *ctl;
    struct db *db;
    const char *path, *dataset;
    struct sample_defaults defaults;
    struct image_map images;
    const char *format; /* NULL: told by the rows */
    struct row_source *source;
    struct import_check check;
    bool keep_going, dry_run, strict;
    void *seen; /* tsearch(3)'s tree of sample ids */
    int64_t rows, line, bad, added, changed, unchanged;
    bool undecided; /* the connection broke at the commit */
    json_object *errors;
    json_object *stored_images;  /* keys: what the image store has; values: the folders it names */
    struct buf profile;          /* of the data set (wire/profile.h); empty: it is left as it is */
    json_object *missing_images; /* keys: what samples name and the store lacks */
    json_object *unknown_fields; /* by name: {"field", "lines", "first_line", "meant"} */
    struct progress progress;
};

static void import_release(struct import *import)
{
    row_source_free(import->source);
    import_check_release(&import->check);
    image_map_release(&import->images);
    tdestroy(import->seen, free);
    json_object_put(import->errors);
    json_object_put(import->stored_images);
    buf_release(&import->profile);
    json_object_put(import->missing_images);
    json_object_put(import->unknown_fields);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool any_good(const struct import *import)
{
    return import->added + import->changed + import->unchanged > 0;
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

struct rendering {
    const struct import *import;
    const struct sample_line *line;
    struct buf archive;
    int status;
    struct error *err;
};

static void render(int64_t version, struct buf *json, void *arg)
{
    struct rendering *rendering = arg;

    sample_line_render(rendering->line, rendering->import->dataset, version, json);
    rendering->status =
        rendering->import->dry_run
            ? 0
            : sample_pack(rendering->line, json, &rendering->archive, rendering->err);
}

static int write_pack(const struct import *import, const char *sample_id, int64_t version,
                      const struct buf *archive, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    size_t folder;

    buf_addf(&path, "%s/", ctl_settings(import->ctl)->api.pack_dir);
    sample_pack_path(import->dataset, sample_id, version, &path);
    folder = (size_t)(strrchr(path.data, '/') - path.data);
    path.data[folder] = '\0';
    if (make_dirs(path.data, 0755, err) < 0)
        return -1;
    path.data[folder] = '/';
    return file_write_atomic(AT_FDCWD, path.data, archive->data, archive->length, 0644, err);
}

static struct new_sample sample_of(const struct import *import, const struct sample_line *line)
{
    struct new_sample sample = {
        .dataset = import->dataset,
        .sample_id = line->sample_id,
        .instance_id = line->instance_id,
        .language = line->language,
        .verifier = line->verifier,
        .image = line->image,
        .verifier_image = line->verifier_image,
        .repo_path = line->repo_path,
        .verifier_command = line->verifier_command,
        .report_paths = line->report_paths,
        .log_parser = line->log_parser,
        .fail_to_pass = line->fail_to_pass,
        .pass_to_pass = line->pass_to_pass,
        .fail_to_fail = line->fail_to_fail,
        .version_description = line->version_description,
        .image_reference = line->image_reference,
        .verify_timeout = line->verify_timeout,
        .hide_verifier_output = line->hide_verifier_output,
        .created_at = line->created_at,
    };

    sample_line_hash(line, import->dataset, sample.content_hash);
    return sample;
}

static int store(struct import *import, const struct sample_line *line, struct error *err)
{
    struct new_sample sample = sample_of(import, line);
    struct rendering rendering = {.import = import, .line = line, .archive = BUF_INIT, .err = err};
    int64_t version = 0;
    int status = store_sample_add(import->db, &sample, render, &rendering, &version, err);

    if (status == 0)
        status = rendering.status;
    if (status == 0 && version && !import->dry_run)
        status = write_pack(import, line->sample_id, version, &rendering.archive, err);
    buf_release(&rendering.archive);
    if (status < 0)
        return error_wrap(err, "%s:%" PRId64 " (%s)", import->path, import->line, line->sample_id);
    if (version == 0)
        import->unchanged++;
    else if (version == 1)
        import->added++;
    else
        import->changed++;
    return 0;
}

static void note_image(const struct import *import, const char *name)
{
    if (name && !json_object_object_get_ex(import->stored_images, name, NULL))
        json_add(import->missing_images, name, NULL);
}

static void choose_image(const struct import *import, struct sample_line *line)
{
    const struct image_map_entry *entry = image_map_find(&import->images, line->sample_id);

    if (entry) {
        line->image = entry->image;
        line->verifier_image = entry->verifier_image;
    }
    note_image(import, line->image);
    note_image(import, line->verifier_image);
}

static int settle_folder(const struct import *import, struct sample_line *line, struct error *why)
{
    json_object *image =
        line->image ? json_object_object_get(import->stored_images, line->image) : NULL;

    return sample_line_settle_folder(line, json_get_text(image, "repo_path"),
                                     json_get_text(image, "workdir"), why);
}

/* --- fields that nobody knows ---------------------------------------------------------------- */

static void note_unknown(const char *name, const char *meant, void *arg)
{
    struct import *import = arg;
    json_object *seen = NULL;

    if (json_object_object_get_ex(import->unknown_fields, name, &seen)) {
        json_add_int(seen, "lines", json_get_int(seen, "lines", 0) + 1);
        return;
    }
    if (json_object_object_length(import->unknown_fields) >= UNKNOWN_FIELDS_MOST)
        return;
    seen = json_object_new_object();
    json_add_text(seen, "field", name);
    json_add_text(seen, "meant", meant);
    json_add_int(seen, "first_line", import->line);
    json_add_int(seen, "lines", 1);
    json_add(import->unknown_fields, name, seen);
}

static void refuse_unknown(const char *name, const char *meant, void *arg)
{
    struct error *why = arg;

    if (why->kind == ERROR_NONE)
        error_set(why, ERROR_INVALID, NULL, "%.64s: unknown field%s%s%s", name,
                  meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

/* Rows of other makers have many fields that we do not know. Only a name near one that we do know
 * is worth a word: what it says would be missed. */
static void warn_of_fields(const struct import *import)
{
    json_object_object_foreach (import->unknown_fields, name, seen) {
        const char *meant = json_get_text(seen, "meant");
        int64_t lines = json_get_int(seen, "lines", 0);

        if (!meant)
            continue;
        ctl_warn(import->ctl,
                 "unknown field '%.64s' was ignored in %" PRId64 " line%s, first in line %" PRId64
                 "; did you mean '%s'?",
                 name, lines, lines == 1 ? "" : "s", json_get_int(seen, "first_line", 0), meant);
    }
}

/* --- one line -------------------------------------------------------------------------------- */

static int parse_line(struct import *import, const struct buf *text, struct sample_line *line,
                      struct error *why)
{
    struct error strict = ERROR_INIT;

    if (sample_line_parse(text->data, text->length, &import->defaults, line, why) < 0)
        return -1;
    sample_line_unknown(line, import->strict ? refuse_unknown : note_unknown,
                        import->strict ? (void *)&strict : import);
    if (strict.kind == ERROR_NONE)
        return 0;
    *why = strict;
    return -1;
}

/* Returns -1 only when there is no going on: a bad line is reported. */
static int take_line(struct import *import, const struct source_row *row, struct error *err)
{
    _cleanup_(sample_line_release) struct sample_line line = {0};
    struct error why = ERROR_INIT;
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
    choose_image(import, &line);
    if (settle_folder(import, &line, &why) < 0) {
        refuse_row(import, why.message);
        return 0;
    }
    import_check_sample(&import->check, import->line, &line, row->needs.data,
                        import->missing_images);
    /* What can't be kept any more is still read, so that all bad lines are told at once. */
    if (import->bad > 0 && !import->keep_going)
        return 0;
    return store(import, &line, err);
}

static int take_row(struct import *import, const struct source_row *row, struct error *err)
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

static int take_file(struct import *import, struct error *err)
{
    struct source_row row = SOURCE_ROW_INIT;
    int status = 0, got = 0;

    while (status == 0 && (got = row_source_next(import->source, &row, err)) > 0) {
        show_progress(import);
        status = ++import->rows > SAMPLES_MOST
                     ? error_set(err, ERROR_LIMIT, NULL, "%s has more than %d samples; split it",
                                 import->path, SAMPLES_MOST)
                     : take_row(import, &row, err);
    }
    source_row_release(&row);
    return status < 0 ? -1 : got;
}

static int sync_folder(const char *path, struct error *err)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? error_errno(err, errno, "cannot sync %s", path) : 0;
}

/* The archives' names are on disk before the rows that speak of them. */
static int sync_packs(const struct import *import, struct error *err)
{
    const char *pack_dir = ctl_settings(import->ctl)->api.pack_dir;
    _cleanup_(buf_release) struct buf folder = BUF_INIT;

    buf_addf(&folder, "%s/", pack_dir);
    sample_pack_folder(import->dataset, &folder);
    return sync_folder(folder.data, err) < 0 || sync_folder(pack_dir, err) < 0 ? -1 : 0;
}

static int record(const struct import *import, struct error *err)
{
    _cleanup_(free_ptr) char *counts =
        xasprintf("%" PRId64 " new, %" PRId64 " changed, %" PRId64 " unchanged samples",
                  import->added, import->changed, import->unchanged);

    return store_audit_log_add(import->db, "dataset.imported", import->dataset, counts, err);
}

static int finish(struct import *import, struct error *err)
{
    if (record(import, err) < 0)
        return -1;
    if ((import->added > 0 || import->changed > 0) && sync_packs(import, err) < 0)
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

static int set_up_dataset(struct import *import, struct error *err)
{
    const char *egress = ctl_option(import->ctl, "egress");

    if (store_dataset_ensure(import->db, import->dataset, ctl_option(import->ctl, "description"),
                             err) < 0)
        return -1;
    if (import->profile.length > 0 &&
        store_dataset_set_profile(import->db, import->dataset, import->profile.data, err) < 0)
        return -1;
    return egress ? store_dataset_set_egress(import->db, import->dataset, egress, err) : 0;
}

static int run(struct import *import, struct error *err)
{
    _cleanup_(close_fd) int lock = -1;

    if (!import->dry_run) {
        lock = sample_packs_lock(ctl_settings(import->ctl)->api.pack_dir, false, err);
        if (lock < 0)
            return -1;
    }
    if (db_begin(import->db, err) < 0)
        return -1;
    if (set_up_dataset(import, err) < 0 || take_file(import, err) < 0 ||
        check_any(import, err) < 0) {
        db_rollback(import->db);
        return -1;
    }
    if (is_refused(import) || import->dry_run) {
        db_rollback(import->db);
        return 0;
    }
    if (finish(import, err) < 0) {
        db_rollback(import->db);
        return -1;
    }
    return 0;
}

/* An order that works, so no failure: data first, images then. */
static void warn_of_images(const struct import *import)
{
    int named = 0;

    json_object_object_foreach (import->missing_images, name, ignored) {
        (void)ignored;
        if (named++ < IMAGES_NAMED_MOST)
            ctl_warn(
                import->ctl,
                "image '%s' is not in the image store; import it with 'codesetctl image import' "
                "before sessions need it",
                name);
    }
    if (named > IMAGES_NAMED_MOST)
        ctl_warn(import->ctl, "%d more images are not in the image store",
                 named - IMAGES_NAMED_MOST);
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

static json_object *unknown_list(const struct import *import)
{
    json_object *list = json_object_new_array();

    json_object_object_foreach (import->unknown_fields, name, seen) {
        (void)name;
        json_object_array_add(list, json_object_get(seen));
    }
    return list;
}

static void print_summary(const struct import *import)
{
    bool nothing = is_refused(import);
    _cleanup_(json_release) json_object *object = NULL;

    if (import->bad > REPORTED_MOST)
        fprintf(stderr, "%s: %" PRId64 " more bad lines\n", import->path,
                import->bad - REPORTED_MOST);
    if (!ctl_json(import->ctl) && (import->check.rows || !nothing))
        import_check_print(&import->check, row_source_format(import->source));
    if (ctl_json(import->ctl)) {
        object = json_object_new_object();
        json_add_text(object, "dataset", import->dataset);
        json_add_bool(object, "imported", !nothing && !import->dry_run);
        json_add_int(object, "added", nothing ? 0 : import->added);
        json_add_int(object, "changed", nothing ? 0 : import->changed);
        json_add_int(object, "unchanged", nothing ? 0 : import->unchanged);
        json_add_int(object, "bad", import->bad);
        json_add(object, "errors", json_object_get(import->errors));
        json_add(object, "unknown_fields", unknown_list(import));
        json_add_text(object, "format", row_source_format(import->source));
        import_check_add(&import->check, object);
        output_object(true, object);
    } else if (nothing) {
        tell_refusal(import);
    } else {
        printf("%s: %" PRId64 " new, %" PRId64 " changed, %" PRId64 " unchanged, %" PRId64
               " bad%s\n",
               import->dataset, import->added, import->changed, import->unchanged, import->bad,
               import->dry_run ? " (dry run: nothing was imported)" : "");
    }
}

static void add_stored_image(const struct image *image, void *arg)
{
    json_object *folders = json_object_new_object();

    json_add_text(folders, "repo_path", image->repo_path);
    json_add_text(folders, "workdir", image->workdir);
    json_add(arg, image->name, folders);
}

static int check_format(struct ctl *ctl, const char *format)
{
    _cleanup_(buf_release) struct buf names = BUF_INIT;

    if (!format || dataset_format_named(format))
        return CTL_OK;
    dataset_format_list(&names);
    return ctl_usage(ctl, "--format must be one of %s, not '%.40s'", names.data, format);
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

/* Reads the command line into import. */
static int prepare(struct ctl *ctl, struct import *import)
{
    const char *image_map = ctl_option(ctl, "image-map");
    const char *egress = ctl_option(ctl, "egress");
    struct error err = ERROR_INIT;

    *import = (struct import){
        .ctl = ctl,
        .path = ctl_argument(ctl, 0),
        .dataset = ctl_option(ctl, "dataset"),
        .defaults = {.language = ctl_option(ctl, "language"),
                     .image = ctl_option(ctl, "image"),
                     .repo_path = ctl_option(ctl, "repo-path")},
        .format = ctl_option(ctl, "format"),
        .keep_going = ctl_option(ctl, "keep-going") != NULL,
        .dry_run = ctl_option(ctl, "dry-run") != NULL || ctl_option(ctl, "check") != NULL,
        .check = {.rows = ctl_option(ctl, "check") ? json_object_new_array() : NULL},
        .strict = ctl_option(ctl, "strict") != NULL,
        .errors = json_object_new_array(),
        .stored_images = json_object_new_object(),
        .profile = BUF_INIT,
        .missing_images = json_object_new_object(),
        .unknown_fields = json_object_new_object(),
    };
    if (!import->dataset)
        return ctl_usage(ctl, "missing option: --dataset NAME");
    if (sample_check_dataset(import->dataset, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (egress && egress_policy_check(egress, &err) < 0)
        return ctl_usage(ctl, "--egress: %s", err.message);
    if (import->defaults.repo_path &&
        sample_check_folder("--repo-path", import->defaults.repo_path, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (read_profile(ctl, &import->profile, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (import->defaults.image && image_map)
        return ctl_usage(ctl, "--image and --image-map cannot be used together");
    if (import->defaults.language &&
        sample_check_language("--language", import->defaults.language, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (import->defaults.image && sample_check_image("--image", import->defaults.image, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (check_format(ctl, import->format) != CTL_OK)
        return CTL_USAGE;
    if (image_map && image_map_read(&import->images, image_map, &err) < 0)
        return ctl_fail(ctl, &err);
    /* Before there is a connection to the database: the source's children are copies of this. */
    import->source = row_source_open(import->path, import->format, SAMPLE_LINE_MOST, &err);
    if (!import->source) {
        ctl_fail(ctl, &err);
        fprintf(stderr, "Nothing was imported.\n");
        return CTL_FAILED;
    }
    if (image_list(&ctl_settings(ctl)->engine, add_stored_image, import->stored_images, &err) < 0)
        ctl_warn(ctl, "%s", err.message);
    import->db = ctl_db(ctl, &err);
    return import->db ? CTL_OK : ctl_fail(ctl, &err);
}

int ctl_dataset_import(struct ctl *ctl)
{
    _cleanup_(import_release) struct import import;
    struct error err = ERROR_INIT;
    int status = prepare(ctl, &import);

    if (status != CTL_OK)
        return status;
    progress_begin(&import.progress);
    status = run(&import, &err);
    progress_end(&import.progress);
    if (status < 0) {
        status = ctl_fail(ctl, &err);
        if (!import.undecided)
            fprintf(stderr, "Nothing was imported.\n");
        return status;
    }
    print_summary(&import);
    warn_of_fields(&import);
    warn_of_images(&import);
    return import.bad > 0 || import_check_failed(&import.check) ? CTL_FAILED : CTL_OK;
}
