/*
 * Archives of trees and of reports, as the daemon has the agent do them: the real program,
 * black-box. Archives are looked at with libarchive, which had no part in making them.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent-rig.h"
#include "agent-trees.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "unit.h"

#include "base/banned.h"

static struct rig rig;
static struct outcome outcome;

DEFINE_CLEANUP(struct archive *, close_archive, archive_read_free)

/* ---- helpers ---- */

static void shell(const char *command)
{
    rig_run(&rig, &outcome, 60, command);
    CU_ASSERT_EQUAL_FATAL(outcome.result.exit_status, 0);
}

static void shell_says(const char *command, const char *expected)
{
    shell(command);
    CU_ASSERT_STRING_EQUAL(outcome.out.data, expected);
}

/* A file of ours for an archive, without a name. */
static int scratch(void)
{
    int fd = open(rig.folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static char *below(const char *name)
{
    return xasprintf("%s/%s", rig.work, name);
}

static void get_listing(const char *name, int fd)
{
    _cleanup_(free_ptr) char *root = below(name);

    outcome_release(&outcome);
    trees_get_listing(&rig, root, fd, &outcome);
}

/* How the tree differs from the one that was listed. */
static void get_difference(const char *name, int64_t since, int listing_fd, int fd)
{
    _cleanup_(free_ptr) char *root = below(name);

    outcome_release(&outcome);
    trees_get_changes(&rig, root, since, listing_fd, fd, &outcome);
}

/* All that is in the tree: it is like nothing that an empty listing has. */
static void get_all(const char *name, int fd)
{
    _cleanup_(close_fd) int listing_fd = scratch();

    get_difference(name, INT64_MAX / 2, listing_fd, fd);
}

static void put_changes(const char *name, int fd)
{
    _cleanup_(free_ptr) char *root = below(name);

    outcome_release(&outcome);
    trees_put_changes(&rig, root, fd, &outcome);
}

/* Lays what makes tree `from` out of the pristine `to` over it. */
static void bring(const char *from, int64_t since, const char *to)
{
    _cleanup_(close_fd) int listing_fd = scratch(), fd = scratch();

    get_listing(to, listing_fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    get_difference(from, since, listing_fd, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    put_changes(to, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
}

static void trees_are_the_same(const char *a, const char *b)
{
    _cleanup_(free_ptr) char *command =
        xasprintf("diff -r --no-dereference %s %s && for d in %s %s; do (cd $d; "
                  "find . -type d -printf '%%p %%y %%m %%U:%%G\\n' -o "
                  "-printf '%%p %%y %%m %%U:%%G %%s %%T@ %%l\\n' | LC_ALL=C sort) >$d.list; done; "
                  "cmp %s.list %s.list && echo same",
                  a, b, a, b, a, b);

    shell_says(command, "same\n");
}

/* The names in the archive, a line each, sorted by nobody. */
static void names(int fd, struct buf *out)
{
    _cleanup_(close_archive) struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int met;

    CU_ASSERT_EQUAL_FATAL(lseek(fd, 0, SEEK_SET), 0);
    archive_read_support_format_tar(archive);
    CU_ASSERT_EQUAL_FATAL(archive_read_open_fd(archive, fd, 65536), ARCHIVE_OK);
    while ((met = archive_read_next_header(archive, &entry)) == ARCHIVE_OK)
        buf_addf(out, "%s\n", archive_entry_pathname(entry));
    CU_ASSERT_EQUAL(met, ARCHIVE_EOF);
}

/* Lets the kernel's coarse clock move on, and returns the time. */
static int64_t after_a_tick(void)
{
    shell("sleep 0.05");
    return clock_now();
}

/* ---- changes ---- */

static void changes_make_a_pristine_tree_the_same(void)
{
    int64_t since;

    shell("mkdir -p A/src/deep A/gone/deeper; for i in 1 2 3 4 5; do echo $i >A/src/$i; done; "
          "ln -s 1 A/src/link; echo x >A/src/deep/x; echo y >A/gone/deeper/y; cp -a A B");
    since = after_a_tick();
    shell("cd A; rm src/1; echo more >>src/2; chmod 751 src/3; chown 77:88 src/4; rm src/link; "
          "ln -s ../$(printf %0200d 0) src/link; rm -r src/deep; echo file >src/deep; rm -r gone; "
          "n=$(printf '\\377\\376%0150d' 0); mkdir -p new/$n/$n/empty; echo deep >new/$n/$n/f; "
          "rm src/5; mkdir src/5; echo inside >src/5/f; echo mine >.codeset-manifest; mkfifo fifo; "
          "ln -s /etc etc; truncate -s 3M sparse; touch -d 1999-12-31T23:59:59.125 src/3");
    /* What an upload leaves that is killed, and what only looks like it. */
    shell("cd A/src; echo half >.codeset-0123456789abcdef.tmp; echo mine "
          ">.codeset-0123456789abcdeg.tmp; "
          "mkdir .codeset-0123456789abcde0.tmp");
    bring("A", since, "B");
    shell("rm A/fifo A/src/.codeset-0123456789abcdef.tmp");
    trees_are_the_same("A", "B");
}

/* Nothing in a folder that is renamed as a whole moves its ctime. */
static void renamed_folders_make_a_pristine_tree_the_same(void)
{
    int64_t since;

    shell("mkdir -p M/old/deep/deeper M/stays; for i in 1 2 3; do echo $i >M/old/$i; "
          "echo d$i >M/old/deep/$i; echo dd$i >M/old/deep/deeper/$i; echo s$i >M/stays/$i; done; "
          "ln -s ../1 M/old/deep/link; cp -a M M0");
    since = after_a_tick();
    shell("cd M; mv old new; mv new/deep/deeper stays; echo 4 >new/4");
    bring("M", since, "M0");
    trees_are_the_same("M", "M0");
}

/* Of the same size, mode, owner and mtime, as in an image that was built reproducibly. */
static void swapped_folders_make_a_pristine_tree_the_same(void)
{
    int64_t since;

    shell("mkdir -p S/a/in/it S/b/in/it; echo 1 >S/a/in/it/f; echo 2 >S/b/in/it/f; echo 1 >S/a/f; "
          "echo 2 >S/b/f; find S -exec touch -h -d @1735689600 {} +; cp -a S S0; cp -a S S1; cp -a "
          "S S2");
    since = after_a_tick();
    shell("cd S; mv a t; mv b a; mv t b");
    bring("S", since, "S0");
    trees_are_the_same("S", "S0");
    shell_says("cat S0/a/f S0/a/in/it/f S0/b/f S0/b/in/it/f", "2\n2\n1\n1\n");
    shell("cd S1; mv a/in t; mv b/in a/in; mv t b/in");
    bring("S1", since, "S2");
    trees_are_the_same("S1", "S2");
}

/* As two overlays on one image have it: the numbers of the inodes tell the files of the image from
 * others that look the same. */
static void files_of_the_same_inode_do_not_travel(void)
{
    _cleanup_(close_fd) int listing_fd = scratch(), fd = scratch();
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    int64_t since;

    shell("mkdir -p inodes/a inodes/b inodes/c; echo 1 >inodes/a/f; echo 2 >inodes/b/f; "
          "echo 3 >inodes/c/f; find inodes -exec touch -d @1735689600 {} +");
    get_listing("inodes", listing_fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    since = after_a_tick();
    shell("cd inodes; mv a t; mv b a; mv t b; echo new >c/new");
    get_difference("inodes", since, listing_fd, fd);
    names(fd, &found);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "\na/f\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "\nb/f\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "\nc/new\n"));
    CU_ASSERT_PTR_NULL(strstr(found.data, "\nc/f\n"));
}

static void an_archive_that_lacks_something_is_refused(void)
{
    _cleanup_(close_fd) int listing_fd = scratch(), fd = scratch();

    shell("mkdir -p whole/d; echo 1 >whole/d/f; cp -a whole partial");
    get_listing("partial", listing_fd);
    shell("rm partial/d/f");
    get_difference("whole", after_a_tick(), listing_fd, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    put_changes("partial", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_CONFLICT);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "CHANGES_INCOMPLETE");
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.err.message, "d/f"));
}

static void a_broken_listing_is_refused(void)
{
    static const char *const bytes[] = {"x", "1 f 644 0 0 1 1", "1 f 644 0 0 1 1 "};

    shell("mkdir unlisted");
    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
        _cleanup_(close_fd) int listing_fd = scratch(), fd = scratch();

        CU_ASSERT_EQUAL(pwrite(listing_fd, bytes[i], strlen(bytes[i]), 0), strlen(bytes[i]));
        get_difference("unlisted", 0, listing_fd, fd);
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_INVALID);
    }
}

