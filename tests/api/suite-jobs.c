/*
 * Agent jobs: creation, lists, logs, results, and what runners elsewhere say by the job's secret.
 * The agent `elsewhere` needs no container; what jobs here do is in tests/jobs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

#define SHAPE_ITEM                                                                                 \
    "job_id:u repo:s ref:s? agent_id:s status:s created_at:t progress_pct:i progress_stage:s? "    \
    "completed_at:t? error_message:s?"
#define SHAPE_AGENT_JOB SHAPE_ITEM " result_available:b"
#define RUNNER "elsewhere"

/* A user of the test's own, with credits and a key; the earlier ones' jobs are nobody's business.
 */
struct somebody {
    char email[64];
    char key[80];
};

static void first_line(const struct buf *text, char *line, size_t size)
{
    snprintf(line, size, "%.*s", (int)strcspn(text->data, "\n"), text->data);
}

static struct somebody somebody_with(int cents)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct somebody somebody;
    char random[13];

    random_base62(random, 12);
    snprintf(somebody.email, sizeof(somebody.email), "job-%s@example.com", random);
    CHECK(ctl(NULL, "agent add " RUNNER " --elsewhere --timeout 600") == 0);
    CHECK(ctl(NULL, "user add Somebody %s --credit %d", somebody.email, cents) == 0);
    CHECK(ctl(&out, "key add %s", somebody.email) == 0);
    first_line(&out, somebody.key, sizeof(somebody.key));
    return somebody;
}

static int64_t balance_of(const struct somebody *somebody)
{
    _cleanup_(answer_release) struct answer *answer =
        SEND(.path = "/billing/balance", .key = somebody->key);

    return answer_int(answer, "balance");
}

static struct answer *create(const char *key, const char *body)
{
    return SEND(.path = "/agent-jobs", .key = key, .body = body);
}

static struct ident created(const struct somebody *somebody)
{
    _cleanup_(answer_release) struct answer *answer =
        create(somebody->key, "{\"repo\":\"public/hello\",\"agent_id\":\"" RUNNER "\"}");
    struct ident id;

    STATUS(answer, 201);
    snprintf(id.text, sizeof(id.text), "%s", answer_text(answer, "job_id"));
    return id;
}

static struct answer *get(const struct somebody *somebody, const char *id, const char *what)
{
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs%s%s%s", id[0] ? "/" : "", id, what);

    /* A result is bytes, of which the validator would make a text. */
    return SEND(.path = path, .key = somebody->key, .direct = strncmp(what, "/result", 7) == 0);
}

/* The job is a runner's from now on. Others' that wait are taken before it. */
static struct ident taken(const char *id)
{
    struct ident secret = {""};

    for (int i = 0; i < 100 && !secret.text[0]; i++) {
        _cleanup_(buf_release) struct buf out = BUF_INIT;
        _cleanup_(buf_release) struct buf field = BUF_INIT;
        _cleanup_(free_ptr) char *file = xasprintf("%s/taken", fixture_folder());

        if (ctl(&out, "job take --agent " RUNNER " 2>&-") != 0)
            break;
        if (!strstr(out.data, id))
            continue;
        shell(&field, "printf '%%s' '%s' | jq -r .secret", out.data);
        first_line(&field, secret.text, sizeof(secret.text));
    }
    CHECK_MSG(secret.text[0] != '\0', "job %s was not taken", id);
    return secret;
}

static struct answer *say(const char *id, const char *verb, const char *format, const char *secret)
{
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs/%s/%s", id, verb);
    _cleanup_(buf_release) struct buf body = BUF_INIT;

    for (const char *c = format; *c; c++) {
        if (*c == '$')
            buf_add_str(&body, secret);
        else
            buf_add_char(&body, *c);
    }
    return SEND(.method = "POST", .path = path, .key = "", .body = body.data);
}

/* --- creation -------------------------------------------------------------------------------- */

