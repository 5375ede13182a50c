#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "reaper/await.h"
#include "reaper/budget.h"
#include "reaper/doorbell.h"
#include "reaper/environment.h"
#include "reaper/fair_queue.h"
#include "reaper/listings.h"
#include "reaper/outcome.h"
#include "reaper/places.h"
#include "reaper/rehearsals.h"
#include "unit.h"
#include "wire/await.h"

#include "base/banned.h"

#define ID "01931b2c-aaaa-7bbb-8ccc-0123456789ab"
#define UPPER_ID "01931B2C-AAAA-7BBB-8CCC-0123456789AB"

/* --- doorbell -------------------------------------------------------------------------------- */

static int ring(const char *text)
{
    enum work_kind kind;
    struct id id;

    return doorbell_parse(text, strlen(text), &kind, &id);
}

static void a_doorbell_names_a_kind_and_an_id(void)
{
    enum work_kind kind = WORK_SESSION;
    struct id id;

    CU_ASSERT_EQUAL(doorbell_parse("interaction " ID, strlen("interaction " ID), &kind, &id), 0);
    CU_ASSERT_EQUAL(kind, WORK_INTERACTION);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
    CU_ASSERT_EQUAL(ring("session " ID), 0);
    CU_ASSERT_EQUAL(ring("verification " UPPER_ID), 0);
}

static void a_doorbell_that_says_anything_else_is_nothing(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(ring(""), -1);
    CU_ASSERT_EQUAL(ring("session"), -1);
    CU_ASSERT_EQUAL(ring("session "), -1);
    CU_ASSERT_EQUAL(ring("sessions " ID), -1);
    CU_ASSERT_EQUAL(ring("sessio " ID), -1);
    CU_ASSERT_EQUAL(ring(" " ID), -1);
    CU_ASSERT_EQUAL(ring("session " ID "\n"), -1);
    CU_ASSERT_EQUAL(ring("session  " ID), -1);
    CU_ASSERT_EQUAL(ring("session 01931b2c-aaaa-7bbb-8ccc-0123456789ag"), -1);
    CU_ASSERT_EQUAL(doorbell_parse("session 01931b2c-aaaa-7bbb\0-8ccc-0123456789", 44, &kind, &id),
                    -1);
}

static void ids_are_read_in_the_form_that_the_database_gives(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(
        doorbell_parse("verification " UPPER_ID, strlen("verification " UPPER_ID), &kind, &id), 0);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session/" UPPER_ID, &kind, &id), 0);
    CU_ASSERT_STRING_EQUAL(id.text, ID);
}

/* --- held requests --------------------------------------------------------------------------- */

static void holds_are_whole_until_half_are_taken_and_nothing_at_the_end(void)
{
    CU_ASSERT_EQUAL(await_hold(20000, 0, 1000), 20000);
    CU_ASSERT_EQUAL(await_hold(20000, 500, 1000), 20000);
    CU_ASSERT_EQUAL(await_hold(20000, 750, 1000), 10000);
    CU_ASSERT_EQUAL(await_hold(20000, 999, 1000), 40);
    CU_ASSERT_EQUAL(await_hold(20000, 1000, 1000), 0);
    CU_ASSERT_EQUAL(await_hold(20000, 5000, 1000), 0);
    CU_ASSERT_EQUAL(await_hold(60000, 0, 1), 60000);
    CU_ASSERT_EQUAL(await_hold(60000, 1, 1), 0);
    for (size_t held = 1; held <= 1001; held++)
        CU_ASSERT(await_hold(60000, held, 1001) <= await_hold(60000, held - 1, 1001));
}

static int query(const char *text, int64_t *hold, char **back)
{
    return await_parse_query(text, hold, back);
}

