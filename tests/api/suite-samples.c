/* GET /samples and the download of a sample. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

static void a_page_has_samples_and_counts(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/samples?dataset=" PAGING "&page=1&page_size=100", .key = "");

    STATUS(answer, 200);
    SHAPE(answer->json, "samples:a total_count:i page:i page_size:i has_more:b");
    INT(answer, "total_count", PAGING_COUNT);
    INT(answer, "page", 1);
    INT(answer, "page_size", 100);
    CHECK(json_object_get_boolean(answer_at(answer, "has_more")));
    CHECK(json_object_array_length(answer_at(answer, "samples")) == 100);
    for (size_t i = 0; i < 100; i++)
        SHAPE(json_object_array_get_idx(answer_at(answer, "samples"), i), SHAPE_SAMPLE);
}

static void pages_cover_everything_once(void)
{
    char last[64] = "";
    size_t seen = 0;

    for (int page = 1; page <= 4; page++) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/samples?dataset=" PAGING "&page=%d&page_size=77", page);
        json_object *samples = answer_at(answer, "samples");

        STATUS(answer, 200);
        CHECK(json_object_get_boolean(answer_at(answer, "has_more")) == (page < 3));
        for (size_t i = 0; samples && i < json_object_array_length(samples); i++, seen++) {
            const char *id = json_get_text(json_object_array_get_idx(samples, i), "sample_id");

            CHECK_MSG(strcmp(id, last) > 0, "%s after %s", id, last);
            snprintf(last, sizeof(last), "%s", id);
        }
    }
    CHECK_MSG(seen == PAGING_COUNT, "saw %zu", seen);
}

static void without_a_page_all_are_listed(void)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/samples?dataset=" PAGING, .key = "");

    STATUS(answer, 200);
    CHECK(json_object_array_length(answer_at(answer, "samples")) == PAGING_COUNT);
    CHECK(!json_object_get_boolean(answer_at(answer, "has_more")));
}

static void one_of_page_and_page_size_gives_the_other_its_default(void)
{
    _cleanup_(answer_release) struct answer *page =
        client_get("/samples?dataset=" PAGING "&page=2");
    _cleanup_(answer_release) struct answer *size =
        client_get("/samples?dataset=" PAGING "&page_size=3");

    INT(page, "page", 2);
    INT(page, "page_size", 25);
    CHECK(json_object_array_length(answer_at(page, "samples")) == 25);
    INT(size, "page", 1);
    CHECK(json_object_array_length(answer_at(size, "samples")) == 3);
}

static void a_page_behind_the_last_is_empty(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_get("/samples?dataset=" PAGING "&page=9223372036854775807&page_size=100");
    _cleanup_(answer_release) struct answer *near = client_get("/samples?page=100000&page_size=1");

    CHECK_MSG(answer->status == 200 || answer->status == 422, "%ld %s", answer->status,
              answer->body.data);
    STATUS(near, 200);
    CHECK(json_object_array_length(answer_at(near, "samples")) == 0);
    CHECK(!json_object_get_boolean(answer_at(near, "has_more")));
}

static void an_unknown_dataset_is_empty(void)
{
    _cleanup_(answer_release) struct answer *answer = client_get("/samples?dataset=nonesuch");

    STATUS(answer, 200);
    INT(answer, "total_count", 0);
    CHECK(json_object_array_length(answer_at(answer, "samples")) == 0);
}

static void search_finds_anywhere_in_any_case(void)
{
    static const char *const searches[] = {"page-007", "PAGE-007", "ME__pAgE-007"};

    for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/samples?dataset=" PAGING "&search=%s", searches[i]);

        STATUS(answer, 200);
        INT(answer, "total_count", 1);
        TEXT(answer, "samples.0.instance_id", "acme__Page-007");
    }
}

/* % and _ are plain characters for a search. */
static void search_has_no_wildcards(void)
{
    static const char *const searches[] = {"acme%25Page", "acme_APage", "Page%5C", "%27%20OR%201=1",
                                           "Pag_-007"};

    for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/samples?dataset=" PAGING "&search=%s", searches[i]);

        STATUS(answer, 200);
        INT(answer, "total_count", 0);
    }
}

