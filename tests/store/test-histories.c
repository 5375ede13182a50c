/*
 * Random histories of money: deposits, grants, sessions, jobs, what is given back, refunds to
 * cards, disputes, expiries; doubled, and cut off between any two statements. What is right is said
 * by a model in this file, with arithmetic of its own. Against a MariaDB of its own
 * (tests/store/run); HISTORIES in the environment says how many, SEED which.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cutter.h"
#include "fixture.h"
#include "store/agents.h"
#include "store/audit.h"
#include "store/jobs.h"
#include "store/ledger.h"
#include "store/settlement.h"
#include "store/usage.h"

#include "base/banned.h"

#define STEPS 18
#define GRANTS_MAX 16
#define EVENTS_MAX 32
#define PATIENCE (180 * CLOCK_SECOND)
#define PRICE 7

/* --- the model ------------------------------------------------------------------------------- */

struct model_grant {
    struct id id;
    long long amount, left, expires; /* 0: never; small: it has ended, as the so many'th */
    bool ended;
};

/* A deposit or a charge; what was taken from it or given back since. */
struct model_event {
    char key[80];
    long long cents;          /* of a deposit: what cards can still take back */
    long long of_paid;        /* of a charge: what paid money still bears of it */
    long long of[GRANTS_MAX]; /* the same, by grant */
    long long first;          /* what it was at first */
    long long disputed;
    bool is_job, has_ended;
    struct id job_id; /* of a job */
};

struct model {
    struct id user;
    long long paid, deposited, spent;
    struct model_grant grants[GRANTS_MAX];
    size_t grant_count;
    struct model_event deposits[EVENTS_MAX], charges[EVENTS_MAX];
    size_t deposit_count, charge_count;
    long long transactions, ends;
};

/* Grants by when they end, those without an end last, else as they came. */
static size_t next_grant(const struct model *model, const bool *seen)
{
    size_t best = GRANTS_MAX;

    for (size_t i = 0; i < model->grant_count; i++) {
        long long mine = model->grants[i].expires ? model->grants[i].expires : INT64_MAX;
        long long its = best == GRANTS_MAX            ? 0
                        : model->grants[best].expires ? model->grants[best].expires
                                                      : INT64_MAX;

        if (!seen[i] && (best == GRANTS_MAX || mine < its))
            best = i;
    }
    return best;
}

static void model_charge(struct model *model, const char *key, long long cents, bool is_job)
{
    struct model_event *event = &model->charges[model->charge_count++];
    bool seen[GRANTS_MAX] = {false};
    long long rest = cents;

    *event = (struct model_event){.first = cents, .is_job = is_job};
    snprintf(event->key, sizeof(event->key), "%s", key);
    for (size_t i = next_grant(model, seen); i < GRANTS_MAX; i = next_grant(model, seen)) {
        long long taken = rest < model->grants[i].left ? rest : model->grants[i].left;

        seen[i] = true;
        if (model->grants[i].ended)
            continue;
        model->grants[i].left -= taken;
        event->of[i] = taken;
        rest -= taken;
    }
    event->of_paid = rest;
    model->paid -= rest;
    model->spent += cents;
    model->transactions++;
}

static long long still_charged(const struct model_event *event)
{
    long long sum = event->of_paid;

    for (size_t i = 0; i < GRANTS_MAX; i++)
        sum += event->of[i];
    return sum;
}

/* To paid money first, then to grants, the one that was used last first. */
static void model_give_back(struct model *model, struct model_event *event, long long cents)
{
    bool seen[GRANTS_MAX] = {false};
    size_t order[GRANTS_MAX], count = 0;
    long long part = cents < event->of_paid ? cents : event->of_paid;

    event->of_paid -= part;
    model->paid += part;
    cents -= part;
    model->spent -= part;
    for (size_t i = next_grant(model, seen); i < GRANTS_MAX; i = next_grant(model, seen)) {
        seen[i] = true;
        order[count++] = i;
    }
    while (count-- > 0) {
        size_t i = order[count];

        part = cents < event->of[i] ? cents : event->of[i];
        event->of[i] -= part;
        model->grants[i].left += part;
        cents -= part;
        model->spent -= part;
    }
    model->transactions++;
}

/* --- one movement, whatever happens to the connection ----------------------------------------- */

static struct cutter *cutter, *cutter_api; /* one serves one connection */
static struct db *cut, *cut_api;           /* the programs' accounts, through the cutter */
static struct run run;                     /* of the daemon */
static unsigned seed;
static long long cuts;

