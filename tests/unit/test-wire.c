#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "unit.h"
#include "wire/account.h"
#include "wire/container.h"
#include "wire/engined.h"
#include "wire/framework.h"
#include "wire/profile.h"

#include "base/banned.h"

#define ID "01931b2c-aaaa-7bbb-8ccc-0123456789ab"
#define UPPER_ID "01931B2C-AAAA-7BBB-8CCC-0123456789AB"

static const struct id id = {ID};

/* --- names ----------------------------------------------------------------------------------- */

static void a_container_s_name_tells_what_it_is(void)
{
    char text[CONTAINER_NAME_SIZE];
    enum container_kind kind;
    struct id parsed;

    CU_ASSERT_STRING_EQUAL(container_name(CONTAINER_SESSION, &id, text), "cs-" ID);
    CU_ASSERT_STRING_EQUAL(container_name(CONTAINER_GRADING, &id, text), "cv-" ID);
    CU_ASSERT_STRING_EQUAL(container_name(CONTAINER_JOB, &id, text), "cj-" ID);
    for (int i = 0; i < CONTAINER_KINDS; i++) {
        container_name((enum container_kind)i, &id, text);
        CU_ASSERT_EQUAL(container_name_parse(text, &kind, &parsed), 0);
        CU_ASSERT_EQUAL((int)kind, i);
        CU_ASSERT_STRING_EQUAL(parsed.text, ID);
    }
}

static void what_is_no_container_s_name_is_refused(void)
{
    static const char *const wrong[] = {
        "",       "cs-",        "cs",        ID,
        "cx-" ID, "cs-" ID "x", "cs_" ID,    "cs-" UPPER_ID,
        "CS-" ID, "cs-" ID "/", "../cs-" ID, "cs-../../../../../../../../../../../..",
    };
    enum container_kind kind;
    struct id parsed;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        CU_ASSERT_EQUAL(container_name_parse(wrong[i], &kind, &parsed), -1);
}

/* Samples are checked, planned and run by this one table. */
static void a_framework_is_found_by_its_name(void)
{
    size_t count = 0;

    for (const struct framework *each; (each = framework_at(count)); count++)
        CU_ASSERT_PTR_EQUAL(framework_find(each->name), each);
    CU_ASSERT_EQUAL(count, 8);
    CU_ASSERT_PTR_NULL(framework_find("unheard"));
    CU_ASSERT_PTR_NULL(framework_find(NULL));
    CU_ASSERT_TRUE(framework_find("tape")->lists_name_files);
    CU_ASSERT_FALSE(framework_find("ctest")->lists_name_files);
    CU_ASSERT_TRUE(framework_find("go")->lists_name_files);
    CU_ASSERT_TRUE(framework_find("cargo")->lists_name_files);
}

static void a_kind_has_a_name(void)
{
    enum container_kind kind;

    for (int i = 0; i < CONTAINER_KINDS; i++) {
        const char *name = container_kind_name((enum container_kind)i);

        CU_ASSERT_EQUAL(container_kind_parse(name, strlen(name), &kind), 0);
        CU_ASSERT_EQUAL((int)kind, i);
    }
    CU_ASSERT_EQUAL(container_kind_parse("sessions", 8, &kind), -1);
    CU_ASSERT_EQUAL(container_kind_parse("session", 6, &kind), -1);
}

/* --- requests -------------------------------------------------------------------------------- */

static struct engined_request a_start(void)
{
    struct engined_request request;

    engined_request_make(ENGINED_START, 7, &request);
    engined_request_name(&request, CONTAINER_SESSION, &id, "python-3.12");
    request.limits = (struct container_limits){1 << 30, 1 << 30, 4096, 64, 1000};
    return request;
}

static int check(const struct engined_request *request, size_t length)
{
    struct engined_request checked;
    struct error err = ERROR_INIT;

    return engined_request_check(request, length, &checked, &err);
}

static int check_whole(const struct engined_request *request)
{
    return check(request, sizeof(*request));
}

