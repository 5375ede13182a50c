/*
 * Keys and samples as workers read them, through the workers' account; CODESET_CONFIG names the
 * configuration. Run by tests/ctl/run, against its MariaDB.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <zlib.h>

#include "../store/fixture.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/accounts.h"
#include "store/catalog.h"
#include "store/identity.h"
#include "store/sample_checks.h"
#include "store/samples.h"
#include "store/sessions.h"

#include "base/banned.h"

#define SAMPLES 600 /* more than two batches of a page without a limit */
#define DATASET "catalog"

/* --- keys ------------------------------------------------------------------------------------ */

static struct api_key_text new_key(int64_t expires_at, struct id *ret_key_id)
{
    struct new_key wanted = {.key_id = id_new(), .user_id = user_id, .expires_at = expires_at};
    struct api_key_text key;
    int64_t created_at;

    OK(store_key_create(admin, &wanted, &key, &created_at, &err));
    *ret_key_id = wanted.key_id;
    return key;
}

static void ignore_key(const struct api_key *key, void *arg)
{
    (void)key;
    (void)arg;
}

/* Of a profile and a session the statement that reads them checks the credential; who is refused is
 * not told whether there is such a session. */
static void same_where_joined(const struct credential *credential, bool is_accepted)
{
    static const char nobodys[] = "01900000-0000-7000-8000-000000000000";
    const char *expected = is_accepted ? "SESSION_NOT_FOUND" : "INVALID_CREDENTIALS";
    _cleanup_(profile_release) struct profile profile = {0};
    struct session session;
    struct caller caller;
    struct error err = ERROR_INIT, refusal = ERROR_INIT;

    CU_ASSERT_EQUAL(store_profile_get_as(api, credential, &profile, ignore_key, NULL, &err) == 0,
                    is_accepted);
    CU_ASSERT_EQUAL_FATAL(
        store_session_get_as(api, credential, nobodys, &session, &caller, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, expected);
    if (is_accepted)
        CU_ASSERT_STRING_EQUAL(profile.user_id.text, user_id.text)
    else
        CU_ASSERT_STRING_EQUAL(err.code, expected);
}

static bool good(const struct credential *credential)
{
    struct error err = ERROR_INIT;
    struct caller caller;
    bool is_accepted = store_authenticate(api, credential, &caller, &err) == 0;

    if (is_accepted)
        CU_ASSERT_STRING_EQUAL(caller.user_id.text, user_id.text)
    else
        CU_ASSERT_EQUAL(err.kind, ERROR_NOT_FOUND);
    same_where_joined(credential, is_accepted);
    return is_accepted;
}

static bool accepted(const char *key)
{
    struct credential credential;

    return credential_of_key(key, &credential) == 0 && good(&credential);
}

static void a_key_is_accepted_until_it_is_revoked(void)
{
    struct id key_id, other_id;
    struct api_key_text key = new_key(0, &key_id), other = new_key(0, &other_id);

    CU_ASSERT_TRUE(accepted(key.text));
    OK(store_key_revoke(admin, &user_id, key_id.text, &err));
    CU_ASSERT_FALSE(accepted(key.text));
    CU_ASSERT_TRUE(accepted(other.text));
}

static void a_key_is_accepted_until_it_expires(void)
{
    struct id key_id;
    struct api_key_text past = new_key(clock_now() - CLOCK_SECOND, &key_id);
    struct api_key_text future = new_key(clock_now() + 3600 * CLOCK_SECOND, &key_id);

    CU_ASSERT_FALSE(accepted(past.text));
    CU_ASSERT_TRUE(accepted(future.text));
}

static void a_user_who_is_locked_out_is_refused(void)
{
    struct id key_id;
    struct api_key_text key = new_key(0, &key_id);
    struct credential token = credential_of_user(&user_id);

    OK(store_user_set_active(admin, &user_id, false, &err));
    CU_ASSERT_FALSE(accepted(key.text));
    CU_ASSERT_FALSE(good(&token));
    OK(store_user_set_active(admin, &user_id, true, &err));
    CU_ASSERT_TRUE(accepted(key.text));
    CU_ASSERT_TRUE(good(&token));
}

static void a_token_of_nobody_is_refused(void)
{
    struct id nobody = id_new();
    struct credential token = credential_of_user(&nobody);

    CU_ASSERT_FALSE(good(&token));
}

static void unknown_and_malformed_keys_are_refused(void)
{
    struct api_key_text unknown = api_key_new();

    CU_ASSERT_FALSE(accepted(unknown.text));
    CU_ASSERT_FALSE(accepted(""));
    CU_ASSERT_FALSE(accepted("codeset_' OR 1=1 -- "));
    CU_ASSERT_FALSE(accepted("codeset_000000000000000000000000000000000000"));
}

struct key_search {
    const struct id *key_id;
    int64_t last_used_at;
};

static void match_key(const struct api_key *key, void *arg)
{
    struct key_search *search = arg;

    if (strcmp(key->key_id.text, search->key_id->text) == 0)
        search->last_used_at = key->last_used_at;
}

static int64_t last_used_at(const struct id *key_id)
{
    struct key_search search = {.key_id = key_id};

    OK(store_key_list(admin, &user_id, match_key, &search, &err));
    return search.last_used_at;
}

static void use_of_a_key_is_recorded_at_most_once_a_minute(void)
{
    static const struct query age = {
        "UPDATE api_keys SET last_used_at = last_used_at - INTERVAL 61 SECOND WHERE key_id = ?"};
    struct id key_id;
    struct api_key_text key = new_key(0, &key_id);
    int64_t first, aged;

    CU_ASSERT_EQUAL(last_used_at(&key_id), 0);
    CU_ASSERT_TRUE(accepted(key.text));
    first = last_used_at(&key_id);
    CU_ASSERT_TRUE(first > 0);
    CU_ASSERT_TRUE(accepted(key.text));
    CU_ASSERT_EQUAL(last_used_at(&key_id), first);
    OK(DB_RUN(admin, &age, NULL, &err, db_id(&key_id)));
    aged = last_used_at(&key_id);
    CU_ASSERT_TRUE(accepted(key.text));
    CU_ASSERT_TRUE(last_used_at(&key_id) > aged);
}

/* --- samples --------------------------------------------------------------------------------- */

static void render(size_t i, int64_t version, struct buf *json, struct buf *whole,
                   unsigned char hash[32], void *arg)
{
    const struct new_sample *samples = arg;
    const unsigned char digest[32] = {(unsigned char)samples[i].verify_timeout, 0xff, 0xfe, 0x80};

    (void)whole;
    memcpy(hash, digest, sizeof(digest)); /* no UTF-8 */
    buf_addf(json, "{\"id\":\"%s\",\"version\":%d,\"text\":\"", samples[i].sample_id, (int)version);
    for (int n = 0; n < 100; n++)
        buf_addf(json, "%d ", n);
    buf_add_str(json, "\"}");
}

static struct new_sample sample_named(const char *id, unsigned char content)
{
    return (struct new_sample){
        .dataset = DATASET,
        .sample_id = id,
        .instance_id = id,
        .language = "c",
        .verifier = "test_suite",
        .repo_path = "/r",
        .verifier_command = "v",
        .report_paths = "[]",
        .fail_to_pass = "[]",
        .pass_to_pass = "[]",
        .fail_to_fail = "[]",
        .held_out = "[]",
        .restore = "[]",
        .verify_timeout = content, /* of which the digest is, see render */
    };
}

static int add(const struct new_sample *samples, size_t count, sample_render *make,
               int64_t *ret_versions, size_t *ret_at, struct error *err)
{
    struct sample_batch *batch = sample_batch_new(samples, count);
    int status = sample_batch_find(admin, batch, err);

    if (status == 0) {
        sample_batch_make(batch, make, (void *)(uintptr_t)samples);
        status = sample_batch_store(admin, batch, ret_versions, ret_at, err);
    }
    sample_batch_free(batch);
    return status;
}

static int add_sample(const char *id, unsigned char content, int64_t *ret_version,
                      struct error *err)
{
    struct new_sample sample = sample_named(id, content);
    size_t at;

    return add(&sample, 1, render, ret_version, &at, err);
}

static int lay_samples(struct error *err)
{
    static char ids[SAMPLES][32];
    struct new_sample samples[SAMPLES];
    int64_t versions[SAMPLES];
    size_t at;

    if (db_begin(admin, err) < 0 || store_dataset_ensure(admin, DATASET, "of a test", err) < 0)
        return -1;
    for (int i = 0; i < SAMPLES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "Some_%%%04d", i);
        samples[i] = sample_named(ids[i], 1);
    }
    for (size_t done = 0; done < SAMPLES; done += SAMPLES / 6) {
        if (add(samples + done, SAMPLES / 6, render, versions + done, &at, err) < 0)
            return -1;
    }
    return db_commit(admin, err);
}

