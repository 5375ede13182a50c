/*
 * nodes.c - codesetctl node.
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "store/runs.h"

#include "base/banned.h"

#define ALIVE_SECONDS 15 /* as /health has it */

static const char *state_of(const struct node *node)
{
    if (node->ended)
        return "stopped";
    return node->silent_seconds > ALIVE_SECONDS ? "silent" : "alive";
}

static void add_node(const struct node *node, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "name", node->name);
    json_add_text(object, "state", state_of(node));
    json_add_int(object, "containers", node->containers);
    json_add_text(object, "location", node->location);
    json_add_text(object, "version", node->version);
    json_add_time(object, "heartbeat_at", node->heartbeat_at);
    json_add_text(object, "machine_id", node->machine_id);
    json_object_array_add(arg, object);
}

int ctl_node_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"NAME", "name"},
                                                   {"STATE", "state"},
                                                   {"LOCATION", "location"},
                                                   {"CONTAINERS", "containers"},
                                                   {"VERSION", "version"},
                                                   {"LAST HEARD OF", "heartbeat_at"},
                                                   {"MACHINE ID", "machine_id"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_node_list(db, add_node, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "no daemons are known");
    return CTL_OK;
}

int ctl_node_forget(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    _cleanup_(json_release) json_object *object = NULL;
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);

    if (!db || store_node_forget(db, name, ALIVE_SECONDS, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "name", name);
    json_add_bool(object, "forgotten", true);
    output_done(ctl_json(ctl), object, "node '%s' forgotten", name);
    return CTL_OK;
}
