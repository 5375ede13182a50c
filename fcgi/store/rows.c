#include "store/rows.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#define COLUMNS_MAX 64 /* a SELECT has a dozen or two */

struct cell {
    bool null;
    int64_t integer; /* of an integer or a time */
    double real;
    size_t offset, length; /* of text and bytes, in the rows' */
};

struct db_rows {
    unsigned column_count;
    enum enum_field_types *types;
    struct cell *cells; /* row after row */
    size_t row_count, row_capacity;
    size_t next;
    const struct cell *row; /* the one that is read */
    struct buf bytes;       /* each text with a NUL behind it */
};

/* Where one fetch puts a column; of a text only its length. */
struct column {
    unsigned long length;
    my_bool null;
    int64_t integer;
    double real;
    MYSQL_TIME time;
};

static int64_t when_of(const MYSQL_TIME *time)
{
    struct tm tm = {
        .tm_year = (int)time->year - 1900,
        .tm_mon = (int)time->month - 1,
        .tm_mday = (int)time->day,
        .tm_hour = (int)time->hour,
        .tm_min = (int)time->minute,
        .tm_sec = (int)time->second,
    };

    return (int64_t)timegm(&tm) * CLOCK_SECOND + (int64_t)time->second_part;
}

static enum enum_field_types fetched_type(const MYSQL_FIELD *field)
{
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONGLONG:
        return MYSQL_TYPE_LONGLONG;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return MYSQL_TYPE_DOUBLE;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        return MYSQL_TYPE_DATETIME;
    default:
        return MYSQL_TYPE_STRING;
    }
}

static void bind_column(MYSQL_BIND *bind, struct column *column, enum enum_field_types type,
                        bool is_unsigned)
{
    bind->buffer_type = type;
    bind->is_null = &column->null;
    bind->length = &column->length;
    bind->is_unsigned = is_unsigned;
    switch (type) {
    case MYSQL_TYPE_LONGLONG:
        bind->buffer = &column->integer;
        return;
    case MYSQL_TYPE_DOUBLE:
        bind->buffer = &column->real;
        return;
    case MYSQL_TYPE_DATETIME:
        bind->buffer = &column->time;
        bind->buffer_length = sizeof(column->time);
        return;
    default:
        return; /* no room: the fetch only tells the length */
    }
}

static void take_bytes(MYSQL_STMT *statement, struct db_rows *rows, unsigned index,
                       const struct column *column, struct cell *cell)
{
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING};

    cell->offset = rows->bytes.length;
    cell->length = column->length;
    buf_reserve(&rows->bytes, cell->length + 1);
    bind.buffer = rows->bytes.data + cell->offset;
    bind.buffer_length = cell->length + 1;
    if (cell->length > 0 && mysql_stmt_fetch_column(statement, &bind, index, 0) != 0)
        abort(); /* the column and its place are right, and nothing else can be wrong */
    rows->bytes.length += cell->length;
    buf_add_char(&rows->bytes, '\0');
}

static void take_row(MYSQL_STMT *statement, struct db_rows *rows, const struct column *columns)
{
    struct cell *cells;

    if (rows->row_count == rows->row_capacity) {
        rows->row_capacity = rows->row_capacity ? rows->row_capacity * 2 : 1;
        rows->cells =
            xrealloc(rows->cells, rows->row_capacity * rows->column_count * sizeof(*rows->cells));
    }
    cells = rows->cells + rows->row_count++ * rows->column_count;
    memset(cells, 0, rows->column_count * sizeof(*cells));
    for (unsigned i = 0; i < rows->column_count; i++) {
        cells[i].null = columns[i].null;
        if (columns[i].null)
            continue;
        if (rows->types[i] == MYSQL_TYPE_LONGLONG)
            cells[i].integer = columns[i].integer;
        else if (rows->types[i] == MYSQL_TYPE_DOUBLE)
            cells[i].real = columns[i].real;
        else if (rows->types[i] == MYSQL_TYPE_DATETIME)
            cells[i].integer = when_of(&columns[i].time);
        else
            take_bytes(statement, rows, i, &columns[i], &cells[i]);
    }
}

