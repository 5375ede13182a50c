/*
 * The head of a guest's request to the proxy: what is taken names one host in its one form, and
 * what is forwarded is one head, which is itself a head that ends where it ends.
 *
 * fuzz-sources: fcgi/egress/proxy_head.c fcgi/wire/egress.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/id.c fcgi/base/random.c fcgi/base/clock.c
 * fuzz-packages: libcrypto
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "egress/proxy_head.h"
#include "wire/egress.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_forward(const struct proxy_head *head)
{
    const struct buf *forward = &head->forward;

    if (head->connect) {
        hold_true(forward->length == 0);
        return;
    }
    hold_true(strlen(forward->data) == forward->length);
    hold_true(proxy_head_length(forward->data, forward->length) == forward->length);
    hold_true(strcasestr(forward->data, "\nproxy-") == NULL);
    hold_true(strcasestr(strcasestr(forward->data, "\nhost:") + 1, "\nhost:") == NULL);
    for (size_t i = 0; i < forward->length; i++)
        if (forward->data[i] == '\n')
            hold_true(i > 0 && forward->data[i - 1] == '\r');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *bytes = xstrndup((const char *)data, size);
    size_t length = proxy_head_length(bytes, size);
    struct proxy_head head;
    struct proxy_refusal refusal;
    struct in6_addr address;

    if (length == 0)
        return 0;
    if (proxy_head_read(bytes, length, &head, &refusal) < 0) {
        hold_true(refusal.status >= 400 && refusal.message[0] != '\0');
        return 0;
    }
    hold_true(head.port != 0);
    if (head.literal)
        hold_true(inet_pton(strchr(head.host, ':') ? AF_INET6 : AF_INET, head.host, &address) == 1);
    else
        hold_true(egress_name_valid(head.host));
    egress_policy_allows("allow:a.example,*.b.example:8443", head.host, head.port);
    check_forward(&head);
    proxy_head_release(&head);
    return 0;
}
