#include "trial/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/cargo.h"
#include "trial/compiled.h"
#include "trial/ctest.h"
#include "trial/go.h"
#include "trial/gosettle.h"

#include "base/banned.h"

#define FLAGS_MOST 8
#define CANNOT_START 127 /* as a shell has it */

#define SCRIPT(name, file)                                                                         \
    __asm__(".section .rodata\n.globl " name "\n.hidden " name "\n" name                           \
            ":\n.incbin \"trial/" file "\"\n.byte 0\n.previous\n")

SCRIPT("trial_node_plan", "node_plan.js");
SCRIPT("trial_node_run", "node_run.js");
SCRIPT("trial_pytest_compile", "pytest_compile.py");
SCRIPT("trial_pytest_plan", "pytest_plan.py");
SCRIPT("trial_pytest_run", "pytest_run.py");
SCRIPT("trial_pytest_zygote", "pytest_zygote.py");
extern const char trial_node_plan[] __attribute__((visibility("hidden")));
extern const char trial_node_run[] __attribute__((visibility("hidden")));
extern const char trial_pytest_compile[] __attribute__((visibility("hidden")));
extern const char trial_pytest_plan[] __attribute__((visibility("hidden")));
extern const char trial_pytest_run[] __attribute__((visibility("hidden")));
extern const char trial_pytest_zygote[] __attribute__((visibility("hidden")));

/* Isolated from PYTHON* and the current folder; leaves no compiled files. */
static const char *const python_flags[] = {"-I", "-B", "-c", NULL};

static const struct trial_scripts pytest = {
    .interpreter = "python3",
    .member = "python",
    .flags = python_flags,
    .planner = trial_pytest_plan,
    .runner = trial_pytest_run,
    .zygote = trial_pytest_zygote,
    .compiler = trial_pytest_compile,
};

/* The parser that node has for itself is among its internals. */
static const char *const node_flags[] = {"--expose-internals", "-e", NULL};

static const struct trial_scripts node = {
    .interpreter = "node",
    .member = "node",
    .flags = node_flags,
    .planner = trial_node_plan,
    .runner = trial_node_run,
};

/* Becomes the interpreter. more: NULL at its end. */
static int become(const struct trial_kind *kind, json_object *trial, const char *script,
                  const char *const *more)
{
    const struct trial_scripts *scripts = kind->scripts;
    const char *named = json_get_text(trial, scripts->member);
    char *argv[FLAGS_MOST + 5] = {(char *)(named ? named : scripts->interpreter)};
    size_t count = 1;

    for (size_t i = 0; i < FLAGS_MOST && scripts->flags[i]; i++)
        argv[count++] = (char *)scripts->flags[i];
    argv[count++] = (char *)script;
    for (size_t i = 0; more[i]; i++)
        argv[count++] = (char *)more[i];
    execvp(argv[0], argv);
    dprintf(2, "cannot start %s: %s\n", argv[0], strerror(errno));
    return CANNOT_START;
}

static int plan_by_script(const struct trial_kind *kind, json_object *trial)
{
    const char *const more[] = {kind->scripts->runner, kind->scripts->zygote, NULL};

    return become(kind, trial, kind->scripts->planner, more);
}

static int compile_by_script(const struct trial_kind *kind, json_object *trial)
{
    const char *const none[] = {NULL};

    return become(kind, trial, kind->scripts->compiler, none);
}

static const struct trial_kind kinds[] = {
    {FRAMEWORK_PYTEST, TRIAL_NAMES_PYTEST, &pytest, plan_by_script, compile_by_script,
     trial_compiled_lay},
    {FRAMEWORK_CARGO, TRIAL_NAMES_WHOLE, NULL, trial_cargo_plan, NULL, NULL},
    {FRAMEWORK_CTEST, TRIAL_NAMES_WHOLE, NULL, trial_ctest_plan, NULL, NULL},
    {FRAMEWORK_GO, TRIAL_NAMES_TITLED, NULL, trial_go_plan, NULL, trial_gosettle},
    {FRAMEWORK_NODE, TRIAL_NAMES_TITLED, &node, plan_by_script, NULL, NULL},
};

const struct trial_kind *trial_kind_find(const char *name)
{
    const struct framework *framework = framework_find(name);

    for (size_t i = 0; framework && i < ARRAY_SIZE(kinds); i++)
        if (kinds[i].family == framework->family)
            return &kinds[i];
    return NULL;
}
