/*
 * audit.h - proves that the ledger adds up, while the server runs.
 *
 * All rules look at one snapshot of the database, and lock nothing. What a rule finds is a fault of
 * the program, of the database, or of somebody who wrote there by hand.
 */
#ifndef CODESET_STORE_AUDIT_H
#define CODESET_STORE_AUDIT_H

#include <stdint.h>

#include "base/error.h"

struct db;

struct audit_finding {
    const char *rule;   /* a sentence that should be true: a literal */
    const char *object; /* "transaction", "user", ...: what the id is of */
    const char *id;
    const char *detail; /* what is there instead */
};

struct audit_totals {
    int64_t rules, findings;
    int64_t transactions, users, sessions;
    int64_t balance_cents; /* of all users */
};

/* At most so many findings of a rule are told and counted. */
#define AUDIT_FINDINGS_MAX 100

/* Needs the administrator's account. The texts of a finding are good until `each` returns. */
int store_ledger_audit(struct db *db, void (*each)(const struct audit_finding *finding, void *arg),
                       void *arg, struct audit_totals *ret_totals, struct error *err);

#endif
