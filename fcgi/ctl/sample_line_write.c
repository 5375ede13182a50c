#include "ctl/sample_line.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"

#include "base/banned.h"

static void add_member(struct buf *json, const char *name, const char *text)
{
    buf_addf(json, "%s\"%s\":", json->data[json->length - 1] == '{' ? "" : ",", name);
    if (text)
        json_write_string(json, text, strlen(text));
    else
        buf_add_str(json, "null");
}

/* Of the version, in the text. */
struct place {
    size_t from, to;
};

static struct place render(const struct sample_line *line, const char *dataset, int64_t version,
                           bool answers, struct buf *json)
{
    char created_at[CLOCK_TEXT_SIZE];
    struct place place;

    buf_add_char(json, '{');
    add_member(json, "sample_id", line->sample_id);
    add_member(json, "description", line->description);
    add_member(json, "language", line->language);
    add_member(json, "verifier", line->verifier);
    add_member(json, "dataset", dataset);
    buf_add_str(json, ",\"version\":");
    place.from = json->length;
    buf_addf(json, "%lld", (long long)version);
    place.to = json->length;
    add_member(json, "version_description", line->version_description);
    buf_add_str(json, ",\"latest\":true");
    add_member(json, "created_at",
               line->created_at ? clock_format(line->created_at, created_at) : NULL);
    add_member(json, "instance_id", line->instance_id);
    add_member(json, "repo", line->repo);
    add_member(json, "base_commit", line->base_commit);
    add_member(json, "patch", answers ? line->patch : "");
    add_member(json, "non_code_patch", answers ? line->non_code_patch : "");
    add_member(json, "test_patch", answers ? line->test_patch : "");
    add_member(json, "problem_statement", line->problem_statement);
    add_member(json, "hints_text", line->hints_text);
    add_member(json, "environment_setup_commit", line->environment_setup_commit);
    buf_addf(json, ",\"fail_to_pass\":%s,\"pass_to_pass\":%s,\"fail_to_fail\":%s}",
             answers ? line->fail_to_pass : "[]", answers ? line->pass_to_pass : "[]",
             answers ? line->fail_to_fail : "[]");
    return place;
}

void sample_line_render(const struct sample_line *line, const char *dataset, int64_t version,
                        bool answers, struct buf *json)
{
    render(line, dataset, version, answers, json);
}

/* Without them the hash is as it was before there were any. */
static void add_newer(const struct sample_line *line, struct buf *text)
{
    if (line->log_parser)
        add_member(text, "log_parser", line->log_parser);
    if (line->trial)
        add_member(text, "trial", line->trial);
    if (line->image_reference)
        add_member(text, "image_reference", line->image_reference);
    if (strcmp(line->held_out, "[]") != 0)
        add_member(text, "held_out", line->held_out);
    if (strcmp(line->restore, "[]") != 0)
        add_member(text, "restore", line->restore);
    if (line->hides_answers)
        add_member(text, "answers", "hidden");
    if (line->solution)
        add_member(text, "solution", line->solution);
    if (line->setup_command)
        add_member(text, "setup_command", line->setup_command);
    if (line->needs)
        buf_addf(text, ",\"needs\":%s", line->needs);
    if (line->exact_outcomes)
        buf_add_str(text, ",\"exact_outcomes\":true");
}

void sample_line_render_hashed(const struct sample_line *line, const char *dataset, int64_t version,
                               struct buf *json, unsigned char digest[SHA256_SIZE])
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct place place = render(line, dataset, version, true, json);

    /* The version is no part of the content: 0 stands in its place. */
    buf_add(&text, json->data, place.from);
    buf_add_char(&text, '0');
    buf_add(&text, json->data + place.to, json->length - place.to);
    buf_add_char(&text, '{');
    add_member(&text, "image", line->image);
    add_member(&text, "verifier_image", line->verifier_image);
    add_member(&text, "repo_path", line->repo_path);
    add_member(&text, "verifier_command", line->verifier_command);
    add_newer(line, &text);
    buf_addf(&text, ",\"report_paths\":%s,\"verify_timeout\":%lld%s}", line->report_paths,
             (long long)line->verify_timeout,
             line->hide_verifier_output ? ",\"hide_verifier_output\":true" : "");
    sha256(text.data, text.length, digest);
}