static void a_held_request_says_how_long_and_where_to(void)
{
    _cleanup_(free_ptr) char *back = NULL;
    int64_t hold = 0;

    CU_ASSERT_EQUAL_FATAL(
        query("hold=2500&back=%2Fapi%2Fv1%2Fsessions%2Fx%3Fa%3D1%26b%3D%2520", &hold, &back), 0);
    CU_ASSERT_EQUAL(hold, 2500);
    CU_ASSERT_STRING_EQUAL(back, "/api/v1/sessions/x?a=1&b=%20");
}

static void a_held_request_with_anything_else_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "hold=1",
        "back=/api/v1/x",
        "hold=-1&back=/api/v1/x",
        "hold=+1&back=/api/v1/x",
        "hold=&back=/api/v1/x",
        "hold=60001&back=/api/v1/x",
        "hold=99999999999999999999&back=/api/v1/x",
        "hold=1s&back=/api/v1/x",
        "hold=1&back=/api/v2/x",
        "hold=1&back=//evil/api/v1/x",
        "hold=1&back=http://evil/api/v1/",
        "hold=1&back=%2Fapi%2Fv1%2F..%2F..%2F-%2Fx",
        "hold=1&back=%2Fapi%2Fv1%2Fx%0d%0aX-Evil:%201",
        "hold=1&back=%2Fapi%2Fv1%2Fx%00y%20",
        "hold=1&back=%2Fapi%2Fv1%2F%ff",
        "hold=1&back=%2Fapi%2Fv1%2F%20",
        "hold=1&back=%2Fapi%2Fv1%2F%2",
        "back=%2Fapi%2Fv1%2Fx&hold=1",
        "hold=1&back=%2Fapi%2Fv1%2Fx&hold=2",
    };
    char *back = NULL;
    int64_t hold;

    CU_ASSERT_EQUAL(query(NULL, &hold, &back), -1);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (query(bad[i], &hold, &back) != -1)
            CU_FAIL(bad[i]);
    }
    CU_ASSERT_PTR_NULL(back);
}

static void what_a_worker_writes_is_what_the_daemon_reads(void)
{
    static const char path[] = "/api/v1/sessions/x y?a=1&b=%20";
    _cleanup_(buf_release) struct buf location = BUF_INIT;
    _cleanup_(buf_release) struct buf answer = BUF_INIT;
    _cleanup_(free_ptr) char *back = NULL;
    char datagram[DOORBELL_SIZE], *query_text;
    struct id id = {ID}, read_id;
    enum work_kind kind;
    int64_t hold;

    for (int i = WORK_SESSION; i <= WORK_VERIFICATION; i++) {
        size_t length = doorbell_write((enum work_kind)i, &id, datagram);

        CU_ASSERT_EQUAL(doorbell_parse(datagram, length, &kind, &read_id), 0);
        CU_ASSERT_EQUAL(kind, (enum work_kind)i);
        CU_ASSERT_STRING_EQUAL(read_id.text, ID);
    }
    await_write(WORK_SESSION, &id, 25000, "/api/v1/sessions/x?a=1&b=%20", &location);
    query_text = strchr(location.data, '?');
    *query_text++ = '\0';
    CU_ASSERT_EQUAL(await_parse_path(location.data, &kind, &read_id), 0);
    CU_ASSERT_EQUAL_FATAL(await_parse_query(query_text, &hold, &back), 0);
    CU_ASSERT_EQUAL(kind, WORK_SESSION);
    CU_ASSERT_EQUAL(hold, 25000);
    CU_ASSERT_STRING_EQUAL(back, "/api/v1/sessions/x?a=1&b=%20");
    await_write_answer(back, &answer);
    CU_ASSERT_STRING_EQUAL(answer.data, "/-/answer/api/v1/sessions/x?a=1&b=%20");
    CU_ASSERT_FALSE(await_back_valid(path));
}

static void only_things_that_end_can_be_awaited(void)
{
    enum work_kind kind;
    struct id id;

    CU_ASSERT_EQUAL(await_parse_path("/-/await/interaction/" ID, &kind, &id), 0);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/user/" ID, &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session/" ID "/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/session", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/-/await/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("/", &kind, &id), -1);
    CU_ASSERT_EQUAL(await_parse_path("", &kind, &id), -1);
}

