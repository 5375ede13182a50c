/*
 * Image archives that were made to harm: each is refused for its one reason, at once, and leaves
 * nothing. And what friendly builders do that looks like it.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "fixture.h"
#include "images/images.h"
#include "tars.h"

#include "base/banned.h"

#define MIB (INT64_C(1) << 20)

static struct fixture fixture;

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", fixture.dir, name);
}

static int import(const char *source, const char *base, struct error *err)
{
    return image_import(&fixture.settings.engine, "subject", source, base, false, NULL, NULL, err);
}

static void drop(void)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(image_remove(&fixture.settings.engine, "subject", &err), 0);
}

/* Nothing but busybox's image and the lock. */
static void nothing_is_left(void)
{
    DIR *dir = opendir(fixture.settings.engine.image_dir);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, ".import-", 8) == 0) {
            fprintf(stderr, "(left: %s) ", entry->d_name);
            CU_FAIL("an import left its folder");
        }
    closedir(dir);
}

static void refused(const char *what, const char *source, const char *base, const char *reason)
{
    struct error err = ERROR_INIT;
    int rc = import(source, base, &err);

    CU_ASSERT_EQUAL(rc, -1);
    if (rc == 0) {
        fprintf(stderr, "(%s: imported) ", what);
        drop();
        return;
    }
    CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
    if (strstr(err.message, reason) == NULL)
        fprintf(stderr, "(%s: %s, not %s) ", what, err.message, reason);
    nothing_is_left();
}

static void accepted(const char *what, const char *source)
{
    struct error err = ERROR_INIT;
    int rc = import(source, NULL, &err);

    CU_ASSERT_EQUAL(rc, 0);
    if (rc < 0)
        fprintf(stderr, "(%s: %s) ", what, err.message);
    else
        drop();
}

/* --- archives of docker's kind -----------------------------------------------------------------
 */

static void digest_of_file(const char *path, char hex[2 * SHA256_SIZE + 1])
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 64 << 20, &bytes, &err), 0);
    sha256_hex(bytes.data, bytes.length, hex);
}

/* The tar of a layer with a shell, and its digest. */
static char *make_layer(char hex[2 * SHA256_SIZE + 1])
{
    const struct tar_entry entries[] = {TAR_SHELL, TAR_FILE("etc/x", "1")};
    char *path = path_of("layer.tar");

    tar_write_plain(path, entries, ARRAY_SIZE(entries));
    digest_of_file(path, hex);
    return path;
}

/* An archive with a manifest of `layers` layers, all of that name, and these entries. */
static char *make_docker(const char *layer, const char *diff_id, int layers,
                         const struct tar_entry *more, int count)
{
    _cleanup_(buf_release) struct buf manifest = BUF_INIT, config = BUF_INIT;
    struct tar_entry entries[8];
    char *path = path_of("docker.tar");

    buf_add_str(&manifest, "[{\"Config\":\"c.json\",\"Layers\":[");
    buf_add_str(&config, "{\"rootfs\":{\"diff_ids\":[");
    for (int i = 0; i < layers; i++) {
        buf_addf(&manifest, "%s\"%s\"", i ? "," : "", layer);
        buf_addf(&config, "%s\"sha256:%s\"", i ? "," : "", diff_id);
    }
    buf_add_str(&manifest, "]}]");
    buf_add_str(&config, "]}}");
    for (int i = 0; i < count; i++)
        entries[i] = more[i];
    entries[count] = (struct tar_entry)TAR_FILE("manifest.json", manifest.data);
    entries[count + 1] = (struct tar_entry)TAR_FILE("c.json", config.data);
    tar_write_plain(path, entries, count + 2);
    return path;
}

#define NO_SUM "0000000000000000000000000000000000000000000000000000000000000000"