#define NOON (INT64_C(1767268800) * CLOCK_SECOND)

static int64_t created_at(const char *id)
{
    static const struct query query = {
        "SELECT created_at FROM samples WHERE dataset = ? AND sample_id = ? AND latest"};
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &query, &err, db_text(DATASET), db_text(id));

    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    CU_ASSERT_TRUE_FATAL(db_next(rows));
    return db_row_time(rows, 0);
}

/* New, changed, as before; what one of them lacks, another has. */
static void samples_that_come_together_are_told_apart(void)
{
    struct new_sample samples[] = {sample_named("Some_%0003", 1), sample_named("Some_%0004", 2),
                                   sample_named("together-1", 1), sample_named("together-2", 1),
                                   sample_named("Some_%0005", 2)};
    int64_t versions[ARRAY_SIZE(samples)];
    size_t at;

    samples[2].created_at = NOON;
    samples[3].image = "an-image";
    samples[3].verify_timeout = 7;
    OK(db_begin(admin, &err));
    OK(add(samples, ARRAY_SIZE(samples), render, versions, &at, &err));
    CU_ASSERT_EQUAL(versions[0], 0);
    CU_ASSERT_EQUAL(versions[1], 2);
    CU_ASSERT_EQUAL(versions[2], 1);
    CU_ASSERT_EQUAL(versions[3], 1);
    CU_ASSERT_EQUAL(versions[4], 2);
    CU_ASSERT_EQUAL(created_at("together-1"), NOON);
    CU_ASSERT_EQUAL(created_at("together-2"), 0);
    {
        _cleanup_(sample_summary_release) struct sample_summary summary = {0};
        _cleanup_(buf_release) struct buf json = BUF_INIT;

        OK(store_sample_get(admin, DATASET, "together-2", 0, &summary, &json, &err));
        CU_ASSERT_STRING_EQUAL(summary.image, "an-image");
        CU_ASSERT_EQUAL(summary.verify_timeout, 7);
        CU_ASSERT_PTR_NOT_NULL(strstr(json.data, "\"id\":\"together-2\",\"version\":1"));
    }
    db_rollback(admin);
}

