/*
 * What the daemon does about money, in time: charging, ending who can't pay, going on where another
 * was killed.
 */
#include "fixture.h"
#include "suites.h"

#include "base/cleanup.h"
#include "reaper/billing.h"

#include "base/banned.h"

static struct machine m;
static struct billing *billing;
static struct billing_settings settings;

static void begin(void)
{
    settings = (struct billing_settings){
        .enabled = true, .cents_per_minute = 5, .meter_seconds = 1, .agent_job_cents = 1};
    machine_open(&m, "alone");
    daemon_begin(&m);
}

static void begin_billing(void)
{
    billing = billing_new(&m.context, &settings);
}

static void kill_daemon(void)
{
    daemon_kill(&m);
    billing_free(TAKE_PTR(billing));
}

static void finish(void)
{
    machine_is_clean(&m);
    kill_daemon();
    machine_close(&m);
}

/* A ready session at 5 cents a minute, since a minute ago. */
static struct id priced_session(void)
{
    static const char sql[] = "UPDATE sessions SET price_cents=5, unsettled=TRUE, "
                              "created_at=created_at - INTERVAL 60500 * 1000 MICROSECOND "
                              "WHERE status='ready'";
    struct id session = ready_session();

    tell(sql);
    return session;
}

static void fund(const char *cents)
{
    char script[200];

    snprintf(script, sizeof(script),
             "REPLACE INTO balances (user_id, balance_cents, paid_cents) VALUES ('%s', %s, %s)",
             fixture_user.text, cents, cents);
    tell(script);
}

static bool is_charged(const struct id *session)
{
    return answers("SELECT COUNT(*) FROM ledger_transactions WHERE session_id=?", session, "1") &&
           answers("SELECT COUNT(*) FROM sessions WHERE session_id=? AND unsettled IS NULL",
                   session, "1");
}

static void a_session_is_charged_soon_after_its_end(void)
{
    struct id session;

    begin();
    fund("1000");
    session = priced_session();
    begin_billing();
    close_session(&session);
    UNTIL(is_charged(&session));
    CU_ASSERT(answers("SELECT COUNT(*) FROM ledger_transactions WHERE session_id=? AND "
                      "amount_cents <= -5",
                      &session, "1"));
    finish();
}

static void who_can_not_pay_any_more_loses_the_session_and_its_container(void)
{
    struct id session, container;

    begin();
    fund("1000");
    session = priced_session();
    container = container_of(&session);
    begin_billing();
    fund("5");
    UNTIL(session_is(&session, "terminated"));
    CU_ASSERT(session_error_is(&session, "CREDITS_EXHAUSTED"));
    UNTIL(container_is(&container, "gone"));
    UNTIL(is_charged(&session));
    finish();
}

static void a_daemon_that_was_killed_leaves_the_charge_to_the_next(void)
{
    struct id sessions[8];

    begin();
    fund("1000");
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        sessions[i] = priced_session();
    begin_billing();
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        close_session(&sessions[i]);
    UNTIL(is_charged(&sessions[0]));
    kill_daemon();
    daemon_begin(&m);
    begin_billing();
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
        UNTIL(is_charged(&sessions[i]));
    finish();
}

static void with_billing_off_nothing_is_charged_or_ended(void)
{
    struct id session;

    begin();
    settings.enabled = false;
    fund("0");
    session = priced_session();
    begin_billing();
    close_session(&session);
    UNTIL(answers("SELECT COUNT(*) FROM sessions WHERE session_id=? AND unsettled IS NULL",
                  &session, "1"));
    CU_ASSERT(session_is(&session, "closed"));
    CU_ASSERT(
        answers("SELECT COUNT(*) FROM ledger_transactions WHERE session_id=?", &session, "0"));
    finish();
}

static const struct unit_test tests[] = {
    {"a session is charged soon after its end", a_session_is_charged_soon_after_its_end},
    {"who can't pay any more loses the session and its container",
     who_can_not_pay_any_more_loses_the_session_and_its_container},
    {"a daemon that was killed leaves the charge to the next",
     a_daemon_that_was_killed_leaves_the_charge_to_the_next},
    {"with billing off nothing is charged or ended", with_billing_off_nothing_is_charged_or_ended},
};

const struct suite suite_billing = {tests, ARRAY_SIZE(tests)};
