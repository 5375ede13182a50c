/*
 * What a verification adds to the bare run of its verifier: the session's changes are 1 MiB in 100
 * files.
 */
#include "bench.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

static void change(const char *session)
{
    _cleanup_(answer_release) struct answer *answer =
        exec_run(session,
                 "echo 'echo $(($1 + $2))' >add && mkdir more && for i in $(seq 100); do "
                 "head -c 10486 /dev/urandom >more/$i || exit 1; done",
                 30);

    if (!answer_at(answer, "exit_code") || answer_int(answer, "exit_code") != 0)
        bench_fail("the change failed: %.300s", answer->body.data);
}

static double verify_once(const char *session)
{
    int64_t begun = clock_monotonic();
    _cleanup_(answer_release) struct answer *started =
        client_post(NULL, "/sessions/%s/verify", session);
    _cleanup_(answer_release) struct answer *answer =
        verification_wait(NULL, session, answer_text(started, "job_id"), 60);
    double seconds = (double)(clock_monotonic() - begun) / CLOCK_SECOND;

    if (!json_object_get_boolean(answer_at(answer, "result.is_success")))
        bench_fail("the verification: %.300s", answer->body.data);
    return seconds;
}

void bench_verification(void)
{
    struct ident id = bench_ready();
    struct series ours = {0}, bare = {0};

    change(id.text);
    bare_prepare(bench_container_of(id.text).text);
    verify_once(id.text);
    bare_verify();
    for (int round = 0; round < bench_rounds; round++) {
        series_add(&ours, verify_once(id.text));
        series_add(&bare, bare_verify());
    }
    bare_end();
    table_row("verification, 1 MiB in 100 files : crun run", &ours, &bare, "ms", 1e3, "");
    table_note("it adds %.0f ms (target <= 150)",
               1e3 * (series_percentile(&ours, 50) - series_percentile(&bare, 50)));
    series_release(&ours);
    series_release(&bare);
    session_close(NULL, id.text);
}
