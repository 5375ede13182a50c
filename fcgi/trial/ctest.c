#include "trial/ctest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/cmake.h"
#include "trial/copy.h"
#include "trial/drawn.h"
#include "trial/plant.h"
#include "trial/writing.h"

#include "base/banned.h"

static const char stub[] = "#error \"this test is not built yet\"\n";

/* A test that the lists name. */
struct listed {
    struct trial_test *test;
    char *path; /* of its source, in the repository; NULL: nothing is planted */
    char *text;
    struct trial_plants plants;
    struct trial_drawn drawn;
};

struct planning {
    struct trial_project project;
    struct listed *listed;
    size_t listed_count;
    struct trial_writing writing;
};

/* --- listed tests ---------------------------------------------------------------------------- */

static bool is_id(const char *id, const char *name)
{
    size_t length = strlen(name);

    return strcmp(id, name) == 0 ||
           (strncmp(id, name, length) == 0 && strncmp(id + length, "::", 2) == 0 &&
            strcmp(id + length + 2, name) == 0);
}

static struct trial_test *find_test(const struct planning *planning, const char *id)
{
    for (size_t i = 0; i < planning->project.test_count; i++)
        if (is_id(id, planning->project.tests[i].name))
            return &planning->project.tests[i];
    return NULL;
}

static bool is_listed(const struct planning *planning, const struct trial_test *test)
{
    for (size_t i = 0; i < planning->listed_count; i++)
        if (planning->listed[i].test == test)
            return true;
    return false;
}

static bool has_source(const struct trial_target *target, const char *path)
{
    for (size_t i = 0; i < trial_list_count(target->sources); i++)
        if (strcmp(trial_list_at(target->sources, i), path) == 0)
            return true;
    return false;
}

/* Nothing else than this test is made of the source. */
static bool is_own(const struct planning *planning, const struct trial_test *test, const char *path)
{
    size_t count = 0;

    for (size_t i = 0; i < planning->project.target_count; i++)
        count += has_source(&planning->project.targets[i], path);
    for (size_t i = 0; i < planning->project.test_count; i++)
        count += planning->project.tests[i].target == test->target;
    return count == 2;
}

/* The source of the trial's in which something can be planted. */
static void find_plants(const struct planning *planning, struct listed *listed)
{
    const struct trial_test *test = listed->test;

    for (size_t i = 0; !listed->path && i < trial_list_count(test->target->sources); i++) {
        const char *source = trial_list_at(test->target->sources, i);
        _cleanup_(free_ptr) char *path = xasprintf("%s%s", planning->project.folder, source);
        _cleanup_(free_ptr) char *text = trial_copy_read(TRIAL_TREE, path);
        _cleanup_(free_ptr) char *former = trial_copy_read(planning->project.repository, path);

        if (!text || !is_own(planning, test, source))
            continue;
        trial_plants_find(text, former, test->target->asserts, &listed->plants);
        if (listed->plants.count == 0)
            continue;
        listed->path = TAKE_PTR(path);
        listed->text = TAKE_PTR(text);
    }
}

static int add_listed(struct planning *planning, json_object *ids, json_object *unplanted,
                      struct error *err)
{
    for (size_t i = 0; i < trial_list_count(ids); i++) {
        struct trial_test *test = find_test(planning, trial_list_at(ids, i));
        struct listed *listed = &planning->listed[planning->listed_count];

        if (!test) {
            trial_list_add(unplanted, trial_list_at(ids, i));
            continue;
        }
        if (test->refused)
            return error_set(err, ERROR_INVALID, NULL,
                             "a trial can't run the listed test %.200s: %.100s", test->name,
                             test->refused);
        if (is_listed(planning, test))
            continue;
        planning->listed_count++;
        listed->test = test;
        if (test->target && !test->will_fail)
            find_plants(planning, listed);
        if (!listed->path)
            trial_list_add(unplanted, trial_list_at(ids, i));
        trial_draw_mended(&listed->plants, &listed->drawn);
    }
    return 0;
}

/* Some of those that must go on to pass, drawn by chance. They stand among the others: no run can
 * be told by what is built in it. One that may need another test's work would fail there. */
