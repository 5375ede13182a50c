/*
 * agent_client.h - the daemon's side of the agent protocol (docs/agent-protocol.md): HTTP/1.1 with
 * curl's multi interface on a libevent loop. Nothing blocks.
 *
 * An agent is reached by an address: "unix:/path" or "tcp:HOST:PORT" (an IPv6 address in brackets).
 *
 * Every byte that an agent says is hostile: heads, bodies, counts and texts are capped and
 * checked; what does not fit is an error with the code AGENT_PROTOCOL. An agent that can't be
 * reached is AGENT_UNREACHABLE: the caller asks the engine whether the container still runs.
 *
 * Each call calls back exactly once, on the loop's thread and never from within the call itself,
 * unless agent_call_cancel came first, after which it never does. Results belong to the client and
 * live until the callback returns.
 */
#ifndef CODESET_AGENT_CLIENT_AGENT_CLIENT_H
#define CODESET_AGENT_CLIENT_AGENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/agent_protocol.h"

struct buf;
struct event_base;
struct agent_client; /* one for a daemon; keeps connections alive */
struct agent_call;

struct agent_client *agent_client_new(struct event_base *base, struct error *err);
void agent_client_free(struct agent_client *client); /* cancels what is under way */

/* What agents that are reached by TCP want to see; copied. NULL: nothing. */
void agent_client_set_token(struct agent_client *client, const char *token);

/*
 * Asked before the body of a command's result is received, with its size (never for an empty one).
 * False: the transfer waits, the agent keeps the result, and no time runs out, until
 * agent_call_resume(call) lets it go on, which does not ask again. Whoever counts bytes gives them
 * back when the call calls back, or when it cancels it. The call under way is known by
 * agent_call_arg.
 */
typedef bool agent_admit(size_t bytes, struct agent_call *call, void *arg);
void agent_client_set_admit(struct agent_client *client, agent_admit *admit, void *arg);

void agent_call_cancel(struct agent_call *call); /* NULL: nothing */
void agent_call_resume(struct agent_call *call);
void *agent_call_arg(const struct agent_call *call); /* what its callback will be given */

/* Has an answer begun to come? Its callback follows, sooner or later. */
bool agent_call_is_answered(const struct agent_call *call);

/* Calls back when the agent answers; tries to connect for up to timeout_ms. `protocol` is what the
 * agent speaks; below AGENT_PROTOCOL_IDS it ignores the ids of file operations. */
typedef void agent_hello_done(const struct error *err, int protocol, void *arg);
struct agent_call *agent_hello(struct agent_client *client, const char *address, int timeout_ms,
                               agent_hello_done *done, void *arg);

/* ---- commands ---- */

struct agent_command {
    const char *id; /* interaction or job id; starting an id twice attaches to the first */
    const char *command;
    size_t command_length;
    bool is_trial;        /* the command is a trial's request: docs/agent-protocol.md */
    const char *workdir;  /* absolute, in the container */
    const char *env_json; /* JSON array of "NAME=value", or NULL */
    const char
        *profile_json; /* JSON object of AGENT_PROFILE_... (wire/agent_protocol.h), or NULL */
    int timeout_seconds;
    bool keeps_tail;         /* agent_tail tells what it prints */
    void (*sent)(void *arg); /* with the call's arg: the request has left this process's memory, and
                              * none of the result is here yet; NULL: nobody asks */
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
    const char *err; /* NUL-terminated; out is not */
    size_t err_length;
    struct buf *texts; /* what out and err lie in; a callback may take its content (buf_take),
                        * and then keeps them where they are */
    bool out_truncated;
    bool err_truncated;
    double seconds;
    int64_t started_at; /* microseconds since 1970 */
    int64_t
        files_from; /* the same by the clock of files: nothing that it wrote has a ctime before */
    const char *message; /* why, of AGENT_END_FAILED; else what the status can't say, or NULL */
};

typedef void agent_run_done(const struct error *err, const struct agent_result *result, void *arg);

/* Starts the command, or attaches to it if it was started before, and waits for its end.
 * attach_only: an id that the agent does not know is ERROR_NOT_FOUND. */
struct agent_call *agent_run(struct agent_client *client, const char *address,
                             const struct agent_command *command, bool attach_only,
                             agent_run_done *done, void *arg);

/*
 * The newest text of both outputs of a command that keeps its tail, running or not: valid UTF-8, at
 * most AGENT_TAIL_CAP bytes; `total` is how much there was since its start. ERROR_NOT_FOUND: no
 * such command, or it keeps none.
 */
typedef void agent_tail_done(const struct error *err, const char *text, size_t length,
                             int64_t total, void *arg);
struct agent_call *agent_tail(struct agent_client *client, const char *address, const char *id,
                              agent_tail_done *done, void *arg);

/* Lets the agent forget the outcome of a command or a file operation (kills a command that still
 * runs). No answer is awaited. */
void agent_forget(struct agent_client *client, const char *address, const char *id);

/* ---- file operations ---- */

/*
 * success and message as the API gives them. An id that was sent before is not carried out again:
 * the answer is the first one's. Errors of their own: AGENT_BUSY, nothing was done; with
 * AGENT_OUTCOME_UNKNOWN nobody knows whether it was done, and the id will always say so.
 */
typedef void agent_file_done(const struct error *err, bool success, const char *message,
                             int64_t size_bytes, void *arg);

struct agent_replacement {
    const char *id;
    const char *path; /* a relative one starts at workdir */
    const char *workdir;
    const char *old_text; /* must occur exactly once */
    size_t old_length;
    const char *new_text;
    size_t new_length;
};

struct agent_call *agent_replace(struct agent_client *client, const char *address,
                                 const struct agent_replacement *replacement, agent_file_done *done,
                                 void *arg);

