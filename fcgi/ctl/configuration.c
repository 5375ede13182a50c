/*
 * configuration.c - codesetctl config.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "reaper/job_clone.h"
#include "wire/egress.h"

#include "base/banned.h"

/* Settings that were read, and where each comes from. */
struct reading {
    struct settings settings;
    struct config_origin *origins;
    struct buf gone; /* warnings, as lines */
};

static void reading_release(struct reading *reading)
{
    settings_release(&reading->settings);
    if (reading->origins)
        config_origins_release(reading->origins, settings_count);
    free(reading->origins);
    buf_release(&reading->gone);
}

/* CTL_OK, or CTL_CONFIG when the message is out. */
static int read_settings(struct ctl *ctl, struct reading *reading)
{
    struct error err = ERROR_INIT;

    reading->origins = xcalloc(settings_count, sizeof(*reading->origins));
    if (settings_load_origins(ctl_config(ctl), &reading->settings, reading->origins, &reading->gone,
                              &err) < 0) {
        ctl_fail(ctl, &err);
        return CTL_CONFIG;
    }
    return CTL_OK;
}

static const char *word_of(const struct config_row *row, int value)
{
    const struct config_word *word = row->words;

    while (word->value != value)
        word++;
    return word->word;
}

static void add_value(json_object *object, const struct config_row *row, const void *settings)
{
    const void *place = (const char *)settings + row->offset;

    switch (row->type) {
    case CONFIG_TEXT:
        json_add_text(object, "value", *(char *const *)place);
        break;
    case CONFIG_INT:
        json_add_int(object, "value", *(const int64_t *)place);
        break;
    case CONFIG_BOOL:
        json_add_text(object, "value", *(const bool *)place ? "yes" : "no");
        break;
    case CONFIG_WORD:
        json_add_text(object, "value", word_of(row, *(const int *)place));
        break;
    }
}

static json_object *describe(const struct config_row *row, const struct reading *reading,
                             const struct config_origin *origin)
{
    json_object *object = json_object_new_object();
    _cleanup_(free_ptr) char *name = xasprintf("%s.%s", row->section, row->name);
    _cleanup_(free_ptr) char *from =
        origin->path ? xasprintf("%s:%d", origin->path, origin->line) : xstrdup("default");

    json_add_text(object, "setting", name);
    add_value(object, row, &reading->settings);
    json_add_text(object, "unit", row->unit);
    json_add_text(object, "from", from);
    return object;
}

int ctl_config_show(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"SETTING", "setting"}, {"VALUE", "value"}, {"UNIT", "unit"}, {"FROM", "from"}};
    _cleanup_(reading_release) struct reading reading = {.gone = BUF_INIT};
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    bool changed = ctl_option(ctl, "changed") != NULL;
    int status = read_settings(ctl, &reading);

    if (status != CTL_OK)
        return status;
    for (size_t i = 0; i < settings_count; i++) {
        if (changed && !reading.origins[i].path)
            continue;
        json_object_array_add(rows, describe(&settings_rows[i], &reading, &reading.origins[i]));
    }
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns), "every setting has its default");
    return CTL_OK;
}

int ctl_check_settings(const struct settings *settings, struct error *err)
{
    return job_clone_hosts_check(settings->jobs.clone_hosts, err) < 0 ||
                   egress_always_check(settings->jobs.egress_always, err) < 0
               ? -1
               : 0;
}

int ctl_config_check(struct ctl *ctl)
{
    _cleanup_(reading_release) struct reading reading = {.gone = BUF_INIT};
    _cleanup_(json_release) json_object *object = json_object_new_object();
    struct error err = ERROR_INIT;
    int64_t set = 0;
    int status = read_settings(ctl, &reading);

    if (status != CTL_OK)
        return status;
    if (ctl_check_settings(&reading.settings, &err) < 0) {
        ctl_fail(ctl, &err);
        return CTL_CONFIG;
    }
    for (size_t i = 0; i < settings_count; i++)
        set += reading.origins[i].path != NULL;
    for (const char *line = reading.gone.data; line && *line; line += strcspn(line, "\n") + 1)
        ctl_warn(ctl, "%.*s; remove the line", (int)strcspn(line, "\n"), line);
    json_add_text(object, "file", ctl_config(ctl));
    json_add_int(object, "set", set);
    output_done(ctl_json(ctl), object, "the settings are right; files set %lld of %zu",
                (long long)set, settings_count);
    return CTL_OK;
}

/* What may be written, as the manual says it. */
static void print_range(const struct config_row *row)
{
    _cleanup_(free_ptr) char *words = row->words ? config_words(row) : NULL;
    const char *space = row->unit[0] ? " " : "";

    if (row->type == CONFIG_BOOL)
        printf("yes or no");
    else if (row->type == CONFIG_INT)
        printf("%lld to %lld%s%s", (long long)row->least, (long long)row->most, space, row->unit);
    else if (row->type == CONFIG_WORD)
        printf("%s", words);
    else
        printf("text");
}

int ctl_config_example(struct ctl *ctl)
{
    const char *section = "";

    (void)ctl;
    printf(
        "# Settings of a Codeset server. Each is shown with its default; remove the # to change\n"
        "# one. Files conf.d/*.conf in this folder are read after this one, and win. See\n"
        "# codeset.conf(5); 'codesetctl config check' finds mistakes.\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_row *row = &settings_rows[i];

        if (strcmp(section, row->section) != 0)
            printf("\n[%s]\n", section = row->section);
        printf("# %s (", row->help);
        print_range(row);
        printf(")\n#%s =%s%s\n", row->name, row->fallback[0] ? " " : "", row->fallback);
    }
    return CTL_OK;
}
