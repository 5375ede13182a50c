#include "trial/cargo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/cargo_kept.h"
#include "trial/copy.h"
#include "trial/crate.h"
#include "trial/drawn.h"
#include "trial/lay.h"
#include "trial/rust_macros.h"
#include "trial/rust_plant.h"
#include "trial/writing.h"

#include "base/banned.h"

#define JOBS_MOST 8      /* a run may have 256 threads (trial/user.h), and linkers make many */
#define TEST_SECONDS 300 /* where the trial does not say it */
#define KEPT_BESIDE 16   /* tests that must go on to pass, in files that are built anyway */

static const char stub[] = "// The tests are not built yet.\n";

/* A command in files, with what lies before it of its variables; so is it for env, as a shell loses
 * variables like CARGO_BIN_EXE_my-tool. One that is too long for xargs is not to be divided. */
#define START "xargs -0 -x -s 1000000 env -i"

/*
 * cargo runs it in place of rustc when all that runs have in common is built: it notes how each
 * program with tests is compiled. So a run compiles nothing but those, and no code of the session
 * is compiled where a text with planted failures can be read. No lint fails for what is planted,
 * and no program tells where in its text it is. The number is that of the program in `roots`.
 */
static const char note[] =
    "#!/bin/sh\n"
    "is_test= root= last= folder= name= suffix=\n"
    "for word; do\n"
    "    case $last$word in\n"
    "    --test) is_test=yes ;;\n"
    "    --out-dir?*) folder=$word ;;\n"
    "    --crate-name?*) name=$word ;;\n"
    "    -Cextra-filename=*) suffix=${word#*=} ;;\n"
    "    -*) ;;\n"
    "    /*.rs) root=$word ;;\n"
    "    *.rs) root=$PWD/$word ;;\n"
    "    esac\n"
    "    case $word in --out-dir | --crate-name | -C) last=$word ;; *) last= ;; esac\n"
    "done\n"
    "number=$(grep -nxF -e \"$name $root\" \"${0%/*}/roots\")\n"
    "[ \"$is_test\" ] && [ \"$number\" ] || exec \"$@\"\n"
    "how=${0%/*}/how${number%%:*}\n"
    "cat /proc/$$/environ >\"$how.environment\"\n"
    "echo \"$folder/$name$suffix\" >\"$how.program\"\n"
    "for word; do\n"
    "    case $last$word in\n"
    "    --cap-lints) last=$word ;;\n"
    "    --cap-lints* | --error-format=* | --json=* | --diagnostic-width=*) last= ;;\n"
    "    *) printf '%s\\0' \"$word\" ;;\n"
    "    esac\n"
    "done >\"$how.words\"\n"
    "printf '%s\\0' --cap-lints=allow -Cdebuginfo=0 -Cstrip=symbols >>\"$how.words\"\n"
    "cat \"$how.environment\" \"$how.words\" | " START "\n";

static const char write_note[] =
    "printf %s \"$2\" >\"$1/note\" && printf %s \"$3\" >\"$1/roots\" && "
    "chmod 755 \"$1/note\"\n";

static const char build[] = "log=$1\nshift\n\"$@\" >>\"$log\" 2>&1 || : >\"$log.failed\"\n";

/* What a run has otherwise than cargo. */
#define OWN                                                                                        \
    "printf '%s\\0' \"HOME=$HOME\" \"TMPDIR=$TMPDIR\" env -u RUSTC_WRAPPER -u MAKEFLAGS "          \
    "-u MFLAGS -u CARGO_MAKEFLAGS"

/* $1: how it is built, $2: the build's log, $3: what the program is to be called. The program stays
 * where cargo has it, beside those that it may start. */
static const char compile[] = "[ ! -e \"$2.failed\" ] || tail -c 2000 \"$2\"\n"
                              "[ -f \"$1.words\" ] || exit 1\n"
                              "read -r program <\"$1.program\"\n"
                              "rm -f \"$program\"\n"
                              "{ cat \"$1.environment\"; " OWN "; cat \"$1.words\"; } |\n"
                              "    " START " || exit 1\n"
                              "ln -sf \"$program\" \"$3\"\n";

/* $1: the program, $2: the test, $3: how the program was built. libtest ends with 0 where it has no
 * test of the name, too, so it also has to say that one passed. Its output is in a file, as what a
 * test leaves running keeps a pipe open. */
