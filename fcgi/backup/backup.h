/*
 * backup.h - a backup of an installation: its database, image store and results.
 *
 * A backup is a folder:
 *     database.sql.gz    by mariadb-dump, of one snapshot
 *     images.tar results.tar
 *     manifest.json      made last: what is in it, by numbers and digests, and who made it
 *
 * or one file, an archive of that folder (tar).
 *
 * Configuration and secrets are not in it, nor what containers that run have written.
 *
 * The database comes first, the files behind it: a file is there before the row that names it, so
 * that what the dump names is in the archives, but for what an operator or retention removed
 * meanwhile. What is in the archives alone does no harm.
 */
#ifndef CODESET_BACKUP_BACKUP_H
#define CODESET_BACKUP_BACKUP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct db;
struct settings;

/* Called when a part is begun. */
typedef void backup_progress(const char *part, void *arg);

struct backup_wish {
    bool images;   /* with the image store */
    bool one_file; /* takes twice its room in the folder while it is made */
};

/*
 * Makes a backup below the folder, named after the time, and checks it as backup_check does before
 * it gets its name. One at a time in a folder. db: the administrator's. *ret_path: to free().
 */
int backup_make(const struct settings *settings, struct db *db, const char *folder,
                const struct backup_wish *wish, backup_progress *progress, void *arg,
                char **ret_path, json_object **ret_manifest, struct error *err);

/* Removes all but the newest `keep` backups of the folder. */
int backup_prune(const char *folder, int64_t keep, int64_t *ret_removed, struct error *err);

/* Reads all of a backup: digests, the dump's end, and its rows, which must be as many as the
 * snapshot had. *ret_manifest is the caller's. */
int backup_check(const char *path, json_object **ret_manifest, struct error *err);

/*
 * Checks the backup, and puts it in the place of the settings: into a database without a table, and
 * folders that are empty. Then rows and ledger must be what the manifest says. What is wrong with
 * either place is told before anything is written. database: NULL: that of the settings; another
 * one is filled alone, without the files, unless `below` is a folder: it gets them, as images and
 * results. What a backup of an older release has besides is left out.
 *
 * ERROR_CONFLICT: something is there already.
 */
int backup_restore(const struct settings *settings, const char *path, const char *database,
                   const char *below, backup_progress *progress, void *arg,
                   json_object **ret_manifest, struct error *err);

#endif
