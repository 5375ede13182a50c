#include "dataset/splitter.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/parquet_rows.h"

#include "base/banned.h"

#define HEAD_MOST 65536 /* bytes, within which a file shows what it is */
#define COLUMNS_MOST 256

enum shape { UNKNOWN, LINES, ARRAY, CSV, PARQUET };

struct splitter {
    enum shape shape;
    size_t most;
    int (*each)(const struct split_row *row, void *arg);
    void *arg;
    int64_t number;
    struct buf text; /* of the row, so far; PARQUET: of the file */
    bool too_long;
    bool stopped; /* each said so */

    /* ARRAY */
    int depth;
    bool begun, over, in_string, escaped;

    /* CSV */
    struct csv_parser csv;
    bool has_csv;
    json_object *names, *object;
    size_t column, bytes;
};

struct splitter *splitter_new(size_t most, int (*each)(const struct split_row *row, void *arg),
                              void *arg)
{
    struct splitter *splitter = xcalloc(1, sizeof(*splitter));

    *splitter = (struct splitter){.most = most, .each = each, .arg = arg, .text = BUF_INIT};
    return splitter;
}

void splitter_free(struct splitter *splitter)
{
    if (!splitter)
        return;
    if (splitter->has_csv)
        csv_free(&splitter->csv);
    json_object_put(splitter->names);
    json_object_put(splitter->object);
    buf_release(&splitter->text);
    free(splitter);
}

static void give(struct splitter *splitter, const struct split_row *row)
{
    if (!splitter->stopped && splitter->each(row, splitter->arg) < 0)
        splitter->stopped = true;
}

static void give_text(struct splitter *splitter)
{
    struct split_row row = {.number = splitter->number, .too_long = splitter->too_long};

    if (!splitter->too_long) {
        row.text = splitter->text.data;
        row.length = splitter->text.length;
    }
    give(splitter, &row);
    buf_clear(&splitter->text);
    splitter->too_long = false;
}

