/*
 * steps.h - the runs of a trial, one after another.
 */
#ifndef CODESET_TRIAL_STEPS_H
#define CODESET_TRIAL_STEPS_H

#include "trial/judge.h"
#include "trial/plan.h"
#include "trial/user.h"

struct trial_steps {
    const struct trial_plan *plan;
    struct trial_user user;
    int place_fd;                 /* the trial's folder, with the build folder */
    int plan_fd;                  /* the planner's */
    int root_fd;                  /* the repository's, which is the current one */
    const char *const *temporary; /* folders that are emptied of what a run left, NULL at the end */
};

/* ends: zeros, one for each step of the plan; what is not needed is left out. What the platform
 * could not do is an error. */
int trial_steps_run(struct trial_steps *steps, struct trial_end *ends, struct error *err);

/* The rehearsals instead, while nothing of the session is there: in a folder in place of the
 * repository's, which is removed. */
int trial_steps_rehearse(struct trial_steps *steps, const char *mirror, struct trial_end *ends,
                         struct error *err);

#endif
