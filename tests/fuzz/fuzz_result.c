/*
 * What `codeset-grader result` is given: an archive, as it is or compressed. What it takes must
 * come out as parts that the daemon takes, of which each choice is a tar.gz with proper names.
 *
 * fuzz-sources: fcgi/grade/result.c fcgi/grade/report.c
 * fuzz-sources: fcgi/wire/grader.c fcgi/wire/head.c fcgi/wire/pax.c fcgi/wire/result.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/clock.c fcgi/base/error.c fcgi/base/json.c
 * fuzz-sources: fcgi/base/mem.c fcgi/base/random.c fcgi/base/utf8.c
 * fuzz-packages: json-c libarchive zlib
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "grade/result.h"
#include "wire/grader.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rest {
    const uint8_t *bytes;
    size_t length;
};

static ssize_t read_rest(void *arg, void *bytes, size_t size)
{
    struct rest *rest = arg;

    size = size < rest->length ? size : rest->length;
    memcpy(bytes, rest->bytes, size);
    rest->bytes += size;
    rest->length -= size;
    return (ssize_t)size;
}

static int keep(void *arg, const void *bytes, size_t length, struct error *err)
{
    (void)err;
    buf_add(arg, bytes, length);
    return 0;
}

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_name(const char *path, const char *top)
{
    size_t length = strlen(top);

    hold_true(path && utf8_valid(path, strlen(path)) && path[0] != '/');
    hold_true(strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0'));
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        hold_true(strncmp(at, "../", 3) != 0 && strcmp(at, "..") != 0);
    }
}

/* One part with the end of the archive. */
static void check_part(const struct buf *file, const struct result_part *part,
                       const struct result_part *last)
{
    struct archive *archive = archive_read_new();
    _cleanup_(buf_release) struct buf some = BUF_INIT;
    struct archive_entry *entry;
    int status;

    buf_add(&some, file->data + part->offset, (size_t)part->length);
    buf_add(&some, file->data + last->offset, (size_t)last->length);
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_tar(archive);
    hold_true(archive_read_open_memory(archive, some.data, some.length) == ARCHIVE_OK);
    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK ||
           status == ARCHIVE_WARN) {
        check_name(archive_entry_pathname(entry), part->name);
        hold_true(!archive_entry_hardlink(entry) && archive_entry_uid(entry) == 0);
        hold_true((archive_entry_perm(entry) & 07000) == 0);
    }
    hold_true(status == ARCHIVE_EOF);
    archive_read_free(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct result_limits limits = {
        .packed = 1 << 20, .unpacked = 4 << 20, .entries = 200};
    struct rest rest = {.bytes = data, .length = size};
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    _cleanup_(buf_release) struct buf file = BUF_INIT;
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    const struct result_sink sink = {.write = keep, .arg = &file};
    struct result_answer answer;
    struct error err = ERROR_INIT;

    result_answer(&source, &limits, &sink, &head);
    hold_true(grader_head_length(head.data) == (int64_t)(head.length - GRADER_LENGTH_SIZE));
    hold_true(result_answer_parse(head.data + GRADER_LENGTH_SIZE, head.length - GRADER_LENGTH_SIZE,
                                  &answer, &err) == 0);
    if (answer.error.kind != ERROR_NONE)
        return 0;
    hold_true(answer.bytes == (int64_t)file.length);
    for (size_t i = 0; i + 1 < answer.parts.count; i++)
        check_part(&file, &answer.parts.parts[i], &answer.parts.parts[answer.parts.count - 1]);
    return 0;
}
