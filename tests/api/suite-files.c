/* str_replace and upload. */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/random.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

/* A command that must succeed in the shared session; its standard output in `out`. */
static void shell_in(const char *command, const char *expected)
{
    _cleanup_(answer_release) struct answer *answer = exec_run(fixture_session(), command, 0);

    INT(answer, "exit_code", 0);
    if (expected)
        TEXT(answer, "stdout", expected);
}

static struct answer *replace_in(const char *path, const char *old_text, const char *new_text)
{
    return replace(fixture_session(), path, old_text, new_text);
}

static void replaced(const struct answer *answer, bool success, const char *word)
{
    STATUS(answer, 200);
    SHAPE(answer->json, "success:b message:s");
    CHECK_MSG(json_object_get_boolean(answer_at(answer, "success")) == success, "%s",
              answer->body.data);
    CHECK_MSG(strstr(answer_text(answer, "message"), word) != NULL, "'%s' is not in %s", word,
              answer->body.data);
}

static void a_string_that_occurs_once_is_replaced(void)
{
    _cleanup_(answer_release) struct answer *answer = NULL;

    shell_in("cp lines once", NULL);
    answer = replace_in("once", "one\ntwo", "eins\n\tzwei ä");
    replaced(answer, true, "");
    shell_in("cat once; rm once", "eins\n\tzwei ä\nthree\ntwo\n");
}

static void one_that_occurs_never_or_twice_is_not(void)
{
    _cleanup_(answer_release) struct answer *never = NULL, *twice = NULL, *overlapping = NULL;

    shell_in("cp lines twice; echo aaa >> twice", NULL);
    never = replace_in("twice", "four", "4");
    replaced(never, false, "not occur");
    twice = replace_in("twice", "two", "2");
    replaced(twice, false, "2");
    overlapping = replace_in("twice", "aa", "b");
    STATUS(overlapping, 200);
    shell_in("head -4 twice | cmp - lines && rm twice", NULL);
}

static void mode_and_owner_stay(void)
{
    _cleanup_(answer_release) struct answer *answer = NULL;

    shell_in("cp lines owned; chown 123:456 owned; chmod 4751 owned", NULL);
    answer = replace_in("/calc/owned", "three", "3");
    replaced(answer, true, "");
    shell_in("stat -c '%a %u %g' owned; rm owned", "4751 123 456\n");
}

static void an_empty_insertion_deletes(void)
{
    _cleanup_(answer_release) struct answer *answer = NULL;

    shell_in("cp lines cut", NULL);
    answer = replace_in("cut", "three\n", "");
    replaced(answer, true, "");
    shell_in("cat cut; rm cut", "one\ntwo\ntwo\n");
}

static void a_link_is_followed_within_the_container(void)
{
    _cleanup_(answer_release) struct answer *answer = NULL;

    shell_in("cp lines target; ln -s /calc/target link", NULL);
    answer = replace_in("link", "three", "3");
    STATUS(answer, 200);
    /* Followed or refused, but a link stays a link and no other file is made. */
    shell_in("test -L link && test ! -L target && rm link target && echo ok", "ok\n");
}