static void a_job_is_created_charged_and_shown(void)
{
    struct somebody somebody = somebody_with(500);
    _cleanup_(answer_release) struct answer *made =
        create(somebody.key,
               "{\"repo\":\"public/hello\",\"ref\":\"feature/x\",\"agent_id\":\"" RUNNER "\"}");
    _cleanup_(answer_release) struct answer *shown = NULL, *log = NULL;

    STATUS(made, 201);
    SHAPE(made->json, "job_id:u status:s");
    TEXT(made, "status", "pending");
    CHECK(balance_of(&somebody) == 400);
    shown = get(&somebody, answer_text(made, "job_id"), "");
    STATUS(shown, 200);
    SHAPE(shown->json, SHAPE_AGENT_JOB);
    TEXT(shown, "ref", "feature/x");
    TEXT(shown, "repo", "public/hello");
    log = get(&somebody, answer_text(made, "job_id"), "/log");
    STATUS(log, 200);
    SHAPE(log->json, "log:s total_bytes:i");
}

static void a_repository_must_be_in_reach(void)
{
    static const char *const out_of_reach[] = {"private/hello", "public/hello-gone",
                                               "public/hello-moved", "Octo/repo-501-1"};
    struct somebody somebody = somebody_with(500);

    for (size_t i = 0; i < ARRAY_SIZE(out_of_reach); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"repo\":\"%s\",\"agent_id\":\"" RUNNER "\"}", out_of_reach[i]);
        _cleanup_(answer_release) struct answer *answer = create(somebody.key, body);

        REFUSED(answer, 403, "GITHUB_APP_NOT_INSTALLED");
    }
    CHECK(balance_of(&somebody) == 500);
}

static void a_private_repository_is_reached_by_an_installation_of_ones_own(void)
{
    static const char body[] =
        "{\"repo\":\"Octo/repo-507-1\",\"agent_id\":\"" RUNNER "\",\"ref\":null}";
    struct somebody owner = somebody_with(500), other = somebody_with(500);
    _cleanup_(answer_release) struct answer *refused = NULL, *answer = NULL;

    CHECK(sql("UPDATE users SET github_id=NULL, github_login=NULL WHERE github_id IN ('507', "
              "'5071')") == 0);
    CHECK(sql("UPDATE users SET github_id='507', github_login='octo' WHERE email='%s'",
              owner.email) == 0);
    CHECK(sql("UPDATE users SET github_id='5071', github_login='octo' WHERE email='%s'",
              other.email) == 0);
    refused = create(other.key, body);
    REFUSED(refused, 403, "GITHUB_APP_NOT_INSTALLED"); /* the login is not enough */
    answer = create(owner.key, body);
    STATUS(answer, 201);
    CHECK(sql("SELECT 1/(SELECT COUNT(*) FROM agent_jobs WHERE job_id='%s' AND "
              "installation_id=507)",
              answer_text(answer, "job_id")) == 0);
}

static void names_follow_githubs_and_gits_rules(void)
{
    static const char *const wrong[] = {
        "{\"repo\":\"hello\",\"agent_id\":\"x\"}",
        "{\"repo\":\"a/b/c\",\"agent_id\":\"x\"}",
        "{\"repo\":\"a/..\",\"agent_id\":\"x\"}",
        "{\"repo\":\"-a/b\",\"agent_id\":\"x\"}",
        "{\"repo\":\"a/b.git\",\"agent_id\":\"x\"}",
        "{\"repo\":\"a/b c\",\"agent_id\":\"x\"}",
        "{\"repo\":\"a/b\\u0000\",\"agent_id\":\"x\"}",
        "{\"repo\":\"https://github.com/a/b\",\"agent_id\":\"x\"}",
    };
    static const char *const refs[] = {"-x",   "a..b",   "a b",      "a~1", "a^", "a:b",  "a?",
                                       "*",    "[a",     "a\\\\",    "/a",  "a/", "a//b", ".a",
                                       "a/.b", "a.lock", "a.lock/b", "a.",  "@",  "a@{1}"};

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_(answer_release) struct answer *answer = create(NULL, wrong[i]);

        FAULTS(answer, "body.repo value_error");
    }
    for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
        _cleanup_(free_ptr) char *body =
            xasprintf("{\"repo\":\"a/b\",\"agent_id\":\"x\",\"ref\":\"%s\"}", refs[i]);
        _cleanup_(answer_release) struct answer *answer = create(NULL, body);

        FAULTS(answer, "body.ref value_error");
    }
}

