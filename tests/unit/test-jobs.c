/*
 * The pure parts of agent jobs: what is masked, what is kept of an agent's output, how a repository
 * is asked for.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "reaper/environment.h"
#include "reaper/job_clone.h"
#include "reaper/job_log.h"
#include "reaper/masks.h"
#include "settings.h"
#include "unit.h"
#include "wire/egress.h"

#include "base/banned.h"

#define SECRET "sk-\"abc\"/+=9876543210"

static struct masks masks;

static void masked_is(const char *text, bool begins, bool ends, const char *expected)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    masks_apply(&masks, text, strlen(text), begins, ends, &out);
    CU_ASSERT_STRING_EQUAL(out.data, expected);
}

static void with_secret(void)
{
    masks_release(&masks);
    masks_add(&masks, SECRET);
}

static void a_secret_is_masked_wherever_it_stands(void)
{
    with_secret();
    masked_is(SECRET, true, true, "***");
    masked_is("a " SECRET " b" SECRET SECRET, true, true, "a *** b******");
    masked_is("nothing of it", true, true, "nothing of it");
    masked_is("", true, true, "");
    masked_is("sk-\"abc\"/+=987654321", true, true, "sk-\"abc\"/+=987654321");
}

static void its_usual_forms_are_masked_as_well(void)
{
    with_secret();
    masked_is("{\"key\":\"sk-\\\"abc\\\"/+=9876543210\"}", true, true, "{\"key\":\"***\"}");
    masked_is("?key=sk-%22abc%22%2F%2B%3D9876543210&x", true, true, "?key=***&x");
    masked_is("?key=sk-%22abc%22%2f%2b%3d9876543210&x", true, true, "?key=***&x");
    /* base64 of the secret, and of "x:" and "xy" before it */
    masked_is("c2stImFiYyIvKz05ODc2NTQzMjEw", true, true, "***");
    masked_is("eDpzay0iYWJjIi8rPTk4NzY1NDMyMTA=", true, true, "eDp***A=");
    masked_is("eHl6c2stImFiYyIvKz05ODc2NTQzMjEw", true, true, "eHl6***");
}

static void what_looks_like_a_token_is_masked_without_being_known(void)
{
    masks_release(&masks);
    masked_is("x cjs_0123456789012345678901234567890123456789012 y", true, true, "x *** y");
    masked_is("ghs_0123456789012345678901234567890123456789", true, true, "***");
    masked_is("ghs_short cjs_", true, true, "ghs_short cjs_");
}

static void parts_of_a_secret_at_a_border_are_masked(void)
{
    with_secret();
    masked_is("x sk-\"abc", true, false, "x ***");
    masked_is("x sk-\"abc", true, true, "x sk-\"abc");
    masked_is("76543210 y", false, true, "*** y");
    masked_is("76543210 y", true, true, "76543210 y");
    masked_is("3210 sk-\"", false, false, "*** ***");
    masked_is("10 sk", false, false, "10 sk"); /* so little tells nothing */
}

static void short_ones_would_mask_what_is_none(void)
{
    masks_release(&masks);
    masks_add(&masks, "1234567");
    masked_is("1234567", true, true, "1234567");
    CU_ASSERT_EQUAL(masks.count, 0);
}

/* --- the log --------------------------------------------------------------------------------- */

static struct job_log job_log;

static bool take(const char *text, int64_t total)
{
    return job_log_take(&job_log, text, strlen(text), total);
}

static void log_is(bool over, const char *expected)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    job_log_text(&job_log, &masks, over, &text);
    CU_ASSERT_STRING_EQUAL(text.data, expected);
    CU_ASSERT_TRUE(utf8_valid(text.data, text.length));
}

static void begin_log(size_t most)
{
    job_log_release(&job_log);
    job_log_init(&job_log, most);
}

