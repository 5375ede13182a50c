/*
 * job_stage.h - what tests of agent jobs stand on: a machine, a git repository, an agent `a`.
 *
 * The agents' repository is one of this host, its containers see this host's files; what walls a
 * container has, and what git leaves of a token, the step `jobs` tells. Whatever an agent waits for
 * is a file of the test's; so it ends with the host's folder.
 */
#ifndef CODESET_TESTS_REAPER_JOB_STAGE_H
#define CODESET_TESTS_REAPER_JOB_STAGE_H

#include "egress_standin.h"
#include "fixture.h"

#define AGENT_OUT "mkdir -p $CODESET_OUTPUT/a; echo done >$CODESET_OUTPUT/a/answer.txt"
#define WAIT_FOR(file) "while [ -e .git ] && [ ! -e ../../" file " ]; do sleep 0.1; done; "

extern struct machine stage;
extern struct egress_standin *stage_egress; /* NULL: there is none */

/* The machine's folder, the repository o/r with a second branch and a tag, and the agent; the
 * daemon is not begun. secrets: JSON, or NULL. */
void stage_open(const char *command, const char *policy, const char *secrets);

/* The same, without a way out, and the daemon is begun. */
void stage_begin(const char *command);

/* Ends what is left, and checks that the machine is clean. */
void stage_finish(void);

/* Makes the agent, or changes it. */
void stage_agent_is(const char *command, const char *policy, const char *secrets);

/* In the machine's folder. The path is the caller's. */
char *stage_path(const char *name);
void stage_shell(const char *script);
bool stage_exists(const char *name);
void stage_touch(const char *name);

struct id stage_job(const char *ref);
bool agent_job_is(const struct id *job, const char *status);
bool agent_job_error_is(const struct id *job, const char *code);
bool agent_job_message_has(const struct id *job, const char *part);
bool agent_job_has_ended(const struct id *job);
const char *agent_job_log(const struct id *job);

/* Waits for the end, which is that. names: in the result, as tar tells them, one behind the other.
 */
void agent_job_ends_in(const struct id *job, const char *code, const char *part);
void agent_job_completes_with(const struct id *job, const char *names);

#endif