static void what_the_daemon_asks_is_taken(void)
{
    static const enum engined_verb verbs[] = {ENGINED_STOP, ENGINED_CLEAR, ENGINED_DESCRIBE};
    struct engined_request request = a_start();

    CU_ASSERT_EQUAL(check_whole(&request), 0);
    engined_request_make(ENGINED_LIST, 8, &request);
    CU_ASSERT_EQUAL(check_whole(&request), 0);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        engined_request_make(verbs[i], 9, &request);
        engined_request_name(&request, CONTAINER_GRADING, &id, NULL);
        CU_ASSERT_EQUAL(check_whole(&request), 0);
    }
    engined_request_name(&request, CONTAINER_GRADING, &id, "known");
    CU_ASSERT_EQUAL(check_whole(&request), 0);
}

static void a_verification_has_no_way_out(void)
{
    struct engined_request request;

    engined_request_make(ENGINED_EGRESS, 1, &request);
    engined_request_name(&request, CONTAINER_JOB, &id, NULL);
    CU_ASSERT_EQUAL(check_whole(&request), 0);
    request.public_ = 1;
    CU_ASSERT_EQUAL(check_whole(&request), 0);
    request.public_ = 2;
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    engined_request_make(ENGINED_EGRESS, 1, &request);
    engined_request_name(&request, CONTAINER_SESSION, &id, NULL);
    CU_ASSERT_EQUAL(check_whole(&request), 0);
    engined_request_make(ENGINED_EGRESS, 1, &request);
    engined_request_name(&request, CONTAINER_GRADING, &id, NULL);
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    engined_request_make(ENGINED_STOP, 1, &request);
    engined_request_name(&request, CONTAINER_JOB, &id, NULL);
    request.public_ = 1;
    CU_ASSERT_EQUAL(check_whole(&request), -1);
}

static void a_request_of_another_length_is_refused(void)
{
    char bytes[sizeof(struct engined_request) + 1] = {0};
    struct engined_request request = a_start();

    memcpy(bytes, &request, sizeof(request));
    for (size_t length = 0; length <= sizeof(bytes); length++)
        CU_ASSERT_EQUAL(check((const void *)bytes, length),
                        length == sizeof(struct engined_request) ? 0 : -1);
}

static void names_that_are_paths_are_refused(void)
{
    static const char *const ids[] = {"../../../../../../../../../../../../",
                                      "01931b2c/aaaa-7bbb-8ccc-0123456789ab", UPPER_ID, ""};
    static const char *const images[] = {"..", "../etc", "/etc", "a/b", ".import-x",
                                         "A",  "a b",    "",     "-a"};
    struct engined_request request;

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        request = a_start();
        memset(request.id, 0, sizeof(request.id));
        memcpy(request.id, ids[i], strlen(ids[i]));
        CU_ASSERT_EQUAL(check_whole(&request), -1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        request = a_start();
        memset(request.image, 0, sizeof(request.image));
        memcpy(request.image, images[i], strlen(images[i]));
        CU_ASSERT_EQUAL(check_whole(&request), -1);
    }
    request = a_start();
    memset(request.image, 'a', sizeof(request.image)); /* does not end */
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    request = a_start();
    memset(request.id, 'a', sizeof(request.id));
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    request = a_start();
    request.image[sizeof(request.image) - 1] = 'x'; /* behind the end */
    CU_ASSERT_EQUAL(check_whole(&request), -1);
}

static void numbers_out_of_range_are_refused(void)
{
    static const int64_t wrong[] = {INT64_MIN, -1, 0, 9, INT64_MAX, INT64_C(1) << 60};
    int64_t *numbers[5];
    struct engined_request request = a_start();

    numbers[0] = &request.limits.memory_bytes;
    numbers[1] = &request.limits.disk_bytes;
    numbers[2] = &request.limits.disk_inodes;
    numbers[3] = &request.limits.processes;
    numbers[4] = &request.limits.cpu_millicores;
    for (size_t n = 0; n < ARRAY_SIZE(numbers); n++) {
        int64_t right = *numbers[n];

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
            *numbers[n] = wrong[i];
            CU_ASSERT_EQUAL(check_whole(&request), -1);
        }
        *numbers[n] = right;
    }
    CU_ASSERT_EQUAL(check_whole(&request), 0);
}

