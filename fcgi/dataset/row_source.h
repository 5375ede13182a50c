/*
 * row_source.h - the rows of a data set's file, as lines of ours, read by processes that can do
 * nothing else.
 *
 * The file is a stranger's. One child decompresses it (images/decoder.h), a second one splits it
 * into rows and converts them; both are user nobody, with no right on the host but to read their
 * input and to write their output (base/confine.h). What the second one says is checked as if it
 * were hostile, and the lines are read again by who asks for them (ctl/sample_line.h).
 *
 * The children are copies of the process that opens the source: open it before there are secrets
 * in memory.
 */
#ifndef CODESET_DATASET_ROW_SOURCE_H
#define CODESET_DATASET_ROW_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum source_kind {
    SOURCE_ROW,      /* text is a line of ours, which nobody has checked */
    SOURCE_BAD,      /* text is the reason */
    SOURCE_TOO_LONG, /* no text */
};

struct source_row {
    enum source_kind kind;
    int64_t number; /* of JSON lines the line's, else the row's; from 1 */
    struct buf text;
};

#define SOURCE_ROW_INIT                                                                            \
    {                                                                                              \
        .text = BUF_INIT                                                                           \
    }

void source_row_release(struct source_row *row);

struct row_source;

/* path "-": standard input. format: a name of dataset/formats.h; NULL: told by the first row that
 * can be read, and own_images (dataset_format_of). most: bytes of a row, and of a line made of it.
 */
struct row_source *row_source_open(const char *path, const char *format, bool own_images,
                                   size_t most, struct error *err);
void row_source_free(struct row_source *source);

/* The next row into *row, whose buffers are used again. 1; 0 behind the last; -1 when the file
 * can't be read on. */
int row_source_next(struct row_source *source, struct source_row *row, struct error *err);

/* The format's name; NULL until the first row that could be read. */
const char *row_source_format(const struct row_source *source);

#endif
