/*
 * doctor.h - the preflight: what each check finds is a line. A check never fails itself; what it
 * can't find out is a finding.
 */
#ifndef CODESET_CTL_DOCTOR_H
#define CODESET_CTL_DOCTOR_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "ctl/ctl.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    struct ctl *ctl;
    const struct settings *settings;
    struct db *db;     /* the administrator's; NULL: it cannot be reached */
    json_object *rows; /* what was found, in the order of the checks */
    bool others_alive; /* daemons of other hosts: this one may have a part of the server only */
    /* What to do first where we may not do what the checks of the host try; else NULL. */
    const char *confined;
    char *data_dir; /* MariaDB's, where it is on this host and says so; else NULL */
    int counts[3];
};

/* what: the part that was checked. */
void doctor_ok(struct doctor *doctor, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The mend of what only root can find out: a warning, whatever the check takes it for. Root gets
 * the check's own finding, and another mend. */
#define DOCTOR_AS_ROOT "run this as root"

/* A warning or a failure. mend: how to fix it, wherever possible a command that can be copied. For
 * people the findings of one kind - the same finding, part and mend - become one line. */
void doctor_report(struct doctor *doctor, enum finding finding, const char *what, const char *mend,
                   const char *format, ...) __attribute__((format(printf, 5, 6), nonnull(4)));

/* Runs a program that is found by PATH, until it ends. out gets up to `most` bytes of its output,
 * and of its errors where they are wanted; what is above is dropped. args end with NULL. Returns 0,
 * or -1 where it can't be run or fails. */
int doctor_output(const char *const args[], size_t most, bool errors_too, struct buf *out);

/* The path of a program in PATH, or where Debian has root's; NULL: there is none. free() it. */
char *doctor_find_program(const char *name);

void doctor_database(struct doctor *doctor); /* doctor_database.c */
void doctor_host(struct doctor *doctor);     /* doctor_host.c: kernel, cgroups, clock, uids */
void doctor_runtime(struct doctor *doctor);  /* doctor_runtime.c: its version and holes */
void doctor_programs(struct doctor *doctor); /* doctor_files.c: Debian's that we need */
void doctor_files(struct doctor *doctor);    /* doctor_files.c: our programs, folders, secrets */
void doctor_engine(struct doctor *doctor);   /* doctor_engine.c: codeset-engined, shared parts */
void doctor_services(struct doctor *doctor); /* doctor_services.c: what runs; after the database */
void doctor_certificate(struct doctor *doctor); /* doctor_certificate.c: nginx's */
void doctor_egress(struct doctor *doctor);      /* doctor_egress.c: the way out, where agents run */
void doctor_limits(struct doctor *doctor);      /* doctor_limits.c: what the host has once */

#endif