static void test_layers_that_are_no_files(void)
{
    static const struct {
        const char *what, *reason;
        struct tar_entry layer;
    } rows[] = {
        {"a link to a device", "is a link out of the archive", TAR_LINK("l.tar", "/dev/urandom")},
        {"dots to a device", "is a link out of the archive",
         TAR_LINK("l.tar", "../../../../dev/zero")},
        {"a link to itself", "does not hold this file", TAR_LINK("l.tar", "l.tar")},
        {"a link to nothing", "does not hold this file", TAR_LINK("l.tar", "gone.tar")},
        {"a hard link out", "the name is absolute", TAR_HARDLINK("l.tar", "/dev/urandom")},
        {"a hard link to nothing", "does not hold this file", TAR_HARDLINK("l.tar", "gone")},
        {"a fifo", "is not a file, folder or link", {"l.tar", S_IFIFO, 0644, NULL, NULL, 0, 0}},
        {"a device", "is not a file, folder or link", {"l.tar", S_IFCHR, 0644, NULL, NULL, 0, 0}},
        {"a folder", "does not hold this file", TAR_FOLDER("l.tar")},
        {"with holes", "has holes", {"l.tar", S_IFREG, 0644, NULL, NULL, 0, 64 * MIB}},
        {"a hole beyond all bounds",
         "larger than an image may be",
         {"l.tar", S_IFREG, 0644, NULL, NULL, 0, INT64_C(1) << 40}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(free_ptr) char *path = make_docker("l.tar", NO_SUM, 1, &rows[i].layer, 1);

        refused(rows[i].what, path, NULL, rows[i].reason);
    }
}

static void test_links_inside_an_archive(void)
{
    char hex[2 * SHA256_SIZE + 1];
    _cleanup_(free_ptr) char *layer = make_layer(hex);
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, layer, MIB, &bytes, &err), 0);
    {
        const struct tar_entry soft[] = {TAR_BYTES("a/layer.tar", bytes.data, bytes.length),
                                         TAR_FOLDER("b"), TAR_LINK("b/l.tar", "../a/layer.tar")};
        const struct tar_entry hard[] = {TAR_BYTES("a/layer.tar", bytes.data, bytes.length),
                                         TAR_HARDLINK("b/l.tar", "a/layer.tar")};
        _cleanup_(free_ptr) char *path = make_docker("b/l.tar", hex, 2, soft, 3);

        accepted("a layer by a link, twice", path);
        free(path);
        path = make_docker("b/l.tar", hex, 1, hard, 2);
        accepted("a layer by a hard link", path);
    }
}

/* None of the layers is there: what is told is the number. */
static void test_layers_are_counted_first(void)
{
    const struct tar_entry none = TAR_FOLDER("x");
    _cleanup_(free_ptr) char *path = make_docker("gone.tar", NO_SUM, 600, &none, 1);

    refused("600 layers", path, NULL, "the image has 600 layers; the limit is 512");
}

static void test_files_of_an_archive_are_counted(void)
{
    _cleanup_(free_ptr) char *path = path_of("many.tar");
    enum { COUNT = 4200 };
    struct tar_entry *entries = xcalloc(COUNT, sizeof(*entries));

    for (int i = 0; i < COUNT; i++)
        entries[i] =
            (struct tar_entry)TAR_FILE("manifest.json", "[{\"Config\":\"c\",\"Layers\":[]}]");
    tar_write(path, entries, COUNT);
    free(entries);
    refused("4200 files", path, NULL, "none of /bin/bash");
}

static void test_contents_match_their_digests(void)
{
    char hex[2 * SHA256_SIZE + 1];
    _cleanup_(free_ptr) char *layer = make_layer(hex);
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, layer, MIB, &bytes, &err), 0);
    {
        const struct tar_entry file = TAR_BYTES("l.tar", bytes.data, bytes.length);
        _cleanup_(free_ptr) char *path = make_docker("l.tar", hex, 1, &file, 1);

        accepted("a layer with its digest", path);
        free(path);
        path = make_docker("l.tar", NO_SUM, 1, &file, 1);
        refused("another's digest", path, NULL, "does not match its digest");
        free(path);
        path = make_docker("l.tar", "../../../../etc/passwd", 1, &file, 1);
        refused("no digest", path, NULL, "is not a SHA-256 sum");
    }
}

