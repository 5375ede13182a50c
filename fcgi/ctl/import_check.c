#include "ctl/import_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/output.h"
#include "dataset/test_names.h"
#include "images/image_store.h"
#include "images/pull.h"

#include "base/banned.h"

#define NAMES_SHOWN 2 /* of a list's faults */

void import_check_release(struct import_check *check)
{
    json_object_put(check->rows);
    json_object_put(check->folders);
    json_object_put(check->asked);
    /* What a pull left for the next one is not this one's to remove. */
    pull_close(check->pull, check->pull && pull_found_layers(check->pull));
    json_object_put(check->to_ask);
    check->rows = check->folders = check->asked = check->to_ask = NULL;
    check->pull = NULL;
}

/* The row, which is check->rows'; NULL: rows are only counted. */
static json_object *add_row(struct import_check *check, int64_t line, const char *sample_id,
                            const char *fate, json_object *reasons, json_object *remarks)
{
    json_object *row;

    if (!check->rows)
        return NULL;
    row = json_object_new_object();
    json_add_int(row, "line", line);
    json_add_text(row, "sample_id", sample_id);
    json_add_text(row, "fate", fate);
    json_add(row, "reasons", json_object_get(reasons));
    json_add(row, "remarks", remarks ? json_object_get(remarks) : json_object_new_array());
    json_object_array_add(check->rows, row);
    return row;
}

static void add_reason(json_object *reasons, const char *text, size_t length)
{
    json_object_array_add(reasons, json_object_new_string_len(text, (int)length));
}

/* --- names that are no test ------------------------------------------------------------------ */

typedef const char *name_check(const char *language, const char *name);

/* What the check finds in a list. */
static void check_names(const char *field, const char *language, json_object *list,
                        name_check *look, json_object *reasons)
{
    _cleanup_(buf_release) struct buf said = BUF_INIT;
    size_t found = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, i));
        const char *what = look(language, name);

        if (what && found++ < NAMES_SHOWN)
            buf_addf(&said, "%s'%.120s' %s", said.length ? ", " : "", name, what);
    }
    if (found > NAMES_SHOWN)
        buf_addf(&said, ", and %zu more", found - NAMES_SHOWN);
    if (found > 0) {
        _cleanup_(buf_release) struct buf reason = BUF_INIT;

        buf_addf(&reason, "%s: %s", field, said.data);
        add_reason(reasons, reason.data, reason.length);
    }
}

static void check_list(const char *field, const struct sample_line *sample, const char *text,
                       json_object *never, json_object *remarks)
{
    /* Its log calls a test by the first line of its description. */
    const bool has_sentences = sample->log_parser && strcmp(sample->log_parser, "unittest") == 0;
    const char *language = sample->language;
    _cleanup_(json_release) json_object *list = NULL;

    /* An import has many samples: what is not needed is not read. */
    if (!test_names_known(language))
        return;
    list = json_tokener_parse(text);
    if (!has_sentences)
        check_names(field, language, list, test_name_fault, never);
    check_names(field, language, list, test_name_remark, remarks);
}

/* --- what is not there ----------------------------------------------------------------------- */

/* The word for another architecture than this host's in a reference, or NULL: makers of data sets
 * have it in the names of their images. */
static const char *other_architecture(const char *reference)
{
    static const struct {
        const char *machine, *word; /* the machine as uname(2) has it */
    } words[] = {
        {"x86_64", "x86_64"}, {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"aarch64", "aarch64"}};
    struct utsname host;

    if (!reference || uname(&host) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const char *at = strstr(reference, words[i].word);

        if (at && strcmp(words[i].machine, host.machine) != 0 &&
            (at == reference || strchr("./:_-", at[-1])) &&
            strchr("./:_-", at[strlen(words[i].word)])) /* the end, too */
            return words[i].word;
    }
    return NULL;
}

/* What the registry says of it, asked once. */
static json_object *ask(struct import_check *check, const char *reference)
{
    json_object *answer = NULL;
    struct error err = ERROR_INIT;

    if (!check->asked)
        check->asked = json_object_new_object();
    if (json_object_object_get_ex(check->asked, reference, &answer))
        return answer;
    answer = json_object_new_object();
    pull_look(check->pull, reference, &err);
    json_add_bool(answer, "missing", err.kind == ERROR_NOT_FOUND);
    json_add_text(answer, "reason", err.kind == ERROR_NONE ? NULL : err.message);
    json_add(check->asked, reference, answer);
    return answer;
}