static struct db_rows *rows_new(MYSQL_STMT *statement, struct column *columns, MYSQL_BIND *binds)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(statement);
    struct db_rows *rows = xcalloc(1, sizeof(*rows));

    rows->bytes = (struct buf)BUF_INIT;
    rows->column_count = mysql_num_fields(meta);
    if (rows->column_count > COLUMNS_MAX)
        abort(); /* raise it for this literal */
    rows->types = xcalloc(rows->column_count, sizeof(*rows->types));
    memset(columns, 0, rows->column_count * sizeof(*columns));
    memset(binds, 0, rows->column_count * sizeof(*binds));
    for (unsigned i = 0; i < rows->column_count; i++) {
        const MYSQL_FIELD *field = mysql_fetch_field_direct(meta, i);

        rows->types[i] = fetched_type(field);
        bind_column(&binds[i], &columns[i], rows->types[i], (field->flags & UNSIGNED_FLAG) != 0);
    }
    mysql_free_result(meta);
    return rows;
}

struct db_rows *rows_take(MYSQL_STMT *statement)
{
    struct column columns[COLUMNS_MAX];
    MYSQL_BIND binds[COLUMNS_MAX];
    struct db_rows *rows;
    int status;

    if (mysql_stmt_field_count(statement) == 0)
        abort(); /* the literal is none that brings rows */
    if (mysql_stmt_store_result(statement) != 0)
        return NULL;
    rows = rows_new(statement, columns, binds);
    mysql_stmt_bind_result(statement, binds);
    while ((status = mysql_stmt_fetch(statement)) == 0 || status == MYSQL_DATA_TRUNCATED)
        take_row(statement, rows, columns);
    mysql_stmt_free_result(
        statement); /* all was on this side: the end is the only reason to stop */
    /* Several statements in one (DB_ATOMIC_SELECT) end with a status of their own. */
    while ((status = mysql_stmt_next_result(statement)) == 0)
        mysql_stmt_free_result(statement);
    if (status > 0) {
        db_rows_free(rows);
        return NULL;
    }
    return rows;
}

void db_rows_free(struct db_rows *rows)
{
    if (!rows)
        return;
    buf_release(&rows->bytes);
    free(rows->types);
    free(rows->cells);
    free(rows);
}

int64_t db_rows_count(const struct db_rows *rows)
{
    return (int64_t)rows->row_count;
}

bool db_next(struct db_rows *rows)
{
    if (rows->next == rows->row_count)
        return false;
    rows->row = rows->cells + rows->next++ * rows->column_count;
    return true;
}

bool db_is_null(const struct db_rows *rows, unsigned column)
{
    return rows->row[column].null;
}

int64_t db_row_int(const struct db_rows *rows, unsigned column)
{
    const struct cell *cell = &rows->row[column];

    return rows->types[column] == MYSQL_TYPE_DOUBLE ? (int64_t)cell->real : cell->integer;
}

double db_row_double(const struct db_rows *rows, unsigned column)
{
    const struct cell *cell = &rows->row[column];

    return rows->types[column] == MYSQL_TYPE_LONGLONG ? (double)cell->integer : cell->real;
}

int64_t db_row_time(const struct db_rows *rows, unsigned column)
{
    return rows->row[column].integer;
}

const char *db_row_text(const struct db_rows *rows, unsigned column)
{
    const struct cell *cell = &rows->row[column];

    return cell->null ? NULL : rows->bytes.data + cell->offset;
}

char *db_row_copy(const struct db_rows *rows, unsigned column)
{
    const struct cell *cell = &rows->row[column];

    return cell->null ? NULL : xstrndup(rows->bytes.data + cell->offset, cell->length);
}

size_t db_row_length(const struct db_rows *rows, unsigned column)
{
    return rows->row[column].length;
}

struct id db_row_id(const struct db_rows *rows, unsigned column)
{
    const char *text = db_row_text(rows, column);
    struct id id = {""};

    if (text && strlen(text) == ID_LENGTH)
        memcpy(id.text, text, ID_LENGTH + 1);
    return id;
}

void db_each_id(struct db_rows *rows, void (*each)(const struct id *id, void *arg), void *arg)
{
    while (db_next(rows)) {
        struct id id = db_row_id(rows, 0);

        each(&id, arg);
    }
    db_rows_free(rows);
}
