#include "trial/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define COMMANDS_MOST 100000 /* of a run */

static int broken(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, NULL, "the plan of the trial is broken: %s", what);
}

static json_object *array_of(json_object *object, const char *key)
{
    json_object *array = NULL;

    return json_object_object_get_ex(object, key, &array) &&
                   json_object_is_type(array, json_type_array)
               ? array
               : NULL;
}

static const char *text_at(json_object *array, size_t at)
{
    json_object *item = json_object_array_get_idx(array, at);

    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : NULL;
}

/* All texts of an array, with a NULL behind them. */
static int read_texts(json_object *object, const char *key, const char ***ret_texts,
                      size_t *ret_count, struct error *err)
{
    json_object *array = array_of(object, key);
    size_t count = array ? json_object_array_length(array) : 0;
    const char **texts;

    if (!array)
        return broken(err, key);
    texts = *ret_texts = xcalloc(count + 1, sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        if (!(texts[i] = text_at(array, i)))
            return broken(err, key);
    *ret_count = count;
    return 0;
}

static int read_slots(json_object *run, size_t functions, struct trial_step *step,
                      struct error *err)
{
    json_object *array = array_of(run, "tests");
    size_t count = array ? json_object_array_length(array) : 0;

    if (!array)
        return broken(err, "tests");
    step->slots = xcalloc(count + 1, sizeof(*step->slots));
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(array, i);
        int64_t function = json_get_int(item, "function", -1);

        step->slots[i].id = json_get_text(item, "id");
        step->slots[i].planted = json_get_text(item, "planted");
        if (!step->slots[i].id || function < 0 || (size_t)function >= functions)
            return broken(err, "a test");
        step->slots[i].function = (size_t)function;
    }
    step->slot_count = count;
    return 0;
}

static int read_files(json_object *object, struct trial_file **ret_files, size_t *ret_count,
                      struct error *err)
{
    json_object *array = array_of(object, "files");
    size_t count = array ? json_object_array_length(array) : 0;

    if (!array)
        return broken(err, "files");
    *ret_files = xcalloc(count + 1, sizeof(**ret_files));
    for (size_t i = 0; i < count; i++) {
        json_object *pair = json_object_array_get_idx(array, i);
        struct trial_file *file = &(*ret_files)[i];

        if (!json_object_is_type(pair, json_type_array))
            return broken(err, "a file");
        file->path = text_at(pair, 0);
        file->name = text_at(pair, 1);
        if (!file->path || !file->name || !path_is_below(file->path) ||
            !path_is_below(file->name) || strchr(file->name, '/'))
            return broken(err, "a file");
    }
    *ret_count = count;
    return 0;
}

static int read_hidden(json_object *run, struct trial_step *step, struct error *err)
{
    json_object *hidden = json_object_object_get(run, "hidden");

    if (!hidden)
        return 0;
    step->hidden_folder = json_get_text(hidden, "folder");
    if (!step->hidden_folder || !path_is_below(step->hidden_folder) ||
        strchr(step->hidden_folder, '/'))
        return broken(err, "hidden");
    return read_files(hidden, &step->hidden, &step->hidden_count, err);
}

static int read_settled(json_object *run, struct trial_step *step, struct error *err)
{
    json_object *settled = json_object_object_get(run, "settled");

    step->is_settled = settled != NULL;
    return settled ? read_files(settled, &step->settled, &step->settled_count, err) : 0;
}

static int read_argv(json_object *object, char ***ret_argv, struct error *err)
{
    size_t count = 0;

    if (read_texts(object, "argv", (const char ***)ret_argv, &count, err) < 0)
        return -1;
    return count > 0 ? 0 : broken(err, "argv");
}

static int read_parts(json_object *item, struct trial_command *command, struct error *err)
{
    json_object *array = array_of(item, "parts");
    size_t count = array ? json_object_array_length(array) : 0;

    command->says = json_get_text(item, "says");
    command->parts = xcalloc(count + 1, sizeof(*command->parts));
    for (size_t i = 0; i < count; i++) {
        json_object *pair = json_object_array_get_idx(array, i);

        if (!json_object_is_type(pair, json_type_array))
            return broken(err, "a part");
        command->parts[i] = (struct trial_part){text_at(pair, 0), text_at(pair, 1)};
        if (!command->parts[i].test || !command->parts[i].says)
            return broken(err, "a part");
    }
    command->part_count = count;
    return count == 0 || (command->says && command->test) ? 0 : broken(err, "a part");
}

static int read_command(json_object *item, struct trial_command *command, struct error *err)
{
    int64_t seconds = json_get_int(item, "seconds", 0),
            skip = json_get_int(item, "skip_status", -1);
    size_t count = 0;

    if (!json_object_is_type(item, json_type_object) || seconds < 0 || seconds > INT_MAX ||
        skip < -1 || skip > 255)
        return broken(err, "a command");
    if (read_argv(item, &command->argv, err) < 0)
        return -1;
    if (array_of(item, "environment") &&
        read_texts(item, "environment", (const char ***)&command->environment, &count, err) < 0)
        return -1;
    command->folder = json_get_text(item, "cwd");
    command->seconds = (int)seconds;
    command->test = json_get_text(item, "test");
    command->will_fail = json_object_get_boolean(json_object_object_get(item, "will_fail"));
    command->skip_status = (int)skip;
    return read_parts(item, command, err);
}

/* The run itself is the only command where it tells how its tests ended. */
static int read_commands(json_object *run, struct trial_step *step, struct error *err)
{
    json_object *array = array_of(run, "commands");
    size_t count = array ? json_object_array_length(array) : 1;

    if (count == 0 || count > COMMANDS_MOST)
        return broken(err, "commands");
    step->is_told = !array;
    step->commands = xcalloc(count, sizeof(*step->commands));
    step->command_count = count; /* what is not read yet is zeros */
    for (size_t i = 0; i < count; i++)
        if (read_command(array ? json_object_array_get_idx(array, i) : run, &step->commands[i],
                         err) < 0)
            return -1;
    return 0;
}

