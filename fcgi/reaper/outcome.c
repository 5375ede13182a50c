#include "reaper/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define STATUS_KILLED (128 + 9)
#define STATUS_TIMEOUT 124
#define MESSAGE_MAX 1000

void outcome_release(struct outcome *outcome)
{
    free(outcome->texts);
    free(outcome->message);
    memset(outcome, 0, sizeof(*outcome));
}

size_t outcome_size(const struct outcome *outcome)
{
    return outcome->result.out_length + outcome->result.err_length;
}

/* Makes any text acceptable to the database. */
static char *copy_message(const char *text)
{
    struct buf message = BUF_INIT;

    utf8_sanitize(&message, text, strnlen(text, MESSAGE_MAX));
    return buf_take(&message);
}

static void add_sentence(struct buf *message, const char *text)
{
    if (message->length > 0)
        buf_add_str(message, "; ");
    buf_add_str(message, text);
}

/* What the number does not say. */
static char *explain(const struct agent_result *result, const struct outcome_limits *limits)
{
    struct buf message = BUF_INIT;

    if (result->end == AGENT_END_TIMEOUT)
        buf_addf(&message, "timed out after %lld s", (long long)limits->seconds);
    if (limits->oom_kills > 0 && result->end == AGENT_END_EXIT &&
        result->exit_status == STATUS_KILLED)
        add_sentence(&message, "killed by the memory limit");
    else if (limits->oom_kills > 0)
        add_sentence(&message,
                     "the memory limit killed a process in the container while the command ran");
    if (limits->refusals > 0) {
        _cleanup_(free_ptr) char *said =
            xasprintf("the limit of %lld processes kept new processes from being started while the "
                      "command ran",
                      (long long)limits->processes);

        add_sentence(&message, said);
    }
    if (result->message) {
        _cleanup_(free_ptr) char *said = copy_message(result->message);

        add_sentence(&message, said);
    }
    if (result->out_truncated)
        add_sentence(&message, "stdout is truncated: the middle was removed");
    if (result->err_truncated)
        add_sentence(&message, "stderr is truncated: the middle was removed");
    return message.length > 0 ? buf_take(&message) : NULL;
}

void outcome_of_failure(const char *message, struct outcome *ret_outcome)
{
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    ret_outcome->message = copy_message(message);
    ret_outcome->result = (struct interaction_result){
        .platform_failed = true,
        .exit_code = EXIT_CODE_PLATFORM,
        .seconds = -1,
        .size_bytes = -1,
        .message = ret_outcome->message,
    };
}

void outcome_of_command(const struct agent_result *result, const struct outcome_limits *limits,
                        struct outcome *ret_outcome)
{
    struct outcome outcome = {0};

    if (result->end == AGENT_END_FAILED) {
        outcome_of_failure(result->message ? result->message : "the command could not be started",
                           ret_outcome);
        return;
    }
    outcome.texts = buf_take(result->texts);
    outcome.message = explain(result, limits);
    outcome.result = (struct interaction_result){
        .exit_code = result->end == AGENT_END_TIMEOUT ? STATUS_TIMEOUT : result->exit_status,
        .out = outcome.texts,
        .out_length = result->out_length,
        .err = outcome.texts + result->out_length,
        .err_length = result->err_length,
        .seconds = result->seconds,
        .success = result->end == AGENT_END_EXIT && result->exit_status == 0,
        .message = outcome.message,
        .size_bytes = -1,
    };
    *ret_outcome = outcome;
}

void outcome_of_unknown(struct outcome *ret_outcome)
{
    outcome_of_failure(
        "the server failed while the file was being changed; it may have been changed, so look "
        "at the file before trying again",
        ret_outcome);
}

void outcome_of_file(bool success, const char *message, int64_t size_bytes, double seconds,
                     struct outcome *ret_outcome)
{
    struct outcome outcome = {0};

    outcome.message = message ? copy_message(message) : NULL;
    outcome.result = (struct interaction_result){
        .exit_code = success ? 0 : 1,
        .seconds = seconds,
        .success = success,
        .message = outcome.message,
        .size_bytes = success ? size_bytes : -1,
    };
    *ret_outcome = outcome;
}