static void odd_files_are_told_not_hung_on(void)
{
    static const struct {
        const char *make, *path;
    } cases[] = {
        {"mkfifo odd", "odd"},          {"mkdir odd", "odd"},
        {"true", "odd-missing"},        {"true", "/no/such/folder/file"},
        {"ln -s odd odd", "odd"},       {"true", "/dev/zero"},
        {"true", "/proc/self/mem"},     {"true", "/proc/1/mem"},
        {"ln -s /dev/zero odd", "odd"}, {"ln -s /nowhere odd", "odd"},
        {"touch odd", "odd/below"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(answer_release) struct answer *answer = NULL;

        shell_in("rm -rf odd", NULL);
        shell_in(cases[i].make, NULL);
        answer = replace_in(cases[i].path, "x", "y");
        replaced(answer, false, "");
        for (int n = 1; n < TRIES && answer->seconds >= 1.5; n++) {
            answer_free(TAKE_PTR(answer));
            answer = replace_in(cases[i].path, "x", "y");
        }
        CHECK_MSG(answer->seconds < 1.5, "%s %s: %.3f s", cases[i].make, cases[i].path,
                  answer->seconds);
    }
    shell_in("rm -rf odd", NULL);
}

static void binary_and_large_files_are_replaced_or_told(void)
{
    _cleanup_(answer_release) struct answer *binary = NULL, *large = NULL;

    shell_in("printf 'a\\000b\\377needle\\001' > binary; "
             "{ yes 0123456789 | head -c 8000000; echo needle; } > large",
             NULL);
    binary = replace_in("binary", "needle", "thread");
    replaced(binary, true, "");
    shell_in("printf 'a\\000b\\377thread\\001' | cmp - binary && rm binary && echo same", "same\n");
    large = replace_in("large", "needle", "thread");
    replaced(large, true, "");
    shell_in("tail -1 large; wc -c < large; rm large", "01234567thread\n8000007\n");
}

static void a_replacement_is_an_interaction_too(void)
{
    _cleanup_(answer_release) struct answer *exec =
        exec_run(fixture_session(), "cp lines interaction", 0);
    _cleanup_(answer_release) struct answer *answer = replace_in("interaction", "three", "3");

    INT(exec, "exit_code", 0);
    replaced(answer, true, "");
    shell_in("rm interaction", NULL);
}

static void a_null_character_in_a_path_is_no_success(void)
{
    _cleanup_(answer_release) struct answer *answer = client_post(
        "{\"file_path\":\"lines\\u0000x\",\"str_to_replace\":\"three\",\"str_to_insert\":\"3\"}",
        "/sessions/%s/str_replace", fixture_session());

    CHECK_MSG(answer->status == 422 ||
                  (answer->status == 200 && !json_object_get_boolean(answer_at(answer, "success"))),
              "%ld %s", answer->status, answer->body.data);
    shell_in("grep -c three lines", "1\n");
}

static const struct test replace_tests[] = {
    {"a string that occurs once is replaced", a_string_that_occurs_once_is_replaced},
    {"one that occurs never or twice is not, and the answer says how often",
     one_that_occurs_never_or_twice_is_not},
    {"mode and owner stay", mode_and_owner_stay},
    {"an empty insertion deletes", an_empty_insertion_deletes},
    {"a link stays a link", a_link_is_followed_within_the_container},
    {"fifos, folders, devices, loops and missing files are told at once",
     odd_files_are_told_not_hung_on},
    {"binary and large files are replaced", binary_and_large_files_are_replaced_or_told},
    {"a replacement answers with success and message", a_replacement_is_an_interaction_too},
    {"NUL in a path is no success", a_null_character_in_a_path_is_no_success},
};

SUITE(replace, replace_tests);

/* --- upload ------------------------------------------------------------------------------------
 */

static void uploaded(const struct answer *answer, size_t size)
{
    STATUS(answer, 200);
    SHAPE(answer->json, "success:b message:s file_path:s size_bytes:i");
    CHECK_MSG(json_object_get_boolean(answer_at(answer, "success")), "%s", answer->body.data);
    INT(answer, "size_bytes", (int64_t)size);
}

static void bytes_arrive_unchanged(void)
{
    unsigned char bytes[200000];
    char sum[2 * SHA256_SIZE + 1], expected[128];
    _cleanup_(answer_release) struct answer *answer = NULL;

    random_bytes(bytes, sizeof(bytes));
    sha256_hex(bytes, sizeof(bytes), sum);
    answer = upload(fixture_session(), "/tmp/bytes", bytes, sizeof(bytes), false);
    uploaded(answer, sizeof(bytes));
    snprintf(expected, sizeof(expected), "%s  /tmp/bytes\n", sum);
    shell_in("sha256sum /tmp/bytes", expected);
    shell_in("test ! -x /tmp/bytes && rm /tmp/bytes", NULL);
}

static void an_executable_can_be_run(void)
{
    static const char script[] = "#!/bin/sh\necho ran\n";
    _cleanup_(answer_release) struct answer *answer =
        upload(fixture_session(), "run-me", script, strlen(script), true);

    uploaded(answer, strlen(script));
    TEXT(answer, "file_path", "run-me");
    shell_in("/calc/run-me; rm run-me", "ran\n");
}

static void missing_folders_are_made(void)
{
    _cleanup_(answer_release) struct answer *answer =
        upload(fixture_session(), "/tmp/a/b/ä c/file", "x", 1, false);

    uploaded(answer, 1);
    shell_in("cat '/tmp/a/b/ä c/file'; rm -r /tmp/a", "x");
}

static void an_empty_file_and_an_overwritten_one(void)
{
    _cleanup_(answer_release) struct answer *empty =
        upload(fixture_session(), "/tmp/empty", "", 0, false);
    _cleanup_(answer_release) struct answer *full =
        upload(fixture_session(), "/tmp/empty", "full", 4, false);

    uploaded(empty, 0);
    uploaded(full, 4);
    shell_in("cat /tmp/empty; rm /tmp/empty", "full");
}

static void where_nothing_can_be_written_is_told(void)
{
    static const char *const paths[] = {"/proc/x",     "/calc", "/dev/null/x",
                                        "lines/below", "/",     "/sys/x"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer =
            upload(fixture_session(), paths[i], "x", 1, false);

        CHECK_MSG(answer->status == 200 && !json_object_get_boolean(answer_at(answer, "success")) &&
                      *answer_text(answer, "message"),
                  "%s: %ld %s", paths[i], answer->status, answer->body.data);
        for (int n = 1; n < TRIES && answer->seconds >= 1.5; n++) {
            answer_free(TAKE_PTR(answer));
            answer = upload(fixture_session(), paths[i], "x", 1, false);
        }
        CHECK_MSG(answer->seconds < 1.5, "%s: %.3f s", paths[i], answer->seconds);
    }
}

static void what_is_no_base64_is_a_fault(void)
{
    static const char *const contents[] = {
        "!!!!", "YQ", "YQ==YQ==", "Y Q = =", "YQ=", "=", "ä", "YR==", "_-_-"};

    for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"file_path\":\"/tmp/never\",\"content_base64\":\"%s\"}", contents[i]);
        _cleanup_(answer_release) struct answer *answer =
            client_post(body, "/sessions/%s/upload", fixture_session());

        if (strcmp(contents[i], "YR==") == 0) { /* bits behind the end: a matter of taste */
            CHECK(answer->status == 422 || answer->status == 200);
            continue;
        }
        CHECK_MSG(answer->status == 422, "'%s': %ld %s", contents[i], answer->status,
                  answer->body.data);
        TEXT(answer, "detail.0.loc.1", "content_base64");
    }
    shell_in("rm -f /tmp/never", NULL);
}

