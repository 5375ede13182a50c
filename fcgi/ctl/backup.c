/*
 * backup.c - codesetctl backup, codesetctl restore.
 */
#include "backup/backup.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "store/audit.h"

#include "base/banned.h"

#define KEEP_MOST 100000

static void on_part(const char *part, void *arg)
{
    progress_show(arg, "%s", part);
}

static int64_t bytes_of(json_object *manifest)
{
    json_object *files = json_object_object_get(manifest, "files");
    int64_t bytes = 0;

    for (size_t i = 0; i < json_object_array_length(files); i++)
        bytes += json_get_int(json_object_array_get_idx(files, i), "bytes", 0);
    return bytes;
}

static int64_t rows_of(json_object *manifest)
{
    int64_t rows = 0;

    json_object_object_foreach (json_object_object_get(manifest, "tables"), table, number) {
        (void)table;
        rows += json_object_get_int64(number);
    }
    return rows;
}

static json_object *summary(const char *path, json_object *manifest)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "path", path);
    json_add_text(object, "taken_at", json_get_text(manifest, "taken_at"));
    json_add_text(object, "version", json_get_text(manifest, "version"));
    json_add_int(object, "rows", rows_of(manifest));
    json_add_int(object, "bytes", bytes_of(manifest));
    json_add(object, "ledger", json_object_get(json_object_object_get(manifest, "ledger")));
    return object;
}

/* --- backup ---------------------------------------------------------------------------------- */

int ctl_backup(struct ctl *ctl)
{
    const char *folder = ctl_argument(ctl, 0);
    const struct backup_wish wish = {.images = !ctl_option(ctl, "no-images"),
                                     .one_file = ctl_option(ctl, "one-file") != NULL};
    _cleanup_(json_release) json_object *manifest = NULL, *object = NULL;
    _cleanup_(free_ptr) char *path = NULL;
    struct error err = ERROR_INIT;
    struct progress progress;
    int64_t keep, removed = 0;
    struct db *db;
    int status;

    if (ctl_option_int(ctl, "keep", 1, KEEP_MOST, KEEP_MOST, &keep) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (!db)
        return ctl_fail(ctl, &err);
    progress_begin(&progress);
    status = backup_make(ctl_settings(ctl), db, folder, &wish, on_part, &progress, &path, &manifest,
                         &err);
    progress_end(&progress);
    if (status < 0 || backup_prune(folder, keep, &removed, &err) < 0)
        return ctl_fail(ctl, &err);
    ctl_record(ctl, "backup.made", path, NULL);
    object = summary(path, manifest);
    json_add_int(object, "removed", removed);
    output_done(ctl_json(ctl), object,
                "%s: %" PRId64 " rows, %" PRId64 " MiB in all; checked. Older backups removed: "
                "%" PRId64,
                path, rows_of(manifest), bytes_of(manifest) / (1024 * 1024), removed);
    return CTL_OK;
}

/* --- restore --------------------------------------------------------------------------------- */

static int check(struct ctl *ctl, const char *path)
{
    _cleanup_(json_release) json_object *manifest = NULL, *object = NULL;
    struct error err = ERROR_INIT;

    if (backup_check(path, &manifest, &err) < 0)
        return ctl_fail(ctl, &err);
    object = summary(path, manifest);
    output_done(ctl_json(ctl), object, "%s is whole: %" PRId64 " rows, taken at %s", path,
                rows_of(manifest), json_get_text(manifest, "taken_at"));
    return CTL_OK;
}

static void on_finding(const struct audit_finding *finding, void *arg)
{
    ctl_warn(arg, "the ledger: not so: %s: %s %s: %s", finding->rule, finding->object, finding->id,
             finding->detail);
}

/* Brings what was restored to this release, with accounts and rights, and looks at the money. */
static int complete(struct ctl *ctl, const char *path)
{
    struct audit_totals totals = {0};
    struct error err = ERROR_INIT;
    struct db *db;

    if (ctl_migrate_quietly(ctl, &err) < 0) {
        error_wrap(&err, "the backup is restored, but the schema is not up to date");
        return ctl_fail(ctl, &err);
    }
    db = ctl_db(ctl, &err);
    if (!db || store_ledger_audit(db, on_finding, ctl, &totals, &err) < 0)
        return ctl_fail(ctl, &err);
    ctl_record(ctl, "backup.restored", path, NULL);
    return totals.findings > 0 ? CTL_FAILED : CTL_OK;
}

int ctl_restore(struct ctl *ctl)
{
    const char *path = ctl_argument(ctl, 0), *into = ctl_option(ctl, "into");
    const char *below = ctl_option(ctl, "files");
    _cleanup_(json_release) json_object *manifest = NULL, *object = NULL;
    struct error err = ERROR_INIT;
    struct progress progress;
    int status;

    if (ctl_option(ctl, "check"))
        return check(ctl, path);
    if (below && !into)
        return ctl_usage(ctl, "--files goes with --into; without it the files go where the "
                              "settings say");
    progress_begin(&progress);
    status =
        backup_restore(ctl_settings(ctl), path, into, below, on_part, &progress, &manifest, &err);
    progress_end(&progress);
    if (status < 0)
        return ctl_fail(ctl, &err);
    status = into ? CTL_OK : complete(ctl, path);
    object = summary(path, manifest);
    output_done(ctl_json(ctl), object,
                "%s restored%s%s%s%s: %" PRId64 " rows; rows and ledger are as they were", path,
                into ? " into the database " : "", into ? into : "",
                below ? " and the folder " : "", below ? below : "", rows_of(manifest));
    return status;
}