static int read_step(json_object *run, size_t functions, struct trial_step *step, struct error *err)
{
    if (!json_object_is_type(run, json_type_object))
        return broken(err, "a run");
    if (read_commands(run, step, err) < 0)
        return -1;
    step->all = json_object_get_boolean(json_object_object_get(run, "all"));
    if (read_slots(run, functions, step, err) < 0 ||
        read_files(run, &step->files, &step->file_count, err) < 0)
        return -1;
    return read_hidden(run, step, err) < 0 ? -1 : read_settled(run, step, err);
}

static int read_steps(struct trial_plan *plan, const char *key, struct trial_step **ret_steps,
                      size_t *ret_count, struct error *err)
{
    json_object *array = array_of(plan->document, key);
    size_t count = array ? json_object_array_length(array) : 0;

    if (count > TRIAL_RUNS_MOST)
        return broken(err, key);
    *ret_steps = xcalloc(count + 1, sizeof(**ret_steps));
    *ret_count = count; /* what is not read yet is zeros */
    for (size_t i = 0; i < count; i++)
        if (read_step(json_object_array_get_idx(array, i), plan->function_count, &(*ret_steps)[i],
                      err) < 0)
            return -1;
    return 0;
}

static bool are_told(const struct trial_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!steps[i].is_told)
            return false;
    return true;
}

/* A zygote becomes runs that tell, and no other programs. */
static int read_zygote(struct trial_plan *plan, struct error *err)
{
    json_object *zygote = json_object_object_get(plan->document, "zygote");

    if (!zygote)
        return 0;
    if (plan->prepare.command_count > 0 || !are_told(plan->steps, plan->step_count) ||
        !are_told(plan->rehearsals, plan->rehearsal_count))
        return broken(err, "zygote");
    return read_argv(zygote, &plan->zygote, err);
}

/* What only some kinds have. */
static int read_more(struct trial_plan *plan, struct error *err)
{
    json_object *prepare = json_object_object_get(plan->document, "prepare");
    int64_t mended = json_get_int(plan->document, "mended", (int64_t)plan->function_count);

    if (mended < 0 || (size_t)mended > plan->function_count)
        return broken(err, "mended");
    plan->mended_count = (size_t)mended;
    if (json_object_object_get_ex(plan->document, "kept", NULL) &&
        read_texts(plan->document, "kept", &plan->kept, &plan->kept_count, err) < 0)
        return -1;
    if (prepare && read_step(prepare, 0, &plan->prepare, err) < 0)
        return -1;
    if (read_steps(plan, "rehearsals", &plan->rehearsals, &plan->rehearsal_count, err) < 0)
        return -1;
    return read_zygote(plan, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool are_below(const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!path_is_below(paths[i]))
            return false;
    return true;
}

int trial_plan_read(const char *text, size_t length, struct trial_plan *ret_plan, struct error *err)
{
    _cleanup_(trial_plan_release) struct trial_plan plan = {0};

    if (json_parse(text, length, &plan.document, NULL, err) < 0)
        return error_wrap(err, "the plan of the trial");
    if (!json_object_is_type(plan.document, json_type_object))
        return broken(err, "no object");
    if (read_texts(plan.document, "tests", &plan.tests, &plan.test_count, err) < 0 ||
        read_texts(plan.document, "functions", &plan.functions, &plan.function_count, err) < 0 ||
        read_texts(plan.document, "unplanted", &plan.unplanted, &plan.unplanted_count, err) < 0 ||
        read_texts(plan.document, "listed", &plan.listed, &plan.listed_count, err) < 0 ||
        read_texts(plan.document, "files", &plan.files, &plan.file_count, err) < 0 ||
        read_steps(&plan, "runs", &plan.steps, &plan.step_count, err) < 0 ||
        read_more(&plan, err) < 0)
        return -1;
    if (!are_below(plan.tests, plan.test_count) || !are_below(plan.kept, plan.kept_count))
        return broken(err, "a path");
    if (plan.step_count == 0)
        return broken(err, "runs");
    qsort(plan.files, plan.file_count, sizeof(char *), by_text);
    *ret_plan = plan;
    memset(&plan, 0, sizeof(plan));
    return 0;
}

void trial_plan_drop(struct trial_plan *plan, size_t function)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        struct trial_step *step = &plan->steps[i];
        size_t kept = 0;

        for (size_t n = 0; !step->all && n < step->slot_count; n++)
            if (step->slots[n].function != function)
                step->slots[kept++] = step->slots[n];
        if (!step->all)
            step->slot_count = kept;
    }
}

static void step_release(struct trial_step *step)
{
    for (size_t i = 0; i < step->command_count; i++) {
        free(step->commands[i].argv);
        free(step->commands[i].environment);
        free(step->commands[i].parts);
    }
    free(step->commands);
    free(step->slots);
    free(step->files);
    free(step->hidden);
    free(step->settled);
}

void trial_plan_release(struct trial_plan *plan)
{
    step_release(&plan->prepare);
    for (size_t i = 0; i < plan->step_count; i++)
        step_release(&plan->steps[i]);
    for (size_t i = 0; i < plan->rehearsal_count; i++)
        step_release(&plan->rehearsals[i]);
    free(plan->rehearsals);
    free(plan->zygote);
    free(plan->steps);
    free(plan->tests);
    free(plan->kept);
    free(plan->functions);
    free(plan->unplanted);
    free(plan->listed);
    free(plan->files);
    json_object_put(plan->document);
    memset(plan, 0, sizeof(*plan));
}
