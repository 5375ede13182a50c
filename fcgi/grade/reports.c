#include "grade/reports.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define BLOCK 65536
#define STATUS_KILLED (128 + 9)
#define STATUS_TERMINATED (128 + 15)
#define ENTRIES_MAX (4 * AGENT_REPORTS_MOST) /* with folders and what else is passed over */
#define NAMES_MAX 200000

DEFINE_CLEANUP(struct archive *, close_archive, archive_read_free)
DEFINE_CLEANUP(struct test_report *, release_report, test_report_free)

static int too_large(struct error *err)
{
    return error_set(err, ERROR_LIMIT, "REPORT_TOO_LARGE",
                     "the verifier left more than %d reports, or more than %lld bytes of them",
                     AGENT_REPORTS_MOST, (long long)REPORT_FILE_BYTES_MAX);
}

/* An archive on its way in, and how much of it may still come. */
struct input {
    const struct reports_source *source;
    int64_t left;
    bool over;
    char block[BLOCK];
};

static la_ssize_t read_block(struct archive *archive, void *arg, const void **ret_block)
{
    struct input *input = arg;
    ssize_t got = input->source->read(input->source->arg, input->block, sizeof(input->block));

    if (got < 0) {
        archive_set_error(archive, EIO, "the end of the archive is missing");
        return ARCHIVE_FATAL;
    }
    input->left -= got;
    if (input->left < 0) {
        input->over = true;
        archive_set_error(archive, EFBIG, "the archive is too large");
        return ARCHIVE_FATAL;
    }
    *ret_block = input->block;
    return got;
}

static int unreadable(const struct input *input, struct archive *archive, struct error *err)
{
    const char *reason = archive_error_string(archive);

    if (input->over)
        return too_large(err);
    return error_set(err, ERROR_INVALID, "REPORT_UNREADABLE",
                     "the verifier's reports could not be read: %s", reason ? reason : "no reason");
}

/* Only tar, and nothing compressed: what else libarchive could read nobody here sends. */
static struct archive *open_archive(struct input *input, struct error *err)
{
    _cleanup_(close_archive) struct archive *archive = archive_read_new();

    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    if (archive_read_open(archive, input, NULL, read_block, NULL) != ARCHIVE_OK) {
        unreadable(input, archive, err);
        return NULL;
    }
    return TAKE_PTR(archive);
}

static int read_content(const struct input *input, struct archive *archive, int64_t *left,
                        struct buf *content, struct error *err)
{
    char block[8192];
    la_ssize_t got;

    buf_clear(content);
    while ((got = archive_read_data(archive, block, sizeof(block))) > 0) {
        *left -= got;
        if (*left < 0)
            return too_large(err);
        buf_add(content, block, (size_t)got);
    }
    return got < 0 ? unreadable(input, archive, err) : 0;
}

static int64_t changed_at(struct archive_entry *entry)
{
    if (!archive_entry_ctime_is_set(entry))
        return 0;
    return (int64_t)archive_entry_ctime(entry) * CLOCK_SECOND +
           archive_entry_ctime_nsec(entry) / 1000;
}

/* What the reading of an archive is at. */
struct reading {
    struct input input;
    struct test_report *report;
    int64_t since;
    const struct log_parser *parser;
    int64_t left; /* bytes of fresh reports that may still come */
    struct reports_found found;
};

static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    return name ? name : "(a name that cannot be shown)";
}

static void note_stale(struct reports_found *found, const char *name)
{
    size_t length = strlen(found->stale_names), room = sizeof(found->stale_names) - length;

    if (found->stale++ > 0 && room <= sizeof("..."))
        return;
    if (snprintf(found->stale_names + length, room, "%s%s", length ? ", " : "", name) >= (int)room)
        memcpy(found->stale_names + sizeof(found->stale_names) - sizeof("..."), "...",
               sizeof("..."));
}

/* One more file of its state; is it the first of the worst? */
static bool count_file(struct reports_found *found, enum report_state state)
{
    bool is_worst = false;

    switch (state) {
    case REPORT_WHOLE:
        found->read++;
        break;
    case REPORT_FOREIGN:
        is_worst = found->broken + found->empty + found->foreign++ == 0;
        break;
    case REPORT_EMPTY:
        is_worst = found->broken + found->empty++ == 0;
        break;
    case REPORT_BROKEN:
        is_worst = found->broken++ == 0;
        break;
    }
    return is_worst;
}

/* Is it, or should it be, XML? A log begins with another character. */
static bool is_xml(const char *bytes, size_t size)
{
    size_t at = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (at < size && strchr(" \t\r\n", bytes[at]))
        at++;
    return at == size || bytes[at] == '<' || (unsigned char)bytes[0] >= 0xfe; /* UTF-16 */
}

