#include "trial/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "trial/build.h"
#include "trial/lay.h"
#include "trial/walls.h"

#include "base/banned.h"

#define TREE "tree"      /* in the planner's folder: the tests as they are to lie */
#define KEPT "kept"      /* the same, of what the session can't replace */
#define FAULTS_MOST 3    /* of a run: then its other tests are not started */
#define NOT_STARTED 127  /* the status of a program that is not there */
#define NOT_WAITED (125) /* and above: a status that is not a test's own word */

/* Each run has its own copy of the tests: whatever another one did to its own is gone. */
static int lay_tests(const struct trial_steps *steps, const struct trial_step *step, uid_t owner,
                     struct error *err)
{
    for (size_t i = 0; i < steps->plan->test_count; i++) {
        const char *path = steps->plan->tests[i];
        _cleanup_(free_ptr) char *from = xasprintf(TREE "/%s", path);

        if (trial_lay(steps->plan_fd, from, steps->root_fd, path, owner, TRIAL_LAY_TIMES, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < step->file_count; i++)
        if (trial_lay(steps->plan_fd, step->files[i].name, steps->root_fd, step->files[i].path,
                      owner, TRIAL_LAY_FRESH, err) < 0)
            return -1;
    return 0;
}

/* --- what is hidden -------------------------------------------------------------------------- */

static int remove_hidden(const struct trial_steps *steps, const struct trial_step *step,
                         struct error *err)
{
    return step->hidden_folder ? remove_tree_at(steps->place_fd, step->hidden_folder, err) : 0;
}

/* Root's, in a folder whose name only the build knows: the trial's can't be listed. */
static int lay_hidden(const struct trial_steps *steps, const struct trial_step *step,
                      struct error *err)
{
    for (size_t i = 0; i < step->hidden_count; i++) {
        _cleanup_(free_ptr) char *path =
            xasprintf("%s/%s", step->hidden_folder, step->hidden[i].path);

        if (trial_lay(steps->plan_fd, step->hidden[i].name, steps->place_fd, path, 0,
                      TRIAL_LAY_FRESH, err) < 0)
            return -1;
    }
    return 0;
}

/* --- programs whose status is what they say -------------------------------------------------- */

/* number: 0: of the test itself, from 1 on of its parts. */
static enum trial_result result_of(const struct trial_command *command, const struct trial_end *one,
                                   size_t number)
{
    if (one->fault)
        return TRIAL_FAILED;
    if (one->status == command->skip_status)
        return TRIAL_SKIPPED;
    if (command->will_fail)
        return one->status > 0 && one->status < NOT_WAITED ? TRIAL_PASSED : TRIAL_FAILED;
    if (one->status != 0)
        return TRIAL_FAILED;
    return one->said ? one->said[number] : TRIAL_PASSED;
}

static void add_outcome(struct trial_end *end, const struct trial_command *command,
                        const struct trial_end *one, double seconds, const char *built)
{
    bool is_missing = one->status == NOT_STARTED && built;
    bool is_silent = one->status == 0 && one->said;
    _cleanup_(free_ptr) char *message = xasprintf(
        "%s%sstatus %d%s\n%s%s%s", one->fault ? one->fault : "", one->fault ? ", " : "",
        one->status, is_silent ? ", and it did not say that the test passed" : "", one->printed,
        is_missing ? "--- the build said ---\n" : "", is_missing ? built : "");

    for (size_t i = 0; i <= command->part_count; i++) {
        trial_end_add(end, i == 0 ? command->test : command->parts[i - 1].test,
                      result_of(command, one, i), seconds, message);
        if (end->outcomes[end->outcome_count - 1].result == TRIAL_FAILED)
            end->status = end->said_status = 1;
    }
}

static void add_not_started(struct trial_end *end, const struct trial_command *command)
{
    for (size_t i = 0; i <= command->part_count; i++)
        trial_end_add(end, i == 0 ? command->test : command->parts[i - 1].test, TRIAL_FAILED, 0,
                      "not started: too many tests before it did not end by themselves");
    end->status = end->said_status = 1;
}

/* No test can change what another one reads, or read what was planted in it. What lies there may be
 * a link: folders of tests were the run's user's. */
static int settle(const struct trial_steps *steps, const struct trial_step *step, struct error *err)
{
    for (size_t i = 0; step->is_settled && i < steps->plan->test_count; i++)
        if (trial_build_seal_at(steps->root_fd, steps->plan->tests[i], err) < 0)
            return -1;
    for (size_t i = 0; i < step->settled_count; i++) {
        const struct trial_file *file = &step->settled[i];

        if (trial_lay_clear(steps->root_fd, file->path, err) < 0 ||
            trial_lay(steps->plan_fd, file->name, steps->root_fd, file->path, 0, TRIAL_LAY_FRESH,
                      err) < 0)
            return -1;
    }
    return 0;
}

/* Before the first test is started. What is hidden is in what was built of it, too. */
static int seal(const struct trial_steps *steps, const struct trial_step *step, struct error *err)
{
    return settle(steps, step, err) < 0 || remove_hidden(steps, step, err) < 0
               ? -1
               : trial_build_seal(steps->place_fd, step->hidden_folder != NULL, err);
}

/* What builds something comes first. Its status does not count: what it did not build can't be
 * started. */
static int run_commands(struct trial_steps *steps, const struct trial_step *step, uid_t owner,
                        struct trial_end *end, struct error *err)
{
    _cleanup_(free_ptr) char *built = NULL;
    bool is_sealed = false;
    int faults = 0; /* tests that did not end by themselves, as one that hangs */

    for (size_t i = 0; i < step->command_count; i++) {
        const struct trial_command *command = &step->commands[i];
        _cleanup_(trial_end_release) struct trial_end one = {0};
        int64_t began = clock_monotonic();

        if (command->test && faults == FAULTS_MOST) {
            add_not_started(end, command);
            continue;
        }
        if (command->test && !is_sealed && seal(steps, step, err) < 0)
            return -1;
        is_sealed = is_sealed || command->test;
        if (trial_user_run(&steps->user, owner, command, &one, err) < 0)
            return -1;
        if (command->test) {
            faults += one.fault != NULL;
            add_outcome(end, command, &one,
                        (double)(clock_monotonic() - began) / (double)CLOCK_SECOND, built);
        } else if (one.status != 0 && !built) {
            built = TAKE_PTR(one.printed);
        }
    }
    end->printed = built ? TAKE_PTR(built) : xstrdup("");
    return 0;
}

static int build_and_run(struct trial_steps *steps, const struct trial_step *step, uid_t owner,
                         struct trial_end *end, struct error *err)
{
    if (trial_build_make(steps->place_fd, owner, err) < 0 || lay_hidden(steps, step, err) < 0 ||
        run_commands(steps, step, owner, end, err) < 0)
        return -1;
    return remove_hidden(steps, step, err);
}

/* --- steps ----------------------------------------------------------------------------------- */

static int run_step(struct trial_steps *steps, const struct trial_step *step, struct trial_end *end,
                    struct error *err)
{
    uid_t owner;
    int failed;

    if (trial_user_draw(&steps->user, &owner, err) < 0 ||
        trial_user_begin(&steps->user, owner, err) < 0 || lay_tests(steps, step, owner, err) < 0)
        return -1;
    failed = step->is_told ? trial_user_run(&steps->user, owner, &step->commands[0], end, err)
                           : build_and_run(steps, step, owner, end, err);
    return failed < 0 ? -1 : trial_user_end(&steps->user, owner, err);
}

static int lay_kept(const struct trial_steps *steps, struct error *err)
{
    for (size_t i = 0; i < steps->plan->kept_count; i++) {
        const char *path = steps->plan->kept[i];
        _cleanup_(free_ptr) char *from = xasprintf(KEPT "/%s", path);

        if (trial_lay_kept(steps->plan_fd, from, steps->root_fd, path, err) < 0)
            return -1;
    }
    return 0;
}

static int prepare(struct trial_steps *steps, struct error *err)
{
    _cleanup_(trial_end_release) struct trial_end end = {0};

    if (steps->plan->prepare.command_count == 0)
        return 0;
    return run_step(steps, &steps->plan->prepare, &end, err) < 0
               ? -1
               : trial_build_keep(steps->place_fd, err);
}

DEFINE_CLEANUP(struct trial_leftovers *, release_leftovers, trial_leftovers_free)

int trial_steps_run(struct trial_steps *steps, struct trial_end *ends, struct error *err)
{
    _cleanup_(release_leftovers) struct trial_leftovers *leftovers =
        trial_leftovers_new(steps->temporary);
    const struct trial_plan *plan = steps->plan;
    bool decided = false;

    if (lay_kept(steps, err) < 0 || prepare(steps, err) < 0 ||
        trial_leftovers_remove(leftovers, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct trial_step *step = &plan->steps[i];

        /* One in which no test counts tells nothing. */
        ends[i].left_out = !step->all && (decided || step->slot_count == 0);
        if (ends[i].left_out)
            continue;
        if (run_step(steps, step, &ends[i], err) < 0 || trial_leftovers_remove(leftovers, err) < 0)
            return -1;
        decided = decided || trial_is_decided(plan, ends, i + 1);
    }
    return 0;
}

int trial_steps_rehearse(struct trial_steps *steps, const char *mirror, struct trial_end *ends,
                         struct error *err)
{
    _cleanup_(release_leftovers) struct trial_leftovers *leftovers =
        trial_leftovers_new(steps->temporary);
    _cleanup_(close_fd) int mirror_fd = open(mirror, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int repository_fd = steps->root_fd, failed = 0;

    if (mirror_fd < 0 || fchdir(mirror_fd) < 0)
        return error_errno(err, errno, "cannot open %s", mirror);
    steps->root_fd = mirror_fd;
    for (size_t i = 0; failed == 0 && i < steps->plan->rehearsal_count; i++)
        if (run_step(steps, &steps->plan->rehearsals[i], &ends[i], err) < 0 ||
            trial_leftovers_remove(leftovers, err) < 0)
            failed = -1;
    steps->root_fd = repository_fd;
    if (failed < 0)
        return -1;
    if (fchdir(repository_fd) < 0)
        return error_errno(err, errno, "the repository's folder is gone");
    return remove_tree(mirror, err);
}