static void a_listing_has_a_bound(void)
{
    _cleanup_(close_fd) int listing_fd = scratch(), fd = scratch();
    long before = rig_memory(&rig);

    shell("mkdir -p bounded");
    CU_ASSERT_EQUAL(ftruncate(listing_fd, (64 << 20) + 1), 0);
    get_difference("bounded", 0, listing_fd, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "CHANGES_TOO_LARGE");
    CU_ASSERT(rig_memory(&rig) - before < 4096 + RIG_MEMORY_SLACK);
    get_listing("none", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
}

static void unchanged_files_do_not_travel(void)
{
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(close_fd) int fd = scratch();
    _cleanup_(close_fd) int listing_fd = scratch();
    int64_t since;

    shell("mkdir -p still/one; echo a >still/one/a; echo b >still/one/b; cp -a still still0");
    get_listing("still0", listing_fd);
    since = after_a_tick();
    shell("echo c >>still/one/b");
    get_difference("still", since, listing_fd, fd);
    names(fd, &found);
    CU_ASSERT_STRING_EQUAL(found.data, ".codeset-manifest\none/b\n");
}

static void what_git_obeys_stays_where_it_is(void)
{
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(close_fd) int fd = scratch(), later = scratch();

    shell("mkdir -p kept/.git/hooks kept/sub; echo image >kept/.git/config; echo gone >kept/f; "
          "echo module >kept/sub/.git; cp -a kept mine; cd mine; echo mine >.git/config; "
          "echo run >.git/hooks/post-checkout; rm f; echo g >g; echo elsewhere >sub/.git; "
          "mkdir -p new/.git; echo h >new/.git/h; echo i >.gitignore");
    get_all("mine", fd);
    names(fd, &found);
    CU_ASSERT_PTR_NULL(strstr(found.data, ".git/"));
    CU_ASSERT_PTR_NULL(strstr(found.data, "sub/.git"));
    put_changes("kept", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    shell_says("cd kept; cat .git/config sub/.git .gitignore g; find . -type f | wc -l",
               "image\nmodule\ni\ng\n4\n");
    shell("cd mine; rm -rf .git sub");
    get_all("mine", later);
    put_changes("kept", later);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    shell_says("cd kept; cat .git/config; ls -A", "image\n.git\n.gitignore\ng\nnew\n");
}

static void links_out_of_the_tree_are_not_followed(void)
{
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir -p linked victim; ln -s ../victim linked/out; echo secret >victim/secret; "
          "mkdir linked/mounted; mount -t tmpfs none linked/mounted; echo m >linked/mounted/m");
    get_all("linked", fd);
    shell("umount linked/mounted");
    names(fd, &found);
    CU_ASSERT_STRING_EQUAL(found.data, ".codeset-manifest\nout\n");
}

static void a_tree_that_is_too_large_is_refused(void)
{
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir vast; truncate -s 600M vast/f");
    get_all("vast", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "CHANGES_TOO_LARGE");
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_END), 0);
    get_all("none", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
}

