/* Signatures, facts and judgements: what of Stripe's needs no database and no network. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "stripe/event.h"
#include "stripe/judge.h"
#include "stripe/signature.h"
#include "unit.h"

#include "base/banned.h"

#define NOW INT64_C(1800000000)
#define OLD "whsec_the_one_before"
#define NEW "whsec_the_one_after"
#define CHECKOUT "01a22493-0000-7000-8000-00000000abcd"

/* --- signatures ------------------------------------------------------------------------------ */

static void sign(const char *secret, int64_t when, const char *body, char header[128])
{
    _cleanup_(free_ptr) char *text = xasprintf("%lld.%s", (long long)when, body);
    unsigned char mac[SHA256_SIZE];
    int at = snprintf(header, 128, "t=%lld,v1=", (long long)when);

    hmac_sha256(secret, strlen(secret), text, strlen(text), mac);
    for (int i = 0; i < SHA256_SIZE; i++)
        at += snprintf(header + at, (size_t)(128 - at), "%02x", mac[i]);
}

static bool split(const char *text, struct stripe_secrets *ret_secrets)
{
    _cleanup_(buf_release) struct buf copy = BUF_INIT;
    struct error err = ERROR_INIT;

    buf_add_str(&copy, text);
    return stripe_secrets_split(&copy, ret_secrets, &err) == 0;
}

static bool is_good(const char *header, const char *body, const char *secrets_text)
{
    _cleanup_(stripe_secrets_release) struct stripe_secrets secrets = {.text = BUF_INIT};
    struct error err = ERROR_INIT;

    CU_ASSERT_FATAL(split(secrets_text, &secrets));
    if (stripe_signature_check(header, body, strlen(body), &secrets, NOW, &err) == 0)
        return true;
    CU_ASSERT_STRING_EQUAL(err.code, "STRIPE_SIGNATURE_INVALID");
    return false;
}

static void either_secret_is_good_while_one_is_rolled(void)
{
    char header[128];

    sign(OLD, NOW, "{}", header);
    CU_ASSERT(is_good(header, "{}", OLD));
    CU_ASSERT(is_good(header, "{}", NEW "\r\n\n" OLD "\n"));
    CU_ASSERT(!is_good(header, "{}", NEW));
    CU_ASSERT(!is_good(header, "{}", ""));
    CU_ASSERT(!is_good(header, "{} ", OLD));
    CU_ASSERT(!is_good(NULL, "{}", OLD));
}

static void times_are_good_to_the_second(void)
{
    static const struct {
        int seconds;
        bool good;
    } cases[] = {{0, true}, {-300, true}, {300, true}, {-301, false}, {301, false}};
    char header[128];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        sign(OLD, NOW + cases[i].seconds, "{}", header);
        CU_ASSERT_EQUAL(is_good(header, "{}", OLD), cases[i].good);
    }
}

static void headers_that_are_none_are_refused(void)
{
    static const char *const bad[] = {"",     "t=1800000000",     "t=1800000000,v1=",     "v1=00",
                                      "t=,,", "t=18000000000000", "t=1800000000,v0=0000", ","};
    _cleanup_(buf_release) struct buf header = BUF_INIT;
    char good[128];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CU_ASSERT(!is_good(bad[i], "{}", OLD));
    sign(OLD, NOW, "{}", good);
    buf_addf(&header, "v0=12,x,%s,v2=3", good); /* other schemes beside it do no harm */
    CU_ASSERT(is_good(header.data, "{}", OLD));
    buf_addf(&header, ",%s", good); /* two times */
    CU_ASSERT(!is_good(header.data, "{}", OLD));
}

static void files_of_secrets_are_bounded(void)
{
    _cleanup_(buf_release) struct buf many = BUF_INIT;
    struct stripe_secrets secrets = {.text = BUF_INIT};

    CU_ASSERT(!split("short\n", &secrets));
    for (int i = 0; i < STRIPE_SECRETS_MOST; i++)
        buf_addf(&many, "whsec_number_%d\n", i);
    CU_ASSERT_FATAL(split(many.data, &secrets));
    CU_ASSERT_EQUAL(secrets.count, STRIPE_SECRETS_MOST);
    stripe_secrets_release(&secrets);
    buf_add_str(&many, "whsec_one_more");
    CU_ASSERT(!split(many.data, &secrets));
}

/* --- judgements ------------------------------------------------------------------------------ */