static int any(int below)
{
    return (int)(rand_r(&seed) % (unsigned)below);
}

static void maybe_arm(struct cutter *which)
{
    if (any(2))
        cutter_arm(which, any(16), any(2));
}

/* Until the database has said yes or no. */
static int until_told(int (*once)(void *arg, struct error *err), void *arg, struct error *err)
{
    int64_t until = clock_monotonic() + PATIENCE;
    int status;

    do {
        error_clear(err);
        status = once(arg, err);
    } while (status < 0 && err->kind == ERROR_UNAVAILABLE && clock_monotonic() < until);
    return status;
}

static int move_once(void *arg, struct error *err)
{
    if (db_begin(cut, err) < 0)
        return -1;
    if (store_ledger_move(cut, arg, NULL, err) == 0 && db_commit(cut, err) == 0)
        return 0;
    db_rollback(cut);
    return -1;
}

/* Told twice now and then. wanted: NULL, or the code of the refusal. */
static void move(struct ledger_movement *movement, const char *wanted)
{
    struct error err = ERROR_INIT;
    int status;

    movement->description = "of a history";
    maybe_arm(cutter);
    status = until_told(move_once, movement, &err);
    cuts += cutter_disarm(cutter);
    if (any(4) == 0 && status == 0)
        status = until_told(move_once, movement, &err);
    if (wanted) {
        CU_ASSERT_EQUAL(status, -1);
        CU_ASSERT(err.code && strcmp(err.code, wanted) == 0);
    } else if (status < 0) {
        fprintf(stderr, "%s: %s\n", movement->event_key, err.message);
        CU_FAIL_FATAL("a movement was refused");
    }
}

/* --- steps ----------------------------------------------------------------------------------- */

static void make_key(char key[80], const char *kind)
{
    struct id id = id_new();

    snprintf(key, 80, "%s:%s", kind, id.text);
}

static void step_deposit(struct model *model)
{
    struct model_event *event = &model->deposits[model->deposit_count++];
    struct ledger_movement movement = {.kind = LEDGER_DEPOSIT, .user_id = model->user};

    *event = (struct model_event){.cents = 100 + any(900)};
    make_key(event->key, "deposit");
    movement.event_key = event->key;
    movement.amount_cents = event->first = event->cents;
    move(&movement, NULL);
    model->paid += event->cents;
    model->deposited += event->cents;
    model->transactions++;
}

static void step_grant(struct model *model)
{
    static const struct query newest = {
        "SELECT grant_id FROM credit_grants WHERE user_id=? ORDER BY created_at DESC LIMIT 1"};
    struct model_grant *grant = &model->grants[model->grant_count];
    struct ledger_movement movement = {.kind = LEDGER_PROMOTION, .user_id = model->user};
    struct error err = ERROR_INIT;
    struct db_rows *rows;
    char key[80];

    make_key(key, "grant");
    *grant = (struct model_grant){.amount = 1 + any(400)};
    grant->left = grant->amount;
    if (any(3) > 0)
        grant->expires = clock_now() + (1 + any(1000)) * INT64_C(3600) * CLOCK_SECOND +
                         (long long)model->grant_count;
    movement.event_key = key;
    movement.amount_cents = grant->amount;
    movement.expires_at = grant->expires;
    move(&movement, NULL);
    rows = DB_SELECT(admin, &newest, &err, db_id(&model->user));
    CU_ASSERT_FATAL(rows && db_next(rows));
    grant->id = db_row_id(rows, 0);
    db_rows_free(rows);
    model->grant_count++;
    model->transactions++;
}

static int create_once(void *arg, struct error *err)
{
    return store_job_create(cut_api, arg, err);
}

static void tell_refusal(int status, const struct error *err)
{
    if (status < 0) {
        fprintf(stderr, "%s\n", err->message);
        CU_FAIL_FATAL("a step of a job was refused");
    }
}

/* Asked for again now and then, as by a client that did not get the answer. Who can't pay is
 * refused. */
static void step_job(struct model *model)
{
    struct new_agent_job wanted = {.job_id = id_new(),
                                   .user_id = model->user,
                                   .agent_id = "history",
                                   .repo = "o/r",
                                   .price_cents = 1 + any(500),
                                   .open_max = 100};
    long long funds = model->paid;
    struct error err = ERROR_INIT;
    char key[80];
    int status;

    for (size_t i = 0; i < model->grant_count; i++)
        funds += model->grants[i].ended ? 0 : model->grants[i].left;
    maybe_arm(cutter_api);
    status = until_told(create_once, &wanted, &err);
    cuts += cutter_disarm(cutter_api);
    if (any(4) == 0 && status == 0)
        status = until_told(create_once, &wanted, &err);
    if (funds < wanted.price_cents) {
        CU_ASSERT_EQUAL(status, -1);
        CU_ASSERT(err.code && strcmp(err.code, "INSUFFICIENT_CREDITS") == 0);
        return;
    }
    tell_refusal(status, &err);
    snprintf(key, sizeof(key), "job:%s", wanted.job_id.text);
    model_charge(model, key, wanted.price_cents, true);
    model->charges[model->charge_count - 1].job_id = wanted.job_id;
}