static void files_that_change_while_they_are_read_do_no_harm(void)
{
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir busy busy2; (until [ -e stop ]; do for i in 1 2 3 4 5 6; do "
          "head -c $((RANDOM * 9)) /dev/zero >busy/$i; rm -f busy/$(((i + 3) % 6)); "
          "mkdir -p busy/d; echo >busy/d/x; rm -rf busy/d; done; done) >/dev/null 2>&1 &");
    for (int i = 0; i < 40; i++) {
        _cleanup_(buf_release) struct buf found = BUF_INIT;

        CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
        CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
        get_all("busy", fd);
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
        names(fd, &found);
        put_changes("busy2", fd);
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    }
    shell("touch stop; until rm -rf busy; do sleep 0.02; done");
}

static void a_cancelled_archive_leaves_no_worker(void)
{
    static const char *const all[] = {"*"};
    _cleanup_(free_ptr) char *root = below("slow");
    int ends[2];
    struct agent_call *call;

    shell("mkdir slow; head -c 60M /dev/zero >slow/f");
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]); /* the write fails, with EPIPE, and the client ends the transfer */
    outcome_release(&outcome);
    agent_get_files(rig.client, rig.address, root, all, 1, 0, ends[1], rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_NOT_EQUAL(outcome.err.kind, ERROR_NONE);
    close(ends[1]);
    outcome_release(&outcome);
    call = agent_get_files(rig.client, rig.address, root, all, 1, 0, -1, rig_on_tree, &outcome);
    agent_call_cancel(call);
    shell("agent=$(ps -o ppid= -p $PPID); for i in $(seq 1500); do "
          "[ $(ps -o comm= --ppid $agent | grep -c codeset) = 1 ] && exit 0; sleep 0.02; done; "
          "exit 1");
}