/* --- outcomes -------------------------------------------------------------------------------- */

static struct buf texts = BUF_INIT;

static struct agent_result ended(int status)
{
    buf_clear(&texts);
    buf_add(&texts, "a\0b", 3);
    return (struct agent_result){.end = AGENT_END_EXIT,
                                 .exit_status = status,
                                 .out = texts.data,
                                 .out_length = 3,
                                 .err = texts.data + 3,
                                 .texts = &texts,
                                 .seconds = 0.25};
}

/* The outcome takes the texts: each gets its own. */
static int64_t refusals; /* by the limit of processes */

static void outcome_of(struct agent_result *result, int64_t timeout, int64_t oom_kills,
                       struct outcome *outcome)
{
    const struct outcome_limits limits = {timeout, 512, oom_kills, refusals};
    struct agent_result fresh = ended(0);

    result->out = fresh.out;
    result->err = fresh.err;
    outcome_of_command(result, &limits, outcome);
}

static void a_command_s_status_is_passed_on(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 0);
    CU_ASSERT(outcome.result.success);
    CU_ASSERT_EQUAL(outcome.result.out_length, 3);
    CU_ASSERT_EQUAL(memcmp(outcome.result.out, "a\0b", 3), 0);
    CU_ASSERT_PTR_NOT_NULL(outcome.result.err); /* "" and not null */
    CU_ASSERT_PTR_NULL(outcome.result.message);
    CU_ASSERT_EQUAL(outcome.result.size_bytes, -1);
    outcome_release(&outcome);

    result.exit_status = 3;
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 3);
    CU_ASSERT_FALSE(outcome.result.success);
    outcome_release(&outcome);
}

static void the_time_limit_is_124_and_named(void)
{
    struct agent_result result = ended(124);
    struct outcome outcome;

    result.end = AGENT_END_TIMEOUT;
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 124);
    CU_ASSERT_FALSE(outcome.result.success);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "timed out after 5 s");
    outcome_release(&outcome);
}

static void the_limit_of_processes_is_named(void)
{
    struct agent_result result = ended(1);
    struct outcome outcome;

    refusals = 3;
    outcome_of(&result, 5, 0, &outcome);
    refusals = 0;
    CU_ASSERT_EQUAL(outcome.result.exit_code, 1);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "the limit of 512 processes kept new processes "
                                                   "from being started while the command ran");
    outcome_release(&outcome);
}

static void a_command_that_ends_with_124_by_itself_was_not_timed_out(void)
{
    struct agent_result result = ended(124);
    struct outcome outcome;

    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 124);
    CU_ASSERT_PTR_NULL(outcome.result.message);
    outcome_release(&outcome);
}

static void the_memory_limit_is_137_and_named(void)
{
    struct agent_result result = ended(137);
    struct outcome outcome;

    outcome_of(&result, 5, 1, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 137);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "killed by the memory limit");
    outcome_release(&outcome);

    outcome_of(&result, 5, 0, &outcome); /* killed by something else */
    CU_ASSERT_PTR_NULL(outcome.result.message);
    outcome_release(&outcome);

    result.message = "ended together with another"; /* which the agent knows */
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "ended together with another");
    outcome_release(&outcome);
}

static void a_child_hit_by_the_memory_limit_is_told_of(void)
{
    struct agent_result result = ended(1);
    struct outcome outcome;

    outcome_of(&result, 5, 2, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(outcome.result.message, "memory limit"));
    outcome_release(&outcome);
}

static void truncated_outputs_are_named(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    result.out_truncated = true;
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(outcome.result.message, "stdout is truncated"));
    CU_ASSERT_PTR_NULL(strstr(outcome.result.message, "stderr"));
    CU_ASSERT(outcome.result.success);
    outcome_release(&outcome);
    result.err_truncated = true;
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.result.message, "stderr is truncated"));
    outcome_release(&outcome);
}

