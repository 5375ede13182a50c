/*
 * agents.h - the agents that users may run, by the operator's list.
 */
#ifndef CODESET_STORE_AGENTS_H
#define CODESET_STORE_AGENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct db;

struct agent {
    char *agent_id;      /* [a-z0-9][a-z0-9_-]{0,63} */
    char *image;         /* of the image store; NULL: it runs elsewhere, and so does not need one */
    char *command;       /* NULL where image is */
    int64_t timeout;     /* seconds, from the job's start to its end */
    char *egress;        /* "none", "public" or "allow:HOST,HOST"; see wire/egress.h */
    char *secrets;       /* JSON: [{"name": an environment variable, "file": absolute path}] */
    int64_t price_cents; /* 0: the setting */
    int64_t created_at;
};

void agent_release(struct agent *agent);

/* Adds it, or replaces one of this name, also one that was removed; jobs under way go on as they
 * were started. *ret_replaced may be NULL. */
int store_agent_put(struct db *db, const struct agent *agent, bool *ret_replaced,
                    struct error *err);

/* ERROR_NOT_FOUND, AGENT_NOT_FOUND: none, or a removed one. */
int store_agent_get(struct db *db, const char *agent_id, struct agent *ret_agent,
                    struct error *err);

/* By name, without removed ones. */
int store_agent_list(struct db *db, void (*each)(const struct agent *agent, void *arg), void *arg,
                     struct error *err);

/* Takes no new jobs from now on. Code as above. */
int store_agent_remove(struct db *db, const char *agent_id, struct error *err);

#endif