static void what_is_missing_is_named(void)
{
    _cleanup_(answer_release) struct answer *fields = create(NULL, "{}");
    _cleanup_(answer_release) struct answer *agent =
        create(NULL, "{\"repo\":\"public/hello\",\"agent_id\":\"no-such-one\"}");

    FAULTS(fields, "body.repo missing: Field required; body.agent_id missing: Field required");
    REFUSED(agent, 404, "AGENT_NOT_FOUND");
}

static void without_funds_nothing_is_created(void)
{
    struct somebody poor = somebody_with(99);
    _cleanup_(answer_release) struct answer *answer =
        create(poor.key, "{\"repo\":\"public/hello\",\"agent_id\":\"" RUNNER "\"}");
    _cleanup_(answer_release) struct answer *list = get(&poor, "", "?limit=1");

    REFUSED(answer, 402, "INSUFFICIENT_CREDITS");
    CHECK(balance_of(&poor) == 99);
    CHECK(json_object_array_length(answer_at(list, "jobs")) == 0);
}

static void open_jobs_are_limited(void)
{
    struct somebody somebody = somebody_with(5000);
    _cleanup_(answer_release) struct answer *answer = NULL;
    char value[16];

    for (int i = 0; i < 4; i++)
        created(&somebody);
    answer = create(somebody.key, "{\"repo\":\"public/hello\",\"agent_id\":\"" RUNNER "\"}");
    REFUSED(answer, 429, "JOB_LIMIT");
    CHECK(answer_header(answer, "Retry-After", value, sizeof(value))[0] != '\0');
    CHECK(strstr(answer_text(answer, "detail.message"), "is 4") != NULL);
}

static void a_key_makes_one_job_of_several_requests(void)
{
    static const char body[] = "{\"repo\":\"public/hello\",\"agent_id\":\"" RUNNER "\"}";
    struct somebody somebody = somebody_with(500);
    char header[64] = "Idempotency-Key: ", random[21];
    _cleanup_(answer_release) struct answer *first = NULL, *again = NULL, *other = NULL;

    random_base62(random, 20);
    snprintf(header + strlen(header), 24, "%s", random);
    first = SEND(.path = "/agent-jobs", .key = somebody.key, .body = body, .headers = {header});
    again = SEND(.path = "/agent-jobs", .key = somebody.key, .body = body, .headers = {header});
    other = SEND(.path = "/agent-jobs", .key = somebody.key,
                 .body = "{\"repo\":\"public/other\",\"agent_id\":\"" RUNNER "\"}",
                 .headers = {header});
    STATUS(first, 201);
    STATUS(again, 201);
    CHECK(answer_has_header(again, "Idempotency-Hit"));
    TEXT(again, "job_id", answer_text(first, "job_id"));
    REFUSED(other, 409, "IDEMPOTENCY_KEY_REUSED");
    CHECK(balance_of(&somebody) == 400);
}

static void somebody_elses_job_is_like_nobodys(void)
{
    static const char *const paths[] = {"", "/log", "/result"};
    struct somebody somebody = somebody_with(500), other = somebody_with(0);
    struct ident id = created(&somebody);

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(answer_release) struct answer *theirs = get(&other, id.text, paths[i]);
        _cleanup_(answer_release) struct answer *nobodys =
            get(&other, "01900000-0000-7000-8000-000000000000", paths[i]);
        _cleanup_(answer_release) struct answer *no_id = get(&other, "no-id", paths[i]);

        REFUSED(theirs, 404, "AGENT_JOB_NOT_FOUND");
        SAME(theirs, nobodys);
        REFUSED(no_id, 404, "AGENT_JOB_NOT_FOUND");
    }
}

/* --- lists ----------------------------------------------------------------------------------- */

