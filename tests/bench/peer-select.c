/*
 * peer-select - what the API's workers are measured against: a bare libfcgi worker with one
 * prepared SELECT, no routes, no checks, no log.
 *
 *     QUERY=... ARGUMENT=... peer-select CONFIG     (FastCGI on standard input)
 *
 * Answers every request with the columns of the query's first row as a JSON array of strings.
 */
#include <fcgiapp.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

#define COLUMNS_MAX 32
#define COLUMN_SIZE 512

static MYSQL_STMT *prepare(MYSQL *mysql, char *argument, unsigned long *length)
{
    const char *query = getenv("QUERY");
    MYSQL_STMT *statement = mysql_stmt_init(mysql);
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING, .buffer = argument, .length = length};

    *length = strlen(argument);
    bind.buffer_length = *length;
    if (!query || mysql_stmt_prepare(statement, query, strlen(query)) != 0 ||
        mysql_stmt_bind_param(statement, &bind) != 0)
        abort();
    return statement;
}

static MYSQL *connect_as_worker(const struct settings *settings)
{
    char password[128] = "";
    FILE *file = fopen(settings->db_api_password_file, "r");
    MYSQL *mysql = mysql_init(NULL);

    if (!file || !fgets(password, sizeof(password), file))
        abort();
    fclose(file);
    password[strcspn(password, "\n")] = '\0';
    if (!mysql_real_connect(mysql, NULL, settings->db_api_user, password, settings->db_name, 0,
                            settings->db_socket, 0))
        abort();
    return mysql;
}

int main(int argc, char **argv)
{
    static char columns[COLUMNS_MAX][COLUMN_SIZE];
    static MYSQL_BIND binds[COLUMNS_MAX];
    static unsigned long lengths[COLUMNS_MAX];
    struct settings settings;
    struct error err;
    FCGX_Stream *in, *out, *errors;
    FCGX_ParamArray parameters;
    unsigned long argument_length;
    MYSQL_STMT *statement;
    unsigned count;

    if (argc != 2 || !getenv("ARGUMENT") || settings_load(argv[1], &settings, &err) < 0)
        return 2;
    statement = prepare(connect_as_worker(&settings), getenv("ARGUMENT"), &argument_length);
    count = mysql_stmt_field_count(statement);
    for (unsigned i = 0; i < count && i < COLUMNS_MAX; i++)
        binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                .buffer = columns[i],
                                .buffer_length = COLUMN_SIZE,
                                .length = &lengths[i]};
    while (FCGX_Accept(&in, &out, &errors, &parameters) >= 0) {
        if (mysql_stmt_execute(statement) != 0 || mysql_stmt_bind_result(statement, binds) != 0 ||
            mysql_stmt_fetch(statement) != 0)
            abort();
        FCGX_FPrintF(out, "Content-Type: application/json\r\n\r\n[");
        for (unsigned i = 0; i < count && i < COLUMNS_MAX; i++)
            FCGX_FPrintF(out, "%s\"%.*s\"", i ? "," : "", (int)lengths[i], columns[i]);
        FCGX_FPrintF(out, "]");
        mysql_stmt_free_result(statement);
    }
    return 0;
}
