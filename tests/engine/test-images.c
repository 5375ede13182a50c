/*
 * Imports of root file systems, layers over a base, names, and what is left of dead imports.
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

static void check_content(const char *image, const char *file, const char *content)
{
    _cleanup_(free_ptr) char *path =
        xasprintf("%s/%s/rootfs/%s", fixture.settings.engine.image_dir, image, file);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
    CU_ASSERT_STRING_EQUAL(text.data, content);
}

#define OWN_HOSTS                                                                                  \
    "127.0.0.1\tlocalhost\n127.0.1.1\tsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n"
#define SAFE "[safe]\n\tdirectory = *\n"

static void test_localhost_has_an_address(void)
{
    static const struct {
        struct tar_entry entries[3];
        const char *hosts;
    } rows[] = {
        {{TAR_FOLDER("usr")}, OWN_HOSTS},
        {{TAR_FILE("etc/hosts", "")}, OWN_HOSTS},
        {{TAR_FILE("etc/hosts", "10.0.0.1 own")}, OWN_HOSTS "10.0.0.1 own"},
        {{TAR_FILE("etc/hosts", "127.0.0.1 a sandbox # localhost\n::1 localhost\n")},
         "127.0.0.1\tlocalhost\n127.0.0.1 a sandbox # localhost\n::1 localhost\n"},
        {{TAR_FILE("etc/hosts", "127.0.0.1 sandbox localhost\n::1\tlocalhost")},
         "127.0.0.1 sandbox localhost\n::1\tlocalhost"},
        {{TAR_LINK("etc/hosts", "/run/nowhere")}, OWN_HOSTS},
        {{TAR_LINK("etc/hosts", "/etc/shadow"), TAR_FILE("etc/shadow", "1.2.3.4 x\n")},
         OWN_HOSTS "1.2.3.4 x\n"},
        {{TAR_FILE("etc/hosts/file", "x")}, OWN_HOSTS},
        {{{"etc/hosts", S_IFIFO, 0600, NULL, NULL, 0, 0}}, OWN_HOSTS},
    };
    struct error err = ERROR_INIT;
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int count = 0;

        while (count < 3 && rows[i].entries[count].path != NULL)
            count++;
        CU_ASSERT_EQUAL_FATAL(import("hosts", NULL, rows[i].entries, count, &err), 0);
        check_content("hosts", "etc/hosts", rows[i].hosts);
        CU_ASSERT_TRUE(look("hosts", "etc/hosts", &st) && S_ISREG(st.st_mode));
        CU_ASSERT_EQUAL(st.st_uid, (uid_t)fixture.settings.engine.uid_base);
        drop("hosts");
    }
}

static void test_a_long_file_is_left(void)
{
    enum { LENGTH = 70000 };
    _cleanup_(free_ptr) char *text = xmalloc(LENGTH + 1);
    struct error err = ERROR_INIT;
    struct stat st;

    memset(text, '#', LENGTH);
    text[LENGTH] = '\0';
    {
        const struct tar_entry entries[] = {TAR_FILE("etc/hosts", text),
                                            TAR_FILE("etc/gitconfig", text)};

        CU_ASSERT_EQUAL_FATAL(import("long", NULL, entries, ARRAY_SIZE(entries), &err), 0);
    }
    CU_ASSERT_TRUE(look("long", "etc/hosts", &st) && st.st_size == LENGTH);
    CU_ASSERT_TRUE(look("long", "etc/gitconfig", &st) && st.st_size == LENGTH);
    drop("long");
}

/* A file that has other names keeps its content under these. */
static void test_a_file_of_two_names_is_parted(void)
{
    const struct tar_entry entries[] = {TAR_FILE("etc/hosts", ""),
                                        TAR_HARDLINK("etc/other", "etc/hosts")};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(import("hosts", NULL, entries, ARRAY_SIZE(entries), &err), 0);
    check_content("hosts", "etc/hosts", OWN_HOSTS);
    check_content("hosts", "etc/other", "");
    drop("hosts");
}

