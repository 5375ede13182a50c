/*
 * Archives of OCI's and of docker's kind, with one image or several.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "fixture.h"
#include "image-fixture.h"
#include "images/image_choice.h"
#include "images/image_store.h"
#include "images/images.h"
#include "tars.h"

#include "base/banned.h"

struct blob {
    char path[96];
    char digest[80];
    struct buf bytes;
};

static struct blob blob_of(const void *bytes, size_t length)
{
    struct blob blob = {.bytes = BUF_INIT};
    char hex[2 * SHA256_SIZE + 1];

    sha256_hex(bytes, length, hex);
    snprintf(blob.path, sizeof(blob.path), "blobs/sha256/%s", hex);
    snprintf(blob.digest, sizeof(blob.digest), "sha256:%s", hex);
    buf_add(&blob.bytes, bytes, length);
    return blob;
}

/* Of an archive that the function writes. */
static struct blob tar_by(void (*write)(const char *file, const struct tar_entry *entries,
                                        int count),
                          const struct tar_entry *entries, int count)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/layer.tar", fixture.dir);
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct error err = ERROR_INIT;

    write(path, entries, count);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 1 << 20, &bytes, &err), 0);
    return blob_of(bytes.data, bytes.length);
}

static struct blob layer_of(const struct tar_entry *entries, int count)
{
    return tar_by(tar_write, entries, count);
}

#define OCI_TYPE "application/vnd.oci.image."

static void add_descriptor(struct buf *out, const char *type, const struct blob *blob)
{
    buf_addf(out, "{\"mediaType\":\"" OCI_TYPE "%s\",\"digest\":\"%s\",\"size\":%zu}", type,
             blob->digest, blob->bytes.length);
}

/* Writes an OCI archive of two layers. */
static void write_oci_archive(const char *path, struct blob layers[2], const char *config_json)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct blob config = blob_of(config_json, strlen(config_json)), manifest;

    buf_add_str(&text, "{\"schemaVersion\":2,\"config\":");
    add_descriptor(&text, "config.v1+json", &config);
    buf_add_str(&text, ",\"layers\":[");
    add_descriptor(&text, "layer.v1.tar+gzip", &layers[0]);
    buf_add_char(&text, ',');
    add_descriptor(&text, "layer.v1.tar+gzip", &layers[1]);
    buf_add_str(&text, "]}");
    manifest = blob_of(text.data, text.length);
    buf_clear(&text);
    buf_add_str(&text, "{\"schemaVersion\":2,\"manifests\":[");
    add_descriptor(&text, "manifest.v1+json", &manifest);
    buf_add_str(&text, "]}");
    {
        const struct tar_entry entries[] = {
            TAR_FILE("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"),
            TAR_FILE("index.json", text.data),
            TAR_BYTES(manifest.path, manifest.bytes.data, manifest.bytes.length),
            TAR_BYTES(config.path, config.bytes.data, config.bytes.length),
            TAR_BYTES(layers[0].path, layers[0].bytes.data, layers[0].bytes.length),
            TAR_BYTES(layers[1].path, layers[1].bytes.data, layers[1].bytes.length),
        };

        tar_write(path, entries, ARRAY_SIZE(entries));
    }
    buf_release(&config.bytes);
    buf_release(&manifest.bytes);
}

#define OCI_CONFIG(workdir)                                                                        \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["  \
    "\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","                 \
    "\"sha256:0000000000000000000000000000000000000000000000000000000000000002\"]},"               \
    "\"config\":{\"Env\":[\"PATH=/opt/bin\",\"LANG=C.UTF-8\"],\"User\":\"7:8\","                   \
    "\"Entrypoint\":[\"/entry\",\"-x\"],\"WorkingDir\":\"" workdir "\"}}"