static void add_kept(struct planning *planning, json_object *ids)
{
    size_t count = trial_list_count(ids), first = count > 0 ? trial_draw(count) : 0, kept = 0;

    for (size_t i = 0; i < count && kept < TRIAL_KEPT_MOST; i++) {
        struct trial_test *test = find_test(planning, trial_list_at(ids, (first + i) % count));
        struct listed *listed = &planning->listed[planning->listed_count];

        if (!test || test->refused || test->will_fail || test->depends || !test->target ||
            is_listed(planning, test))
            continue;
        *listed = (struct listed){.test = test};
        find_plants(planning, listed);
        if (!listed->path)
            continue;
        trial_draw_kept(&listed->plants, &listed->drawn);
        planning->listed_count++;
        kept++;
    }
}

static int find_listed(struct planning *planning, json_object *unplanted, struct error *err)
{
    json_object *first = json_object_object_get(planning->project.trial, "fail_to_pass");
    json_object *second = json_object_object_get(planning->project.trial, "held_out");

    planning->listed =
        xcalloc(trial_list_count(first) + trial_list_count(second) + TRIAL_KEPT_MOST + 1,
                sizeof(*planning->listed));
    if (add_listed(planning, first, unplanted, err) < 0 ||
        add_listed(planning, second, unplanted, err) < 0)
        return -1;
    add_kept(planning, json_object_object_get(planning->project.trial, "pass_to_pass"));
    return 0;
}

/* --- runs ------------------------------------------------------------------------------------ */

/* targets: NULL: all that is built by default. */
static void add_build(const struct planning *planning, json_object *run, json_object *targets)
{
    json_object *argv = trial_command_argv(trial_command_add(run, NULL));
    _cleanup_(free_ptr) char *jobs = xasprintf("-j%ld", sysconf(_SC_NPROCESSORS_ONLN));

    trial_list_add(argv, "cmake");
    trial_list_add(argv, "--build");
    trial_list_add(argv, planning->project.build);
    trial_list_add(argv, jobs);
    for (size_t i = 0; i < trial_list_count(targets); i++) {
        if (i == 0)
            trial_list_add(argv, "--target");
        trial_list_add(argv, trial_list_at(targets, i));
    }
    if (planning->project.keep_going) {
        trial_list_add(argv, "--");
        trial_list_add(argv, planning->project.keep_going);
    }
}

static void add_test(const struct trial_test *test, json_object *run)
{
    json_object *command = trial_command_add(run, test->folder);

    json_object_object_add(command, "argv", json_object_get(test->command));
    json_add_text(command, "test", test->name);
    json_add_int(command, "seconds", test->seconds);
    json_add_int(command, "skip_status", test->skip_status);
    json_add_bool(command, "will_fail", test->will_fail);
    if (test->environment)
        json_object_object_add(command, "environment", json_object_get(test->environment));
}

/* In the run of all the source is as it should be. */
static int add_source(struct planning *planning, json_object *run, const struct listed *listed,
                      int number, struct error *err)
{
    _cleanup_(free_ptr) char *text = trial_plant_apply(
        listed->text, &listed->plants, trial_plant_in(&listed->drawn, &listed->plants, number),
        number != TRIAL_ALL_RUN);

    return trial_file_add(&planning->writing, run, listed->path, text, err);
}

/* Is the test started in this run? */
static bool is_started(const struct planning *planning, const struct trial_test *test, int number)
{
    for (size_t i = 0; number != TRIAL_ALL_RUN && i < planning->listed_count; i++)
        if (planning->listed[i].test == test)
            return trial_is_in(&planning->listed[i].drawn, number);
    return number == TRIAL_ALL_RUN && !test->refused;
}

