#include "dataset/row_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/formats.h"
#include "dataset/splitter.h"
#include "images/decoder.h"

#include "base/banned.h"

#define BLOCK (128 << 10)
#define CPU_SECONDS 7200
/* A Parquet file, and the pages of its columns (dataset/parquet_rows.h). */
#define ADDRESS_SPACE (UINT64_C(4) << 30)
#define WORD_MOST 500 /* bytes of a reason */

/* What the child writes; the host's order. */
struct record {
    char word;
    char nothing[3];
    uint32_t length; /* of what follows */
    int64_t number;
};

enum {
    WORD_FORMAT = 'F',
    WORD_ROW = 'R',
    WORD_BAD = 'B',
    WORD_TOO_LONG = 'L',
    WORD_FAILURE = 'E', /* the last one */
    WORD_END = 'Z',     /* the last one */
};

/* --- in the child ---------------------------------------------------------------------------- */

struct converter {
    const struct dataset_format *format; /* NULL: not known yet */
    bool is_told;                        /* by the first row, and not by name */
    bool own_images;
    size_t most;
    struct buf said, text; /* said: not written yet */
    bool broken;           /* nobody reads any more */
};

static void write_said(struct converter *converter)
{
    struct error ignored;

    if (!converter->broken &&
        fd_write_all(STDOUT_FILENO, converter->said.data, converter->said.length, &ignored) < 0)
        converter->broken = true;
    buf_clear(&converter->said);
}

static void say(struct converter *converter, char word, int64_t number, const char *text,
                size_t length)
{
    const struct record head = {.word = word, .length = (uint32_t)length, .number = number};

    buf_add(&converter->said, &head, sizeof(head));
    buf_add(&converter->said, text, length);
    if (converter->said.length >= BLOCK)
        write_said(converter);
}

static void say_text(struct converter *converter, char word, int64_t number, const char *text)
{
    say(converter, word, number, text, strnlen(text, WORD_MOST));
}

static void settle_format(struct converter *converter, json_object *object)
{
    converter->format = dataset_format_of(object, converter->own_images);
    converter->is_told = true;
    say_text(converter, WORD_FORMAT, 0, dataset_format_name(converter->format));
}

static void say_line(struct converter *converter, const struct split_row *row, json_object *object)
{
    const struct dataset_format *format =
        converter->is_told ? dataset_format_for(converter->format, object) : converter->format;
    _cleanup_(json_release) json_object *line = NULL;
    struct error err = ERROR_INIT;

    if (dataset_convert(format, object, &line, &err) < 0) {
        say_text(converter, WORD_BAD, row->number, err.message);
        return;
    }
    buf_clear(&converter->text);
    json_write(&converter->text, line);
    if (converter->text.length > converter->most) {
        say(converter, WORD_TOO_LONG, row->number, "", 0);
        return;
    }
    say(converter, WORD_ROW, row->number, converter->text.data, converter->text.length);
}

static int convert_row(const struct split_row *row, void *arg)
{
    struct converter *converter = arg;
    _cleanup_(json_release) json_object *parsed = NULL;
    json_object *object = row->object;
    struct error err = ERROR_INIT;
    bool plain = converter->format && dataset_format_is_plain(converter->format);

    if (row->too_long || row->bad) {
        if (row->bad)
            say_text(converter, WORD_BAD, row->number, row->bad);
        else
            say(converter, WORD_TOO_LONG, row->number, "", 0);
        return converter->broken ? -1 : 0;
    }
    /* What is ours already is checked by who reads it; so is what is no JSON. */
    if (!object && !plain && json_parse(row->text, row->length, &parsed, NULL, &err) == 0)
        object = parsed;
    if (!converter->format && object)
        settle_format(converter, object);
    if (object && !(row->text && dataset_format_is_plain(converter->format)))
        say_line(converter, row, object);
    else
        say(converter, WORD_ROW, row->number, row->text, row->length);
    return converter->broken ? -1 : 0;
}

/* What a block of the file says is written before the next is waited for. */
static int read_all(struct converter *converter, struct splitter *splitter, char *block,
                    struct error *err)
{
    for (;;) {
        ssize_t got;

        while ((got = read(STDIN_FILENO, block, BLOCK)) < 0 && errno == EINTR)
            ;
        if (got < 0)
            return error_errno(err, errno, "cannot read it");
        if (got == 0)
            return splitter_end(splitter, err);
        if (splitter_take(splitter, block, (size_t)got, err) < 0)
            return -1;
        write_said(converter);
    }
}

static _Noreturn void work(int in_fd, int out_fd, struct converter converter)
{
    struct splitter *splitter = splitter_new(converter.most, convert_row, &converter);
    char *block = xmalloc(BLOCK), when[CLOCK_TEXT_SIZE];
    struct error err = ERROR_INIT;

    signal(SIGPIPE, SIG_IGN);
    clock_format(0, when); /* reads the time zone's file, which is only possible now */
    if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0)
        _exit(1);
    if (confine_user(&err) < 0 ||
        confine(&(struct confinement){.cpu_seconds = CPU_SECONDS, .address_space = ADDRESS_SPACE},
                &err) < 0 ||
        read_all(&converter, splitter, block, &err) < 0)
        say_text(&converter, WORD_FAILURE, 0, err.message);
    else
        say(&converter, WORD_END, 0, "", 0);
    write_said(&converter);
    _exit(0);
}

/* --- in the parent --------------------------------------------------------------------------- */

struct row_source {
    struct decoder decoder;
    const char *path, *format;
    size_t most;
    int fd;
    pid_t pid;
    bool over;
    char *chunk;
    size_t at, end; /* in chunk */
};

