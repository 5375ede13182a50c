#include "outbound/outbound.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define CONNECT_MS 5000L
#define WORD_MOST 64

struct outbound {
    const struct outbound_party *party;
    const char *ca_file;
    CURL *curl;
    atomic_bool interrupted;
};

struct answer {
    struct buf *body;
    size_t most; /* bytes */
};

DEFINE_CLEANUP(struct curl_slist *, release_slist, curl_slist_free_all)

struct outbound *outbound_new(const struct outbound_party *party, const char *ca_file)
{
    struct outbound *outbound = xcalloc(1, sizeof(*outbound));

    outbound->party = party;
    outbound->ca_file = ca_file;
    outbound->curl = curl_easy_init();
    if (!outbound->curl)
        abort();
    return outbound;
}

void outbound_free(struct outbound *outbound)
{
    if (!outbound)
        return;
    curl_easy_cleanup(outbound->curl);
    free(outbound);
}

void outbound_interrupt(struct outbound *outbound)
{
    atomic_store(&outbound->interrupted, true);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;

    if (size * count > answer->most - answer->body->length)
        return 0; /* ends the transfer with CURLE_WRITE_ERROR */
    buf_add(answer->body, bytes, size * count);
    return size * count;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct outbound *outbound = arg;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return atomic_load(&outbound->interrupted); /* not 0 ends the transfer */
}

int outbound_too_slow(const struct outbound_party *party, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, party->timeout, "%s did not answer in time; try again",
                     party->name);
}

static int transfer_failed(const struct outbound_party *party, CURLcode code, struct error *err)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return outbound_too_slow(party, err);
    case CURLE_WRITE_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return error_set(err, ERROR_UNAVAILABLE, party->bad_answer,
                         "%s's answer cannot be understood (%s)", party->name,
                         curl_easy_strerror(code));
    default:
        return error_set(err, ERROR_UNAVAILABLE, party->unavailable,
                         "%s cannot be reached (%s); try again later", party->name,
                         curl_easy_strerror(code));
    }
}

static struct curl_slist *make_headers(const struct outbound_request *request)
{
    struct curl_slist *headers = NULL;

    for (size_t i = 0; i < request->header_count; i++) {
        const struct outbound_header *header = &request->headers[i];
        _cleanup_(free_ptr) char *line = NULL;
        struct curl_slist *longer;

        if (!header->value)
            continue;
        line = xasprintf("%s: %s", header->name, header->value);
        longer = curl_slist_append(headers, line);
        if (!longer)
            abort();
        headers = longer;
    }
    return headers;
}

static void set_options(struct outbound *outbound, const struct outbound_request *request,
                        struct curl_slist *headers, struct answer *answer)
{
    CURL *curl = outbound->curl;

    curl_easy_reset(curl); /* keeps live connections */
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "codeset/" CODESET_VERSION);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->time_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, outbound);
    if (outbound->ca_file[0])
        curl_easy_setopt(curl, CURLOPT_CAINFO, outbound->ca_file);
    if (request->form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->form);
    if (request->login)
        curl_easy_setopt(curl, CURLOPT_USERPWD, request->login);
}

int outbound_send(struct outbound *outbound, const struct outbound_request *request,
                  long *ret_status, json_object **ret_json, struct error *err)
{
    const struct outbound_party *party = outbound->party;
    _cleanup_(release_slist) struct curl_slist *headers = make_headers(request);
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    struct answer answer = {&body, party->answer_most};
    json_object *json = NULL;
    long status = 0;
    CURLcode code;

    set_options(outbound, request, headers, &answer);
    code = curl_easy_perform(outbound->curl);
    if (code != CURLE_OK)
        return transfer_failed(party, code, err);
    curl_easy_getinfo(outbound->curl, CURLINFO_RESPONSE_CODE, &status);
    if (json_parse(body.data, body.length, &json, NULL, err) < 0) {
        if (status < 300)
            return error_set(err, ERROR_UNAVAILABLE, party->bad_answer,
                             "%s's answer (status %ld) is not JSON", party->name, status);
        error_clear(err);
    }
    *ret_status = status;
    *ret_json = json;
    return 0;
}

const char *outbound_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_[]";

    return word && strlen(word) <= WORD_MOST && strspn(word, plain) == strlen(word) ? word : "";
}

char *outbound_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));

    if (!escaped)
        abort();
    return escaped;
}

void outbound_free_escaped(char *escaped)
{
    curl_free(escaped);
}

void outbound_add_field(struct buf *form, const char *name, const char *value)
{
    _cleanup_(outbound_release_escaped) char *escaped = outbound_escape(value);

    buf_addf(form, "%s%s=%s", form->length ? "&" : "", name, escaped);
}
