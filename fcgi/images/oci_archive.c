#include "images/oci_archive.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/archive_files.h"

#include "base/banned.h"

#define LAYERS_MAX 512
#define INDEXES_MOST 3 /* within one another */

/* What an archive comes to, whoever wrote it. Borrowed from its files and its manifest. */
struct parts {
    const struct archive_file *config;
    const struct archive_file *layers[LAYERS_MAX];
    size_t count;
};

static int refuse(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%s", why);
}

/* The member if it is an array, else NULL. */
static json_object *array_of(json_object *object, const char *name)
{
    json_object *array = NULL;

    json_object_object_get_ex(object, name, &array);
    return json_object_is_type(array, json_type_array) ? array : NULL;
}

/* The layers' array, if there are no more than an image may have. */
static json_object *layers_of(json_object *manifest, const char *name, struct error *err)
{
    json_object *layers = array_of(manifest, name);

    if (layers == NULL) {
        refuse(err, "the image has no layers");
        return NULL;
    }
    if (json_object_array_length(layers) <= LAYERS_MAX)
        return layers;
    error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "the image has %zu layers; the limit is %d",
              json_object_array_length(layers), LAYERS_MAX);
    return NULL;
}

/* The hexadecimal digits of a digest, which is nothing but "sha256:" and 64 of them. */
static const char *digits_of(const char *digest, struct error *err)
{
    if (digest != NULL && strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == 7 + 64 &&
        strspn(digest + 7, "0123456789abcdef") == 64)
        return digest + 7;
    refuse(err, "a digest in the archive is not a SHA-256 sum");
    return NULL;
}

/* --- OCI ------------------------------------------------------------------------------------- */

static const struct archive_file *find_blob(const struct archive_files *files,
                                            json_object *descriptor, struct error *err)
{
    const char *digits = digits_of(json_get_text(descriptor, "digest"), err);
    const struct archive_file *file;
    char name[96];

    if (digits == NULL)
        return NULL;
    snprintf(name, sizeof(name), "blobs/sha256/%s", digits);
    file = archive_files_find(files, name, err);
    if (file == NULL || strcmp(file->sha256, digits) == 0)
        return file;
    error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%s: its content does not match its digest",
              name);
    return NULL;
}

static int find_manifest(const struct archive_files *files, const struct image_choice *choice,
                         json_object **ret_manifest, struct error *err)
{
    const struct archive_file *file = archive_files_find(files, "index.json", err);

    for (int indexes = 0; file != NULL; indexes++) {
        _cleanup_(json_release) json_object *object = NULL;
        json_object *manifests, *chosen;

        if (archive_file_json(files, file, &object, err) < 0)
            return -1;
        manifests = array_of(object, "manifests");
        if (manifests == NULL && indexes > 0) {
            *ret_manifest = TAKE_PTR(object);
            return 0;
        }
        if (manifests == NULL || indexes == INDEXES_MOST)
            return refuse(err, "the archive's index.json does not lead to an image");
        chosen = image_choice_manifest(choice, manifests, indexes == 0, err);
        file = chosen ? find_blob(files, chosen, err) : NULL;
    }
    return -1;
}

static int find_oci_parts(const struct archive_files *files, const struct image_choice *choice,
                          struct parts *parts, struct error *err)
{
    _cleanup_(json_release) json_object *manifest = NULL;
    json_object *layers, *config = NULL;

    if (find_manifest(files, choice, &manifest, err) < 0)
        return -1;
    layers = layers_of(manifest, "layers", err);
    if (layers == NULL)
        return -1;
    if (!json_object_object_get_ex(manifest, "config", &config))
        return refuse(err, "the image has no configuration");
    parts->config = find_blob(files, config, err);
    parts->count = json_object_array_length(layers);
    for (size_t i = 0; parts->config != NULL && i < parts->count; i++) {
        parts->layers[i] = find_blob(files, json_object_array_get_idx(layers, i), err);
        if (parts->layers[i] == NULL)
            return -1;
    }
    return parts->config != NULL ? 0 : -1;
}

/* --- docker ---------------------------------------------------------------------------------- */

static int find_docker_parts(const struct archive_files *files, const struct image_choice *choice,
                             struct parts *parts, struct error *err)
{
    const struct archive_file *file = archive_files_find(files, "manifest.json", err);
    _cleanup_(json_release) json_object *manifest = NULL;
    json_object *image, *layers;
    const char *config;

