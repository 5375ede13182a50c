#include "trial/planted.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

struct telling {
    const struct trial_plan *plan;
    json_object **tests; /* by function; NULL: nothing is known of it */
    json_object *root;
    size_t bytes, more;
};

/* {"passed": 2}: one more of these. */
static void count_end(json_object *ends, const char *end)
{
    json_add_int(ends, end, json_get_int(ends, end, 0) + 1);
}

static json_object *member(json_object *object, const char *key)
{
    json_object *found = NULL;

    if (!json_object_object_get_ex(object, key, &found)) {
        found = json_object_new_object();
        json_add(object, key, found);
    }
    return found;
}

static void add_slot(const struct trial_slot *slot, const char *end, void *arg)
{
    struct telling *telling = arg;
    json_object **test = &telling->tests[slot->function];

    if (!*test) {
        *test = json_object_new_object();
        json_add_text(*test, "test", telling->plan->functions[slot->function]);
        json_add(*test, "planted", json_object_new_object());
        json_add(*test, "unchanged", json_object_new_object());
    }
    count_end(slot->planted ? member(member(*test, "planted"), slot->planted)
                            : member(*test, "unchanged"),
              end);
}

/* Takes the item. */
static void add_item(struct telling *telling, const char *list, json_object *item)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, item);
    if (telling->bytes + text.length > TRIAL_PLANTED_MOST) {
        telling->more++;
        json_object_put(item);
        return;
    }
    telling->bytes += text.length;
    json_object_array_add(json_object_object_get(telling->root, list), item);
}

static void add_name(struct telling *telling, const char *list, const char *name)
{
    add_item(telling, list, json_object_new_string(name));
}

static bool has_planted(json_object *test)
{
    return test && json_object_object_length(member(test, "planted")) > 0;
}

/* In some run, made or not. */
static bool is_to_be_planted(const struct trial_plan *plan, size_t function)
{
    for (size_t step = 0; step < plan->step_count; step++)
        for (size_t i = 0; i < plan->steps[step].slot_count; i++)
            if (plan->steps[step].slots[i].function == function &&
                plan->steps[step].slots[i].planted)
                return true;
    return false;
}

static void add_functions(struct telling *telling)
{
    const struct trial_plan *plan = telling->plan;

    for (size_t i = 0; i < plan->function_count; i++) {
        if (has_planted(telling->tests[i]))
            add_item(telling, "tests", json_object_get(telling->tests[i]));
        else if (is_to_be_planted(plan, i))
            add_name(telling, "not_run", plan->functions[i]);
        else if (i >= plan->mended_count)
            add_name(telling, "unrehearsed", plan->functions[i]);
    }
}

void trial_planted_write(const struct trial_plan *plan, const struct trial_end *ends,
                         struct buf *json)
{
    static const char *const lists[] = {"tests", "unplanted", "unrehearsed", "not_run"};
    _cleanup_(json_release) json_object *root = json_object_new_object();
    struct telling telling = {
        .plan = plan,
        .tests = xcalloc(plan->function_count + 1, sizeof(json_object *)),
        .root = root,
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        json_add(root, lists[i], json_object_new_array());
    trial_each_slot(plan, ends, add_slot, &telling);
    add_functions(&telling);
    for (size_t i = 0; i < plan->unplanted_count; i++)
        add_name(&telling, "unplanted", plan->unplanted[i]);
    json_add_int(root, "more", (int64_t)telling.more);
    json_write(json, root);
    for (size_t i = 0; i < plan->function_count; i++)
        json_object_put(telling.tests[i]);
    free(telling.tests);
}
