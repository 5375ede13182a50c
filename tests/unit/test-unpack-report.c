/*
 * What codesetctl takes from codeset-unpack, whoever that has become.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "images/inspect_patch.h"
#include "images/unpack_report.h"
#include "unit.h"

#include "base/banned.h"

#define BYTES_MAX 1000

static struct unpack_reader reader;

static void begin(void)
{
    unpack_reader_release(&reader);
    reader = (struct unpack_reader)UNPACK_READER_INIT;
    reader.bytes_max = BYTES_MAX;
}

static void add_record(struct buf *out, char word, const void *bytes, size_t size)
{
    uint32_t length = (uint32_t)size;

    buf_add_char(out, word);
    buf_add(out, &length, sizeof(length));
    buf_add(out, bytes, size);
}

static int take(char word, const void *bytes, size_t size, struct error *err)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    add_record(&record, word, bytes, size);
    return unpack_reader_take(&reader, record.data, record.length, err);
}

static void refused(char word, const void *bytes, size_t size, const char *reason)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(take(word, bytes, size, &err), -1);
    CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
    if (strstr(err.message, reason) == NULL)
        fprintf(stderr, "(%s) ", err.message);
}

static void taken(char word, const void *bytes, size_t size)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(take(word, bytes, size, &err), 0);
}

/* The writer's bytes, read a few at a time. */
static void what_is_written_is_read(void)
{
    json_object *env = json_object_new_array();
    json_object *entrypoint = json_object_new_array();
    struct unpacked unpacked = {.bytes = 12,
                                .env = env,
                                .workdir = xstrdup("/w"),
                                .user = xstrdup("ada:7"),
                                .entrypoint = entrypoint},
                    got = {0};
    struct error err = ERROR_INIT;
    char byte;
    int ends[2];

    begin();
    json_object_array_add(env, json_object_new_string("A=b"));
    json_object_array_add(entrypoint, json_object_new_string("/entry"));
    json_object_array_add(entrypoint, json_object_new_string(""));
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    unpack_report_progress(ends[1], 5);
    unpack_report_success(ends[1], &unpacked);
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        CU_ASSERT_EQUAL(unpack_reader_take(&reader, &byte, 1, &err), 0);
    close(ends[0]);
    CU_ASSERT_EQUAL(unpack_reader_end(&reader, &got, &err), 0);
    CU_ASSERT_EQUAL(got.bytes, 12);
    CU_ASSERT_STRING_EQUAL(got.workdir, "/w");
    CU_ASSERT_EQUAL(json_object_array_length(got.env), 1);
    CU_ASSERT_STRING_EQUAL(got.user, "ada:7");
    CU_ASSERT_EQUAL(json_object_array_length(got.entrypoint), 2);
    unpacked_release(&got);
    unpacked_release(&unpacked);
}

