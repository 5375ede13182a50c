#include "store/dump.h"

#include <string.h>

#include "base/json.h"

#include "base/banned.h"

void dump_begin(struct dump *dump, int (*emit)(const void *, size_t, void *, struct error *),
                void *arg)
{
    memset(dump, 0, sizeof(*dump));
    dump->rows = json_object_new_object();
    dump->emit = emit;
    dump->arg = arg;
}

void dump_release(struct dump *dump)
{
    json_object_put(dump->rows);
    dump->rows = NULL;
}

static bool begins(const struct dump *dump, const char *text)
{
    size_t length = strlen(text);

    return dump->head_length >= length && memcmp(dump->head, text, length) == 0;
}

static int emit(struct dump *dump, const void *bytes, size_t size, struct error *err)
{
    return dump->emit && size > 0 ? dump->emit(bytes, size, dump->arg, err) : 0;
}

/* The name between backquotes behind the prefix. */
static int read_table(struct dump *dump, const char *prefix, const char **ret_rest,
                      struct error *err)
{
    const char *name = dump->head + strlen(prefix);
    const char *end = memchr(name, '`', dump->head_length - strlen(prefix));

    if (!end || (size_t)(end - name) >= sizeof(dump->table))
        return error_set(err, ERROR_INVALID, NULL, "a table of the dump has no name");
    memcpy(dump->table, name, (size_t)(end - name));
    dump->table[end - name] = '\0';
    *ret_rest = end + 1;
    return 0;
}

#define CREATE "CREATE TABLE `"
#define INSERT "INSERT INTO `"
#define VALUES " VALUES"
#define LAST_LINE "-- Dump completed"

/* The line's beginning is there, or all of it. */
static int look(struct dump *dump, struct error *err)
{
    const char *rest;

    if (dump->in_rows) {
        dump->count++;
        return dump->head[0] == '(' && dump->head_length > 0
                   ? 0
                   : error_set(err, ERROR_INVALID, NULL,
                               "the dump has a line in the table %s that is no row", dump->table);
    }
    if (begins(dump, LAST_LINE))
        dump->complete = true;
    if (begins(dump, CREATE)) {
        dump->has_tables = true;
        if (read_table(dump, CREATE, &rest, err) < 0)
            return -1;
        if (!json_object_object_get_ex(dump->rows, dump->table, NULL))
            json_add_int(dump->rows, dump->table, 0);
    }
    if (!begins(dump, INSERT))
        return 0;
    if (read_table(dump, INSERT, &rest, err) < 0)
        return -1;
    if ((size_t)(dump->head + dump->head_length - rest) != sizeof(VALUES) - 1 ||
        memcmp(rest, VALUES, sizeof(VALUES) - 1) != 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "the rows of the table %s don't begin as those of this MariaDB's dumps",
                         dump->table);
    dump->in_rows = true;
    dump->count = 0;
    return 0;
}

#define TRIGGER "/*!50003 CREATE*/ "
#define DEFINER "/*!50017 DEFINER="

/* Without an account a trigger belongs to whoever restores it. */
static int emit_head(struct dump *dump, struct error *err)
{
    const size_t before = sizeof(TRIGGER) - 1;
    const char *end;

    if (dump->in_rows || !begins(dump, TRIGGER DEFINER))
        return emit(dump, dump->head, dump->head_length, err);
    end = memmem(dump->head + before, dump->head_length - before, "*/", 2);
    if (!end)
        return error_set(err, ERROR_INVALID, NULL, "a trigger of the dump can't be read");
    end += 2;
    return emit(dump, dump->head, before, err) < 0
               ? -1
               : emit(dump, end, (size_t)(dump->head + dump->head_length - end), err);
}

static int end_head(struct dump *dump, struct error *err)
{
    if (dump->head_done)
        return 0;
    dump->head_done = true;
    if (emit_head(dump, err) < 0)
        return -1;
    return look(dump, err);
}

static int end_line(struct dump *dump, struct error *err)
{
    bool began = dump->in_rows;

    if (end_head(dump, err) < 0 || emit(dump, "\n", 1, err) < 0)
        return -1;
    if (began && dump->last == ';') {
        json_add_int(dump->rows, dump->table,
                     json_get_int(dump->rows, dump->table, 0) + dump->count);
        dump->in_rows = false;
    }
    dump->head_length = 0;
    dump->head_done = false;
    dump->last = '\0';
    return 0;
}

/* A part of a line. */
static int add_part(struct dump *dump, const char *bytes, size_t size, struct error *err)
{
    size_t room = dump->head_done ? 0 : DUMP_HEAD_MAX - dump->head_length;
    size_t head = size < room ? size : room;

    if (size == 0)
        return 0;
    dump->last = bytes[size - 1];
    memcpy(dump->head + dump->head_length, bytes, head);
    if (!dump->head_done)
        dump->head_length += head;
    if (dump->head_length == DUMP_HEAD_MAX && end_head(dump, err) < 0)
        return -1;
    return emit(dump, bytes + head, size - head, err);
}

int dump_add(struct dump *dump, const char *bytes, size_t size, struct error *err)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end ? (size_t)(end - bytes) : size;

        if (add_part(dump, bytes, part, err) < 0 || (end && end_line(dump, err) < 0))
            return -1;
        part += end ? 1 : 0;
        bytes += part;
        size -= part;
    }
    return 0;
}

int dump_end(struct dump *dump, struct error *err)
{
    if ((dump->head_length > 0 && end_line(dump, err) < 0))
        return -1;
    if (dump->complete && !dump->in_rows)
        return 0;
    return error_set(err, ERROR_INVALID, NULL, "the dump of the database is not complete");
}