static void test_git_trusts_repositories_whoever_owns_them(void)
{
    const struct tar_entry none[] = {TAR_FOLDER("usr")};
    const struct tar_entry own[] = {TAR_FILE("etc/gitconfig", "[user]\n\tname = x")};
    const struct tar_entry layer[] = {TAR_FILE("etc/other", "x")};
    struct error err = ERROR_INIT;
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(import("git", NULL, none, ARRAY_SIZE(none), &err), 0);
    check_content("git", "etc/gitconfig", SAFE);
    CU_ASSERT_EQUAL_FATAL(import("layer", "git", layer, ARRAY_SIZE(layer), &err), 0);
    CU_ASSERT_FALSE(look("layer", "etc/gitconfig", &st));
    drop("layer");
    CU_ASSERT_EQUAL_FATAL(import("layer", "git", own, ARRAY_SIZE(own), &err), 0);
    check_content("layer", "etc/gitconfig", "[user]\n\tname = x\n" SAFE);
    drop("layer");
    drop("git");
}

/* Imports with options; the profile and the environment, or the reason of a refusal. */
static void import_told(const struct image_options *options, const char *base, char **ret_told)
{
    const struct tar_entry entries[] = {
        TAR_FILE("etc/passwd", "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"),
        TAR_FILE("etc/group", "root:x:0:\n")};
    _cleanup_(free_ptr) char *path = tar_path(), *workdir = NULL;
    const struct image_import import = {
        .name = base ? "over" : "told", .source = path, .base = base, .options = *options};
    char *environment = NULL, *profile = NULL;
    struct error err = ERROR_INIT;

    if (base)
        tar_write(path, entries + 1, 1);
    else
        tar_write_image(path, entries, ARRAY_SIZE(entries));
    if (image_import_as(&fixture.settings.engine, &import, &err) < 0) {
        *ret_told = xstrdup(err.message);
        return;
    }
    CU_ASSERT_EQUAL(image_environment(&fixture.settings.engine, import.name, &environment, &workdir,
                                      &profile, &err),
                    0);
    *ret_told = xasprintf("%s %s", profile, environment);
    free(profile);
    free(environment);
}

static void test_what_an_image_says_may_be_said_otherwise(void)
{
    static const struct {
        struct image_options options;
        const char *told;
    } rows[] = {
        {{.user = "ada", .shell = "login", .env = "A=1\nPATH=/x"},
         "{\"user\":\"ada\",\"shell\":\"login\"} [\"A=1\",\"PATH=/x\"]"},
        {{.user = "1000:0"},
         "{\"user\":\"1000:0\"} "
         "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"]"},
        {{.user = "eve"}, "/etc/passwd has no user 'eve'"},
        {{.user = "ada:wheel"}, "/etc/group has no group 'wheel'"},
        {{.user = "70000"}, "70000 is no id of a container's user"},
        {{.user = "../a"}, "--user: '../a' must be"},
        {{.shell = "fish"}, "--shell: 'fish' must be plain, login or entrypoint"},
        {{.env = "A=1\n2=b"}, "--env: '2=b' is not NAME=VALUE"},
    };
    struct image_options none = {0}, other = {.env = "A=2\nB=3", .user = "0"};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(free_ptr) char *told = NULL;

        import_told(&rows[i].options, NULL, &told);
        CU_ASSERT_PTR_NOT_NULL(strstr(told, rows[i].told));
        if (!strstr(told, rows[i].told))
            fprintf(stderr, "(%s) ", told);
        if (i == 0) { /* a layer has what its base has, but for what is said of it */
            _cleanup_(free_ptr) char *of_base = NULL, *own = NULL;

            import_told(&none, "told", &of_base);
            CU_ASSERT_STRING_EQUAL(of_base, told);
            drop("over");
            import_told(&other, "told", &own);
            CU_ASSERT_STRING_EQUAL(own, "{\"user\":\"0\",\"shell\":\"login\"} "
                                        "[\"PATH=/x\",\"A=2\",\"B=3\"]");
            drop("over");
        }
        if (told[0] == '{')
            drop("told");
    }
}

static void count_image(const struct image *image, void *arg)
{
    buf_addf(arg, "%s(%s) ", image->name, image->base ? image->base : "-");
}