static void the_solution_and_the_lists_are_as_imported(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_get("/samples?dataset=" DATASET "&search=calc-1");

    STATUS(answer, 200);
    TEXT(answer, "samples.0.instance_id", SOLVABLE);
    TEXT(answer, "samples.0.sample_id", SOLVABLE);
    TEXT(answer, "samples.0.dataset", DATASET);
    TEXT(answer, "samples.0.repo", "calc/calc");
    TEXT(answer, "samples.0.language", "python");
    TEXT(answer, "samples.0.verifier", "test_suite");
    TEXT(answer, "samples.0.fail_to_pass.0", "calc::adds");
    TEXT(answer, "samples.0.pass_to_pass.0", "calc::adds_nothing");
    TEXT(answer, "samples.0.problem_statement", "Sums are wrong: 2 + 3 gives -1 (ä你😀).");
    CHECK(strncmp(answer_text(answer, "samples.0.created_at"), "2024-05-06T07:08:09", 19) == 0);
    CHECK(strstr(answer_text(answer, "samples.0.patch"), "+echo $(($1 + $2))\n") != NULL);
}

static void both_dialects_of_lists_are_read(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_get("/samples?dataset=" DATASET "&search=dialect");

    TEXT(answer, "samples.0.fail_to_pass.0", "calc::adds");
    CHECK(json_object_array_length(answer_at(answer, "samples.0.pass_to_pass")) == 0);
}

