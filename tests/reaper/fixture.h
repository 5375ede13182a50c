/*
 * fixture.h - daemons for tests: all rooms of fcgi/reaper over a scripted engine, the real agent,
 * grader and MariaDB. A machine has a loop of its own, so a daemon that sleeps is one whose loop
 * does not go on; several machines stand side by side in one process.
 */
#ifndef CODESET_TESTS_REAPER_FIXTURE_H
#define CODESET_TESTS_REAPER_FIXTURE_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/unit.h"
#include "base/error.h"
#include "base/id.h"
#include "reaper/context.h"
#include "scripted_engine.h"
#include "settings.h"
#include "store/db.h"
#include "store/interactions.h"
#include "store/retention.h"
#include "store/runs.h"
#include "store/sessions.h"
#include "store/verifications.h"

extern struct settings fixture_settings;
extern struct db *fixture_admin, *fixture_api;
extern struct id fixture_user, fixture_other_user;

int fixture_open(void); /* -1: it was told why not */
void fixture_close(void);

/* The call has its error in `err`. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct error err = ERROR_INIT;                                                             \
        if ((call) < 0) {                                                                          \
            fprintf(stderr, "%s: %s\n", #call, err.message);                                       \
            CU_FAIL_FATAL(#call);                                                                  \
        }                                                                                          \
    } while (0)

struct machine {
    const char *node;
    struct event_base *base;
    struct scripted_host *host;
    bool asleep; /* its loop does not go on */
    unsigned test;

    /* The daemon that runs there, or ran there last. */
    bool up;
    struct context context;
    struct run run;
    struct reaper_settings settings;
    struct jobs_settings jobs; /* their texts are the machine's */
    char *job_folder;
    char await_socket[96];
    struct retention retention;
};

/* node: a literal. The daemon is not up yet; its settings may be changed before it is. */
void machine_open(struct machine *machine, const char *node);
void machine_close(struct machine *machine);

/* A new run of the machine's daemon, as after a restart. */
void daemon_begin(struct machine *machine);

/* As kill -9: nothing is told. What it had asked of the engine is carried out all the same. */
void daemon_kill(struct machine *machine);

/* Its heartbeat is older than its lease: others take its run for dead. */
void daemon_falls_silent(struct machine *machine);

/* Lets the loops of all machines that are awake go on until the condition holds. The bound ends a
 * hang; no machine is so slow. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t until_deadline = fixture_deadline();                                               \
        while (!(condition)) {                                                                     \
            if (fixture_late(until_deadline)) {                                                    \
                fprintf(stderr, "%s:%d: never: %s\n", __FILE__, __LINE__, #condition);             \
                CU_FAIL_FATAL(#condition);                                                         \
            }                                                                                      \
            fixture_turn();                                                                        \
        }                                                                                          \
    } while (0)

/* The same, and no loop goes on: only threads, agents and the database do. */
#define STANDING_STILL_UNTIL(condition)                                                            \
    do {                                                                                           \
        int64_t until_deadline = fixture_deadline();                                               \
        while (!(condition)) {                                                                     \
            if (fixture_late(until_deadline))                                                      \
                CU_FAIL_FATAL(#condition);                                                         \
        }                                                                                          \
    } while (0)

int64_t fixture_deadline(void);
bool fixture_late(int64_t deadline);
void fixture_turn(void); /* a turn of each loop that is awake */

/* A statement that answers with a text or a number, NULL and nothing being "". The text lives until
 * the next one. */
const char *ask(const char *sql, const struct id *id);
bool answers(const char *sql, const struct id *id, const char *expected);
void tell(const char *script); /* statements, as root */

/* --- what users do --------------------------------------------------------------------------- */

struct id create_session(const struct id *user); /* of the sample `runnable` */
void close_session(const struct id *session);
struct id start_command(const struct id *session, const char *command);
struct id start_command_within(const struct id *session, const char *command, int64_t seconds);
struct id start_upload(const struct id *session, const char *path, const char *bytes,
                       size_t length);
struct id start_replace(const struct id *session, const char *path, const char *old_text,
                        const char *new_text);
struct id start_verification(const struct id *session);

bool session_is(const struct id *session, const char *status);
bool session_error_is(const struct id *session, const char *code);
bool interaction_is(const struct id *interaction, const char *status);
bool job_is(const struct id *job, const char *status);
bool job_error_is(const struct id *job, const char *code);
struct id container_of(const struct id *work); /* the last container made for it */
bool container_is(const struct id *container, const char *state);

/* A session that is ready. */
struct id ready_session(void);

/* Nothing is left of all that the test began: rows, containers, work in the daemons. */
void machine_is_clean(struct machine *machine);

#endif
