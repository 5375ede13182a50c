/*
 * interaction.h - an interaction under way: what the two files of interactions.h share, and nobody
 * else uses.
 *
 *     interactions.c     the kind of work: the claim, the list, the end that is written
 *     interaction_run.c  from the claim to the result: what is read, whose turn it is, the agent
 */
#ifndef CODESET_REAPER_INTERACTION_H
#define CODESET_REAPER_INTERACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/id.h"
#include "reaper/admission.h"
#include "reaper/outcome.h"
#include "reaper/overtime.h"
#include "reaper/registry.h"
#include "reaper/user_limit.h"
#include "store/interactions.h"

struct agent_call;
struct container;
struct context;
struct event;

enum running_phase {
    RUNNING_CLAIMING,
    RUNNING_WAITING, /* for its session's container, its user's turn, a share of the budget, the
                        next try */
    RUNNING_READING, /* a command's text or an upload's content is read */
    RUNNING_CALLING,
    RUNNING_WRITING,
};

struct running {
    struct id id; /* first */
    struct interactions *interactions;
    TAILQ_ENTRY(running) next;
    enum running_phase phase;
    struct interaction_work work; /* with a command's text only until that is sent */
    struct text content;          /* of an upload, while it is sent */
    struct admission admission;   /* of the text or the content, then of the result */
    struct user_place place;      /* of a command */
    struct agent_call *call;
    struct overtime overtime; /* of a command */
    struct event *timer;      /* before the next try */
    int64_t since;            /* monotonic: of the claim */
    int64_t oom_before, refusals_before;
    int tries;
    bool begun;
    bool attaching;       /* the agent was asked for the end of a command that it may not know */
    bool looking, looked; /* so, because a daemon before this one may have started it */
    bool has_content;
    bool reduced; /* the result was refused by the database; a failure is written instead */
    bool dropped; /* the session ended while a thread may read this */
    struct outcome outcome;
};

struct interactions {
    struct context *context;
    struct registry all;
    TAILQ_HEAD(running_list, running) list; /* in the order of their claims */
    struct user_limit commands;
    size_t claims;
    bool passed_over; /* there was no room for one that was announced */
};

struct context *interaction_context(const struct running *running);

/* The container of its session; NULL: not now. */
struct container *interaction_container(const struct running *running);

/* Runs it in its session's container, or, when there is none now, when it is there again. */
void interaction_begin(struct running *running);

/* The share of the budget for the texts that the claim brought. */
void interaction_hold_texts(struct running *running);

/* Frees the command's text, or the upload's content. */
void interaction_drop_text(struct running *running);
void interaction_drop_content(struct running *running);

/* It waits for its user's turn or the budget, which tell it to go on; its container does not. */
bool interaction_is_in_line(const struct running *running);

/* Writes running->outcome, and then frees it. */
void interaction_finish(struct running *running);

/* The same, with a failure that says why, or that nobody knows whether it was done. */
void interaction_fail(struct running *running, const char *message);
void interaction_fail_unknown(struct running *running);

/* At the start of what a thread calls back: the session has ended meanwhile; running is freed. */
bool interaction_is_dropped(struct running *running);

#endif
