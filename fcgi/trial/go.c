#include "trial/go.h"

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
#include "base/random.h"
#include "trial/drawn.h"
#include "trial/gokept.h"
#include "trial/golist.h"
#include "trial/goplant.h"
#include "trial/gosettle.h"
#include "trial/gostub.h"
#include "trial/gotests.h"
#include "trial/writing.h"

#include "base/banned.h"

#define TEST_SECONDS 300   /* where the trial does not say it */
#define BUILDS_MOST 8      /* at once: each has some threads, and a run few processes */
#define BOM "\xef\xbb\xbf" /* only at the very begin of a file */
#define SECRET 24          /* letters of a name that nobody guesses */

/*
 * Before each of Go's tools: gives the compiler the test files that lie beside this script, under
 * their whole paths, in place of those in the repository. What the session's code can read there
 * (`go:embed`, .incbin of cgo's assembler, a file that is opened) is the same in all runs, and says
 * nothing of what tests expect. A test file that is not here is not compiled.
 */
static const char tool[] = "#!/bin/sh\n"
                           "tool=$1\n"
                           "shift\n"
                           "case $tool in */compile) ;; *) exec \"$tool\" \"$@\" ;; esac\n"
                           "for word; do\n"
                           "    shift\n"
                           "    case $word in\n"
                           "    /*_test.go) other=${0%/*}$word ;;\n"
                           "    *_test.go) other=${0%/*}$PWD/$word ;;\n"
                           "    *) other= ;;\n"
                           "    esac\n"
                           "    [ -z \"$other\" ] || [ -f \"$other\" ] || exit 1\n"
                           "    word=${other:-$word}\n"
                           "    set -- \"$@\" \"$word\"\n"
                           "done\n"
                           "exec \"$tool\" \"$@\"\n";

/* A unit, and what was drawn for it. */
struct drawn {
    const struct gotests_unit *unit;
    bool is_small;       /* it is in small runs */
    struct drawn *first; /* of those of the same function, which has what is planted for all */
    bool has_own;        /* others of the function have their own failures, as this one has */
    struct trial_plants plants;
    struct trial_drawn drawn;
    size_t function; /* the first of the plan's that are its own */
};

struct planning {
    struct trial_gomodule module;
    struct gotests tests;
    struct drawn *units; /* as those of `tests` */
    struct trial_writing writing;
    json_object *plain; /* what lies in the repository in all runs; NULL: not written yet */
    int64_t seconds;    /* that a test may take */
};

static const struct gotests_file *file_of(const struct planning *planning,
                                          const struct drawn *drawn)
{
    return &planning->tests.files[drawn->unit->file];
}

static size_t number_of(const struct planning *planning, const struct trial_package *package)
{
    return (size_t)(package - planning->module.packages);
}

/* --- what is planted ------------------------------------------------------------------------- */

static bool is_same_function(const struct gotests_unit *one, const struct gotests_unit *other)
{
    return one->file == other->file && strcmp(one->name, other->name) == 0;
}

/* NULL: none of the function's is in small runs so far. */
static struct drawn *find_first(const struct planning *planning, const struct drawn *drawn)
{
    for (size_t i = 0; i < planning->tests.unit_count; i++)
        if (planning->units[i].is_small && is_same_function(planning->units[i].unit, drawn->unit))
            return planning->units[i].first;
    return NULL;
}

/* part, is_inside: as trial/goplant.h has them. */
static void find_plants(struct planning *planning, struct drawn *drawn, const char *part,
                        bool is_inside)
{
    const struct gotests_file *file = file_of(planning, drawn);
    const struct trial_goplant test = {
        .go = &file->go,
        .former = file->former ? &file->old : NULL,
        .scope = gotests_scope(&planning->tests, file->package),
        .name = drawn->unit->name,
        .part = part,
        .is_inside = is_inside,
    };

    trial_plants_release(&drawn->plants);
    trial_goplant_find(&test, &drawn->plants);
}

