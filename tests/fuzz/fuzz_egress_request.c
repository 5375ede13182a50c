/*
 * An order to codeset-egress, as whoever took over the daemon could send it: what is taken has a
 * policy that is one, every name of which it allows, and is told as it came.
 *
 * fuzz-sources: fcgi/wire/egress.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/id.c fcgi/base/random.c fcgi/base/clock.c
 * fuzz-packages: libcrypto
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/egress.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void is_allowed(const char *host, uint16_t port, void *arg)
{
    hold_true(egress_name_valid(host));
    hold_true(egress_policy_allows(arg, host, port ? port : 443));
    hold_true(!egress_policy_allows("none", host, port ? port : 443));
}

/* The bytes begin with the policy, which is what there is to find; the rest is made around it. */
static void send_policy(const uint8_t *data, size_t size)
{
    struct egress_request request, taken;
    struct error err = ERROR_INIT;

    egress_request_make(EGRESS_SET, 7, "01900000-0000-7000-8000-000000000000", "none", &request);
    memset(request.policy, 0, sizeof(request.policy));
    memcpy(request.policy, data, size < sizeof(request.policy) ? size : sizeof(request.policy));
    if (egress_request_check(&request, sizeof(request), &taken, &err) < 0) {
        hold_true(err.message[0] != '\0');
        return;
    }
    hold_true(memcmp(&taken, &request, sizeof(request)) == 0);
    hold_true(strlen(taken.policy) <= EGRESS_POLICY_MAX);
    egress_policy_each(taken.policy, is_allowed, taken.policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct egress_request taken;
    struct error err = ERROR_INIT;

    if (egress_request_check(data, size, &taken, &err) == 0)
        hold_true(size == sizeof(taken));
    send_policy(data, size);
    return 0;
}
