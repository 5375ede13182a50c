/*
 * A line of a data set file: what is taken is within its bounds, renders to JSON that reads back
 * the same, and has one hash.
 *
 * fuzz-sources: fcgi/ctl/sample_line.c fcgi/ctl/sample_line_write.c fcgi/ctl/sample_trial.c
 * fuzz-sources: fcgi/wire/framework.c
 * fuzz-sources: fcgi/ctl/spelling.c fcgi/base/json.c fcgi/base/clock.c fcgi/base/buf.c
 * fuzz-sources: fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c fcgi/base/crypto.c
 * fuzz-sources: fcgi/base/glob.c fcgi/base/file.c fcgi/grade/log_names.c fcgi/images/reference.c
 * fuzz-packages: json-c libcrypto
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/sample_line.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_list(json_object *object, const char *name)
{
    json_object *list = NULL;

    hold_true(json_object_object_get_ex(object, name, &list));
    hold_true(json_object_is_type(list, json_type_array));
    for (size_t i = 0; i < json_object_array_length(list); i++)
        hold_true(json_object_is_type(json_object_array_get_idx(list, i), json_type_string));
}

static void check_line(const struct sample_line *line)
{
    _cleanup_(buf_release) struct buf json = BUF_INIT, again = BUF_INIT;
    _cleanup_(json_release) json_object *object = NULL;
    unsigned char first[32], second[32];
    struct error err;

    hold_true(line->repo_path[0] == '/' && strlen(line->repo_path) <= 255);
    hold_true(line->sample_id[0] && strlen(line->sample_id) <= 190);
    hold_true(!strchr(line->sample_id, '/') && line->sample_id[0] != '.');
    sample_line_render_hashed(line, "d", 7, &json, first);
    hold_true(json_parse(json.data, json.length, &object, NULL, &err) == 0);
    hold_true(json_get_int(object, "version", 0) == 7);
    hold_true(strcmp(json_get_text(object, "patch"), line->patch) == 0);
    hold_true(strcmp(json_get_text(object, "problem_statement"), line->problem_statement) == 0);
    check_list(object, "fail_to_pass");
    check_list(object, "pass_to_pass");
    check_list(object, "fail_to_fail");
    sample_line_render_hashed(line, "d", 123456, &again, second);
    hold_true(memcmp(first, second, sizeof(first)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sample_defaults defaults = {.language = "c"};
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    _cleanup_(sample_line_release) struct sample_line line = {0};
    struct error err = ERROR_INIT;

    if (sample_line_parse(text, strlen(text), &defaults, &line, &err) == 0 &&
        sample_line_settle_folder(&line, NULL, NULL, &err) == 0)
        check_line(&line);
    else
        hold_true(err.kind == ERROR_INVALID && err.message[0]);
    return 0;
}
