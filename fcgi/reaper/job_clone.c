#include "reaper/job_clone.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/environment.h"
#include "reaper/job_log.h"
#include "wire/egress.h"

#include "base/banned.h"

/* The end of a command: every line that it prints goes into the notes. */
#define NOTE " | sed 's/^/" JOB_LOG_NOTE "/' >>\"$JOB_NOTES\"\n"

/*
 * printf is the shell's own, and so no process whose arguments could be read. A token in objects
 * would be one that the repository's owner committed.
 */
const char job_clone_script[] =
    "set -u\n"
    "say() { printf '%s\\n' \"$*\" >&2; }\n"
    "command -v git >/dev/null 2>&1 || { say \"git is not in the agent's image\"; exit 69; }\n"
    "rm -rf \"$JOB_FOLDER/repo\" \"$JOB_FOLDER/output\" \"$JOB_NOTES\" && "
    "mkdir -p \"$JOB_FOLDER/output/$JOB_AGENT\" \"$JOB_FOLDER/output/common\" || exit 73\n"
    "cd \"$JOB_FOLDER\" || exit 73\n"
    "case $JOB_REF in -*) say \"the ref begins with a dash\"; exit 64;; esac\n"
    "git clone --quiet --no-checkout --template= -- \"$JOB_ADDRESS\" repo || exit 1\n"
    "cd repo || exit 1\n"
    "if [ -z \"$JOB_REF\" ]; then\n"
    "  if git rev-parse --quiet --verify HEAD >/dev/null; then git checkout --quiet || exit 1; fi\n"
    "elif git show-ref --verify --quiet \"refs/remotes/origin/$JOB_REF\"; then\n"
    "  git checkout --quiet -B \"$JOB_REF\" --track \"refs/remotes/origin/$JOB_REF\" || exit 1\n"
    "elif git show-ref --verify --quiet \"refs/tags/$JOB_REF\"; then\n"
    "  git checkout --quiet --detach \"refs/tags/$JOB_REF\" || exit 1\n"
    "elif git rev-parse --quiet --verify \"$JOB_REF^{commit}\" >/dev/null 2>&1; then\n"
    "  git checkout --quiet --detach \"$JOB_REF\" -- || exit 1\n"
    "elif git fetch --quiet origin \"$JOB_REF\"; then\n"
    "  git checkout --quiet --detach FETCH_HEAD || exit 1\n"
    "else\n"
    "  say \"there is no branch, tag or commit '$JOB_REF'\"; exit 1\n"
    "fi\n"
    "if [ -f .gitmodules ]; then\n"
    "  said=$(git submodule --quiet update --init --recursive 2>&1) || printf '%s\\n%s\\n' "
    "'not all submodules could be fetched; the agent goes on without them' "
    "\"$(printf '%s' \"$said\" | tail -n 5 | cut -c 1-300)\"" NOTE "fi\n"
    "sh -c \"$JOB_LFS\"\n"
    "if [ -f .gitmodules ]; then\n"
    "  git submodule --quiet foreach --recursive 'sh -c \"$JOB_LFS\"' >/dev/null 2>&1\n"
    "fi\n"
    "[ -z \"$JOB_TOKEN\" ] && exit 0\n"
    "case $(cat .git/config) in *\"$JOB_TOKEN\"*) left=.git/config;; *) left=;; esac\n"
    "for part in .git/* .git/lfs/* \"$JOB_NOTES\"; do\n"
    "  case $part in .git/objects|.git/lfs|.git/lfs/objects) continue;; esac\n"
    "  [ -e \"$part\" ] || continue\n"
    "  if printf '%s\\n' \"$JOB_TOKEN\" | grep -rqF -f - \"$part\"; then left=$part; fi\n"
    "done\n"
    "[ -z \"$left\" ] && exit 0\n"
    "say \"git left the token in $left\"; rm -rf \"$JOB_FOLDER/repo\"; exit 70\n";

/*
 * In a repository, or in a submodule (then git sets displaypath). Later checkouts take what was
 * fetched, and leave the pointers of all else, as the agent can fetch nothing.
 */
static const char lfs_script[] =
    "git grep -q filter=lfs -- ':(glob)**/.gitattributes' || exit 0\n"
    "what='the repository'\n"
    "[ -z \"${displaypath-}\" ] || what=\"the submodule $displaypath\"\n"
    "if ! git lfs version >/dev/null 2>&1; then\n"
    "  printf '%s\\n' \"$what keeps files in Git LFS, but git-lfs is not in the agent's "
    "image; the agent finds pointers in their place\"" NOTE "  exit 0\n"
    "fi\n"
    "said=$(git lfs install --local --skip-repo 2>&1 && git config lfs.skipdownloaderrors true && "
    "git lfs pull 2>&1) || "
    "printf '%s\\n%s\\n' \"not all files that $what keeps in Git LFS could be fetched; "
    "the agent finds pointers in the place of the others\" "
    "\"$(printf '%s' \"$said\" | tail -n 5 | cut -c 1-300)\"" NOTE "exit 0\n";

char *job_clone_command(const char *folder, const char *command)
{
    return xasprintf("[ ! -s '%s" JOB_CLONE_NOTES "' ] || cat '%s" JOB_CLONE_NOTES "' >&2\n%s",
                     folder, folder, command);
}

/* --- the environment ------------------------------------------------------------------------- */

