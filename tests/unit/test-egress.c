/* test-egress.c - policies, addresses and the heads of requests: the pure parts of codeset-egress.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "egress/address.h"
#include "egress/proxy_head.h"
#include "unit.h"
#include "wire/egress.h"

#include "base/banned.h"

/* --- addresses ------------------------------------------------------------------------------- */

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {0};

    if (strchr(text, ':') != NULL) {
        address.ss_family = AF_INET6;
        CU_ASSERT_EQUAL(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr),
                        1);
    } else {
        address.ss_family = AF_INET;
        CU_ASSERT_EQUAL(inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr), 1);
    }
    return address;
}

static const char *judge(const char *text)
{
    struct sockaddr_storage address = address_of(text);

    return address_refused((const struct sockaddr *)&address);
}

static void what_is_not_public_is_refused(void)
{
    static const char *const refused[] = {
        /* the first and the last of each range */
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255",
        "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.0",
        "192.0.2.255", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0",
        "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
        "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "168.63.129.16",
        "100.100.100.200",
        /* IPv6 */
        "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
        "ff02::1", "2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1", "100::1", "5f00::1",
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1",
        "2001:1ff:ffff::1", "2002:a00:1::1", "2002:808:808::1", "4000::1", "64:ff9b:1::1",
        /* which carry one of IPv4 */
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::8.8.8.8",
        "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::127.0.0.1"};

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CU_ASSERT_PTR_NOT_NULL(judge(refused[i]));
        if (judge(refused[i]) == NULL)
            fprintf(stderr, "(%s) ", refused[i]);
    }
}

static void what_is_public_is_not(void)
{
    static const char *const taken[] = {
        "1.0.0.0",        "8.8.8.8",        "9.255.255.255",        "11.0.0.0",
        "100.63.255.255", "100.128.0.0",    "126.255.255.255",      "128.0.0.0",
        "168.63.129.15",  "168.63.129.17",  "169.253.255.255",      "169.255.0.0",
        "172.15.255.255", "172.32.0.0",     "191.255.255.255",      "192.0.1.0",
        "192.0.3.0",      "192.88.98.255",  "192.88.100.0",         "192.167.255.255",
        "192.169.0.0",    "198.17.255.255", "198.20.0.0",           "198.51.99.255",
        "198.51.101.0",   "203.0.112.255",  "203.0.114.0",          "223.255.255.255",
        "140.82.121.4",   "2000::1",        "2001:200::1",          "2001:db7:ffff::1",
        "2001:db9::1",    "2003::1",        "2606:4700::6810:84e5", "3ffe::1",
        "3fff:1000::1",   "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"};

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        CU_ASSERT_PTR_NULL(judge(taken[i]));
        if (judge(taken[i]) != NULL)
            fprintf(stderr, "(%s: %s) ", taken[i], judge(taken[i]));
    }
}

static void another_family_is_refused(void)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};

    CU_ASSERT_PTR_NOT_NULL(address_refused((const struct sockaddr *)&address));
}

/* --- policies -------------------------------------------------------------------------------- */

static int check(const char *policy)
{
    struct error err = ERROR_INIT;
    int rc = egress_policy_check(policy, &err);

    if (rc < 0) {
        CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
        CU_ASSERT_STRING_EQUAL(err.code, "EGRESS_POLICY");
    }
    return rc;
}

