#include "agent/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define ARGUMENTS_MOST 128

/* --- on how many processors ------------------------------------------------------------------ */

static int cpus_most; /* 0: all */

void launch_prepare(void)
{
    const char *text = getenv(AGENT_CPUS_VARIABLE);

    cpus_most = text ? (int)strtol(text, NULL, 10) : 0;
}

void launch_limit_cpus(void)
{
    cpu_set_t there, chosen;
    int cpu = sched_getcpu(), left = cpus_most;

    if (cpus_most <= 0 || cpu < 0 || sched_getaffinity(0, sizeof(there), &there) < 0 ||
        CPU_COUNT(&there) <= cpus_most)
        return;
    CPU_ZERO(&chosen);
    for (int i = 0; i < CPU_SETSIZE && left > 0; i++) {
        const int next = (cpu + i) % CPU_SETSIZE;

        if (!CPU_ISSET(next, &there))
            continue;
        CPU_SET(next, &chosen);
        left--;
    }
    (void)sched_setaffinity(0, sizeof(chosen), &chosen); /* the cgroup limits it in any case */
}

/* --- as whom --------------------------------------------------------------------------------- */

/* A file of the guest's, which may be anything. Not there: "". */
static int read_accounts(const char *path, struct buf *text, struct error *err)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    buf_add_str(text, "");
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "cannot open %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > ACCOUNT_FILE_MOST)
        return error_set(err, ERROR_INVALID, NULL, "%s is not a file of at most %d KiB", path,
                         ACCOUNT_FILE_MOST >> 10);
    return fd_read_all(fd, ACCOUNT_FILE_MOST, text, err) < 0 ? error_wrap(err, "%s", path) : 0;
}

int launch_find(const struct launch *launch, struct account *ret_account, struct error *err)
{
    _cleanup_(buf_release) struct buf passwd = BUF_INIT, group = BUF_INIT;

    *ret_account = (struct account){.uid = 0};
    if (launch->user == NULL)
        return 0;
    if (read_accounts("/etc/passwd", &passwd, err) < 0 ||
        read_accounts("/etc/group", &group, err) < 0)
        return -1;
    return account_find(passwd.data, group.data, launch->user, ret_account, err);
}

int launch_become(const struct launch *launch, const struct account *account, int out_fd,
                  int err_fd, struct error *err)
{
    if (launch->user == NULL)
        return 0;
    if (fchown(out_fd, account->uid, account->gid) < 0 ||
        fchown(err_fd, account->uid, account->gid) < 0)
        return error_errno(err, errno, "cannot give the outputs to the user %s", launch->user);
    if (setgroups(account->group_count, account->groups) < 0 ||
        setresgid(account->gid, account->gid, account->gid) < 0 ||
        setresuid(account->uid, account->uid, account->uid) < 0)
        return error_errno(err, errno, "cannot become the user %s", launch->user);
    return 0;
}

/* --- by which shell -------------------------------------------------------------------------- */

/*
 * What a person's shell reads, in its order, each file once: files of profiles often read .bashrc
 * by themselves, and what it holds may be slow (conda's). Of a shell that is not interactive, many
 * a .bashrc reads nothing; one that is complains at its start that it has no terminal, hence the
 * detour of descriptor 2, and at its end says "exit", hence the subshell.
 */
static const char login_script[] =
    "exec 2>&9 9>&-\n"
    "[ ! -r /etc/profile ] || . /etc/profile\n"
    "for CODESET_PROFILE in ~/.bash_profile ~/.bash_login ~/.profile ''; do\n"
    "[ ! -r \"$CODESET_PROFILE\" ] || break\n"
    "done\n"
    "[ -z \"$CODESET_PROFILE\" ] || . \"$CODESET_PROFILE\"\n"
    "case \"$([ -z \"$CODESET_PROFILE\" ] || cat \"$CODESET_PROFILE\")\" in\n"
    "*bashrc*) ;;\n"
    "*) [ ! -r ~/.bashrc ] || . ~/.bashrc ;;\n"
    "esac\n"
    "unset CODESET_PROFILE\n"
    "(eval 'shift;' \"$1\")\n";

#define LOGIN_FD 9

static const char *find_shell(void)
{
    static const char *const shells[] = {"/bin/bash", "/usr/bin/bash", "/bin/sh"};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (access(shells[i], F_OK) == 0)
            return shells[i];
    return NULL;
}

static bool is_bash(const char *shell)
{
    return strcmp(shell, "/bin/sh") != 0;
}

/* Standard error of a shell that is about to complain of its terminal. */
static int put_stderr_aside(struct error *err)
{
    _cleanup_(close_fd) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (dup2(STDERR_FILENO, LOGIN_FD) < 0 || null < 0 || dup2(null, STDERR_FILENO) < 0)
        return error_errno(err, errno, "cannot set up the login shell's descriptors");
    return 0;
}

static size_t add_shell(const struct launch *launch, const char *shell, const char *command,
                        const char **arguments)
{
    size_t count = 0;

    /* An entry point looks for a path, since it may change PATH. */
    arguments[count++] = launch->entrypoint ? shell : is_bash(shell) ? "bash" : "sh";
    if (launch->login && is_bash(shell)) {
        arguments[count++] = "--norc";
        arguments[count++] = "--noprofile";
        arguments[count++] = "-i";
        arguments[count++] = "-c";
        arguments[count++] = login_script;
        arguments[count++] = "bash";
    } else {
        if (launch->login)
            arguments[count++] = "-l";
        arguments[count++] = "-c";
        arguments[count++] = "--"; /* a command may begin with a dash */
    }
    arguments[count++] = command;
    return count;
}

/* The environment, and HOME where it has none. */
static char **with_home(char *const *environment, const char *home)
{
    size_t count = 0;
    bool has = false;
    char **copy;

    for (; environment[count] != NULL; count++)
        has = has || strncmp(environment[count], "HOME=", 5) == 0;
    copy = xcalloc(count + 2, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = environment[i];
    if (!has && home[0] != '\0')
        copy[count] = xasprintf("HOME=%s", home);
    return copy;
}

static int exec_failed(int errnum, const char *what, struct error *err)
{
    if (errnum == E2BIG)
        return error_set(err, ERROR_INVALID, NULL,
                         "the command or its environment is longer than the kernel allows");
    return error_errno(err, errnum, "cannot start %.80s", what);
}

void launch_shell(const struct launch *launch, const struct account *account, const char *command,
                  char *const *environment, struct error *err)
{
    char **own = with_home(environment, account->home);
    const char *shell = find_shell();
    const char *arguments[ARGUMENTS_MOST + 16];
    size_t count = 0;

    if (shell == NULL) {
        error_set(err, ERROR_INVALID, NULL,
                  "the image has no shell: neither /bin/bash, /usr/bin/bash nor /bin/sh");
        return;
    }
    if (launch->login && is_bash(shell) && put_stderr_aside(err) < 0)
        return;
    for (size_t i = 0; launch->entrypoint && launch->entrypoint[i] && count < ARGUMENTS_MOST; i++)
        arguments[count++] = launch->entrypoint[i];
    count += add_shell(launch, shell, command, arguments + count);
    arguments[count] = NULL;
    if (launch->entrypoint == NULL) {
        execve(shell, (char *const *)arguments, own);
        exec_failed(errno, "the shell", err);
        return;
    }
    environ = own; /* whose PATH the entry point's name is looked up in */
    execvp(arguments[0], (char *const *)arguments);
    exec_failed(errno, "the image's entry point", err);
}