static const char start_test[] =
    "[ -x \"$1\" ] || exit 127\n"
    "{\n"
    "    cat \"$3.environment\"\n"
    "    " OWN " \"$1\" --exact \"$2\" --include-ignored --test-threads=2 --color never\n"
    "} | " START " >\"$TMPDIR/said\" 2>&1\n"
    "status=$?\n"
    "cat \"$TMPDIR/said\"\n"
    "[ \"$status\" = 0 ] || exit \"$status\"\n"
    "case $(tail -c 2000 \"$TMPDIR/said\") in\n"
    "*'test result: ok. 1 passed; 0 failed; '*) exit 0 ;;\n"
    "esac\n"
    "echo \"the program did not say that $2 passed\"\n"
    "exit 1\n";

/* A test that the lists name. */
struct named {
    const char *id;
    const struct crate_test *test;
};

/* One of those in small runs. */
struct listed {
    struct named named;
    struct rust_plants plants;
    struct trial_drawn drawn;
};

/* What the repository has in place of a file. */
struct former {
    bool is_read;
    char *text; /* NULL: none, or it can't be read */
};

struct planning {
    struct crate_project project;
    struct former *formers; /* of the project's files */
    struct named *all;      /* in the order of the lists */
    size_t all_count;
    struct listed *listed;
    size_t listed_count;
    struct trial_writing writing;
};

/* --- listed tests ---------------------------------------------------------------------------- */

static bool is_named(const struct planning *planning, const struct crate_test *test)
{
    for (size_t i = 0; i < planning->all_count; i++)
        if (planning->all[i].test == test)
            return true;
    return false;
}

/* A list may have a test twice, but under one name. */
static int add_named(struct planning *planning, json_object *ids, struct error *err)
{
    for (size_t i = 0; i < trial_list_count(ids); i++) {
        const char *id = trial_list_at(ids, i);
        struct crate_test *test;

        if (crate_test_find(&planning->project, id, &test, err) < 0)
            return -1;
        if (!test)
            return error_set(err, ERROR_INVALID, NULL,
                             "the listed test %.200s is in none of the files that the trial names",
                             id);
        if (test->target->refused)
            return error_set(err, ERROR_INVALID, NULL, "%.200s can't be listed: %s", id,
                             test->target->refused);
        if (!is_named(planning, test))
            planning->all[planning->all_count++] = (struct named){id, test};
    }
    return 0;
}

/* NULL: there is none. */
static const char *former_of(const struct planning *planning, size_t number)
{
    const struct crate_file *file = &planning->project.files[number];
    struct former *former = &planning->formers[number];
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", planning->project.repository, file->path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored = ERROR_INIT;

    if (!former->is_read &&
        file_read(AT_FDCWD, path, strlen(file->text) * 16 + 65536, &text, &ignored) == 0)
        former->text = buf_take(&text);
    former->is_read = true;
    return former->text;
}

/* Does a list name one of the program's tests? */
static bool has_named(const struct planning *planning, const struct crate_target *target)
{
    for (size_t i = 0; i < planning->all_count; i++)
        if (planning->all[i].test->target == target)
            return true;
    return false;
}

/* Is it only there where tests are compiled? What is built before, and what it builds, must not
 * know what tests expect. But a library, a program without listed tests and a build script need
 * their files. */
static bool is_stubbed(const struct planning *planning, size_t at)
{
    const struct crate_file *file = &planning->project.files[at];
    const struct crate_paths *modules = &planning->project.script_modules;

    for (size_t i = 0; i < modules->count; i++)
        if (strcmp(modules->items[i], file->path) == 0)
            return false;
    for (size_t i = 0; i < file->target_count; i++)
        if (strcmp(file->targets[i]->option, "--test") != 0 &&
            !has_named(planning, file->targets[i]))
            return false;
    return true;
}

/* Where nothing else is made of its file, which each run has anew. */
static void find_plants(const struct planning *planning, struct listed *listed)
{
    const struct crate_test *test = listed->named.test;
    const struct crate_file *file = &planning->project.files[test->file];

    if (!test->is_double && file->target_count == 1 && is_stubbed(planning, test->file))
        rust_plants_find(&file->source, &test->function, former_of(planning, test->file),
                         planning->project.macros, &listed->plants);
}