static void add_report(struct reports_found *found, struct test_report *report,
                       const struct log_parser *parser, const char *name, const struct buf *content)
{
    char note[REPORT_NOTE_SIZE], line[REPORTS_FAULT_MAX];
    size_t length = strlen(found->notes), size = content->length;
    enum report_state state = parser && !is_xml(content->data, size)
                                  ? test_report_add_log(report, parser, content->data, size, note)
                                  : test_report_add_xml(report, content->data, size, note);

    if (note[0] == '\0') {
        count_file(found, state);
        return;
    }
    snprintf(line, sizeof(line), "%.220s%s: %s", name,
             state == REPORT_WHOLE ? " was read, but" : " cannot be read", note);
    if (count_file(found, state))
        memcpy(found->fault, line, sizeof(line));
    if (length + strlen(line) + 2 <= sizeof(found->notes))
        snprintf(found->notes + length, sizeof(found->notes) - length, "%s\n", line);
}

static int read_entry(struct reading *reading, struct archive *archive, struct archive_entry *entry,
                      struct error *err)
{
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    const char *name = name_of(entry);
    char title[220];

    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return 0;
    if (changed_at(entry) < reading->since) {
        note_stale(&reading->found, name);
        return 0;
    }
    if (++reading->found.fresh > AGENT_REPORTS_MOST)
        return too_large(err);
    if (read_content(&reading->input, archive, &reading->left, &content, err) < 0)
        return -1;
    snprintf(title, sizeof(title), "the report %.200s", name);
    add_report(&reading->found, reading->report, reading->parser, title, &content);
    return 0;
}

/* To the end of the input, not only to the archive's: whoever sends it is then never left with a
 * broken pipe. */
static int read_rest(struct input *input, struct error *err)
{
    ssize_t got;

    while ((got = input->source->read(input->source->arg, input->block, sizeof(input->block))) > 0)
        if ((input->left -= got) < 0)
            return too_large(err);
    return got == 0 ? 0
                    : error_set(err, ERROR_INVALID, "REPORT_UNREADABLE",
                                "the verifier's reports are incomplete");
}