struct ending {
    struct id job_id;
    int64_t attempt;
    bool completed;
};

static int claim_once(void *arg, struct error *err)
{
    struct ending *ending = arg;
    _cleanup_(agent_job_work_release) struct agent_job_work work = {0};

    if (store_job_claim(cut, &run, &ending->job_id, 100, 100, &work, err) < 0)
        return -1;
    ending->attempt = work.attempt;
    return 0;
}

static int finish_once(void *arg, struct error *err)
{
    static const struct job_result result = {9, "[]"};
    const struct ending *ending = arg;

    return store_job_finish(cut, &run, &ending->job_id, ending->attempt,
                            ending->completed ? &result : NULL, "JOB_AGENT_FAILED", "it failed",
                            err);
}

static int cancel_once(void *arg, struct error *err)
{
    const struct ending *ending = arg;
    bool changed;

    return store_job_cancel(admin, ending->job_id.text, &changed, err);
}

/* The first end counts, whoever says what behind it. */
static void step_job_end(struct model *model)
{
    struct model_event *event = &model->charges[any((int)model->charge_count)];
    struct ending ending = {.job_id = event->job_id, .completed = any(2)};
    struct error err = ERROR_INIT;
    int status;

    if (!event->is_job || event->has_ended)
        return;
    maybe_arm(cutter);
    status = until_told(claim_once, &ending, &err);
    if (status == 0)
        status = until_told(finish_once, &ending, &err);
    cuts += cutter_disarm(cutter);
    tell_refusal(status, &err);
    if (any(4) == 0)
        tell_refusal(until_told(finish_once, &ending, &err), &err);
    if (any(4) == 0)
        tell_refusal(cancel_once(&ending, &err), &err);
    event->has_ended = true;
    if (!ending.completed && still_charged(event) > 0)
        model_give_back(model, event, still_charged(event));
}

/* By the operator; sometimes more than is left. */
static void step_give_back(struct model *model)
{
    struct model_event *event = &model->charges[any((int)model->charge_count)];
    struct ledger_movement movement = {.user_id = model->user, .of_event = event->key};
    long long left = still_charged(event), cents = 1 + any(300);
    char key[80];

    make_key(key, "back");
    movement.event_key = key;
    movement.kind = event->is_job && any(2) ? LEDGER_AGENT_JOB_REFUND : LEDGER_REFUND;
    movement.amount_cents = cents;
    move(&movement, cents > left ? "LEDGER_EXCEEDED" : NULL);
    if (cents <= left)
        model_give_back(model, event, cents);
}

static void step_card(struct model *model)
{
    struct model_event *event = &model->deposits[any((int)model->deposit_count)];
    struct ledger_movement movement = {.user_id = model->user, .of_event = event->key};
    long long cents = 1 + any(700);
    char key[80];

    make_key(key, "card");
    movement.event_key = key;
    if (event->disputed > 0 && any(2)) {
        movement.kind = LEDGER_DISPUTE_WON;
        movement.amount_cents = event->disputed;
        move(&movement, NULL);
        model->paid += event->disputed;
        event->cents += event->disputed;
        event->disputed = 0;
        model->transactions++;
        return;
    }
    movement.kind = any(3) ? LEDGER_CARD_REFUND : LEDGER_DISPUTE;
    movement.amount_cents = -cents;
    move(&movement, cents > event->cents ? "LEDGER_EXCEEDED" : NULL);
    if (cents > event->cents)
        return;
    event->cents -= cents;
    if (movement.kind == LEDGER_DISPUTE)
        event->disputed += cents;
    model->paid -= cents;
    model->transactions++;
}

static void nothing_charged(const struct id *id, int64_t seconds, int64_t cents, void *arg)
{
    (void)id;
    (void)seconds;
    (void)cents;
    (void)arg;
}

static void nothing_exhausted(const struct id *id, const struct id *user, void *arg)
{
    (void)id;
    (void)user;
    (void)arg;
}

