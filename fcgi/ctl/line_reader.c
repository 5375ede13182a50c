#include "ctl/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define CHUNK 131072

int line_reader_open(struct line_reader *reader, const char *path, size_t most, struct error *err)
{
    _cleanup_(close_fd) int fd = strcmp(path, "-") == 0
                                     ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                     : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    gzFile file;

    if (fd < 0)
        return error_errno(err, errno, "cannot open %s", path);
    file = gzdopen(fd, "rb");
    if (!file)
        abort(); /* no memory */
    (void)TAKE_FD(fd);
    gzbuffer(file, CHUNK);
    *reader =
        (struct line_reader){.file = file, .path = path, .most = most, .chunk = xmalloc(CHUNK)};
    return 0;
}

void line_reader_release(struct line_reader *reader)
{
    if (reader->file)
        gzclose(reader->file);
    free(reader->chunk);
    reader->file = NULL;
    reader->chunk = NULL;
}

static int fill(struct line_reader *reader, struct error *err)
{
    int got = gzread(reader->file, reader->chunk, CHUNK), code = Z_OK;
    const char *reason = gzerror(reader->file, &code);

    /* A gzip file that was cut off is told apart from its end by Z_BUF_ERROR only. */
    if (got < 0 || (got < CHUNK && code != Z_OK && code != Z_STREAM_END)) {
        if (code == Z_ERRNO)
            return error_errno(err, errno, "cannot read %s", reader->path);
        return error_set(err, ERROR_INVALID, NULL, "cannot read %s: %s", reader->path,
                         code == Z_BUF_ERROR ? "the file is cut off" : reason);
    }
    reader->at = 0;
    reader->end = (size_t)got;
    reader->over = got == 0;
    return 0;
}

static void keep(struct buf *line, const char *bytes, size_t length, size_t most, bool *too_long)
{
    size_t room = most - line->length;

    if (length > room) {
        *too_long = true;
        length = room;
    }
    buf_add(line, bytes, length);
}

int line_reader_next(struct line_reader *reader, struct buf *line, bool *ret_too_long,
                     struct error *err)
{
    bool too_long = false, any = false;

    buf_clear(line);
    for (;;) {
        const char *start, *newline;
        size_t left;

        if (reader->at == reader->end && !reader->over && fill(reader, err) < 0)
            return -1;
        if (reader->over)
            break;
        any = true;
        start = reader->chunk + reader->at;
        left = reader->end - reader->at;
        newline = memchr(start, '\n', left);
        keep(line, start, newline ? (size_t)(newline - start) : left, reader->most, &too_long);
        reader->at = newline ? (size_t)(newline + 1 - reader->chunk) : reader->end;
        if (newline)
            break;
    }
    *ret_too_long = too_long;
    return any;
}