static void tails_are_joined(void)
{
    masks_release(&masks);
    begin_log(1000);
    CU_ASSERT_TRUE(take("one\n", 4));
    CU_ASSERT_FALSE(take("one\n", 4));
    CU_ASSERT_TRUE(take("one\ntwo\n", 8));
    CU_ASSERT_TRUE(take("o\nthree\n", 14));
    log_is(true, "one\ntwo\nthree\n");
    CU_ASSERT_FALSE(take("older", 10));
    /* What passed between two tails takes along what was before it. */
    CU_ASSERT_TRUE(take("later\n", 100));
    log_is(true, "later\n");
    CU_ASSERT_EQUAL(job_log.total, 100);
}

static void the_end_is_kept_between_characters(void)
{
    masks_release(&masks);
    begin_log(10);
    CU_ASSERT_TRUE(take("0123456789abcd\303\251\303\251", 18));
    log_is(true, "89abcd\303\251\303\251");
    CU_ASSERT_TRUE(take("0123456789abcd\303\251\303\251xyz", 21));
    log_is(true, "bcd\303\251\303\251xyz");
    for (int64_t total = 22; total < 200; total++)
        CU_ASSERT_TRUE(take("z", total));
    CU_ASSERT(job_log.raw.length <= 20);
    log_is(true, "zzzzzzzzzz");
}

static void a_secret_in_two_tails_is_masked(void)
{
    with_secret();
    begin_log(1000);
    CU_ASSERT_TRUE(take("key sk-\"abc\"", 12));
    log_is(false, "key ***");
    CU_ASSERT_TRUE(take("/+=9876543210\nok\n", 29));
    log_is(true, "key ***\nok\n");
    begin_log(1000);
    CU_ASSERT_TRUE(take("6543210 its end is shown\n", 500));
    log_is(true, "*** its end is shown\n");
}

/* --- progress -------------------------------------------------------------------------------- */

static bool progress_of(const char *text, bool over)
{
    begin_log(1000);
    take(text, (int64_t)strlen(text));
    return job_log_progress(&job_log, &masks, over);
}

static void progress_is_told_by_lines(void)
{
    with_secret();
    CU_ASSERT_TRUE(progress_of("hello\n::progress 40 Reading the code\nmore\n", false));
    CU_ASSERT_EQUAL(job_log.pct, 40);
    CU_ASSERT_STRING_EQUAL(job_log.stage, "Reading the code");
    CU_ASSERT_TRUE(progress_of("::progress 1 a\n::progress 2 b\t \r\n", false));
    CU_ASSERT_EQUAL(job_log.pct, 2);
    CU_ASSERT_STRING_EQUAL(job_log.stage, "b");
    CU_ASSERT_TRUE(progress_of("::progress 100\n", false));
    CU_ASSERT_STRING_EQUAL(job_log.stage, "");
    CU_ASSERT_TRUE(progress_of("::progress 0 with " SECRET "\n", false));
    CU_ASSERT_STRING_EQUAL(job_log.stage, "with ***");
}

static void what_is_no_progress_is_none(void)
{
    masks_release(&masks);
    CU_ASSERT_FALSE(progress_of("x ::progress 40 a\n", true));
    CU_ASSERT_FALSE(progress_of("::progress\n::progress  4 a\n::progress -1 a\n", true));
    CU_ASSERT_FALSE(progress_of("::progress 101 a\n::progress 4x a\n::progress 99999 a\n", true));
    CU_ASSERT_FALSE(progress_of("::progress 40 half", false));
    CU_ASSERT_TRUE(progress_of("::progress 40 half", true));
}

static void a_line_in_two_tails_is_one(void)
{
    masks_release(&masks);
    begin_log(1000);
    take("a\n::prog", 8);
    CU_ASSERT_FALSE(job_log_progress(&job_log, &masks, false));
    take("ress 7 x\n", 17);
    CU_ASSERT_TRUE(job_log_progress(&job_log, &masks, false));
    CU_ASSERT_EQUAL(job_log.pct, 7);
    CU_ASSERT_FALSE(job_log_progress(&job_log, &masks, false));
    /* The rest of a line whose beginning is lost. */
    take("::progress 9 z\n", 500);
    CU_ASSERT_FALSE(job_log_progress(&job_log, &masks, false));
    take("::progress 10 z\n", 516);
    CU_ASSERT_TRUE(job_log_progress(&job_log, &masks, false));
    CU_ASSERT_EQUAL(job_log.pct, 10);
}