static bool has_file(const struct planning *planning, size_t file)
{
    for (size_t i = 0; i < planning->listed_count; i++)
        if (planning->listed[i].named.test->file == file)
            return true;
    return false;
}

static bool is_listed(const struct planning *planning, const struct crate_test *test)
{
    for (size_t i = 0; i < planning->listed_count; i++)
        if (planning->listed[i].named.test == test)
            return true;
    return false;
}

static struct listed *add_listed(struct planning *planning, const struct named *named)
{
    struct listed *listed = &planning->listed[planning->listed_count++];

    *listed = (struct listed){.named = *named};
    find_plants(planning, listed);
    return listed;
}

/* Some of those that must go on to pass, drawn by chance; beside: in files that are built anyway.
 * first: of these in `all`. */
static void add_kept(struct planning *planning, size_t first, bool beside, size_t most)
{
    size_t count = planning->all_count - first, start = count > 0 ? trial_draw(count) : 0;
    size_t mended = planning->listed_count;

    for (size_t i = 0; i < count && planning->listed_count < mended + most; i++) {
        const struct named *named = &planning->all[first + (start + i) % count];
        struct listed *listed;

        if (has_file(planning, named->test->file) != beside || is_listed(planning, named->test))
            continue;
        listed = add_listed(planning, named);
        if (listed->plants.plants.count > 0)
            trial_draw_kept(&listed->plants.plants, &listed->drawn);
        else
            planning->listed_count--;
    }
}

static int find_listed(struct planning *planning, json_object *unplanted, struct error *err)
{
    json_object *trial = planning->project.trial;
    json_object *mended = json_object_object_get(trial, "fail_to_pass");
    json_object *held_out = json_object_object_get(trial, "held_out");
    json_object *kept = json_object_object_get(trial, "pass_to_pass");
    size_t count = trial_list_count(mended) + trial_list_count(held_out), first;

    planning->all = xcalloc(count + trial_list_count(kept) + 1, sizeof(*planning->all));
    planning->listed =
        xcalloc(count + KEPT_BESIDE + TRIAL_KEPT_MOST + 1, sizeof(*planning->listed));
    planning->formers = xcalloc(planning->project.file_count + 1, sizeof(*planning->formers));
    if (add_named(planning, mended, err) < 0 || add_named(planning, held_out, err) < 0)
        return -1;
    first = planning->all_count;
    for (size_t i = 0; i < first; i++) {
        struct listed *listed = add_listed(planning, &planning->all[i]);

        if (listed->plants.plants.count == 0)
            trial_list_add(unplanted, listed->named.id);
        trial_draw_mended(&listed->plants.plants, &listed->drawn);
    }
    if (add_named(planning, kept, err) < 0)
        return -1;
    if (planning->all_count == 0)
        return error_set(err, ERROR_INVALID, NULL, "the lists name no test");
    add_kept(planning, first, false, TRIAL_KEPT_MOST);
    add_kept(planning, first, true, KEPT_BESIDE);
    return 0;
}

/* --- commands -------------------------------------------------------------------------------- */

static void add_environment(json_object *command, const char *const *entries)
{
    json_object *environment = json_object_new_array();

    for (; *entries; entries++)
        trial_list_add(environment, *entries);
    json_object_object_add(command, "environment", environment);
}

static void add_words(json_object *argv, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        trial_list_add(argv, words[i]);
}

/* In the project's folder, where cargo looks for its own configuration. */
static json_object *add_cargo(const struct planning *planning, json_object *run,
                              const struct crate_target *target)
{
    const struct crate_project *project = &planning->project;
    json_object *options = json_object_object_get(project->trial, "cargo");
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", project->repository, project->folder);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    _cleanup_(free_ptr) char *jobs =
        xasprintf("-j%ld", processors < JOBS_MOST ? processors : JOBS_MOST);
    _cleanup_(free_ptr) char *log = xasprintf("%s/log", project->build);
    _cleanup_(free_ptr) char *wrapper = xasprintf("RUSTC_WRAPPER=%s/note", project->build);
    json_object *command = trial_command_add(run, folder), *argv = trial_command_argv(command);
    const char *const words[] = {"sh",
                                 "-c",
                                 build,
                                 "sh",
                                 log,
                                 "cargo",
                                 "test",
                                 "--no-run",
                                 "--offline",
                                 "--manifest-path",
                                 target->manifest,
                                 "--target-dir",
                                 project->build,
                                 jobs};
    const char *const environment[] = {wrapper,
                                       "CARGO_INCREMENTAL=0",
                                       "CARGO_PROFILE_DEV_DEBUG=0",
                                       "CARGO_PROFILE_TEST_DEBUG=0",
                                       "CARGO_TERM_COLOR=never",
                                       NULL};

    add_words(argv, words, ARRAY_SIZE(words));
    for (size_t i = 0; i < trial_list_count(options); i++)
        trial_list_add(argv, trial_list_at(options, i));
    add_environment(command, environment);
    return argv;
}

