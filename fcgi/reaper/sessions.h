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

#define SOCKET_SIZE 108

enum live_phase { LIVE_CLAIMING, LIVE_STARTING, LIVE_READY, LIVE_ENDING };

struct live_session {
    struct id id; /* first */
    struct daemon *daemon;
    enum live_phase phase;
    struct session_work work; /* from the claim; empty when adopted */
    char name[CONTAINER_NAME_SIZE];
    char socket[SOCKET_SIZE]; /* "": not known yet */
    char *environment;        /* of its commands */
    int64_t image_time;       /* 0: not known */
    struct engine_watch *watch;
    struct agent_call *hello;
    bool silent;        /* its agent let a hello go unanswered, and is asked again */
    int64_t since;      /* monotonic: of the claim */
    bool engine_busy;   /* a start, a stop or a question is under way */
    bool image_told;    /* the engine was asked with the image's name */
    bool lost;          /* its container ended while the row was being made ready */
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
struct live_session *sessions_adopt(struct daemon *daemon, const struct id *id);

/* The row has ended: settles what it leaves, stops the container, says so in the row. Repeating
 * it goes on where it failed. */
void sessions_end(struct daemon *daemon, const struct id *id);

/* Ends it in `error`. Both texts are copied. */
void sessions_fail(struct live_session *session, const char *code, const char *message);

/* A call to its agent failed: does the container live? If it does not, the session ends. */
void sessions_suspect(struct live_session *session);

/*
 * Is it known how its agent is reached? If not, the engine is asked, and then interactions_begin
 * and verify_begin are called. image: for a container that an earlier release started; may be NULL.
 */
bool sessions_known(struct live_session *session, const char *image);

/* "unix:PATH" to the path, which points into the address; "" where it is something else. */
const char *sessions_socket_of(const char *address);

/* Asks once more about those of which the engine could not tell. */
void sessions_check(struct daemon *daemon);

void sessions_free_all(struct daemon *daemon);

#endif
