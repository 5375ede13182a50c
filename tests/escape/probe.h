/*
 * probe.h - what the files of the probe share.
 */
#ifndef CODESET_TESTS_PROBE_H
#define CODESET_TESTS_PROBE_H

struct probe {
    const char *name;
    int (*run)(const char *argument); /* the exit status */
};

/* 0 when the call failed, 1 and a word when it did not. */
int refused(long result, const char *what);

/* probe_limits.c and probe_walls.c; each ends with a row without a name. */
extern const struct probe limit_probes[], wall_probes[];

#endif