static void a_failure_keeps_its_kind_and_loses_control_characters(void)
{
    static const char text[] = "2ra\033[2J\n\177\xff is bad";
    struct unpacked got;
    struct error err = ERROR_INIT;

    begin();
    taken('f', text, sizeof(text) - 1);
    CU_ASSERT_EQUAL(unpack_reader_end(&reader, &got, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(err.code, "IMAGE_REFUSED");
    CU_ASSERT_STRING_EQUAL(err.message, "a?[2J??? is bad");
    refused('p', "12345678", 8, "said what it never says");
}

static void an_end_without_a_word_is_told_apart(void)
{
    struct unpacked got;
    struct error err = ERROR_INIT;

    begin();
    CU_ASSERT_EQUAL(unpack_reader_end(&reader, &got, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_NONE);
}

static void records_that_it_never_writes_are_refused(void)
{
    const int64_t negative = -1, large = BYTES_MAX + 1, fine = BYTES_MAX;
    static char long_text[(256 << 10) + 1];

    begin();
    refused('x', "", 0, "said what it never says");
    begin();
    refused('p', "1234567", 7, "said what it never says");
    begin();
    refused('b', &negative, sizeof(negative), "said what it never says");
    begin();
    refused('b', &large, sizeof(large), "said what it never says");
    begin();
    taken('b', &fine, sizeof(fine));
    refused('f', "2", 1, "said what it never says");
    begin();
    refused('e', "A=b", 3, "said what it never says");
    begin();
    refused('w', long_text, sizeof(long_text), "too long");
    begin();
    taken('d', "", 0);
    refused('d', "", 0, "said what it never says");
}

static void an_environment_has_bounds(void)
{
    static char text[200 << 10];

    begin();
    memset(text, 'a', sizeof(text));
    taken('v', "", 0);
    taken('e', text, sizeof(text));
    refused('e', text, sizeof(text), "more than 1024 variables or 256 KiB");
    begin();
    taken('v', "", 0);
    for (int i = 0; i < 1024; i++)
        taken('e', "A=", 2);
    refused('e', "A=", 2, "more than 1024 variables or 256 KiB");
    begin();
    taken('v', "", 0);
    refused('e', "A\0b", 3, "is not a text");
    refused('e', "A=\xff", 3, "is not a text");
}

static void odd_working_directories_are_refused(void)
{
    static const char *const odd[] = {"",         "relative", "/proc",   "/proc/self/fd/3",
                                      "//proc/1", "/a/../b",  "/a/..",   "/dev/fd/3",
                                      "/sys",     "/./proc",  "///proc", "/a/./b"};

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        begin();
        refused('w', odd[i], strlen(odd[i]), "is not allowed");
    }
    begin();
    refused('w', "/..\033[2J/..", 10, "directory /..?[2J/.. is not allowed");
    begin();
    taken('w', "/process", 8);
    refused('w', "/again", 6, "said what it never says");
    begin();
    refused('w', "/a\0b", 4, "is not a text");
}

static void findings_are_bounded_and_lose_control_characters(void)
{
    json_object *finding;

    begin();
    taken('i', "fix\0/a\033[2Jb\0what\n", 17);
    taken('i', "odd", 3); /* who has taken it over may leave the rest out */
    CU_ASSERT_EQUAL_FATAL(json_object_array_length(reader.unpacked.findings), 2);
    finding = json_object_array_get_idx(reader.unpacked.findings, 0);
    CU_ASSERT_STRING_EQUAL(json_get_text(finding, "kind"), "fix");
    CU_ASSERT_STRING_EQUAL(json_get_text(finding, "where"), "/a?[2Jb");
    CU_ASSERT_STRING_EQUAL(json_get_text(finding, "what"), "what?");
    finding = json_object_array_get_idx(reader.unpacked.findings, 1);
    CU_ASSERT_STRING_EQUAL(json_get_text(finding, "where"), "");
    for (int i = 2; i < UNPACK_FINDINGS_MOST; i++)
        taken('i', "", 0);
    refused('i', "", 0, "said what it never says");
}

static void a_patch_tells_what_it_adds(void)
{
    static const char patch[] =
        "diff --git a/src/add.py b/src/add.py\n--- a/src/add.py\n+++ b/src/add.py\t2020\n"
        "@@ -1 +1,4 @@\n-gone\n+    total = one + two\n+x\n+    return total of both\n"
        "++++ no header at all\ndiff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n+short\n";
    static const char fixed[] = "return total of both; total = one + two; +++ no header at all";
    struct patch_files files;

    patch_files_read(patch, &files);
    CU_ASSERT_EQUAL_FATAL(files.count, 1); /* what b gets says too little */
    CU_ASSERT_EQUAL(files.files[0].line_count, 3);
    CU_ASSERT_TRUE(patch_file_is_called(&files.files[0], "add.py"));
    CU_ASSERT_FALSE(patch_file_is_called(&files.files[0], "dd.py"));
    CU_ASSERT_TRUE(patch_file_is_in(&files.files[0], fixed, strlen(fixed)));
    CU_ASSERT_FALSE(patch_file_is_in(&files.files[0], fixed, strlen(fixed) - 1));
    patch_files_release(&files);
}

static void a_patch_of_any_size_is_bounded(void)
{
    _cleanup_(buf_release) struct buf patch = BUF_INIT;
    struct patch_files files;

    for (int i = 0; i < 2 * PATCH_FILES_MOST; i++) {
        buf_addf(&patch, "--- a/f%d\n+++ b/f%d\n@@ -1 +1 @@\n", i, i);
        for (int j = 0; j < 2 * PATCH_LINES_MOST; j++)
            buf_addf(&patch, "+%*d and some words\n", 12 + j, j);
    }
    patch_files_read(patch.data, &files);
    CU_ASSERT_EQUAL(files.count, PATCH_FILES_MOST);
    CU_ASSERT_EQUAL(files.files[0].line_count, PATCH_LINES_MOST);
    patch_files_release(&files);
    patch_files_read("+++ b/only a header", &files);
    CU_ASSERT_EQUAL(files.count, 0);
    patch_files_release(&files);
}

static void odd_users_and_entry_points_are_refused(void)
{
    static const char *const odd[] = {"", "a b", "a:b:c", "../x", "-a", "a\033[2J"};
    static char text[9 << 10];

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        begin();
        refused('u', odd[i], strlen(odd[i]), "is not the name or number of a user");
    }
    begin();
    taken('u', "ada", 3);
    refused('u', "eve", 3, "said what it never says");
    begin();
    refused('n', "a\0b", 3, "is not a text");
    begin();
    memset(text, 'a', sizeof(text));
    taken('n', text, sizeof(text));
    refused('n', text, sizeof(text), "more than 64 arguments or 16 KiB");
    begin();
    for (int i = 0; i < 64; i++)
        taken('n', "a", 1);
    refused('n', "a", 1, "more than 64 arguments or 16 KiB");
}

static const struct unit_test tests[] = {
    {"what is written is read, however it is cut", what_is_written_is_read},
    {"a failure keeps its kind and loses control characters",
     a_failure_keeps_its_kind_and_loses_control_characters},
    {"an end without a word is told apart", an_end_without_a_word_is_told_apart},
    {"records that it never writes are refused", records_that_it_never_writes_are_refused},
    {"an environment has bounds", an_environment_has_bounds},
    {"odd working directories are refused", odd_working_directories_are_refused},
    {"findings are bounded and lose control characters",
     findings_are_bounded_and_lose_control_characters},
    {"a patch tells what it adds", a_patch_tells_what_it_adds},
    {"a patch of any size is bounded", a_patch_of_any_size_is_bounded},
    {"odd users and entry points are refused", odd_users_and_entry_points_are_refused},
};

int main(void)
{
    int failed = UNIT_MAIN("unpack-report", tests);

    unpack_reader_release(&reader);
    return failed;
}
