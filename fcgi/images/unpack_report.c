#include "images/unpack_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/account.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define RECORD_MOST UNPACK_ENV_BYTES_MOST
#define HEAD_SIZE (1 + sizeof(uint32_t))

enum word {
    WORD_PROGRESS = 'p', /* int64_t: bytes read */
    WORD_FAILED = 'f',   /* the kind, 'r' if the image is refused, the message */
    WORD_BYTES = 'b',    /* int64_t: of the image */
    WORD_ENV_BEGINS = 'v',
    WORD_ENV = 'e',     /* one variable */
    WORD_WORKDIR = 'w', /* a path */
    WORD_USER = 'u',
    WORD_ENTRYPOINT = 'n', /* one of its arguments */
    WORD_SCRUBBED = 's',   /* int64_t: git repositories */
    WORD_FINDING = 'i',    /* kind, where and what, with NUL between */
    WORD_DONE = 'd',
};

void unpacked_release(struct unpacked *unpacked)
{
    json_object_put(unpacked->env);
    json_object_put(unpacked->entrypoint);
    free(unpacked->workdir);
    json_object_put(unpacked->findings);
    free(unpacked->user);
    memset(unpacked, 0, sizeof(*unpacked));
}

/* --- the writer ------------------------------------------------------------------------------ */

static void put(int fd, enum word word, const void *bytes, size_t size)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;
    const uint32_t length = (uint32_t)size;
    struct error ignored;

    buf_add_char(&record, (char)word);
    buf_add(&record, &length, sizeof(length));
    buf_add(&record, bytes, size);
    fd_write_all(fd, record.data, record.length, &ignored);
}

void unpack_report_progress(int fd, int64_t bytes)
{
    put(fd, WORD_PROGRESS, &bytes, sizeof(bytes));
}

void unpack_report_finding(int fd, const char *kind, const char *where, const char *what)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add(&text, kind, strlen(kind) + 1);
    buf_add(&text, where, strlen(where) + 1);
    buf_add_str(&text, what);
    put(fd, WORD_FINDING, text.data, text.length < RECORD_MOST ? text.length : RECORD_MOST);
}

void unpack_report_failure(int fd, const struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add_char(&text, (char)('0' + (int)err->kind));
    buf_add_char(&text, error_has_code(err, "IMAGE_REFUSED") ? 'r' : '-');
    buf_add_str(&text, err->message);
    put(fd, WORD_FAILED, text.data, text.length);
}

static void put_all(int fd, enum word word, json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        put(fd, word, json_object_get_string(item), (size_t)json_object_get_string_len(item));
    }
}

void unpack_report_success(int fd, const struct unpacked *unpacked)
{
    put(fd, WORD_BYTES, &unpacked->bytes, sizeof(unpacked->bytes));
    if (unpacked->env != NULL) {
        put(fd, WORD_ENV_BEGINS, "", 0);
        put_all(fd, WORD_ENV, unpacked->env);
    }
    if (unpacked->workdir != NULL)
        put(fd, WORD_WORKDIR, unpacked->workdir, strlen(unpacked->workdir));
    put(fd, WORD_SCRUBBED, &unpacked->scrubbed, sizeof(unpacked->scrubbed));
    if (unpacked->user != NULL)
        put(fd, WORD_USER, unpacked->user, strlen(unpacked->user));
    if (unpacked->entrypoint != NULL)
        put_all(fd, WORD_ENTRYPOINT, unpacked->entrypoint);
    put(fd, WORD_DONE, "", 0);
}

/* --- the reader ------------------------------------------------------------------------------ */

static int not_itself(struct error *err)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the program that unpacks it said what it never says; the archive may be an "
                     "attack on it");
}

/* As a precision of printf: whole characters, of at most so many bytes. */
static int at_most(const struct buf *text, size_t most)
{
    return (int)utf8_valid_length(text->data, text->length < most ? text->length : most);
}

static int refuse(struct error *err, const char *why)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "%s", why);
}

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) == NULL && utf8_valid(text, size);
}