/* --- archives of OCI's kind --------------------------------------------------------------------
 */

struct blob {
    char name[96];
    char hex[2 * SHA256_SIZE + 1];
    struct buf bytes;
};

static void blob_set(struct blob *blob, const char *bytes, size_t length)
{
    buf_clear(&blob->bytes);
    buf_add(&blob->bytes, bytes, length);
    sha256_hex(bytes, length, blob->hex);
    snprintf(blob->name, sizeof(blob->name), "blobs/sha256/%s", blob->hex);
}

struct oci {
    struct blob layer, config, manifest;
};

static void oci_make(struct oci *oci)
{
    char hex[2 * SHA256_SIZE + 1];
    _cleanup_(free_ptr) char *layer = make_layer(hex);
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    _cleanup_(free_ptr) char *manifest = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, layer, MIB, &bytes, &err), 0);
    blob_set(&oci->layer, bytes.data, bytes.length);
    blob_set(&oci->config, "{}", 2);
    manifest = xasprintf("{\"config\":{\"digest\":\"sha256:%s\"},\"layers\":[{\"digest\":"
                         "\"sha256:%s\"}]}",
                         oci->config.hex, oci->layer.hex);
    blob_set(&oci->manifest, manifest, strlen(manifest));
}

/* The archive with that index; where `index_blob` is given, index.json leads to it. */
static char *oci_write(const struct oci *oci, const char *index, const struct blob *index_blob)
{
    char *path = path_of("oci.tar");
    const struct tar_entry entries[] = {
        TAR_FILE("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"),
        TAR_FILE("index.json", index),
        TAR_BYTES(oci->layer.name, oci->layer.bytes.data, oci->layer.bytes.length),
        TAR_BYTES(oci->config.name, oci->config.bytes.data, oci->config.bytes.length),
        TAR_BYTES(oci->manifest.name, oci->manifest.bytes.data, oci->manifest.bytes.length),
        TAR_BYTES(index_blob ? index_blob->name : "x", index_blob ? index_blob->bytes.data : "x",
                  index_blob ? index_blob->bytes.length : 1),
    };

    tar_write(path, entries, ARRAY_SIZE(entries));
    return path;
}

static void oci_release(struct oci *oci)
{
    buf_release(&oci->layer.bytes);
    buf_release(&oci->config.bytes);
    buf_release(&oci->manifest.bytes);
}

#if defined(__aarch64__)
#define OURS "arm64"
#else
#define OURS "amd64"
#endif
#define DIGEST(format) "{\"digest\":\"sha256:" format "\""
#define PLATFORM(arch, os) ",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"" os "\"}}"

static void test_the_image_for_this_processor_is_taken(void)
{
    _cleanup_(oci_release) struct oci oci = {.layer = {.name = ""}};
    _cleanup_(free_ptr) char *index = NULL, *nested = NULL, *path = NULL;
    struct blob inner = {.bytes = BUF_INIT};

    oci_make(&oci);
    index = xasprintf("{\"manifests\":[" DIGEST(NO_SUM) PLATFORM("s390x", "linux") "," DIGEST("%s")
                          PLATFORM(OURS, "linux") "," DIGEST(NO_SUM)
                              PLATFORM("unknown", "unknown") "]}",
                      oci.manifest.hex);
    path = oci_write(&oci, index, NULL);
    accepted("an index of several platforms", path);
    blob_set(&inner, index, strlen(index));
    nested = xasprintf("{\"manifests\":[" DIGEST("%s") "}]}", inner.hex);
    free(path);
    path = oci_write(&oci, nested, &inner);
    accepted("an index in an index", path);
    free(path);
    path = oci_write(&oci, "{\"manifests\":[" DIGEST(NO_SUM) PLATFORM("s390x", "linux") "]}", NULL);
    refused("another's platform", path, NULL,
            "the image is for linux/s390x; this host runs images for linux/");
    free(path);
    path = oci_write(&oci, "{\"manifests\":[" DIGEST(NO_SUM) "}," DIGEST(NO_SUM) "}]}", NULL);
    refused("two images that are not there", path, NULL, "does not hold this file, which it names");
    buf_release(&inner.bytes);
}