static void test_oci_archive(void)
{
    const struct tar_entry lower[] = {TAR_FOLDER("etc"), TAR_FILE("etc/kept", "1"),
                                      TAR_FILE("etc/gone", "1"), TAR_FOLDER("opaque"),
                                      TAR_FILE("opaque/old", "1"), TAR_FOLDER("usr/lib"),
                                      TAR_LINK("lib", "usr/lib"), TAR_SHELL,
                                      /* There is nothing below the first layer. */
                                      TAR_FILE("etc/.wh.kept", "")};
    const struct tar_entry upper[] = {TAR_FILE("opaque/new", "2"),
                                      TAR_FILE("opaque/.wh..wh..opq", ""),
                                      TAR_FILE("etc/.wh.gone", ""), TAR_FILE("lib/x", "2")};
    struct blob layers[2] = {layer_of(lower, ARRAY_SIZE(lower)),
                             layer_of(upper, ARRAY_SIZE(upper))};
    _cleanup_(free_ptr) char *path = tar_path();
    char *environment = NULL, *workdir = NULL, *profile = NULL;
    struct error err = ERROR_INIT;
    struct stat st;
    int rc;

    write_oci_archive(path, layers, OCI_CONFIG("/work"));
    rc = image_import(&fixture.settings.engine, "oci", path, NULL, false, NULL, NULL, &err);
    CU_ASSERT_EQUAL(rc, 0);
    if (rc < 0) {
        fprintf(stderr, "(%s) ", err.message);
        return;
    }
    CU_ASSERT_TRUE(look("oci", "etc/kept", &st));
    CU_ASSERT_FALSE(look("oci", "etc/.wh.kept", &st));
    CU_ASSERT_FALSE(look("oci", "etc/gone", &st));
    CU_ASSERT_FALSE(look("oci", "etc/.wh.gone", &st));
    CU_ASSERT_TRUE(look("oci", "opaque/new", &st));
    CU_ASSERT_FALSE(look("oci", "opaque/old", &st));
    CU_ASSERT_TRUE(look("oci", "usr/lib/x", &st));
    CU_ASSERT_EQUAL(st.st_uid, (uid_t)fixture.settings.engine.uid_base);
    CU_ASSERT_EQUAL(
        image_environment(&fixture.settings.engine, "oci", &environment, &workdir, &profile, &err),
        0);
    CU_ASSERT_STRING_EQUAL(environment, "[\"PATH=/opt/bin\",\"LANG=C.UTF-8\"]");
    CU_ASSERT_STRING_EQUAL(workdir, "/work");
    free(environment);
    CU_ASSERT_STRING_EQUAL(profile, "{\"user\":\"7:8\",\"entrypoint\":[\"/entry\",\"-x\"]}");
    free(workdir);
    free(profile);
    drop("oci");
    write_oci_archive(path, layers, OCI_CONFIG("/proc/self/fd/7"));
    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "oci", path, NULL, false, NULL, NULL, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    buf_release(&layers[0].bytes);
    buf_release(&layers[1].bytes);
}

static void test_hostile_oci_layers(void)
{
    static const struct tar_entry rows[][2] = {
        {TAR_LINK("a", "/tmp"), TAR_FILE("../codeset-evil", "x")},
        {TAR_LINK("a", "/proc/self/root/tmp"), TAR_FILE("a/codeset-evil/../../x", "x")},
        {TAR_LINK("dev", "/tmp"), TAR_FILE("b", "x")},
        {TAR_FILE("a", "x"), TAR_FILE(".wh...", "")},
        {TAR_FILE("a", "x"), TAR_HARDLINK("b", "/etc/passwd")},
    };
    const struct tar_entry harmless[] = {TAR_FILE("first", "1")};
    _cleanup_(free_ptr) char *path = tar_path();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct blob layers[2] = {layer_of(harmless, 1), layer_of(rows[i], 2)};
        struct blob turned[2] = {layers[1], layers[0]};
        struct error err = ERROR_INIT;

        write_oci_archive(path, turned, OCI_CONFIG("/"));
        CU_ASSERT_EQUAL(
            image_import(&fixture.settings.engine, "bad", path, NULL, false, NULL, NULL, &err), -1);
        CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
        err = (struct error)ERROR_INIT;
        write_oci_archive(path, layers, OCI_CONFIG("/"));
        CU_ASSERT_EQUAL(
            image_import(&fixture.settings.engine, "bad", path, NULL, false, NULL, NULL, &err), -1);
        CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
        buf_release(&layers[0].bytes);
        buf_release(&layers[1].bytes);
    }
    CU_ASSERT_EQUAL(access("/tmp/codeset-evil", F_OK), -1);
}