static void a_large_file_arrives_and_a_too_large_one_does_not(void)
{
    size_t size = 16u << 20;
    char *bytes = xcalloc(1, size + 1024);
    _cleanup_(answer_release) struct answer *large =
        upload(fixture_session(), "/tmp/large", bytes, size, false);
    _cleanup_(answer_release) struct answer *larger =
        upload(fixture_session(), "/tmp/larger", bytes, size + 1024, false);

    free(bytes);
    uploaded(large, size);
    CHECK_MSG(larger->status == 413 || larger->status == 422, "%ld %.300s", larger->status,
              larger->body.data);
    shell_in("stat -c %s /tmp/large; test ! -e /tmp/larger; rm /tmp/large", "16777216\n");
}

static const struct test upload_tests[] = {
    {"bytes arrive unchanged", bytes_arrive_unchanged},
    {"an executable can be run", an_executable_can_be_run},
    {"missing folders are made", missing_folders_are_made},
    {"an empty file, and one that is overwritten", an_empty_file_and_an_overwritten_one},
    {"where nothing can be written is told", where_nothing_can_be_written_is_told},
    {"what is no base64 is a fault", what_is_no_base64_is_a_fault},
    {"16 MiB arrive, more does not", a_large_file_arrives_and_a_too_large_one_does_not},
};

SUITE(upload, upload_tests);
