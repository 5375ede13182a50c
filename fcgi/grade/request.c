#include "grade/request.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

struct request {
    struct grader_request wire; /* points into what follows */
    char *tool, *fault, *parser;
    char *texts[GRADER_TEXTS];
};

static void request_release(struct request *request)
{
    free(request->tool);
    free(request->fault);
    free(request->parser);
    for (size_t i = 0; i < GRADER_TEXTS; i++)
        free(request->texts[i]);
}

static int read_all(const struct reports_source *source, char *bytes, size_t size,
                    struct error *err)
{
    while (size > 0) {
        ssize_t got = source->read(source->arg, bytes, size);

        if (got <= 0)
            return error_set(err, ERROR_INVALID, "VERDICT_FAILED", "the request was cut off");
        bytes += got;
        size -= (size_t)got;
    }
    return 0;
}

static int read_head(const struct reports_source *source, struct request *request,
                     int64_t lengths[GRADER_TEXTS], struct error *err)
{
    char bytes[GRADER_LENGTH_SIZE];
    _cleanup_(free_ptr) char *head = NULL;
    int64_t length;

    if (read_all(source, bytes, sizeof(bytes), err) < 0)
        return -1;
    length = grader_head_length(bytes);
    if (length < 0)
        return error_set(err, ERROR_INVALID, "VERDICT_FAILED", "the request's head is too long");
    head = xmalloc((size_t)length);
    if (read_all(source, head, (size_t)length, err) < 0)
        return -1;
    return grader_request_parse(head, (size_t)length, &request->wire, lengths, &request->tool,
                                &request->fault, &request->parser, err);
}

static int read_request(const struct reports_source *source, struct request *request,
                        struct error *err)
{
    int64_t lengths[GRADER_TEXTS];

    if (read_head(source, request, lengths, err) < 0)
        return -1;
    for (int i = 0; i < GRADER_TEXTS; i++) {
        request->texts[i] = xmalloc((size_t)lengths[i] + 1);
        request->texts[i][lengths[i]] = '\0';
        if (read_all(source, request->texts[i], (size_t)lengths[i], err) < 0)
            return -1;
    }
    request->wire.lists.fail_to_pass = request->texts[0];
    request->wire.lists.pass_to_pass = request->texts[1];
    request->wire.lists.fail_to_fail = request->texts[2];
    request->wire.lists.held_out = request->texts[3];
    request->wire.run.out = request->texts[4];
    request->wire.run.out_length = (size_t)lengths[4];
    request->wire.run.err = request->texts[5];
    request->wire.run.err_length = (size_t)lengths[5];
    return 0;
}

void request_answer(const struct reports_source *source, struct buf *head, struct buf *result)
{
    _cleanup_(request_release) struct request request = {0};
    _cleanup_(free_ptr) char *reason = NULL;
    struct error err = ERROR_INIT;
    bool success = false;

    if (read_request(source, &request, &err) < 0 ||
        reports_verdict(source, &request.wire, result, &success, &reason, &err) < 0) {
        buf_clear(result);
        grader_answer_write_error(head, &err);
    } else {
        grader_answer_write_verdict(head, success, reason, result->length);
    }
}