static void take_failure(struct unpack_reader *reader, const char *text, size_t size)
{
    const int kind = text[0] - '0';
    _cleanup_(buf_release) struct buf message = BUF_INIT;

    /* Names come from the archive, and a terminal would obey some of their characters. */
    utf8_printable(&message, text + 2, size - 2);
    error_set(&reader->failure,
              kind > ERROR_NONE && kind <= ERROR_INTERNAL ? (enum error_kind)kind : ERROR_INTERNAL,
              text[1] == 'r' ? "IMAGE_REFUSED" : NULL, "%s", message.data);
    reader->failed = true;
}

static int take_variable(struct unpack_reader *reader, const char *text, size_t size,
                         struct error *err)
{
    json_object *env = reader->unpacked.env;

    if (env == NULL)
        return not_itself(err);
    reader->env_bytes += size;
    if (reader->env_bytes > UNPACK_ENV_BYTES_MOST ||
        json_object_array_length(env) == UNPACK_ENV_COUNT_MOST)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image's environment has more than %d variables or %d KiB",
                         UNPACK_ENV_COUNT_MOST, UNPACK_ENV_BYTES_MOST >> 10);
    if (!is_text(text, size))
        return refuse(err, "an environment variable of the image is not a text");
    json_object_array_add(env, json_object_new_string_len(text, (int)size));
    return 0;
}

/* A working directory in /proc or /dev leads to descriptors of whoever starts there. */
static bool workdir_is_odd(const char *path)
{
    static const char *const refused[] = {"/proc", "/dev", "/sys"};

    if (path[0] != '/' || strlen(path) > 4095 || strstr(path, "/../") != NULL ||
        strstr(path, "/./") != NULL ||
        (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
        return true;
    path += strspn(path, "/") - 1;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        size_t length = strlen(refused[i]);

        if (strncmp(path, refused[i], length) == 0 && (path[length] == '/' || !path[length]))
            return true;
    }
    return false;
}

static int take_workdir(struct unpack_reader *reader, const char *text, size_t size,
                        struct error *err)
{
    if (reader->unpacked.workdir != NULL)
        return not_itself(err);
    if (!is_text(text, size))
        return refuse(err, "the image's working directory is not a text");
    reader->unpacked.workdir = xstrndup(text, size);
    if (workdir_is_odd(reader->unpacked.workdir)) {
        _cleanup_(buf_release) struct buf shown = BUF_INIT;

        utf8_printable(&shown, text, size);
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the working directory %.*s is not allowed", at_most(&shown, 200),
                         shown.data);
    }
    return 0;
}

/* Paths and names are the image's: a terminal would obey some of their characters. */
static int take_finding(struct unpack_reader *reader, const char *text, size_t size,
                        struct error *err)
{
    static const char *const names[] = {"kind", "where", "what"};
    json_object *finding;

    if (!reader->unpacked.findings)
        reader->unpacked.findings = json_object_new_array();
    if (json_object_array_length(reader->unpacked.findings) == UNPACK_FINDINGS_MOST)
        return not_itself(err);
    finding = json_object_new_object();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(buf_release) struct buf shown = BUF_INIT;
        size_t length = strnlen(text, size);

        utf8_printable(&shown, text, length);
        json_add_text(finding, names[i], shown.length > 0 ? shown.data : "");
        length += length < size;
        text += length;
        size -= length;
    }
    json_object_array_add(reader->unpacked.findings, finding);
    return 0;
}

static int take_user(struct unpack_reader *reader, const char *text, size_t size, struct error *err)
{
    _cleanup_(free_ptr) char *user = xstrndup(text, size);
    _cleanup_(buf_release) struct buf shown = BUF_INIT;

    if (reader->unpacked.user != NULL)
        return not_itself(err);
    if (is_text(text, size) && account_spec_valid(user)) {
        reader->unpacked.user = TAKE_PTR(user);
        return 0;
    }
    utf8_printable(&shown, text, size);
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the image's user '%.*s' is not the name or number of a user; give another "
                     "with --user",
                     at_most(&shown, 80), shown.data);
}

