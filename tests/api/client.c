#include "client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "http.h"

#include "base/banned.h"

#define PROXY_BODY_MAX (8u << 20) /* it takes 10 MB */

static const char *base_url, *api_key, *validator;
static atomic_uint violations, validated, direct;

static const char *need(const char *name)
{
    const char *value = getenv(name);

    if (!value || !*value) {
        fprintf(stderr, "%s is not set; eval \"$(tests/stack up)\" sets it\n", name);
        exit(2);
    }
    return value;
}

void client_open(void)
{
    base_url = need("CODESET_BASE_URL");
    api_key = need("CODESET_API_KEY");
    need("CODESET_CTL");
    validator = getenv("CODESET_VALIDATOR");
    if (validator && !*validator)
        validator = NULL;
    http_open(need("CODESET_CA"));
}

void client_close(void)
{
    http_close();
}

const char *client_base(void)
{
    return base_url;
}

const char *client_key(void)
{
    return api_key;
}

unsigned client_violations(void)
{
    return violations;
}

unsigned client_validated(void)
{
    return validated;
}

unsigned client_direct(void)
{
    return direct;
}

/* The proxy reads and writes JSON anew, fails on HEAD, and takes binary for text. */
static bool can_be_validated(const struct call *call)
{
    if (!validator || call->direct || strstr(call->path, "://"))
        return false;
    if (call->body && strnlen(call->body, PROXY_BODY_MAX) == PROXY_BODY_MAX)
        return false;
    if (call->method && strcmp(call->method, "GET") != 0 && strcmp(call->method, "POST") != 0 &&
        strcmp(call->method, "DELETE") != 0 && strcmp(call->method, "OPTIONS") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(call->headers) && call->headers[i]; i++)
        if (strncasecmp(call->headers[i], "Accept-Encoding:", 16) == 0 ||
            strncasecmp(call->headers[i], "Range:", 6) == 0)
            return false;
    return true;
}

static void check_violations(const struct call *call, const struct answer *answer)
{
    char found[8192];

    answer_header(answer, "sl-violations", found, sizeof(found));
    if (!strstr(found, "\"response\""))
        return;
    violations++;
    fprintf(stderr, "\n    VIOLATION %s %s: status %ld: %s\n", call->method ? call->method : "",
            call->path, answer->status, found);
}

struct answer *client_send(const struct call *call)
{
    bool validate = can_be_validated(call);
    char *url = strstr(call->path, "://")
                    ? xstrdup(call->path)
                    : xasprintf("%s%s", validate ? validator : base_url, call->path);
    struct answer *answer = http_send(url, call, call->key ? call->key : api_key);

    if (validate) {
        validated++;
        check_violations(call, answer);
    } else {
        direct++;
    }
    free(url);
    return answer;
}

struct answer *client_send_promptly(double seconds, const struct call *call)
{
    struct answer *answer = client_send(call);

    for (int i = 1; i < TRIES && answer->seconds >= seconds; i++) {
        answer_free(answer);
        answer = client_send(call);
    }
    return answer;
}

static struct answer *send_to(const char *method, const char *body, const char *format,
                              va_list args)
{
    _cleanup_(free_ptr) char *path = NULL;

    if (vasprintf(&path, format, args) < 0)
        abort();
    return SEND(.method = method, .body = body, .path = path);
}

struct answer *client_get(const char *format, ...)
{
    va_list args;
    struct answer *answer;

    va_start(args, format);
    answer = send_to("GET", NULL, format, args);
    va_end(args);
    return answer;
}

struct answer *client_delete(const char *format, ...)
{
    va_list args;
    struct answer *answer;

    va_start(args, format);
    answer = send_to("DELETE", NULL, format, args);
    va_end(args);
    return answer;
}

struct answer *client_post(const char *body, const char *format, ...)
{
    va_list args;
    struct answer *answer;

    va_start(args, format);
    answer = send_to("POST", body, format, args);
    va_end(args);
    return answer;
}

void answer_free(struct answer *answer)
{
    if (!answer)
        return;
    buf_release(&answer->headers);
    buf_release(&answer->body);
    json_object_put(answer->json);
    free(answer);
}

static const char *find_header(const struct answer *answer, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = answer->headers.data; line && *line;) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

char *answer_header(const struct answer *answer, const char *name, char *value, size_t size)
{
    const char *found = find_header(answer, name);

    snprintf(value, size, "%.*s", found ? (int)strcspn(found, "\r\n") : 0, found ? found : "");
    return value;
}

bool answer_has_header(const struct answer *answer, const char *name)
{
    return find_header(answer, name) != NULL;
}

json_object *json_at(json_object *object, const char *path)
{
    while (object && *path) {
        size_t length = strcspn(path, ".");
        char key[128];

        snprintf(key, sizeof(key), "%.*s", (int)length, path);
        if (json_object_is_type(object, json_type_array)) {
            object = json_object_array_get_idx(object, strtoul(key, NULL, 10));
        } else if (!json_object_is_type(object, json_type_object) ||
                   !json_object_object_get_ex(object, key, &object)) {
            return NULL;
        }
        path += length + (path[length] == '.');
    }
    return object;
}

json_object *answer_at(const struct answer *answer, const char *path)
{
    return json_at(answer->json, path);
}

const char *answer_text(const struct answer *answer, const char *path)
{
    json_object *value = answer_at(answer, path);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

int64_t answer_int(const struct answer *answer, const char *path)
{
    json_object *value = answer_at(answer, path);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : INT64_MIN;
}

struct background {
    pthread_t thread;
    struct call call;
    char *path;
    struct answer *answer;
};

static void *background_run(void *arg)
{
    struct background *background = arg;

    background->answer = client_send(&background->call);
    http_thread_end();
    return NULL;
}

struct background *background_send(const struct call *call)
{
    struct background *background = xcalloc(1, sizeof(*background));

    background->call = *call;
    background->call.path = background->path = xstrdup(call->path);
    if (pthread_create(&background->thread, NULL, background_run, background) != 0)
        abort();
    return background;
}

struct answer *background_join(struct background *background)
{
    struct answer *answer;

    pthread_join(background->thread, NULL);
    answer = background->answer;
    free(background->path);
    free(background);
    return answer;
}

int ctl(struct buf *out, const char *format, ...)
{
    _cleanup_(free_ptr) char *arguments = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&arguments, format, args) < 0)
        abort();
    va_end(args);
    return shell(out, "%s %s", need("CODESET_CTL"), arguments);
}

int sql(const char *format, ...)
{
    _cleanup_(free_ptr) char *statement = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&statement, format, args) < 0)
        abort();
    va_end(args);
    return shell(NULL,
                 "mariadb --no-defaults --protocol=socket -u root "
                 "--socket=%s/run/mysqld/mysqld.sock codeset -e \"%s\"",
                 need("CODESET_STACK"), statement);
}
