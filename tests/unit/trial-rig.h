/*
 * trial-rig.h - what tests of trials share.
 */
#ifndef CODESET_TESTS_UNIT_TRIAL_RIG_H
#define CODESET_TESTS_UNIT_TRIAL_RIG_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trial/judge.h"

/* The outcome of a test in the verdict; -1: it has none. */
static inline int trial_rig_result(const struct trial_verdict *verdict, const char *test)
{
    for (size_t i = 0; i < verdict->count; i++)
        if (strcmp(verdict->outcomes[i].test, test) == 0)
            return (int)verdict->outcomes[i].result;
    return -1;
}

/* Makes the process what runs need (trial/user.h), and a new folder, whose name is the template's
 * of mkdtemp(3), the current one, with one for homes. Without that it ends. */
static inline void trial_rig_enter(char *place)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    umask(022);
    if (geteuid() != 0 || sigprocmask(SIG_BLOCK, &child, NULL) < 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !mkdtemp(place) || chmod(place, 0755) < 0 ||
        chdir(place) < 0 || mkdir("homes", 0711) < 0) {
        perror("tests of trials must run as root, and need a folder in /tmp");
        exit(2);
    }
}

#endif