static void nothing_expired(const struct id *id, const struct id *user, int64_t cents, void *arg)
{
    (void)id;
    (void)user;
    (void)cents;
    (void)arg;
}

static void told_failure(const struct id *user, const struct error *err, void *arg)
{
    (void)arg;
    fprintf(stderr, "user %s: %s\n", user->text, err->message);
    CU_FAIL("a step of settlement failed");
}

static const struct settlement_events quiet = {
    NULL, nothing_charged, nothing_exhausted, nothing_expired, told_failure,
};

static int settle_once(void *arg, struct error *err)
{
    int64_t settled;

    return store_settle(cut, 100, arg, &settled, err);
}

static int expire_once(void *arg, struct error *err)
{
    return store_grants_expire(cut, 100, arg, err);
}

/* One in ten never was ready. Later than the end of any grant of the history. */
static void step_session(struct model *model)
{
    static const struct query insert = {
        "INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, "
        "created_at, ended_at, expires_at, price_cents, unsettled) VALUES (?, ?, 'd', 'runnable', "
        "1, 'closed', IF(?, NULL, '2100-01-01 00:00:00.7'), "
        "'2100-01-01 00:00:00.7' + INTERVAL ? MICROSECOND, NOW(6), ?, TRUE)"};
    struct id session_id = id_new();
    long long microseconds = (long long)any(3600) * 1000000 + any(1000000);
    bool never_ready = any(10) == 0;
    long long seconds = microseconds / 1000000, whole, sixtieths;
    struct settlement_events events = quiet;
    struct error told = ERROR_INIT;
    char key[80];

    OK(DB_RUN(admin, &insert, NULL, &err, db_id(&session_id), db_id(&model->user),
              db_int(never_ready), db_int(microseconds), db_int(PRICE)));
    maybe_arm(cutter);
    CU_ASSERT_EQUAL(until_told(settle_once, &events, &told), 0);
    cuts += cutter_disarm(cutter);
    if (never_ready)
        return;
    whole = seconds * PRICE / 60;
    sixtieths = seconds * PRICE % 60;
    snprintf(key, sizeof(key), "session:%s", session_id.text);
    model_charge(model, key, whole + (sixtieths >= 30 ? 1 : 0), false);
}

static void step_expiry(struct model *model)
{
    static const struct query end = {
        "UPDATE credit_grants SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE grant_id=?"};
    struct model_grant *grant = &model->grants[any((int)model->grant_count)];
    struct settlement_events events = quiet;
    struct error told = ERROR_INIT;

    OK(DB_RUN(admin, &end, NULL, &err, db_id(&grant->id)));
    maybe_arm(cutter);
    CU_ASSERT_EQUAL(until_told(expire_once, &events, &told), 0);
    cuts += cutter_disarm(cutter);
    grant->expires = ++model->ends;
    grant->ended = true;
    /* What was given back to one that has ended ends again. */
    for (size_t i = 0; i < model->grant_count; i++) {
        if (model->grants[i].ended && model->grants[i].left > 0) {
            model->grants[i].left = 0;
            model->transactions++;
        }
    }
}

static void step(struct model *model)
{
    switch (any(10)) {
    case 0:
        step_deposit(model);
        return;
    case 1:
        if (model->grant_count < GRANTS_MAX)
            step_grant(model);
        return;
    case 2:
        step_job(model);
        return;
    case 3:
    case 4:
        step_session(model);
        return;
    case 5:
        if (model->charge_count > 0)
            step_give_back(model);
        return;
    case 6:
        if (model->deposit_count > 0)
            step_card(model);
        return;
    case 7:
    case 8:
        if (model->charge_count > 0)
            step_job_end(model);
        return;
    default:
        if (model->grant_count > 0)
            step_expiry(model);
    }
}

/* --- what must be true ----------------------------------------------------------------------- */

static void check_grants(const struct model *model)
{
    static const struct query left = {"SELECT remaining_cents FROM credit_grants WHERE grant_id=?"};

    for (size_t i = 0; i < model->grant_count; i++) {
        struct error err = ERROR_INIT;
        _cleanup_(db_rows_release) struct db_rows *rows =
            DB_SELECT(admin, &left, &err, db_id(&model->grants[i].id));

        CU_ASSERT_FATAL(rows && db_next(rows));
        CU_ASSERT_EQUAL(db_row_int(rows, 0), model->grants[i].left);
    }
}