static int take_argument(struct unpack_reader *reader, const char *text, size_t size,
                         struct error *err)
{
    if (reader->unpacked.entrypoint == NULL)
        reader->unpacked.entrypoint = json_object_new_array();
    reader->entrypoint_bytes += size;
    if (reader->entrypoint_bytes > UNPACK_ENTRYPOINT_BYTES_MOST ||
        json_object_array_length(reader->unpacked.entrypoint) == AGENT_ENTRYPOINT_MOST)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image's entry point has more than %d arguments or %d KiB",
                         AGENT_ENTRYPOINT_MOST, UNPACK_ENTRYPOINT_BYTES_MOST >> 10);
    if (!is_text(text, size))
        return refuse(err, "an argument of the image's entry point is not a text");
    json_object_array_add(reader->unpacked.entrypoint, json_object_new_string_len(text, (int)size));
    return 0;
}

static int take_number(struct unpack_reader *reader, enum word word, const char *bytes, size_t size,
                       struct error *err)
{
    int64_t number;

    if (size != sizeof(number))
        return not_itself(err);
    memcpy(&number, bytes, sizeof(number));
    if (number < 0 || (word == WORD_BYTES && number > reader->bytes_max))
        return not_itself(err);
    if (word == WORD_BYTES)
        reader->unpacked.bytes = number;
    else if (word == WORD_SCRUBBED)
        reader->unpacked.scrubbed = number;
    else if (reader->progress != NULL)
        reader->progress(number, reader->arg);
    return 0;
}

static int take_record(struct unpack_reader *reader, char word, const char *bytes, size_t size,
                       struct error *err)
{
    if (reader->done || reader->failed)
        return not_itself(err);
    switch (word) {
    case WORD_PROGRESS:
    case WORD_BYTES:
    case WORD_SCRUBBED:
        return take_number(reader, (enum word)word, bytes, size, err);
    case WORD_ENV_BEGINS:
        if (reader->unpacked.env == NULL)
            reader->unpacked.env = json_object_new_array();
        return 0;
    case WORD_ENV:
        return take_variable(reader, bytes, size, err);
    case WORD_WORKDIR:
        return take_workdir(reader, bytes, size, err);
    case WORD_FINDING:
        return take_finding(reader, bytes, size, err);
    case WORD_USER:
        return take_user(reader, bytes, size, err);
    case WORD_ENTRYPOINT:
        return take_argument(reader, bytes, size, err);
    case WORD_FAILED:
        if (size < 2)
            return not_itself(err);
        take_failure(reader, bytes, size);
        return 0;
    case WORD_DONE:
        reader->done = true;
        return 0;
    default:
        return not_itself(err);
    }
}

int unpack_reader_take(struct unpack_reader *reader, const char *bytes, size_t size,
                       struct error *err)
{
    size_t at = 0;

    buf_add(&reader->bytes, bytes, size);
    while (reader->bytes.length - at >= HEAD_SIZE) {
        const char *head = reader->bytes.data + at;
        uint32_t length;

        memcpy(&length, head + 1, sizeof(length));
        if (length > RECORD_MOST)
            return refuse(err, "the image's environment or working directory is too long");
        if (reader->bytes.length - at - HEAD_SIZE < length)
            break;
        if (take_record(reader, head[0], head + HEAD_SIZE, length, err) < 0)
            return -1;
        at += HEAD_SIZE + length;
    }
    if (at > 0) {
        memmove(reader->bytes.data, reader->bytes.data + at, reader->bytes.length - at);
        buf_truncate(&reader->bytes, reader->bytes.length - at);
    }
    return 0;
}

int unpack_reader_end(struct unpack_reader *reader, struct unpacked *ret_unpacked,
                      struct error *err)
{
    error_clear(err);
    if (reader->failed)
        *err = reader->failure;
    if (!reader->done)
        return -1;
    *ret_unpacked = reader->unpacked;
    memset(&reader->unpacked, 0, sizeof(reader->unpacked));
    return 0;
}

void unpack_reader_release(struct unpack_reader *reader)
{
    buf_release(&reader->bytes);
    unpacked_release(&reader->unpacked);
}