/* Is one part the other's, or in the same as this? */
static bool is_beside(const char *part, const char *other)
{
    size_t length = strcspn(part, "/");

    return strcspn(other, "/") == length && strncmp(part, other, length) == 0;
}

static bool is_inside_same(const struct planning *planning, const struct drawn *drawn)
{
    for (size_t i = 0; i < planning->tests.unit_count; i++) {
        const struct gotests_unit *other = &planning->tests.units[i];

        if (other != drawn->unit && other->is_mended && is_same_function(other, drawn->unit) &&
            other->part && is_beside(other->part, drawn->unit->part))
            return true;
    }
    return false;
}

/* Parts of one function are processes of their own, but of one source. Where each of them has a
 * function of its own there, failures are planted in these. False: not all have one. */
static bool plant_inside(struct planning *planning, const struct drawn *drawn)
{
    bool all = true;

    for (size_t i = 0; i < planning->tests.unit_count; i++) {
        struct drawn *other = &planning->units[i];

        if (!other->unit->is_mended || !is_same_function(other->unit, drawn->unit))
            continue;
        find_plants(planning, other, other->unit->part, true);
        other->first = other;
        all =
            all && other->unit->part && other->plants.count > 0 && !is_inside_same(planning, other);
    }
    return all;
}

static size_t count_mended(const struct planning *planning, const struct drawn *drawn)
{
    size_t count = 0;

    for (size_t i = 0; i < planning->tests.unit_count; i++)
        count += planning->tests.units[i].is_mended &&
                 is_same_function(&planning->tests.units[i], drawn->unit);
    return count;
}

static void draw_mended(struct planning *planning, struct drawn *drawn)
{
    bool is_alone = count_mended(planning, drawn) == 1;
    struct drawn *first = find_first(planning, drawn);

    drawn->is_small = true;
    if (is_alone || !first) {
        drawn->first = drawn;
        if (is_alone)
            find_plants(planning, drawn, drawn->unit->part, false);
        else if (!plant_inside(planning, drawn))
            find_plants(planning, drawn, "", false);
        else
            drawn->has_own = true;
    } else if (first->has_own) {
        drawn->has_own = true;
    } else {
        drawn->first = first;
        return;
    }
    trial_draw_mended(&drawn->plants, &drawn->drawn);
}

/* Some of those that must go on to pass. They stand among the others: no run can be told by what is
 * built in it. */
static void draw_kept(struct planning *planning)
{
    size_t count = planning->tests.unit_count, first = count > 0 ? trial_draw(count) : 0, kept = 0;

    for (size_t i = 0; i < count && kept < TRIAL_KEPT_MOST; i++) {
        struct drawn *drawn = &planning->units[(first + i) % count];

        if (drawn->unit->is_mended || find_first(planning, drawn))
            continue;
        find_plants(planning, drawn, drawn->unit->part, false);
        if (drawn->plants.count == 0)
            continue;
        drawn->is_small = true;
        drawn->first = drawn;
        trial_draw_kept(&drawn->plants, &drawn->drawn);
        kept++;
    }
}

static void draw_all(struct planning *planning, json_object *unplanted)
{
    planning->units = xcalloc(planning->tests.unit_count + 1, sizeof(*planning->units));
    for (size_t i = 0; i < planning->tests.unit_count; i++)
        planning->units[i].unit = &planning->tests.units[i];
    for (size_t i = 0; i < planning->tests.unit_count; i++) {
        struct drawn *drawn = &planning->units[i];

        if (!drawn->unit->is_mended)
            continue;
        draw_mended(planning, drawn);
        if (drawn->first->plants.count == 0)
            trial_list_add(unplanted, drawn->unit->id);
    }
    draw_kept(planning);
}

/* --- runs ------------------------------------------------------------------------------------ */

static bool is_in(const struct drawn *drawn, int number)
{
    return number == TRIAL_ALL_RUN ||
           (drawn->is_small && trial_is_in(&drawn->first->drawn, number));
}