/* "https" of "https://host/path". */
static char *scheme_of(const char *git_url)
{
    const char *end = strstr(git_url, "://");

    return xstrndup(git_url, end ? (size_t)(end - git_url) : 0);
}

/* As git's configuration by its environment (git-config(1), GIT_CONFIG_COUNT). */
static void set_configuration(json_object *environment, const char *git_url)
{
    _cleanup_(free_ptr) char *helper = xasprintf("credential.%s.helper", git_url);
    const struct {
        const char *key, *value;
    } rows[] = {
        {"credential.helper", ""}, /* forgets those that came before */
        {helper, "!f() { test \"$1\" = get && test -n \"$JOB_TOKEN\" && printf "
                 "'username=x-access-token\\npassword=%s\\n' \"$JOB_TOKEN\"; }; f"},
        {"core.hooksPath", "/dev/null"},
        {"core.fsmonitor", "false"},
        {"http.followRedirects", "initial"},
        {"safe.directory", "*"},
        {"advice.detachedHead", "false"},
        {"submodule.fetchJobs", "1"},
    };
    char name[32], count[8];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%zu", i);
        environment_set(environment, name, rows[i].key);
        snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%zu", i);
        environment_set(environment, name, rows[i].value);
    }
    snprintf(count, sizeof(count), "%zu", ARRAY_SIZE(rows));
    environment_set(environment, "GIT_CONFIG_COUNT", count);
}

void job_clone_environment(const struct job_clone *clone, json_object *environment)
{
    size_t slash = strlen(clone->git_url);
    _cleanup_(free_ptr) char *base = NULL;
    _cleanup_(free_ptr) char *address = NULL;
    _cleanup_(free_ptr) char *scheme = scheme_of(clone->git_url);
    _cleanup_(free_ptr) char *notes = xasprintf("%s" JOB_CLONE_NOTES, clone->folder);

    while (slash > 0 && clone->git_url[slash - 1] == '/')
        slash--;
    base = xstrndup(clone->git_url, slash);
    address = xasprintf("%s/%s.git", base, clone->repo);
    environment_set(environment, "JOB_ADDRESS", address);
    environment_set(environment, "JOB_REF", clone->ref ? clone->ref : "");
    environment_set(environment, "JOB_FOLDER", clone->folder);
    environment_set(environment, "JOB_NOTES", notes);
    environment_set(environment, "JOB_LFS", lfs_script);
    environment_set(environment, "JOB_AGENT", clone->agent_id);
    environment_set(environment, "JOB_TOKEN", clone->token ? clone->token : "");
    environment_set(environment, "GIT_TERMINAL_PROMPT", "0");
    environment_set(environment, "GIT_CONFIG_NOSYSTEM", "1");
    environment_set(environment, "GIT_CONFIG_GLOBAL", "/dev/null");
    environment_set(environment, "GIT_ALLOW_PROTOCOL", scheme);
    environment_set(environment, "GIT_ASKPASS", "");
    environment_set(environment, "SSH_ASKPASS", "");
    set_configuration(environment, base);
}

/* --- the way ---------------------------------------------------------------------------------- */

#define HOSTS_MOST (EGRESS_HOSTS_MAX - 1) /* the git server is one more */
#define HOSTS_BYTES_MOST (EGRESS_POLICY_MAX - EGRESS_HOST_SIZE - 16)

/* As the end of an "allow:"; returns how many. */
static size_t add_hosts(const char *hosts, const char *before, struct buf *policy)
{
    size_t count = 0;

    while (hosts += strspn(hosts, " \t"), *hosts) {
        size_t length = strcspn(hosts, " \t");

        buf_add_str(policy, count++ ? "," : before);
        buf_add(policy, hosts, length);
        hosts += length;
    }
    return count;
}

int job_clone_hosts_check(const char *hosts, struct error *err)
{
    _cleanup_(buf_release) struct buf policy = BUF_INIT;
    size_t count = add_hosts(hosts, "allow:", &policy);

    if (strchr(hosts, ','))
        return error_set(err, ERROR_INVALID, NULL,
                         "[jobs] clone_hosts: hosts are separated by spaces, not by commas");
    if (count == 0)
        return 0;
    if (count > HOSTS_MOST || policy.length > HOSTS_BYTES_MOST)
        return error_set(err, ERROR_INVALID, NULL,
                         "[jobs] clone_hosts: there may be at most %d hosts, and %d bytes",
                         HOSTS_MOST, HOSTS_BYTES_MOST);
    if (egress_policy_check(policy.data, err) < 0)
        return error_wrap(err, "[jobs] clone_hosts");
    return 0;
}

int job_clone_policy(const char *git_url, const char *hosts, struct buf *policy)
{
    const char *host = strstr(git_url, "://");
    struct error not_a_name = ERROR_INIT;
    const char *path, *user;
    size_t length;

    host = host ? host + 3 : git_url;
    path = host + strcspn(host, "/");
    user = memchr(host, '@', (size_t)(path - host));
    host = user ? user + 1 : host;
    length = (size_t)(path - host);
    if (length == 0)
        return -1;
    buf_add_str(policy, "allow:");
    for (size_t i = 0; i < length; i++)
        buf_add_char(policy, host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i]);
    /* An address: a policy names none, but `public` reaches it, if it is a public one. */
    if (egress_policy_check(policy->data, &not_a_name) < 0) {
        buf_clear(policy);
        buf_add_str(policy, "public");
        return 0;
    }
    add_hosts(hosts, ",", policy);
    return 0;
}
