/*
 * session_usage.c - codesetctl session stats, codesetctl top.
 */
#include "store/session_usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/status.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 60
#define INTERVAL_DEFAULT 2
#define INTERVAL_MOST 3600
#define CLEAR_SCREEN "\033[H\033[2J"

static void add_usage(json_object *object, const struct session_usage *usage)
{
    json_add_time(object, "at", usage->at);
    json_add_int(object, "memory_bytes", usage->memory_bytes);
    json_add_double(object, "cpu_seconds", (double)usage->cpu_us / 1e6);
    json_add_int(object, "disk_bytes", usage->disk_bytes);
    json_add_int(object, "processes", usage->processes);
    json_add_int(object, "oom_kills", usage->oom_kills);
}

/* --- session stats --------------------------------------------------------------------------- */

static void add_sample(const struct session_usage *usage, void *arg)
{
    json_object *object = json_object_new_object();

    add_usage(object, usage);
    json_object_array_add(arg, object);
}

/* The newest `limit` of them, the newest first. */
static json_object *newest_of(json_object *samples, int64_t limit)
{
    json_object *rows = json_object_new_array();

    for (size_t i = json_object_array_length(samples); i-- > 0 && limit-- > 0;)
        json_object_array_add(rows, json_object_get(json_object_array_get_idx(samples, i)));
    return rows;
}

int ctl_session_stats(struct ctl *ctl)
{
    static const struct output_column columns[] = {{"TIME", "at"},
                                                   {"MEMORY BYTES", "memory_bytes"},
                                                   {"CPU SECONDS", "cpu_seconds"},
                                                   {"DISK BYTES", "disk_bytes"},
                                                   {"PROCESSES", "processes"},
                                                   {"OOM KILLS", "oom_kills"}};
    const char *text = ctl_argument(ctl, 0);
    _cleanup_(json_release) json_object *samples = json_object_new_array(), *rows = NULL;
    struct error err = ERROR_INIT;
    int64_t limit;
    struct db *db;
    struct id id;
    int status;

    if (ctl_option_int(ctl, "limit", 1, SESSION_USAGE_MAX, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    db = ctl_db(ctl, &err);
    if (id_parse(text, strlen(text), &id) < 0)
        error_set(&err, ERROR_NOT_FOUND, NULL, "none");
    if (!db || err.kind ||
        store_session_usage_list(db, NULL, &id, add_sample, samples, &status, &err) < 0)
        return ctl_no_session(ctl, &err);
    rows = newest_of(samples, limit);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "nothing was written down of this session; a sample is taken a second after it is "
                "ready, unless usage_seconds of [reaper] is 0");
    return CTL_OK;
}

/* --- top ------------------------------------------------------------------------------------- */

static void add_megabytes(json_object *object, const char *key, int64_t bytes)
{
    _cleanup_(free_ptr) char *text = xasprintf("%.1f MiB", (double)bytes / (1024 * 1024));

    json_add_text(object, key, text);
}

static void add_load(const struct session_load *load, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "session_id", load->session_id.text);
    json_add_text(object, "user", load->user);
    json_add_text(object, "dataset", load->dataset);
    json_add_text(object, "sample_id", load->sample_id);
    json_add_int(object, "age_seconds", load->age_seconds);
    json_add_double(object, "cores", load->cores);
    add_usage(object, &load->usage);
    add_megabytes(object, "memory", load->usage.memory_bytes);
    add_megabytes(object, "disk", load->usage.disk_bytes);
    json_object_array_add(arg, object);
}

static int show(struct ctl *ctl, bool screen, struct error *err)
{
    static const struct output_column columns[] = {{"SESSION ID", "session_id"},
                                                   {"CORES", "cores"},
                                                   {"MEMORY", "memory"},
                                                   {"DISK", "disk"},
                                                   {"PROCESSES", "processes"},
                                                   {"AGE S", "age_seconds"},
                                                   {"USER", "user"},
                                                   {"SAMPLE", "sample_id"}};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    struct db *db = ctl_db(ctl, err);
    char now[CLOCK_TEXT_SIZE];

    if (!db || store_session_loads(db, add_load, rows, err) < 0)
        return -1;
    if (screen)
        printf(CLEAR_SCREEN "%.19sZ\n", clock_format(clock_now(), now));
    if (!ctl_json(ctl)) {
        if (status_print_brief(ctl, err) < 0)
            return -1;
        printf("\nready sessions: %zu\n", json_object_array_length(rows));
    }
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "no session is ready");
    fflush(stdout);
    return 0;
}

int ctl_top(struct ctl *ctl)
{
    bool live = !ctl_json(ctl) && !ctl_option(ctl, "once") && isatty(STDOUT_FILENO);
    struct error err = ERROR_INIT;
    int64_t seconds;

    if (ctl_option_int(ctl, "interval", 1, INTERVAL_MOST, INTERVAL_DEFAULT, &seconds) != CTL_OK)
        return CTL_USAGE;
    do {
        if (show(ctl, live, &err) < 0)
            return ctl_fail(ctl, &err);
        if (live)
            sleep((unsigned)seconds);
    } while (live && !ferror(stdout));
    return CTL_OK;
}