/* In an OCI layer the way may lead through links, but never out. */
static void test_oci_links_stay_inside(void)
{
    const struct tar_entry lower[] = {TAR_LINK("out", "/tmp"), TAR_FOLDER("tmp"), TAR_SHELL};
    const struct tar_entry upper[] = {TAR_FILE("out/codeset-inside", "x")};
    struct blob layers[2] = {layer_of(lower, 3), layer_of(upper, 1)};
    _cleanup_(free_ptr) char *path = tar_path();
    struct error err = ERROR_INIT;
    struct stat st;

    write_oci_archive(path, layers, OCI_CONFIG("/"));
    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "links", path, NULL, false, NULL, NULL, &err), 0);
    CU_ASSERT_TRUE(look("links", "tmp/codeset-inside", &st));
    CU_ASSERT_EQUAL(access("/tmp/codeset-inside", F_OK), -1);
    drop("links");
    buf_release(&layers[0].bytes);
    buf_release(&layers[1].bytes);
}

/* --- archives of several images -------------------------------------------------------------- */

#define MANIFEST(digest, name, platform)                                                           \
    "{\"digest\":\"sha256:" digest "\",\"annotations\":{\"org.opencontainers.image.ref.name\":"    \
    "\"" name "\"}" platform "}"
#define PLATFORM(os, architecture)                                                                 \
    ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" architecture "\"}"
#define VARIANT(variant)                                                                           \
    ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"" variant "\"}"

/* "digest" of what is chosen, or the reason of the refusal. */
static char *chosen(const char *manifests, const char *tag, const char *platform)
{
    _cleanup_(json_release) json_object *list = json_tokener_parse(manifests);
    const struct image_choice choice = {tag, platform};
    struct error err = ERROR_INIT;
    json_object *one = image_choice_manifest(&choice, list, true, &err);

    return xstrdup(one ? json_get_text(one, "digest") : err.message);
}