static void what_the_agent_could_not_run_is_the_platform_s_failure(void)
{
    struct agent_result result = ended(0);
    struct outcome outcome;

    result.end = AGENT_END_FAILED;
    result.message = "no processes left";
    outcome_of(&result, 5, 0, &outcome);
    CU_ASSERT(outcome.result.platform_failed);
    CU_ASSERT_EQUAL(outcome.result.exit_code, -1000);
    CU_ASSERT_FALSE(outcome.result.success);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "no processes left");
    CU_ASSERT_PTR_NULL(outcome.result.out);
    outcome_release(&outcome);
    buf_release(&texts);
}

static void a_message_is_cut_to_what_the_database_takes(void)
{
    struct outcome outcome;
    char text[2000];

    memset(text, 'x', sizeof(text));
    text[998] = '\xe2'; /* the euro sign, cut in the middle */
    text[999] = '\x82';
    text[1000] = '\xac';
    text[sizeof(text) - 1] = '\0';
    outcome_of_failure(text, &outcome);
    CU_ASSERT(strlen(outcome.result.message) < 1010);
    CU_ASSERT(utf8_valid(outcome.result.message, strlen(outcome.result.message)));
    outcome_release(&outcome);
}

static void a_file_operation_ends_with_0_or_1(void)
{
    struct outcome outcome;

    outcome_of_file(true, "written", 7, 0.1, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 0);
    CU_ASSERT_EQUAL(outcome.result.size_bytes, 7);
    CU_ASSERT(outcome.result.success);
    outcome_release(&outcome);
    outcome_of_file(false, "occurs 2 times", 0, 0.1, &outcome);
    CU_ASSERT_EQUAL(outcome.result.exit_code, 1);
    CU_ASSERT_FALSE(outcome.result.platform_failed);
    CU_ASSERT_STRING_EQUAL(outcome.result.message, "occurs 2 times");
    outcome_release(&outcome);
}

static void an_edit_of_which_nobody_knows_is_the_platform_s_failure(void)
{
    struct outcome outcome;

    outcome_of_unknown(&outcome);
    CU_ASSERT(outcome.result.platform_failed);
    CU_ASSERT_EQUAL(outcome.result.exit_code, -1000);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.result.message, "look at the file"));
    outcome_release(&outcome);
}

/* --- environment, containers ----------------------------------------------------------------- */

static void an_image_s_environment_lies_over_the_defaults(void)
{
    _cleanup_(json_release) json_object *image =
        json_tokener_parse("[\"PATH=/opt/bin\",\"A=b=c\",\"nonsense\",7,\"=x\",\"PATHX=1\"]");
    _cleanup_(free_ptr) char *merged = environment_merge(image, true);
    _cleanup_(free_ptr) char *plain = environment_merge(NULL, true);

    CU_ASSERT_STRING_EQUAL(
        merged, "[\"HOME=/root\",\"LANG=C.UTF-8\",\"PATH=/opt/bin\",\"A=b=c\",\"PATHX=1\"]");
    CU_ASSERT_STRING_EQUAL(plain, "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                                  "/bin\",\"HOME=/root\",\"LANG=C.UTF-8\"]");
}

/* --- turns ----------------------------------------------------------------------------------- */

static const struct id one = {"1"}, other = {"2"};

static void users_take_turns_and_each_s_own_come_in_order(void)
{
    struct fair_item items[6] = {0};
    static const size_t expected[] = {0, 3, 5, 1, 4, 2};
    struct fair_queue queue;

    fair_init(&queue);
    CU_ASSERT_PTR_NULL(fair_pop(&queue));
    for (size_t i = 0; i < 3; i++)
        fair_push(&queue, &one, &items[i]);
    fair_push(&queue, &other, &items[3]);
    fair_push(&queue, &other, &items[4]);
    fair_push(&queue, NULL, &items[5]);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        CU_ASSERT_PTR_EQUAL(fair_first(&queue), &items[expected[i]]);
        CU_ASSERT_PTR_EQUAL(fair_pop(&queue), &items[expected[i]]);
    }
    CU_ASSERT_EQUAL(queue.count, 0);
    CU_ASSERT_EQUAL(queue.users.count, 0);
}

