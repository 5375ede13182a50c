#include "trial/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/compiled.h"
#include "trial/judge.h"
#include "trial/kinds.h"
#include "trial/plan.h"
#include "trial/planted.h"
#include "trial/rehearsal.h"
#include "trial/steps.h"
#include "trial/user.h"
#include "trial/walls.h"
#include "trial/zygote.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define PLACE "/run/codeset-trial" /* in the grading container */
#define PLAN PLACE "/plan"         /* root's: the planner's folder */
#define HOMES PLACE "/homes"       /* of the runs */
#define MIRROR PLACE "/mirror"     /* in place of the repository, for a rehearsal */
#define ZYGOTE PLAN "/zygote"      /* there is one */
#define SHOWN_MOST 20              /* failed tests that are told at length */

enum { EXIT_PASSED = 0, EXIT_FAILED = 1 };

/* --- the plan, while nothing of the session is there ----------------------------------------- */

static int make_place(struct error *err)
{
    if (make_dirs("/run", 0755, err) < 0 || remove_tree(PLACE, err) < 0)
        return -1;
    if (mkdir(PLACE, 0711) < 0 || chmod(PLACE, 0711) < 0 || mkdir(PLAN, 0700) < 0 ||
        mkdir(HOMES, 0711) < 0 || chmod(HOMES, 0711) < 0)
        return error_errno(err, errno, "cannot make " PLACE);
    return 0;
}

/* The planner's input: the trial, with the repository's folder. */
static int write_spec(json_object *trial, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *repository = getcwd(NULL, 0);

    if (!repository)
        return error_errno(err, errno, "the repository's folder is gone");
    json_add_text(trial, "repository", repository);
    json_write(&text, trial);
    return file_write_atomic(AT_FDCWD, PLAN "/spec.json", text.data, text.length, 0600, err);
}

static int hide_private(json_object *trial, struct error *err)
{
    json_object *list = json_object_object_get(trial, "private");

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (trial_walls_hide(AT_FDCWD, json_object_get_string(json_object_array_get_idx(list, i)),
                             err) < 0)
            return -1;
    return 0;
}

/* The exit status of what it does in a process of its own, in the planner's folder: root's, by the
 * image's own programs, as nothing of the session can be here yet. */
static int do_as_planner(int (*what)(const struct trial_kind *kind, json_object *trial),
                         const struct trial_kind *kind, json_object *trial,
                         char *const *environment, int *ret_status, struct error *err)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        descriptors_close_all_but(NULL, 0);
        if (chdir(PLAN) < 0)
            _exit(126);
        environ = (char **)environment; /* whose PATH programs' names are looked up in */
        _exit(what(kind, trial));
    }
    if (pid < 0)
        return error_errno(err, errno, "cannot make a process");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_status = child_status(status);
    return 0;
}

static int run_planner(const struct trial_kind *kind, json_object *trial, char *const *environment,
                       struct error *err)
{
    int status;

    if (do_as_planner(kind->plan, kind, trial, environment, &status, err) < 0)
        return -1;
    return status == 0
               ? 0
               : error_set(err, ERROR_INVALID, NULL,
                           "the tests could not be prepared: the planner's status is %d", status);
}

/* --- the runs -------------------------------------------------------------------------------- */

/* What a request says beside the trial. */
struct orders {
    bool is_hidden;     /* nobody may know what the lists name */
    bool tells_planted; /* but whoever sees stderr */
};

struct trial {
    struct trial_plan plan;
    struct trial_end ends[TRIAL_RUNS_MOST], rehearsals[TRIAL_RUNS_MOST];
    struct trial_steps steps;
    struct trial_verdict verdict;
    bool has_zygote;
    size_t rehearsed_count; /* functions that must go on to pass and count in small runs */
};

#define TRIAL_INIT                                                                                 \
    {                                                                                              \
        .steps = {.place_fd = -1, .plan_fd = -1, .root_fd = -1, .user.zygote = {.fd = -1} }        \
    }

static void trial_release(struct trial *trial)
{
    trial_zygote_stop(&trial->steps.user.zygote);
    for (size_t i = 0; i < trial->plan.step_count; i++)
        trial_end_release(&trial->ends[i]);
    for (size_t i = 0; i < trial->plan.rehearsal_count; i++)
        trial_end_release(&trial->rehearsals[i]);
    trial_verdict_release(&trial->verdict);
    trial_plan_release(&trial->plan);
    close_fd(&trial->steps.place_fd);
    close_fd(&trial->steps.plan_fd);
    close_fd(&trial->steps.root_fd);
}

