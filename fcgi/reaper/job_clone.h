/*
 * job_clone.h - how a repository comes into an agent's container: a command that git is run by, and
 * its environment. Pure functions.
 *
 * The token is in the environment of that one command. git asks for it by a helper that is part of
 * that environment, too, and is asked for the one host alone; so it stands in no address, file,
 * argument or configuration, and no other host is given it, whatever the repository, a submodule or
 * a redirect names. No configuration but this is read, no hook is run. The command itself looks
 * whether the token is in the clone all the same. Everything that it began is ended before the
 * agent is started.
 *
 * Submodules and what is in Git LFS are fetched as far as that works, LFS's objects also from other
 * hosts (setting clone_hosts). What is missing is no error: a repository is of use without it, and
 * objects are often gone, or over a quota. It is noted, and the job's log begins with it.
 */
#ifndef CODESET_REAPER_JOB_CLONE_H
#define CODESET_REAPER_JOB_CLONE_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/error.h"

struct job_clone {
    const char *git_url; /* base of the address: "https://github.com" */
    const char *repo;    /* "owner/name" */
    const char *ref;     /* a branch, a tag, a commit's id; NULL: the default branch */
    const char *token;   /* NULL: none */
    const char *folder;  /* absolute: `repo` and `output` are made in it */
    const char *agent_id;
};

#define JOB_CLONE_REPO "/repo" /* in the folder */
#define JOB_CLONE_OUTPUT "/output"
#define JOB_CLONE_NOTES "/notes" /* what could not be fetched, for the job's log */

/* What the shell is given: no value is part of it. */
extern const char job_clone_script[];

/* Adds what the script needs to an environment: a JSON array of "NAME=value". */
void job_clone_environment(const struct job_clone *clone, json_object *environment);

/* The agent's command, which first prints the notes. folder: as above, without a quote in it. The
 * caller's. */
char *job_clone_command(const char *folder, const char *command);

/* Is this the setting clone_hosts: hosts as in "allow:" (wire/egress.h), separated by blanks?
 * ERROR_INVALID says what is wrong. */
int job_clone_hosts_check(const char *hosts, struct error *err);

/* The policy (wire/egress.h) under which it is cloned: the address's host and port, and these hosts
 * (checked). `public` where the address has no name; a private one is reached by egress_always. -1:
 * the address has no host. */
int job_clone_policy(const char *git_url, const char *hosts, struct buf *policy);

#endif
