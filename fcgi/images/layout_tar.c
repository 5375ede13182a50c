#include "images/layout_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/guard.h"
#include "settings.h"

#include "base/banned.h"

#define DOCUMENT_MOST (4 << 20) /* bytes of an index or a manifest */
#define LAYERS_MOST 512
#define INDEXES_MOST 3 /* within one another */
#define BLOCK (1 << 20)
#define HEX 64

DEFINE_CLEANUP(struct archive *, free_archive, archive_write_free)
DEFINE_CLEANUP(struct archive_entry *, free_entry, archive_entry_free)

struct copy {
    const struct engine_settings *settings;
    struct archive *archive;
    int layout_fd, blobs_fd;
    json_object *done; /* names that are in the tar */
    char *block;
    int64_t bytes; /* of the files that are in it, or about to be */
};

static int open_plain(int folder, const char *name, struct stat *ret_st, struct error *err)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", name);
    if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode))
        return fd;
    close(fd);
    return error_set(err, ERROR_INVALID, NULL, "%s is no plain file", name);
}

static int write_failed(struct copy *copy, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, NULL, "cannot write the archive: %s",
                     archive_error_string(copy->archive));
}

static int add_bytes(struct copy *copy, int fd, int64_t left, const char *name, struct error *err)
{
    while (left > 0) {
        ssize_t got;

        if (guard_check_disk(copy->settings, err) < 0)
            return -1;
        got = read(fd, copy->block, BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? error_errno(err, errno, "cannot read %s", name)
                           : error_set(err, ERROR_INVALID, NULL, "%s became shorter", name);
        if (got > left)
            got = (ssize_t)left;
        if (archive_write_data(copy->archive, copy->block, (size_t)got) != got)
            return write_failed(copy, err);
        left -= got;
    }
    return 0;
}

/* Once each. */
static int add_file(struct copy *copy, int folder, const char *from, const char *to,
                    struct error *err)
{
    _cleanup_(free_entry) struct archive_entry *entry = archive_entry_new();
    struct stat st;
    _cleanup_(close_fd) int fd = -1;

    if (json_object_object_get_ex(copy->done, to, NULL))
        return 0;
    fd = open_plain(folder, from, &st, err);
    if (fd < 0)
        return -1;
    if (st.st_size > copy->settings->image_bytes_max - copy->bytes)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image is larger than %" PRId64 " bytes (image_bytes_max)",
                         copy->settings->image_bytes_max);
    copy->bytes += st.st_size;
    json_add(copy->done, to, NULL);
    archive_entry_set_pathname(entry, to);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, st.st_size);
    if (archive_write_header(copy->archive, entry) != ARCHIVE_OK)
        return write_failed(copy, err);
    return add_bytes(copy, fd, st.st_size, to, err);
}

static json_object *read_document(int folder, const char *name, struct error *err)
{
    struct stat st;
    _cleanup_(close_fd) int fd = open_plain(folder, name, &st, err);
    _cleanup_(free_ptr) char *text = NULL;
    json_object *value = NULL;

    if (fd < 0)
        return NULL;
    if (st.st_size > DOCUMENT_MOST) {
        error_set(err, ERROR_INVALID, NULL, "%s has more than %d bytes", name, DOCUMENT_MOST);
        return NULL;
    }
    text = xmalloc((size_t)st.st_size + 1);
    if (read(fd, text, (size_t)st.st_size) != st.st_size) {
        error_set(err, ERROR_INVALID, NULL, "cannot read %s", name);
        return NULL;
    }
    if (json_parse(text, (size_t)st.st_size, &value, NULL, err) < 0) {
        error_wrap(err, "%s", name);
        return NULL;
    }
    return value;
}

/* "sha256/DIGEST" of a descriptor. free() it. */
static char *blob_name(json_object *descriptor, struct error *err)
{
    const char *digest = json_get_text(descriptor, "digest");

    if (digest && strncmp(digest, "sha256:", 7) == 0 && strlen(digest + 7) == HEX &&
        strspn(digest + 7, "0123456789abcdef") == HEX)
        return xasprintf("sha256/%s", digest + 7);
    error_set(err, ERROR_INVALID, NULL, "the layout names a blob without a sha256 digest");
    return NULL;
}

static int add_blob(struct copy *copy, json_object *descriptor, struct error *err)
{
    _cleanup_(free_ptr) char *from = blob_name(descriptor, err);
    _cleanup_(free_ptr) char *to = from ? xasprintf("blobs/%s", from) : NULL;

    return to ? add_file(copy, copy->blobs_fd, from, to, err) : -1;
}

/* Adds what leads from the index to the image's manifest. The manifest is the caller's; NULL. */
static json_object *add_manifest(struct copy *copy, const struct image_choice *choice,
                                 json_object *index, struct error *err)
{
    json_object *document = json_object_get(index);

    for (int indexes = 0; document != NULL; indexes++) {
        _cleanup_(json_release) json_object *held = document;
        json_object *images = NULL, *entry;
        _cleanup_(free_ptr) char *name = NULL;

        if (!json_object_object_get_ex(document, "manifests", &images) && indexes > 0)
            return TAKE_PTR(held);
        if (!json_object_is_type(images, json_type_array) || indexes == INDEXES_MOST) {
            error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "index.json does not lead to an image");
            return NULL;
        }
        entry = image_choice_manifest(choice, images, indexes == 0, err);
        name = entry ? blob_name(entry, err) : NULL;
        if (!name || add_blob(copy, entry, err) < 0)
            return NULL;
        document = read_document(copy->blobs_fd, name, err);
    }
    return NULL;
}

static int add_image(struct copy *copy, const struct image_choice *choice, json_object *index,
                     struct error *err)
{
    _cleanup_(json_release) json_object *manifest = add_manifest(copy, choice, index, err);
    json_object *layers;

    if (!manifest)
        return -1;
    layers = json_object_object_get(manifest, "layers");
    if (!json_object_is_type(layers, json_type_array) ||
        json_object_array_length(layers) > LAYERS_MOST)
        return error_set(err, ERROR_INVALID, NULL, "its manifest lists no layers, or more than %d",
                         LAYERS_MOST);
    if (add_blob(copy, json_object_object_get(manifest, "config"), err) < 0)
        return -1;
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        if (add_blob(copy, json_object_array_get_idx(layers, i), err) < 0)
            return -1;
    }
    return 0;
}

int layout_tar(const struct engine_settings *settings, const struct image_choice *choice,
               int layout_fd, int blobs_fd, int out_fd, struct error *err)
{
    _cleanup_(free_archive) struct archive *archive = archive_write_new();
    _cleanup_(json_release) json_object *index = read_document(layout_fd, "index.json", err);
    _cleanup_(json_release) json_object *done = json_object_new_object();
    _cleanup_(free_ptr) char *block = xmalloc(BLOCK);
    struct copy copy = {.settings = settings,
                        .archive = archive,
                        .layout_fd = layout_fd,
                        .blobs_fd = blobs_fd,
                        .done = done,
                        .block = block};

    if (!index)
        return -1;
    if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
        archive_write_open_fd(archive, out_fd) != ARCHIVE_OK)
        return write_failed(&copy, err);
    if (add_file(&copy, layout_fd, "oci-layout", "oci-layout", err) < 0 ||
        add_file(&copy, layout_fd, "index.json", "index.json", err) < 0 ||
        add_image(&copy, choice, index, err) < 0)
        return -1;
    return archive_write_close(archive) == ARCHIVE_OK ? 0 : write_failed(&copy, err);
}
