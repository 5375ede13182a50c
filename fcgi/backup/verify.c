#include "backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backup/part.h"
#include "backup/parts.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "store/dump.h"

#include "base/banned.h"

#define MANIFEST_MOST (1 << 20)

static int add_text(const char *bytes, size_t size, void *arg, struct error *err)
{
    struct buf *text = arg;

    if (text->length + size > MANIFEST_MOST)
        return error_set(err, ERROR_INVALID, NULL, BACKUP_MANIFEST " is too long");
    buf_add(text, bytes, size);
    return 0;
}

static int read_manifest(const struct part_place *place, const char *path,
                         json_object **ret_manifest, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *manifest = NULL;
    struct part_sum sum;

    if (part_read(place, BACKUP_MANIFEST, add_text, &text, &sum, err) < 0)
        return error_wrap(err, "%s is no backup", path);
    if (json_parse(text.data, text.length, &manifest, NULL, err) < 0)
        return error_wrap(err, "%s/" BACKUP_MANIFEST, path);
    if (json_get_int(manifest, "format", 0) != BACKUP_FORMAT ||
        !json_object_is_type(json_object_object_get(manifest, "files"), json_type_array) ||
        !json_object_is_type(json_object_object_get(manifest, "tables"), json_type_object) ||
        !json_object_is_type(json_object_object_get(manifest, "ledger"), json_type_object))
        return error_set(err, ERROR_INVALID, NULL,
                         "%s/" BACKUP_MANIFEST " is not one of this release's; restore with the "
                         "release that made the backup",
                         path);
    *ret_manifest = TAKE_PTR(manifest);
    return 0;
}

static int scan(const char *bytes, size_t size, void *arg, struct error *err)
{
    return dump_add(arg, bytes, size, err);
}

static int check_file(const struct part_place *place, json_object *manifest, json_object *file,
                      struct error *err)
{
    const char *name = json_get_text(file, "name"), *digest = json_get_text(file, "sha256");
    _cleanup_(dump_release) struct dump dump = {.rows = NULL};
    bool is_database = name && strcmp(name, BACKUP_DATABASE) == 0;
    struct part_sum sum;

    if (!name || !digest || strchr(name, '/'))
        return error_set(err, ERROR_INVALID, NULL, "the manifest names no file");
    dump_begin(&dump, NULL, NULL);
    if (part_read(place, name, is_database ? scan : NULL, &dump, &sum, err) < 0 ||
        (is_database && dump_end(&dump, err) < 0))
        return -1;
    if (sum.bytes != json_get_int(file, "bytes", -1) || strcmp(sum.sha256, digest) != 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "%s is not what was saved: its digest is not the manifest's", name);
    if (!is_database)
        return 0;
    return backup_compare(json_object_object_get(manifest, "tables"), dump.rows,
                          "the number of rows of the table", err);
}

int backup_check(const char *path, json_object **ret_manifest, struct error *err)
{
    _cleanup_(part_place_release) struct part_place place = {.folder = -1};
    _cleanup_(json_release) json_object *manifest = NULL;
    json_object *files;
    bool database = false;

    if (part_place_open(&place, path, err) < 0)
        return -1;
    if (read_manifest(&place, path, &manifest, err) < 0)
        return -1;
    files = json_object_object_get(manifest, "files");
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        json_object *file = json_object_array_get_idx(files, i);
        const char *name = json_get_text(file, "name");

        if (check_file(&place, manifest, file, err) < 0)
            return error_wrap(err, "the backup %s is damaged", path);
        database = database || strcmp(name, BACKUP_DATABASE) == 0;
    }
    if (!database)
        return error_set(err, ERROR_INVALID, NULL, "the backup %s has no database", path);
    *ret_manifest = TAKE_PTR(manifest);
    return 0;
}
