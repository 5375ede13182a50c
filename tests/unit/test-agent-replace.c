/*
 * Texts that are replaced in files, and uploads, as the daemon has the agent do them: the real
 * program, black-box.
 */
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
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "unit.h"

#include "base/banned.h"

static struct rig rig;
static struct outcome outcome;

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

static void replace(const char *path, const char *old_text, const char *new_text)
{
    int64_t begun = clock_monotonic();

    rig_replace(&rig, &outcome, path, old_text, new_text);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
    CU_ASSERT(clock_monotonic() - begun < 30 * CLOCK_SECOND);
}

static void upload(const char *path, bool executable, const char *bytes, size_t size)
{
    rig_upload(&rig, &outcome, path, executable, bytes, size);
    rig_await(&rig, &outcome);
    CU_ASSERT_EQUAL(outcome.err.kind, ERROR_NONE);
}

static void expect_refusal(const char *what)
{
    CU_ASSERT_FALSE(outcome.success);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.message.data, what));
}

/* ---- replace ---- */

static void a_text_that_occurs_once_is_replaced(void)
{
    shell("printf 'one two three two' >f; chown 123:456 f; chmod 4751 f");
    replace("f", "one", "a longer one");
    CU_ASSERT_TRUE(outcome.success);
    CU_ASSERT_EQUAL(outcome.size, 26);
    shell_says("cat f; stat -c ' %a %u:%g' f; ls -A",
               "a longer one two three two 4751 123:456\nf\n");
    replace("f", " three two", "");
    shell_says("cat f", "a longer one two");
}

static void a_text_that_does_not_occur_once_is_refused_with_the_count(void)
{
    shell("printf 'x x x aaa' >g");
    replace("g", "x", "y");
    expect_refusal("3 times");
    replace("g", "aa", "y");
    expect_refusal("2 times");
    replace("g", "z", "y");
    expect_refusal("does not occur");
    shell_says("cat g", "x x x aaa");
}

static void what_is_nearly_there_is_told_with_its_place(void)
{
    shell(
        "printf 'first line\\r\\nif (a) {\\r\\n    return One;\\r\\n}\\r\\nlast line\\r\\n' >near");
    replace("near", "if (a) {\n    return One;\n}", "x");
    expect_refusal("does not occur in it; at line 2 is text that differs only in line ends");
    replace("near", "if (a) {\r\n\treturn One;\r\n}", "x");
    expect_refusal("at line 2 is text that differs only in blanks");
    replace("near", "    RETURN one;", "x");
    expect_refusal("at line 3 is text that differs only in the case of letters");
    replace("near", "other\n    return One;\nother", "x");
    expect_refusal("; line 3 of the file has line 2 of the string, but what is around it differs");
    replace("near", "nothing of the kind", "x");
    expect_refusal("near: the string does not occur in it");
    CU_ASSERT_PTR_NULL(strchr(outcome.message.data, ';'));
    replace("near", "}\n", "x"); /* no place is told by a brace alone, but by its line end */
    expect_refusal("line ends");
    replace("near", "zz\n}", "x");
    CU_ASSERT_PTR_NULL(strchr(outcome.message.data, ';'));
}

static void texts_may_hold_any_bytes(void)
{
    const struct agent_replacement replacement = {.id = "bytes",
                                                  .path = "bytes",
                                                  .workdir = rig.work,
                                                  .old_text = "a\0b",
                                                  .old_length = 3,
                                                  .new_text = "\0\xc3\xa9\"\\\n",
                                                  .new_length = 6};

    shell("printf 'a\\000b\\377c' >bytes");
    outcome_release(&outcome);
    agent_replace(rig.client, rig.address, &replacement, rig_on_file, &outcome);
    rig_await(&rig, &outcome);
    CU_ASSERT_TRUE(outcome.success);
    shell_says("od -An -tx1 bytes", " 00 c3 a9 22 5c 0a ff 63\n");
}

static void a_link_stays_a_link(void)
{
    shell("mkdir -p sub; printf text >sub/target; ln -s sub/target link; ln -s link link2");
    replace("link2", "text", "new");
    CU_ASSERT_TRUE(outcome.success);
    shell_says("cat sub/target; readlink link link2", "newsub/target\nlink\n");
    shell("ln -s loop loop");
    replace("loop", "a", "b");
    expect_refusal("symbolic links");
}

static void extended_attributes_are_kept(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/attributed", rig.work);
    char value[8];

    shell("printf x >attributed");
    CU_ASSERT_EQUAL_FATAL(setxattr(path, "user.note", "kept", 4, 0), 0);
    replace("attributed", "x", "y");
    CU_ASSERT_EQUAL(getxattr(path, "user.note", value, sizeof(value)), 4);
}