static void pages_are_newest_first_and_stable(void)
{
    struct somebody somebody = somebody_with(5000);
    _cleanup_(answer_release) struct answer *one = NULL, *two = NULL, *bad = NULL, *range = NULL;
    _cleanup_(free_ptr) char *query = NULL;
    struct ident ids[3];

    for (int i = 0; i < 3; i++)
        ids[i] = created(&somebody);
    one = get(&somebody, "", "?limit=2");
    STATUS(one, 200);
    SHAPE(one->json, "jobs:a has_more:b next_cursor:s?");
    SHAPE(answer_at(one, "jobs.0"), SHAPE_ITEM);
    TEXT(one, "jobs.0.job_id", ids[2].text);
    TEXT(one, "jobs.1.job_id", ids[1].text);
    CHECK(json_object_get_boolean(answer_at(one, "has_more")));
    created(&somebody);
    query = xasprintf("?limit=2&cursor=%s", answer_text(one, "next_cursor"));
    two = get(&somebody, "", query);
    TEXT(two, "jobs.0.job_id", ids[0].text);
    CHECK(json_object_array_length(answer_at(two, "jobs")) == 1);
    CHECK(!json_object_get_boolean(answer_at(two, "has_more")));
    CHECK(answer_at(two, "next_cursor") == NULL);
    bad = get(&somebody, "", "?cursor=bad");
    REFUSED(bad, 400, "INVALID_CURSOR");
    range = get(&somebody, "", "?limit=101");
    FAULTS(range, "query.limit less_than_equal");
}

/* --- results --------------------------------------------------------------------------------- */

/* Three folders of a result, made by gzip and tar: a member each, and one that ends the archive. */
static void lay_result(const char *id)
{
    CHECK(shell(NULL,
                "set -e; s=$CODESET_STACK/results/%s; w=$(mktemp -d); cd $w; "
                "mkdir -p common one two; echo c >common/f; echo 1 >one/f; echo 2 >two/f; "
                "parts=; at=0; mkdir -m 2770 $s; chgrp www-data $s; "
                "for d in common one two; do tar -c --owner=0 --group=0 $d | "
                "head -c $((3 * 512)) | gzip -n >$d.gz; n=$(stat -c %%s $d.gz); "
                "parts=\"$parts{\\\"name\\\":\\\"$d\\\",\\\"offset\\\":$at,\\\"length\\\":$n},\"; "
                "at=$((at + n)); done; "
                "head -c 1024 /dev/zero | gzip -n >end.gz; n=$(stat -c %%s end.gz); "
                "parts=\"[$parts{\\\"name\\\":\\\"\\\",\\\"offset\\\":$at,\\\"length\\\":$n}]\"; "
                "cat common.gz one.gz two.gz end.gz >$s/all.tar.gz; chmod 0644 $s/all.tar.gz; "
                "mariadb --no-defaults -S $CODESET_STACK/run/mysqld/mysqld.sock -u root codeset -e "
                "\"UPDATE agent_jobs SET status='completed', completed_at='2026-11-05 10:00:00', "
                "result_bytes=$((at + n)), result_parts='$parts' WHERE job_id='%s'\"; rm -r $w",
                id, id) == 0);
}

/* The names of its files are these. */
static void check_archive(const struct answer *answer, const char *names)
{
    _cleanup_(free_ptr) char *file = xasprintf("%s/result.tar.gz", fixture_folder());
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct error err = ERROR_INIT;

    CHECK(file_write_atomic(AT_FDCWD, file, answer->body.data, answer->body.length, 0600, &err) ==
          0);
    CHECK(shell(&out, "tar -tzf %s | tr '\\n' ' '", file) == 0);
    CHECK_MSG(strcmp(out.data, names) == 0, "it has: %s", out.data);
}

