/*
 * audit_log.h - who did what: acts of operators, sign-ins, keys, payments.
 *
 * Triggers of the schema write most entries (sql/), in the transaction of what they tell of. Nobody
 * changes or deletes one. An entry has ids of users, never their names or addresses.
 */
#ifndef CODESET_STORE_AUDIT_LOG_H
#define CODESET_STORE_AUDIT_LOG_H

#include <stdint.h>

#include "base/error.h"
#include "base/id.h"

struct db;

#define AUDIT_KIND_MAX 64

struct audit_entry {
    int64_t seq; /* a later entry has a higher one */
    int64_t at;
    const char *actor;   /* operator, user, daemon or database */
    const char *name;    /* of the operator, the user's id, the account by hand; NULL: none */
    const char *account; /* of MariaDB that it was done by */
    const char *kind;    /* "key.revoked" */
    struct id user_id;   /* whom it concerns; "": nobody */
    const char *email;   /* that user's, now; NULL or "": none */
    const char *object;  /* the id or name of what was changed; NULL: none */
    const char *detail;  /* NULL: none */
};

/* Adds an act that leaves no trace in another table. Within the caller's transaction, if any.
 * object, detail: NULL where there is none; detail is cut to 1000 characters. */
int store_audit_log_add(struct db *db, const char *kind, const char *object, const char *detail,
                        struct error *err);

struct audit_filter {
    const struct id *user_id; /* NULL: all */
    const char *kind;         /* "key.revoked", or "key": all that begin so; NULL: all */
    int64_t since;            /* 0: from the beginning */
    int64_t limit;
};

/* The newest first. */
int store_audit_log_list(struct db *db, const struct audit_filter *filter,
                         void (*each)(const struct audit_entry *entry, void *arg), void *arg,
                         struct error *err);

#endif