static void of_samples_that_come_together_the_one_that_is_refused_is_named(void)
{
    struct new_sample samples[] = {sample_named("refused-1", 1), sample_named("refused-2", 1),
                                   sample_named("refused-3", 1), sample_named("refused-4", 1)};
    int64_t versions[ARRAY_SIZE(samples)];
    struct error why = ERROR_INIT;
    size_t at = 0;

    samples[2].verifier = "no such word";
    OK(db_begin(admin, &err));
    CU_ASSERT_EQUAL(add(samples, ARRAY_SIZE(samples), render, versions, &at, &why), -1);
    CU_ASSERT_EQUAL(at, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.message, "verifier"));
    db_rollback(admin);
}

/* The page is `expected` samples, the first of them number `first`. */
static void expect_page(const struct sample_page *page, int first, int expected)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    const char *at;
    int count = 0;

    OK(store_sample_page_plain(api, page, &json, &err));
    at = json.data;
    while ((at = strstr(at, "{\"id\":\"Some_%"))) {
        CU_ASSERT_EQUAL(strtol(at + 13, NULL, 10), first + count);
        count++;
        at++;
    }
    CU_ASSERT_EQUAL(count, expected);
    CU_ASSERT_EQUAL(json.length == 0, expected == 0);
}

static void pages_are_in_order_and_complete(void)
{
    expect_page(&(struct sample_page){.dataset = DATASET}, 0, SAMPLES);
    expect_page(&(struct sample_page){.dataset = DATASET, .offset = 10}, 10, SAMPLES - 10);
    expect_page(&(struct sample_page){.dataset = DATASET, .offset = 10, .limit = 5}, 10, 5);
    expect_page(&(struct sample_page){.dataset = DATASET, .limit = 256}, 0, 256);
    expect_page(&(struct sample_page){.dataset = DATASET, .limit = 512, .offset = 1}, 1, 512);
    expect_page(&(struct sample_page){.dataset = DATASET, .offset = SAMPLES, .limit = 5}, 0, 0);
    expect_page(&(struct sample_page){.dataset = "none"}, 0, 0);
}