/* ---- archives from a liar ---- */

struct lie {
    const char *name;
    char type; /* for the manifest */
    int filetype;
    const char *target;
};

static void write_entry(struct archive *archive, const char *name, int filetype, const char *target,
                        const void *bytes, size_t size)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, (unsigned)filetype);
    archive_entry_set_perm(entry, 0644);
    if (target)
        archive_entry_set_symlink(entry, target);
    archive_entry_set_size(entry, (int64_t)size);
    CU_ASSERT_EQUAL(archive_write_header(archive, entry), ARCHIVE_OK);
    if (size)
        archive_write_data(archive, bytes, size);
    archive_entry_free(entry);
}

static int lying_archive(const struct lie *lies, size_t count)
{
    _cleanup_(buf_release) struct buf manifest = BUF_INIT;
    struct archive *archive = archive_write_new();
    int fd = scratch();

    for (size_t i = 0; i < count; i++) {
        buf_addf(&manifest, "%c %s", lies[i].type, lies[i].name);
        buf_add_char(&manifest, '\0');
    }
    archive_write_set_format_pax(archive);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_fd(archive, fd), ARCHIVE_OK);
    write_entry(archive, ".codeset-manifest", AE_IFREG, NULL, manifest.data, manifest.length);
    for (size_t i = 0; i < count; i++)
        write_entry(archive, lies[i].name, lies[i].filetype, lies[i].target,
                    lies[i].filetype == AE_IFREG ? "evil" : NULL,
                    lies[i].filetype == AE_IFREG ? 4 : 0);
    archive_write_free(archive);
    return fd;
}

static void an_archive_can_not_reach_out_of_its_root(void)
{
    const struct lie lies[][2] = {
        {{"../escaped", 'f', AE_IFREG, NULL}},
        {{"/tmp/codeset-escaped", 'f', AE_IFREG, NULL}},
        {{"a/../../escaped", 'f', AE_IFREG, NULL}},
        {{"out", 'l', AE_IFLNK, ".."}, {"out/escaped", 'f', AE_IFREG, NULL}},
        {{"device", 'f', AE_IFCHR, NULL}},
        {{"./escaped", 'f', AE_IFREG, NULL}},
    };

    shell("mkdir jail");
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        _cleanup_(close_fd) int fd = lying_archive(lies[i], lies[i][1].name ? 2 : 1);

        put_changes("jail", fd);
        CU_ASSERT_NOT_EQUAL(outcome.err.kind, ERROR_NONE);
    }
    shell_says("[ -e escaped ] || [ -e /tmp/codeset-escaped ] || [ -e jail/device ] || echo safe",
               "safe\n");
}

