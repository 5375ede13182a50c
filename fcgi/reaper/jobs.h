/*
 * jobs.h - the daemon's half of an agent job that runs here: a container of the agent's image, a
 * clone of the repository in it, the agent, and what it left as the job's result.
 *
 *     claim -> secrets, token -> container -> way out -> clone -> all processes are ended
 *       -> the agent's policy -> agent (its output is looked at meanwhile) -> archive -> grader
 *       -> file -> the row's end; the container is stopped in any case
 *
 * So many at once as there are places (reaper/places.h), and of them at most per_user_running of
 * one user; what is more stays pending. A daemon that comes after finds an agent that still runs
 * and waits for it; what was before the agent's start it does over in a new container, for git and
 * the token must be gone before an agent begins. A job whose daemon or container was lost
 * attempts_max times is given up.
 *
 * jobs.c claims and ends jobs; job_prepare.c reads the secrets; job_egress.c sets policies;
 * job_run.c does the steps up to the agent's end, job_watch.c looks at what it prints, job_pack.c
 * has the result packed.
 */
#ifndef CODESET_REAPER_JOBS_H
#define CODESET_REAPER_JOBS_H

#include "reaper/kinds.h"

extern const struct kind job_kind;

#endif