static void choose(json_object *argv, const struct crate_target *target)
{
    trial_list_add(argv, target->option);
    if (strcmp(target->option, "--lib") != 0)
        trial_list_add(argv, target->name);
}

/* As rustc is told of them: a line for each program. */
static char *list_roots(const struct crate_project *project)
{
    struct buf roots = BUF_INIT;

    for (size_t i = 0; i < project->target_count; i++) {
        const struct crate_target *target = &project->targets[i];

        for (const char *at = target->name; *at; at++)
            buf_addf(&roots, "%c", *at == '-' ? '_' : *at);
        buf_addf(&roots, " %s/%s\n", project->repository, target->root);
    }
    return buf_take(&roots);
}

/* Programs of one package are built together, as many as can be at once; then each alone, as one
 * that can't be built may have kept others from it. */
static void add_builds(const struct planning *planning, json_object *run, const bool *chosen)
{
    const struct crate_project *project = &planning->project;
    _cleanup_(free_ptr) char *roots = list_roots(project);
    const char *const words[] = {"sh", "-c", write_note, "sh", project->build, note, roots};
    const char *manifest = "";
    json_object *argv = NULL;

    add_words(trial_command_argv(trial_command_add(run, NULL)), words, ARRAY_SIZE(words));
    for (size_t i = 0; i < project->target_count; i++) {
        const struct crate_target *target = &project->targets[i];

        if (!chosen[i])
            continue;
        if (strcmp(manifest, target->manifest) != 0) { /* they stand together */
            argv = add_cargo(planning, run, target);
            manifest = target->manifest;
        }
        choose(argv, target);
    }
    for (size_t i = 0; i < project->target_count; i++)
        if (chosen[i])
            choose(add_cargo(planning, run, &project->targets[i]), &project->targets[i]);
}

static size_t number_of(const struct planning *planning, const struct crate_target *target)
{
    return (size_t)(target - planning->project.targets);
}

static char *program_of(const struct planning *planning, const struct crate_target *target)
{
    return xasprintf("%s/test-%zu", planning->project.build, number_of(planning, target));
}

/* Its line in `roots`. */
static char *how_of(const struct planning *planning, const struct crate_target *target)
{
    return xasprintf("%s/how%zu", planning->project.build, number_of(planning, target) + 1);
}

/* In the workspace's folder, where cargo runs rustc. */
static void add_compilation(const struct planning *planning, json_object *run,
                            const struct crate_target *target)
{
    const struct crate_project *project = &planning->project;
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", project->repository, project->lock);
    _cleanup_(free_ptr) char *log = xasprintf("%s/log", project->build);
    _cleanup_(free_ptr) char *program = program_of(planning, target);
    _cleanup_(free_ptr) char *how = how_of(planning, target);
    const char *const words[] = {"sh", "-c", compile, "sh", how, log, program};

    *strrchr(folder, '/') = '\0';
    add_words(trial_command_argv(trial_command_add(run, folder)), words, ARRAY_SIZE(words));
}

static void add_test(const struct planning *planning, json_object *run, const struct named *named)
{
    const struct crate_target *target = named->test->target;
    _cleanup_(free_ptr) char *program = program_of(planning, target);
    _cleanup_(free_ptr) char *how = how_of(planning, target);
    const char *const words[] = {"sh", "-c", start_test, "sh", program, named->test->function.name,
                                 how};
    json_object *command = trial_command_add(run, target->folder);

    add_words(trial_command_argv(command), words, ARRAY_SIZE(words));
    json_add_text(command, "test", named->id);
    json_add_int(command, "seconds",
                 json_get_int(planning->project.trial, "timeout", TEST_SECONDS));
}

