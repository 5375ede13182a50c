/*
 * agent-rig.h - the real agent program as an ordinary child on a unix socket, and the daemon's
 * client to talk to it. Every wait has a deadline; a call that does not end in time fails the test.
 */
#ifndef CODESET_TESTS_AGENT_RIG_H
#define CODESET_TESTS_AGENT_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/error.h"

/* A program with AddressSanitizer keeps what it has freed. */
#ifdef __SANITIZE_ADDRESS__
#define RIG_MEMORY_SLACK (1024L * 1024)
#else
#define RIG_MEMORY_SLACK 0L
#endif

struct rig {
    struct event_base *base;
    struct agent_client *client;
    pid_t agent; /* the child to end and to wait for */
    bool contained;
    char folder[64]; /* a temporary folder of our own: socket, work */
    char socket[96];
    char address[104]; /* the agent's */
    char work[96];
};

/* What a call ended with; texts are copies. */
struct outcome {
    bool done;
    struct error err;
    struct agent_result result;
    struct buf out, errors, message;
    bool success;
    int64_t size;
    int protocol;
};

void rig_open(struct rig *rig);  /* starts the agent and waits for its hello */
void rig_close(struct rig *rig); /* ends it, checks that it still ran, removes the folder */

/* As rig_open, with the agent as pid 1 of namespaces of its own, in a root file system that holds
 * busybox if `furnished`, else nothing but the agent: neither /proc nor /dev. At most `processes`
 * processes fit in. rig->work is the path of its /work from outside. */
void rig_open_container(struct rig *rig, bool furnished, int processes);

/* As rig_open, but with the listening socket in *ret_fd and no agent behind it. */
void rig_open_bare(struct rig *rig, int *ret_fd);

void outcome_release(struct outcome *outcome);

void rig_on_hello(const struct error *err, int protocol, void *outcome);
void rig_on_run(const struct error *err, const struct agent_result *result, void *outcome);
void rig_on_file(const struct error *err, bool success, const char *message, int64_t size_bytes,
                 void *outcome);
void rig_on_tree(const struct error *err, void *outcome);
void rig_on_tail(const struct error *err, const char *text, size_t length, int64_t total,
                 void *outcome); /* into out and size */

/* Runs the loop until the call behind it has ended. */
void rig_await(struct rig *rig, struct outcome *outcome);

/* A command with an id of its own, to its end. */
void rig_run(struct rig *rig, struct outcome *outcome, int timeout_seconds, const char *command);

/* File operations with ids of their own, begun; in the rig's work folder. */
struct agent_call *rig_replace(struct rig *rig, struct outcome *outcome, const char *path,
                               const char *old_text, const char *new_text);
struct agent_call *rig_upload(struct rig *rig, struct outcome *outcome, const char *path,
                              bool executable, const void *bytes, size_t size);

/* The command with the defaults of the rig. */
struct agent_command rig_command(const struct rig *rig, const char *id, const char *command);

/* Private memory of the agent in KiB. */
long rig_memory(const struct rig *rig);

/* How many descriptors the agent holds. */
int rig_descriptors(const struct rig *rig);

/* Is a `sleep SECONDS.$MARK` alive? Waits until it is as wanted; false if it does not become so.
 * Each command's $MARK is this test program's own: another may run beside it. */
bool rig_sleeps(int seconds, bool wanted);

/* The pid of such a sleep as we see it; 0 if there is none. */
pid_t rig_sleeper(int seconds);

#endif