static void test_hostile_indexes(void)
{
    _cleanup_(oci_release) struct oci oci = {.layer = {.name = ""}};
    _cleanup_(free_ptr) char *whole = NULL, *path = NULL;
    struct error err = ERROR_INIT;

    oci_make(&oci);
    whole = xasprintf("{\"manifests\":[" DIGEST("%s") "}]}", oci.manifest.hex);
    path = oci_write(&oci, whole, NULL);
    accepted("a good one", path);
    CU_ASSERT_EQUAL(err.kind, ERROR_NONE);
    oci.layer.bytes.data[oci.layer.bytes.length - 1] ^= 1;
    free(path);
    path = oci_write(&oci, whole, NULL);
    refused("a blob that was changed", path, NULL, "does not match its digest");
    free(path);
    path = oci_write(&oci, "{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\"}]}", NULL);
    refused("a digest that is a path", path, NULL, "is not a SHA-256 sum");
    free(path);
    path = oci_write(&oci, "{}", NULL);
    refused("an index of nothing", path, NULL, "does not lead to an image");
    free(path);
    path = oci_write(&oci, "[[[", NULL);
    refused("no JSON", path, NULL, "is not valid JSON");
}

/* --- bombs -------------------------------------------------------------------------------------
 */

/* That many zeros, compressed by gzip, and as often again. */
static char *make_bomb(const char *name, int64_t zeros, bool twice)
{
    static const char block[1 << 20];
    char *path = path_of(name);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    archive_write_set_format_raw(archive);
    archive_write_add_filter_gzip(archive);
    if (twice)
        archive_write_add_filter_gzip(archive);
    archive_write_open_filename(archive, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(archive, entry);
    for (int64_t at = 0; at < zeros; at += (int64_t)sizeof(block))
        archive_write_data(archive, block, sizeof(block));
    archive_entry_free(entry);
    archive_write_free(archive);
    return path;
}

static void test_bombs(void)
{
    int64_t bytes_kept = fixture.settings.engine.image_bytes_max;
    int64_t entries_kept = fixture.settings.engine.image_entries_max;
    _cleanup_(free_ptr) char *bomb = make_bomb("bomb", 192 * MIB, false);
    _cleanup_(free_ptr) char *nested = make_bomb("nested", 192 * MIB, true);
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    const struct tar_entry large = {"a", S_IFREG, 0644, NULL, NULL, 0, 192 * MIB};
    struct error err = ERROR_INIT;

    fixture.settings.engine.image_bytes_max = 16 * MIB;
    fixture.settings.engine.image_entries_max = 1000;
    refused("zeros, compressed twice", nested, NULL, "compressed more than once");
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, bomb, MIB, &bytes, &err), 0);
    {
        const struct tar_entry layer = TAR_BYTES("l.tar", bytes.data, bytes.length);
        _cleanup_(free_ptr) char *path = make_docker("l.tar", NO_SUM, 1, &layer, 1);

        refused("a layer of zeros", path, NULL, "decompressed it is larger than an image may be");
        tar_write(path, &large, 1);
        refused("a file of zeros", path, NULL, "the image is larger than 16777216 bytes");
    }
    fixture.settings.engine.image_bytes_max = bytes_kept;
    fixture.settings.engine.image_entries_max = entries_kept;
}

/* A shell, and links whose names and targets make headers of 3 KiB, but take no room in the
 * image. */