struct agent_upload {
    const char *id;
    const char *path; /* missing folders above it are made */
    const char *workdir;
    bool executable;
    const void *bytes; /* not copied: they stay until the callback or the cancel */
    size_t size;
};

struct agent_call *agent_upload(struct agent_client *client, const char *address,
                                const struct agent_upload *upload, agent_file_done *done,
                                void *arg);

/* ---- trees ---- */

/*
 * Makes of the tree below root in the grading container what it is in the session's: the grading
 * agent's listing flows to the session's agent, whose archive of what differs, or changed since the
 * time, flows to the grading agent. At most 256 KiB of each are here at once. A grading container
 * without such a folder lists nothing.
 *
 * Where the listing is known, the session's agent is asked at once, and the grading container may
 * come later (agent_copy_lay). Until then at most AGENT_COPY_AHEAD bytes wait here; if there are
 * more, the copy fails at AGENT_COPY_READING with CHANGES_WAIT.
 *
 * Where it fails `stage` says at which step, and so on which side:
 *   AGENT_COPY_LISTING   the grading agent: AGENT_UNREACHABLE, CHANGES_TOO_LARGE, ...
 *   AGENT_COPY_READING   the session's agent: as before; ERROR_NOT_FOUND without such a folder.
 *                        The grading container was not touched.
 *   AGENT_COPY_LAYING    the grading agent: AGENT_UNREACHABLE, CHANGES_INCOMPLETE, ...
 */
enum agent_copy_stage { AGENT_COPY_LISTING, AGENT_COPY_READING, AGENT_COPY_LAYING };

/* What the grading agent tells of the changes that it laid, in printable UTF-8. "": nothing. */
struct agent_laid {
    const char *kept_back;      /* what the rules held back, "a, b and 3 more" */
    int64_t kept_back_count;    /* how many paths that are */
    const char *crossed;        /* "3 compiled files (a.so, b.so and 1 more), 1 link ..." */
    const char *crossed_counts; /* the same without paths */
};

/* laid: all empty if there is an error; until the callback returns. */
typedef void agent_copy_done(const struct error *err, enum agent_copy_stage stage,
                             const struct agent_laid *laid, void *arg);

#define AGENT_COPY_AHEAD ((size_t)4 << 20)

/* What stays the grading container's (AGENT_RULE_TEST and others), each rule ended by NUL. At most
 * AGENT_RULES_MOST bytes. */
struct agent_rules {
    const char *text;
    size_t length;
};

struct agent_copy {
    const char *grading_address; /* NULL, only with a `listing`: agent_copy_lay says it */
    const char *session_address;
    const char *root;
    int64_t since;            /* the session's image_time; what changed later, is sent */
    struct agent_rules rules; /* copied */

    /* What the grading agent lists, where it is known; copied. NULL: it is asked. */
    const struct buf *listing;
    struct agent_kept *listed; /* what it lists goes there as well; NULL: nowhere */

    /* With the call's arg. The session's agent is about to be asked, and is when agent_copy_read
     * says so; NULL: it is asked at once. */
    void (*reads)(void *arg);
    void (*has_read)(void *arg); /* all that it says is here; NULL: nobody asks */

    struct agent_kept *kept; /* the archive's bytes go there as well; NULL: nowhere */
};

/* A copy of what an agent sent: the session's for agent_lay_changes, the grading one's for
 * another copy's `listing`. The caller's. */
struct agent_kept {
    struct buf archive; /* whole once the copy is done; empty where it is more than `most` */
    size_t most;
    int64_t bytes; /* so many there were */
};

struct agent_call *agent_copy_changes(struct agent_client *client, const struct agent_copy *what,
                                      agent_copy_done *done, void *arg);

/* Here is the grading container of a copy that was begun without it. Its listing must be the one
 * that the copy began with. Once. */
void agent_copy_lay(struct agent_call *call, const char *grading_address,
                    const struct agent_rules *rules);

/* The same of an archive that is here: no session is asked. Of `what` the session's address and
 * what follows the rules do not count. The archive is the caller's, until the call is over. */
struct agent_call *agent_lay_changes(struct agent_client *client, const struct agent_copy *what,
                                     const struct buf *archive, agent_copy_done *done, void *arg);

/* After `reads`, once. */
void agent_copy_read(struct agent_call *copy);

typedef void agent_tree_done(const struct error *err, void *arg);

/*
 * Writes to fd (the caller's, as all descriptors here) a pax tar of the regular files below root
 * that match one of the patterns (base/glob.h, relative to root) and whose ctime is not before
 * `since` (µs since 1970), with their ctime; of those before it one, without content. At most
 * AGENT_REPORT_CAP bytes and AGENT_REPORTS_MOST files. fd may be a pipe that does not block: while
 * it is full the transfer waits.
 */
struct agent_call *agent_get_files(struct agent_client *client, const char *address,
                                   const char *root, const char *const *patterns, size_t count,
                                   int64_t since, int fd, agent_tree_done *done, void *arg);

/* What a whole tree may be: bytes of the archive, and how many files, folders and links. */
struct agent_archive_limits {
    int64_t bytes, entries;
    int seconds; /* for all of it, the receiver's slowness included */
};

/*
 * Writes to fd, as above, a pax tar of all folders, regular files and symbolic links below root,
 * in order of their paths. CHANGES_TOO_LARGE (ERROR_LIMIT): there is more than the limits say;
 * ERROR_NOT_FOUND: no such folder.
 */
struct agent_call *agent_get_archive(struct agent_client *client, const char *address,
                                     const char *root, const struct agent_archive_limits *limits,
                                     int fd, agent_tree_done *done, void *arg);

#endif
