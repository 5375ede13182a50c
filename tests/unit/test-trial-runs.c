/*
 * Trials: a run is another user's, of whom nothing is left, and what it finds. As root, as the
 * container's root would; the current folder is one of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial-rig.h"
#include "trial/compiled.h"
#include "trial/lay.h"
#include "trial/user.h"
#include "trial/walls.h"
#include "unit.h"

#include "base/banned.h"

static char place[] = "/tmp/test-trial-XXXXXX"; /* the current folder */

/* --- users ----------------------------------------------------------------------------------- */

static struct trial_user user;
static uid_t uid;
static struct trial_end end;

static void run_command(const struct trial_command *command)
{
    struct error err = ERROR_INIT;

    trial_end_release(&end);
    CU_ASSERT_EQUAL_FATAL(trial_user_draw(&user, &uid, &err), 0);
    if (trial_user_begin(&user, uid, &err) < 0 ||
        trial_user_run(&user, uid, command, &end, &err) < 0 || trial_user_end(&user, uid, &err) < 0)
        fprintf(stderr, "\n    %s\n", err.message);
    CU_ASSERT_EQUAL_FATAL(err.kind, ERROR_NONE);
}

static void run(const char *command)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};

    run_command(&(struct trial_command){.argv = argv});
}

static void each_run_is_another_user_in_a_folder_of_its_own(void)
{
    uid_t first;

    run("id -u; id -G; pwd; echo x >$HOME/a && echo x >$TMPDIR/b && echo x 2>/dev/null >c; echo "
        "$?");
    first = uid;
    {
        _cleanup_(free_ptr) char *expected = xasprintf("%u\n%u\n%s\n2\n", uid, uid, place);

        CU_ASSERT_STRING_EQUAL(end.printed, expected);
    }
    run("find \"$HOME\" -mindepth 1");
    CU_ASSERT_NOT_EQUAL(first, uid);
    CU_ASSERT_NOT_EQUAL(first + 1, uid);
    {
        _cleanup_(free_ptr) char *expected = xasprintf("%s/homes/%u/tmp\n", place, uid);

        CU_ASSERT_STRING_EQUAL(end.printed, expected);
    }
    CU_ASSERT_EQUAL(rmdir("homes"), 0); /* nothing is left in it */
    CU_ASSERT_EQUAL(mkdir("homes", 0711), 0);
}

