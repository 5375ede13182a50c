/*
 * accounts.h - the programs' accounts in MariaDB, and exactly the rights that each has.
 *
 * The table of rights is accounts.c's; a statement that is new in a worker or the daemon may want
 * a row there. An account signs in with the password of its password file, or, without one, as
 * the operating system's user of its name (unix_socket).
 */
#ifndef CODESET_STORE_ACCOUNTS_H
#define CODESET_STORE_ACCOUNTS_H

#include "base/error.h"

struct db;
struct database_settings;

/* verb: "granted" or "revoked" ("missing" or "superfluous" when only looking). right: for people,
 * as in "UPDATE (last_used_at) on api_keys". */
typedef void account_change(const char *account, const char *verb, const char *right, void *arg);

/*
 * Makes the accounts or brings sign-in and rights to what they should be; rights that are right
 * are not touched, and missing ones come before superfluous ones go, so that running programs
 * notice nothing. Refuses to touch the administrator's own account.
 */
int store_accounts_ensure(struct db *db, const struct database_settings *settings,
                          account_change *change, void *arg, struct error *err);

/* Looks, changes nothing. ERROR_NOT_FOUND: an account is missing. */
int store_accounts_check(struct db *db, const struct database_settings *settings,
                         account_change *change, void *arg, struct error *err);

#endif