static struct stripe_facts session_facts(int64_t cents)
{
    struct stripe_facts facts = {.object = STRIPE_SESSION,
                                 .id = "cs_1",
                                 .payment_intent = "pi_1",
                                 .currency = "usd",
                                 .status = "complete",
                                 .amount = cents,
                                 .total = cents,
                                 .mode = "payment",
                                 .payment_status = "paid"};
    return facts;
}

static struct checkout new_row(void)
{
    struct checkout row = {.amount_cents = 1000, .state = CHECKOUT_OPEN};

    return row;
}

static void a_payment_is_a_deposit_under_the_key_of_its_session(void)
{
    _cleanup_(checkout_release) struct checkout row = new_row();
    struct stripe_facts facts = session_facts(1000);
    struct stripe_judgement judgement = stripe_judge(STRIPE_SESSION_COMPLETED, &facts, &row);

    CU_ASSERT_EQUAL(judgement.word, STRIPE_TAKE);
    CU_ASSERT_EQUAL_FATAL(judgement.count, 1);
    CU_ASSERT_EQUAL(judgement.moves[0].kind, LEDGER_DEPOSIT);
    CU_ASSERT_EQUAL(judgement.moves[0].cents, 1000);
    CU_ASSERT_STRING_EQUAL(judgement.moves[0].event_key, "checkout:cs_1");
    CU_ASSERT_EQUAL(row.state, CHECKOUT_PAID);
    /* Whatever tells of it again. */
    judgement = stripe_judge(STRIPE_SESSION_PAID_LATER, &facts, &row);
    CU_ASSERT(judgement.word == STRIPE_TAKE && judgement.count == 0);
    judgement = stripe_judge(STRIPE_SESSION_EXPIRED, &facts, &row);
    CU_ASSERT(judgement.word == STRIPE_TAKE && judgement.count == 0);
    CU_ASSERT_EQUAL(row.state, CHECKOUT_PAID);
}

static void what_is_not_paid_moves_nothing(void)
{
    static const struct {
        enum stripe_type type;
        const char *status, *payment_status;
        enum checkout_state state;
    } cases[] = {
        {STRIPE_SESSION_COMPLETED, "complete", "unpaid", CHECKOUT_PROCESSING},
        {STRIPE_SESSION_COMPLETED, "open", "unpaid", CHECKOUT_OPEN},
        {STRIPE_SESSION_FAILED, "complete", "unpaid", CHECKOUT_FAILED},
        {STRIPE_SESSION_FAILED, "complete", "paid", CHECKOUT_FAILED}, /* the event decides */
        {STRIPE_SESSION_EXPIRED, "expired", "unpaid", CHECKOUT_EXPIRED},
        {STRIPE_OTHER, "expired", "unpaid", CHECKOUT_EXPIRED},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(checkout_release) struct checkout row = new_row();
        struct stripe_facts facts = session_facts(1000);
        struct stripe_judgement judgement;

        snprintf(facts.status, sizeof(facts.status), "%s", cases[i].status);
        snprintf(facts.payment_status, sizeof(facts.payment_status), "%s", cases[i].payment_status);
        judgement = stripe_judge(cases[i].type, &facts, &row);
        CU_ASSERT(judgement.word == STRIPE_TAKE && judgement.count == 0);
        CU_ASSERT_EQUAL(row.state, cases[i].state);
    }
}

static void parts_of_a_refund_add_up_to_the_credit(void)
{
    /* 1000 cents of credit and 70 of tax were paid; refunded cent by cent, each part to the
     * nearest. */
    _cleanup_(checkout_release) struct checkout row = new_row();
    struct stripe_facts facts = session_facts(1000);
    int64_t back = 0;

    row.allows_tax = true;
    facts.tax = 70;
    facts.total = 1070;
    stripe_judge(STRIPE_SESSION_COMPLETED, &facts, &row);
    for (int64_t cents = 1; cents <= 1070; cents++) {
        struct stripe_facts charge = {.object = STRIPE_CHARGE,
                                      .payment_intent = "pi_1",
                                      .currency = "usd",
                                      .amount = 1070,
                                      .refunded = cents};
        struct stripe_judgement judgement = stripe_judge(STRIPE_CHARGE_REFUNDED, &charge, &row);

        CU_ASSERT_EQUAL(judgement.word, STRIPE_TAKE);
        for (size_t i = 0; i < judgement.count; i++)
            back -= judgement.moves[i].cents;
        CU_ASSERT_EQUAL(back, (cents * 1000 + 535) / 1070);
    }
    CU_ASSERT_EQUAL(back, 1000);
}