static void test_one_of_several_images_is_chosen(void)
{
    static const char two[] =
        "[" MANIFEST("a", "one", "") "," MANIFEST("b", "example.org/x:two", "") "]";
    static const char same[] = "[" MANIFEST("a", "one", "") "," MANIFEST("a", "two", "") "]";
    static const char kinds[] = "[" MANIFEST("a", "x", PLATFORM("linux", "s390x")) "," MANIFEST(
        "b", "x", PLATFORM("linux", "amd64")) "," MANIFEST("c", "x",
                                                           PLATFORM("unknown", "unknown")) "]";
    static const char other[] = "[" MANIFEST("a", "x", PLATFORM("linux", "s390x")) "," MANIFEST(
        "b", "y", PLATFORM("windows", "amd64")) "]";
    static const char unsaid[] = "[" MANIFEST("a", "x", PLATFORM("", "")) "," MANIFEST(
        "b", "x", PLATFORM("linux", "s390x")) "]";
    static const char variants[] = "[" MANIFEST("c", "x", VARIANT("v3")) "," MANIFEST(
        "a", "x", PLATFORM("linux", "amd64")) "," MANIFEST("b", "x", VARIANT("v2")) "]";
    static const char plain_last[] = "[" MANIFEST("c", "x", VARIANT("v3")) "," MANIFEST(
        "b", "x", VARIANT("v2")) "," MANIFEST("a", "x", PLATFORM("linux", "amd64")) "]";
    static const char kinds_only[] =
        "[" MANIFEST("b", "x", VARIANT("v2")) "," MANIFEST("c", "x", VARIANT("v3")) "]";
    static const char names[] =
        "[" MANIFEST("b", "one", VARIANT("v2")) "," MANIFEST("c", "two", "") "]";
    static const struct {
        const char *manifests, *tag, *platform, *expected;
    } rows[] = {
        {unsaid, NULL, NULL, "sha256:a"},
        {variants, NULL, NULL, "sha256:a"},
        {variants, NULL, "linux/amd64", "sha256:a"},
        {plain_last, NULL, NULL, "sha256:a"},
        {variants, NULL, "linux/amd64/v2", "sha256:b"},
        {variants, NULL, "linux/amd64/v3", "sha256:c"},
        {variants, NULL, "linux/amd64/v4", "sha256:a"},
        {kinds_only, NULL, NULL,
         "is there for linux/amd64/v2, linux/amd64/v3; choose one with --platform"},
        {kinds_only, NULL, "linux/amd64/v4",
         "not for linux/amd64/v4, as --platform says, but for linux/amd64/v2, linux/amd64/v3"},
        {names, NULL, NULL, "holds 2 images: one, two; choose one with --tag"},
        {two, "one", NULL, "sha256:a"},
        {two, "two", NULL, "sha256:b"},
        {two, "example.org/x:two", NULL, "sha256:b"},
        {two, "wo", NULL, "no image with the tag 'wo'; it has: one, example.org/x:two"},
        {two, NULL, NULL, "holds 2 images: one, example.org/x:two; choose one with --tag"},
        {same, NULL, NULL, "sha256:a"},
        {kinds, NULL, NULL, "sha256:b"},
        {kinds, "x", "linux/amd64/v2", "sha256:b"},
        {other, NULL, NULL, "is for linux/s390x, windows/amd64; this host runs images for linux/"},
        {"[]", NULL, NULL, "holds no image"},
        {"[" MANIFEST("a", "\\u001b[2J", "") "," MANIFEST("b", "b", "") "]", NULL, NULL,
         "holds 2 images: ?[2J, b"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(free_ptr) char *got = chosen(rows[i].manifests, rows[i].tag, rows[i].platform);

        CU_ASSERT_PTR_NOT_NULL(strstr(got, rows[i].expected));
        if (!strstr(got, rows[i].expected))
            fprintf(stderr, "(%s) ", got);
    }
}

static void test_another_architecture_is_refused_by_name(void)
{
    const struct tar_entry files[] = {TAR_SHELL};
    struct blob layers[2] = {layer_of(files, 1), layer_of(files, 1)};
    _cleanup_(free_ptr) char *path = tar_path();

    write_oci_archive(path, layers,
                      "{\"architecture\":\"riscv64\",\"os\":\"linux\",\"config\":{}}");
    check_refused(path, NULL, "the image is for linux/riscv64; this host runs images for linux/");
    buf_release(&layers[0].bytes);
    buf_release(&layers[1].bytes);
}

/* --- archives of docker's kind ---------------------------------------------------------------- */

struct docker_layout {
    const char *config, *layer; /* names; %s is the digest */
    bool compressed_layer;
    bool manifest_first;
    const char *extra; /* a file beside them */
};

/* The name with the digest in place of its %s. */
static char *name_by(const char *format, const char *digest)
{
    const char *place = strstr(format, "%s");

    if (!place)
        return xstrdup(format);
    return xasprintf("%.*s%s%s", (int)(place - format), format, digest, place + 2);
}

/* An image of one layer as the tool writes it; its manifest has the image that many times. */
static void write_docker_archive(const char *path, const struct docker_layout *layout, int images)
{
    const struct tar_entry files[] = {TAR_SHELL, TAR_FILE("etc/of-docker", "1")};
    struct blob plain = tar_by(tar_write_plain, files, 2), packed = layer_of(files, 2), config;
    const struct blob *layer = layout->compressed_layer ? &packed : &plain;
    _cleanup_(buf_release) struct buf manifest = BUF_INIT;
    _cleanup_(free_ptr) char *config_text = xasprintf(
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"WorkingDir\":\"/docker\"},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
        plain.digest);
    _cleanup_(free_ptr) char *layer_name = name_by(layout->layer, layer->digest + 7);
    _cleanup_(free_ptr) char *config_name = NULL;

    config = blob_of(config_text, strlen(config_text));
    config_name = name_by(layout->config, config.digest + 7);
    for (int i = 0; i < images; i++)
        buf_addf(&manifest, "%s{\"Config\":\"%s\",\"RepoTags\":[\"a:%d\"],\"Layers\":[\"%s\"]}",
                 i ? "," : "[", config_name, i, layer_name);
    buf_add_char(&manifest, ']');
    {
        const struct tar_entry entries[] = {
            TAR_FILE("manifest.json", manifest.data),
            TAR_BYTES(config_name, config.bytes.data, config.bytes.length),
            TAR_BYTES(layer_name, layer->bytes.data, layer->bytes.length),
            TAR_FILE(layout->extra, "{}"),
            TAR_FILE("manifest.json", manifest.data),
        };

        tar_write(path, entries + !layout->manifest_first, 4);
    }
    buf_release(&plain.bytes);
    buf_release(&packed.bytes);
    buf_release(&config.bytes);
}

static void test_docker_archives_of_every_tool(void)
{
    static const struct docker_layout tools[] = {
        {"sha256:%s", "%s.tar.gz", true, false, "LICENSE"},        /* crane pull */
        {"%s.json", "%s/layer.tar", false, false, "repositories"}, /* docker save, till 24 */
        {"blobs/sha256/%s", "blobs/sha256/%s", false, true, "oci-layout"}, /* docker save */
        {"%s.json", "%s.tar", false, false, "repositories"},               /* podman, skopeo */
        {"config.json", "%s.tar.gz", true, false, "README"},               /* jib */
        {"%s", "layers/%s.tgz", true, true, "index.json"},                 /* nobody yet */
    };
    _cleanup_(free_ptr) char *path = tar_path();

    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        char *environment = NULL, *workdir = NULL, *profile = NULL;
        struct error err = ERROR_INIT;
        struct stat st;
        int rc;

        write_docker_archive(path, &tools[i], 1);
        rc = image_import(&fixture.settings.engine, "docker", path, NULL, false, NULL, NULL, &err);
        CU_ASSERT_EQUAL(rc, 0);
        if (rc < 0) {
            fprintf(stderr, "(%s: %s) ", tools[i].config, err.message);
            continue;
        }
        CU_ASSERT_TRUE(look("docker", "etc/of-docker", &st));
        CU_ASSERT_FALSE(look("docker", "manifest.json", &st));
        CU_ASSERT_EQUAL(image_environment(&fixture.settings.engine, "docker", &environment,
                                          &workdir, &profile, &err),
                        0);
        CU_ASSERT_STRING_EQUAL(workdir, "/docker");
        free(environment);
        free(workdir);
        free(profile);
        drop("docker");
    }
}