static bool is_built(const struct planning *planning, const struct trial_package *package,
                     int number)
{
    for (size_t i = 0; i < planning->tests.unit_count; i++)
        if (file_of(planning, &planning->units[i])->package == package &&
            is_in(&planning->units[i], number))
            return true;
    return false;
}

static char *folder_of(const struct planning *planning, const struct trial_package *package)
{
    return strcmp(package->folder, ".") == 0
               ? xstrdup(planning->module.repository)
               : xasprintf("%s/%s", planning->module.repository, package->folder);
}

static char *program_of(const struct planning *planning, const struct trial_package *package)
{
    return xasprintf("%s/%zu.test", planning->module.build, number_of(planning, package));
}

static long builds_at_once(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : processors > BUILDS_MOST ? BUILDS_MOST : processors;
}

/* hidden: where the tool is; NULL: there is none. */
static void add_build(const struct planning *planning, json_object *run,
                      const struct trial_package *package, const char *program, const char *hidden)
{
    _cleanup_(free_ptr) char *folder = folder_of(planning, package);
    _cleanup_(free_ptr) char *jobs = xasprintf("-p=%ld", builds_at_once());
    _cleanup_(free_ptr) char *threads = xasprintf("GOMAXPROCS=%ld", builds_at_once());
    _cleanup_(free_ptr) char *here = xasprintf("PWD=%s", folder);
    json_object *command = trial_command_add(run, folder), *environment = json_object_new_array();
    _cleanup_(free_ptr) char *exec =
        xasprintf("-toolexec=%s/../%s/tool", planning->module.build, hidden ? hidden : "");
    bool has_own = strstr(planning->module.flags, "-ldflags");
    const char *const words[] = {planning->module.program,
                                 "test",
                                 "-c",
                                 jobs,
                                 "-vet=off",
                                 has_own ? "-v=false"
                                         : "-ldflags=-s -w", /* as `go test` has it without -c */
                                 hidden ? exec : "-v=false",
                                 "-o",
                                 program,
                                 "."};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        trial_list_add(trial_command_argv(command), words[i]);
    for (size_t i = 0; i < trial_list_count(planning->module.environment); i++)
        trial_list_add(environment, trial_list_at(planning->module.environment, i));
    trial_list_add(environment, threads);
    trial_list_add(environment, here);
    json_object_object_add(command, "environment", environment);
}

/* ^TestAdds$/^a\.b$ */
static char *pattern_of(const struct gotests_unit *unit)
{
    struct buf pattern = BUF_INIT;

    buf_addf(&pattern, "^%s$", unit->name);
    if (unit->part)
        buf_add_str(&pattern, "/^");
    for (const char *at = unit->part; at && *at; at++) {
        if (*at == '/') {
            buf_add_str(&pattern, "$/^");
            continue;
        }
        if (strchr("\\.+*?()|[]{}^$", *at))
            buf_add_char(&pattern, '\\');
        buf_add_char(&pattern, *at);
    }
    if (unit->part)
        buf_add_char(&pattern, '$');
    return buf_take(&pattern);
}

static json_object *parts_of(const struct gotests_unit *unit)
{
    json_object *parts = json_object_new_array();

    for (size_t i = 0; i < trial_list_count(unit->parts); i++) {
        json_object *pair = json_object_new_array();
        _cleanup_(free_ptr) char *id = xasprintf("%s/%s", unit->id, trial_list_at(unit->parts, i));
        _cleanup_(free_ptr) char *says =
            xasprintf("%s/%s", unit->name, trial_list_at(unit->parts, i));

        trial_list_add(pair, id);
        trial_list_add(pair, says);
        json_object_array_add(parts, pair);
    }
    return parts;
}

