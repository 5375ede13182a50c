#include "trial/rehearsal.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define NOTED "rehearsed.json" /* the numbers of the functions that count */
#define DRAWN "drawn.json"     /* the planner's, if there is something to keep */
#define FILE_MOST ((size_t)1 << 20)
#define SECONDS_MOST 10.0 /* of the tests in all rehearsals, together */

static json_object *choose(const struct trial_plan *plan, const struct trial_end *ends)
{
    json_object *chosen = json_object_new_array();
    double seconds = 0, more;

    for (size_t i = plan->mended_count; i < plan->function_count; i++) {
        if (!trial_was_rehearsed(plan, ends, i, &more) || seconds + more > SECONDS_MOST)
            continue;
        seconds += more;
        json_object_array_add(chosen, json_object_new_int64((int64_t)i));
    }
    return chosen;
}

/* One that broke off, or had no time, may come to more another day. */
static bool did_all_end(const struct trial_plan *plan, const struct trial_end *ends)
{
    for (size_t i = 0; i < plan->rehearsal_count; i++)
        if (ends[i].fault || ends[i].status != ends[i].said_status || ends[i].status > 1)
            return false;
    return true;
}

static int read_json(int plan_fd, const char *name, json_object **ret_value, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(plan_fd, name, FILE_MOST, &text, err) < 0 ||
        json_parse(text.data, text.length, ret_value, NULL, err) < 0)
        return error_wrap(err, "the trial's rehearsal");
    return 0;
}

static int write_record(int plan_fd, json_object *chosen, bool has_zygote, json_object *modules,
                        struct buf *record, struct error *err)
{
    _cleanup_(json_release) json_object *root = json_object_new_object();
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *drawn = NULL;
    struct stat st;

    if (fstatat(plan_fd, DRAWN, &st, 0) < 0 || (size_t)st.st_size > AGENT_TRIAL_REHEARSED_MOST)
        return 0;
    if (read_json(plan_fd, DRAWN, &drawn, err) < 0)
        return -1;
    json_add(root, "drawn", drawn);
    json_add(root, "chosen", json_object_get(chosen));
    json_add_bool(root, "zygote", has_zygote);
    json_add(root, "modules", json_object_get(modules));
    json_write(&text, root);
    if (text.length <= AGENT_TRIAL_REHEARSED_MOST)
        buf_add(record, text.data, text.length);
    return 0;
}

int trial_rehearsal_note(const struct trial_plan *plan, const struct trial_end *ends,
                         bool has_zygote, json_object *modules, int plan_fd, struct buf *record,
                         struct error *err)
{
    _cleanup_(json_release) json_object *chosen = choose(plan, ends);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, chosen);
    if (file_write_atomic(plan_fd, NOTED, text.data, text.length, 0600, err) < 0)
        return -1;
    return did_all_end(plan, ends) && json_object_array_length(chosen) > 0
               ? write_record(plan_fd, chosen, has_zygote, modules, record, err)
               : 0;
}

json_object *trial_rehearsal_modules(json_object *record)
{
    json_object *modules = json_object_object_get(record, "modules");

    return json_object_is_type(modules, json_type_array) ? modules : NULL;
}

bool trial_rehearsal_is_noted(int plan_fd)
{
    return faccessat(plan_fd, NOTED, F_OK, 0) == 0;
}

int trial_rehearsal_heed(struct trial_plan *plan, int plan_fd, size_t *ret_count, struct error *err)
{
    _cleanup_(json_release) json_object *list = NULL;
    _cleanup_(free_ptr) bool *counts = xcalloc(plan->function_count + 1, sizeof(*counts));

    if (trial_rehearsal_is_noted(plan_fd) && read_json(plan_fd, NOTED, &list, err) < 0)
        return -1;
    if (list && !json_object_is_type(list, json_type_array))
        return error_set(err, ERROR_INVALID, NULL, "the trial's rehearsal is no list");
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        int64_t function = json_object_get_int64(json_object_array_get_idx(list, i));

        if (function >= 0 && (size_t)function < plan->function_count)
            counts[function] = true;
    }
    for (size_t i = plan->mended_count; i < plan->function_count; i++) {
        *ret_count += counts[i];
        if (!counts[i])
            trial_plan_drop(plan, i);
    }
    return 0;
}
