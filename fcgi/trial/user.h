/*
 * user.h - one run of a trial: as a user that nobody else is, of whom nothing is left.
 */
#ifndef CODESET_TRIAL_USER_H
#define CODESET_TRIAL_USER_H

#include <sys/types.h>

#include "base/error.h"
#include "trial/judge.h"
#include "trial/plan.h"
#include "trial/zygote.h"

/* Users and groups of runs: pairs of numbers, of which the second only ends what the first left.
 * systemd keeps this range for users of the moment, so no image has files of theirs. */
#define TRIAL_USERS_FIRST 61184
#define TRIAL_USERS_COUNT 2048

#define TRIAL_SAID_MOST (64 << 20)   /* bytes that a run may tell */
#define TRIAL_LINE_MOST (128 << 10)  /* of one line of that */
#define TRIAL_PRINTED_KEPT (8 << 10) /* of what it prints, the end */
#define TRIAL_PROCESSES_MOST 256
#define TRIAL_FILE_MOST (INT64_C(1) << 30)

struct trial_user {
    const char *homes; /* absolute: the folder in which each run gets one of its own */
    char *const *environment;
    struct trial_zygote zygote; /* that the runs are forked from, where there is one */
    unsigned char used[TRIAL_USERS_COUNT / 8]; /* zeros at first */
};

/* What a run may use; for a zygote, too, which leaves it to its runs. */
void trial_user_limits(void);

/* A user that has not run anything yet. */
int trial_user_draw(struct trial_user *user, uid_t *ret_uid, struct error *err);

/* The user's own folder; and its end, with all that the user left but files elsewhere. */
int trial_user_begin(const struct trial_user *user, uid_t uid, struct error *err);
int trial_user_end(const struct trial_user *user, uid_t uid, struct error *err);

/*
 * Between these two: runs a command to its end and its user's. The caller is the container's root,
 * a child subreaper, has no other children but the zygote, and SIGCHLD blocked. The program writes
 * to file descriptor 3 what it has to tell (trial_end_hear), a line each time. Only what the
 * platform could not do is an error.
 */
int trial_user_run(struct trial_user *user, uid_t uid, const struct trial_command *command,
                   struct trial_end *ret_end, struct error *err);

#endif
