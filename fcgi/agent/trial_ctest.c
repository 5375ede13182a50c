#include "agent/trial_ctest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/trial_cmake.h"
#include "agent/trial_plant.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

#include "base/banned.h"

#define SOURCE_MOST ((size_t)4 << 20) /* of a test */
#define SMALL_RUNS 7
#define PLANTED 4 /* of these: see pytest_plan.py */
#define ALL_RUN SMALL_RUNS
#define KEPT_MOST 4    /* tests that must go on to pass, in small runs */
#define KEPT_RUNS 3    /* of the small ones, for each of these */
#define KEPT_PLANTED 2 /* of these */

/* What was drawn for a test in a run, in place of a plant's number. */
#define TRUE_ONE (-1) /* it is as it should be */
#define ABSENT (-2)   /* it is not in the run */

static const char stub[] = "#error \"this test is not built yet\"\n";

/* A test that the lists name. */
struct listed {
    struct trial_test *test;
    char *path; /* of its source, in the repository; NULL: nothing is planted */
    char *text;
    struct trial_plants plants;
    int drawn[ALL_RUN + 1]; /* which plant in which run, or TRUE_ONE, or ABSENT */
};

struct planning {
    struct trial_project project;
    struct listed *listed;
    size_t listed_count;
    size_t file_count; /* beside plan.json */
    int plan_fd;
};

static size_t draw(size_t below)
{
    unsigned drawn;

    random_bytes(&drawn, sizeof(drawn));
    return drawn % below;
}

