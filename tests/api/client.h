/*
 * client.h - what the black-box programs know of the server: HTTP requests, JSON answers, and
 * codesetctl. Nothing of the server's own code is behind it but base/.
 *
 * A request goes through CODESET_VALIDATOR (a validating proxy, see tests/tools/prism) where that
 * is set and the request is one that the proxy can carry; otherwise to CODESET_BASE_URL. A
 * violation that the proxy finds in the answer is counted and told on standard error.
 *
 * Waiting is the server's: holds and `Prefer: wait`. Nothing here sleeps. Connections are kept
 * alive, one a thread.
 */
#ifndef CODESET_TESTS_CLIENT_H
#define CODESET_TESTS_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Reads the environment (CODESET_BASE_URL, CODESET_CA, CODESET_API_KEY, CODESET_CTL,
 * CODESET_LOGS, CODESET_VALIDATOR); exits with a word when one that is needed is missing. */
void client_open(void);
void client_close(void);

const char *client_base(void); /* ends in /api/v1 */
const char *client_key(void);

/* Answers that broke docs/openapi.json, and requests of either kind so far. */
unsigned client_violations(void);
unsigned client_validated(void);
unsigned client_direct(void);

struct call {
    const char *method;     /* NULL: GET, or POST when there is a body */
    const char *path;       /* behind the base; an address of its own when it holds "://" */
    const char *key;        /* NULL: CODESET_API_KEY; "": no Authorization at all */
    const char *body;       /* NULL: none */
    size_t body_length;     /* 0: strlen(body) */
    const char *headers[6]; /* "Name: value"; application/json is said by itself */
    bool direct;            /* not through the validator: it could not carry this one */
    long timeout_ms;        /* 0: 100 s */
};

struct answer {
    long status; /* 0: no answer; `failure` says why */
    struct buf headers;
    struct buf body;
    json_object *json; /* NULL where the body is no JSON */
    double seconds;
    char failure[256];
};

/* Never NULL; what was sent does not need to live on. */
struct answer *client_send(const struct call *call);
void answer_free(struct answer *answer);
DEFINE_CLEANUP(struct answer *, answer_release, answer_free)

#define SEND(...) client_send(&(struct call){__VA_ARGS__})

/* What is slow by itself is slow each time, a machine that stalls is not: a bound on time has to be
 * kept in one of so many tries. */
#define TRIES 5

/* Sends it until an answer takes less than so many seconds, TRIES times at most: the last answer.
 */
struct answer *client_send_promptly(double seconds, const struct call *call);
#define SEND_PROMPTLY(seconds, ...) client_send_promptly((seconds), &(struct call){__VA_ARGS__})

/* The same with printf for the path. */
struct answer *client_get(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct answer *client_delete(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct answer *client_post(const char *body, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of a header into value[size], "" where absent. Returns value. */
char *answer_header(const struct answer *answer, const char *name, char *value, size_t size);
bool answer_has_header(const struct answer *answer, const char *name);

/* A member by a path of keys and indexes ("detail.0.type"); NULL where absent. */
json_object *answer_at(const struct answer *answer, const char *path);
json_object *json_at(json_object *object, const char *path);

/* Text, "" where absent or null; lives as long as the answer. */
const char *answer_text(const struct answer *answer, const char *path);
int64_t answer_int(const struct answer *answer, const char *path); /* INT64_MIN where absent */

/* A request in a thread of its own. */
struct background;
struct background *background_send(const struct call *call); /* copies the path, not the rest */
struct answer *background_join(struct background *background);

/* --- the API's objects ------------------------------------------------------------------------ */

#define IDENT_SIZE 64
struct ident {
    char text[IDENT_SIZE];
};

/* POST /sessions; "" when it was refused (told on standard error). */
struct ident session_create(const char *key, const char *dataset, const char *sample_id);

/* GETs with Prefer: wait until the status is none of creating (session), pending, processing
 * (interaction), pending, starting, running (verification), or the seconds are over. */
struct answer *session_wait(const char *key, const char *session, int seconds);
struct answer *interaction_wait(const char *key, const char *session, const char *interaction,
                                int seconds);
struct answer *verification_wait(const char *key, const char *session, const char *job,
                                 int seconds);

/* Created and ready; "" on failure. */
struct ident session_ready(const char *key, const char *dataset, const char *sample_id);
void session_close(const char *key, const char *session);

/* POST exec: the interaction's id, "" when refused. timeout 0: not said. */
struct ident exec_start(const char *session, const char *command, int timeout);

/* POST exec, then wait for the end (timeout + 30 s at most). */
struct answer *exec_run(const char *session, const char *command, int timeout);

/* {"command": ..., "command_timeout": ...}; to free(). */
char *exec_body(const char *command, int timeout);

/* POST upload of these bytes. The server promises an end within a second, and gives an operation up
 * for that; on a machine that stalled this one, and replace, ask again. */
struct answer *upload(const char *session, const char *path, const void *bytes, size_t size,
                      bool executable);
struct answer *replace(const char *session, const char *path, const char *old_text,
                       const char *new_text);
char *base64(const void *bytes, size_t size); /* to free() */

/* --- codesetctl and other commands ------------------------------------------------------------ */

/* Runs `$CODESET_CTL ARGUMENTS`, the arguments as a shell would read them (quote what comes from
 * outside). Standard output into `out` (may be NULL), standard error onto ours. Exit status. */
int ctl(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As ctl, of any shell command line. */
int shell(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As the database's owner, through the stack's socket: for states that no API leads to. */
int sql(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