/* The tests of the run, each with what was drawn for it. */
static int fill_run(struct planning *planning, json_object *run, int number, struct error *err)
{
    _cleanup_(json_release) json_object *targets = json_object_new_array();

    for (size_t i = 0; i < planning->listed_count; i++) {
        struct listed *listed = &planning->listed[i];

        if (!trial_is_in(&listed->drawn, number))
            continue;
        trial_slot_add(run, i, listed->test->name,
                       trial_plant_in(&listed->drawn, &listed->plants, number));
        if (!listed->path)
            continue;
        trial_list_add(targets, listed->test->target->name);
        if (add_source(planning, run, listed, number, err) < 0)
            return -1;
    }
    if (trial_list_count(targets) > 0)
        add_build(planning, run, targets);
    for (size_t i = 0; i < planning->project.test_count; i++)
        if (is_started(planning, &planning->project.tests[i], number))
            add_test(&planning->project.tests[i], run);
    return 0;
}

/* Built once: all but the listed tests. */
static json_object *preparation(struct planning *planning, struct error *err)
{
    json_object *run = trial_run_new(false);
    _cleanup_(json_release) json_object *targets = json_object_new_array();

    for (size_t i = 0; i < planning->listed_count; i++)
        if (planning->listed[i].path &&
            trial_file_add(&planning->writing, run, planning->listed[i].path, stub, err) < 0)
            return run; /* the caller looks at err */
    trial_project_configure(&planning->project, planning->project.repository,
                            trial_command_argv(trial_command_add(run, NULL)));
    add_build(planning, run, NULL);
    for (size_t i = 0; i < planning->project.test_count; i++)
        if (planning->project.tests[i].target && !planning->project.tests[i].target->is_default)
            trial_list_add(targets, planning->project.tests[i].target->name);
    if (trial_list_count(targets) > 0) /* what is built for tests only */
        add_build(planning, run, targets);
    return run;
}

/* Nothing is there to be run where no test would be. */
static int add_run(struct planning *planning, json_object *runs, int number, struct error *err)
{
    bool all = number == TRIAL_ALL_RUN, has_tests = all;
    json_object *run;

    for (size_t i = 0; i < planning->listed_count; i++)
        has_tests = has_tests || trial_is_in(&planning->listed[i].drawn, number);
    if (!has_tests)
        return 0;
    json_object_array_add(runs, run = trial_run_new(all));
    return fill_run(planning, run, number, err);
}

static int add_runs(struct planning *planning, json_object *plan, struct error *err)
{
    json_object *runs = json_object_object_get(plan, "runs");

    json_object_object_add(plan, "prepare", preparation(planning, err));
    if (err->kind != ERROR_NONE)
        return -1;
    for (int number = 0; number <= TRIAL_ALL_RUN; number++) /* what the last shows comes too late */
        if (add_run(planning, runs, number, err) < 0)
            return -1;
    return 0;
}

/* --- the plan -------------------------------------------------------------------------------- */

static int write_plan(struct planning *planning, struct error *err)
{
    _cleanup_(json_release) json_object *plan = trial_plan_new(planning->project.trial);
    json_object *functions = json_object_object_get(plan, "functions");

    if (find_listed(planning, json_object_object_get(plan, "unplanted"), err) < 0 ||
        add_runs(planning, plan, err) < 0)
        return -1;
    for (size_t i = 0; i < planning->listed_count; i++)
        trial_list_add(functions, planning->listed[i].test->name);
    json_object_object_add(plan, "listed", json_object_get(functions));
    for (size_t i = 0; i < planning->project.test_count; i++)
        trial_list_add(json_object_object_get(plan, "files"), planning->project.tests[i].name);
    return trial_plan_write(&planning->writing, plan, err);
}

static void planning_release(struct planning *planning)
{
    for (size_t i = 0; i < planning->listed_count; i++) {
        free(planning->listed[i].path);
        free(planning->listed[i].text);
        trial_plants_release(&planning->listed[i].plants);
    }
    free(planning->listed);
    trial_project_release(&planning->project);
    close_fd(&planning->writing.plan_fd);
}

int trial_ctest_plan(const struct trial_kind *kind, json_object *trial)
{
    _cleanup_(planning_release) struct planning planning = {
        .project = {.trial = trial, .repository = json_get_text(trial, "repository")},
        .writing.plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    struct error err = ERROR_INIT;

    (void)kind;
    if (trial_project_read(&planning.project, &err) == 0 && write_plan(&planning, &err) == 0)
        return 0;
    dprintf(2, "%s\n", err.message);
    return 1;
}