/* Of an image that is not in the store. other: as above. */
static void add_missing(const char *image, const char *reference, const char *other,
                        json_object *reasons)
{
    _cleanup_(buf_release) struct buf reason = BUF_INIT;

    if (other)
        buf_addf(&reason,
                 "the image '%s' for this host's architecture: a registry has one for %s, as %s",
                 image, other, reference);
    else
        buf_addf(&reason, "the image '%s', which is not in the image store%s%s", image,
                 reference ? "; a registry has it as " : "", reference ? reference : "");
    add_reason(reasons, reason.data, reason.length);
}

/* Returns whether its registry is to be asked first. */
static bool check_image(const struct import_check *check, const char *image, const char *reference,
                        json_object *missing, json_object *reasons)
{
    static const char none[] = "an image: the row names none (--image, --image-map)";
    const char *other = other_architecture(reference);

    if (!image)
        add_reason(reasons, none, strlen(none));
    else if (!json_object_object_get_ex(missing, image, NULL))
        return false;
    else if (check->pull && reference && !other)
        return true;
    else
        add_missing(image, reference, other, reasons);
    return false;
}

static bool lacks_folder(struct import_check *check, const char *image, const char *folder)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;
    json_object *known = NULL;

    if (!check->folders)
        check->folders = json_object_new_object();
    buf_addf(&key, "%s %s", image, folder);
    if (!json_object_object_get_ex(check->folders, key.data, &known)) {
        known = json_object_new_boolean(image_lacks_folder(check->image_dir, image, folder));
        json_add(check->folders, key.data, known);
    }
    return json_object_get_boolean(known);
}

static void check_folder(struct import_check *check, const char *image, const char *folder,
                         json_object *missing, json_object *reasons)
{
    _cleanup_(buf_release) struct buf reason = BUF_INIT;

    if (!check->image_dir || !image || json_object_object_get_ex(missing, image, NULL) ||
        !lacks_folder(check, image, folder))
        return;
    buf_addf(&reason,
             "the repository's folder %s, which the image '%s' lacks; name the right one in "
             "repo_path",
             folder, image);
    add_reason(reasons, reason.data, reason.length);
}

static void add_needs(const char *needs, json_object *reasons)
{
    _cleanup_(json_release) json_object *list = needs ? json_tokener_parse(needs) : NULL;

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        json_object_array_add(reasons, json_object_get(json_object_array_get_idx(list, i)));
}

static void settle(struct import_check *check, json_object *row, json_object *never,
                   json_object *lacks)
{
    const char *fate = "ready";

    if (json_object_array_length(never) > 0) {
        check->hopeless++;
        fate = "hopeless";
        lacks = never;
    } else if (json_object_array_length(lacks) > 0) {
        check->lacking++;
        fate = "needs";
    } else {
        check->ready++;
    }
    if (row) {
        json_add_text(row, "fate", fate);
        json_add(row, "reasons", json_object_get(lacks));
    }
}

static void ask_later(struct import_check *check, const struct sample_line *sample,
                      json_object *row, json_object *never, json_object *lacks)
{
    json_object *entry = json_object_new_object();

    json_add(entry, "row", json_object_get(row));
    json_add(entry, "never", json_object_get(never));
    json_add(entry, "lacks", json_object_get(lacks));
    json_add_text(entry, "image", sample->image);
    json_add_text(entry, "reference", sample->image_reference);
    if (!check->to_ask)
        check->to_ask = json_object_new_array();
    json_object_array_add(check->to_ask, entry);
}