static void a_stage_has_so_many_characters(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    masks_release(&masks);
    buf_add_str(&text, "::progress 1 ");
    for (int i = 0; i < 300; i++)
        buf_add_str(&text, "\303\251");
    buf_add_char(&text, '\n');
    CU_ASSERT_TRUE(progress_of(text.data, false));
    CU_ASSERT_EQUAL(utf8_count(job_log.stage, strlen(job_log.stage)), JOB_STAGE_CHARACTERS);
}

static void last_line_is(const char *text, const char *expected)
{
    _cleanup_(free_ptr) char *line = job_log_last_line(text, strlen(text));

    CU_ASSERT_STRING_EQUAL(line, expected);
}

static void the_last_line_says_something(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    last_line_is("one\ntwo\n\n  \n", "two");
    last_line_is("one\n::progress 3 x\n", "one");
    last_line_is("one", "one");
    last_line_is("\n\n", "");
    last_line_is("", "");
    last_line_is("codeset: not all files could be fetched\ncodeset: batch response: 403\n", "");
    last_line_is("one\ncodeset: batch response: 403\n", "one");
    last_line_is("a\n\033[1mbold\033[0m\r\n", " [1mbold [0m");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&text, "\303\251");
    {
        _cleanup_(free_ptr) char *line = job_log_last_line(text.data, text.length);

        CU_ASSERT(strlen(line) <= 303 && utf8_valid(line, strlen(line)));
    }
}

/* --- the clone ------------------------------------------------------------------------------- */

static const char *variable(json_object *environment, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(environment); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(environment, i));

        if (strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == '=')
            return text + strlen(name) + 1;
    }
    return "(not set)";
}

static void a_variable_is_set_once(void)
{
    _cleanup_(json_release) json_object *environment = json_object_new_array();

    json_object_array_add(environment, json_object_new_string("A=1"));
    json_object_array_add(environment, json_object_new_string("AB=2"));
    json_object_array_add(environment, json_object_new_string("A=3"));
    environment_set(environment, "A", "4=5");
    CU_ASSERT_EQUAL(json_object_array_length(environment), 2);
    CU_ASSERT_STRING_EQUAL(variable(environment, "A"), "4=5");
    CU_ASSERT_STRING_EQUAL(variable(environment, "AB"), "2");
}

static void the_token_is_in_the_environment_and_nowhere_else(void)
{
    _cleanup_(json_release) json_object *environment = json_object_new_array();
    const struct job_clone clone = {.git_url = "https://github.com/",
                                    .repo = "o/r",
                                    .token = "the-token",
                                    .folder = "/w",
                                    .agent_id = "a"};
    int with_token = 0;

    job_clone_environment(&clone, environment);
    CU_ASSERT_STRING_EQUAL(variable(environment, "JOB_ADDRESS"), "https://github.com/o/r.git");
    CU_ASSERT_STRING_EQUAL(variable(environment, "JOB_REF"), "");
    CU_ASSERT_STRING_EQUAL(variable(environment, "GIT_ALLOW_PROTOCOL"), "https");
    CU_ASSERT_STRING_EQUAL(variable(environment, "GIT_CONFIG_KEY_1"),
                           "credential.https://github.com.helper");
    for (size_t i = 0; i < json_object_array_length(environment); i++)
        with_token += strstr(json_object_get_string(json_object_array_get_idx(environment, i)),
                             "the-token") != NULL;
    CU_ASSERT_EQUAL(with_token, 1);
    CU_ASSERT_PTR_NULL(strstr(job_clone_script, "the-token"));
}

static void policy_is(const char *url, const char *hosts, const char *expected)
{
    _cleanup_(buf_release) struct buf policy = BUF_INIT;
    struct error err = ERROR_INIT;
    int rc = job_clone_policy(url, hosts, &policy);

    if (!expected) {
        CU_ASSERT_EQUAL(rc, -1);
        return;
    }
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_STRING_EQUAL(policy.data, expected);
    CU_ASSERT_EQUAL(egress_policy_check(policy.data, &err), 0);
}