    if (file == NULL || archive_file_json(files, file, &manifest, err) < 0)
        return -1;
    if (!json_object_is_type(manifest, json_type_array))
        return refuse(err, "the archive's manifest.json is not an array");
    image = image_choice_docker(choice, manifest, err);
    if (image == NULL)
        return -1;
    config = json_get_text(image, "Config");
    layers = layers_of(image, "Layers", err);
    if (layers == NULL)
        return -1;
    if (config == NULL)
        return refuse(err, "the image has no configuration");
    parts->config = archive_files_find(files, config, err);
    parts->count = json_object_array_length(layers);
    for (size_t i = 0; parts->config != NULL && i < parts->count; i++) {
        json_object *name = json_object_array_get_idx(layers, i);

        if (!json_object_is_type(name, json_type_string))
            return refuse(err, "the name of a layer is not a text");
        parts->layers[i] = archive_files_find(files, json_object_get_string(name), err);
        if (parts->layers[i] == NULL)
            return -1;
    }
    return parts->config != NULL ? 0 : -1;
}

/* --- what both have -------------------------------------------------------------------------- */

/* What they may be is the reader's of the report to say (unpack_report.h). */
static int take_texts(json_object *config, const char *name, const char *fault,
                      json_object **ret_list, struct error *err)
{
    json_object *list = array_of(config, name);

    if (list == NULL)
        return 0;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
            return refuse(err, fault);
    *ret_list = json_object_get(list);
    return 0;
}

static int take_config(json_object *whole, struct unpacked *unpacked, struct error *err)
{
    json_object *config = NULL;
    const char *workdir, *user;

    if (!json_object_object_get_ex(whole, "config", &config))
        return 0;
    workdir = json_get_text(config, "WorkingDir");
    if (workdir != NULL && *workdir != '\0')
        unpacked->workdir = xstrdup(workdir);
    user = json_get_text(config, "User");
    if (user != NULL && *user != '\0')
        unpacked->user = xstrdup(user);
    if (take_texts(config, "Entrypoint", "an argument of the image's entry point is not a text",
                   &unpacked->entrypoint, err) < 0)
        return -1;
    return take_texts(config, "Env", "an environment variable of the image is not a text",
                      &unpacked->env, err);
}

/* The digits that a layer's sum must have when it is decompressed. An OCI archive's layers were
 * compared as they lie there, so of these there is none (NULL). */
static int sums_of(enum archive_kind kind, json_object *config, size_t count,
                   json_object **ret_sums, struct error *err)
{
    json_object *rootfs = NULL, *sums;

    *ret_sums = NULL;
    if (kind != ARCHIVE_DOCKER)
        return 0;
    json_object_object_get_ex(config, "rootfs", &rootfs);
    sums = array_of(rootfs, "diff_ids");
    if (sums == NULL || json_object_array_length(sums) != count)
        return refuse(err, "the image's configuration does not have a digest for each layer");
    *ret_sums = sums;
    return 0;
}

static int unpack_layers(struct extract *extract, const struct archive_files *files,
                         const struct parts *parts, json_object *sums, struct error *err)
{
    extract->oci = true;
    for (size_t i = 0; i < parts->count; i++) {
        _cleanup_(close_fd) int fd = archive_file_open(files, parts->layers[i], err);
        json_object *sum = sums ? json_object_array_get_idx(sums, i) : NULL;
        const char *digits = NULL;

        if (fd < 0)
            return -1;
        extract->on_nothing = i == 0 && sums == NULL && extract->base_count == 0;
        if (sums != NULL) {
            digits = digits_of(
                json_object_is_type(sum, json_type_string) ? json_object_get_string(sum) : NULL,
                err);
            if (digits == NULL)
                return -1;
        }
        if (extract_tar(extract, fd, digits, err) < 0)
            return error_wrap(err, "layer %zu", i + 1);
    }
    return 0;
}

static int unpack_files(struct extract *extract, enum archive_kind kind,
                        const struct image_choice *choice, const struct archive_files *files,
                        struct unpacked *unpacked, struct error *err)
{
    _cleanup_(json_release) json_object *config = NULL;
    struct parts parts = {.config = NULL};
    json_object *sums;

    if ((kind == ARCHIVE_DOCKER ? find_docker_parts : find_oci_parts)(files, choice, &parts, err) <
            0 ||
        archive_file_json(files, parts.config, &config, err) < 0 ||
        image_choice_runs_here(config, err) < 0 || take_config(config, unpacked, err) < 0 ||
        sums_of(kind, config, parts.count, &sums, err) < 0)
        return -1;
    return unpack_layers(extract, files, &parts, sums, err);
}

int image_oci_unpack(struct extract *extract, enum archive_kind kind,
                     const struct image_choice *choice, int source_fd, int folder_fd,
                     struct unpacked *unpacked, struct error *err)
{
    _cleanup_(archive_files_release) struct archive_files files = {.count = 0};

    if (archive_files_copy(source_fd, folder_fd, extract->bytes_max, extract->progress,
                           extract->arg, &files, err) < 0)
        return -1;
    return unpack_files(extract, kind, choice, &files, unpacked, err);
}