void import_check_sample(struct import_check *check, int64_t line, const struct sample_line *sample,
                         json_object *missing)
{
    _cleanup_(json_release) json_object *never = json_object_new_array();
    _cleanup_(json_release) json_object *lacks = json_object_new_array();
    _cleanup_(json_release) json_object *remarks = json_object_new_array();
    json_object *row;
    bool asks;

    check_list("fail_to_pass", sample, sample->fail_to_pass, never, remarks);
    check_list("pass_to_pass", sample, sample->pass_to_pass, never, remarks);
    asks = check_image(check, sample->image, sample->image_reference, missing, lacks);
    check_folder(check, sample->image, sample->repo_path, missing, lacks);
    if (sample->verifier_image) {
        check_image(check, sample->verifier_image, NULL, missing, lacks);
        check_folder(check, sample->verifier_image, sample->repo_path, missing, lacks);
    }
    add_needs(sample->needs, lacks);
    row = add_row(check, line, sample->sample_id, "unknown", lacks, remarks);
    if (asks)
        ask_later(check, sample, row, never, lacks);
    else
        settle(check, row, never, lacks);
}

static void ask_for(struct import_check *check, json_object *entry)
{
    const char *image = json_get_text(entry, "image");
    const char *reference = json_get_text(entry, "reference");
    json_object *never = json_object_object_get(entry, "never");
    json_object *others = json_object_object_get(entry, "lacks");
    _cleanup_(json_release) json_object *lacks = json_object_new_array();
    json_object *answer = ask(check, reference);
    const char *reason = json_get_text(answer, "reason");
    bool missing = json_object_get_boolean(json_object_object_get(answer, "missing"));
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (reason) {
        buf_addf(&text, "the image %s, %s (%s)", reference,
                 missing ? "which its registry does not have"
                         : "of which its registry cannot be asked",
                 reason);
        add_reason(missing ? never : lacks, text.data, text.length);
    } else {
        add_missing(image, reference, NULL, lacks);
    }
    for (size_t i = 0; i < json_object_array_length(others); i++)
        json_object_array_add(lacks, json_object_get(json_object_array_get_idx(others, i)));
    settle(check, json_object_object_get(entry, "row"), never, lacks);
}

void import_check_ask(struct import_check *check)
{
    for (size_t i = 0; check->to_ask && i < json_object_array_length(check->to_ask); i++)
        ask_for(check, json_object_array_get_idx(check->to_ask, i));
    json_object_put(check->to_ask);
    check->to_ask = NULL;
}

void import_check_bad(struct import_check *check, int64_t line, const char *reason)
{
    _cleanup_(json_release) json_object *reasons = json_object_new_array();

    check->bad++;
    add_reason(reasons, reason, strlen(reason));
    add_row(check, line, NULL, "bad", reasons, NULL);
}

bool import_check_failed(const struct import_check *check)
{
    return check->rows && check->lacking + check->hopeless + check->bad > 0;
}

/* --- what is told ---------------------------------------------------------------------------- */

void import_check_add(const struct import_check *check, json_object *object)
{
    json_add_int(object, "ready", check->ready);
    json_add_int(object, "needing", check->lacking);
    json_add_int(object, "hopeless", check->hopeless);
    if (check->rows)
        json_add(object, "rows", json_object_get(check->rows));
}

static void print_row(json_object *row)
{
    const char *sample_id = json_get_text(row, "sample_id");
    json_object *reasons = json_object_object_get(row, "reasons");
    json_object *remarks = json_object_object_get(row, "remarks");
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_addf(&text, "%" PRId64 " %s %s", json_get_int(row, "line", 0), sample_id ? sample_id : "-",
             json_get_text(row, "fate"));
    for (size_t i = 0; i < json_object_array_length(reasons); i++)
        buf_addf(&text, "%s %s", i ? ";" : ":",
                 json_object_get_string(json_object_array_get_idx(reasons, i)));
    for (size_t i = 0; i < json_object_array_length(remarks); i++)
        buf_addf(&text, " (%s)", json_object_get_string(json_object_array_get_idx(remarks, i)));
    output_block(text.data);
}

void import_check_print(const struct import_check *check, const char *format)
{
    for (size_t i = 0; check->rows && i < json_object_array_length(check->rows); i++)
        print_row(json_object_array_get_idx(check->rows, i));
    printf("format %s: %" PRId64 " can be run, %" PRId64 " need something first, %" PRId64
           " can never succeed\n",
           format ? format : "unknown", check->ready, check->lacking, check->hopeless);
}