static void what_is_taken_out_of_a_queue_does_not_come(void)
{
    struct fair_item items[3] = {0};
    struct fair_queue queue;

    fair_init(&queue);
    for (size_t i = 0; i < 3; i++)
        fair_push(&queue, i == 1 ? &other : &one, &items[i]);
    fair_remove(&queue, &items[0]);
    fair_remove(&queue, &items[0]); /* is not there: nothing */
    CU_ASSERT_PTR_EQUAL(fair_pop(&queue), &items[2]);
    fair_remove(&queue, &items[1]);
    CU_ASSERT_PTR_NULL(fair_pop(&queue));
}

/* --- the budget ------------------------------------------------------------------------------ */

#define KIB INT64_C(1024)

static void count_grant(void *arg)
{
    ++*(int *)arg;
}

static void what_does_not_fit_waits_for_its_turn(void)
{
    struct budget *budget = budget_new(800 * KIB); /* 700 for large ones, 100 for small ones */
    struct budget_share held, large, behind, neighbour, small;
    int grants[3] = {0};

    CU_ASSERT(budget_ask(budget, &held, &one, 500 * KIB, count_grant, &grants[0]));
    CU_ASSERT_FALSE(budget_ask(budget, &large, &one, 600 * KIB, count_grant, &grants[0]));
    /* Would fit, and does not pass those before it. */
    CU_ASSERT_FALSE(budget_ask(budget, &behind, &one, 100 * KIB, count_grant, &grants[1]));
    CU_ASSERT_FALSE(budget_ask(budget, &neighbour, &other, 80 * KIB, count_grant, &grants[2]));
    CU_ASSERT(budget_ask(budget, &small, &one, 64 * KIB, count_grant, &grants[0]));
    CU_ASSERT_EQUAL(budget_waiting(budget), 3);
    budget_return(budget, &held);
    CU_ASSERT_EQUAL(grants[0], 1);
    CU_ASSERT_EQUAL(grants[2], 1); /* the other user's turn, though it asked last */
    CU_ASSERT_EQUAL(grants[1], 0);
    budget_return(budget, &neighbour);
    CU_ASSERT_EQUAL(grants[1], 1);
    budget_return(budget, &large);
    budget_return(budget, &behind);
    budget_return(budget, &behind); /* neither held nor waiting: nothing */
    budget_return(budget, &small);
    CU_ASSERT_EQUAL(budget_held(budget), 0);
    budget_free(budget);
}

static void one_larger_than_all_goes_alone(void)
{
    struct budget *budget = budget_new(800 * KIB);
    struct budget_share huge, held;
    int grants = 0;

    CU_ASSERT(budget_ask(budget, &held, &one, 100 * KIB, count_grant, &grants));
    CU_ASSERT_FALSE(budget_ask(budget, &huge, &one, 8000 * KIB, count_grant, &grants));
    budget_return(budget, &held);
    CU_ASSERT_EQUAL(grants, 1);
    CU_ASSERT_FALSE(budget_ask(budget, &held, &other, 100 * KIB, count_grant, &grants));
    budget_return(budget, &held); /* asks no longer */
    budget_return(budget, &huge);
    CU_ASSERT_EQUAL(grants, 1);
    CU_ASSERT_EQUAL(budget_waiting(budget), 0);
    budget_free(budget);
}

static void what_is_there_already_counts(void)
{
    struct budget *budget = budget_new(800 * KIB);
    struct budget_share loaded, result;
    int grants = 0;

    budget_force(budget, &loaded, 2000 * KIB);
    CU_ASSERT(budget_overdrawn(budget));
    CU_ASSERT_FALSE(budget_ask(budget, &result, &one, 100 * KIB, count_grant, &grants));
    budget_return(budget, &loaded);
    CU_ASSERT_EQUAL(grants, 1);
    CU_ASSERT_FALSE(budget_overdrawn(budget));
    budget_return(budget, &result);
    budget_free(budget);
}

