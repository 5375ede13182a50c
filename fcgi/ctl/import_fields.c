#include "ctl/import_fields.h"

#include <inttypes.h>

#include "base/json.h"

#include "base/banned.h"

#define FIELDS_MOST 100 /* that are remembered, of an import */

struct note {
    json_object *seen;
    int64_t line;
};

static void note_field(const char *name, const char *meant, void *arg)
{
    const struct note *note = arg;
    json_object *field = NULL;

    if (json_object_object_get_ex(note->seen, name, &field)) {
        json_add_int(field, "lines", json_get_int(field, "lines", 0) + 1);
        return;
    }
    if (json_object_object_length(note->seen) >= FIELDS_MOST)
        return;
    field = json_object_new_object();
    json_add_text(field, "field", name);
    json_add_text(field, "meant", meant);
    json_add_int(field, "first_line", note->line);
    json_add_int(field, "lines", 1);
    json_add(note->seen, name, field);
}

void import_fields_note(json_object *seen, int64_t line, const struct sample_line *sample)
{
    sample_line_unknown(sample, note_field, &(struct note){.seen = seen, .line = line});
}

static void refuse_field(const char *name, const char *meant, void *arg)
{
    struct error *why = arg;

    if (why->kind == ERROR_NONE)
        error_set(why, ERROR_INVALID, NULL, "%.64s: unknown field%s%s%s", name,
                  meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

int import_fields_refuse(const struct sample_line *sample, struct error *err)
{
    struct error why = ERROR_INIT;

    sample_line_unknown(sample, refuse_field, &why);
    if (why.kind == ERROR_NONE)
        return 0;
    *err = why;
    return -1;
}

void import_fields_warn(struct ctl *ctl, json_object *seen)
{
    json_object_object_foreach (seen, name, field) {
        const char *meant = json_get_text(field, "meant");
        int64_t lines = json_get_int(field, "lines", 0);

        if (!meant)
            continue;
        ctl_warn(ctl,
                 "unknown field '%.64s' was ignored in %" PRId64 " line%s, first in line %" PRId64
                 "; did you mean '%s'?",
                 name, lines, lines == 1 ? "" : "s", json_get_int(field, "first_line", 0), meant);
    }
}

json_object *import_fields_list(json_object *seen)
{
    json_object *list = json_object_new_array();

    json_object_object_foreach (seen, name, field) {
        (void)name;
        json_object_array_add(list, json_object_get(field));
    }
    return list;
}