static void keep(struct splitter *splitter, const char *bytes, size_t length)
{
    size_t room = splitter->most - splitter->text.length;

    splitter->too_long |= length > room;
    buf_add(&splitter->text, bytes, length > room ? room : length);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void end_line(struct splitter *splitter)
{
    splitter->number++;
    if (splitter->too_long || strspn(splitter->text.data, " \t\r") < splitter->text.length)
        give_text(splitter);
    buf_clear(&splitter->text);
}

static void take_lines(struct splitter *splitter, const char *bytes, size_t length)
{
    while (length > 0 && !splitter->stopped) {
        const char *end = memchr(bytes, '\n', length);
        size_t size = end ? (size_t)(end - bytes) : length;

        keep(splitter, bytes, size);
        if (!end)
            return;
        end_line(splitter);
        bytes += size + 1;
        length -= size + 1;
    }
}

/* --- an array -------------------------------------------------------------------------------- */

static void end_item(struct splitter *splitter)
{
    splitter->number++;
    give_text(splitter);
    splitter->begun = false;
}

static void take_in_item(struct splitter *splitter, char c)
{
    if (splitter->in_string) {
        if (splitter->escaped)
            splitter->escaped = false;
        else if (c == '\\')
            splitter->escaped = true;
        else if (c == '"')
            splitter->in_string = false;
    } else if (c == '"') {
        splitter->in_string = true;
    } else if (c == '{' || c == '[') {
        splitter->depth++;
    } else if (c == '}' || c == ']') {
        splitter->depth--;
    }
    keep(splitter, &c, 1);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int take_array(struct splitter *splitter, const char *bytes, size_t length,
                      struct error *err)
{
    for (size_t i = 0; i < length && !splitter->stopped; i++) {
        char c = bytes[i];
        bool outside = splitter->depth <= 1 && !splitter->in_string;

        if (splitter->over && !is_blank(c))
            return error_set(err, ERROR_INVALID, NULL, "there is more text behind the array");
        if (splitter->depth == 0 || splitter->over) {
            splitter->depth += c == '['; /* the first one */
        } else if (outside && (c == ',' || c == ']')) {
            if (splitter->begun)
                end_item(splitter);
            splitter->over = c == ']';
        } else if (splitter->begun || !is_blank(c)) {
            splitter->begun = true;
            take_in_item(splitter, c);
        }
    }
    return 0;
}

/* --- CSV ------------------------------------------------------------------------------------- */

static void take_field(void *text, size_t length, void *arg)
{
    struct splitter *splitter = arg;
    json_object *name;

    splitter->bytes += length;
    splitter->too_long |= splitter->bytes > splitter->most;
    if (splitter->too_long)
        return;
    if (splitter->number == 0) {
        if (splitter->column++ < COLUMNS_MOST)
            json_object_array_add(splitter->names, json_object_new_string_len(text, (int)length));
        return;
    }
    name = json_object_array_get_idx(splitter->names, splitter->column++);
    if (name && length > 0) /* an empty field is none */
        json_object_object_add(splitter->object, json_object_get_string(name),
                               json_object_new_string_len(text, (int)length));
}

static void end_row(int end, void *arg)
{
    struct splitter *splitter = arg;
    struct split_row row = {.number = splitter->number, .too_long = splitter->too_long};

    (void)end;
    if (splitter->number++ > 0 &&
        (splitter->too_long || json_object_object_length(splitter->object) > 0)) {
        row.object = splitter->too_long ? NULL : splitter->object;
        give(splitter, &row);
    }
    json_object_put(splitter->object);
    splitter->object = json_object_new_object();
    splitter->column = 0;
    splitter->bytes = 0;
    splitter->too_long = false;
}

static int refuse_csv(struct splitter *splitter, struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL, "behind row %lld it is no CSV (RFC 4180): %s",
                     (long long)(splitter->number > 0 ? splitter->number - 1 : 0),
                     csv_strerror(csv_error(&splitter->csv)));
}

static int begin_csv(struct splitter *splitter, struct error *err)
{
    if (csv_init(&splitter->csv, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot start libcsv");
    splitter->has_csv = true;
    splitter->names = json_object_new_array();
    splitter->object = json_object_new_object();
    return 0;
}

static int take_csv(struct splitter *splitter, const char *bytes, size_t length, struct error *err)
{
    return csv_parse(&splitter->csv, bytes, length, take_field, end_row, splitter) == length
               ? 0
               : refuse_csv(splitter, err);
}

/* --- Parquet --------------------------------------------------------------------------------- */

static int take_parquet(struct splitter *splitter, const char *bytes, size_t length,
                        struct error *err)
{
    if (length > (size_t)PARQUET_BYTES_MOST - splitter->text.length)
        return error_set(err, ERROR_INVALID, NULL,
                         "a Parquet file may have 1 GiB; divide it into several");
    buf_add(&splitter->text, bytes, length);
    return 0;
}

DEFINE_CLEANUP(struct parquet_rows *, free_rows, parquet_rows_free)

/* What says where the rows are is at the file's end. */
static int end_parquet(struct splitter *splitter, struct error *err)
{
    _cleanup_(free_rows) struct parquet_rows *rows = parquet_rows_open(
        splitter->text.data, splitter->text.length, splitter->most, SPLITTER_BYTES_MOST, err);
    struct parquet_row row;
    int got = rows ? 1 : -1;

    while (got == 1 && !splitter->stopped && (got = parquet_rows_next(rows, &row, err)) == 1)
        give(splitter, &(struct split_row){.number = row.number,
                                           .object = row.object,
                                           .bad = row.bad,
                                           .too_long = !row.object && !row.bad});
    return got < 0 || splitter->stopped ? -1 : 0;
}

/* --- which of them --------------------------------------------------------------------------- */

static int take(struct splitter *splitter, const char *bytes, size_t length, struct error *err)
{
    int status = 0;

    if (splitter->shape == LINES)
        take_lines(splitter, bytes, length);
    else if (splitter->shape == ARRAY)
        status = take_array(splitter, bytes, length, err);
    else if (splitter->shape == CSV)
        status = take_csv(splitter, bytes, length, err);
    else
        status = take_parquet(splitter, bytes, length, err);
    return status < 0 || splitter->stopped ? -1 : 0;
}

/* A line of names, of which we know one. */
static bool is_header(const char *line)
{
    size_t length = strcspn(line, "\r\n");
    static const char *const known[] = {"instance_id", "problem_statement", "repo"};

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (memmem(line, length, known[i], strlen(known[i])))
            return memchr(line, ',', length) && line[0] != '{';
    }
    return false;
}

/* UNKNOWN: more must come before it shows. */
static enum shape shape_of(const struct buf *head, bool at_end)
{
    const char *first = head->data + strspn(head->data, " \t\r\n");

    if (head->length >= 4 && memcmp(head->data, "PAR1", 4) == 0)
        return PARQUET;
    if (*first == '{')
        return LINES;
    if (*first == '[')
        return ARRAY;
    if (!at_end && head->length < HEAD_MOST && !strchr(first, '\n'))
        return UNKNOWN;
    return is_header(first) ? CSV : LINES;
}

/* What editors of other systems put before UTF-8 (RFC 8259, section 8.1, lets us ignore it). */
static size_t mark_length(const struct buf *head)
{
    return head->length >= 3 && memcmp(head->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int look(struct splitter *splitter, bool at_end, struct error *err)
{
    _cleanup_(buf_release) struct buf head = BUF_INIT;
    size_t mark = mark_length(&splitter->text);
    int status = 0;

    if (splitter->text.length >= 4 && memcmp(splitter->text.data, "PARE", 4) == 0)
        return error_set(err, ERROR_INVALID, NULL, "the Parquet file is encrypted");
    buf_add(&head, splitter->text.data + mark, splitter->text.length - mark);
    splitter->shape = shape_of(&head, at_end);
    if (splitter->shape == UNKNOWN)
        return 0;
    buf_clear(&splitter->text);
    if (splitter->shape == CSV)
        status = begin_csv(splitter, err);
    return status < 0 ? -1 : take(splitter, head.data, head.length, err);
}

int splitter_take(struct splitter *splitter, const char *bytes, size_t length, struct error *err)
{
    size_t part;

    if (splitter->shape != UNKNOWN)
        return take(splitter, bytes, length, err);
    part = length < HEAD_MOST ? length : HEAD_MOST;
    buf_add(&splitter->text, bytes, part);
    if (look(splitter, false, err) < 0)
        return -1;
    return part == length ? 0 : splitter_take(splitter, bytes + part, length - part, err);
}

int splitter_end(struct splitter *splitter, struct error *err)
{
    if (splitter->shape == UNKNOWN && look(splitter, true, err) < 0)
        return -1;
    if (splitter->shape == LINES && (splitter->text.length > 0 || splitter->too_long))
        end_line(splitter);
    if (splitter->shape == ARRAY && !splitter->over)
        return error_set(err, ERROR_INVALID, NULL, "the array has no end: the file is cut off");
    if (splitter->shape == CSV && csv_fini(&splitter->csv, take_field, end_row, splitter) != 0)
        return refuse_csv(splitter, err);
    if (splitter->shape == PARQUET && end_parquet(splitter, err) < 0)
        return -1;
    return splitter->stopped ? -1 : 0;
}