static int open_plan(struct trial *trial, const struct trial_kind *kind, char *const *environment,
                     struct error *err)
{
    struct trial_steps *steps = &trial->steps;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return error_errno(err, errno, "cannot become a child subreaper");
    steps->place_fd = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    steps->plan_fd = open(PLAN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    steps->root_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    steps->temporary = trial_walls_temporary;
    if (steps->place_fd < 0 || steps->plan_fd < 0 || steps->root_fd < 0)
        return error_errno(err, errno, "there is no plan, or no repository");
    if (file_read(steps->plan_fd, "plan.json", TRIAL_PLAN_MOST, &text, err) < 0)
        return -1;
    steps->plan = &trial->plan;
    steps->user.homes = HOMES;
    steps->user.environment = environment;
    if (trial_plan_read(text.data, text.length, &trial->plan, err) < 0)
        return -1;
    trial->plan.names = kind->names;
    return 0;
}

/* --- the rehearsal: no code of the session is there ------------------------------------------ */

static int start_zygote(struct trial *trial, struct error *err)
{
    struct trial_user *user = &trial->steps.user;

    return trial_zygote_start(trial->plan.zygote, user->environment, trial_user_limits,
                              &user->zygote, err);
}

/* Whether there is one is decided while nothing of the session is there. It is the image's doing,
 * so what came of it once is so again. */
static int try_zygote(struct trial *trial, json_object *rehearsed, struct error *err)
{
    struct error unfit = ERROR_INIT;
    bool fits =
        trial->plan.zygote && trial_zygote_is_possible() &&
        (rehearsed ? json_object_get_boolean(json_object_object_get(rehearsed, "zygote")) != 0
                   : start_zygote(trial, &unfit) == 0);

    trial->has_zygote = fits;
    return fits ? file_write_atomic(AT_FDCWD, ZYGOTE, "", 0, 0600, err) : 0;
}

/* It only saves time: where it fails, runs go without. */
static int compile(const struct trial_kind *kind, json_object *spec, json_object *modules,
                   int plan_fd, char *const *environment, struct error *err)
{
    int status;

    if (!kind->compile || !modules || json_object_array_length(modules) == 0)
        return 0;
    return trial_compiled_ask(plan_fd, modules, err) < 0
               ? -1
               : do_as_planner(kind->compile, kind, spec, environment, &status, err);
}

static int rehearse(const struct trial_kind *kind, json_object *spec, char *const *environment,
                    struct buf *record, struct error *err)
{
    _cleanup_(trial_release) struct trial trial = TRIAL_INIT;
    _cleanup_(json_release) json_object *modules = NULL;
    json_object *known = json_object_object_get(spec, AGENT_TRIAL_REHEARSED);

    if (open_plan(&trial, kind, environment, err) < 0)
        return -1;
    if (!trial_rehearsal_is_noted(trial.steps.plan_fd))
        known = NULL; /* the planner did not take it over */
    if (try_zygote(&trial, known, err) < 0)
        return -1;
    if (known)
        return compile(kind, spec, trial_rehearsal_modules(known), trial.steps.plan_fd, environment,
                       err);
    if (trial.plan.rehearsal_count == 0)
        return 0;
    if (trial_steps_rehearse(&trial.steps, MIRROR, trial.rehearsals, err) < 0)
        return -1;
    modules = trial_compiled_of(trial.rehearsals, trial.plan.rehearsal_count);
    if (compile(kind, spec, modules, trial.steps.plan_fd, environment, err) < 0)
        return -1;
    return trial_rehearsal_note(&trial.plan, trial.rehearsals, trial.has_zygote, modules,
                                trial.steps.plan_fd, record, err);
}

/* The last that is printed is the record of a rehearsal, if there is one to be kept. */
static int make_plan(const struct trial_kind *kind, json_object *trial, char *const *environment,
                     struct error *err)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    umask(022);
    if (make_place(err) < 0 || write_spec(trial, err) < 0 ||
        run_planner(kind, trial, environment, err) < 0 || trial_walls_close(PLACE, err) < 0 ||
        hide_private(trial, err) < 0 || rehearse(kind, trial, environment, &record, err) < 0)
        return -1;
    if (record.length > 0)
        printf("%s\n", record.data);
    return EXIT_PASSED;
}

/* --- what came of it ------------------------------------------------------------------------- */

static void tell_failures(const struct trial_verdict *verdict)
{
    size_t told = 0;

    for (size_t i = 0; i < verdict->count; i++) {
        const struct trial_outcome *outcome = &verdict->outcomes[i];

        if (outcome->result != TRIAL_FAILED)
            continue;
        if (told++ < SHOWN_MOST)
            printf("--- %s failed ---\n%s\n", outcome->test, outcome->message);
    }
    if (told > SHOWN_MOST)
        printf("and %zu more failed\n", told - SHOWN_MOST);
}

/* Of the first run that came to no end: what would show why. */
static void tell_broken_run(const struct trial *trial)
{
    for (size_t i = 0; i < trial->plan.step_count; i++) {
        const char *why = trial_end_contradiction(&trial->ends[i]);

        if (!why || trial->ends[i].left_out)
            continue;
        printf("--- %s (status %d); the end of its output ---\n%s\n", why, trial->ends[i].status,
               trial->ends[i].printed);
        return;
    }
}