/* That it returns shows it: the pipe has an end only once all who have it are gone. */
static void what_a_run_leaves_is_ended_before_it_is_judged(void)
{
    run("for i in 1 2 3 4 5; do (trap '' TERM HUP; setsid sleep 1000 & setsid sleep 1000) & done; "
        "setsid sleep 1000 & echo $!; echo '{\"status\":0}' >&3; exit 0");
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_EQUAL(end.said_status, 0);
    CU_ASSERT_EQUAL(kill((pid_t)strtol(end.printed, NULL, 10), 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_that_makes_processes_without_end_is_ended(void)
{
    run("f() { f & f & }; f; exit 0");
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_cannot_end_whoever_ends_it(void)
{
    run("(while :; do kill -9 -1 2>/dev/null; done) & wait");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

/* The agent's own environment is empty: execvpe(3) would look where that says. */
static void a_program_is_looked_for_where_the_run_s_environment_says(void)
{
    char *argv[] = {(char *)"only-there", NULL};

    CU_ASSERT_EQUAL_FATAL(mkdir("programs", 0755), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("/bin/pwd", "programs/only-there"), 0);
    run_command(&(struct trial_command){.argv = argv});
    CU_ASSERT_EQUAL(end.status, 0);
}

static void a_status_is_the_process_s_own(void)
{
    run("echo '{\"status\":0}' >&3; exit 7");
    CU_ASSERT_EQUAL(end.status, 7);
    CU_ASSERT_PTR_NOT_NULL(trial_end_contradiction(&end));
    run("echo '{\"status\":0}' >&3; kill -9 $$");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    run("exec /nowhere/at/all");
    CU_ASSERT_EQUAL(end.status, 127);
}

static void a_run_that_talks_without_end_is_a_fault_of_its_own(void)
{
    run("while :; do echo no; done >&3");
    CU_ASSERT_PTR_NOT_NULL(end.fault);
    run("tr '\\0' x </dev/zero >&3");
    CU_ASSERT_PTR_NOT_NULL(end.fault);
    run("tr '\\0' x </dev/zero | head -c 3000000; echo; echo end");
    CU_ASSERT_PTR_NULL(end.fault);
    CU_ASSERT_TRUE(strlen(end.printed) <= 2 * TRIAL_PRINTED_KEPT + 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.printed, "\nend\n"));
}

/* A socket to which a run can send a descriptor, so that it is not closed with the run. */
static int listen_to_all(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", place);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_EQUAL(chmod(address.sun_path, 0777), 0);
    return fd;
}

static void a_run_that_sends_away_its_voice_is_not_waited_for(void)
{
    _cleanup_(close_fd) int held = listen_to_all();

    run("python3 -c 'import socket, sys; a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
        "a.connect(sys.argv[1]); socket.send_fds(a, [b\"x\"], [3])' \"$PWD/socket\"; "
        "echo '{\"status\":0}' >&3");
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end.fault);
    CU_ASSERT_STRING_EQUAL(end.fault, "what the run told has no end");
    CU_ASSERT_EQUAL(unlink("socket"), 0);
}

static int segments_of(uid_t owner)
{
    struct shm_info info;
    struct shmid_ds segment;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info), count = 0;

    for (int i = 0; i <= last; i++)
        count += shmctl(i, SHM_STAT, &segment) >= 0 && segment.shm_perm.cuid == owner;
    return count;
}

static void shared_memory_does_not_outlive_its_run(void)
{
    run("ipcmk -M 4096 && ipcmk -Q && ipcmk -S 1");
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_EQUAL(segments_of(uid), 0);
}

/* --- the zygote ------------------------------------------------------------------------------ */

extern const char trial_pytest_zygote[] __attribute__((visibility("hidden")));

static const char forked_run[] =
    "import os, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    time.sleep(1000)\n"
    "os.write(3, b'{\"status\":0}\\n')\n"
    "print(*os.getresuid(), os.getgid(), os.getgroups(), os.environ['HOME'], sys.argv[1:], "
    "flush=True)\n"
    "print(len(open('/proc/self/maps').read()) > 0, os.getcwd())\n"
    "print(os.path.exists('/proc/self/fd/4'), 'control' in globals())\n"
    "sys.exit(5)\n";

/* Only as much of pytest as the zygote looks at. */
static const char *const modules[][2] = {
    {"modules/pytest.py",
     "class Odd:\n"
     "    def __getattribute__(self, name):\n"
     "        raise RuntimeError('nobody asks')\n"
     "def main(arguments, plugins):\n" /* loads modules, in place of tests */
     "    import importlib.machinery, importlib.util, sys, same, cached\n"
     "    class Loader(importlib.machinery.SourceFileLoader):\n"
     "        pass\n"
     "    loader = Loader('hooked', same.__file__.replace('same', 'hooked'))\n"
     "    spec = importlib.util.spec_from_file_location('hooked', loader.path, loader=loader)\n"
     "    sys.modules['hooked'] = importlib.util.module_from_spec(spec)\n"
     "    spec.loader.exec_module(sys.modules['hooked'])\n"
     "    sys.modules['odd'] = Odd()\n"
     "    return 0\n"},
    {"modules/_pytest/__init__.py", ""},
    {"modules/_pytest/config.py", "default_plugins = ()\n"},
};

static int start_zygote(const char *repository, const char *runner, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("[\"%s/modules\"]", place);
    char *const argv[] = {
        (char *)"/usr/bin/python3",  (char *)"-I",   (char *)"-S",       (char *)"-B", (char *)"-c",
        (char *)trial_pytest_zygote, (char *)runner, (char *)repository, path,         NULL};

    CU_ASSERT_EQUAL(make_dirs("modules/_pytest", 0755, err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
        CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, modules[i][0], modules[i][1],
                                                strlen(modules[i][1]), 0644, err),
                              0);
    return trial_zygote_start(argv, user.environment, trial_user_limits, &user.zygote, err);
}

static void a_run_of_a_zygote_is_the_supervisor_s_and_another_user_s(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)forked_run, (char *)"one", NULL};
    struct error err = ERROR_INIT;

    CU_ASSERT_TRUE_FATAL(trial_zygote_is_possible());
    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", forked_run, &err), 0);
    for (int i = 0; i < 2; i++) {
        const char *folder = i == 0 ? place : "/usr";
        _cleanup_(free_ptr) char *expected = NULL;

        run_command(
            &(struct trial_command){.argv = argv, .folder = i == 0 ? NULL : folder, .seconds = 60});
        CU_ASSERT_EQUAL(end.status, 5);
        CU_ASSERT_EQUAL(end.said_status, 0);
        expected = xasprintf("%u %u %u %u [] %s/homes/%u ['one']\nTrue %s\nFalse False\n", uid, uid,
                             uid, uid, place, uid, folder);
        CU_ASSERT_STRING_EQUAL(end.printed, expected);
        CU_ASSERT_TRUE(trial_zygote_is_alone(&user.zygote)); /* what the run left is ended */
    }
    trial_zygote_stop(&user.zygote);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_run_of_a_zygote_that_takes_too_long_is_ended(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)"", NULL};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", "import signal\nsignal.pause()\n", &err), 0);
    run_command(&(struct trial_command){.argv = argv, .seconds = 1});
    CU_ASSERT_PTR_NOT_NULL_FATAL(end.fault);
    CU_ASSERT_STRING_EQUAL(end.fault, "it took longer than it may");
    CU_ASSERT_EQUAL(end.status, 128 + SIGKILL);
    CU_ASSERT_TRUE(trial_zygote_is_alone(&user.zygote));
    trial_zygote_stop(&user.zygote);
}