static void check_model(const struct model *model)
{
    static const struct query count = {"SELECT COUNT(*) FROM ledger_transactions WHERE user_id=?"};
    struct balance balance;
    struct error told = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &count, &told, db_id(&model->user));
    long long granted = 0;

    for (size_t i = 0; i < model->grant_count; i++)
        granted += model->grants[i].left;
    OK(store_balance_get(api, &model->user, &balance, &err));
    CU_ASSERT_EQUAL(balance.paid_cents, model->paid);
    CU_ASSERT_EQUAL(balance.granted_cents, granted);
    CU_ASSERT_EQUAL(balance.balance_cents, model->paid + granted);
    CU_ASSERT_EQUAL(balance.total_deposited_cents, model->deposited);
    CU_ASSERT_EQUAL(balance.total_spent_cents, model->spent);
    CU_ASSERT_FATAL(rows && db_next(rows));
    CU_ASSERT_EQUAL(db_row_int(rows, 0), model->transactions);
    check_grants(model);
}

static void tell_finding(const struct audit_finding *finding, void *arg)
{
    (void)arg;
    fprintf(stderr, "%s %s: %s (%s)\n", finding->object, finding->id, finding->detail,
            finding->rule);
}

static void audit(void)
{
    struct audit_totals totals;

    OK(store_ledger_audit(admin, tell_finding, NULL, &totals, &err));
    CU_ASSERT_EQUAL(totals.findings, 0);
}

static void histories_add_up_whatever_is_cut_off_when(void)
{
    static const struct query no_sync = {"SET GLOBAL innodb_flush_log_at_trx_commit = 2"};
    const char *wanted = getenv("HISTORIES"), *chosen = getenv("SEED");
    long histories = wanted ? strtol(wanted, NULL, 10) : 1000;

    seed = chosen ? (unsigned)strtoul(chosen, NULL, 10) : (unsigned)clock_now();
    fprintf(stderr, "SEED=%u ", seed);
    /* Whether the disk keeps what is committed is not what is tested here. */
    OK(db_run(admin, &no_sync, NULL, 0, NULL, &err));
    for (long i = 0; i < histories && CU_get_number_of_failure_records() == 0; i++) {
        struct model *model = xcalloc(1, sizeof(*model));
        char email[64];

        snprintf(email, sizeof(email), "history-%ld@example.com", i);
        OK(store_user_create(admin, "History", email, &model->user, &err));
        for (int number = 0; number < STEPS; number++)
            step(model);
        check_model(model);
        free(model);
    }
    audit();
    CU_ASSERT(cuts > histories); /* it does cut */
}

static int lay_agent(struct error *err)
{
    const struct agent agent = {.agent_id = (char[]){"history"},
                                .image = (char[]){"image"},
                                .command = (char[]){"true"},
                                .timeout = 60,
                                .egress = (char[]){"none"},
                                .secrets = (char[]){"[]"}};

    run = (struct run){id_new(), "n", "n", "n", "here", "9.9", 600};
    if (fixture_lay_samples(err) < 0 || store_agent_put(admin, &agent, NULL, err) < 0)
        return -1;
    return store_run_begin(reaper, &run, err);
}

/* Takes the path. */
static struct cutter *through_cutter(struct settings *through, char *path)
{
    struct cutter *made = cutter_new(path, through->database.db_socket);

    free(through->database.db_socket);
    through->database.db_socket = path;
    return made;
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"thousands of random histories add up to the cent, whatever is doubled, and wherever the "
         "connection is cut",
         histories_add_up_whatever_is_cut_off_when},
    };
    const char *path = getenv("CUTTER_SOCKET");
    struct settings through[2] = {0};
    struct error err = ERROR_INIT;
    int status = 2;

    if (!path || settings_load(getenv("CODESET_CONFIG"), &through[0], &err) < 0 ||
        settings_load(getenv("CODESET_CONFIG"), &through[1], &err) < 0) {
        fprintf(stderr, "CUTTER_SOCKET and CODESET_CONFIG are needed: %s\n", err.message);
        return 2;
    }
    cutter = through_cutter(&through[0], xstrdup(path));
    cutter_api = through_cutter(&through[1], xasprintf("%s.api", path));
    cut = cutter ? db_new(&through[0].database, DB_REAPER, &err) : NULL;
    cut_api = cutter_api ? db_new(&through[1].database, DB_API, &err) : NULL;
    if (cut && cut_api)
        status = fixture_main("histories", tests, ARRAY_SIZE(tests), lay_agent);
    db_free(cut_api);
    db_free(cut);
    cutter_free(cutter_api);
    cutter_free(cutter);
    settings_release(&through[1]);
    settings_release(&through[0]);
    return status;
}