static void search_knows_no_case_and_no_wildcard(void)
{
    int64_t count;

    expect_page(&(struct sample_page){.dataset = DATASET, .search = "oME_%05"}, 500, 100);
    expect_page(&(struct sample_page){.search = "some_%0123"}, 123, 1);
    expect_page(&(struct sample_page){.dataset = DATASET, .search = "Some%0123"}, 0, 0);
    expect_page(&(struct sample_page){.dataset = DATASET, .search = "' OR ''='"}, 0, 0);
    OK(store_sample_count(api, &(struct sample_page){.dataset = DATASET, .search = "_%05"}, &count,
                          &err));
    CU_ASSERT_EQUAL(count, 100);
    OK(store_sample_count(api, &(struct sample_page){.search = "_%05"}, &count, &err));
    CU_ASSERT_EQUAL(count, 100);
    OK(store_sample_count(api, &(struct sample_page){.dataset = DATASET}, &count, &err));
    CU_ASSERT_EQUAL(count, SAMPLES);
}

struct stream {
    struct buf deflated;
    uint64_t length;
    int pieces;
};

static void add_piece(const struct sample_piece *piece, void *arg)
{
    struct stream *stream = arg;

    buf_add(&stream->deflated, piece->bytes, piece->size);
    stream->length += piece->json_length;
    stream->pieces++;
}

static void deflated_pages_hold_the_same(void)
{
    const struct sample_page page = {.dataset = DATASET, .offset = 3, .limit = 300};
    struct stream stream = {.deflated = BUF_INIT};
    char *out = malloc(1000000);
    z_stream inflater = {.next_out = (unsigned char *)out, .avail_out = 1000000};
    _cleanup_(buf_release) struct buf json = BUF_INIT;

    OK(store_sample_page_deflated(api, &page, add_piece, &stream, &err));
    OK(store_sample_page_plain(api, &page, &json, &err));
    CU_ASSERT_EQUAL(stream.pieces, 300);
    inflater.next_in = (unsigned char *)stream.deflated.data;
    inflater.avail_in = (unsigned)stream.deflated.length;
    CU_ASSERT_EQUAL_FATAL(inflateInit2(&inflater, -MAX_WBITS), Z_OK);
    CU_ASSERT_EQUAL(inflate(&inflater, Z_SYNC_FLUSH), Z_OK);
    CU_ASSERT_EQUAL(inflater.total_out, stream.length);
    CU_ASSERT_EQUAL(inflater.total_out + 299, json.length); /* the commas */
    CU_ASSERT_EQUAL(memcmp(out, json.data, strlen("{\"id\":\"Some_%0003\"")), 0);
    inflateEnd(&inflater);
    buf_release(&stream.deflated);
    free(out);
}

static void versions_are_found(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT, before = BUF_INIT;
    struct error refused = ERROR_INIT;
    int64_t version;

    OK(db_begin(admin, &err));
    OK(add_sample("Some_%0007", 1, &version, &err));
    CU_ASSERT_EQUAL(version, 0);
    OK(add_sample("Some_%0007", 2, &version, &err));
    CU_ASSERT_EQUAL(version, 2);
    OK(db_commit(admin, &err));
    OK(store_sample_text(api, DATASET, "Some_%0007", 0, &version, &text, &err));
    CU_ASSERT_EQUAL(version, 2);
    OK(store_sample_text(api, DATASET, "Some_%0007", 1, &version, &before, &err));
    CU_ASSERT_EQUAL(version, 1);
    CU_ASSERT_STRING_NOT_EQUAL(text.data, before.data);
    CU_ASSERT_EQUAL(store_sample_text(api, DATASET, "Some_%0007", 3, &version, &text, &refused),
                    -1);
    CU_ASSERT_EQUAL(refused.kind, ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_sample_text(api, DATASET, "some_%0007", 0, &version, &text, &refused),
                    -1);
    expect_page(&(struct sample_page){.dataset = DATASET}, 0, SAMPLES);
}

