/*
 * containers.h - the containers table: starting -> running -> ended -> gone.
 *
 * A container is made by a claim (store_session_claim, store_verification_container,
 * store_job_container) and belongs to the node of the run that made it. `ended`: nobody wants it
 * any more, it is to be stopped. Whatever ends a session, a verification or an agent job marks its
 * container so in the same statement (a trigger sees to it), and a new container of the same
 * session or job marks the one before. `gone`: its node has stopped it; only that node says so.
 */
#ifndef CODESET_STORE_CONTAINERS_H
#define CODESET_STORE_CONTAINERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "store/runs.h"
#include "wire/container.h"

enum container_state { CONTAINER_STARTING, CONTAINER_RUNNING, CONTAINER_ENDED, CONTAINER_GONE };

/* Texts live until the callback returns. */
struct container_row {
    struct id container_id;
    enum container_kind kind;
    enum container_state state;
    struct id work_id;   /* the session or the job that it was made for */
    struct id user_id;   /* whose */
    int64_t attempt;     /* of the session's or the job's claim, as it is now */
    const char *image;   /* NULL: not known (a row of the release before) */
    const char *address; /* NULL: ask the engine */
    const char *egress;  /* of a session: what it may reach (wire/egress.h) */
    const char *profile; /* how its commands are run (wire/profile.h) */
};

typedef void container_each(const struct container_row *row, void *arg);

/* What this node has running, behind store_run_begin: containers of sessions that are ready and
 * are this run's now, and of verifications and agent jobs that are running (to be claimed yet; the
 * claim tells of the container). Whatever else the engine has on this node is not wanted, or is
 * `ended`. */
int store_container_adopt(struct db *db, const struct run *run, container_each *each, void *arg,
                          struct error *err);

/* This node's that are to be stopped, the longest ended first. Those of the work that this daemon
 * still holds are how it learns that a session was closed or has expired. */
int store_container_ended(struct db *db, const struct run *run, int64_t limit, container_each *each,
                          void *arg, struct error *err);

/* It has been stopped, and nothing is left of it. Only of this run's node; the same again, and one
 * that is not there, are no error. */
int store_container_gone(struct db *db, const struct run *run, const struct id *container_id,
                         struct error *err);

/* The ids of this node's containers that are not gone, `ended` ones too: what else the engine has
 * is an orphan. */
int store_container_open(struct db *db, const struct run *run,
                         void (*each)(const struct id *container_id, void *arg), void *arg,
                         struct error *err);

/* Who needs an image: a container that is not gone, and a session that is open (the one to come, or
 * its verification's). Texts live until the callback returns. */
struct image_user {
    const char *image;
    const char *what; /* "session", "container" */
    struct id id;
    const char *status; /* the session's status, the container's state */
    const char *node;   /* of a container; else NULL */
};

/* image NULL: of all images, image by image. */
int store_image_users(struct db *db, const char *image,
                      void (*each)(const struct image_user *user, void *arg), void *arg,
                      struct error *err);

#endif