static void a_clone_reaches_its_host_and_those_of_the_setting(void)
{
    policy_is("https://git.example.com:8443/base", "", "allow:git.example.com:8443");
    policy_is("https://GIT.example.com", " ", "allow:git.example.com");
    policy_is("https://github.com", " *.objects.test\tobjects.test:8443 ",
              "allow:github.com,*.objects.test,objects.test:8443");
    policy_is("https://192.0.2.7:8443/base", "objects.test", "public");
    policy_is("https://[2001:db8::7]", "", "public");
    policy_is("file:///srv/git", "objects.test", NULL);
}

static void hosts_check(const char *hosts, const char *reason)
{
    struct error err = ERROR_INIT;
    int rc = job_clone_hosts_check(hosts, &err);

    CU_ASSERT_EQUAL(rc, reason ? -1 : 0);
    if (reason)
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
}

static void what_is_no_host_of_a_clone_is_refused(void)
{
    _cleanup_(buf_release) struct buf most = BUF_INIT;
    _cleanup_(buf_release) struct buf policy = BUF_INIT;
    struct error err = ERROR_INIT;

    hosts_check("", NULL);
    hosts_check("objects.test *.objects.test:8443", NULL);
    hosts_check("objects.test,other.test", "not by commas");
    hosts_check("objects.test https://other.test", "'https://other.test' is not a host");
    hosts_check("10.0.0.1", "'10.0.0.1' is not a host");
    hosts_check("Objects.test", "is not a host");
    hosts_check("public", NULL); /* a name like any other, and no policy */
    for (int i = 0; i < EGRESS_HOSTS_MAX - 1; i++)
        buf_add_str(&most, "objects.test ");
    hosts_check(most.data, NULL);
    CU_ASSERT_EQUAL(job_clone_policy("https://git.test", most.data, &policy), 0);
    CU_ASSERT_EQUAL(egress_policy_check(policy.data, &err), 0);
    buf_add_str(&most, "objects.test");
    hosts_check(most.data, "at most 63 hosts");
}

static void githubs_hosts_are_hosts(void)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_rows[i].name, "clone_hosts") == 0) {
            hosts_check(settings_rows[i].fallback, NULL);
            return;
        }
    CU_FAIL("there is no setting clone_hosts");
}

static void notes_are_printed_ahead_of_the_command(void)
{
    _cleanup_(free_ptr) char *command = job_clone_command("/w", "exec agent");

    CU_ASSERT_STRING_EQUAL(command, "[ ! -s '/w/notes' ] || cat '/w/notes' >&2\nexec agent");
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a secret is masked wherever it stands", a_secret_is_masked_wherever_it_stands},
        {"its usual forms are masked as well", its_usual_forms_are_masked_as_well},
        {"what looks like a token is masked without being known",
         what_looks_like_a_token_is_masked_without_being_known},
        {"parts of a secret at a border are masked", parts_of_a_secret_at_a_border_are_masked},
        {"short ones would mask what is none", short_ones_would_mask_what_is_none},
        {"tails are joined", tails_are_joined},
        {"the end is kept, between characters", the_end_is_kept_between_characters},
        {"a secret in two tails is masked", a_secret_in_two_tails_is_masked},
        {"progress is told by lines", progress_is_told_by_lines},
        {"what is no progress is none", what_is_no_progress_is_none},
        {"a line in two tails is one", a_line_in_two_tails_is_one},
        {"a stage has so many characters", a_stage_has_so_many_characters},
        {"the last line says something", the_last_line_says_something},
        {"a variable is set once", a_variable_is_set_once},
        {"the token is in the environment and nowhere else",
         the_token_is_in_the_environment_and_nowhere_else},
        {"a clone reaches its host and those of the setting",
         a_clone_reaches_its_host_and_those_of_the_setting},
        {"what is no host of a clone is refused", what_is_no_host_of_a_clone_is_refused},
        {"GitHub's hosts are hosts", githubs_hosts_are_hosts},
        {"notes are printed ahead of the command", notes_are_printed_ahead_of_the_command},
    };
    int status = UNIT_MAIN("jobs", tests);

    masks_release(&masks);
    job_log_release(&job_log);
    return status;
}