static void the_stamp_tells_a_restored_catalog(void)
{
    static const char restore[] = "UPDATE samples SET imported_at = imported_at + INTERVAL 1 "
                                  "MICROSECOND ORDER BY row_id DESC LIMIT 1";
    struct sample_stamp before, same, after;

    OK(store_sample_stamp(api, false, &before, &err));
    OK(store_sample_stamp(api, false, &same, &err));
    CU_ASSERT_TRUE(before.count >= SAMPLES && before.last >= before.count);
    CU_ASSERT_EQUAL(memcmp(&before, &same, sizeof(same)), 0);
    OK(db_run_script(admin, restore, strlen(restore), &err));
    OK(store_sample_stamp(api, false, &after, &err));
    CU_ASSERT_EQUAL(after.count, before.count);
    CU_ASSERT_EQUAL(after.last, before.last);
    CU_ASSERT_EQUAL(after.imported_at, before.imported_at + 1);
}

static void hide(size_t i, int64_t version, struct buf *json, struct buf *whole,
                 unsigned char hash[32], void *arg)
{
    (void)i;
    (void)version;
    (void)arg;
    buf_add_str(json, "{}");
    buf_add_str(whole, "{\"patch\":\"secret\"}");
    memset(hash, 'h', 32);
}

static int add_hidden(int64_t *ret_version, struct error *err)
{
    const struct new_sample sample = {.dataset = "hidden",
                                      .sample_id = "a",
                                      .instance_id = "a",
                                      .language = "c",
                                      .verifier = "test_suite",
                                      .repo_path = "/r",
                                      .verifier_command = "v",
                                      .report_paths = "[]",
                                      .fail_to_pass = "[\"secret\"]",
                                      .pass_to_pass = "[\"secret\"]",
                                      .fail_to_fail = "[\"secret\"]",
                                      .solution = "secret",
                                      .held_out = "[\"t\"]",
                                      .restore = "[]",
                                      .hides_answers = true};
    size_t at;

    return add(&sample, 1, hide, ret_version, &at, err);
}

/* Each is denied, or finds nothing. */
static void workers_read_no_answer(void)
{
    static const struct query denied[] = {{"SELECT json FROM sample_answers"},
                                          {"SELECT solution FROM sample_answers"},
                                          {"SELECT detail FROM sample_checks"},
                                          {"SELECT fail_to_pass FROM samples"},
                                          {"SELECT pass_to_pass FROM samples"},
                                          {"SELECT fail_to_fail FROM samples"},
                                          {"SELECT trial FROM samples"},
                                          {"SELECT setup_command FROM samples"},
                                          {"SELECT verifier_command FROM samples"},
                                          {"SELECT restore_list FROM samples"},
                                          {"SELECT * FROM samples"}};
    static const struct query texts = {
        "SELECT GROUP_CONCAT(json ORDER BY version) FROM samples WHERE "
        "dataset='hidden' AND sample_id='a' AND version < 3"};
    struct error err = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(api, &texts, NULL, 0, &err);

    for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
        struct error why = ERROR_INIT;

        CU_ASSERT_PTR_NULL(db_select(api, &denied[i], NULL, 0, &why));
        CU_ASSERT_PTR_NOT_NULL(strstr(why.message, "denied"));
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    CU_ASSERT_TRUE_FATAL(db_next(rows));
    CU_ASSERT_STRING_EQUAL(db_row_text(rows, 0), ",{}"); /* of the version before: nothing */
}