static void a_policy_has_one_of_three_forms(void)
{
    static const char *const good[] = {"none",
                                       "public",
                                       "allow:example.com",
                                       "allow:a.example,b.example:8443",
                                       "allow:*.example.com",
                                       "allow:*.example.com:22,localhost:1",
                                       "allow:xn--bcher-kva.example",
                                       "allow:a_b.example-2.com"};
    static const char *const bad[] = {"",
                                      "None",
                                      "all",
                                      "allow",
                                      "allow:",
                                      "allow:,",
                                      "allow:a.example,",
                                      "allow:,a.example",
                                      "allow:A.example",
                                      "allow:a..example",
                                      "allow:.example",
                                      "allow:a.example.",
                                      "allow:a.example:0",
                                      "allow:a.example:65536",
                                      "allow:a.example:",
                                      "allow:a.example:443x",
                                      "allow:a.example:+1",
                                      "allow:*",
                                      "allow:*.",
                                      "allow:*a.example",
                                      "allow:a.*.example",
                                      "allow:-a.example",
                                      "allow:a-.example",
                                      "allow:10.0.0.1",
                                      "allow:1.1",
                                      "allow:a.0x7f",
                                      "allow:[::1]",
                                      "allow:a b",
                                      "allow: a.example",
                                      "allow:https://a.example",
                                      "allow:a.example/x",
                                      "allow:a.example:01",
                                      "public ",
                                      "none,public"};

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        CU_ASSERT_EQUAL(check(good[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CU_ASSERT_EQUAL(check(bad[i]), -1);
        if (check(bad[i]) == 0)
            fprintf(stderr, "(%s) ", bad[i]);
    }
}

static void a_policy_that_is_too_long_is_refused(void)
{
    _cleanup_(buf_release) struct buf policy = BUF_INIT;
    char label[65];

    buf_add_str(&policy, "allow:");
    for (int i = 0; i < EGRESS_HOSTS_MAX; i++)
        buf_addf(&policy, "%sh%d.example", i ? "," : "", i);
    CU_ASSERT_EQUAL(check(policy.data), 0);
    buf_add_str(&policy, ",one-more.example");
    CU_ASSERT_EQUAL(check(policy.data), -1);
    memset(label, 'a', 64);
    label[64] = '\0';
    buf_clear(&policy);
    buf_addf(&policy, "allow:%s.example", label + 1);
    CU_ASSERT_EQUAL(check(policy.data), 0);
    buf_clear(&policy);
    buf_addf(&policy, "allow:%s.example", label);
    CU_ASSERT_EQUAL(check(policy.data), -1);
    buf_clear(&policy);
    buf_add_str(&policy, "allow:");
    while (policy.length <= EGRESS_POLICY_MAX)
        buf_addf(&policy, "%s.", label + 1);
    buf_add_str(&policy, "example");
    CU_ASSERT_EQUAL(check(policy.data), -1);
}

static void a_host_is_allowed_by_its_name_and_port(void)
{
    static const char policy[] = "allow:a.example,*.b.example,c.example:8443";
    static const struct {
        const char *host;
        uint16_t port;
        bool allowed;
    } rows[] = {
        {"a.example", 443, true},      {"a.example", 80, true},     {"a.example", 22, false},
        {"x.a.example", 443, false},   {"xa.example", 443, false},  {"b.example", 443, false},
        {"x.b.example", 443, true},    {"y.x.b.example", 80, true}, {"xb.example", 443, false},
        {"x.b.example", 8443, false},  {"c.example", 8443, true},   {"c.example", 443, false},
        {"a.example.com", 443, false}, {"8.8.8.8", 443, false},     {".b.example", 443, false},
        {"a.exampl", 443, false}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        CU_ASSERT_EQUAL(egress_policy_allows(policy, rows[i].host, rows[i].port), rows[i].allowed);
    CU_ASSERT_FALSE(egress_policy_allows("none", "a.example", 443));
    CU_ASSERT_FALSE(egress_policy_allows("", "a.example", 443));
    CU_ASSERT_TRUE(egress_policy_allows("public", "a.example", 22));
    CU_ASSERT_TRUE(egress_policy_allows("public", "8.8.8.8", 53));
}

static void the_operator_s_pairs_are_a_list(void)
{
    static const char list[] = " codeset.example:443  10.0.0.5:8080 [fd00::1]:8443 ";
    static const char *const bad[] = {
        "codeset.example", "codeset.example:", "a:0",        "a:70000",
        "fd00::1:443",     "[fd00::1]",        "[x]:1",      ":443",
        "https://a:443",   "ok:1 bad",         "A.example:1"};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(egress_always_check(list, &err), 0);
    CU_ASSERT_EQUAL(egress_always_check("", &err), 0);
    CU_ASSERT_TRUE(egress_always_has(list, "codeset.example", 443));
    CU_ASSERT_TRUE(egress_always_has(list, "10.0.0.5", 8080));
    CU_ASSERT_TRUE(egress_always_has(list, "fd00::1", 8443));
    CU_ASSERT_FALSE(egress_always_has(list, "codeset.example", 80));
    CU_ASSERT_FALSE(egress_always_has(list, "codeset.exampl", 443));
    CU_ASSERT_FALSE(egress_always_has("", "codeset.example", 443));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CU_ASSERT_EQUAL(egress_always_check(bad[i], &err), -1);
        if (egress_always_check(bad[i], &err) == 0)
            fprintf(stderr, "(%s) ", bad[i]);
    }
}

/* --- orders ---------------------------------------------------------------------------------- */

#define ID "0192f0c1-2345-7abc-8def-0123456789ab"

static int check_request(const struct egress_request *request)
{
    struct egress_request checked;
    struct error err = ERROR_INIT;

    return egress_request_check(request, sizeof(*request), &checked, &err);
}

static void an_order_is_taken_only_whole(void)
{
    char bytes[sizeof(struct egress_request) + 1] = {0};
    struct egress_request request, checked;
    struct error err = ERROR_INIT;

    egress_request_make(EGRESS_SET, 7, ID, "allow:a.example", &request);
    CU_ASSERT_EQUAL(check_request(&request), 0);
    memcpy(bytes, &request, sizeof(request));
    for (size_t length = 0; length <= sizeof(bytes); length += 83)
        CU_ASSERT_EQUAL(egress_request_check(bytes, length, &checked, &err) == 0,
                        length == sizeof(request));
    CU_ASSERT_EQUAL(egress_request_check(bytes, sizeof(bytes), &checked, &err), -1);
    egress_request_make(EGRESS_DROP, 8, ID, NULL, &request);
    CU_ASSERT_EQUAL(check_request(&request), 0);
    egress_request_make(EGRESS_DROP, 8, ID, "none", &request);
    CU_ASSERT_EQUAL(check_request(&request), -1);
    egress_request_make(EGRESS_SET, 8, ID, "nothing", &request);
    CU_ASSERT_EQUAL(check_request(&request), -1);
    egress_request_make(EGRESS_SET, 8, "../../x", "none", &request);
    CU_ASSERT_EQUAL(check_request(&request), -1);
    egress_request_make((enum egress_verb)3, 8, ID, "none", &request);
    CU_ASSERT_EQUAL(check_request(&request), -1);
    egress_request_make(EGRESS_SET, 8, ID, "none", &request);
    request.zero = 1;
    CU_ASSERT_EQUAL(check_request(&request), -1);
    egress_request_make(EGRESS_SET, 8, ID, "none", &request);
    request.policy[10] = 'x'; /* behind its end */
    CU_ASSERT_EQUAL(check_request(&request), -1);
    memset(request.policy, 'a', sizeof(request.policy)); /* without an end */
    CU_ASSERT_EQUAL(check_request(&request), -1);
}

/* --- heads ----------------------------------------------------------------------------------- */

static int read_text(const char *text, struct proxy_head *head, struct proxy_refusal *refusal)
{
    size_t length = proxy_head_length(text, strlen(text));

    CU_ASSERT_EQUAL(length, strlen(text));
    return proxy_head_read(text, length, head, refusal);
}

static void connect_names_a_host_and_a_port(void)
{
    static const struct {
        const char *target, *host;
        uint16_t port;
        bool literal;
    } rows[] = {{"example.com:443", "example.com", 443, false},
                {"EXAMPLE.com.:8443", "example.com", 8443, false},
                {"localhost:1", "localhost", 1, false},
                {"8.8.8.8:53", "8.8.8.8", 53, true},
                {"[2001:DB8:0::1]:443", "2001:db8::1", 443, true},
                {"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80, true}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(proxy_head_release) struct proxy_head head = {.forward = BUF_INIT};
        _cleanup_(free_ptr) char *text =
            xasprintf("CONNECT %s HTTP/1.1\r\nHost: other.example:1\r\n\r\n", rows[i].target);
        struct proxy_refusal refusal;

        CU_ASSERT_EQUAL_FATAL(read_text(text, &head, &refusal), 0);
        CU_ASSERT(head.connect);
        CU_ASSERT_STRING_EQUAL(head.host, rows[i].host);
        CU_ASSERT_EQUAL(head.port, rows[i].port);
        CU_ASSERT_EQUAL(head.literal, rows[i].literal);
        CU_ASSERT_EQUAL(head.forward.length, 0);
    }
}

static void an_absolute_address_becomes_a_request_to_its_server(void)
{
    static const struct {
        const char *asked, *forwarded;
    } rows[] = {
        {"GET http://Example.com/a?b=c HTTP/1.1\r\nHost: evil.example\r\nAccept: */*\r\n\r\n",
         "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n"},
        {"GET http://example.com HTTP/1.0\r\n\r\n",
         "GET / HTTP/1.0\r\nHost: example.com\r\nConnection: close\r\n\r\n"},
        {"GET http://example.com?q HTTP/1.1\r\n\r\n",
         "GET /?q HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"},
        {"POST http://[2001:db8::1]:8080/ HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
         "POST / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\nContent-Length: 3\r\n"
         "Connection: close\r\n\r\n"},
        /* what is between client and proxy stays here */
        {"GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n"
         "proxy-connection: keep-alive\r\nConnection: X-Mine , upgrade\r\nX-Mine: 1\r\n"
         "Upgrade: websocket\r\nKeep-Alive: 5\r\nX-Yours: 2\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a.example\r\nX-Yours: 2\r\nConnection: close\r\n\r\n"},
        /* but nobody has the length of a body dropped that way */
        {"POST http://a.example/ HTTP/1.1\r\nConnection: content-length\r\nContent-Length: "
         "1\r\n\r\n",
         "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(proxy_head_release) struct proxy_head head = {.forward = BUF_INIT};
        struct proxy_refusal refusal;

        CU_ASSERT_EQUAL_FATAL(read_text(rows[i].asked, &head, &refusal), 0);
        CU_ASSERT_FALSE(head.connect);
        CU_ASSERT_STRING_EQUAL(head.forward.data, rows[i].forwarded);
    }
}

static void what_is_no_request_to_a_proxy_is_refused(void)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
                {"GET https://a.example/ HTTP/1.1\r\n\r\n", 400},
                {"GET ftp://a.example/ HTTP/1.1\r\n\r\n", 400},
                {"GET http:///x HTTP/1.1\r\n\r\n", 400},
                {"GET http://u:p@a.example/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example@10.0.0.1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example:0/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example:99999/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example/#x HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example\\@b/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example/ b HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/2.0\r\n\r\n", 400},
                {"GET http://a.example/\r\n\r\n", 400},
                {"G(T http://a.example/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://127.1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://2130706433/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://0x7f.1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://0177.0.0.1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a%2eexample/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a_example.1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://[::1%25lo]/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://[::1/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://[::1]x/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://[127.0.0.1]/ HTTP/1.1\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/1.1\r\nNo colon\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/1.1\r\nName : x\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/1.1\r\nA: b\nc: d\r\n\r\n", 400},
                {"GET http://a.example/ HTTP/1.1\r\nA: b\rc: d\r\n\r\n", 400},
                {"CONNECT a.example HTTP/1.1\r\n\r\n", 400},
                {"CONNECT a.example: HTTP/1.1\r\n\r\n", 400},
                {"CONNECT http://a.example:443 HTTP/1.1\r\n\r\n", 400},
                {"CONNECT a.example:443/x HTTP/1.1\r\n\r\n", 400},
                {"CONNECT :443 HTTP/1.1\r\n\r\n", 400},
                {"CONNECT ::1:443 HTTP/1.1\r\n\r\n", 400},
                {"connect a.example:443 HTTP/1.1\r\n\r\n", 400},
                {"\r\n\r\n", 400}};
    static const char nul[] = "GET http://a.example/\0 HTTP/1.1\r\n\r\n";
    struct proxy_head head;
    struct proxy_refusal refusal;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int rc = read_text(rows[i].text, &head, &refusal);

        CU_ASSERT_EQUAL(rc, -1);
        if (rc == 0) {
            fprintf(stderr, "(%s) ", rows[i].text);
            proxy_head_release(&head);
        } else {
            CU_ASSERT_EQUAL(refusal.status, rows[i].status);
            CU_ASSERT(refusal.message[0] != '\0');
        }
    }
    CU_ASSERT_EQUAL(proxy_head_read(nul, sizeof(nul) - 1, &head, &refusal), -1);
}

static void a_head_has_so_many_fields_and_no_more(void)
{
    for (int more = 0; more <= 1; more++) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct proxy_head head;
        struct proxy_refusal refusal;

        buf_add_str(&text, "GET http://a.example/ HTTP/1.1\r\n");
        for (int i = 0; i < PROXY_HEAD_LINES_MAX + more; i++)
            buf_add_str(&text, "A: b\r\n");
        buf_add_str(&text, "\r\n");
        CU_ASSERT_EQUAL(read_text(text.data, &head, &refusal), more ? -1 : 0);
        if (more) {
            CU_ASSERT_EQUAL(refusal.status, 431);
        } else {
            proxy_head_release(&head);
        }
    }
}

