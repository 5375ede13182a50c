/*
 * Lists that don't slow down: pages of a user with 900,000 sessions among a million, and three
 * million interactions, against the page of a user with as many sessions as a page has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

#define PAGE 100
#define DEEP 9000

/* A page's time; it must be full. */
static double page(const char *key, const char *query)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions?page_size=%d%s", PAGE, query);
    int64_t begun = clock_monotonic();
    _cleanup_(answer_release) struct answer *answer = SEND(.path = path, .key = key);
    double seconds = (double)(clock_monotonic() - begun) / CLOCK_SECOND;
    json_object *rows = answer_at(answer, "sessions");

    if (answer->status != 200 || json_object_array_length(rows) != PAGE)
        bench_fail("%s: %ld %.300s", path, answer->status, answer->body.data);
    return seconds;
}

/* seq counts; the statuses are those of sessions that have ended. */
static void lay_sessions(const char *user, const char *sequence)
{
    if (sql("INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, "
            "requested_at, created_at, expires_at, ended_at) SELECT UUID(), '%s', '" DATASET
            "', '" SOLVABLE "', 1, ELT(1 + seq %% 4, 'closed', 'closed', 'error', 'terminated'), "
            "NOW(6), NOW(6), NOW(6) + INTERVAL 1 DAY, NOW(6) FROM %s",
            user, sequence) != 0)
        bench_fail("no sessions");
}

static void lay_the_rest(void)
{
    _cleanup_(buf_release) struct buf other = BUF_INIT;

    if (ctl(&other, "user add Rest rest@example.com") != 0)
        bench_fail("no third user");
    while (other.length > 0 && other.data[other.length - 1] == '\n')
        buf_truncate(&other, other.length - 1);
    lay_sessions(fixture_user(), "seq_1_to_900000");
    lay_sessions(other.data, "seq_1_to_99900");
    if (sql("INSERT INTO interactions (interaction_id, session_id, interaction_type, status, "
            "command, command_timeout, exit_code, success, ended_at) SELECT UUID(), s.session_id, "
            "'exec_command', 'completed', 'true', 60, 0, TRUE, NOW(6) FROM sessions s "
            "JOIN seq_1_to_3 WHERE s.status IN ('closed','error','terminated')") != 0)
        bench_fail("no interactions");
}

static void compare(const char *what, const char *query)
{
    struct series ours = {0}, small = {0};

    page(NULL, query);
    for (int round = 0; round < bench_rounds; round++) {
        series_add(&ours, page(NULL, query));
        series_add(&small, page(fixture_other_key(), ""));
    }
    table_row(what, &ours, &small, "ms", 1e3, "<= 2");
    series_release(&ours);
    series_release(&small);
}

void bench_lists(void)
{
    _cleanup_(free_ptr) char *deep = xasprintf("&page=%d", DEEP);
    _cleanup_(free_ptr) char *closed = xasprintf("&status=closed&page=%d", DEEP / 2);
    struct series before = {0};
    int64_t begun;

    lay_sessions(fixture_other_user(), "seq_1_to_100");
    page(fixture_other_key(), "");
    for (int round = 0; round < bench_rounds; round++)
        series_add(&before, page(fixture_other_key(), ""));
    begun = clock_monotonic();
    lay_the_rest();
    table_note("a page of an empty database: %.2f ms; 1 M sessions and 3 M interactions loaded in "
               "%lld s",
               1e3 * series_percentile(&before, 50),
               (long long)((clock_monotonic() - begun) / CLOCK_SECOND));
    compare("GET /sessions, 1 of 9,000 pages : the only page", "");
    compare("GET /sessions, page 9,000 : the only page", deep);
    compare("GET /sessions?status=closed, page 4,500 : the only page", closed);
    series_release(&before);
}
