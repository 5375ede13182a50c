/*
 * runs.h - the runs of the daemon, and the hosts (nodes) that they run on.
 *
 * A run is one life of a daemon: from store_run_begin to its death. It is alive while its row has
 * no end and its heartbeat is younger than lease_seconds. A claim on a session, an interaction or
 * a verification is the pair (owner, attempt), owner being a run's id; it is free when the owner's
 * run is dead. Nothing else is renewed.
 *
 * A node is a host by its name, bound to the machine-id of the first daemon that came with it.
 */
#ifndef CODESET_STORE_RUNS_H
#define CODESET_STORE_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

/* The texts are the caller's and outlive the calls. */
struct run {
    struct id run_id; /* made by the caller; a new one for each begin */
    const char *node;
    const char *machine_id; /* /etc/machine-id */
    const char *boot_id;    /* /proc/sys/kernel/random/boot_id */
    const char *location;   /* shown in container_info */
    const char *version;
    int64_t lease_seconds; /* a run that is silent for longer is dead */
};

/*
 * Takes the lock of this node on this machine, which the connection holds until it ends: asked for
 * again it is held as before, and taken again after a reconnect. Waits `seconds` for it.
 * *ret_rival_beat 0: it is held, or nobody else can be at work. Else a connection that may be dead
 * has it, and this was the last heartbeat of the run that may be alive: it is, if a later look
 * finds another one.
 */
int store_run_lock(struct db *db, const struct run *run, int64_t seconds, int64_t *ret_rival_beat,
                   struct error *err);

/*
 * Begins a run, in one transaction. Earlier runs of the node end (store_run_lock shows that they
 * are dead). Then, of what they left on this node:
 * - the host was rebooted since (another boot_id): the containers ended at the last heartbeat.
 *   Their sessions end in error, HOST_LOST, at that time; those that were never ready go back
 *   to be claimed.
 * - otherwise: sessions that are ready become this run's, with the attempt that they had.
 *   Containers that were still starting have ended; their sessions go back to be claimed.
 * Code NODE_TAKEN (ERROR_CONFLICT): the name is another machine's. Repeating it, with the same
 * run_id, after a lost answer is right.
 */
int store_run_begin(struct db *db, const struct run *run, struct error *err);

/* One statement. *ret_alive false: somebody ended this run (store_runs_lost, a later begin of the
 * same node): its claims are gone, and what it still runs is no longer wanted. The caller begins a
 * new run, and looks at what that one adopts. */
int store_run_beat(struct db *db, const struct run *run, bool *ret_alive, struct error *err);

/* The polite end: what is not ready can be claimed by others at once. The containers stay. Agent
 * jobs don't count it as a loss (jobs.h). */
int store_run_end(struct db *db, const struct run *run, struct error *err);

/*
 * Nodes, but the caller's own, whose newest run has been silent (or ended) for longer than
 * node_lost_seconds: their containers have ended, at the last heartbeat; sessions end with
 * HOST_LOST at that time, never ready ones go back to be claimed. Calls each with the node's name.
 * The node itself may come back: it finds its runs ended and its containers to be stopped. What the
 * sessions leave is store_session_settle's. Not to be asked by one who has just come back to the
 * database: perhaps it was away from all.
 */
int store_runs_lost(struct db *db, const struct run *run, int64_t node_lost_seconds,
                    void (*each)(const char *node, void *arg), void *arg, struct error *err);

/* Is any run alive (a heartbeat within `seconds`)? */
int store_daemon_alive(struct db *db, int64_t seconds, bool *ret_alive, struct error *err);

struct hosts_health {
    int64_t hosts, alive; /* hosts on which a daemon ever ran, and those where one runs */
    char *database_dir;   /* where MariaDB keeps its data, on its own host */
};

void hosts_health_release(struct hosts_health *health);

/* For /health, in one statement. */
int store_hosts_health(struct db *db, int64_t seconds, struct hosts_health *ret_health,
                       struct error *err);

/* --- for operators --------------------------------------------------------------------------- */

/* Texts live until the callback returns. */
struct node {
    const char *name;
    const char *machine_id; /* "": no daemon of this release ran there yet */
    const char *location, *version;
    int64_t heartbeat_at;   /* 0: never */
    int64_t silent_seconds; /* since then, by the database's clock */
    bool ended;             /* its newest run ended politely, or somebody ended it */
    int64_t containers;     /* not gone yet */
};

/* Every host on which a daemon ever ran, by name. */
int store_node_list(struct db *db, void (*each)(const struct node *node, void *arg), void *arg,
                    struct error *err);

/*
 * The host never comes back, or its name shall be another machine's: as a lost node's, its sessions
 * end and its containers' rows are over for good; the name is free. Codes NODE_NOT_FOUND;
 * NODE_ALIVE (ERROR_CONFLICT): heard of within alive_seconds.
 */
int store_node_forget(struct db *db, const char *name, int64_t alive_seconds, struct error *err);

#endif