/* Whatever stopped it: the platform's fault, and no run that takes long. */
static void a_zygote_that_does_not_answer_is_not_waited_for(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)"", NULL};
    const struct trial_command command = {.argv = argv};
    struct trial_end none = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", forked_run, &err), 0);
    CU_ASSERT_EQUAL(kill(user.zygote.pid, SIGSTOP), 0);
    user.zygote.seconds = 1;
    CU_ASSERT_EQUAL_FATAL(trial_user_draw(&user, &uid, &err), 0);
    CU_ASSERT_EQUAL(trial_user_run(&user, uid, &command, &none, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_INTERNAL);
    trial_zygote_stop(&user.zygote);
    while (waitpid(-1, NULL, 0) > 0) /* who would have ended the run ends with it */
        ;
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void kill_zygote(int number)
{
    (void)number;
    (void)kill(user.zygote.pid, SIGKILL);
}

/* As where memory runs out. Whoever gets its number afterwards must not be killed in its place. */
static void a_zygote_that_dies_within_a_run_has_no_number_any_more(void)
{
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)"", NULL};
    const struct trial_command command = {.argv = argv};
    struct trial_end none = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", "import time\ntime.sleep(2)\n", &err), 0);
    signal(SIGALRM, kill_zygote);
    alarm(1);
    run_command(&command);
    CU_ASSERT_EQUAL(end.status, 0);
    CU_ASSERT_EQUAL(user.zygote.pid, 0);
    CU_ASSERT_EQUAL_FATAL(trial_user_draw(&user, &uid, &err), 0);
    CU_ASSERT_EQUAL(trial_user_run(&user, uid, &command, &none, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_INTERNAL);
    trial_zygote_stop(&user.zygote);
    CU_ASSERT_EQUAL(user.zygote.fd, -1);
    while (waitpid(-1, NULL, 0) > 0) /* who would have ended the run ends with it */
        ;
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void a_child_that_does_not_end_is_killed(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    CU_ASSERT_FALSE(child_wait(pid, 10, &status));
    CU_ASSERT_EQUAL(WTERMSIG(status), SIGKILL);
    pid = fork();
    if (pid == 0)
        _exit(usleep(100000) == 0 ? 7 : 1);
    CU_ASSERT_TRUE(child_wait(pid, 60000, &status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 7);
}

static void a_child_gets_its_time_where_no_descriptor_is_left(void)
{
    struct rlimit own, none;

    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &own), 0);
    none = (struct rlimit){0, own.rlim_max};
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    a_child_that_does_not_end_is_killed();
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &own), 0);
}

static void a_zygote_loads_nothing_of_the_repository(void)
{
    struct error err = ERROR_INIT;

    char *const environment[] = {(char *)"LD_LIBRARY_PATH=/repository/lib", NULL};
    char *const *own = user.environment;

    CU_ASSERT_EQUAL(start_zygote(place, forked_run, &err), -1);
    CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
    CU_ASSERT_EQUAL(start_zygote("/usr", forked_run, &err), -1);
    user.environment = environment;
    CU_ASSERT_EQUAL(start_zygote("/nowhere", forked_run, &err), -1);
    user.environment = own;
    CU_ASSERT_EQUAL(user.zygote.fd, -1);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

/* --- folders --------------------------------------------------------------------------------- */

static void make(const char *path, mode_t mode, uid_t owner)
{
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "text", 4), 4);
    CU_ASSERT_EQUAL(fchown(fd, owner, owner), 0);
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
}