static void make_wide_layer(struct blob *layer)
{
    enum { LINKS = 1500, PART = 240, TARGET = 1000 };
    struct tar_entry *entries = xcalloc(LINKS + 1, sizeof(*entries));
    char **names = xcalloc(LINKS, sizeof(*names));
    char part[PART + 1], target[TARGET + 1];
    _cleanup_(free_ptr) char *path = path_of("layer.tar");
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct error err = ERROR_INIT;

    memset(part, 'p', PART);
    memset(target, 't', TARGET);
    part[PART] = target[TARGET] = '\0';
    entries[LINKS] = (struct tar_entry)TAR_SHELL;
    for (int i = 0; i < LINKS; i++) {
        names[i] = xasprintf("%s/%s/%s/%s%d", part, part, part, part, i);
        entries[i] = (struct tar_entry)TAR_LINK(names[i], target);
    }
    tar_write(path, entries, LINKS + 1);
    for (int i = 0; i < LINKS; i++)
        free(names[i]);
    free(names);
    free(entries);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, MIB, &bytes, &err), 0);
    blob_set(layer, bytes.data, bytes.length);
}

static void test_the_first_layer_is_counted_too(void)
{
    int64_t bytes_kept = fixture.settings.engine.image_bytes_max;
    int64_t entries_kept = fixture.settings.engine.image_entries_max;
    _cleanup_(oci_release) struct oci oci = {.layer = {.name = ""}};

    make_wide_layer(&oci.layer);
    blob_set(&oci.config, "{}", 2);
    fixture.settings.engine.image_bytes_max = MIB;
    fixture.settings.engine.image_entries_max = 3050;
    for (int layers = 1; layers <= 2; layers++) {
        _cleanup_(free_ptr) char *one = xasprintf(DIGEST("%s") "}", oci.layer.hex);
        _cleanup_(free_ptr) char *manifest =
            xasprintf("{\"config\":" DIGEST("%s") "},\"layers\":[%s%s%s]}", oci.config.hex, one,
                      layers == 2 ? "," : "", layers == 2 ? one : "");
        _cleanup_(free_ptr) char *index = NULL, *path = NULL;

        blob_set(&oci.manifest, manifest, strlen(manifest));
        index = xasprintf("{\"manifests\":[" DIGEST("%s") "}]}", oci.manifest.hex);
        path = oci_write(&oci, index, NULL);
        if (layers == 1)
            accepted("a layer of long headers", path);
        else
            refused("that layer twice", path, NULL,
                    "decompressed it is larger than an image may be");
    }
    fixture.settings.engine.image_bytes_max = bytes_kept;
    fixture.settings.engine.image_entries_max = entries_kept;
}

/* A few names that imply many folders. */
static void test_implied_folders_count(void)
{
    int64_t entries_kept = fixture.settings.engine.image_entries_max;
    _cleanup_(buf_release) struct buf a = BUF_INIT, b = BUF_INIT;
    _cleanup_(free_ptr) char *path = path_of("deep.tar");

    for (int i = 0; i < 600; i++) {
        buf_add_str(&a, "a/");
        buf_add_str(&b, "b/");
    }
    buf_add_str(&a, "f");
    buf_add_str(&b, "f");
    fixture.settings.engine.image_entries_max = 1000;
    {
        const struct tar_entry entries[] = {TAR_SHELL, TAR_FILE(a.data, "1"),
                                            TAR_FILE(b.data, "1")};

        tar_write(path, entries, 2);
        accepted("600 folders", path);
        tar_write(path, entries, 3);
        refused("1200 folders", path, NULL, "more than 1000 entries");
    }
    fixture.settings.engine.image_entries_max = entries_kept;
}

/* --- what is no archive --------------------------------------------------------------------------
 */

