#include "trial/writing.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/lay.h"

#include "base/banned.h"

size_t trial_list_count(json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

const char *trial_list_at(json_object *list, size_t at)
{
    return json_object_get_string(json_object_array_get_idx(list, at));
}

void trial_list_add(json_object *list, const char *text)
{
    json_object_array_add(list, json_object_new_string(text ? text : ""));
}

json_object *trial_run_new(bool all)
{
    json_object *run = json_object_new_object();

    json_object_object_add(run, "commands", json_object_new_array());
    json_object_object_add(run, "tests", json_object_new_array());
    json_object_object_add(run, "files", json_object_new_array());
    json_add_bool(run, "all", all);
    return run;
}

json_object *trial_command_add(json_object *run, const char *folder)
{
    json_object *command = json_object_new_object();

    json_object_object_add(command, "argv", json_object_new_array());
    if (folder)
        json_add_text(command, "cwd", folder);
    json_object_array_add(json_object_object_get(run, "commands"), command);
    return command;
}

json_object *trial_command_argv(json_object *command)
{
    return json_object_object_get(command, "argv");
}

static int add_file(struct trial_writing *writing, json_object *files, const char *path,
                    const char *text, mode_t mode, struct error *err)
{
    json_object *pair = json_object_new_array();
    _cleanup_(free_ptr) char *name = xasprintf("%zu", writing->file_count++);

    trial_list_add(pair, path);
    trial_list_add(pair, name);
    json_object_array_add(files, pair);
    return file_write_unsynced(writing->plan_fd, name, text, strlen(text), mode, err);
}

int trial_file_add(struct trial_writing *writing, json_object *run, const char *path,
                   const char *text, struct error *err)
{
    return add_file(writing, json_object_object_get(run, "files"), path, text, 0644, err);
}

int trial_hidden_add(struct trial_writing *writing, json_object *run, const char *folder,
                     const char *path, const char *text, struct error *err)
{
    json_object *hidden = json_object_object_get(run, "hidden");

    if (!hidden) {
        hidden = json_object_new_object();
        json_add_text(hidden, "folder", folder);
        json_object_object_add(hidden, "files", json_object_new_array());
        json_object_object_add(run, "hidden", hidden);
    }
    return add_file(writing, json_object_object_get(hidden, "files"), path, text, 0755, err);
}

json_object *trial_run_settle(json_object *run)
{
    json_object *settled = json_object_object_get(run, "settled");

    if (settled)
        return settled;
    settled = json_object_new_object();
    json_object_object_add(settled, "files", json_object_new_array());
    json_object_object_add(run, "settled", settled);
    return settled;
}

int trial_settled_add(struct trial_writing *writing, json_object *run, const char *path,
                      const char *text, struct error *err)
{
    json_object *files = json_object_object_get(trial_run_settle(run), "files");

    return add_file(writing, files, path, text, 0644, err);
}

void trial_slot_add(json_object *run, size_t function, const char *id,
                    const struct trial_plant *plant)
{
    json_object *slot = json_object_new_object();

    json_add_int(slot, "function", (int64_t)function);
    json_add_text(slot, "id", id);
    if (plant)
        json_add_text(slot, "planted", plant->kind);
    json_object_array_add(json_object_object_get(run, "tests"), slot);
}

int trial_kept_lay(const struct trial_writing *writing, int from_fd, json_object *paths,
                   struct error *err)
{
    for (size_t i = 0; i < trial_list_count(paths); i++) {
        _cleanup_(free_ptr) char *to = xasprintf("kept/%s", trial_list_at(paths, i));

        if (trial_lay(from_fd, trial_list_at(paths, i), writing->plan_fd, to, 0, TRIAL_LAY_TIMES,
                      err) < 0)
            return -1;
    }
    return 0;
}

json_object *trial_plan_new(json_object *trial)
{
    static const char *const lists[] = {"tests",     "functions", "files",
                                        "unplanted", "listed",    "runs"};
    json_object *plan = json_object_new_object();

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        json_object_object_add(plan, lists[i], json_object_new_array());
    json_object_object_foreach (json_object_object_get(trial, "tests"), path, origin) {
        (void)origin;
        trial_list_add(json_object_object_get(plan, "tests"), path);
    }
    return plan;
}

int trial_plan_write(const struct trial_writing *writing, json_object *plan, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, plan);
    return file_write_unsynced(writing->plan_fd, "plan.json", text.data, text.length, 0600, err);
}
