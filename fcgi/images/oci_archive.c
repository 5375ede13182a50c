#include "images/oci_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define MANIFEST_MAX (4 << 20)
#define LAYERS_MAX 512
#define ENV_MAX 1024
#define LOG_MAX 4096
#define SOURCE_FD 3

void image_oci_release(struct image_oci *oci)
{
    json_object_put(oci->env);
    free(oci->workdir);
    memset(oci, 0, sizeof(*oci));
}

/* Runs skopeo. It gets the descriptors 0 to 2, and the source as number 3, so that no file's name
 * is taken for syntax. */
static int spawn_skopeo(const char *const args[], int source_fd, int log_fd, int *ret_status,
                        struct error *err)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                              "HOME=/nonexistent", "XDG_RUNTIME_DIR=/nonexistent",
                                              NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, log_fd, 2);
    posix_spawn_file_actions_adddup2(&actions, source_fd, SOURCE_FD);
    rc = posix_spawnp(&pid, "skopeo", &actions, NULL, (char *const *)args,
                      (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return error_errno(err, rc, "cannot run skopeo");
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* skopeo writes a log: time="..." level=fatal msg="Error ...". Its last message, in place; where
 * there is none, the first line. */
static char *last_message(char *log)
{
    char *message = log, *end;

    for (char *at = log; (at = strstr(at, "msg=\"")) != NULL;)
        message = at += strlen("msg=\"");
    for (const char *at = end = message; *at && *at != '"' && *at != '\n'; at++) {
        if (*at == '\\' && at[1])
            at++;
        *end++ = *at;
    }
    *end = '\0';
    return message;
}

static int run_skopeo(const char *kind, const char *source, const char *layout,
                      const char *workplace, struct error *err)
{
    _cleanup_(close_fd) int source_fd = open(source, O_RDONLY | O_CLOEXEC);
    _cleanup_(close_fd) int log_fd = open(workplace, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    _cleanup_(free_ptr) char *from = xasprintf("%s:/proc/self/fd/%d", kind, SOURCE_FD);
    _cleanup_(free_ptr) char *to = xasprintf("oci:%s:image", layout);
    _cleanup_(free_ptr) char *temporary = xasprintf("--tmpdir=%s", workplace);
    const char *const args[] = {
        "skopeo", "--insecure-policy", temporary, "copy", "--quiet", from, to, NULL};
    char log[LOG_MAX + 1];
    int status = 0;
    ssize_t got;

    if (source_fd < 0 || log_fd < 0)
        return error_errno(err, errno, "cannot open %s", source);
    if (spawn_skopeo(args, source_fd, log_fd, &status, err) < 0)
        return -1;
    if (status == 0)
        return 0;
    got = pread(log_fd, log, LOG_MAX, 0);
    log[got > 0 ? got : 0] = '\0';
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "skopeo cannot read it: %.300s",
                     last_message(log));
}

/* The path of a blob, from a descriptor's digest, which is nothing but "sha256:" and 64 digits. */
static int blob_path(const char *layout, json_object *descriptor, char **ret_path,
                     struct error *err)
{
    const char *digest = json_get_text(descriptor, "digest");

    if (digest == NULL || strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != 7 + 64 ||
        strspn(digest + 7, "0123456789abcdef") != 64)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "a digest in the archive is not a SHA-256 sum");
    *ret_path = xasprintf("%s/blobs/sha256/%s", layout, digest + 7);
    return 0;
}

static int read_json(const char *path, json_object **ret_object, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(AT_FDCWD, path, MANIFEST_MAX, &text, err) < 0)
        return -1;
    if (json_parse(text.data, text.length, ret_object, NULL, err) < 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "a JSON file in the archive is not valid");
    return 0;
}

static int read_blob(const char *layout, json_object *descriptor, json_object **ret_object,
                     struct error *err)
{
    _cleanup_(free_ptr) char *path = NULL;

    if (blob_path(layout, descriptor, &path, err) < 0)
        return -1;
    return read_json(path, ret_object, err);
}

/* The manifest that skopeo wrote: the only one of the index. */
static int read_manifest(const char *layout, json_object **ret_manifest, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/index.json", layout);
    _cleanup_(json_release) json_object *index = NULL;
    json_object *manifests;

    if (read_json(path, &index, err) < 0)
        return -1;
    if (!json_object_object_get_ex(index, "manifests", &manifests) ||
        !json_object_is_type(manifests, json_type_array) ||
        json_object_array_length(manifests) != 1)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the archive does not have exactly one manifest");
    return read_blob(layout, json_object_array_get_idx(manifests, 0), ret_manifest, err);
}

/* A working directory in /proc or /dev leads to descriptors of whoever starts there. */
static bool workdir_is_odd(const char *path)
{
    static const char *const refused[] = {"/proc", "/dev", "/sys"};

    if (path[0] != '/' || strlen(path) > 4095 || strstr(path, "/../") != NULL ||
        (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
        return true;
    path += strspn(path, "/") - 1;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        size_t length = strlen(refused[i]);

        if (strncmp(path, refused[i], length) == 0 && (path[length] == '/' || !path[length]))
            return true;
    }
    return false;
}

static int take_config(const char *layout, json_object *manifest, struct image_oci *oci,
                       struct error *err)
{
    _cleanup_(json_release) json_object *whole = NULL;
    json_object *descriptor, *config, *env;
    const char *workdir;

    if (!json_object_object_get_ex(manifest, "config", &descriptor) ||
        read_blob(layout, descriptor, &whole, err) < 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "the image has no configuration");
    if (!json_object_object_get_ex(whole, "config", &config))
        return 0;
    workdir = json_get_text(config, "WorkingDir");
    if (workdir != NULL && *workdir != '\0' && workdir_is_odd(workdir))
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the working directory %.200s is not allowed", workdir);
    if (workdir != NULL && *workdir != '\0')
        oci->workdir = xstrdup(workdir);
    if (json_object_object_get_ex(config, "Env", &env) &&
        json_object_is_type(env, json_type_array)) {
        if (json_object_array_length(env) > ENV_MAX)
            return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                             "the image has more than %d environment variables", ENV_MAX);
        oci->env = json_object_get(env);
    }
    return 0;
}

static int unpack_layers(struct extract *extract, const char *layout, json_object *manifest,
                         struct error *err)
{
    json_object *layers;
    size_t count;

    if (!json_object_object_get_ex(manifest, "layers", &layers) ||
        !json_object_is_type(layers, json_type_array))
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "the image has no layers");
    count = json_object_array_length(layers);
    if (count > LAYERS_MAX)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image has %zu layers; the limit is %d", count, LAYERS_MAX);
    extract->oci = true;
    for (size_t i = 0; i < count; i++) {
        _cleanup_(free_ptr) char *path = NULL;

        if (blob_path(layout, json_object_array_get_idx(layers, i), &path, err) < 0 ||
            extract_tar(extract, path, err) < 0)
            return -1;
    }
    return 0;
}

int image_oci_unpack(struct extract *extract, const char *kind, const char *source,
                     const char *workplace, struct image_oci *ret_oci, struct error *err)
{
    _cleanup_(free_ptr) char *layout = xasprintf("%s/layout", workplace);
    _cleanup_(json_release) json_object *manifest = NULL;

    if (run_skopeo(kind, source, layout, workplace, err) < 0 ||
        read_manifest(layout, &manifest, err) < 0 ||
        take_config(layout, manifest, ret_oci, err) < 0 ||
        unpack_layers(extract, layout, manifest, err) < 0)
        return -1;
    return remove_tree(layout, err);
}
