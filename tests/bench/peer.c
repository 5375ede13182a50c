/*
 * bench-peer - what a FastCGI worker costs that does nothing but one prepared SELECT: the session's
 * row by its id, the last 36 characters of the path. No keys, no routes, no logs.
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

#define COLUMNS 9

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench-peer: %s\n", what);
    exit(1);
}

static MYSQL_STMT *prepare(char **argv)
{
    MYSQL *connection = mysql_init(NULL);
    MYSQL_STMT *statement;
    char password[256] = "";
    FILE *file = fopen(argv[3], "re");

    if (!file || !fgets(password, sizeof(password), file))
        give_up("no password");
    fclose(file);
    password[strcspn(password, "\n")] = '\0';
    if (!mysql_real_connect(connection, NULL, argv[2], password, "codeset", 0, argv[1], 0))
        give_up(mysql_error(connection));
    statement = mysql_stmt_init(connection);
    if (mysql_stmt_prepare(statement, select_session, sizeof(select_session) - 1) != 0)
        give_up(mysql_stmt_error(statement));
    return statement;
}

static void answer(FCGX_Request *request, MYSQL_STMT *statement)
{
    static char values[COLUMNS][256];
    static unsigned long lengths[COLUMNS];
    static my_bool nulls[COLUMNS];
    const char *path = FCGX_GetParam("DOCUMENT_URI", request->envp);
    unsigned long length = 36;
    MYSQL_BIND key = {.buffer_type = MYSQL_TYPE_STRING, .length = &length};
    MYSQL_BIND row[COLUMNS] = {0};
    char body[4096];
    int used = 0;

    if (!path || strlen(path) < 36)
        give_up("a path without an id");
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

int main(int argc, char **argv)
{
    FCGX_Request request;
    MYSQL_STMT *statement;

    if (argc != 4)
        give_up("usage: bench-peer SOCKET USER PASSWORD-FILE");
    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    statement = prepare(argv);
    while (FCGX_Accept_r(&request) == 0)
        answer(&request, statement);
    return 0;
}