static void what_does_not_go_with_the_verb_is_refused(void)
{
    struct engined_request request = a_start();

    for (uint32_t verb = 0; verb < 64; verb++) {
        request = a_start();
        request.verb = verb;
        CU_ASSERT_EQUAL(check_whole(&request), verb == ENGINED_START ? 0 : -1);
    }
    request = a_start();
    request.protocol++;
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    request = a_start();
    request.kind = CONTAINER_KINDS;
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    request = a_start();
    request.zero[3] = 1;
    CU_ASSERT_EQUAL(check_whole(&request), -1);
    engined_request_make(ENGINED_STOP, 1, &request);
    engined_request_name(&request, CONTAINER_SESSION, &id, "an-image");
    CU_ASSERT_EQUAL(check_whole(&request), -1);
}

static void a_name_that_no_image_can_have_is_not_cut_into_one(void)
{
    struct engined_request request = a_start();
    char name[ENGINED_IMAGE_SIZE + 1];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    engined_request_name(&request, CONTAINER_SESSION, &id, name);
    CU_ASSERT_EQUAL(check_whole(&request), -1);
}

/* --- answers --------------------------------------------------------------------------------- */

static void an_error_comes_through_with_its_code(void)
{
    struct engined_answer answer = {.protocol = ENGINED_PROTOCOL};
    struct error err = ERROR_INIT, told = ERROR_INIT;

    error_set(&err, ERROR_NOT_FOUND, "IMAGE_MISSING", "there is no image %s", "x");
    engined_answer_error(&answer, &err);
    CU_ASSERT_EQUAL(engined_answer_check(&answer, sizeof(answer), &err), 0);
    engined_error_of(&answer, &told);
    CU_ASSERT_EQUAL(told.kind, ERROR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(told.code, "IMAGE_MISSING");
    CU_ASSERT_STRING_EQUAL(told.message, "there is no image x");
}

static void an_answer_whose_lengths_do_not_fit_is_refused(void)
{
    struct engined_answer answer = {.protocol = ENGINED_PROTOCOL, .environment_length = 2};
    struct error err = ERROR_INIT;
    char bytes[sizeof(answer) + 2];

    memset(bytes, '[', sizeof(bytes));
    memcpy(bytes, &answer, sizeof(answer));
    CU_ASSERT_EQUAL(engined_answer_check(bytes, sizeof(bytes), &err), 0);
    CU_ASSERT_EQUAL(engined_answer_check(bytes, sizeof(answer), &err), -1);
    CU_ASSERT_EQUAL(engined_answer_check(bytes, 3, &err), -1);
    answer.workdir_length = UINT32_MAX;
    memcpy(bytes, &answer, sizeof(answer));
    CU_ASSERT_EQUAL(engined_answer_check(bytes, sizeof(bytes), &err), -1);
    answer.workdir_length = 0;
    answer.profile_length = 1;
    memcpy(bytes, &answer, sizeof(answer));
    CU_ASSERT_EQUAL(engined_answer_check(bytes, sizeof(bytes), &err), -1);
}

/* --- accounts, profiles ---------------------------------------------------------------------- */

static void a_user_is_found_as_container_engines_find_it(void)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:5:5::/:/\n"
                                 "big:x:70000:1::/big:/bin/sh\n"
                                 "ada:x:1000:1001:Ada:/home/ada:/bin/sh\n"
                                 "bare:x:1002:1002\nrel:x:1003:1003::home:/bin/sh";
    static const char group[] =
        "root:x:0:\nada:x:1001:\nwheel:x:27:bob,ada\nsudo:x:28:adam\nlast:x:29:ada";
    static const struct {
        const char *spec;
        int uid, gid, groups; /* uid -1: refused */
        const char *home;     /* or the reason */
    } rows[] = {
        {"root", 0, 0, 0, "/root"},
        {"0", 0, 0, 0, "/root"},
        {"ada", 1000, 1001, 2, "/home/ada"},
        {"1000", 1000, 1001, 2, "/home/ada"},
        {"ada:wheel", 1000, 27, 0, "/home/ada"},
        {"ada:5", 1000, 5, 0, "/home/ada"},
        {"4000", 4000, 0, 0, "/"},
        {"4000:ada", 4000, 1001, 0, "/"},
        {"bare", 1002, 1002, 0, "/"},
        {"rel", 1003, 1003, 0, "/"},
        {"65535", 65535, 0, 0, "/"},
        {"65536", -1, 0, 0, "65536 is no id"},
        {"big", -1, 0, 0, "no user 'big'"},
        {"eve", -1, 0, 0, "no user 'eve'"},
        {"ada:eve", -1, 0, 0, "no group 'eve'"},
        {"ada:", -1, 0, 0, "not the name"},
        {":ada", -1, 0, 0, "not the name"},
        {"a:b:c", -1, 0, 0, "not the name"},
        {"a b", -1, 0, 0, "not the name"},
        {"", -1, 0, 0, "not the name"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = ERROR_INIT;
        struct account account;
        int status = account_find(passwd, group, rows[i].spec, &account, &err);

        CU_ASSERT_EQUAL(status, rows[i].uid < 0 ? -1 : 0);
        if (status < 0) {
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].home));
            continue;
        }
        CU_ASSERT_EQUAL((int)account.uid, rows[i].uid);
        CU_ASSERT_EQUAL((int)account.gid, rows[i].gid);
        CU_ASSERT_EQUAL((int)account.group_count, rows[i].groups);
        CU_ASSERT_STRING_EQUAL(account.home, rows[i].home);
    }
}