/* --- runs ------------------------------------------------------------------------------------ */

static bool is_covered(const struct trial_edits *edits, size_t at)
{
    for (size_t i = 0; i < edits->count; i++)
        if (edits->items[i].start <= at && at < edits->items[i].end)
            return true;
    return false;
}

/* The standard library's macros are called by their whole names: those of the session's could have
 * the same, and come before them. */
static void name_macros(const struct crate_file *file, struct trial_edits *edits)
{
    size_t count = edits->count, name;

    for (size_t at = 0; rust_next_call(&file->source, &at, file->macros, &name);) {
        const struct trial_edits forms = {.items = edits->items, .count = count};

        if (!is_covered(&forms, name))
            trial_edits_add(edits, name, name, " ::std::"); /* blank: `a:vec![]` */
    }
}

/* The text with all that was drawn for its tests in this run; to free(). */
static char *source_in(const struct planning *planning, size_t file, int number)
{
    struct trial_edits edits = {0};
    char *text;

    for (size_t i = 0; i < planning->listed_count && number != TRIAL_ALL_RUN; i++) {
        const struct listed *listed = &planning->listed[i];

        if (listed->named.test->file == file && trial_is_in(&listed->drawn, number))
            rust_plants_edit(&listed->plants,
                             trial_plant_in(&listed->drawn, &listed->plants.plants, number),
                             &edits);
    }
    name_macros(&planning->project.files[file], &edits);
    text = trial_edits_apply(&edits, planning->project.files[file].text);
    trial_edits_release(&edits);
    return text;
}

/* chosen: the programs that the run compiles. */
static bool is_compiled(const struct planning *planning, size_t at, const bool *chosen)
{
    const struct crate_file *file = &planning->project.files[at];

    for (size_t i = 0; i < file->target_count; i++)
        if (chosen[number_of(planning, file->targets[i])])
            return true;
    return false;
}

/* What the run has of the trial's files; before a test starts, nothing of it that shows what was
 * planted, or what is expected. */
static int add_sources(struct planning *planning, json_object *run, int number, const bool *chosen,
                       struct error *err)
{
    bool all = number == TRIAL_ALL_RUN;

    trial_run_settle(run);
    for (size_t i = 0; i < planning->project.file_count; i++) {
        const char *path = planning->project.files[i].path;
        _cleanup_(free_ptr) char *text = NULL;

        if (!is_stubbed(planning, i) || (!all && !is_compiled(planning, i, chosen)))
            continue;
        text = source_in(planning, i, number);
        if (trial_file_add(&planning->writing, run, path, text, err) < 0 ||
            (!all && trial_settled_add(&planning->writing, run, path, stub, err) < 0))
            return -1;
    }
    return 0;
}

/* Files as they are where a run has no others. */
static int lay_sources(struct planning *planning, struct error *err)
{
    _cleanup_(close_fd) int tree = open(TRIAL_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; i < planning->project.file_count; i++) {
        _cleanup_(free_ptr) char *text =
            is_stubbed(planning, i) ? xstrdup(stub) : source_in(planning, i, TRIAL_ALL_RUN);

        if (file_write_atomic(tree, planning->project.files[i].path, text, strlen(text), 0644,
                              err) < 0)
            return -1;
    }
    return 0;
}

/* The tests of the run, each with what was drawn for it. */
static int fill_run(struct planning *planning, json_object *run, int number, struct error *err)
{
    bool all = number == TRIAL_ALL_RUN;
    _cleanup_(free_ptr) bool *chosen = xcalloc(planning->project.target_count + 1, sizeof(*chosen));

    for (size_t i = 0; i < planning->listed_count; i++) {
        const struct listed *listed = &planning->listed[i];

        if (!trial_is_in(&listed->drawn, number))
            continue;
        trial_slot_add(run, i, listed->named.id,
                       trial_plant_in(&listed->drawn, &listed->plants.plants, number));
        chosen[number_of(planning, listed->named.test->target)] = true;
    }
    for (size_t i = 0; all && i < planning->all_count; i++)
        chosen[number_of(planning, planning->all[i].test->target)] = true;
    if (add_sources(planning, run, number, chosen, err) < 0)
        return -1;
    for (size_t i = 0; i < planning->project.target_count; i++)
        if (chosen[i])
            add_compilation(planning, run, &planning->project.targets[i]);
    for (size_t i = 0; all && i < planning->all_count; i++)
        add_test(planning, run, &planning->all[i]);
    for (size_t i = 0; !all && i < planning->listed_count; i++)
        if (trial_is_in(&planning->listed[i].drawn, number))
            add_test(planning, run, &planning->listed[i].named);
    return 0;
}