static void a_head_ends_with_an_empty_line(void)
{
    static const char text[] = "CONNECT a.example:443 HTTP/1.1\r\n\r\nbehind";

    for (size_t length = 0; length < sizeof(text); length++)
        CU_ASSERT_EQUAL(proxy_head_length(text, length), length >= 34 ? 34 : 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"what is not public is refused", what_is_not_public_is_refused},
        {"what is public is not", what_is_public_is_not},
        {"another family of addresses is refused", another_family_is_refused},
        {"a policy has one of three forms", a_policy_has_one_of_three_forms},
        {"a policy that is too long is refused", a_policy_that_is_too_long_is_refused},
        {"a host is allowed by its name and port", a_host_is_allowed_by_its_name_and_port},
        {"the operator's pairs are a list", the_operator_s_pairs_are_a_list},
        {"an order is taken only whole", an_order_is_taken_only_whole},
        {"CONNECT names a host and a port", connect_names_a_host_and_a_port},
        {"an absolute address becomes a request to its server",
         an_absolute_address_becomes_a_request_to_its_server},
        {"what is no request to a proxy is refused", what_is_no_request_to_a_proxy_is_refused},
        {"a head has so many fields and no more", a_head_has_so_many_fields_and_no_more},
        {"a head ends with an empty line", a_head_ends_with_an_empty_line},
    };

    return UNIT_MAIN("egress", tests);
}
