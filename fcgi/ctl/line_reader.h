/*
 * line_reader.h - a file, gzipped or not, line by line, in bounded memory.
 */
#ifndef CODESET_CTL_LINE_READER_H
#define CODESET_CTL_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/error.h"

struct line_reader {
    gzFile file;
    const char *path;
    size_t most; /* bytes of a line */
    char *chunk;
    size_t at, end; /* in chunk */
    bool over;
};

/* path "-": standard input. The path must outlive the reader. */
int line_reader_open(struct line_reader *reader, const char *path, size_t most, struct error *err);
void line_reader_release(struct line_reader *reader);

/*
 * The next line into `line`, without its end. Returns 1, 0 behind the last, -1 when the file can't
 * be read. *ret_too_long: the line has more bytes than the reader takes; only its beginning is in
 * `line`, and the next call reads the line after it.
 */
int line_reader_next(struct line_reader *reader, struct buf *line, bool *ret_too_long,
                     struct error *err);

#endif