/* Built once: what all programs need. */
static void prepare(const struct planning *planning, json_object *run)
{
    const struct crate_project *project = &planning->project;
    _cleanup_(free_ptr) bool *chosen = xcalloc(project->target_count + 1, sizeof(*chosen));

    for (size_t i = 0; i < project->target_count; i++)
        chosen[i] = has_named(planning, &project->targets[i]);
    add_builds(planning, run, chosen);
}

static bool has_tests(const struct planning *planning, int number)
{
    for (size_t i = 0; i < planning->listed_count; i++)
        if (trial_is_in(&planning->listed[i].drawn, number))
            return true;
    return number == TRIAL_ALL_RUN;
}

static int add_runs(struct planning *planning, json_object *plan, struct error *err)
{
    json_object *preparation = trial_run_new(false);

    json_object_object_add(plan, "prepare", preparation);
    prepare(planning, preparation);
    for (int number = 0; number <= TRIAL_ALL_RUN; number++) { /* what the last shows comes late */
        json_object *run;

        if (!has_tests(planning, number))
            continue;
        json_object_array_add(json_object_object_get(plan, "runs"),
                              run = trial_run_new(number == TRIAL_ALL_RUN));
        if (fill_run(planning, run, number, err) < 0)
            return -1;
    }
    return 0;
}

/* Each run has one that it may write, as cargo does where the session's packages need others. */
static int lay_lock(struct planning *planning, json_object *plan, struct error *err)
{
    const char *lock = planning->project.lock;
    _cleanup_(close_fd) int from = open(TRIAL_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_fd) int to = open(TRIAL_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (from < 0 || to < 0)
        return error_errno(err, errno, "cannot lay %s", lock);
    if (fstatat(to, lock, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* the trial has its own */
    trial_list_add(json_object_object_get(plan, "tests"), lock);
    return trial_lay(from, lock, to, lock, 0, TRIAL_LAY_TIMES, err);
}

/* --- the plan -------------------------------------------------------------------------------- */

static int write_plan(struct planning *planning, struct error *err)
{
    _cleanup_(json_release) json_object *plan = trial_plan_new(planning->project.trial);
    json_object *functions = json_object_object_get(plan, "functions");

    if (find_listed(planning, json_object_object_get(plan, "unplanted"), err) < 0 ||
        trial_cargo_keep(&planning->project, plan, err) < 0 || lay_lock(planning, plan, err) < 0 ||
        lay_sources(planning, err) < 0 || add_runs(planning, plan, err) < 0)
        return -1;
    for (size_t i = 0; i < planning->listed_count; i++)
        trial_list_add(functions, planning->listed[i].named.id);
    json_object_object_add(plan, "listed", json_object_get(functions));
    for (size_t i = 0; i < planning->all_count; i++)
        trial_list_add(json_object_object_get(plan, "files"), planning->all[i].id);
    return trial_plan_write(&planning->writing, plan, err) < 0 ? -1 : remove_tree(TRIAL_COPY, err);
}

static void planning_release(struct planning *planning)
{
    for (size_t i = 0; i < planning->listed_count; i++)
        rust_plants_release(&planning->listed[i].plants);
    for (size_t i = 0; planning->formers && i < planning->project.file_count; i++)
        free(planning->formers[i].text);
    free(planning->formers);
    free(planning->listed);
    free(planning->all);
    crate_project_release(&planning->project);
    close_fd(&planning->writing.plan_fd);
}

int trial_cargo_plan(const struct trial_kind *kind, json_object *trial)
{
    _cleanup_(planning_release) struct planning planning = {
        .project = {.trial = trial, .repository = json_get_text(trial, "repository")},
        .writing.plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    struct error err = ERROR_INIT;

    (void)kind;
    if (crate_project_read(&planning.project, &err) == 0 && write_plan(&planning, &err) == 0)
        return 0;
    dprintf(2, "%s\n", err.message);
    return 1;
}