/* --- listings -------------------------------------------------------------------------------- */

static void keep_listing(struct listings *listings, const char *image, size_t length)
{
    struct buf listing = BUF_INIT;

    buf_reserve(&listing, length);
    memset(listing.data, 'x', length);
    listing.length = length;
    listings_keep(listings, &(struct listing_of){image, "/repo", NULL}, 7, &listing);
    CU_ASSERT_EQUAL(listing.length, 0);
}

static bool is_known(struct listings *listings, const char *image)
{
    int64_t image_time = 0;
    bool known =
        listings_find(listings, &(struct listing_of){image, "/repo", NULL}, &image_time) != NULL;

    CU_ASSERT_EQUAL(image_time, known ? 7 : 0);
    return known;
}

static void a_listing_is_of_an_image_a_folder_and_a_profile(void)
{
    struct listings *listings = listings_new();
    int64_t image_time;

    keep_listing(listings, "a", 10);
    CU_ASSERT(is_known(listings, "a"));
    CU_ASSERT_FALSE(is_known(listings, "b"));
    CU_ASSERT_PTR_NULL(
        listings_find(listings, &(struct listing_of){"a", "/other", NULL}, &image_time));
    CU_ASSERT_PTR_NULL(
        listings_find(listings, &(struct listing_of){"a", "/repo", "{}"}, &image_time));
    keep_listing(listings, "a", 20);
    CU_ASSERT_EQUAL(
        listings_find(listings, &(struct listing_of){"a", "/repo", NULL}, &image_time)->length, 20);
    keep_listing(listings, "a", 0); /* of nothing: nothing is known any more */
    CU_ASSERT_FALSE(is_known(listings, "a"));
    listings_free(listings);
}

static void listings_have_bounds_and_the_oldest_goes(void)
{
    struct listings *listings = listings_new();
    char image[] = "a";

    keep_listing(listings, "large", LISTING_MOST + 1);
    CU_ASSERT_FALSE(is_known(listings, "large"));
    for (; image[0] < 'h'; image[0]++)
        keep_listing(listings, image, LISTING_MOST);
    CU_ASSERT(is_known(listings, "a")); /* and is the newest by that */
    keep_listing(listings, "h", LISTING_MOST);
    CU_ASSERT(is_known(listings, "a"));
    CU_ASSERT_FALSE(is_known(listings, "b"));
    CU_ASSERT(is_known(listings, "c"));
    CU_ASSERT(is_known(listings, "h"));
    listings_free(listings);
}

/* --- rehearsals ------------------------------------------------------------------------------ */

static void keep_record(struct rehearsals *rehearsals, const char *key, const char *text,
                        size_t length)
{
    struct rehearsal_key named = {{0}};
    struct buf record = BUF_INIT;

    snprintf(named.hex, sizeof(named.hex), "%s", key);
    buf_reserve(&record, length);
    buf_add_str(&record, text);
    rehearsals_keep(rehearsals, &named, &record);
    CU_ASSERT_EQUAL(record.length, 0);
}

/* How often each of "0" to "9" is drawn in 1000 trials; the last: how many are to rehearse. */
static void count_draws(struct rehearsals *rehearsals, const char *key, size_t counts[11])
{
    struct rehearsal_key named = {{0}};

    snprintf(named.hex, sizeof(named.hex), "%s", key);
    memset(counts, 0, 11 * sizeof(counts[0]));
    for (size_t i = 0; i < 1000; i++) {
        const struct buf *record = rehearsals_draw(rehearsals, &named);

        counts[record ? (size_t)(record->data[0] - '0') : 10]++;
    }
}