static void test_owners_are_shifted_and_modes_kept(void)
{
    const struct tar_entry entries[] = {TAR_FOLDER("./"),
                                        TAR_FOLDER("a"),
                                        {"a/setuid", S_IFREG, 04755, "x", NULL, 1000, 0},
                                        {"a/locked", S_IFDIR, 0555, NULL, NULL, 7, 0},
                                        TAR_FILE("a/locked/file", "content"),
                                        TAR_LINK("a/link", "/etc/passwd"),
                                        TAR_HARDLINK("a/hard", "a/setuid"),
                                        {"a/fifo", S_IFIFO, 0600, NULL, NULL, 0, 0}};
    struct error err = ERROR_INIT;
    int64_t before = clock_now(), when = 0;
    struct stat st, hard;
    uid_t base = (uid_t)fixture.settings.engine.uid_base;

    CU_ASSERT_EQUAL_FATAL(import("plain", NULL, entries, ARRAY_SIZE(entries), &err), 0);
    CU_ASSERT_TRUE(look("plain", "a/setuid", &st));
    CU_ASSERT_EQUAL(st.st_uid, base + 1000);
    CU_ASSERT_EQUAL(st.st_gid, base + 1000);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 04755);
    CU_ASSERT_EQUAL(st.st_mtim.tv_sec, 1000000000);
    CU_ASSERT_TRUE(look("plain", "a/hard", &hard));
    CU_ASSERT_EQUAL(st.st_ino, hard.st_ino);
    CU_ASSERT_TRUE(look("plain", "a/locked", &st));
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0555);
    CU_ASSERT_TRUE(look("plain", "a/link", &st));
    CU_ASSERT_TRUE(S_ISLNK(st.st_mode));
    CU_ASSERT_EQUAL(st.st_uid, base);
    CU_ASSERT_TRUE(look("plain", "a/fifo", &st));
    CU_ASSERT_TRUE(S_ISFIFO(st.st_mode));
    CU_ASSERT_TRUE(look("plain", "tmp", &st)); /* made, as it was missing */
    CU_ASSERT_EQUAL(st.st_mode & 07777, 01777);
    CU_ASSERT_TRUE(look("plain", "proc", &st));
    CU_ASSERT_EQUAL(image_time(fixture.settings.engine.image_dir, "plain", &when, &err), 0);
    /* The kernel stamps files with the time of its last tick. */
    CU_ASSERT_TRUE(when >= before - CLOCK_SECOND / 50 && when <= clock_now());
    drop("plain");
}