static void a_result_is_all_of_it_or_some_folders(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody);
    _cleanup_(answer_release) struct answer *before = get(&somebody, id.text, "/result");
    _cleanup_(answer_release) struct answer *all = NULL, *one = NULL, *both = NULL, *none = NULL;
    _cleanup_(answer_release) struct answer *part = NULL, *shown = NULL;
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs/%s/result", id.text);
    char value[200];

    REFUSED(before, 404, "RESULT_NOT_FOUND");
    lay_result(id.text);
    shown = get(&somebody, id.text, "");
    CHECK(json_object_get_boolean(answer_at(shown, "result_available")));
    all = get(&somebody, id.text, "/result");
    STATUS(all, 200);
    answer_header(all, "Content-Disposition", value, sizeof(value));
    CHECK_MSG(strcmp(value, "attachment; filename=\"codeset-public-hello-2026-11-05.tar.gz\"") == 0,
              "it is %s", value);
    answer_header(all, "Content-Type", value, sizeof(value));
    CHECK(strcmp(value, "application/gzip") == 0);
    check_archive(all, "common/ common/f one/ one/f two/ two/f ");
    one = get(&somebody, id.text, "/result?agent_id=one");
    check_archive(one, "common/ common/f one/ one/f ");
    both = get(&somebody, id.text, "/result?agent_id=two&agent_id=one");
    check_archive(both, "common/ common/f one/ one/f two/ two/f ");
    none = get(&somebody, id.text, "/result?agent_id=one&agent_id=three");
    REFUSED(none, 404, "RESULT_NOT_FOUND");
    part = SEND(.path = path, .key = somebody.key, .headers = {"Range: bytes=0-9"});
    STATUS(part, 206);
    CHECK(part->body.length == 10 && memcmp(part->body.data, all->body.data, 10) == 0);
    CHECK(sql("UPDATE agent_jobs SET result_removed=TRUE WHERE job_id='%s'", id.text) == 0);
    answer_free(part);
    part = get(&somebody, id.text, "/result");
    REFUSED(part, 404, "RESULT_NOT_FOUND");
}

static void choices_of_a_result_are_few_on_the_disk(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody);
    _cleanup_(buf_release) struct buf count = BUF_INIT;
    static const char *const names[] = {"one", "two", "common"};

    lay_result(id.text);
    for (size_t i = 0; i < 6; i++) {
        _cleanup_(free_ptr) char *query = xasprintf("/result?agent_id=%s", names[i % 3]);
        _cleanup_(answer_release) struct answer *answer = get(&somebody, id.text, query);

        STATUS(answer, 200);
    }
    shell(&count, "ls $CODESET_STACK/results/%s | wc -l", id.text);
    CHECK_MSG(strtol(count.data, NULL, 10) == 4, "%s files", count.data);
}

/* --- by the secret --------------------------------------------------------------------------- */

static void a_runner_tells_of_progress_and_failure(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody), secret = taken(id.text);
    _cleanup_(answer_release) struct answer *told = NULL, *shown = NULL, *ended = NULL;
    _cleanup_(answer_release) struct answer *again = NULL, *late = NULL, *end = NULL;

    told =
        say(id.text, "progress",
            "{\"secret\":\"$\",\"progress_pct\":40,\"progress_stage\":\"Reading\"}", secret.text);
    STATUS(told, 200);
    SHAPE(told->json, "");
    shown = get(&somebody, id.text, "");
    INT(shown, "progress_pct", 40);
    TEXT(shown, "progress_stage", "Reading");
    TEXT(shown, "status", "running");
    ended =
        say(id.text, "complete",
            "{\"secret\":\"$\",\"outcome\":\"error\",\"error_message\":\"No idea.\"}", secret.text);
    STATUS(ended, 200);
    SHAPE(ended->json, "job_id:u status:s");
    TEXT(ended, "status", "error");
    again = say(id.text, "complete", "{\"secret\":\"$\",\"outcome\":\"completed\"}", secret.text);
    TEXT(again, "status", "error");
    late = say(id.text, "progress", "{\"secret\":\"$\",\"progress_pct\":50}", secret.text);
    REFUSED(late, 401, "JOB_SECRET_REFUSED");
    end = get(&somebody, id.text, "");
    TEXT(end, "status", "error");
    TEXT(end, "error_message", "No idea.");
    CHECK(balance_of(&somebody) == 500);
}