static void test_sources_that_are_no_files(void)
{
    _cleanup_(free_ptr) char *fifo = path_of("fifo");

    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    refused("a fifo", fifo, NULL, "not a regular file; to read an archive from a pipe");
    refused("a device", "/dev/zero", NULL, "not a regular file");
    refused("a folder", fixture.dir, NULL, "the folder is no OCI layout");
}

/* --- what a runtime reads before anybody watches it ----------------------------------------------
 */

static void test_accounts_are_plain_files(void)
{
    static const struct {
        const char *what;
        struct tar_entry entries[2];
        int count;
        bool fine;
    } rows[] = {
        {"passwd is a fifo", {{"etc/passwd", S_IFIFO, 0644, NULL, NULL, 0, 0}}, 1, false},
        {"group is a fifo", {{"etc/group", S_IFIFO, 0644, NULL, NULL, 0, 0}}, 1, false},
        {"passwd is a folder", {TAR_FOLDER("etc/passwd")}, 1, false},
        {"passwd leads to a device", {TAR_LINK("etc/passwd", "/dev/zero")}, 1, false},
        {"passwd leads to itself", {TAR_LINK("etc/passwd", "passwd")}, 1, false},
        {"passwd leads to a fifo",
         {TAR_LINK("etc/passwd", "../f"), {"f", S_IFIFO, 0644, NULL, NULL, 0, 0}},
         2,
         false},
        {"passwd leads to a file", {TAR_LINK("etc/passwd", "/f"), TAR_FILE("f", "x")}, 2, true},
        {"there is none", {TAR_FOLDER("etc")}, 1, true},
    };
    _cleanup_(free_ptr) char *path = path_of("accounts.tar");

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        tar_write_image(path, rows[i].entries, rows[i].count);
        if (rows[i].fine) {
            accepted(rows[i].what, path);
            continue;
        }
        refused(rows[i].what, path, NULL, "must be a plain file");
        tar_write(path, rows[i].entries, rows[i].count);
        refused(rows[i].what, path, "busybox", "must be a plain file");
    }
}

/* An image of an earlier release may have one: its start does not wait for it. */
static void test_a_fifo_does_not_hold_a_start(void)
{
    static const struct tar_entry entries[] = {TAR_FOLDER("etc"), TAR_FOLDER("repo")};
    _cleanup_(free_ptr) char *path = path_of("plain.tar");
    _cleanup_(free_ptr) char *passwd = NULL;
    struct error err = ERROR_INIT;

    tar_write(path, entries, ARRAY_SIZE(entries));
    CU_ASSERT_EQUAL_FATAL(import(path, "busybox", &err), 0);
    passwd = xasprintf("%s/subject/rootfs/etc/passwd", fixture.settings.engine.image_dir);
    CU_ASSERT_EQUAL(mkfifo(passwd, 0644), 0);
    CU_ASSERT_EQUAL(fixture_start(&fixture, "held", "subject", &fixture_limits), 0);
    CU_ASSERT_EQUAL(fixture_run(&fixture, "held", "test -p /etc/passwd", NULL), 0);
    CU_ASSERT_EQUAL(fixture_stop(&fixture, "held"), 0);
    drop();
}

/* --- depth and headers ------------------------------------------------------------------------ */

/* A folder whose path is longer than any that the kernel takes, made by a link on the way to it. It
 * is removed with the image, and with an import that is refused. */