/* Each alone makes an import fail, and of that import nothing is left. */
static void test_hostile_archives_are_refused(void)
{
    static const struct {
        const char *what;
        int count;
        struct tar_entry entries[3];
    } rows[] = {
        {"an absolute name", 1, {TAR_FILE("/etc/codeset-evil", "x")}},
        {"a name with ..", 1, {TAR_FILE("../evil", "x")}},
        {"a name with .. inside", 2, {TAR_FOLDER("a"), TAR_FILE("a/../../evil", "x")}},
        {"a file through a link", 2, {TAR_LINK("a", "/tmp"), TAR_FILE("a/evil", "x")}},
        {"a file through a relative link", 2, {TAR_LINK("a", ".."), TAR_FILE("a/evil", "x")}},
        {"a folder through a link", 2, {TAR_LINK("a", "/tmp"), TAR_FOLDER("a/evil")}},
        {"a link through a link", 2, {TAR_LINK("a", "/tmp"), TAR_LINK("a/evil", "x")}},
        {"a hard link out of the root", 1, {TAR_HARDLINK("a", "/etc/passwd")}},
        {"a hard link with ..", 1, {TAR_HARDLINK("a", "../../../etc/passwd")}},
        {"a hard link through a link", 2, {TAR_LINK("a", "/etc"), TAR_HARDLINK("b", "a/passwd")}},
        {"a hard link to a folder", 2, {TAR_FOLDER("a"), TAR_HARDLINK("b", "a")}},
        {"a hard link to nothing", 1, {TAR_HARDLINK("b", "a")}},
        {"a device outside of /dev", 1, {{"sda", S_IFBLK, 0666, NULL, NULL, 0, 0}}},
        {"a character device", 2, {TAR_FOLDER("etc"), {"etc/mem", S_IFCHR, 0, NULL, NULL, 0, 0}}},
        {"an owner above 65535", 1, {{"a", S_IFREG, 0, "x", NULL, 65536, 0}}},
        {"an owner far above", 1, {{"a", S_IFREG, 0, "x", NULL, INT64_C(1) << 40, 0}}},
        {"/dev as a link", 1, {TAR_LINK("dev", "/tmp")}},
        {"/proc as a link", 1, {TAR_LINK("proc", "etc")}},
        {"/sys as a file", 1, {TAR_FILE("sys", "x")}},
        {"/tmp as a link", 1, {TAR_LINK("tmp", "/")}},
        {"/run as a link", 1, {TAR_LINK("run", "var/run")}},
        {"/dev as a folder, then as a link", 2, {TAR_FOLDER("dev"), TAR_LINK("dev", "/tmp")}},
        {"a file in place of a folder", 2, {TAR_FOLDER("a"), TAR_FILE("a", "x")}},
        {"a whiteout in a root file system", 1, {TAR_FILE(".wh.etc", "")}},
        {"the root as a link", 1, {TAR_LINK("./", "/tmp")}},
        {"a sparse file larger than an image may be",
         1,
         {{"bomb", S_IFREG, 0644, NULL, NULL, 0, INT64_C(1) << 40}}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = ERROR_INIT;
        int rc = import("hostile", NULL, rows[i].entries, rows[i].count, &err);

        CU_ASSERT_EQUAL(rc, -1);
        CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
        if (rc == 0 || err.code == NULL)
            fprintf(stderr, "(%s: %s) ", rows[i].what, rc ? err.message : "imported");
        if (rc == 0)
            drop("hostile");
    }
    CU_ASSERT_EQUAL(access("/etc/codeset-evil", F_OK), -1);
    CU_ASSERT_EQUAL(access("/tmp/evil", F_OK), -1);
}

static void test_counts_are_capped(void)
{
    int64_t entries_kept = fixture.settings.engine.image_entries_max;
    int64_t bytes_kept = fixture.settings.engine.image_bytes_max;
    const struct tar_entry entries[] = {TAR_FILE("a", "12345"), TAR_FILE("b", "12345"),
                                        TAR_FILE("c", "12345")};
    struct error err = ERROR_INIT;

    fixture.settings.engine.image_entries_max = 2;
    CU_ASSERT_EQUAL(import("many", NULL, entries, 3, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    fixture.settings.engine.image_entries_max = entries_kept;
    fixture.settings.engine.image_bytes_max = sizeof(TAR_SHELL_TEXT) - 1 + 14;
    CU_ASSERT_EQUAL(import("large", NULL, entries, 3, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    fixture.settings.engine.image_bytes_max = sizeof(TAR_SHELL_TEXT) - 1 + 15;
    CU_ASSERT_EQUAL(import("large", NULL, entries, 3, &err), 0);
    drop("large");
    fixture.settings.engine.image_bytes_max = bytes_kept;
}

/* As deep as a name may be, and one level deeper; either can be removed again. */
static void test_depth_is_capped(void)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    struct error err = ERROR_INIT;

    while (path.length < 3000)
        buf_add_str(&path, "d/");
    buf_add_str(&path, "f");
    {
        const struct tar_entry deep[] = {TAR_FILE(path.data, "x")};

        CU_ASSERT_EQUAL(import("deep", NULL, deep, 1, &err), 0);
        drop("deep");
    }
    while (path.length < 3500)
        buf_add_str(&path, "/f");
    {
        const struct tar_entry deeper[] = {TAR_FILE(path.data, "x")};

        CU_ASSERT_EQUAL(import("deeper", NULL, deeper, 1, &err), -1);
    }
}

static void test_devices_in_dev_are_dropped(void)
{
    const struct tar_entry entries[] = {
        TAR_FOLDER("dev"), {"dev/null", S_IFCHR, 0666, NULL, NULL, 0, 0}, TAR_FOLDER("etc")};
    struct error err = ERROR_INIT;
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(import("devices", NULL, entries, ARRAY_SIZE(entries), &err), 0);
    CU_ASSERT_TRUE(look("devices", "dev", &st));
    CU_ASSERT_FALSE(look("devices", "dev/null", &st));
    drop("devices");
}

static void test_a_layer_over_a_base(void)
{
    const struct tar_entry entries[] = {TAR_FILE("usr/lib/extra", "more\n"),
                                        TAR_FILE("home/user/yours", "yours\n"), TAR_FOLDER("repo"),
                                        TAR_FILE("repo/file", "text\n")};
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct error err = ERROR_INIT;
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(import("layer", "busybox", entries, ARRAY_SIZE(entries), &err), 0);
    CU_ASSERT_FALSE(look("layer", "bin", &st));
    CU_ASSERT_EQUAL_FATAL(fixture_start(&fixture, "layered", "layer", &fixture_limits), 0);
    CU_ASSERT_EQUAL(fixture_run(&fixture, "layered",
                                "cat /lib/extra /repo/file; stat -c %u:%a /home/user/mine /usr "
                                "/home/user; id -u; ls -d /bin/sh",
                                &out),
                    0);
    CU_ASSERT_STRING_EQUAL(out.data, "more\ntext\n1000:600\n0:755\n0:755\n0\n/bin/sh\n");
    CU_ASSERT_EQUAL(fixture_stop(&fixture, "layered"), 0);
    CU_ASSERT_EQUAL(image_remove(&fixture.settings.engine, "busybox", &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_IN_USE");
    drop("layer");
}

/* In busybox's image /lib is a link to usr/lib. */
static void test_links_of_the_base_are_no_trap(void)
{
    const struct tar_entry through[] = {TAR_FILE("lib/extra", "x")};
    const struct tar_entry over[] = {TAR_FOLDER("lib")};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(import("trap", "busybox", through, 1, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    CU_ASSERT_EQUAL(import("trap", "busybox", over, 1, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    CU_ASSERT_EQUAL(import("trap", "no-such-base", through, 1, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_MISSING");
}

#define TEN "0123456789"
#define TOO_LONG TEN TEN TEN TEN TEN TEN "0123" /* 64 characters */

static void test_names_replacing_and_listing(void)
{
    static const char *const bad[] = {"", ".", "..", "-a", "A", "a/b", "a b", "_a", TOO_LONG};
    const struct tar_entry one[] = {TAR_FILE("one", "1")}, two[] = {TAR_FILE("two", "2")};
    _cleanup_(buf_release) struct buf names = BUF_INIT;
    _cleanup_(free_ptr) char *path = tar_path();
    struct error err = ERROR_INIT;
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CU_ASSERT_EQUAL(import(bad[i], NULL, one, 1, &err), -1);
    CU_ASSERT_EQUAL(import("again", NULL, one, 1, &err), 0);
    CU_ASSERT_EQUAL(import("again", NULL, two, 1, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_EXISTS");
    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "again", path, NULL, true, NULL, NULL, &err), 0);
    CU_ASSERT_TRUE(look("again", "two", &st));
    CU_ASSERT_FALSE(look("again", "one", &st));
    CU_ASSERT_EQUAL(image_list(&fixture.settings.engine, count_image, &names, &err), 0);
    CU_ASSERT_STRING_EQUAL(names.data, "again(-) busybox(-) ");
    drop("again");
    CU_ASSERT_EQUAL(image_remove(&fixture.settings.engine, "again", &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_MISSING");
}

static void test_imports_of_one_name_at_once(void)
{
    const struct tar_entry entries[] = {TAR_FILE("a", "1")};
    _cleanup_(free_ptr) char *path = tar_path();
    int successes = 0;
    pid_t pids[4];

    tar_write_image(path, entries, 1);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct error err = ERROR_INIT;
            int rc =
                image_import(&fixture.settings.engine, "race", path, NULL, false, NULL, NULL, &err);

            _exit(rc == 0 ? 0 : err.code && strcmp(err.code, "IMAGE_EXISTS") == 0 ? 1 : 2);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        int status = -1;

        waitpid(pids[i], &status, 0);
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        successes += status == 0;
    }
    CU_ASSERT_EQUAL(successes, 1);
    drop("race");
}

/* --- archives of docker's kind ---------------------------------------------------------------- */

#define SCRIPT(path)                                                                               \
    {                                                                                              \
        path, S_IFREG, 0755, TAR_SHELL_TEXT, NULL, 0, 0                                            \
    }

static void test_a_root_without_a_shell_is_refused(void)
{
    static const unsigned char s390[20] = {0x7f, 'E', 'L', 'F', 2, 2, 1, [16] = 0, 2, 0, 22};
    static const unsigned char i386[20] = {0x7f, 'E', 'L', 'F', 1, 1, 1, [16] = 2, 0, 3, 0};
    static const struct {
        const char *reason; /* NULL: fine */
        int count;
        struct tar_entry entries[2];
    } rows[] = {
        {"none of /bin/bash, /usr/bin/bash and /bin/sh", 1, {TAR_FILE("etc/a", "1")}},
        {"none of /bin/bash", 1, {SCRIPT("rootfs/bin/sh")}},
        {"none of /bin/bash", 1, {TAR_LINK("bin/sh", "nowhere")}},
        {"none of /bin/bash", 1, {TAR_LINK("bin/sh", "/bin/sh")}},
        {"none of /bin/bash", 1, {TAR_LINK("bin/sh", "../../../../bin/sh")}},
        {"bin/sh: is not an executable file", 1, {TAR_FILE("bin/sh", TAR_SHELL_TEXT)}},
        {"bin/sh: is not an executable file", 1, {TAR_FOLDER("bin/sh")}},
        {"bin/sh: is not an executable file", 1, {{"bin/sh", S_IFREG, 0755, "", NULL, 0, 0}}},
        {"bin/bash: is not an executable file", 2, {TAR_SHELL, TAR_FILE("bin/bash", "#!/a\n")}},
        {"is a program for another kind of processor",
         1,
         {{"bin/sh", S_IFREG, 0755, (const char *)s390, NULL, 0, sizeof(s390)}}},
        /* The processor would run it, the containers' filter not. */
        {"is a program for another kind of processor",
         1,
         {{"bin/sh", S_IFREG, 0755, (const char *)i386, NULL, 0, sizeof(i386)}}},
        {NULL, 2, {TAR_LINK("bin", "usr/bin"), SCRIPT("usr/bin/sh")}},
        {NULL, 2, {TAR_LINK("bin/sh", "/opt/shell"), SCRIPT("opt/shell")}},
        {NULL, 1, {SCRIPT("usr/bin/bash")}},
    };
    _cleanup_(free_ptr) char *path = tar_path();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = ERROR_INIT;

        tar_write(path, rows[i].entries, rows[i].count);
        if (rows[i].reason) {
            check_refused(path, NULL, rows[i].reason);
            continue;
        }
        CU_ASSERT_EQUAL(
            image_import(&fixture.settings.engine, "shell", path, NULL, false, NULL, NULL, &err),
            0);
        drop("shell");
    }
}

static void test_broken_sources(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/broken", fixture.dir);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, path, "this is no tar at all", 21, 0644, &err), 0);
    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "broken", path, NULL, false, NULL, NULL, &err), -1);
    CU_ASSERT_EQUAL(image_import(&fixture.settings.engine, "broken", "/nonexistent", NULL, false,
                                 NULL, NULL, &err),
                    -1);
    CU_ASSERT_EQUAL(truncate(path, 0), 0);
    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "broken", path, NULL, false, NULL, NULL, &err), -1);
}

static void test_what_dead_imports_left_is_swept(void)
{
    const struct tar_entry entries[] = {TAR_FILE("a", "1")};
    _cleanup_(free_ptr) char *left =
        xasprintf("%s/.import-dead00", fixture.settings.engine.image_dir);
    _cleanup_(free_ptr) char *below = xasprintf("%s/rootfs/x", left);
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(make_dirs(below, 0755, &err), 0);
    CU_ASSERT_EQUAL(import("sweeper", NULL, entries, 1, &err), 0);
    CU_ASSERT_EQUAL(access(left, F_OK), -1);
    drop("sweeper");
}

static const struct unit_test tests[] = {
    {"owners are shifted, modes, times and links kept", test_owners_are_shifted_and_modes_kept},
    {"localhost has an address, whatever the image has", test_localhost_has_an_address},
    {"hosts and git settings too long to be mended are left", test_a_long_file_is_left},
    {"a file of two names is parted before it is changed", test_a_file_of_two_names_is_parted},
    {"git trusts repositories, whoever owns them", test_git_trusts_repositories_whoever_owns_them},
    {"what an image says may be said otherwise", test_what_an_image_says_may_be_said_otherwise},
    {"hostile archives are refused, each for its one reason", test_hostile_archives_are_refused},
    {"bytes and entries are capped", test_counts_are_capped},
    {"depth is capped", test_depth_is_capped},
    {"devices in /dev are dropped", test_devices_in_dev_are_dropped},
    {"an image may be a layer over another", test_a_layer_over_a_base},
    {"a link of the base is no trap for a layer", test_links_of_the_base_are_no_trap},
    {"names, replacing, listing, removing", test_names_replacing_and_listing},
    {"of imports of one name at once, one wins", test_imports_of_one_name_at_once},
    {"a root file system needs a shell that runs here", test_a_root_without_a_shell_is_refused},
    {"what is no archive is no image", test_broken_sources},
    {"what dead imports left is swept", test_what_dead_imports_left_is_swept},
};

int main(void)
{
    int failed;

    fixture_open(&fixture, "i");
    failed = UNIT_MAIN("images", tests);
    return fixture_close(&fixture) ? failed : 1;
}
