/*
 * image_check.c - codesetctl image check: what a session of an image could read that it should not.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "images/images.h"
#include "store/catalog.h"

#include "base/banned.h"

static void add_sample(const struct image_answer *answer, void *arg)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "sample_id", answer->sample_id);
    json_add_text(object, "repo_path", answer->repo_path);
    json_add_text(object, "patch", answer->patch);
    json_add_text(object, "test_patch", answer->test_patch);
    json_object_array_add(arg, object);
}

int ctl_image_check(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"KIND", "kind"}, {"WHERE", "where"}, {"WHAT", "what"}};
    const char *name = ctl_argument(ctl, 0);
    _cleanup_(json_release) json_object *samples = json_object_new_array(), *findings = NULL;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    struct db *db;
    bool all = true;

    if (sample_check_image("NAME", name, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    db = ctl_db(ctl, &err);
    if (!db || store_image_answers(db, name, add_sample, samples, &err) < 0)
        return ctl_fail(ctl, &err);
    json_write(&text, samples);
    if (image_inspect(&ctl_settings(ctl)->engine, name, &text, &findings, &err) < 0)
        return ctl_fail(ctl, &err);
    if (json_object_array_length(samples) == 0)
        ctl_warn(ctl, "no sample has image '%s': only git repositories were looked at", name);
    if (json_object_array_length(samples) == IMAGE_ANSWERS_MOST) {
        ctl_warn(ctl,
                 "image '%s' has %d samples or more: of those after the first %d nothing was "
                 "looked for",
                 name, IMAGE_ANSWERS_MOST, IMAGE_ANSWERS_MOST);
        all = false;
    }
    output_rows(ctl_json(ctl), findings, columns, ARRAY_SIZE(columns),
                all ? "nothing was found" : "nothing was found in what was looked at");
    return json_object_array_length(findings) > 0 || !all ? CTL_FAILED : CTL_OK;
}