static void expect(const char *path, mode_t mode, uid_t owner)
{
    struct stat st;

    CU_ASSERT_EQUAL_FATAL(lstat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, mode);
    CU_ASSERT_EQUAL(st.st_uid, owner);
}

static void a_sealed_repository_can_be_read_and_not_written(void)
{
    _cleanup_(close_fd) int root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(mkdir("repo", 0700), 0);
    CU_ASSERT_EQUAL(mkdir("repo/.git", 0777), 0);
    CU_ASSERT_EQUAL(mkdir("repo/d", 0300), 0);
    make("repo/secret", 0600, 61184);
    make("repo/d/program", 04777, 61184);
    CU_ASSERT_EQUAL(symlink("/etc/passwd", "repo/link"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_walls_seal(root, &err), 0);
    expect("repo", 0755, 0);
    expect("repo/.git", 0700, 0);
    expect("repo/d", 0755, 0);
    expect("repo/secret", 0644, 0);
    expect("repo/d/program", 0755, 0);
    CU_ASSERT_EQUAL(unlink("repo/link"), 0);
    CU_ASSERT_EQUAL(remove_tree("repo", &err), 0);
}

static void tests_are_laid_in_place_of_what_is_there_and_follow_no_link(void)
{
    _cleanup_(close_fd) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(mkdir("plan", 0700), 0);
    CU_ASSERT_EQUAL(mkdir("plan/tests", 0755), 0);
    CU_ASSERT_EQUAL(mkdir("plan/tests/deep", 0755), 0);
    make("plan/tests/deep/test_a.py", 0644, 0);
    CU_ASSERT_EQUAL(symlink("deep", "plan/tests/link"), 0);
    CU_ASSERT_EQUAL(mkdir("repo", 0755), 0);
    CU_ASSERT_EQUAL(mkdir("elsewhere", 0755), 0);
    CU_ASSERT_EQUAL(symlink("../elsewhere", "repo/tests"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_lay(here, "plan/tests", root, "tests", 61184, TRIAL_LAY_TIMES, &err), 0);
    expect("repo/tests", 0755, 61184);
    expect("repo/tests/deep/test_a.py", 0644, 61184);
    expect("repo/tests/link", 0777, 61184);
    CU_ASSERT_EQUAL(rmdir("elsewhere"), 0);
    CU_ASSERT_EQUAL(mkdir("repo/pkg", 0755), 0);
    CU_ASSERT_EQUAL(symlink("/tmp", "repo/pkg/tests"), 0);
    CU_ASSERT_EQUAL(
        trial_lay(here, "plan/tests", root, "pkg/tests/unit", 61184, TRIAL_LAY_TIMES, &err), -1);
    CU_ASSERT_EQUAL(remove_tree("repo", &err) + remove_tree("plan", &err), 0);
}

static void what_is_kept_replaces_whatever_was_put_in_its_way(void)
{
    _cleanup_(close_fd) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(make_dirs("plan/modules/tape", 0755, &err), 0);
    CU_ASSERT_EQUAL(make_dirs("repo/elsewhere/faked", 0755, &err), 0);
    make("plan/modules/tape/index.js", 0644, 61184);
    CU_ASSERT_EQUAL(symlink("elsewhere", "repo/modules"), 0);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "modules/faked", &err), 0);
    expect("repo/elsewhere/faked", 0755, 0); /* a link leads there, and is not followed */
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/modules/tape", root, "modules/tape", &err), 0);
    expect("repo/modules", 0755, 0);
    expect("repo/modules/tape/index.js", 0644, 0);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "elsewhere/faked", &err), 0);
    CU_ASSERT_EQUAL(access("repo/elsewhere/faked", F_OK), -1);
    CU_ASSERT_EQUAL(trial_lay_kept(here, "plan/none", root, "gone/faked", &err), 0);
    CU_ASSERT_EQUAL(remove_tree("repo", &err) + remove_tree("plan", &err), 0);
}

/* --- what is compiled beforehand -------------------------------------------------------------- */

extern const char trial_pytest_compile[] __attribute__((visibility("hidden")));

/* What the command prints, in the repository. */
static bool prints(const char *command, const char *wanted)
{
    _cleanup_(free_ptr) char *whole = xasprintf("cd repo && %s", command);
    char *argv[] = {(char *)"sh", (char *)"-c", whole, NULL};

    run_command(&(struct trial_command){.argv = argv});
    return strcmp(end.printed, wanted) == 0;
}