static int gunzip(const struct buf *in, struct buf *out)
{
    z_stream stream = {.next_in = (unsigned char *)in->data, .avail_in = (unsigned)in->length};
    int result = Z_OK;

    if (inflateInit2(&stream, 15 + 16) != Z_OK)
        return -1;
    while (result == Z_OK) {
        unsigned char chunk[65536];

        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        result = inflate(&stream, Z_NO_FLUSH);
        buf_add(out, chunk, sizeof(chunk) - stream.avail_out);
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END && stream.avail_in == 0 ? 0 : -1;
}

/* A gzip stream is put together from pieces made at import; it must be the plain bytes. */
static void gzip_holds_the_same_bytes(void)
{
    static const char *const paths[] = {"/samples?dataset=" PAGING "&page_size=100",
                                        "/samples?dataset=" DATASET,
                                        "/samples?dataset=" PAGING "&page=3&page_size=100",
                                        "/samples?dataset=nonesuch&page_size=100"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *plain =
            SEND(.path = paths[i], .headers = {"Accept-Encoding: identity"});
        _cleanup_(answer_release) struct answer *packed =
            SEND(.path = paths[i], .headers = {"Accept-Encoding: gzip"});
        _cleanup_(buf_release) struct buf unpacked = BUF_INIT;
        char encoding[32];

        STATUS(packed, 200);
        answer_header(packed, "Content-Encoding", encoding, sizeof(encoding));
        if (plain->body.length > 2000)
            CHECK_MSG(strcmp(encoding, "gzip") == 0, "%s: '%s'", paths[i], encoding);
        if (strcmp(encoding, "gzip") != 0)
            continue;
        CHECK_MSG(gunzip(&packed->body, &unpacked) == 0, "%s: a broken gzip stream", paths[i]);
        CHECK_MSG(unpacked.length == plain->body.length &&
                      memcmp(unpacked.data, plain->body.data, unpacked.length) == 0,
                  "%s: %zu bytes, not %zu", paths[i], unpacked.length, plain->body.length);
    }
}

static void gzip_is_for_those_who_ask(void)
{
    static const struct {
        const char *header;
        bool packed;
    } cases[] = {
        {"Accept-Encoding: gzip;q=0", false},
        {"Accept-Encoding: br", false},
        {"Accept-Encoding: deflate, gzip", true},
        {"Accept-Encoding: identity", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(answer_release) struct answer *answer =
            SEND(.path = "/samples?dataset=" PAGING, .headers = {cases[i].header});
        char encoding[32];

        answer_header(answer, "Content-Encoding", encoding, sizeof(encoding));
        CHECK_MSG((strcmp(encoding, "gzip") == 0) == cases[i].packed, "%s: '%s'", cases[i].header,
                  encoding);
    }
}

static void query_faults_are_named(void)
{
    static const struct {
        const char *query, *faults;
    } cases[] = {
        {"page=0", "query.page greater_than_equal: Input should be greater than or equal to 1"},
        {"page=-5", "query.page greater_than_equal"},
        {"page=x", "query.page int_parsing: Input should be a valid integer, unable to parse "
                   "string as an integer"},
        {"page=1.5", "query.page int_parsing"},
        {"page=99999999999999999999", "query.page int_parsing"},
        {"page_size=0", "query.page_size greater_than_equal"},
        {"page_size=101",
         "query.page_size less_than_equal: Input should be less than or equal to 100"},
        {"page=0&page_size=0", "query.page greater_than_equal; query.page_size greater_than_equal"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(answer_release) struct answer *answer = client_get("/samples?%s", cases[i].query);

        if (strstr(cases[i].query, "9999")) { /* pydantic says int_parsing_size or a bound */
            STATUS(answer, 422);
            continue;
        }
        if (!FAULTS(answer, cases[i].faults))
            fprintf(stderr, "    query was: %s\n", cases[i].query);
    }
}

static void unknown_query_members_are_ignored(void)
{
    _cleanup_(answer_release) struct answer *answer =
        client_get("/samples?dataset=" PAGING "&page_size=1&colour=red&page_size=2");

    STATUS(answer, 200);
}

/* A changed line is a new version; the same line again is none. */
static void a_changed_sample_is_a_new_version(void)
{
    _cleanup_(answer_release) struct answer *before = NULL, *after = NULL, *again = NULL;
    char unique[9];
    int64_t version;

    random_base62(unique, 8);
    before = client_get("/samples?dataset=" DATASET "&search=calc-slow");
    version = answer_int(before, "samples.0.version");
    CHECK(version >= 1);
    CHECK(shell(NULL,
                "grep calc-slow %s/blackbox.jsonl | sed 's/Sums are wrong/Sums %s/' "
                ">%s/changed.jsonl",
                fixture_folder(), unique, fixture_folder()) == 0);
    CHECK(ctl(NULL, "dataset import %s/changed.jsonl --dataset " DATASET " >&2",
              fixture_folder()) == 0);
    after = client_get("/samples?dataset=" DATASET "&search=calc-slow");
    INT(after, "total_count", 1);
    INT(after, "samples.0.version", version + 1);
    CHECK(json_object_get_boolean(answer_at(after, "samples.0.latest")));
    CHECK(strstr(answer_text(after, "samples.0.problem_statement"), unique) != NULL);
    CHECK(ctl(NULL, "dataset import %s/changed.jsonl --dataset " DATASET " >&2",
              fixture_folder()) == 0);
    again = client_get("/samples?dataset=" DATASET "&search=calc-slow");
    INT(again, "samples.0.version", version + 1);
}

#define SECRET "secret"

/* The version before, which was open, is nobody's any more; and a result says how many, not which.
 */
static void hidden_answers_are_nobody_s_but_the_operator_s(void)
{
    _cleanup_(answer_release) struct answer *open = NULL, *hidden = NULL, *old = NULL, *now = NULL;
    _cleanup_(answer_release) struct answer *started = NULL, *failed = NULL;
    _cleanup_(buf_release) struct buf exported = BUF_INIT, unpacked = BUF_INIT;
    struct ident id;

    CHECK(shell(NULL, "grep '\"" SOLVABLE "\"' %s/blackbox.jsonl >%s/secret.jsonl",
                fixture_folder(), fixture_folder()) == 0);
    CHECK(ctl(NULL, "dataset import %s/secret.jsonl --dataset " SECRET " >&2", fixture_folder()) ==
          0);
    open = client_get("/samples?dataset=" SECRET);
    TEXT(open, "samples.0.fail_to_pass.0", "calc::adds");
    CHECK(ctl(NULL, "dataset import %s/secret.jsonl --dataset " SECRET " --answers hidden >&2",
              fixture_folder()) == 0);
    hidden = client_get("/samples?dataset=" SECRET);
    INT(hidden, "samples.0.version", 2);
    TEXT(hidden, "samples.0.patch", "");
    TEXT(hidden, "samples.0.test_patch", "");
    CHECK(!strstr(hidden->body.data, "calc::adds"));
    old = SEND(.path = "/samples/" SECRET "/" SOLVABLE "/download?version=1", .direct = true);
    REFUSED(old, 404, "SAMPLE_NOT_FOUND");
    now = SEND(.path = "/samples/" SECRET "/" SOLVABLE "/download", .direct = true);
    STATUS(now, 200);
    CHECK(gunzip(&now->body, &unpacked) == 0);
    CHECK(!memmem(unpacked.data, unpacked.length, "calc::adds", 10));
    CHECK(!memmem(unpacked.data, unpacked.length, "+++ b/add", 9));
    CHECK(ctl(&exported, "dataset export " SECRET) == 0);
    CHECK(strstr(exported.data, "calc::adds") && strstr(exported.data, "+++ b/add"));
    id = session_ready(NULL, SECRET, SOLVABLE);
    started = client_post(NULL, "/sessions/%s/verify", id.text);
    failed = verification_wait(NULL, id.text, answer_text(started, "job_id"), 60);
    TEXT(failed, "status", "completed");
    INT(failed, "result.failed", 1);
    CHECK(strncmp(answer_text(failed, "result.stderr"),
                  "--- no success ---\nfail_to_pass: 1 of 1 did not pass\n---\n", 57) == 0);
    session_close(NULL, id.text);
    CHECK(ctl(NULL, "dataset remove " SECRET " >&2") == 0);
}

/* Nothing of a file with a bad line is imported, and the line is named. */
static void a_bad_line_imports_nothing(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    _cleanup_(answer_release) struct answer *answer = NULL;

    CHECK(shell(NULL,
                "cd %s && { head -1 paging.jsonl | sed 's/Page-001/Page-bad-1/'; "
                "echo '{\"instance_id\":5}'; } >bad.jsonl",
                fixture_folder()) == 0);
    CHECK(ctl(&out, "dataset import %s/bad.jsonl --dataset " PAGING " 2>&1", fixture_folder()) !=
          0);
    CHECK_MSG(strstr(out.data, "2") != NULL, "the line is not named: %.300s", out.data);
    answer = client_get("/samples?dataset=" PAGING "&search=bad-1");
    INT(answer, "total_count", 0);
}

static const struct test tests[] = {
    {"a page has samples and counts", a_page_has_samples_and_counts},
    {"pages in order cover everything once", pages_cover_everything_once},
    {"without page and page_size all are listed", without_a_page_all_are_listed},
    {"with one of page and page_size the other has a default",
     one_of_page_and_page_size_gives_the_other_its_default},
    {"a page behind the last is empty", a_page_behind_the_last_is_empty},
    {"an unknown data set is empty", an_unknown_dataset_is_empty},
    {"search finds anywhere, in any case", search_finds_anywhere_in_any_case},
    {"search knows no wildcards", search_has_no_wildcards},
    {"a sample is shown as it was imported", the_solution_and_the_lists_are_as_imported},
    {"lists may be JSON strings or arrays", both_dialects_of_lists_are_read},
    {"gzip holds the same bytes", gzip_holds_the_same_bytes},
    {"gzip is for those who ask for it", gzip_is_for_those_who_ask},
    {"faults of the query are named, all of them", query_faults_are_named},
    {"unknown members of a query are ignored", unknown_query_members_are_ignored},
    {"a changed sample is a new version, the same line none", a_changed_sample_is_a_new_version},
    {"hidden answers are nobody's but the operator's",
     hidden_answers_are_nobody_s_but_the_operator_s},
    {"a file with a bad line imports nothing", a_bad_line_imports_nothing},
};

SUITE(samples, tests);

/* --- download --------------------------------------------------------------------------------- */

#define DOWNLOAD "/samples/" DATASET "/" SOLVABLE "/download"

static bool holds(const struct buf *bytes, const char *text)
{
    return memmem(bytes->data, bytes->length, text, strlen(text)) != NULL;
}

static void a_sample_is_downloaded_whole(void)
{
    static const char *const names[] = {"sample.json", "problem_statement.md", "patch.diff",
                                        "test_patch.diff"};
    _cleanup_(answer_release) struct answer *answer = SEND(.path = DOWNLOAD, .direct = true);
    _cleanup_(answer_release) struct answer *list = NULL;
    _cleanup_(buf_release) struct buf unpacked = BUF_INIT;
    char value[256];

    STATUS(answer, 200);
    TEXT(answer, "detail", "");
    CHECK(strcmp(answer_header(answer, "Content-Type", value, sizeof(value)), "application/gzip") ==
          0);
    answer_header(answer, "Content-Disposition", value, sizeof(value));
    CHECK_MSG(strncmp(value, "attachment", 10) == 0 && strstr(value, SOLVABLE), "%s", value);
    CHECK(answer_has_header(answer, "ETag"));
    answer_header(answer, "Accept-Ranges", value, sizeof(value));
    CHECK_MSG(strcmp(value, "bytes") == 0, "Accept-Ranges '%s'", value);
    CHECK(!answer_has_header(answer, "Content-Encoding"));
    CHECK(answer_has_header(answer, "X-Request-Id"));
    CHECK(gunzip(&answer->body, &unpacked) == 0);
    list = client_get("/samples?dataset=" DATASET "&search=" SOLVABLE);
    CHECK(holds(&unpacked, answer_text(list, "samples.0.problem_statement")));
    CHECK(holds(&unpacked, answer_text(list, "samples.0.patch")));
    CHECK(holds(&unpacked, "\"instance_id\":\"" SOLVABLE "\""));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        CHECK_MSG(holds(&unpacked, names[i]), "no %s", names[i]);
}

static void ranges_are_parts_of_the_whole(void)
{
    _cleanup_(answer_release) struct answer *whole = SEND(.path = DOWNLOAD, .direct = true);
    _cleanup_(answer_release) struct answer *part =
        SEND(.path = DOWNLOAD, .headers = {"Range: bytes=10-29"});
    _cleanup_(answer_release) struct answer *end =
        SEND(.path = DOWNLOAD, .headers = {"Range: bytes=-5"});
    _cleanup_(answer_release) struct answer *beyond =
        SEND(.path = DOWNLOAD, .headers = {"Range: bytes=99999999-"});

    if (!STATUS(whole, 200) || !STATUS(part, 206) || !STATUS(end, 206))
        return;
    CHECK(part->body.length == 20 && memcmp(part->body.data, whole->body.data + 10, 20) == 0);
    CHECK(end->body.length == 5 &&
          memcmp(end->body.data, whole->body.data + whole->body.length - 5, 5) == 0);
    REFUSED(beyond, 416, "RANGE_NOT_SATISFIABLE");
}

/* RFC 9110, section 13.1.5. */
static void a_range_of_something_else_is_the_whole(void)
{
    _cleanup_(answer_release) struct answer *whole = SEND(.path = DOWNLOAD, .direct = true);
    _cleanup_(answer_release) struct answer *part = NULL, *other = NULL;
    _cleanup_(free_ptr) char *header = NULL;
    char etag[128];

    header = xasprintf("If-Range: %s", answer_header(whole, "ETag", etag, sizeof(etag)));
    part = SEND(.path = DOWNLOAD, .headers = {"Range: bytes=0-9", header}, .direct = true);
    STATUS(part, 206);
    other = SEND(.path = DOWNLOAD, .headers = {"Range: bytes=0-9", "If-Range: \"other\""},
                 .direct = true);
    STATUS(other, 200);
    CHECK(other->body.length == whole->body.length);
}

static void what_is_known_is_not_sent_again(void)
{
    _cleanup_(answer_release) struct answer *whole = SEND(.path = DOWNLOAD, .direct = true);
    _cleanup_(answer_release) struct answer *again = NULL, *other = NULL;
    _cleanup_(free_ptr) char *header = NULL;
    char etag[128];

    header = xasprintf("If-None-Match: %s", answer_header(whole, "ETag", etag, sizeof(etag)));
    again = SEND(.path = DOWNLOAD, .headers = {header}, .direct = true);
    STATUS(again, 304);
    CHECK(again->body.length == 0);
    other = SEND(.path = DOWNLOAD, .headers = {"If-None-Match: \"other\""}, .direct = true);
    STATUS(other, 200);
}

static void head_of_a_download_tells_its_length(void)
{
    _cleanup_(answer_release) struct answer *whole = SEND(.path = DOWNLOAD, .direct = true);
    _cleanup_(answer_release) struct answer *head = SEND(.method = "HEAD", .path = DOWNLOAD);
    char length[32];

    STATUS(head, 200);
    CHECK(strtoul(answer_header(head, "Content-Length", length, sizeof(length)), NULL, 10) ==
          whole->body.length);
}

/* The old version stays as it was. */
static void versions_are_downloaded_apart(void)
{
    _cleanup_(answer_release) struct answer *list =
        client_get("/samples?dataset=" DATASET "&search=calc-dialect");
    int64_t version = answer_int(list, "samples.0.version");
    _cleanup_(answer_release) struct answer *old = NULL, *latest = NULL, *numbered = NULL;
    _cleanup_(free_ptr) char *path = NULL;
    char unique[9];

    random_base62(unique, 8);
    path = xasprintf("/samples/" DATASET "/calc__calc-dialect/download?version=%d", (int)version);
    numbered = SEND(.path = path, .direct = true);
    STATUS(numbered, 200);
    CHECK(shell(NULL,
                "grep calc-dialect %s/blackbox.jsonl | sed 's/Sums are wrong/Sums %s/' "
                ">%s/changed.jsonl",
                fixture_folder(), unique, fixture_folder()) == 0);
    CHECK(ctl(NULL, "dataset import %s/changed.jsonl --dataset " DATASET " >&2",
              fixture_folder()) == 0);
    old = SEND(.path = path, .direct = true);
    latest = SEND(.path = "/samples/" DATASET "/calc__calc-dialect/download", .direct = true);
    STATUS(old, 200);
    STATUS(latest, 200);
    CHECK(old->body.length == numbered->body.length &&
          memcmp(old->body.data, numbered->body.data, old->body.length) == 0);
    CHECK(latest->body.length != old->body.length ||
          memcmp(latest->body.data, old->body.data, old->body.length) != 0);
}

static void what_is_not_there_is_404(void)
{
    static const char *const paths[] = {
        "/samples/nonesuch/" SOLVABLE "/download",
        "/samples/" DATASET "/nonesuch/download",
        DOWNLOAD "?version=99999",
        "/samples/" DATASET "/..%2f..%2fetc%2fpasswd/download",
        "/samples/..%2f/x/download",
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *answer = SEND(.path = paths[i], .direct = i >= 3);

        STATUS(answer, 404);
        if (i < 3)
            REFUSED(answer, 404, "SAMPLE_NOT_FOUND");
    }
}

static void a_version_must_be_a_number(void)
{
    _cleanup_(answer_release) struct answer *word = client_get(DOWNLOAD "?version=latest");

    FAULTS(word, "query.version int_parsing");
}

static const struct test download_tests[] = {
    {"a sample is downloaded whole", a_sample_is_downloaded_whole},
    {"ranges are parts of the whole", ranges_are_parts_of_the_whole},
    {"a range of something else is the whole", a_range_of_something_else_is_the_whole},
    {"what the client knows is not sent again", what_is_known_is_not_sent_again},
    {"HEAD tells the length", head_of_a_download_tells_its_length},
    {"an old version stays downloadable as it was", versions_are_downloaded_apart},
    {"unknown data set, sample or version is 404", what_is_not_there_is_404},
    {"a version must be a number", a_version_must_be_a_number},
};

SUITE(download, download_tests);