/* As agents of earlier releases send them. */
static void what_an_archive_says_of_git_is_passed_over(void)
{
    static const struct lie lies[] = {{".git", 'd', AE_IFDIR, NULL},
                                      {".git/config", 'f', AE_IFREG, NULL},
                                      {"sub", 'd', AE_IFDIR, NULL},
                                      {"sub/.git", 'f', AE_IFREG, NULL},
                                      {".github", 'f', AE_IFREG, NULL}};
    _cleanup_(close_fd) int fd = lying_archive(lies, ARRAY_SIZE(lies));

    shell("mkdir -p told/.git; echo image >told/.git/config");
    put_changes("told", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    shell_says("cd told; cat .git/config .github; ls -A . sub",
               "image\nevil.:\n.git\n.github\nsub\n\nsub:\n");
}

static void a_broken_archive_is_refused(void)
{
    _cleanup_(close_fd) int fd = scratch(), whole = scratch();
    struct stat st;

    shell("mkdir broken; head -c 20k /dev/urandom >broken/f");
    CU_ASSERT_EQUAL(pwrite(fd, "garbage", 7, 4000), 7);
    put_changes("broken", fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_INVALID);
    get_all("broken", whole);
    CU_ASSERT_EQUAL(fstat(whole, &st), 0);
    for (off_t size = st.st_size - 1024 - 1; size > 0; size -= 1500) {
        CU_ASSERT_EQUAL(ftruncate(whole, size), 0);
        put_changes("broken", whole);
        CU_ASSERT_EQUAL(outcome.err.kind, ERROR_INVALID);
    }
}

/* ---- reports ---- */

static void reports_are_found_by_their_patterns(void)
{
    const char *const patterns[] = {"report.xml", "out/*.xml", "Testing/*/Test.xml"};
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(free_ptr) char *root = below("reports");
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir -p reports/out/deeper reports/Testing/1 reports/other; cd reports; "
          "echo r >report.xml; echo a >out/a.xml; echo t >out/a.txt; echo d >out/deeper/d.xml; "
          "ln -s a.xml out/link.xml; mkfifo out/fifo.xml; mkdir out/folder.xml; "
          "echo T >Testing/1/Test.xml; echo o >other/o.xml; ln -s out Testing/2");
    outcome_release(&outcome);
    agent_get_files(rig.client, rig.address, root, patterns, ARRAY_SIZE(patterns), 0, fd,
                    rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    names(fd, &found);
    CU_ASSERT_EQUAL(strlen("report.xml\nout/a.xml\nTesting/1/Test.xml\n"), found.length);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "report.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "out/a.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "Testing/1/Test.xml\n"));
}

/* A passing report beside a failing one that is not read is a verdict that is not true. */
static void reports_are_found_at_any_depth(void)
{
    const char *const patterns[] = {"**/TEST-*.xml", "{unit,e2e}/out"};
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(free_ptr) char *root = below("depths");
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir -p depths/a/b/c depths/.h depths/unit/out/x depths/e2e/out; cd depths; "
          "echo 0 >TEST-0.xml; echo 1 >a/TEST-1.xml; echo 3 >a/b/c/TEST-3.xml; echo h "
          ">.h/TEST-h.xml; "
          "echo o >other.xml; echo u >unit/out/x/u.xml; echo t >unit/out/t.txt; echo e "
          ">e2e/out/e.xml");
    outcome_release(&outcome);
    agent_get_files(rig.client, rig.address, root, patterns, ARRAY_SIZE(patterns), 0, fd,
                    rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    names(fd, &found);
    CU_ASSERT_EQUAL(
        strlen("TEST-0.xml\na/TEST-1.xml\na/b/c/TEST-3.xml\nunit/out/x/u.xml\ne2e/out/e.xml\n"),
        found.length);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "TEST-0.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "a/TEST-1.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "a/b/c/TEST-3.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "unit/out/x/u.xml\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "e2e/out/e.xml\n"));
}

static void too_many_reports_are_refused(void)
{
    const char *const patterns[] = {"*"};
    _cleanup_(free_ptr) char *root = below("thousands");
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir thousands; cd thousands; touch $(seq 1001)");
    outcome_release(&outcome);
    agent_get_files(rig.client, rig.address, root, patterns, 1, 0, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
}

static int64_t changed_at(const char *name)
{
    _cleanup_(free_ptr) char *path = below(name);
    struct stat st = {0};

    CU_ASSERT_EQUAL(stat(path, &st), 0);
    return st.st_ctim.tv_sec * CLOCK_SECOND + st.st_ctim.tv_nsec / 1000;
}

/* A session may have left any number of any size. */
static void old_reports_are_no_more_than_told(void)
{
    const char *const patterns[] = {"*"};
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(free_ptr) char *root = below("old");
    _cleanup_(close_fd) int fd = scratch();
    int64_t old, since;
    struct stat st;

    shell("mkdir old; cd old; touch $(seq 1000); truncate -s 100M 1 2; touch last");
    old = changed_at("old/last");
    do { /* until the file system's clock has ticked */
        shell("cd old; echo fresh >fresh");
        since = changed_at("old/fresh");
    } while (since <= old);
    outcome_release(&outcome);
    agent_get_files(rig.client, rig.address, root, patterns, 1, since, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    names(fd, &found);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "fresh\n"));
    CU_ASSERT_EQUAL(strchr(strchr(found.data, '\n') + 1, '\n')[1], '\0'); /* two lines */
    CU_ASSERT_EQUAL(fstat(fd, &st), 0);
    CU_ASSERT_TRUE(st.st_size < 1 << 20);
}