/* As `go test` starts it. Whose time is over is ended by the supervisor. */
static void add_test(const struct planning *planning, json_object *run, const struct drawn *drawn)
{
    const struct trial_package *package = file_of(planning, drawn)->package;
    const struct gotests_unit *unit = drawn->unit;
    _cleanup_(free_ptr) char *folder = folder_of(planning, package);
    _cleanup_(free_ptr) char *program = program_of(planning, package);
    _cleanup_(free_ptr) char *pattern = pattern_of(unit);
    _cleanup_(free_ptr) char *timeout =
        xasprintf("-test.timeout=%llds", (long long)planning->seconds + 60);
    _cleanup_(free_ptr) char *says =
        xasprintf("%s%s%s", unit->name, unit->part ? "/" : "", unit->part ? unit->part : "");
    json_object *command = trial_command_add(run, folder);
    /* What the session's code may have set before flags are read is set again. */
    const char *const words[] = {
        program,         "-test.paniconexit0", timeout, "-test.v",    "-test.short=false",
        "-test.count=1", "-test.run",          pattern, "-test.skip="};
    size_t count = ARRAY_SIZE(words) - (planning->module.version < 20);

    for (size_t i = 0; i < count; i++)
        trial_list_add(trial_command_argv(command), words[i]);
    json_add_text(command, "test", unit->id);
    json_add_text(command, "says", says);
    json_object_object_add(command, "parts", parts_of(unit));
    json_add_int(command, "seconds", planning->seconds);
    json_object_object_add(command, "environment", json_object_get(planning->module.environment));
}

/* The file as it is compiled, with all that was drawn for the run in it. It says of itself that it
 * is the one in the repository. */
static int add_compiled(struct planning *planning, json_object *run, const char *hidden, size_t at,
                        int number, struct error *err)
{
    const struct gotests_file *file = &planning->tests.files[at];
    _cleanup_(trial_edits_release) struct trial_edits edits = {0};
    _cleanup_(free_ptr) char *path =
        xasprintf("%s/%s", planning->module.repository + 1, file->path);
    _cleanup_(free_ptr) char *line = xasprintf("//line /%s:1\n", path);
    _cleanup_(free_ptr) char *text = NULL;

    trial_edits_add(&edits, 0, strncmp(file->text, BOM, strlen(BOM)) == 0 ? strlen(BOM) : 0, line);
    for (size_t i = 0; i < planning->tests.unit_count && number != TRIAL_ALL_RUN; i++) {
        const struct drawn *drawn = &planning->units[i];

        if (drawn->unit->file == at && drawn->first == drawn && is_in(drawn, number))
            trial_edits_plant(&edits, &drawn->plants,
                              trial_plant_in(&drawn->drawn, &drawn->plants, number), true);
    }
    text = trial_edits_apply(&edits, file->text);
    return trial_hidden_add(&planning->writing, run, hidden, path, text, err);
}

/* Of the trial's, only what says nothing; the image's are no secret. */
static int add_readable(struct planning *planning, json_object *run,
                        const struct gotests_file *file, struct error *err)
{
    _cleanup_(free_ptr) char *stub = file->is_given ? trial_gostub_new(&file->go) : NULL;

    return trial_file_add(&planning->writing, run, file->path, stub ? stub : file->text, err);
}

/* The test files in the repository are the same in all runs, those of packages that are not built,
 * too: in one that stayed from the run before, that could tell something. */
static int add_plain(struct planning *planning, json_object *run, struct error *err)
{
    if (planning->plain) {
        json_object_object_add(run, "files", json_object_get(planning->plain));
        return 0;
    }
    for (size_t i = 0; i < planning->tests.file_count; i++)
        if (planning->tests.files[i].is_used &&
            add_readable(planning, run, &planning->tests.files[i], err) < 0)
            return -1;
    if (trial_gostub_add_unused(&planning->writing, run, &planning->tests, err) < 0)
        return -1;
    planning->plain = json_object_get(json_object_object_get(run, "files"));
    return 0;
}