static void test_image_archives_that_are_refused(void)
{
    static const struct docker_layout crane = {"sha256:%s", "%s.tar.gz", true, false, "LICENSE"};
    const struct tar_entry broken[] = {
        TAR_FILE("manifest.json", "[{\"Config\":\"gone.json\",\"Layers\":[\"gone.tar\"]}]")};
    const struct tar_entry other[] = {TAR_FILE("manifest.json", "{\"name\":\"a web app\"}")};
    _cleanup_(free_ptr) char *path = tar_path();

    write_docker_archive(path, &crane, 2);
    check_refused(path, NULL, "holds 2 images: a:0, a:1; choose one with --tag");
    write_docker_archive(path, &crane, 1);
    check_refused(path, "busybox", "a layer over another image must be a plain tar");
    tar_write(path, broken, 1);
    check_refused(path, NULL, "gone.json: the archive does not hold this file");
    tar_write(path, other, 1);
    check_refused(path, NULL, "not a root file system in which commands can run");
}

static void test_a_docker_archive_s_image_is_chosen_by_its_tag(void)
{
    static const struct docker_layout save = {"%s.json", "%s/layer.tar", false, false, "x"};
    _cleanup_(free_ptr) char *path = tar_path();
    struct image_import import = {.name = "tagged", .source = path, .options = {.tag = "1"}};
    struct error err = ERROR_INIT;
    struct stat st;

    write_docker_archive(path, &save, 3);
    CU_ASSERT_EQUAL(image_import_as(&fixture.settings.engine, &import, &err), 0);
    CU_ASSERT_TRUE(look("tagged", "etc/of-docker", &st));
    drop("tagged");
    import.options.tag = "4";
    CU_ASSERT_EQUAL(image_import_as(&fixture.settings.engine, &import, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no image with the tag '4'; it has: a:0, a:1, a:2"));
}

static void test_a_root_with_the_names_of_an_archive(void)
{
    const struct tar_entry entries[] = {
        TAR_FILE("manifest.json", "{\"name\":\"a web app\"}"), TAR_FILE("index.json", "{}"),
        TAR_FILE("repositories", "{}"), TAR_FILE("config.json", "{}")};
    struct error err = ERROR_INIT;
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(import("names", NULL, entries, ARRAY_SIZE(entries), &err), 0);
    CU_ASSERT_TRUE(look("names", "manifest.json", &st) && look("names", "bin/sh", &st));
    drop("names");
}

static const struct unit_test tests[] = {
    {"an OCI archive's layers, whiteouts, environment and folder are understood", test_oci_archive},
    {"hostile OCI layers are refused", test_hostile_oci_layers},
    {"links in OCI layers never lead out", test_oci_links_stay_inside},
    {"one of several images is chosen", test_one_of_several_images_is_chosen},
    {"an image for another architecture is refused by name",
     test_another_architecture_is_refused_by_name},
    {"docker archives of every tool are recognised by their manifest",
     test_docker_archives_of_every_tool},
    {"a docker archive's image is chosen by its tag",
     test_a_docker_archive_s_image_is_chosen_by_its_tag},
    {"image archives that can't be one image are refused", test_image_archives_that_are_refused},
    {"a root file system may hold the names of an archive",
     test_a_root_with_the_names_of_an_archive},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "kinds");
    failed = UNIT_MAIN("image kinds", tests);
    return fixture_close(&fixture) ? failed : 1;
}