static void a_refund_or_dispute_of_what_is_not_paid_waits(void)
{
    _cleanup_(checkout_release) struct checkout row = new_row();
    struct stripe_facts charge = {.object = STRIPE_CHARGE,
                                  .payment_intent = "pi_1",
                                  .currency = "usd",
                                  .amount = 1000,
                                  .refunded = 1};
    struct stripe_facts dispute = charge;

    dispute.object = STRIPE_DISPUTE;
    snprintf(dispute.status, sizeof(dispute.status), "lost");
    CU_ASSERT_EQUAL(stripe_judge(STRIPE_CHARGE_REFUNDED, &charge, &row).word, STRIPE_WAIT);
    CU_ASSERT_EQUAL(stripe_judge(STRIPE_DISPUTE_CLOSED, &dispute, &row).word, STRIPE_WAIT);
}

/* --- facts ----------------------------------------------------------------------------------- */

#define SESSION                                                                                    \
    "{\"id\":\"cs_1\",\"object\":\"checkout.session\",\"amount_subtotal\":1000,"                   \
    "\"amount_total\":1000,\"currency\":\"usd\",\"livemode\":false,\"metadata\":{"                 \
    "\"codeset_checkout\":\"" CHECKOUT "\"},\"mode\":\"payment\",\"payment_intent\":"              \
    "{\"id\":\"pi_1\"},\"payment_status\":\"paid\",\"status\":\"complete\"%s}"

static int read_session(const char *more, struct stripe_facts *ret_facts)
{
    _cleanup_(free_ptr) char *text = xasprintf(SESSION, more);
    _cleanup_(json_release) json_object *json = NULL;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(json_parse(text, strlen(text), &json, NULL, &err), 0);
    return stripe_facts_read(json, STRIPE_SESSION, ret_facts, &err);
}

static void facts_are_read_or_refused_never_guessed(void)
{
    static const char *const bad[] = {
        ",\"id\":5",
        ",\"id\":\"\"",
        ",\"id\":\"a\\u0000b\"",
        ",\"id\":\"a b\"",
        ",\"object\":\"charge\"",
        ",\"livemode\":\"false\"",
        ",\"livemode\":null",
        ",\"amount_total\":-1",
        ",\"amount_total\":\"1000\"",
        ",\"amount_total\":10.5",
        ",\"amount_total\":999999999999999",
        ",\"currency\":\"us-dollars\"",
        ",\"status\":null",
        ",\"mode\":[]",
        ",\"payment_intent\":7",
        ",\"payment_intent\":{}",
    };
    struct stripe_facts facts;

    CU_ASSERT_EQUAL_FATAL(read_session("", &facts), 0);
    CU_ASSERT_STRING_EQUAL(facts.payment_intent, "pi_1");
    CU_ASSERT_STRING_EQUAL(facts.checkout_id.text, CHECKOUT);
    CU_ASSERT_EQUAL(facts.amount, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (read_session(bad[i], &facts) == 0) {
            printf("\n%s was taken\n", bad[i]);
            CU_FAIL("a faulty member was taken");
        }
    }
    CU_ASSERT_EQUAL_FATAL(read_session(",\"metadata\":{\"codeset_checkout\":\"x\"}", &facts), 0);
    CU_ASSERT(facts.names_checkout && !facts.checkout_id.text[0]);
    CU_ASSERT_EQUAL_FATAL(read_session(",\"metadata\":null", &facts), 0);
    CU_ASSERT(!facts.names_checkout);
}

static const struct unit_test tests[] = {
    {"either secret is good while one is rolled", either_secret_is_good_while_one_is_rolled},
    {"times are good to the second", times_are_good_to_the_second},
    {"headers that are none are refused", headers_that_are_none_are_refused},
    {"files of secrets are bounded", files_of_secrets_are_bounded},
    {"facts are read or refused, never guessed", facts_are_read_or_refused_never_guessed},
    {"a payment is a deposit under the key of its session",
     a_payment_is_a_deposit_under_the_key_of_its_session},
    {"what is not paid moves nothing", what_is_not_paid_moves_nothing},
    {"parts of a refund add up to the credit", parts_of_a_refund_add_up_to_the_credit},
    {"a refund or dispute of what is not paid waits",
     a_refund_or_dispute_of_what_is_not_paid_waits},
};

int main(void)
{
    return UNIT_MAIN("stripe", tests);
}