static int add_sources(struct planning *planning, json_object *run, const char *hidden, int number,
                       struct error *err)
{
    if (add_plain(planning, run, err) < 0)
        return -1;
    for (size_t i = 0; i < planning->tests.file_count; i++) {
        const struct gotests_file *file = &planning->tests.files[i];

        if (file->is_used && is_built(planning, file->package, number) &&
            add_compiled(planning, run, hidden, i, number, err) < 0)
            return -1;
    }
    return trial_hidden_add(&planning->writing, run, hidden, "tool", tool, err);
}

static void add_slots(const struct drawn *drawn, json_object *run, int number)
{
    const struct drawn *first = drawn->first;
    const struct trial_plant *plant = trial_plant_in(&first->drawn, &first->plants, number);

    trial_slot_add(run, drawn->function, drawn->unit->id, plant);
    for (size_t i = 0; i < trial_list_count(drawn->unit->parts); i++) {
        _cleanup_(free_ptr) char *id =
            xasprintf("%s/%s", drawn->unit->id, trial_list_at(drawn->unit->parts, i));

        trial_slot_add(run, drawn->function + 1 + i, id, plant);
    }
}

static int fill_run(struct planning *planning, json_object *run, int number, struct error *err)
{
    const struct trial_gomodule *module = &planning->module;
    char hidden[SECRET + 1];

    random_base62(hidden, SECRET);
    if (add_sources(planning, run, hidden, number, err) < 0)
        return -1;
    for (size_t i = 0; i < module->package_count; i++) {
        _cleanup_(free_ptr) char *program = program_of(planning, &module->packages[i]);

        if (is_built(planning, &module->packages[i], number))
            add_build(planning, run, &module->packages[i], program, hidden);
    }
    for (size_t i = 0; i < planning->tests.unit_count; i++) {
        const struct drawn *drawn = &planning->units[i];

        if (!is_in(drawn, number))
            continue;
        add_test(planning, run, drawn);
        if (drawn->is_small)
            add_slots(drawn, run, number);
    }
    return 0;
}

/* A test file without tests: what it needs is compiled all the same. */
static void add_import(void *arg, const char *path, size_t length)
{
    if (length != 3 || strncmp(path, "\"C\"", 3) != 0)
        buf_addf(arg, "import _ %.*s\n", (int)length, path);
}

static int add_imports(struct planning *planning, json_object *run, const struct gotests_file *file,
                       struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *package = gotext_package(&file->go);

    buf_addf(&text, "package %s\n", package);
    gotext_each_import(&file->go, add_import, &text);
    return trial_file_add(&planning->writing, run, file->path, text.data, err);
}

/* Compiled once: all but the tests. */
static int add_preparation(struct planning *planning, json_object *plan, struct error *err)
{
    const struct trial_gomodule *module = &planning->module;
    _cleanup_(free_ptr) char *program = xasprintf("%s/prepared.test", module->build);
    json_object *run = trial_run_new(false);

    json_object_object_add(plan, "prepare", run);
    for (size_t i = 0; i < planning->tests.file_count; i++)
        if (planning->tests.files[i].is_used &&
            add_imports(planning, run, &planning->tests.files[i], err) < 0)
            return -1;
    if (trial_gostub_add_unused(&planning->writing, run, &planning->tests, err) < 0)
        return -1;
    for (size_t i = 0; i < module->package_count; i++)
        if (is_built(planning, &module->packages[i], TRIAL_ALL_RUN))
            add_build(planning, run, &module->packages[i], program, NULL);
    return 0;
}

/* Nothing is there to be run where no test would be. */
static int add_run(struct planning *planning, json_object *runs, int number, struct error *err)
{
    bool has_tests = false;
    json_object *run;

    for (size_t i = 0; i < planning->tests.unit_count; i++)
        has_tests = has_tests || is_in(&planning->units[i], number);
    if (!has_tests)
        return 0;
    json_object_array_add(runs, run = trial_run_new(number == TRIAL_ALL_RUN));
    return fill_run(planning, run, number, err);
}

/* --- the plan -------------------------------------------------------------------------------- */