static void test_deep_trees_are_removed(void)
{
    _cleanup_(buf_release) struct buf deep = BUF_INIT, deeper = BUF_INIT, bytes = BUF_INIT;
    _cleanup_(free_ptr) char *layer = path_of("layer.tar");
    struct error err = ERROR_INIT;
    char hex[2 * SHA256_SIZE + 1];

    while (deep.length < 2900)
        buf_add_str(&deep, deep.length % 2 ? "/" : "d");
    buf_add_str(&deep, "d");
    buf_addf(&deeper, "k/%s", deep.data);
    for (int bad = 0; bad < 2; bad++) {
        const struct tar_entry entries[] = {TAR_SHELL,
                                            TAR_FOLDER(deep.data),
                                            TAR_LINK("k", deep.data),
                                            TAR_FOLDER(deeper.data),
                                            {"etc/passwd", S_IFIFO, 0644, NULL, NULL, 0, 0}};
        struct tar_entry file = TAR_BYTES("l.tar", NULL, 0);
        _cleanup_(free_ptr) char *path = NULL;

        tar_write_plain(layer, entries, bad ? 5 : 4);
        digest_of_file(layer, hex);
        buf_clear(&bytes);
        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, layer, MIB, &bytes, &err), 0);
        file.content = bytes.data;
        file.size = (int64_t)bytes.length;
        path = make_docker("l.tar", hex, 1, &file, 1);
        if (bad)
            refused("a deep tree without accounts", path, NULL, "must be a plain file");
        else
            accepted("a deep tree", path);
    }
}

/* A header of GNU's sparse files, which goes on in blocks of 21 pieces each. */
static void write_sparse(const char *path, int blocks)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    char block[512] = "pieces";
    struct error err = ERROR_INIT;
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    memcpy(block + 100,
           "0000644\0"
           "0000000\0"
           "0000000\0"
           "00000000000\0"
           "00000000000",
           48);
    memcpy(block + 156, "S", 1);
    memcpy(block + 257, "ustar  ", 7);
    for (int i = 0; i < 4; i++)
        memcpy(block + 386 + 24 * i,
               "00000000001\0"
               "00000000000",
               23);
    block[482] = 1;
    memcpy(block + 483, "77777777777", 11);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum);
    buf_add(&bytes, block, sizeof(block));
    memset(block, 0, sizeof(block));
    for (int i = 0; i < 21; i++)
        memcpy(block + 24 * i,
               "00000000001\0"
               "00000000000",
               23);
    for (int i = 0; i < blocks; i++) {
        block[504] = i < blocks - 1;
        buf_add(&bytes, block, sizeof(block));
    }
    memset(block, 0, sizeof(block));
    buf_add(&bytes, block, sizeof(block));
    buf_add(&bytes, block, sizeof(block));
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, bytes.data, bytes.length, 0644, &err),
                          0);
}

/* What it would take to keep the pieces is many times what the archive has. */
static void test_headers_have_a_bound(void)
{
    _cleanup_(free_ptr) char *path = path_of("sparse.tar");

    write_sparse(path, 16);
    refused("few pieces", path, NULL, "none of /bin/bash");
    write_sparse(path, 8192);
    refused("many pieces", path, NULL, "headers of an entry");
}

static const struct unit_test tests[] = {
    {"a layer that is no plain file of the archive is refused", test_layers_that_are_no_files},
    {"a layer may be a link to another of the archive", test_links_inside_an_archive},
    {"layers are counted before they are looked for", test_layers_are_counted_first},
    {"an archive of too many files is no image archive", test_files_of_an_archive_are_counted},
    {"what does not match its digest is refused", test_contents_match_their_digests},
    {"of several platforms' images this host's is taken",
     test_the_image_for_this_processor_is_taken},
    {"indexes that lead nowhere are refused", test_hostile_indexes},
    {"what grows beyond the limits when it is decompressed is refused", test_bombs},
    {"what the first layer holds counts for the ones behind it",
     test_the_first_layer_is_counted_too},
    {"folders that names imply count as entries", test_implied_folders_count},
    {"a tree deeper than a path is long is removed again", test_deep_trees_are_removed},
    {"the headers of an entry have a bound", test_headers_have_a_bound},
    {"a source that is no file does not hold an import", test_sources_that_are_no_files},
    {"/etc/passwd and /etc/group are plain files", test_accounts_are_plain_files},
    {"a fifo in place of /etc/passwd does not hold a start", test_a_fifo_does_not_hold_a_start},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "a");
    failed = UNIT_MAIN("image-archives", tests);
    return fixture_close(&fixture) ? failed : 1;
}
