/*
 * account.h - who a command runs as: a user of the image, in the form in which images name theirs.
 *
 * "USER" or "USER:GROUP", each a name or a number (OCI image specification, config.User). Names are
 * looked up in the image's own /etc/passwd and /etc/group, whose texts are a stranger's: nothing
 * here goes by what they say but names, numbers and a home folder. Pure functions.
 */
#ifndef CODESET_WIRE_ACCOUNT_H
#define CODESET_WIRE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define ACCOUNT_SPEC_MOST 128           /* bytes */
#define ACCOUNT_FILE_MOST (1024 * 1024) /* bytes of a passwd or group that are read */
#define ACCOUNT_GROUPS_MOST 64
#define ACCOUNT_HOME_SIZE 256
#define ACCOUNT_ID_MOST 65535 /* a container has no others */

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[ACCOUNT_GROUPS_MOST]; /* besides gid */
    size_t group_count;
    char home[ACCOUNT_HOME_SIZE]; /* absolute; "/" where none is known */
};

/* Could this name a user? Letters, digits and "._-", and at most one ':' between two such words. */
bool account_spec_valid(const char *spec);

/*
 * A user that is a number need not be in passwd: its group is 0 then, as container engines have it.
 * Where the spec names a group, that is the only one. passwd and group: the files' texts, "" where
 * there is none. ERROR_NOT_FOUND for a name that is in neither, ERROR_INVALID for a number above
 * ACCOUNT_ID_MOST.
 */
int account_find(const char *passwd, const char *group, const char *spec,
                 struct account *ret_account, struct error *err);

#endif
