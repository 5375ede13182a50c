/*
 * agent.h - the daemon's side of the agent protocol (docs/agent-protocol.md): HTTP/1.1 over a
 * unix socket with curl's multi interface on a libevent loop. Nothing blocks.
 *
 * Every byte that an agent says is hostile: heads, bodies, counts and texts are capped and
 * checked; what does not fit is an error with the code AGENT_PROTOCOL. An agent that can't be
 * reached is AGENT_UNREACHABLE: the caller asks the engine whether the container still runs.
 *
 * Each call calls back exactly once, on the loop's thread, unless agent_call_cancel came first,
 * after which it never does. Results belong to the client and live until the callback returns.
 */
#ifndef CODESET_AGENT_CLIENT_AGENT_CLIENT_H
#define CODESET_AGENT_CLIENT_AGENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct event_base;
struct agent_client; /* one for a daemon; keeps connections alive */
struct agent_call;

#define AGENT_OUTPUT_CAP (1024 * 1024)        /* bytes a stream, as UTF-8 */
#define AGENT_TREE_CAP (INT64_C(512) << 20)   /* bytes of an archive of changes */
#define AGENT_LISTING_CAP (INT64_C(64) << 20) /* bytes of a listing */
#define AGENT_REPORT_CAP (INT64_C(64) << 20)  /* bytes of an archive of reports */

struct agent_client *agent_client_new(struct event_base *base, struct error *err);
void agent_client_free(struct agent_client *client); /* cancels what is under way */
void agent_call_cancel(struct agent_call *call);

/* Calls back when the agent answers; tries to connect for up to timeout_ms. */
typedef void agent_hello_done(const struct error *err, void *arg);
struct agent_call *agent_hello(struct agent_client *client, const char *socket, int timeout_ms,
                               agent_hello_done *done, void *arg);

struct agent_command {
    const char *id; /* interaction or job id; starting an id twice attaches to the first */
    const char *command;
    size_t command_length;
    const char *workdir;  /* absolute, in the container */
    const char *env_json; /* JSON array of "NAME=value", or NULL */
    int timeout_seconds;
};

enum agent_end {
    AGENT_END_EXIT,    /* the command ended by itself; status as bash gives it */
    AGENT_END_TIMEOUT, /* the time limit ended it; status 124 */
    AGENT_END_FAILED,  /* the agent could not run it; message says why */
};

struct agent_result {
    enum agent_end end;
    int exit_status; /* 0 to 255 */
    const char *out; /* valid UTF-8, at most AGENT_OUTPUT_CAP bytes, may hold NUL */
    size_t out_length;
    const char *err;
    size_t err_length;
    bool out_truncated;
    bool err_truncated;
    double seconds;
    int64_t started_at;  /* the container's clock, microseconds since 1970 */
    const char *message; /* why, of AGENT_END_FAILED; else what the status can't say, or NULL */
};

typedef void agent_run_done(const struct error *err, const struct agent_result *result, void *arg);

/* Starts the command, or attaches to it if it was started before, and waits for its end.
 * attach_only: an id that the agent does not know is ERROR_NOT_FOUND. */
struct agent_call *agent_run(struct agent_client *client, const char *socket,
                             const struct agent_command *command, bool attach_only,
                             agent_run_done *done, void *arg);

/* Lets the agent forget a result (or kills the command if it still runs). No answer is awaited. */
void agent_forget(struct agent_client *client, const char *socket, const char *id);

/* success and message of a file operation as the API gives them. */
typedef void agent_file_done(const struct error *err, bool success, const char *message,
                             int64_t size_bytes, void *arg);

/* The text must occur exactly once; relative paths start at workdir. */
struct agent_call *agent_replace(struct agent_client *client, const char *socket, const char *path,
                                 const char *workdir, const char *old_text, size_t old_length,
                                 const char *new_text, size_t new_length, agent_file_done *done,
                                 void *arg);

/* Makes missing folders above the file. The bytes are copied. */
struct agent_call *agent_upload(struct agent_client *client, const char *socket, const char *path,
                                const char *workdir, bool make_executable, const void *bytes,
                                size_t size, agent_file_done *done, void *arg);

typedef void agent_tree_done(const struct error *err, void *arg);

/*
 * Writes to fd (kept by the caller, as all descriptors here) what is below root, as
 * agent_get_changes wants it. At most AGENT_LISTING_CAP bytes; more is ERROR_LIMIT,
 * CHANGES_TOO_LARGE. No such folder is ERROR_NOT_FOUND, here as below.
 */
struct agent_call *agent_get_listing(struct agent_client *client, const char *socket,
                                     const char *root, int fd, agent_tree_done *done, void *arg);

/*
 * Writes to fd a pax tar of what is below root and changed since the time, or is not as the
 * listing says, which is the pristine tree's and is read from listing_fd's beginning: see
 * docs/agent-protocol.md. An empty listing: of nothing. At most AGENT_TREE_CAP bytes; more is
 * ERROR_LIMIT, CHANGES_TOO_LARGE.
 */
struct agent_call *agent_get_changes(struct agent_client *client, const char *socket,
                                     const char *root, int64_t since, int listing_fd, int fd,
                                     agent_tree_done *done, void *arg);

/* Lays such an archive, read from fd's beginning, over root, where the listing came from. Where
 * something of the other tree is missing afterwards: ERROR_CONFLICT, CHANGES_INCOMPLETE. */
struct agent_call *agent_put_changes(struct agent_client *client, const char *socket,
                                     const char *root, int fd, agent_tree_done *done, void *arg);

/* Writes to fd a pax tar of the regular files below root that match one of the patterns (glob(7),
 * relative to root) and whose ctime is not before `since` (µs since 1970), with their ctime; of
 * those before it one, without content. At most AGENT_REPORT_CAP bytes and 1000 files. */
struct agent_call *agent_get_files(struct agent_client *client, const char *socket,
                                   const char *root, const char *const *patterns, size_t count,
                                   int64_t since, int fd, agent_tree_done *done, void *arg);

#endif