static void hidden_answers_are_out_of_the_workers_reach(void)
{
    static const char shown[] =
        "INSERT INTO samples SELECT NULL, 'hidden', 'a', 1, TRUE, instance_id, language, verifier, "
        "image, verifier_image, repo_path, verifier_command, report_paths, verify_timeout, "
        "fail_to_pass, pass_to_pass, fail_to_fail, version_description, created_at, imported_at, "
        "'x', json, deflated, json_length, json_crc32, FALSE, NULL, NULL, NULL, FALSE, NULL, NULL, "
        "FALSE, NULL "
        "FROM samples WHERE sample_id='Some_%0001' AND latest";
    _cleanup_(sample_summary_release) struct sample_summary summary = {0}, before = {0};
    _cleanup_(buf_release) struct buf json = BUF_INIT, whole = BUF_INIT, solution = BUF_INIT;
    _cleanup_(buf_release) struct buf shown_before = BUF_INIT, text = BUF_INIT, latest = BUF_INIT;
    struct error refused = ERROR_INIT;
    int64_t version;

    OK(store_dataset_ensure(admin, "hidden", NULL, &err));
    OK(db_run_script(admin, shown, strlen(shown), &err));
    OK(store_sample_text(api, "hidden", "a", 1, &version, &text, &err));
    OK(add_hidden(&version, &err));
    CU_ASSERT_EQUAL(version, 2);
    OK(store_sample_page_plain(api, &(struct sample_page){.dataset = "hidden"}, &json, &err));
    CU_ASSERT_STRING_EQUAL(json.data, "{}");
    OK(store_sample_get(admin, "hidden", "a", 0, &summary, &whole, &err));
    CU_ASSERT_STRING_EQUAL(whole.data, "{\"patch\":\"secret\"}");
    CU_ASSERT_TRUE(summary.hides_answers);
    OK(store_sample_solution(admin, "hidden", "a", 2, &solution, &err));
    CU_ASSERT_STRING_EQUAL(solution.data, "secret");
    workers_read_no_answer();
    OK(store_sample_get(admin, "hidden", "a", 1, &before, &shown_before, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(shown_before.data, "Some_%0001"));
    /* The version before, whose answers could be seen, is given to nobody any more. */
    CU_ASSERT_EQUAL(store_sample_text(api, "hidden", "a", 1, &version, &text, &refused), -1);
    CU_ASSERT_EQUAL(refused.kind, ERROR_NOT_FOUND);
    OK(store_sample_text(api, "hidden", "a", 2, &version, &latest, &err));
    CU_ASSERT_STRING_EQUAL(latest.data, "{}");
}

/* As a database of an earlier release has them: a version that shows its answers, and one that
 * hides them. The file is applied to it once more. */
static void versions_before_hiding_are_out_of_reach_in_an_older_database(void)
{
    static const char old[] =
        "UPDATE samples SET json='shown', deflated='shown', json_length=5, json_crc32=1"
        " WHERE dataset='hidden' AND version=1;"
        "DELETE FROM sample_answers WHERE row_id ="
        " (SELECT row_id FROM samples WHERE dataset='hidden' AND version=1)";
    static const struct query text = {"SELECT CONCAT(json, deflated, json_length, json_crc32)"
                                      " FROM samples WHERE dataset='hidden' AND version=1"};
    const char *file = getenv("CODESET_SQL_0022");
    _cleanup_(sample_summary_release) struct sample_summary summary = {0};
    _cleanup_(buf_release) struct buf sql = BUF_INIT, whole = BUF_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    OK(file_read(AT_FDCWD, file, 1 << 20, &sql, &err));
    OK(db_run_script(admin, old, strlen(old), &err));
    OK(db_run_script(admin, sql.data, sql.length, &err));
    rows = db_select(api, &text, NULL, 0, &(struct error){0});
    CU_ASSERT_TRUE_FATAL(rows && db_next(rows));
    CU_ASSERT_STRING_EQUAL(db_row_text(rows, 0), "00");
    OK(store_sample_get(admin, "hidden", "a", 1, &summary, &whole, &err));
    CU_ASSERT_STRING_EQUAL(whole.data, "shown");
}

/* Their text was taken away, and does not come back. */
static void versions_before_hiding_stay_out_of_reach_when_answers_are_shown_again(void)
{
    static const char show[] = "UPDATE samples SET answers_hidden = FALSE WHERE dataset='hidden'";
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error refused = ERROR_INIT;
    int64_t version;

    OK(db_run_script(admin, show, strlen(show), &err));
    OK(store_sample_text(api, "hidden", "a", 2, &version, &text, &err));
    CU_ASSERT_EQUAL(store_sample_text(api, "hidden", "a", 1, &version, &text, &refused), -1);
    CU_ASSERT_EQUAL(refused.kind, ERROR_NOT_FOUND);
}

/* --- what image check looks for -------------------------------------------------------------- */

static void render_patches(size_t i, int64_t version, struct buf *json, struct buf *whole,
                           unsigned char hash[32], void *arg)
{
    const struct new_sample *sample = arg;

    (void)i;
    (void)version;
    memset(hash, 'p', 32);
    buf_add_str(sample->hides_answers ? whole : json,
                "{\"patch\":\"+fix\\n\",\"test_patch\":\"+test\\n\"}");
    if (sample->hides_answers)
        buf_add_str(json, "{\"patch\":\"\",\"test_patch\":\"\"}");
}

static void see_answer(const struct image_answer *answer, void *arg)
{
    CU_ASSERT_STRING_EQUAL(answer->repo_path, "/r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer->patch);
    CU_ASSERT_STRING_EQUAL(answer->patch, "+fix\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer->test_patch);
    CU_ASSERT_STRING_EQUAL(answer->test_patch, "+test\n");
    ++*(int *)arg;
}

/* Of a sample that shows its answers, and of one that hides them. */
static void an_images_answers_are_found(void)
{
    int count = 0;

    OK(db_begin(admin, &err));
    for (int i = 0; i < 2; i++) {
        struct new_sample sample = sample_named(i ? "answers-hidden" : "answers-shown", 1);
        int64_t version;
        size_t at;

        sample.image = "with-answers";
        sample.hides_answers = i == 1;
        OK(add(&sample, 1, render_patches, &version, &at, &err));
    }
    OK(store_image_answers(admin, "with-answers", see_answer, &count, &err));
    CU_ASSERT_EQUAL(count, 2);
    db_rollback(admin);
}

/* --- rights ---------------------------------------------------------------------------------- */

static void count_change(const char *account, const char *verb, const char *right, void *arg)
{
    (void)account;
    (void)verb;
    (void)right;
    ++*(int *)arg;
}

struct reader {
    struct db *db;
    atomic_bool over;
    atomic_int reads, refusals;
};

static void *keep_reading(void *arg)
{
    struct reader *reader = arg;
    int64_t count;

    while (!atomic_load(&reader->over)) {
        struct error refused = ERROR_INIT;

        if (store_sample_count(reader->db, &(struct sample_page){.dataset = "hidden"}, &count,
                               &refused) < 0)
            atomic_fetch_add(&reader->refusals, 1);
        atomic_fetch_add(&reader->reads, 1);
    }
    return NULL;
}

/* Of the release before, whose workers are at work. */
static void workers_lose_the_rest_of_a_table_and_read_on(void)
{
    static const char as_before[] =
        "EXECUTE IMMEDIATE CONCAT('GRANT SELECT ON samples TO ', @codeset_before)";
    static const struct query name = {"SET @codeset_before = CONCAT(QUOTE(?), '@localhost')"};
    static const struct query trial = {"SELECT trial FROM samples"};
    struct reader reader = {.db = db_new(&settings.database, DB_API, &(struct error){0})};
    int revoked = 0, missing = 0;
    pthread_t thread;

    CU_ASSERT_FATAL(pthread_create(&thread, NULL, keep_reading, &reader) == 0);
    for (int i = 0; i < 20; i++) {
        struct error denied = ERROR_INIT;
        int before = atomic_load(&reader.reads);

        OK(DB_RUN(admin, &name, NULL, &err, db_text(settings.database.db_api_user)));
        OK(db_run_script(admin, as_before, strlen(as_before), &err));
        while (atomic_load(&reader.reads) == before)
            sched_yield();
        OK(store_accounts_ensure(admin, &settings.database, count_change, &revoked, &err));
        CU_ASSERT_PTR_NULL(db_select(api, &trial, NULL, 0, &denied));
    }
    atomic_store(&reader.over, true);
    pthread_join(thread, NULL);
    db_free(reader.db);
    CU_ASSERT_EQUAL(revoked, 20);
    CU_ASSERT_EQUAL(atomic_load(&reader.refusals), 0);
    OK(store_accounts_check(admin, &settings.database, count_change, &missing, &err));
    CU_ASSERT_EQUAL(missing, 0);
}

static void set_state(const char *sample_id, int64_t version, enum sample_state state)
{
    const struct sample_check check = {.dataset = DATASET,
                                       .sample_id = sample_id,
                                       .version = version,
                                       .state = state,
                                       .repeats = 3,
                                       .detail = "{}"};

    OK(store_sample_check_set(admin, &check, &err));
}

static bool good_stamp_differs(struct sample_stamp *before)
{
    struct sample_stamp after;
    bool differs;

    OK(store_sample_stamp(api, true, &after, &err));
    differs = memcmp(before, &after, sizeof(after)) != 0;
    *before = after;
    return differs;
}

/* Some_%0007 has a version 2, by the test above. */
static void only_good_samples_are_runnable(void)
{
    const struct sample_page good = {.dataset = DATASET, .runnable = true};
    struct sample_stamp stamp = {0};
    int64_t count;

    expect_page(&good, 0, 0);
    OK(store_sample_stamp(api, true, &stamp, &err));
    CU_ASSERT_FALSE(good_stamp_differs(&stamp));
    set_state("Some_%0004", 1, SAMPLE_GOOD);
    set_state("Some_%0005", 1, SAMPLE_GOOD);
    set_state("Some_%0006", 1, SAMPLE_FLAKY);
    set_state("Some_%0007", 1, SAMPLE_GOOD);
    expect_page(&good, 4, 2);
    expect_page(&(struct sample_page){.dataset = DATASET, .search = "0005", .runnable = true}, 5,
                1);
    expect_page(&(struct sample_page){.search = "some_%0004", .runnable = true}, 4, 1);
    OK(store_sample_count(api, &good, &count, &err));
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_TRUE(good_stamp_differs(&stamp));
    set_state("Some_%0005", 1, SAMPLE_BROKEN);
    CU_ASSERT_TRUE(good_stamp_differs(&stamp));
    expect_page(&good, 4, 1);
    set_state("Some_%0004", 1, SAMPLE_GOOD);
    CU_ASSERT_TRUE(good_stamp_differs(&stamp)); /* one for another is told, too */
    set_state("Some_%0009", 1, SAMPLE_BROKEN);
    CU_ASSERT_FALSE(good_stamp_differs(&stamp));
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a key is accepted until it is revoked", a_key_is_accepted_until_it_is_revoked},
        {"a key is accepted until it expires", a_key_is_accepted_until_it_expires},
        {"a user who is locked out is refused, by key and by token",
         a_user_who_is_locked_out_is_refused},
        {"a token of nobody is refused", a_token_of_nobody_is_refused},
        {"unknown and malformed keys are refused", unknown_and_malformed_keys_are_refused},
        {"the use of a key is recorded at most once a minute",
         use_of_a_key_is_recorded_at_most_once_a_minute},
        {"pages are in order and complete", pages_are_in_order_and_complete},
        {"a search knows no case and no wildcard", search_knows_no_case_and_no_wildcard},
        {"deflated pages hold the same", deflated_pages_hold_the_same},
        {"versions are found", versions_are_found},
        {"samples that come together are told apart", samples_that_come_together_are_told_apart},
        {"of samples that come together, the one that is refused is named",
         of_samples_that_come_together_the_one_that_is_refused_is_named},
        {"hidden answers are out of the workers' reach",
         hidden_answers_are_out_of_the_workers_reach},
        {"versions before hiding are out of reach in an older database",
         versions_before_hiding_are_out_of_reach_in_an_older_database},
        {"versions before hiding stay out of reach when answers are shown again",
         versions_before_hiding_stay_out_of_reach_when_answers_are_shown_again},
        {"an image's answers are found", an_images_answers_are_found},
        {"workers lose the rest of a table, and read on",
         workers_lose_the_rest_of_a_table_and_read_on},
        {"the stamp tells a restored catalog", the_stamp_tells_a_restored_catalog},
        {"only good samples are runnable, and the stamp tells which",
         only_good_samples_are_runnable},
    };

    return fixture_main("catalog", tests, ARRAY_SIZE(tests), lay_samples);
}
