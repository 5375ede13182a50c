#include "store/bulk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

/* Arrays of what a single value would be. */
struct column {
    int64_t *integers;
    const void **texts; /* and times */
    unsigned long *lengths;
    MYSQL_TIME *times;
    char *indicators;
};

MYSQL_TIME bulk_time(int64_t when)
{
    time_t seconds = (time_t)(when / CLOCK_SECOND);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    return (MYSQL_TIME){
        .year = (unsigned)tm.tm_year + 1900,
        .month = (unsigned)tm.tm_mon + 1,
        .day = (unsigned)tm.tm_mday,
        .hour = (unsigned)tm.tm_hour,
        .minute = (unsigned)tm.tm_min,
        .second = (unsigned)tm.tm_sec,
        .second_part = (unsigned long)(when % CLOCK_SECOND),
        .time_type = MYSQL_TIMESTAMP_DATETIME,
    };
}

static void column_release(struct column *column)
{
    free(column->integers);
    free(column->texts);
    free(column->lengths);
    free(column->times);
    free(column->indicators);
}

/* A column without a value may have any type. */
static enum db_type type_of(const struct db_value *first, size_t columns, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        if (first[i * columns].type != DB_TYPE_NULL)
            return first[i * columns].type;
    }
    return DB_TYPE_BYTES;
}

static void take_value(struct column *column, enum db_type type, size_t row,
                       const struct db_value *value)
{
    if (value->type == DB_TYPE_NULL) {
        column->indicators[row] = STMT_INDICATOR_NULL;
        return;
    }
    if (value->type != type)
        abort(); /* the caller's columns are mixed up */
    if (type == DB_TYPE_INT) {
        column->integers[row] = value->integer;
    } else if (type == DB_TYPE_TIME) {
        column->times[row] = bulk_time(value->integer);
        column->texts[row] = &column->times[row];
    } else {
        column->texts[row] = value->data;
        column->lengths[row] = value->length;
    }
}

/* first: the column's value in the first row. */
static void bind_column(MYSQL_BIND *bind, struct column *column, const struct db_value *first,
                        size_t columns, size_t rows)
{
    enum db_type type = type_of(first, columns, rows);
    bool is_int = type == DB_TYPE_INT, is_time = type == DB_TYPE_TIME;

    if (!is_int && !is_time && type != DB_TYPE_BYTES)
        abort(); /* no statement has needed it yet */
    *column = (struct column){
        .integers = is_int ? xcalloc(rows, sizeof(*column->integers)) : NULL,
        .texts = is_int ? NULL : xcalloc(rows, sizeof(*column->texts)),
        .lengths = is_int ? NULL : xcalloc(rows, sizeof(*column->lengths)),
        .times = is_time ? xcalloc(rows, sizeof(*column->times)) : NULL,
        .indicators = xcalloc(rows, 1),
    };
    for (size_t i = 0; i < rows; i++)
        take_value(column, type, i, &first[i * columns]);
    bind->buffer_type = is_int    ? MYSQL_TYPE_LONGLONG
                        : is_time ? MYSQL_TYPE_DATETIME
                                  : MYSQL_TYPE_STRING;
    bind->buffer = is_int ? (void *)column->integers : (void *)column->texts;
    bind->length = column->lengths;
    bind->u.indicator = column->indicators;
}

int bulk_execute(MYSQL_STMT *handle, const struct db_value *values, size_t columns, size_t rows)
{
    MYSQL_BIND *binds = xcalloc(columns, sizeof(*binds));
    struct column *bound = xcalloc(columns, sizeof(*bound));
    unsigned count = (unsigned)rows, none = 0;
    int status = -1;

    for (size_t i = 0; i < columns; i++)
        bind_column(&binds[i], &bound[i], &values[i], columns, rows);
    mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &count);
    if (mysql_stmt_bind_param(handle, binds) == 0 && mysql_stmt_execute(handle) == 0)
        status = 0;
    /* The same statement may be run for a single row next. */
    mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &none);
    for (size_t i = 0; i < columns; i++)
        column_release(&bound[i]);
    free(bound);
    free(binds);
    return status;
}
