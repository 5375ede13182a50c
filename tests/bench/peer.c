/*
 * bench-peer - what a FastCGI worker costs that does nothing but one prepared statement: a SELECT
 * of the session's row by its id, the last 36 characters of the path; or, at a path that ends in
 * /insert, an INSERT of the body. No keys, no routes, no logs.
 *
 *     bench-peer SOCKET USER PASSWORD-FILE
 */
#include <fcgiapp.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static const char select_session[] =
    "SELECT user_id, dataset, sample_id, status, requested_at, created_at, expires_at, "
    "container_name, location FROM sessions WHERE session_id = ?";

/* As an event of Stripe's, which the daemon then deals with as it does with ours. */
static const char insert_event[] =
    "INSERT INTO stripe_events (row_id, event_id, type, created_at, payload) "
    "VALUES (UUID(), UUID(), 'bench', NOW(6), ?)";

#define COLUMNS 9
#define BODY_MOST 65536

struct statements {
    MYSQL_STMT *select, *insert;
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench-peer: %s\n", what);
    exit(1);
}

static MYSQL_STMT *prepare(MYSQL *connection, const char *sql)
{
    MYSQL_STMT *statement = mysql_stmt_init(connection);

    if (mysql_stmt_prepare(statement, sql, strlen(sql)) != 0)
        give_up(mysql_stmt_error(statement));
    return statement;
}

static struct statements prepare_all(char **argv)
{
    MYSQL *connection = mysql_init(NULL);
    char password[256] = "";
    FILE *file = fopen(argv[3], "re");

    if (!file || !fgets(password, sizeof(password), file))
        give_up("no password");
    fclose(file);
    password[strcspn(password, "\n")] = '\0';
    if (!mysql_real_connect(connection, NULL, argv[2], password, "codeset", 0, argv[1], 0))
        give_up(mysql_error(connection));
    return (struct statements){prepare(connection, select_session),
                               prepare(connection, insert_event)};
}

static void answer_insert(FCGX_Request *request, MYSQL_STMT *statement)
{
    static char body[BODY_MOST];
    int got = FCGX_GetStr(body, BODY_MOST, request->in);
    unsigned long length = (unsigned long)got;
    MYSQL_BIND value = {.buffer_type = MYSQL_TYPE_STRING, .buffer = body, .length = &length};

    if (mysql_stmt_bind_param(statement, &value) || mysql_stmt_execute(statement))
        give_up(mysql_stmt_error(statement));
    FCGX_PutS("Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", request->out);
}

static void answer_select(FCGX_Request *request, MYSQL_STMT *statement, const char *path)
{
    static char values[COLUMNS][256];
    static unsigned long lengths[COLUMNS];
    static my_bool nulls[COLUMNS];
    unsigned long length = 36;
    MYSQL_BIND key = {.buffer_type = MYSQL_TYPE_STRING, .length = &length};
    MYSQL_BIND row[COLUMNS] = {0};
    char body[4096];
    int used = 0;

    key.buffer = (void *)(path + strlen(path) - 36);
    key.buffer_length = 36;
    for (int i = 0; i < COLUMNS; i++)
        row[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                              .buffer = values[i],
                              .buffer_length = sizeof(values[i]),
                              .length = &lengths[i],
                              .is_null = &nulls[i]};
    if (mysql_stmt_bind_param(statement, &key) || mysql_stmt_execute(statement) ||
        mysql_stmt_bind_result(statement, row) || mysql_stmt_store_result(statement) ||
        mysql_stmt_fetch(statement) != 0)
        give_up("no such session");
    for (int i = 0; i < COLUMNS; i++)
        used += snprintf(body + used, sizeof(body) - (size_t)used, "%s\"%d\":\"%.*s\"",
                         i ? "," : "{", i, nulls[i] ? 0 : (int)lengths[i], values[i]);
    mysql_stmt_free_result(statement);
    FCGX_FPrintF(request->out, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s}",
                 used + 1, body);
}

static void answer(FCGX_Request *request, const struct statements *statements)
{
    const char *path = FCGX_GetParam("DOCUMENT_URI", request->envp);
    size_t length = path ? strlen(path) : 0;

    if (length >= 7 && strcmp(path + length - 7, "/insert") == 0)
        answer_insert(request, statements->insert);
    else if (length >= 36)
        answer_select(request, statements->select, path);
    else
        give_up("a path without an id");
}

int main(int argc, char **argv)
{
    FCGX_Request request;
    struct statements statements;

    if (argc != 4)
        give_up("usage: bench-peer SOCKET USER PASSWORD-FILE");
    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    statements = prepare_all(argv);
    while (FCGX_Accept_r(&request) == 0)
        answer(&request, &statements);
    return 0;
}