static void trials_rehearse_until_there_is_a_choice_and_now_and_then(void)
{
    struct rehearsals *rehearsals = rehearsals_new();
    size_t counts[11];

    for (char text[] = "0"; text[0] < '3'; text[0]++)
        keep_record(rehearsals, "a", text, 1);
    count_draws(rehearsals, "a", counts);
    CU_ASSERT_EQUAL(counts[10], 1000);
    keep_record(rehearsals, "a", "3", 1);
    count_draws(rehearsals, "b", counts);
    CU_ASSERT_EQUAL(counts[10], 1000);
    count_draws(rehearsals, "a", counts);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT(counts[i] > 100);
    CU_ASSERT(counts[10] > 50 && counts[10] < 250); /* of 125 that are to be expected */
    keep_record(rehearsals, "a", "4", 1);
    count_draws(rehearsals, "a", counts);
    CU_ASSERT(counts[0] == 0 && counts[1] > 0 && counts[4] > 0);
    rehearsals_forget(rehearsals, &(struct rehearsal_key){"a"});
    count_draws(rehearsals, "a", counts);
    CU_ASSERT_EQUAL(counts[10], 1000);
    rehearsals_free(rehearsals);
}

static void rehearsals_have_bounds_and_the_oldest_go(void)
{
    struct rehearsals *rehearsals = rehearsals_new();
    size_t counts[11];

    for (char key[] = "a"; key[0] < 'e'; key[0]++) {
        for (size_t i = 0; i < REHEARSALS_EACH; i++)
            keep_record(rehearsals, key, "5", REHEARSALS_MOST / 13);
        count_draws(rehearsals, "a", counts); /* and is the newest by that */
    }
    CU_ASSERT(counts[5] > 0);
    count_draws(rehearsals, "b", counts);
    CU_ASSERT_EQUAL(counts[10], 1000);
    count_draws(rehearsals, "d", counts);
    CU_ASSERT(counts[5] > 0);
    rehearsals_free(rehearsals);
}

/* --- places ---------------------------------------------------------------------------------- */

static void places_follow_the_processors(void)
{
    static const struct {
        int64_t setting, processors, places;
    } hosts[] = {{0, 1, 4}, {0, 2, 4}, {0, 8, 16}, {0, 64, 128}, {1, 64, 1}, {9, 2, 9}};
    struct places places;

    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        places_init(&places, hosts[i].setting, hosts[i].processors, 0);
        CU_ASSERT_EQUAL(places_count(&places, 1, 0, 0), hosts[i].places);
    }
}

/* After so many pauses with this load and so many places taken. */
static int64_t places_after(struct places *places, int64_t *at, int pauses, double load,
                            int64_t taken)
{
    int64_t count = 0;

    for (int i = 0; i < pauses; i++) {
        *at += PLACES_PAUSE;
        count = places_count(places, *at, load, taken);
    }
    return count;
}

static void places_grow_while_processors_are_idle_and_all_are_taken(void)
{
    struct places places;
    int64_t at = 100;

    places_init(&places, 0, 4, at);
    CU_ASSERT_EQUAL(places_count(&places, at + PLACES_PAUSE - 1, 0, 8), 8); /* not at once */
    CU_ASSERT_EQUAL(places_after(&places, &at, 1, 1, 8), 9);
    CU_ASSERT_EQUAL(places_after(&places, &at, 1, 1, 9), 10);
    CU_ASSERT_EQUAL(places_after(&places, &at, 3, 4, 10), 10); /* as many as there is work for */
    CU_ASSERT_EQUAL(places_after(&places, &at, 1, 6, 10), 9);  /* too many */
    CU_ASSERT_EQUAL(places_after(&places, &at, 9, 20, 9), 8);  /* never fewer than at first */
    for (int64_t taken = 8; taken < 99; taken++)
        places_after(&places, &at, 1, 0, taken);
    CU_ASSERT_EQUAL(places.now, 32);                          /* there is an end */
    CU_ASSERT_EQUAL(places_after(&places, &at, 40, 0, 0), 8); /* nobody wants them */
    CU_ASSERT_EQUAL(places_after(&places, &at, 40, 0, 7), 8);
}