#define TRACE "python3 -I -B -v -c 'import sys; sys.path.append(\".\"); import "
#define FROM_CACHE "' 2>&1 | grep -c \"code object from .*repo/__pycache__\""

static void write_module(const char *path, const char *text)
{
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void compile_modules(const char *list)
{
    _cleanup_(json_release) json_object *paths = json_tokener_parse(list);
    _cleanup_(close_fd) int plan = open("plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *argv[] = {(char *)"python3",
                    (char *)"-I",
                    (char *)"-B",
                    (char *)"-c",
                    (char *)trial_pytest_compile,
                    NULL};
    struct error err = ERROR_INIT;
    int status = -1;
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(chdir("repo"), 0);
    CU_ASSERT_EQUAL(trial_compiled_ask(plan, paths, &err), 0);
    CU_ASSERT_EQUAL_FATAL(chdir(place), 0);
    child = fork();
    if (child == 0) {
        execv(chdir("plan") < 0 ? "" : "/usr/bin/python3", argv);
        _exit(127);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void a_module_is_compiled_once_and_only_as_it_was(void)
{
    _cleanup_(close_fd) int plan = -1, repo = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(make_dirs("plan", 0700, &err) + make_dirs("repo/left", 0755, &err) +
                        make_dirs("repo/linked", 0755, &err) + make_dirs("elsewhere", 0755, &err),
                    0);
    write_module("repo/same.py", "print('same')\n");
    write_module("repo/other.py", "print('old')\n");
    write_module("repo/left/one.py", "print('one')\n");
    write_module("repo/linked/one.py", "print('one')\n");
    write_module("elsewhere/one.py", "print('one')\n");
    write_module("repo/wrong.py", "print(\n");
    compile_modules("[\"same.py\",\"none.py\",\"wrong.py\",\"other.py\",\"left/one.py\","
                    "\"linked/one.py\"]");

    write_module("repo/other.py", "print('new')\n"); /* as long, as old */
    CU_ASSERT_EQUAL(remove_tree("repo/left", &err) + remove_tree("repo/linked", &err), 0);
    CU_ASSERT_EQUAL(symlink("../elsewhere", "repo/linked"), 0);
    plan = open("plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    repo = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_compiled_lay(NULL, plan, repo, &err), 0);
    expect("repo/__pycache__", 0755, 0);
    CU_ASSERT_EQUAL(access("repo/left", F_OK), -1);
    CU_ASSERT_EQUAL(access("elsewhere/__pycache__", F_OK), -1);
    CU_ASSERT(prints(TRACE "same" FROM_CACHE, "1\n"));
    CU_ASSERT(prints(TRACE "other" FROM_CACHE, "0\n"));
    CU_ASSERT(prints("python3 -I -B -c 'import sys; sys.path.append(\".\"); import same, other'",
                     "same\nnew\n"));

    CU_ASSERT_EQUAL(remove_tree("repo/__pycache__", &err), 0);
    CU_ASSERT_EQUAL(symlink("../elsewhere", "repo/__pycache__"), 0);
    CU_ASSERT_EQUAL(trial_compiled_lay(NULL, plan, repo, &err), 0);
    CU_ASSERT(prints("ls ../elsewhere", "one.py\n"));
    CU_ASSERT_EQUAL(unlink("repo/__pycache__"), 0);
    CU_ASSERT_EQUAL(unlink("plan/compiled/0"), 0); /* same.py's */
    CU_ASSERT_EQUAL(trial_compiled_lay(NULL, plan, repo, &err), 0);
    CU_ASSERT(prints("ls __pycache__ | cut -d . -f 1", "other\n"));
    write_module("plan/compiled.json", "[{\"source\":"); /* cut off */
    CU_ASSERT_EQUAL(trial_compiled_lay(NULL, plan, repo, &err), 0);
    CU_ASSERT_EQUAL(
        remove_tree("repo", &err) + remove_tree("plan", &err) + remove_tree("elsewhere", &err), 0);
}

extern const char trial_pytest_run[] __attribute__((visibility("hidden")));

static void a_rehearsal_tells_which_modules_it_had_to_compile(void)
{
    _cleanup_(free_ptr) char *repo = xasprintf("%s/repo", place);
    _cleanup_(free_ptr) char *options = xasprintf("{\"origin\":\"%s\",\"path\":[\".\"]}", repo);
    char *argv[] = {(char *)"python3", (char *)"-c", (char *)trial_pytest_run, repo, options, NULL};
    _cleanup_(close_fd) int plan = -1, root = -1;
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(make_dirs("repo", 0755, &err) + make_dirs("plan", 0700, &err), 0);
    write_module("repo/same.py", "print('same')\n");
    write_module("repo/cached.py", "print('cached')\n");
    write_module("repo/hooked.py", "print('hooked')\n");
    compile_modules("[\"cached.py\"]");
    plan = open("plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    root = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(trial_compiled_lay(NULL, plan, root, &err), 0);
    CU_ASSERT_EQUAL_FATAL(start_zygote("/nowhere", trial_pytest_run, &err), 0);
    run_command(&(struct trial_command){.argv = argv, .folder = repo, .seconds = 60});
    trial_zygote_stop(&user.zygote);
    CU_ASSERT_STRING_EQUAL(end.printed, "same\ncached\nhooked\n");
    CU_ASSERT(end.status == 0 && end.said_status == 0);
    CU_ASSERT_STRING_EQUAL(end.compiled ? json_object_get_string(end.compiled) : "none",
                           "[ \"same.py\" ]");
    CU_ASSERT_EQUAL(remove_tree("repo", &err) + remove_tree("plan", &err), 0);
}

static void set_up(void)
{
    static char home[sizeof(place) + sizeof("/homes")];
    static char path[sizeof(place) + sizeof("PATH=/usr/bin:/bin:/programs")];
    static char *environment[] = {path, (char *)"HOME=/root", NULL};

    trial_rig_enter(place);
    clearenv();
    snprintf(home, sizeof(home), "%s/homes", place);
    snprintf(path, sizeof(path), "PATH=/usr/bin:/bin:%s/programs", place);
    user.homes = home;
    user.zygote = TRIAL_ZYGOTE_NONE;
    user.environment = environment;
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"each run is another user in a folder of its own",
         each_run_is_another_user_in_a_folder_of_its_own},
        {"what a run leaves is ended before it is judged",
         what_a_run_leaves_is_ended_before_it_is_judged},
        {"a run that makes processes without end is ended",
         a_run_that_makes_processes_without_end_is_ended},
        {"a run cannot end whoever ends it", a_run_cannot_end_whoever_ends_it},
        {"a program is looked for where the run's environment says",
         a_program_is_looked_for_where_the_run_s_environment_says},
        {"a status is the process's own", a_status_is_the_process_s_own},
        {"a run that talks without end is a fault of its own",
         a_run_that_talks_without_end_is_a_fault_of_its_own},
        {"a run that sends away its voice is not waited for",
         a_run_that_sends_away_its_voice_is_not_waited_for},
        {"shared memory does not outlive its run", shared_memory_does_not_outlive_its_run},
        {"a run of a zygote is the supervisor's and another user's",
         a_run_of_a_zygote_is_the_supervisor_s_and_another_user_s},
        {"a run of a zygote that takes too long is ended",
         a_run_of_a_zygote_that_takes_too_long_is_ended},
        {"a zygote that does not answer is not waited for",
         a_zygote_that_does_not_answer_is_not_waited_for},
        {"a zygote that dies within a run has no number any more",
         a_zygote_that_dies_within_a_run_has_no_number_any_more},
        {"a child that does not end is killed", a_child_that_does_not_end_is_killed},
        {"a child gets its time where no descriptor is left",
         a_child_gets_its_time_where_no_descriptor_is_left},
        {"a zygote loads nothing of the repository", a_zygote_loads_nothing_of_the_repository},
        {"a sealed repository can be read and not written",
         a_sealed_repository_can_be_read_and_not_written},
        {"tests are laid in place of what is there and follow no link",
         tests_are_laid_in_place_of_what_is_there_and_follow_no_link},
        {"what is kept replaces whatever was put in its way",
         what_is_kept_replaces_whatever_was_put_in_its_way},
        {"a module is compiled once, and only as it was",
         a_module_is_compiled_once_and_only_as_it_was},
        {"a rehearsal tells which modules it had to compile",
         a_rehearsal_tells_which_modules_it_had_to_compile},
    };
    struct error err = ERROR_INIT;
    int status;

    set_up();
    status = UNIT_MAIN("trial runs", tests);
    trial_end_release(&end);
    return chdir("/") < 0 || remove_tree(place, &err) < 0 ? 2 : status;
}
