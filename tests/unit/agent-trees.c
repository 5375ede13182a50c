#include "agent-trees.h"

#include <CUnit/CUnit.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_client/answer.h"
#include "agent_client/trees.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define SECONDS 100L /* ends a hang */

struct exchange {
    CURL *easy;
    int source_fd, fd; /* -1: none */
    off_t read;
    struct buf refusal;
};

static size_t give(char *bytes, size_t one, size_t most, void *arg)
{
    struct exchange *exchange = arg;
    ssize_t got = pread(exchange->source_fd, bytes, one * most, exchange->read);

    if (got < 0)
        return CURL_READFUNC_ABORT;
    exchange->read += got;
    return (size_t)got;
}

static size_t take(char *bytes, size_t one, size_t length, void *arg)
{
    struct exchange *exchange = arg;
    struct error err = ERROR_INIT;
    long status = 0;

    (void)one;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || exchange->fd < 0)
        buf_add(&exchange->refusal, bytes, length);
    else if (fd_write_all(exchange->fd, bytes, length, &err) < 0)
        return 0;
    return length;
}

static void perform(const struct rig *rig, const char *method, const char *target, int source_fd,
                    int fd, struct outcome *outcome)
{
    struct exchange exchange = {
        .easy = curl_easy_init(), .source_fd = source_fd, .fd = fd, .refusal = BUF_INIT};
    _cleanup_(free_ptr) char *url = xasprintf("http://agent%s", target);
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    struct answer answer;
    struct stat st = {0};
    CURLcode done;
    long status = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(exchange.easy);
    curl_easy_setopt(exchange.easy, CURLOPT_URL, url);
    curl_easy_setopt(exchange.easy, CURLOPT_UNIX_SOCKET_PATH, rig->socket);
    curl_easy_setopt(exchange.easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(exchange.easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(exchange.easy, CURLOPT_TIMEOUT, SECONDS);
    curl_easy_setopt(exchange.easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(exchange.easy, CURLOPT_WRITEDATA, &exchange);
    if (source_fd >= 0) {
        CU_ASSERT_EQUAL_FATAL(fstat(source_fd, &st), 0);
        curl_easy_setopt(exchange.easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(exchange.easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
        curl_easy_setopt(exchange.easy, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(exchange.easy, CURLOPT_READDATA, &exchange);
    }
    done = curl_easy_perform(exchange.easy);
    curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
    outcome->err = (struct error)ERROR_INIT;
    answer_init(&answer);
    answer.status = (int)status;
    if (done != CURLE_OK)
        error_set(&outcome->err, ERROR_UNAVAILABLE, "AGENT_UNREACHABLE", "%s",
                  curl_easy_strerror(done));
    else if (status != 200)
        answer_refusal(&answer, &exchange.refusal, &outcome->err);
    outcome->done = true;
    buf_release(&exchange.refusal);
    curl_slist_free_all(headers);
    curl_easy_cleanup(exchange.easy);
}

void trees_get_listing(const struct rig *rig, const char *root, int fd, struct outcome *outcome)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    tree_target_listing(&target, root);
    perform(rig, "GET", target.data, -1, fd, outcome);
}

void trees_get_changes(const struct rig *rig, const char *root, int64_t since, int listing_fd,
                       int fd, struct outcome *outcome)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    tree_target_changes_since(&target, root, since);
    perform(rig, "POST", target.data, listing_fd, fd, outcome);
}

void trees_put_changes(const struct rig *rig, const char *root, int fd, struct outcome *outcome)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    tree_target_changes(&target, root, 0);
    perform(rig, "PUT", target.data, fd, -1, outcome);
}