static void a_place_that_is_free_for_a_moment_was_taken(void)
{
    struct places places;

    places_init(&places, 0, 4, 0);
    places_count(&places, 1, 0, 8);
    CU_ASSERT_EQUAL(places_count(&places, PLACES_PAUSE, 0, 5), 9);
}

static void a_setting_of_places_is_kept(void)
{
    struct places places;
    int64_t at = 0;

    places_init(&places, 6, 4, at);
    CU_ASSERT_EQUAL(places_after(&places, &at, 9, 0, 6), 6);
    CU_ASSERT_EQUAL(places_after(&places, &at, 9, 99, 6), 6);
}

static const struct unit_test tests[] = {
    {"places follow the processors", places_follow_the_processors},
    {"places grow while processors are idle and all are taken",
     places_grow_while_processors_are_idle_and_all_are_taken},
    {"a place that is free for a moment was taken", a_place_that_is_free_for_a_moment_was_taken},
    {"a setting of places is kept", a_setting_of_places_is_kept},
    {"users take turns, and each one's own come in order",
     users_take_turns_and_each_s_own_come_in_order},
    {"what is taken out of a queue does not come", what_is_taken_out_of_a_queue_does_not_come},
    {"what does not fit the budget waits for its turn", what_does_not_fit_waits_for_its_turn},
    {"one larger than the whole budget goes alone", one_larger_than_all_goes_alone},
    {"what is in memory already counts", what_is_there_already_counts},
    {"a doorbell names a kind and an id", a_doorbell_names_a_kind_and_an_id},
    {"a doorbell that says anything else is nothing",
     a_doorbell_that_says_anything_else_is_nothing},
    {"ids are read in the form that the database gives",
     ids_are_read_in_the_form_that_the_database_gives},
    {"holds are whole until half are taken, and nothing at the end",
     holds_are_whole_until_half_are_taken_and_nothing_at_the_end},
    {"a held request says how long and where to", a_held_request_says_how_long_and_where_to},
    {"what a worker writes is what the daemon reads",
     what_a_worker_writes_is_what_the_daemon_reads},
    {"a held request with anything else is refused", a_held_request_with_anything_else_is_refused},
    {"only things that end can be awaited", only_things_that_end_can_be_awaited},
    {"a listing is of an image, a folder and a profile",
     a_listing_is_of_an_image_a_folder_and_a_profile},
    {"listings have bounds, and the oldest goes", listings_have_bounds_and_the_oldest_goes},
    {"trials rehearse until there is a choice, and now and then",
     trials_rehearse_until_there_is_a_choice_and_now_and_then},
    {"rehearsals have bounds, and the oldest go", rehearsals_have_bounds_and_the_oldest_go},
    {"a command's status is passed on", a_command_s_status_is_passed_on},
    {"the time limit is 124 and named", the_time_limit_is_124_and_named},
    {"the limit of processes is named", the_limit_of_processes_is_named},
    {"a command that ends with 124 by itself was not timed out",
     a_command_that_ends_with_124_by_itself_was_not_timed_out},
    {"the memory limit is 137 and named", the_memory_limit_is_137_and_named},
    {"a child hit by the memory limit is told of", a_child_hit_by_the_memory_limit_is_told_of},
    {"truncated outputs are named", truncated_outputs_are_named},
    {"what the agent could not run is the platform's failure",
     what_the_agent_could_not_run_is_the_platform_s_failure},
    {"a message is cut to what the database takes", a_message_is_cut_to_what_the_database_takes},
    {"a file operation ends with 0 or 1", a_file_operation_ends_with_0_or_1},
    {"an edit of which nobody knows is the platform's failure",
     an_edit_of_which_nobody_knows_is_the_platform_s_failure},
    {"an image's environment lies over the defaults",
     an_image_s_environment_lies_over_the_defaults},
};

int main(void)
{
    return UNIT_MAIN("reaper", tests);
}