static void the_agent_answers_hello(void)
{
    rig_open(&rig);
}

static void the_agent_has_lived_through_it_all(void)
{
    outcome_release(&outcome);
    rig_close(&rig);
}

/* ---- whole trees ---- */

static void get_archive(const char *name, int64_t bytes, int64_t entries, int fd)
{
    const struct agent_archive_limits most = {.bytes = bytes, .entries = entries, .seconds = 60};
    _cleanup_(free_ptr) char *root = below(name);

    outcome_release(&outcome);
    agent_get_archive(rig.client, rig.address, root, &most, fd, rig_on_tree, &outcome);
    rig_await(&rig, &outcome);
}

static void a_tree_is_packed_in_order_of_its_paths(void)
{
    _cleanup_(buf_release) struct buf found = BUF_INIT;
    _cleanup_(close_fd) int fd = scratch();

    shell("mkdir -p packed/b/c packed/b-x packed/a; cd packed; echo 1 >b/c/f; echo 2 >b.txt; "
          "echo 3 >a/z; ln -s z a/l; mkfifo a/p; echo 4 >b/d; : >b-x/e");
    get_archive("packed", 1 << 20, 100, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    names(fd, &found);
    CU_ASSERT_STRING_EQUAL(found.data, "a\na/l\na/z\nb\nb/c\nb/c/f\nb/d\nb-x\nb-x/e\nb.txt\n");
}

static void what_is_more_than_was_asked_for_is_refused(void)
{
    _cleanup_(close_fd) int fd = scratch();
    struct stat st;

    shell("mkdir -p most; cd most; touch 1 2 3 4; head -c 10000 /dev/zero >5");
    get_archive("most", 1 << 20, 5, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT(fstat(fd, &st) == 0 && st.st_size > 10000);
    CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
    get_archive("most", 1 << 20, 4, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    get_archive("most", 10000, 5, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_LIMIT);
    CU_ASSERT_STRING_EQUAL(outcome.err.code, "CHANGES_TOO_LARGE");
    get_archive("not-there", 10000, 5, fd);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NOT_FOUND);
    CU_ASSERT(fstat(fd, &st) == 0 && st.st_size == 0);
}

int main(void)
{
    const struct unit_test tests[] = {
        {"the agent answers hello", the_agent_answers_hello},
        {"changes make a pristine tree the same", changes_make_a_pristine_tree_the_same},
        {"renamed folders make a pristine tree the same",
         renamed_folders_make_a_pristine_tree_the_same},
        {"swapped folders make a pristine tree the same",
         swapped_folders_make_a_pristine_tree_the_same},
        {"files of the same inode do not travel", files_of_the_same_inode_do_not_travel},
        {"an archive that lacks something is refused", an_archive_that_lacks_something_is_refused},
        {"a broken listing is refused", a_broken_listing_is_refused},
        {"a listing has a bound", a_listing_has_a_bound},
        {"unchanged files do not travel", unchanged_files_do_not_travel},
        {"what git obeys stays where it is, on both sides", what_git_obeys_stays_where_it_is},
        {"what an archive says of git is passed over", what_an_archive_says_of_git_is_passed_over},
        {"links out of the tree are not followed", links_out_of_the_tree_are_not_followed},
        {"a tree that is too large is refused", a_tree_that_is_too_large_is_refused},
        {"files that change while they are read do no harm",
         files_that_change_while_they_are_read_do_no_harm},
        {"a cancelled archive leaves no worker", a_cancelled_archive_leaves_no_worker},
        {"an archive cannot reach out of its root", an_archive_can_not_reach_out_of_its_root},
        {"a broken archive is refused", a_broken_archive_is_refused},
        {"reports are found by their patterns", reports_are_found_by_their_patterns},
        {"a tree is packed in order of its paths", a_tree_is_packed_in_order_of_its_paths},
        {"what is more than was asked for is refused", what_is_more_than_was_asked_for_is_refused},
        {"reports are found at any depth", reports_are_found_at_any_depth},
        {"too many reports are refused", too_many_reports_are_refused},
        {"of old reports one is told, without content", old_reports_are_no_more_than_told},
        {"the agent has lived through it all", the_agent_has_lived_through_it_all},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: files", tests);
}
