#include "http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define ANSWER_MAX (256u << 20)

static const char *ca_path;
static _Thread_local CURL *handle;

void http_open(const char *path)
{
    ca_path = path;
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_thread_end(void)
{
    curl_easy_cleanup(handle);
    handle = NULL;
}

void http_close(void)
{
    http_thread_end();
    curl_global_cleanup();
}

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
    struct buf *out = arg;

    if (out->length + size * count > ANSWER_MAX)
        return 0;
    buf_add(out, bytes, size * count);
    return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct buf *out = arg;

    if (size * count >= 5 && strncmp(bytes, "HTTP/", 5) == 0)
        buf_clear(out); /* what came before was 100 Continue */
    return take(bytes, size, count, arg);
}

static struct curl_slist *headers_of(const struct call *call, const char *key)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool typed = false;

    for (size_t i = 0; i < ARRAY_SIZE(call->headers) && call->headers[i]; i++) {
        list = curl_slist_append(list, call->headers[i]);
        if (strncasecmp(call->headers[i], "Content-Type:", 13) == 0)
            typed = true;
    }
    if (*key) {
        _cleanup_(free_ptr) char *line = xasprintf("Authorization: Bearer %s", key);

        list = curl_slist_append(list, line);
    }
    if (call->body && !typed)
        list = curl_slist_append(list, "Content-Type: application/json");
    return list;
}

static void set_method(const struct call *call)
{
    if (call->body) {
        size_t length = call->body_length ? call->body_length : strlen(call->body);

        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body);
    } else if (call->method && strcmp(call->method, "POST") == 0) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "");
    }
    if (!call->method)
        return;
    if (strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method);
}

struct answer *http_send(const char *url, const struct call *call, const char *key)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));
    struct curl_slist *headers = headers_of(call, key);
    struct error ignored = ERROR_INIT;
    char failure[CURL_ERROR_SIZE] = "";
    int64_t begun = clock_monotonic();
    CURLcode result;

    answer->headers = answer->body = (struct buf)BUF_INIT;
    if (!handle)
        handle = curl_easy_init();
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_CAINFO, ca_path);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, call->timeout_ms ? call->timeout_ms : 100000L);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, failure);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &answer->headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer->body);
    set_method(call);
    result = curl_easy_perform(handle);
    answer->seconds = (double)(clock_monotonic() - begun) / CLOCK_SECOND;
    if (result == CURLE_OK)
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
    else
        snprintf(answer->failure, sizeof(answer->failure), "%s: %s", curl_easy_strerror(result),
                 failure);
    json_parse(answer->body.data, answer->body.length, &answer->json, NULL, &ignored);
    curl_slist_free_all(headers);
    return answer;
}
