#include "images/archive_kind.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/archive_files.h"
#include "images/tar_stream.h"

#include "base/banned.h"

#define MANIFEST_MAX (4 << 20)

DEFINE_CLEANUP(struct tar_stream *, close_stream, tar_stream_close)

/* Folders of a root file system; an image archive has none of them at its top. */
static bool is_root_folder(const char *name)
{
    static const char *const folders[] = {"bin", "boot", "dev",  "etc",  "home", "lib",
                                          "mnt", "opt",  "proc", "root", "run",  "sbin",
                                          "srv", "sys",  "tmp",  "usr",  "var",  NULL};
    size_t length = strcspn(name, "/");

    for (size_t i = 0; folders[i]; i++) {
        if (strlen(folders[i]) == length && strncmp(folders[i], name, length) == 0)
            return true;
    }
    return false;
}

/* Is it docker's manifest.json: an array whose items name a Config and Layers? What else is in the
 * archive, and under which names, differs from tool to tool. Returns how many items; 0: it is not.
 */
static size_t count_images(const char *text, size_t length)
{
    _cleanup_(json_release) json_object *manifest = NULL;
    json_object *image, *layers;
    struct error ignored;

    if (json_parse(text, length, &manifest, NULL, &ignored) < 0 ||
        !json_object_is_type(manifest, json_type_array))
        return 0;
    image = json_object_array_get_idx(manifest, 0);
    if (!json_get_text(image, "Config") || !json_object_object_get_ex(image, "Layers", &layers) ||
        !json_object_is_type(layers, json_type_array))
        return 0;
    return json_object_array_length(manifest);
}

static int read_manifest(struct tar_stream *stream, size_t *ret_images, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const void *block;
    size_t size;
    int64_t offset;
    int rc;

    while ((rc = tar_stream_block(stream, &block, &size, &offset, err)) > 0) {
        if (text.length + size > MANIFEST_MAX)
            return 0; /* a file of that name, no more */
        buf_add(&text, block, size);
    }
    if (rc == 0)
        *ret_images = count_images(text.data ? text.data : "", text.length);
    return rc;
}

struct seen {
    bool layout, index;
    size_t images;
};

/* Returns 1, 0 where the archive is a root file system, -1. */
static int look(struct tar_stream *stream, struct archive_entry *entry, struct seen *seen,
                struct error *err)
{
    _cleanup_(free_ptr) char *name = tar_name(archive_entry_pathname(entry), err);

    if (name == NULL)
        return -1;
    if (is_root_folder(name))
        return 0;
    seen->layout = seen->layout || strcmp(name, "oci-layout") == 0;
    seen->index = seen->index || strcmp(name, "index.json") == 0;
    if (strcmp(name, "manifest.json") == 0 && read_manifest(stream, &seen->images, err) < 0)
        return -1;
    return 1;
}

int archive_kind(int source_fd, int64_t most, enum archive_kind *ret_kind, struct error *err)
{
    _cleanup_(close_stream) struct tar_stream *stream =
        tar_stream_open(source_fd, most, false, err);
    struct archive_entry *entry;
    struct seen seen = {.layout = false};
    int rc = 0, goes_on = 1, entries = 0;

    if (stream == NULL)
        return -1;
    while (goes_on > 0 && entries++ < ARCHIVE_FILES_MOST &&
           (rc = tar_stream_next(stream, &entry, err)) > 0)
        goes_on = look(stream, entry, &seen, err);
    if (rc < 0 || goes_on < 0)
        return -1;
    *ret_kind = ARCHIVE_ROOT;
    if (rc > 0) /* it did not come to the end */
        return 0;
    if (seen.images > 0)
        *ret_kind = ARCHIVE_DOCKER;
    else if (seen.layout && seen.index)
        *ret_kind = ARCHIVE_OCI;
    return 0;
}
