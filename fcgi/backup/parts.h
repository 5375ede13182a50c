/*
 * parts.h - what making and restoring a backup share: its files, and how MariaDB's programs are
 * run.
 */
#ifndef CODESET_BACKUP_PARTS_H
#define CODESET_BACKUP_PARTS_H

#include <json-c/json.h>

#include "base/error.h"

struct settings;
struct database_settings;
struct db;

#define BACKUP_DATABASE "database.sql.gz"
#define BACKUP_MANIFEST "manifest.json"
#define BACKUP_FORMAT 1

struct backup_folder {
    const char *part; /* the file's name */
    char *folder;     /* what it has */
    int is_images;
};

#define BACKUP_FOLDERS 2
struct backup_folders {
    struct backup_folder rows[BACKUP_FOLDERS];
};

/* Those of the settings; or, where `below` is not NULL, folders of the parts' names in it. */
void backup_folders(const struct settings *settings, const char *below,
                    struct backup_folders *ret_folders);
void backup_folders_release(struct backup_folders *folders);

/* The option by which they find it, as CHILD_FILE_FD. */
#define BACKUP_SIGN_IN_OPTION "--defaults-file=/dev/fd/3"

/* A file, without a name, with which MariaDB's programs sign in as the administrator's account.
 * Returns its descriptor. */
int backup_sign_in(const struct database_settings *settings, struct error *err);

/* {"tables": {name: rows}, "ledger": {name: cents}} as the connection sees them now. */
json_object *backup_numbers(struct db *db, struct error *err);

/* Are the members the same, with the same numbers? Says of the first one what differs. */
int backup_compare(json_object *expected, json_object *found, const char *what, struct error *err);

#endif