static void what_is_no_ordinary_file_is_refused_at_once(void)
{
    shell("mkfifo fifo; mkdir folder; ln -s /proc/self/environ environ");
    replace("fifo", "a", "b");
    expect_refusal("not a regular file");
    replace("folder", "a", "b");
    expect_refusal("directory");
    replace("/dev/zero", "a", "b");
    expect_refusal("not a regular file");
    replace("environ", "a", "b");
    expect_refusal("is on a special file system");
    replace("/proc/kmsg", "a", "b");
    expect_refusal("is on a special file system");
    replace("/sys/kernel/uevent_seqnum", "a", "b");
    expect_refusal("is on a special file system");
    replace("nothing/here", "a", "b");
    expect_refusal("No such file");
    replace("nothing", "a", "b");
    expect_refusal("No such file");
    upload("fifo", false, "x", 1);
    expect_refusal("not a regular file");
    upload("folder/", false, "x", 1);
    expect_refusal("directory");
    upload("/proc/self/oom_score_adj", false, "x", 1);
    CU_ASSERT_FALSE(outcome.success);
}

static void large_files_are_bounded(void)
{
    shell("truncate -s 65M huge; head -c 5M /dev/zero >large; printf needle >>large");
    replace("huge", "a", "b");
    expect_refusal("64 MiB");
    replace("large", "needle", "found");
    CU_ASSERT_TRUE(outcome.success);
    shell_says("tail -c 5 large; ls -A | grep -c codeset- || :", "found0\n");
}

static void a_full_disk_is_said_and_leaves_the_file_alone(void)
{
    shell("mkdir full; mount -t tmpfs -o size=64k none full; head -c 40k /dev/zero >full/f; "
          "printf end >>full/f");
    replace("full/f", "end", "longer end");
    expect_refusal("No space left");
    shell_says("tail -c 3 full/f; ls -A full", "endf\n");
    shell("mount -o remount,ro full");
    replace("full/f", "end", "x");
    expect_refusal("Read-only");
    upload("full/new", false, "x", 1);
    expect_refusal("Read-only");
    shell("umount full");
}

/* ---- upload ---- */

static void an_upload_makes_folders_and_sets_modes(void)
{
    upload("a/b c/d\xc3\xa9&=%", false, "con\0tent", 8);
    CU_ASSERT_TRUE(outcome.success);
    CU_ASSERT_EQUAL(outcome.size, 8);
    upload("a/run", true, "#!/bin/sh\necho ran", 18);
    shell_says("stat -c %a 'a/b c/d\xc3\xa9&=%' a/run a; a/run; wc -c <'a/b c/d\xc3\xa9&=%'",
               "644\n755\n755\nran\n8\n");
    upload("f/x", false, "", 0);
    expect_refusal("Not a directory");
}

static void what_is_new_belongs_to_whom_its_folder_does(void)
{
    shell("mkdir owned && chown 4711:12 owned");
    upload("owned/deep/er/file", false, "x", 1);
    CU_ASSERT_TRUE(outcome.success);
    shell_says("stat -c %u:%g owned/deep owned/deep/er owned/deep/er/file; rm -r owned",
               "4711:12\n4711:12\n4711:12\n");
}

static void an_upload_over_a_file_keeps_owner_and_mode(void)
{
    shell("printf old >u; chmod 600 u; chown 12:34 u; ln -s u ul; ln -s made dangling");
    upload("ul", false, "new", 3);
    shell_says("cat u; stat -c ' %a %u:%g' u; readlink ul", "new 600 12:34\nu\n");
    upload("u", true, "new", 3);
    shell_says("stat -c '%a %u:%g' u", "711 12:34\n");
    upload("dangling", false, "new", 3);
    shell_says("cat made; readlink dangling", "newmade\n");
}

static void a_large_upload_arrives_whole(void)
{
    size_t size = (size_t)12 << 20;
    _cleanup_(free_ptr) char *bytes = xmalloc(size);
    long before = rig_memory(&rig);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    upload("twelve", false, bytes, size);
    CU_ASSERT_TRUE(outcome.success);
    shell_says("wc -c <twelve", "12582912\n");
    CU_ASSERT(rig_memory(&rig) - before < 4096 + RIG_MEMORY_SLACK);
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

int main(void)
{
    const struct unit_test tests[] = {
        {"the agent answers hello", the_agent_answers_hello},
        {"a text that occurs once is replaced", a_text_that_occurs_once_is_replaced},
        {"a text that does not occur once is refused with the count",
         a_text_that_does_not_occur_once_is_refused_with_the_count},
        {"what is nearly there is told with its place",
         what_is_nearly_there_is_told_with_its_place},
        {"texts may hold any bytes", texts_may_hold_any_bytes},
        {"a link stays a link", a_link_stays_a_link},
        {"extended attributes are kept", extended_attributes_are_kept},
        {"what is no ordinary file is refused at once",
         what_is_no_ordinary_file_is_refused_at_once},
        {"large files are bounded", large_files_are_bounded},
        {"a full disk is said and leaves the file alone",
         a_full_disk_is_said_and_leaves_the_file_alone},
        {"an upload makes folders and sets modes", an_upload_makes_folders_and_sets_modes},
        {"what is new belongs to whom its folder does",
         what_is_new_belongs_to_whom_its_folder_does},
        {"an upload over a file keeps owner and mode", an_upload_over_a_file_keeps_owner_and_mode},
        {"a large upload arrives whole", a_large_upload_arrives_whole},
        {"the agent has lived through it all", the_agent_has_lived_through_it_all},
    };

    signal(SIGPIPE, SIG_IGN);
    return UNIT_MAIN("agent: replace and upload", tests);
}