static int read_entries(struct reading *reading, struct archive *archive, struct error *err)
{
    struct archive_entry *entry;
    int status, entries = 0;

    while ((status = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF) {
        /* A warning is about names that the locale can't show; they aren't used. */
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return unreadable(&reading->input, archive, err);
        if (++entries > ENTRIES_MAX)
            return too_large(err);
        if (read_entry(reading, archive, entry, err) < 0)
            return -1;
    }
    return read_rest(&reading->input, err);
}

int reports_read(const struct reports_source *source, int64_t since,
                 const struct log_parser *parser, struct test_report *report,
                 struct reports_found *ret_found, struct error *err)
{
    _cleanup_(free_ptr) struct reading *reading = xcalloc(1, sizeof(*reading));
    _cleanup_(close_archive) struct archive *archive = NULL;

    reading->input.source = source;
    reading->input.left = GRADER_TAR_MAX;
    reading->report = report;
    reading->since = since;
    reading->parser = parser;
    reading->left = REPORT_FILE_BYTES_MAX;
    archive = open_archive(&reading->input, err);
    if (!archive || read_entries(reading, archive, err) < 0)
        return -1;
    *ret_found = reading->found;
    return 0;
}

/* --- the verdict ----------------------------------------------------------------------------- */

struct names {
    json_object *array;
    const char **texts; /* the array's */
    size_t count;
};

static void names_release(struct names *names)
{
    free(names->texts);
    json_object_put(names->array);
}

static int names_parse(const char *json, struct names *names, struct error *err)
{
    struct error reason = ERROR_INIT;

    if (json_parse(json, strlen(json), &names->array, NULL, &reason) < 0 ||
        !json_object_is_type(names->array, json_type_array) ||
        json_object_array_length(names->array) > NAMES_MAX)
        return error_set(err, ERROR_INVALID, "SAMPLE_INVALID",
                         "the lists of tests of the sample cannot be read");
    names->texts = xcalloc(json_object_array_length(names->array) + 1, sizeof(*names->texts));
    for (size_t i = 0; i < json_object_array_length(names->array); i++) {
        json_object *item = json_object_array_get_idx(names->array, i);

        if (!json_object_is_type(item, json_type_string))
            return error_set(
                err, ERROR_INVALID, "SAMPLE_INVALID",
                "the lists of tests of the sample contain something other than strings");
        names->texts[names->count++] = json_object_get_string(item);
    }
    return 0;
}

/* What the solution did to its own verification is the one test that ran, and it failed. */
static int check_fault(const struct reports_source *source, const struct grader_request *request,
                       struct test_report *report, struct error *err)
{
    const char *tool = request->run.tool;
    char byte;

    if (source->read(source->arg, &byte, 1) > 0)
        return error_set(err, ERROR_INVALID, "VERDICT_FAILED", "a fault has no reports");
    test_report_add_case(report, "", strcmp(tool, "test_suite") == 0 ? "verifier" : tool,
                         TEST_FAILED, request->run.seconds, request->fault);
    return 0;
}

/* What can be told before the reports are read. */
static int check_run(const struct verifier_run *run, struct error *err)
{
    if (run->timed_out)
        return error_set(err, ERROR_LIMIT, "VERIFIER_TIMEOUT",
                         "the verifier did not end within %lld s", (long long)run->timeout);
    if (run->out_of_memory && run->exit_status == STATUS_KILLED)
        return error_set(err, ERROR_LIMIT, "VERIFIER_OUT_OF_MEMORY",
                         "the verifier was killed by the memory limit");
    return 0;
}

static int unreadable_reports(const struct reports_found *found, struct error *err)
{
    return error_set(err, ERROR_INVALID, "REPORT_UNREADABLE", "%s", found->fault);
}

/* Where no report is: the outputs, one behind the other, as runners write to either. Of one that is
 * too long the middle was left out, which the agent marks. */
static void read_outputs(const struct grader_request *request, const struct log_parser *parser,
                         struct test_report *report, struct reports_found *found)
{
    static const char cut[] = " bytes left out ...]\n";
    const struct verifier_run *run = &request->run;
    _cleanup_(buf_release) struct buf log = BUF_INIT;

    buf_add(&log, run->out + request->told, run->out_length - request->told);
    buf_add_char(&log, '\n');
    buf_add(&log, run->err, run->err_length);
    found->fresh++;
    if (memmem(log.data, log.length, cut, strlen(cut))) {
        found->broken++;
        snprintf(found->fault, sizeof(found->fault),
                 "the verifier's output cannot be read: it is too long, and its middle was left "
                 "out; write it to a file, and name that in report_paths");
        snprintf(found->notes, sizeof(found->notes), "%s\n", found->fault);
    }
    add_report(found, report, parser, "the verifier's output", &log);
}

static int check_found(const struct verifier_run *run, const struct reports_found *found,
                       struct test_report *report, struct error *err)
{
    bool is_suite = strcmp(run->tool, "test_suite") == 0;

    if (found->read + found->broken > 0)
        return 0;
    if (found->fresh > (is_suite ? 0 : found->foreign))
        return unreadable_reports(found, err);
    /* A tool that leaves no report says by its exit status what it found. */
    if (!is_suite) {
        test_report_add_case(report, "", run->tool,
                             run->exit_status == 0 ? TEST_PASSED : TEST_FAILED, run->seconds,
                             run->exit_status == 0 ? "" : "exit status is not 0");
        return 0;
    }
    if (run->out_of_memory)
        return error_set(err, ERROR_LIMIT, "VERIFIER_OUT_OF_MEMORY",
                         "the memory limit killed a process of the verifier, which left no report");
    if (found->stale > 0)
        return error_set(err, ERROR_INVALID, "REPORT_STALE",
                         "the verifier left no report; what is there is older than its run: %s",
                         found->stale_names);
    return error_set(err, ERROR_NOT_FOUND, "REPORT_MISSING", "the verifier left no report");
}

/* What a report lacks may be what failed: nothing that others say makes that a success. What failed
 * in what was read has failed. An empty report is one that lacks all, and the lists say what should
 * be there. */
static int check_whole(const struct reports_found *found, const struct test_report *report,
                       const struct expectation *expectation, struct error *err)
{
    if (found->broken + (grade_has_lists(expectation) ? 0 : found->empty) == 0 ||
        grade_has_failed(report, expectation))
        return 0;
    return unreadable_reports(found, err);
}

/* A verifier that was killed did not write what is there, or not to its end: whoever can kill it
 * can write reports, too. */
static bool was_killed(const struct verifier_run *run)
{
    return run->exit_status == STATUS_KILLED || run->exit_status == STATUS_TERMINATED;
}

static bool judge_report(const struct test_report *report, const struct expectation *expectation,
                         const struct grader_request *request, char **ret_reason)
{
    if (request->fault)
        *ret_reason = xstrdup(request->fault);
    else if (!grade(report, expectation, ret_reason))
        return false;
    else if (was_killed(&request->run))
        *ret_reason =
            xasprintf("the verifier was killed: its status is %d", request->run.exit_status);
    else
        return true;
    return false;
}

/* What the result's stderr begins with, before the verifier's own: why there is no success, and
 * which reports were not read as they are. A fault is told in stdout. */
static void add_explanation(struct buf *out, const struct test_report *report,
                            const struct expectation *expectation, const char *reason,
                            const char *notes)
{
    if (!reason && !notes[0])
        return;
    buf_addf(out, "--- %s ---\n", reason ? "no success" : "reports");
    if (reason)
        grade_explain(out, report, expectation, reason);
    buf_addf(out, "%s---\n", notes);
}

static int read_all_reports(const struct reports_source *source,
                            const struct grader_request *request, struct test_report *report,
                            struct reports_found *found, struct error *err)
{
    const struct log_parser *parser =
        request->log_parser ? log_parser_find(request->log_parser) : NULL;

    if (request->log_parser && !parser)
        return error_set(err, ERROR_INVALID, "SAMPLE_INVALID",
                         "the sample's log_parser '%.60s' is not known", request->log_parser);
    if (reports_read(source, request->since, parser, report, found, err) < 0)
        return -1;
    if (parser && found->fresh == 0 && strcmp(request->run.tool, "test_suite") == 0)
        read_outputs(request, parser, report, found);
    return check_found(&request->run, found, report, err);
}

int reports_verdict(const struct reports_source *source, const struct grader_request *request,
                    struct buf *result, bool *ret_success, char **ret_reason, struct error *err)
{
    _cleanup_(release_report) struct test_report *report = test_report_new();
    _cleanup_(names_release) struct names fail_to_pass = {0};
    _cleanup_(names_release) struct names pass_to_pass = {0};
    _cleanup_(names_release) struct names fail_to_fail = {0};
    _cleanup_(names_release) struct names held_out = {0};
    const struct verifier_run *run = &request->run;
    _cleanup_(buf_release) struct buf err_text = BUF_INIT;
    struct reports_found found = {0};
    struct expectation expectation;

    if ((!request->fault && check_run(run, err) < 0) ||
        names_parse(request->lists.fail_to_pass, &fail_to_pass, err) < 0 ||
        names_parse(request->lists.pass_to_pass, &pass_to_pass, err) < 0 ||
        names_parse(request->lists.fail_to_fail, &fail_to_fail, err) < 0 ||
        names_parse(request->lists.held_out ? request->lists.held_out : "[]", &held_out, err) < 0)
        return -1;
    if (request->fault ? check_fault(source, request, report, err) < 0
                       : read_all_reports(source, request, report, &found, err) < 0)
        return -1;
    expectation = (struct expectation){
        .fail_to_pass = fail_to_pass.texts,
        .fail_to_pass_count = fail_to_pass.count,
        .pass_to_pass = pass_to_pass.texts,
        .pass_to_pass_count = pass_to_pass.count,
        .fail_to_fail = fail_to_fail.texts,
        .fail_to_fail_count = fail_to_fail.count,
        .held_out = held_out.texts,
        .held_out_count = held_out.count,
        .hide_lists = request->lists.hidden,
        .exact = request->exact_outcomes,
        .verifier_succeeded = run->exit_status == 0,
    };
    /* "Without a report the exit status is the verdict": the lists name tests of a report. */
    if (found.read + found.broken == 0 &&
        (!request->fault || strcmp(run->tool, "test_suite") != 0)) {
        expectation.fail_to_pass_count = 0;
        expectation.pass_to_pass_count = 0;
        expectation.fail_to_fail_count = 0;
        expectation.held_out_count = 0;
    }
    if (!request->fault && check_whole(&found, report, &expectation, err) < 0)
        return -1;
    *ret_success = judge_report(report, &expectation, request, ret_reason);
    if (!request->fault)
        grade_hide(report, &expectation);
    if (!request->fault)
        add_explanation(&err_text, report, &expectation, *ret_success ? NULL : *ret_reason,
                        held_out.count > 0 ? "" : found.notes); /* files' names */
    if (!request->hide_output)
        buf_add(&err_text, run->err, run->err_length);
    grade_add_missing(report, &expectation);
    grade_result(result, report, *ret_success, run->seconds, run->out,
                 request->hide_output ? request->told : run->out_length, err_text.data,
                 err_text.length);
    if (result->length > (size_t)GRADER_RESULT_MAX)
        return error_set(err, ERROR_LIMIT, "REPORT_TOO_LARGE",
                         "the verifier's reports would give a result of more than %lld MiB",
                         (long long)GRADER_RESULT_MAX >> 20);
    return 0;
}