static void a_file_of_many_groups_gives_no_more_than_there_is_room_for(void)
{
    _cleanup_(buf_release) struct buf group = BUF_INIT;
    struct error err = ERROR_INIT;
    struct account account;

    for (int i = 0; i < 3 * ACCOUNT_GROUPS_MOST; i++)
        buf_addf(&group, "g%d:x:%d:ada\n", i, i);
    CU_ASSERT_EQUAL(account_find("ada:x:1:1::/a:/b", group.data, "ada", &account, &err), 0);
    CU_ASSERT_EQUAL(account.group_count, ACCOUNT_GROUPS_MOST);
}

static void a_profile_is_made_of_what_the_command_line_says(void)
{
    static const struct profile_options good = {"A=b c\nB_2=", "ada:0", "login"};
    static const struct profile_options bad[] = {{"=x", NULL, NULL},   {"A", NULL, NULL},
                                                 {"1A=x", NULL, NULL}, {"A=\xff", NULL, NULL},
                                                 {NULL, "a b", NULL},  {NULL, NULL, "zsh"}};
    _cleanup_(json_release) json_object *profile = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(profile_make(&good, &profile, &err), 0);
    CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(profile, JSON_C_TO_STRING_PLAIN),
                           "{\"env\":[\"A=b c\",\"B_2=\"],\"user\":\"ada:0\",\"shell\":\"login\"}");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        json_object *none = NULL;

        CU_ASSERT_EQUAL(profile_make(&bad[i], &none, &err), -1);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a container's name tells what it is", a_container_s_name_tells_what_it_is},
        {"what is no container's name is refused", what_is_no_container_s_name_is_refused},
        {"a kind has a name", a_kind_has_a_name},
        {"a framework is found by its name", a_framework_is_found_by_its_name},
        {"what the daemon asks is taken", what_the_daemon_asks_is_taken},
        {"a verification has no way out", a_verification_has_no_way_out},
        {"a request of another length is refused", a_request_of_another_length_is_refused},
        {"names that are paths are refused", names_that_are_paths_are_refused},
        {"numbers out of range are refused", numbers_out_of_range_are_refused},
        {"what does not go with the verb is refused", what_does_not_go_with_the_verb_is_refused},
        {"a name that no image can have is not cut into one",
         a_name_that_no_image_can_have_is_not_cut_into_one},
        {"an error comes through with its code", an_error_comes_through_with_its_code},
        {"a user is found as container engines find it",
         a_user_is_found_as_container_engines_find_it},
        {"a file of many groups gives no more than there is room for",
         a_file_of_many_groups_gives_no_more_than_there_is_room_for},
        {"a profile is made of what the command line says",
         a_profile_is_made_of_what_the_command_line_says},
        {"an answer whose lengths do not fit is refused",
         an_answer_whose_lengths_do_not_fit_is_refused},
    };

    return UNIT_MAIN("wire", tests);
}
