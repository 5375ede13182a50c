/*
 * doctor.h - the preflight: what each check finds is a line. A check never fails itself; what it
 * can't find out is a finding.
 */
#ifndef CODESET_CTL_DOCTOR_H
#define CODESET_CTL_DOCTOR_H

#include <json-c/json.h>

#include "ctl/ctl.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    struct ctl *ctl;
    const struct settings *settings;
    struct db *db;     /* the administrator's; NULL: out of reach */
    json_object *rows; /* with --json */
    /* What to do first where we may not do what the checks of the host try; else NULL. */
    const char *confined;
    char *data_dir; /* MariaDB's, where it is on this host and says so; else NULL */
    int counts[3];
};

/* what: the part that was checked; mend: how to fix it (NULL where there is nothing to fix). */
void doctor_report(struct doctor *doctor, enum finding finding, const char *what, const char *mend,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The output of a program, its first line; NULL where it can't be run or fails. free() it. */
char *doctor_first_line(const char *program, const char *argument);

void doctor_database(struct doctor *doctor); /* doctor_database.c */
void doctor_host(struct doctor *doctor);     /* doctor_host.c: kernel, cgroups, clock, uids */
void doctor_programs(struct doctor *doctor); /* doctor_files.c: Debian's that we need */
void doctor_files(struct doctor *doctor);    /* doctor_files.c: our programs, folders, sockets */
void doctor_engine(struct doctor *doctor);   /* doctor_engine.c: codeset-engined, shared parts */
void doctor_limits(struct doctor *doctor);   /* doctor_limits.c: what the host has once */

#endif