static void a_wrong_secret_is_refused_everywhere(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody);
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs/%s/result", id.text);
    _cleanup_(answer_release) struct answer *untaken =
        say(id.text, "progress", "{\"secret\":\"\",\"progress_pct\":1}", "");
    _cleanup_(answer_release) struct answer *progress = NULL, *complete = NULL, *put = NULL;
    _cleanup_(answer_release) struct answer *without = NULL, *nobodys = NULL;

    REFUSED(untaken, 401, "JOB_SECRET_REFUSED");
    taken(id.text);
    progress = say(id.text, "progress", "{\"secret\":\"cjs_x\",\"progress_pct\":1}", "");
    REFUSED(progress, 401, "JOB_SECRET_REFUSED");
    complete = say(id.text, "complete", "{\"secret\":\"cjs_x\",\"outcome\":\"error\"}", "");
    REFUSED(complete, 401, "JOB_SECRET_REFUSED");
    put = SEND(.method = "PUT", .path = path, .key = "", .body = "x",
               .headers = {"X-Job-Secret: cjs_x"});
    REFUSED(put, 401, "JOB_SECRET_REFUSED");
    without = SEND(.method = "PUT", .path = path, .body = "x");
    REFUSED(without, 401, "JOB_SECRET_REFUSED");
    nobodys = say("01900000-0000-7000-8000-000000000000", "complete",
                  "{\"secret\":\"x\",\"outcome\":\"error\"}", "");
    REFUSED(nobodys, 404, "AGENT_JOB_NOT_FOUND");
}

static void what_runners_say_is_checked(void)
{
    _cleanup_(answer_release) struct answer *progress =
        say("x", "progress", "{\"progress_pct\":101,\"progress_stage\":5}", "");
    _cleanup_(answer_release) struct answer *complete =
        say("x", "complete", "{\"secret\":\"x\",\"outcome\":\"done\"}", "");

    FAULTS(progress, "body.secret missing; body.progress_pct less_than_equal; "
                     "body.progress_stage string_type");
    FAULTS(complete, "body.outcome enum");
}

static void a_result_is_needed_to_complete_elsewhere(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody), secret = taken(id.text);
    _cleanup_(answer_release) struct answer *answer =
        say(id.text, "complete", "{\"secret\":\"$\",\"outcome\":\"completed\"}", secret.text);

    REFUSED(answer, 409, "RESULT_MISSING");
}

/* What nginx has of a body on its disk, and what workers have of bodies. */
static int64_t bytes_on_disk(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    shell(&out, "cat $CODESET_STACK/tmp/body/* $CODESET_STACK/results/incoming/* 2>&- | wc -c");
    return strtoll(out.data, NULL, 10);
}

/* Of curl's " STATUS BYTES". nginx says 100 Continue just before its refusal, so a client that
 * reads the one before the other comes has begun to send. */
static bool was_refused(const struct buf *out, int status)
{
    const char *last = strrchr(out->data, ' ');
    _cleanup_(free_ptr) char *told = xasprintf(" %d ", status);

    return last && strstr(out->data, told) && strtoll(last, NULL, 10) < 20000000;
}

static void a_body_is_not_taken_before_its_head_is_good(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody), secret = taken(id.text);
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs/%s/result", id.text);
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    _cleanup_(answer_release) struct answer *empty = NULL, *part = NULL;
    char header[128];

    snprintf(header, sizeof(header), "X-Job-Secret: %s", secret.text);
    /* 40 MB that are not sent. */
    CHECK(
        shell(&out,
              "head -c 40000000 /dev/zero | curl -sS --cacert $CODESET_CA --http1.1 -T - "
              "-H 'Content-Length: 99999999999' -H 'Transfer-Encoding:' -H 'Expect: 100-continue' "
              "--expect100-timeout 60 -H '%s' -w ' %%{http_code} %%{size_upload}' %s%s",
              header, client_base(), path) == 0);
    CHECK_MSG(strstr(out.data, "BODY_TOO_LARGE") && was_refused(&out, 413), "%s", out.data);
    buf_clear(&out);
    CHECK(shell(&out,
                "head -c 40000000 /dev/zero | curl -sS --cacert $CODESET_CA --http1.1 -T - "
                "-H 'Expect: 100-continue' --expect100-timeout 60 -H 'X-Job-Secret: bad' "
                "-w ' %%{http_code} %%{size_upload}' %s%s",
                client_base(), path) == 0);
    CHECK_MSG(strstr(out.data, "JOB_SECRET_REFUSED") && was_refused(&out, 401), "%s", out.data);
    CHECK(bytes_on_disk() == 0);
    empty = SEND(.method = "PUT", .path = path, .key = "", .body = "", .headers = {header});
    REFUSED(empty, 422, "JOB_RESULT_REFUSED");
    part = SEND(.method = "PUT", .path = path, .key = "", .body = "x",
                .headers = {header, "Content-Range: bytes 0-0/2"});
    REFUSED(part, 400, "BAD_REQUEST");
}