void source_row_release(struct source_row *row)
{
    buf_release(&row->text);
}

const char *row_source_format(const struct row_source *source)
{
    return source->format;
}

/* A descriptor that is none of the standard ones. */
static int above_standard(int fd)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (fd >= 0)
        close(fd);
    return high;
}

static int start(struct row_source *source, const struct dataset_format *format, bool own_images,
                 struct error *err)
{
    int ends[2];
    _cleanup_(close_fd) int out = -1;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, errno, "cannot make a pipe");
    source->fd = above_standard(ends[0]);
    out = above_standard(ends[1]);
    if (source->fd < 0 || out < 0)
        return error_errno(err, errno, "cannot make a pipe");
    source->pid = fork();
    if (source->pid == 0)
        work(source->decoder.fd, out,
             (struct converter){.format = format,
                                .own_images = own_images,
                                .most = source->most,
                                .said = BUF_INIT,
                                .text = BUF_INIT});
    return source->pid < 0 ? error_errno(err, errno, "cannot fork") : 0;
}

struct row_source *row_source_open(const char *path, const char *format, bool own_images,
                                   size_t most, struct error *err)
{
    _cleanup_(close_fd) int fd = strcmp(path, "-") == 0
                                     ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                     : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const struct dataset_format *named = format ? dataset_format_named(format) : NULL;
    struct row_source *source;

    if (fd < 0) {
        error_errno(err, errno, "cannot open %s", path);
        return NULL;
    }
    source = xcalloc(1, sizeof(*source));
    *source = (struct row_source){.decoder = DECODER_INIT,
                                  .path = path,
                                  .most = most,
                                  .fd = -1,
                                  .format = named ? dataset_format_name(named) : NULL,
                                  .chunk = xmalloc(BLOCK)};
    if (decoder_open(fd, SPLITTER_BYTES_MOST, &source->decoder, err) < 0 ||
        start(source, named, own_images, err) < 0) {
        error_wrap(err, "cannot read %s", path);
        row_source_free(source);
        return NULL;
    }
    return source;
}

static void end_child(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
}

void row_source_free(struct row_source *source)
{
    if (!source)
        return;
    close_fd(&source->fd);
    end_child(&source->pid);
    decoder_release(&source->decoder);
    free(source->chunk);
    free(source);
}

/* 0: there is no more. */
static ssize_t fill(struct row_source *source, struct error *err)
{
    ssize_t got;

    while ((got = read(source->fd, source->chunk, BLOCK)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        return error_errno(err, errno, "cannot read %s", source->path);
    source->at = 0;
    source->end = (size_t)got;
    return got;
}

static int not_itself(const struct row_source *source, struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL,
                     "cannot read %s: its reader ended, or said what it never says; the file may "
                     "be made to harm",
                     source->path);
}

/* length bytes into `out`. */
static int take(struct row_source *source, size_t length, struct buf *out, struct error *err)
{
    while (length > 0) {
        size_t part = source->end - source->at;
        ssize_t got;

        if (part == 0) {
            got = fill(source, err);
            if (got <= 0)
                return got < 0 ? -1 : not_itself(source, err);
            continue;
        }
        part = part < length ? part : length;
        buf_add(out, source->chunk + source->at, part);
        source->at += part;
        length -= part;
    }
    return 0;
}

static size_t most_of(const struct row_source *source, char word)
{
    switch (word) {
    case WORD_ROW:
        return source->most;
    case WORD_TOO_LONG:
    case WORD_END:
        return 0;
    default:
        return WORD_MOST;
    }
}

/* What was wrong with the compressed file comes before what its reader made of its half. */
static int finish(struct row_source *source, char word, const char *reason, struct error *err)
{
    char rest[256];

    source->over = true;
    end_child(&source->pid);
    if (word == WORD_FAILURE)
        error_set(err, ERROR_INVALID, NULL, "%s", reason);
    while (word == WORD_END) {
        ssize_t got = decoder_read(&source->decoder, rest, sizeof(rest), err);

        if (got < 0)
            break;
        if (got == 0)
            return 0;
    }
    return error_wrap(err, "cannot read %s", source->path);
}

/* 1: a row, 0: the end, 2: something else. */
static int take_record(struct row_source *source, struct source_row *row, struct error *err)
{
    _cleanup_(buf_release) struct buf bytes = BUF_INIT;
    struct record head;
    const struct dataset_format *format;

    if (take(source, sizeof(head), &bytes, err) < 0)
        return -1;
    memcpy(&head, bytes.data, sizeof(head));
    if (!strchr("FRBLEZ", head.word) || !head.word || head.length > most_of(source, head.word) ||
        head.number < 0)
        return not_itself(source, err);
    buf_clear(&row->text);
    if (take(source, head.length, &row->text, err) < 0)
        return -1;
    row->number = head.number;
    switch (head.word) {
    case WORD_FORMAT:
        format = dataset_format_named(row->text.data);
        if (!format)
            return not_itself(source, err);
        source->format = dataset_format_name(format);
        return 2;
    case WORD_FAILURE:
    case WORD_END:
        return finish(source, head.word, row->text.data, err);
    default:
        row->kind = head.word == WORD_ROW   ? SOURCE_ROW
                    : head.word == WORD_BAD ? SOURCE_BAD
                                            : SOURCE_TOO_LONG;
        return 1;
    }
}

int row_source_next(struct row_source *source, struct source_row *row, struct error *err)
{
    int got;

    if (source->over)
        return 0;
    while ((got = take_record(source, row, err)) == 2)
        ;
    return got;
}