static size_t count_of(json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

static const char *text_at(json_object *list, size_t at)
{
    return json_object_get_string(json_object_array_get_idx(list, at));
}

static void add_text(json_object *list, const char *text)
{
    json_object_array_add(list, json_object_new_string(text));
}

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
    for (size_t i = 0; i < count_of(target->sources); i++)
        if (strcmp(text_at(target->sources, i), path) == 0)
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

/* NULL: there is no such file, or it can't be read. */
static char *read_source(const char *folder, const char *path)
{
    _cleanup_(free_ptr) char *whole = xasprintf("%s/%s", folder, path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored = ERROR_INIT;

    if (!path_is_below(path) || file_read(AT_FDCWD, whole, SOURCE_MOST, &text, &ignored) < 0)
        return NULL;
    return text.length > 0 && !memchr(text.data, 0, text.length) ? buf_take(&text) : NULL;
}

/* The source of the trial's in which something can be planted. */
static void find_plants(const struct planning *planning, struct listed *listed)
{
    const struct trial_test *test = listed->test;

    for (size_t i = 0; !listed->path && i < count_of(test->target->sources); i++) {
        const char *source = text_at(test->target->sources, i);
        _cleanup_(free_ptr) char *path = xasprintf("%s%s", planning->project.folder, source);
        _cleanup_(free_ptr) char *text = read_source(TRIAL_TREE, path);
        _cleanup_(free_ptr) char *former = read_source(planning->project.repository, path);

        if (!text || !is_own(planning, test, source))
            continue;
        trial_plants_find(text, former, test->target->asserts, &listed->plants);
        if (listed->plants.count == 0)
            continue;
        listed->path = TAKE_PTR(path);
        listed->text = TAKE_PTR(text);
    }
}

/* One of this kind; -1: there is none. */
static int draw_plant(const struct trial_plants *plants, const char *kind, bool is_new)
{
    int found = -1;
    size_t count = 0;

    for (size_t i = 0; i < plants->count; i++)
        if (plants->items[i].is_new == is_new && strcmp(plants->items[i].kind, kind) == 0 &&
            draw(++count) == 0)
            found = (int)i;
    return found;
}

/* In so many of the small runs as it should be, and in so many with a failure, as far as there are
 * any. Three of four of these stand in functions that the fix is about. */
static void draw_plants(struct listed *listed, size_t planted, size_t runs)
{
    const char *kinds[] = {"expected", "negated", "begins", "ends", "status"};
    size_t at = 0, drawn = 0;

    for (size_t i = ARRAY_SIZE(kinds); i > 1; i--) {
        size_t other = draw(i);
        const char *kind = kinds[i - 1];

        kinds[i - 1] = kinds[other];
        kinds[other] = kind;
    }
    for (size_t tries = 0; drawn < planted && tries < 100; tries++) {
        const char *kind = kinds[at++ % ARRAY_SIZE(kinds)];
        bool is_new = drawn % 4 != 3;
        int plant = draw_plant(&listed->plants, kind, is_new);

        if (plant < 0 && tries >= ARRAY_SIZE(kinds))
            plant = draw_plant(&listed->plants, kind, !is_new);
        if (plant >= 0)
            listed->drawn[drawn++] = plant;
    }
    for (; drawn < SMALL_RUNS; drawn++)
        listed->drawn[drawn] = drawn < runs ? TRUE_ONE : ABSENT;
    listed->drawn[ALL_RUN] = TRUE_ONE;
    for (size_t i = SMALL_RUNS; i > 1; i--) {
        size_t other = draw(i);
        int plant = listed->drawn[i - 1];

        listed->drawn[i - 1] = listed->drawn[other];
        listed->drawn[other] = plant;
    }
}

static int add_listed(struct planning *planning, json_object *ids, json_object *unplanted,
                      struct error *err)
{
    for (size_t i = 0; i < count_of(ids); i++) {
        struct trial_test *test = find_test(planning, text_at(ids, i));
        struct listed *listed = &planning->listed[planning->listed_count];

        if (!test) {
            add_text(unplanted, text_at(ids, i));
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
            add_text(unplanted, text_at(ids, i));
        draw_plants(listed, PLANTED, SMALL_RUNS);
    }
    return 0;
}

/* Some of those that must go on to pass, drawn by chance. They stand among the others: no run can
 * be told by what is built in it. One that may need another test's work would fail there. */
static void add_kept(struct planning *planning, json_object *ids)
{
    size_t count = count_of(ids), first = count > 0 ? draw(count) : 0, kept = 0;

    for (size_t i = 0; i < count && kept < KEPT_MOST; i++) {
        struct trial_test *test = find_test(planning, text_at(ids, (first + i) % count));
        struct listed *listed = &planning->listed[planning->listed_count];

        if (!test || test->refused || test->will_fail || test->depends || !test->target ||
            is_listed(planning, test))
            continue;
        *listed = (struct listed){.test = test};
        find_plants(planning, listed);
        if (!listed->path)
            continue;
        draw_plants(listed, KEPT_PLANTED, KEPT_RUNS);
        planning->listed_count++;
        kept++;
    }
}

static int find_listed(struct planning *planning, json_object *unplanted, struct error *err)
{
    json_object *first = json_object_object_get(planning->project.trial, "fail_to_pass");
    json_object *second = json_object_object_get(planning->project.trial, "held_out");

    planning->listed =
        xcalloc(count_of(first) + count_of(second) + KEPT_MOST + 1, sizeof(*planning->listed));
    if (add_listed(planning, first, unplanted, err) < 0 ||
        add_listed(planning, second, unplanted, err) < 0)
        return -1;
    add_kept(planning, json_object_object_get(planning->project.trial, "pass_to_pass"));
    return 0;
}

/* --- runs ------------------------------------------------------------------------------------ */

static json_object *new_command(json_object *commands, const char *folder)
{
    json_object *command = json_object_new_object(), *argv = json_object_new_array();

    json_object_object_add(command, "argv", argv);
    if (folder)
        json_add_text(command, "cwd", folder);
    json_object_array_add(commands, command);
    return argv;
}

/* targets: NULL: all that is built by default. */
static void add_build(const struct planning *planning, json_object *commands, json_object *targets)
{
    json_object *argv = new_command(commands, NULL);
    _cleanup_(free_ptr) char *jobs = xasprintf("-j%ld", sysconf(_SC_NPROCESSORS_ONLN));

    add_text(argv, "cmake");
    add_text(argv, "--build");
    add_text(argv, planning->project.build);
    add_text(argv, jobs);
    for (size_t i = 0; i < count_of(targets); i++) {
        if (i == 0)
            add_text(argv, "--target");
        add_text(argv, text_at(targets, i));
    }
    if (planning->project.keep_going) {
        add_text(argv, "--");
        add_text(argv, planning->project.keep_going);
    }
}

static void add_test(const struct trial_test *test, json_object *commands)
{
    json_object *command;

    (void)new_command(commands, test->folder);
    command = json_object_array_get_idx(commands, count_of(commands) - 1);
    json_object_object_add(command, "argv", json_object_get(test->command));
    json_add_text(command, "test", test->name);
    json_add_int(command, "seconds", test->seconds);
    json_add_int(command, "skip_status", test->skip_status);
    json_add_bool(command, "will_fail", test->will_fail);
    if (test->environment)
        json_object_object_add(command, "environment", json_object_get(test->environment));
}

static int add_file(struct planning *planning, json_object *files, const char *path,
                    const char *text, struct error *err)
{
    json_object *pair = json_object_new_array();
    _cleanup_(free_ptr) char *name = xasprintf("%zu", planning->file_count++);

    add_text(pair, path);
    add_text(pair, name);
    json_object_array_add(files, pair);
    return file_write_unsynced(planning->plan_fd, name, text, strlen(text), 0644, err);
}

/* In the run of all the source is as it should be. */
static int add_source(struct planning *planning, json_object *files, const struct listed *listed,
                      int plant, bool all, struct error *err)
{
    _cleanup_(free_ptr) char *text = trial_plant_apply(
        listed->text, &listed->plants, plant < 0 ? NULL : &listed->plants.items[plant], !all);

    return add_file(planning, files, listed->path, text, err);
}

static void add_slot(const struct planning *planning, json_object *slots, size_t at, int plant)
{
    json_object *slot = json_object_new_object();

    json_add_int(slot, "function", (int64_t)at);
    json_add_text(slot, "id", planning->listed[at].test->name);
    if (plant >= 0)
        json_add_text(slot, "planted", planning->listed[at].plants.items[plant].kind);
    json_object_array_add(slots, slot);
}

static json_object *new_run(bool all)
{
    json_object *run = json_object_new_object();

    json_object_object_add(run, "commands", json_object_new_array());
    json_object_object_add(run, "tests", json_object_new_array());
    json_object_object_add(run, "files", json_object_new_array());
    json_add_bool(run, "all", all);
    return run;
}

static bool is_in(const struct listed *listed, int number)
{
    return listed->drawn[number] != ABSENT;
}

/* Is the test started in this run? */
static bool is_started(const struct planning *planning, const struct trial_test *test, int number)
{
    for (size_t i = 0; number != ALL_RUN && i < planning->listed_count; i++)
        if (planning->listed[i].test == test)
            return is_in(&planning->listed[i], number);
    return number == ALL_RUN && !test->refused;
}

/* The tests of the run, each with what was drawn for it. */
static int fill_run(struct planning *planning, json_object *run, int number, struct error *err)
{
    _cleanup_(json_release) json_object *targets = json_object_new_array();
    json_object *commands = json_object_object_get(run, "commands");

    for (size_t i = 0; i < planning->listed_count; i++) {
        struct listed *listed = &planning->listed[i];

        if (!is_in(listed, number))
            continue;
        add_slot(planning, json_object_object_get(run, "tests"), i, listed->drawn[number]);
        if (!listed->path)
            continue;
        add_text(targets, listed->test->target->name);
        if (add_source(planning, json_object_object_get(run, "files"), listed,
                       listed->drawn[number], number == ALL_RUN, err) < 0)
            return -1;
    }
    if (count_of(targets) > 0)
        add_build(planning, commands, targets);
    for (size_t i = 0; i < planning->project.test_count; i++)
        if (is_started(planning, &planning->project.tests[i], number))
            add_test(&planning->project.tests[i], commands);
    return 0;
}

/* Built once: all but the listed tests. */
static json_object *preparation(struct planning *planning, struct error *err)
{
    json_object *run = new_run(false), *commands = json_object_object_get(run, "commands");
    _cleanup_(json_release) json_object *targets = json_object_new_array();

    for (size_t i = 0; i < planning->listed_count; i++)
        if (planning->listed[i].path && add_file(planning, json_object_object_get(run, "files"),
                                                 planning->listed[i].path, stub, err) < 0)
            return run; /* the caller looks at err */
    trial_project_configure(&planning->project, planning->project.repository,
                            new_command(commands, NULL));
    add_build(planning, commands, NULL);
    for (size_t i = 0; i < planning->project.test_count; i++)
        if (planning->project.tests[i].target && !planning->project.tests[i].target->is_default)
            add_text(targets, planning->project.tests[i].target->name);
    if (count_of(targets) > 0) /* what is built for tests only */
        add_build(planning, commands, targets);
    return run;
}

/* Nothing is there to be run where no test would be. */
static int add_run(struct planning *planning, json_object *runs, int number, struct error *err)
{
    bool all = number == ALL_RUN, has_tests = all;
    json_object *run;

    for (size_t i = 0; i < planning->listed_count; i++)
        has_tests = has_tests || is_in(&planning->listed[i], number);
    if (!has_tests)
        return 0;
    json_object_array_add(runs, run = new_run(all));
    return fill_run(planning, run, number, err);
}

static int add_runs(struct planning *planning, json_object *plan, struct error *err)
{
    json_object *runs = json_object_new_array();

    json_object_object_add(plan, "runs", runs);
    json_object_object_add(plan, "prepare", preparation(planning, err));
    if (err->kind != ERROR_NONE)
        return -1;
    for (int number = 0; number <= ALL_RUN; number++) /* the last: what it shows comes too late */
        if (add_run(planning, runs, number, err) < 0)
            return -1;
    return 0;
}

/* --- the plan -------------------------------------------------------------------------------- */

static int write_plan(struct planning *planning, struct error *err)
{
    _cleanup_(json_release) json_object *plan = json_object_new_object();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *functions = json_object_new_array(), *tests = json_object_new_array();
    json_object *files = json_object_new_array(), *unplanted = json_object_new_array();

    json_object_object_add(plan, "functions", functions);
    json_object_object_add(plan, "tests", tests);
    json_object_object_add(plan, "files", files);
    json_object_object_add(plan, "unplanted", unplanted);
    if (find_listed(planning, unplanted, err) < 0 || add_runs(planning, plan, err) < 0)
        return -1;
    for (size_t i = 0; i < planning->listed_count; i++)
        add_text(functions, planning->listed[i].test->name);
    json_object_object_add(plan, "listed", json_object_get(functions));
    for (size_t i = 0; i < planning->project.test_count; i++)
        add_text(files, planning->project.tests[i].name);
    json_object_object_foreach (json_object_object_get(planning->project.trial, "tests"), path,
                                origin) {
        (void)origin;
        add_text(tests, path);
    }
    json_write(&text, plan);
    return file_write_unsynced(planning->plan_fd, "plan.json", text.data, text.length, 0600, err);
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
    close_fd(&planning->plan_fd);
}

int trial_ctest_plan(const struct trial_kind *kind, json_object *trial)
{
    _cleanup_(planning_release) struct planning planning = {
        .project = {.trial = trial, .repository = json_get_text(trial, "repository")},
        .plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    struct error err = ERROR_INIT;

    (void)kind;
    if (trial_project_read(&planning.project, &err) == 0 && write_plan(&planning, &err) == 0)
        return 0;
    dprintf(2, "%s\n", err.message);
    return 1;
}