/* A test and its parts are functions of the plan, each by its own name. */
static void add_functions(struct planning *planning, json_object *plan)
{
    json_object *functions = json_object_object_get(plan, "functions");

    for (size_t i = 0; i < planning->tests.unit_count; i++) {
        struct drawn *drawn = &planning->units[i];

        if (!drawn->is_small)
            continue;
        drawn->function = trial_list_count(functions);
        trial_list_add(functions, drawn->unit->id);
        for (size_t n = 0; n < trial_list_count(drawn->unit->parts); n++) {
            _cleanup_(free_ptr) char *id =
                xasprintf("%s/%s", drawn->unit->id, trial_list_at(drawn->unit->parts, n));

            trial_list_add(functions, id);
        }
    }
    json_object_object_add(plan, "listed", json_object_get(functions));
}

static json_object *packages_of(struct planning *planning, json_object *plan)
{
    json_object *folders = json_object_new_array();

    for (size_t i = 0; i < planning->module.package_count; i++) {
        const struct trial_package *package = &planning->module.packages[i];

        if (!is_built(planning, package, TRIAL_ALL_RUN))
            continue;
        trial_list_add(folders, package->folder);
        trial_list_add(json_object_object_get(plan, "files"), package->path);
    }
    return folders;
}

static int keep(struct planning *planning, json_object *plan, json_object *folders,
                struct error *err)
{
    json_object *kept = planning->module.kept;
    _cleanup_(close_fd) int copy_fd =
        open(planning->module.copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (trial_gokept_find(&planning->module, folders, err) < 0)
        return -1;
    if (trial_list_count(kept) > 0)
        json_object_object_add(plan, "kept", json_object_get(kept));
    return trial_kept_lay(&planning->writing, copy_fd, kept, err);
}

static int write_plan(struct planning *planning, struct error *err)
{
    _cleanup_(json_release) json_object *plan = trial_plan_new(planning->module.trial);
    _cleanup_(json_release) json_object *folders = NULL;
    json_object *settled, *runs = json_object_object_get(plan, "runs");
    json_object *unplanted = json_object_object_get(plan, "unplanted");

    gotests_read(&planning->tests, &planning->module, unplanted);
    if (planning->tests.unit_count == 0)
        return error_set(err, ERROR_INVALID, NULL, "the module has none of the listed tests");
    draw_all(planning, unplanted);
    add_functions(planning, plan);
    folders = packages_of(planning, plan);
    settled = trial_gosettle_new(planning->module.repository, folders, planning->module.vendored,
                                 planning->module.modules, err);
    if (!settled)
        return -1;
    json_object_object_add(plan, TRIAL_GOSETTLE, settled);
    if (keep(planning, plan, folders, err) < 0 || add_preparation(planning, plan, err) < 0)
        return -1;
    for (int number = 0; number <= TRIAL_ALL_RUN; number++) /* what the last shows comes too late */
        if (add_run(planning, runs, number, err) < 0)
            return -1;
    return trial_plan_write(&planning->writing, plan, err);
}

static void planning_release(struct planning *planning)
{
    for (size_t i = 0; planning->units && i < planning->tests.unit_count; i++)
        trial_plants_release(&planning->units[i].plants);
    free(planning->units);
    json_object_put(planning->plain);
    gotests_release(&planning->tests);
    trial_gomodule_release(&planning->module);
    close_fd(&planning->writing.plan_fd);
}

int trial_go_plan(const struct trial_kind *kind, json_object *trial)
{
    _cleanup_(planning_release) struct planning planning = {
        .module = {.trial = trial, .repository = json_get_text(trial, "repository")},
        .writing.plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .seconds = json_get_int(trial, "timeout", TEST_SECONDS),
    };
    struct error err = ERROR_INIT;

    (void)kind;
    if (trial_gomodule_read(&planning.module, &err) == 0 && write_plan(&planning, &err) == 0 &&
        trial_gomodule_close(&planning.module, &err) == 0)
        return 0;
    dprintf(2, "%s\n", err.message);
    return 1;
}
