/*
 * sessions.h - the daemon's half of a session's life: claim, start, make ready, watch, end.
 *
 *     CLAIMING -> STARTING -> READY -> ENDING
 *
 * An entry exists from the claim (or the adoption) until its container is gone and the row says so.
 * At most settings.reaper.sessions_max entries; what is more stays `creating` in the database, and
 * is claimed when there is room.
 */
#ifndef CODESET_REAPER_SESSIONS_H
#define CODESET_REAPER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "engine/engine.h"
#include "reaper/daemon.h"
#include "store/sessions.h"

struct agent_call;
struct running_interaction;
struct verify_job;

enum live_phase { LIVE_CLAIMING, LIVE_STARTING, LIVE_READY, LIVE_ENDING };

struct live_session {
    struct id id; /* first */
    struct daemon *daemon;
    enum live_phase phase;
    struct id container_id;
    struct session_work work; /* from the claim; when adopted, only its attempt */
    char name[ENGINE_NAME_MAX + 1];
    char socket[ENGINE_SOCKET_SIZE];
    struct agent_call *hello;
    bool silent;        /* its agent let a hello go unanswered, and is asked again */
    int64_t since;      /* monotonic: of the claim */
    bool engine_busy;   /* a start or stop is under way */
    bool database_busy; /* a claim, or a step of the ending */
    bool end_wanted;    /* the row ended while the claim was under way */
    TAILQ_ENTRY(live_session) next;
    LIST_HEAD(interaction_list, running_interaction) interactions;
    LIST_HEAD(job_list, verify_job) jobs;
};

struct live_session *sessions_find(struct daemon *daemon, const struct id *id);

/* Claims and starts it, unless it is known or there is no room. */
void sessions_claim(struct daemon *daemon, const struct id *id);
bool sessions_have_room(const struct daemon *daemon);

/* A session that is ready, left by an earlier run: from now on ours. Its container is looked at;
 * one that is dead, or silent for long, ends the session. */
void sessions_adopt(struct daemon *daemon, const struct id *id, const struct id *container_id,
                    int64_t attempt);

/* The row of this container has ended: its session, if it is known with it, ends (settles what it
 * leaves, stops the container, says so in its row). false: no session has it. Repeating it goes on
 * where it failed. */
bool sessions_end(struct daemon *daemon, const struct id *id, const struct id *container_id);

/* Ends it in `error`. code is a literal, message is copied. */
void sessions_fail(struct live_session *session, const char *code, const char *message);

/* A call to its agent failed: does the container live? If it does not, the session ends. */
void sessions_suspect(struct live_session *session);

/* Looks at some of the containers; all have been looked at after SESSIONS_CHECKS calls. */
#define SESSIONS_CHECKS 3
void sessions_check(struct daemon *daemon);

void sessions_free_all(struct daemon *daemon);

#endif