static void a_result_is_put_checked_and_downloaded(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody), secret = taken(id.text);
    _cleanup_(answer_release) struct answer *result = NULL, *end = NULL, *again = NULL;
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    CHECK(shell(&out,
                "set -e; w=$(mktemp -d); mkdir -p $w/" RUNNER " $w/common; echo r >$w/" RUNNER
                "/f; echo c >$w/common/f; tar -czC $w " RUNNER " common | curl -sS --cacert "
                "$CODESET_CA -T - -H 'X-Job-Secret: %s' -w ' %%{http_code}' "
                "%s/agent-jobs/%s/result; rm -r $w",
                secret.text, client_base(), id.text) == 0);
    CHECK_MSG(strcmp(out.data, "{} 200") == 0, "%s", out.data);
    for (int i = 0; i < 2; i++) {
        _cleanup_(answer_release) struct answer *done =
            say(id.text, "complete", "{\"secret\":\"$\",\"outcome\":\"completed\"}", secret.text);

        TEXT(done, "status", "completed");
    }
    again = say(id.text, "complete",
                "{\"secret\":\"$\",\"outcome\":\"error\",\"error_message\":\"x\"}", secret.text);
    TEXT(again, "status", "completed");
    end = get(&somebody, id.text, "");
    TEXT(end, "status", "completed");
    INT(end, "progress_pct", 100);
    result = get(&somebody, id.text, "/result?agent_id=" RUNNER);
    check_archive(result, RUNNER "/ " RUNNER "/f common/ common/f ");
    CHECK(balance_of(&somebody) == 400);
}

static void what_is_no_archive_is_refused(void)
{
    struct somebody somebody = somebody_with(500);
    struct ident id = created(&somebody), secret = taken(id.text);
    _cleanup_(free_ptr) char *path = xasprintf("/agent-jobs/%s/result", id.text);
    _cleanup_(answer_release) struct answer *answer = NULL;
    char header[128];

    snprintf(header, sizeof(header), "X-Job-Secret: %s", secret.text);
    answer =
        SEND(.method = "PUT", .path = path, .key = "", .body = "no archive", .headers = {header});
    REFUSED(answer, 422, "JOB_RESULT_REFUSED");
    CHECK(bytes_on_disk() == 0);
}

static void money_adds_up(void)
{
    CHECK(ctl(NULL, "ledger audit") == 0);
}

static const struct test tests[] = {
    {"a job is created, charged and shown", a_job_is_created_charged_and_shown},
    {"a repository must be in reach", a_repository_must_be_in_reach},
    {"a private repository is reached by an installation of one's own",
     a_private_repository_is_reached_by_an_installation_of_ones_own},
    {"names follow GitHub's and git's rules", names_follow_githubs_and_gits_rules},
    {"what is missing is named", what_is_missing_is_named},
    {"without funds nothing is created", without_funds_nothing_is_created},
    {"open jobs are limited", open_jobs_are_limited},
    {"an Idempotency-Key makes one job of several requests",
     a_key_makes_one_job_of_several_requests},
    {"somebody else's job is like nobody's", somebody_elses_job_is_like_nobodys},
    {"pages are newest first, and stable while jobs are added", pages_are_newest_first_and_stable},
    {"a result is all of it or some folders", a_result_is_all_of_it_or_some_folders},
    {"choices of a result are few on the disk", choices_of_a_result_are_few_on_the_disk},
    {"a runner tells of progress and failure, and is paid nothing",
     a_runner_tells_of_progress_and_failure},
    {"a wrong secret is refused everywhere", a_wrong_secret_is_refused_everywhere},
    {"what runners say is checked", what_runners_say_is_checked},
    {"a result is needed to complete a job elsewhere", a_result_is_needed_to_complete_elsewhere},
    {"a body is not taken before its head is good", a_body_is_not_taken_before_its_head_is_good},
    {"a result is PUT, checked and downloaded", a_result_is_put_checked_and_downloaded},
    {"what is no archive is refused", what_is_no_archive_is_refused},
    {"all money adds up", money_adds_up},
};

SUITE(jobs, tests);