static int tell(const struct trial *trial)
{
    size_t counts[3] = {0}, runs = 0;

    for (size_t i = 0; i < trial->verdict.count; i++)
        counts[trial->verdict.outcomes[i].result]++;
    for (size_t i = 0; i < trial->plan.step_count; i++)
        runs += !trial->ends[i].left_out;
    if (trial->verdict.tampered)
        printf("%s: the change makes tests pass that must fail\n", trial->verdict.tampered);
    printf("%zu passed, %zu failed, %zu skipped, in %zu runs\n", counts[TRIAL_PASSED],
           counts[TRIAL_FAILED], counts[TRIAL_SKIPPED], runs);
    if (trial->rehearsed_count > 0)
        printf("failures are also planted in %zu of the tests that must go on to pass\n",
               trial->rehearsed_count);
    if (trial->plan.unplanted_count > 0)
        printf("no failure can be planted in %zu of the listed tests: only their outcomes count\n",
               trial->plan.unplanted_count);
    for (size_t i = 0; !trial->plan.is_hidden && i < trial->plan.unplanted_count && i < SHOWN_MOST;
         i++)
        printf("    %s\n", trial->plan.unplanted[i]);
    if (!trial->verdict.tampered)
        tell_failures(&trial->verdict);
    tell_broken_run(trial);
    if (trial->verdict.tampered)
        return AGENT_TRIAL_TAMPERED;
    return counts[TRIAL_FAILED] > 0 || trial->verdict.lacks ? EXIT_FAILED : EXIT_PASSED;
}

/* Replaces whatever is there, a folder too: nobody but this process may be read from. */
static int write_report(const struct trial *trial, struct error *err)
{
    _cleanup_(buf_release) struct buf xml = BUF_INIT;

    trial_report(&trial->verdict, &xml);
    return file_write_atomic(trial->steps.root_fd, AGENT_TRIAL_REPORT, xml.data, xml.length, 0600,
                             err);
}

/* The last that is told: from then on no fault is, whose reason others may see. */
static int tell_planted(const struct trial *trial, struct error *err)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT;

    if (fflush(stdout) != 0)
        return error_errno(err, errno, "cannot tell how the tests ended");
    trial_planted_write(&trial->plan, trial->ends, &json);
    fprintf(stderr, "%s\n", json.data);
    return 0;
}

static int run_plan(const struct trial_kind *kind, const struct orders *orders,
                    char *const *environment, struct error *err)
{
    int status;
    _cleanup_(trial_release) struct trial trial = TRIAL_INIT;

    umask(022);
    if (open_plan(&trial, kind, environment, err) < 0 ||
        trial_rehearsal_heed(&trial.plan, trial.steps.plan_fd, &trial.rehearsed_count, err) < 0)
        return -1;
    trial.plan.is_hidden = orders->is_hidden;
    if (remove_tree_at(trial.steps.root_fd, AGENT_TRIAL_REPORT, err) < 0 ||
        (kind->settle &&
         kind->settle(trial.plan.document, trial.steps.plan_fd, trial.steps.root_fd, err) < 0) ||
        trial_walls_seal(trial.steps.root_fd, err) < 0)
        return -1;
    if (access(ZYGOTE, F_OK) == 0 && start_zygote(&trial, err) < 0)
        return -1;
    if (trial_steps_run(&trial.steps, trial.ends, err) < 0)
        return -1;
    trial_judge(&trial.plan, trial.ends, &trial.verdict);
    if (write_report(&trial, err) < 0)
        return -1;
    status = tell(&trial);
    return orders->tells_planted && tell_planted(&trial, err) < 0 ? -1 : status;
}

/* --- the request ----------------------------------------------------------------------------- */

static int take_step(json_object *request, char *const *environment, struct error *err)
{
    json_object *trial = json_object_object_get(request, "trial");
    json_object *rehearsed = json_object_object_get(request, AGENT_TRIAL_REHEARSED);
    const char *step = json_get_text(request, "step");
    const struct trial_kind *kind = trial_kind_find(json_get_text(trial, "framework"));
    const struct orders orders = {
        .is_hidden = json_object_get_boolean(json_object_object_get(trial, "hidden")),
        .tells_planted =
            json_object_get_boolean(json_object_object_get(request, AGENT_TRIAL_TELLS_PLANTED)),
    };

    if (!step || !kind)
        return error_set(err, ERROR_INVALID, NULL, "there is no such trial");
    json_object_object_del(trial, AGENT_TRIAL_REHEARSED); /* not the sample's to say */
    if (json_object_is_type(rehearsed, json_type_object))
        json_add(trial, AGENT_TRIAL_REHEARSED, json_object_get(rehearsed));
    if (strcmp(step, AGENT_TRIAL_FIRST_STEP) == 0)
        return make_plan(kind, trial, environment, err);
    if (strcmp(step, AGENT_TRIAL_SECOND_STEP) == 0)
        return run_plan(kind, &orders, environment, err);
    return error_set(err, ERROR_INVALID, NULL, "a trial has no step '%.40s'", step);
}

int trial_main(const char *request, char *const *environment)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct error err = ERROR_INIT;
    int status = -1;

    if (json_parse(request, strlen(request), &object, NULL, &err) == 0)
        status = take_step(object, environment, &err);
    if (status < 0) {
        fprintf(stderr, "%s\n", err.message);
        status = AGENT_TRIAL_FAULT;
    }
    if (fflush(stdout) != 0)
        status = AGENT_TRIAL_FAULT;
    return status;
}
