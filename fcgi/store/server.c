#include "store/server.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

int store_server_info(struct db *db, struct server_info *ret_info, struct error *err)
{
    static const struct query query = {
        "SELECT VERSION(), @@max_allowed_packet, @@max_connections, NOW(6), @@datadir"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_INTERNAL, NULL, "MariaDB did not report its version");
    snprintf(ret_info->version, sizeof(ret_info->version), "%s", db_row_text(rows, 0));
    ret_info->max_allowed_packet = db_row_int(rows, 1);
    ret_info->max_connections = db_row_int(rows, 2);
    ret_info->now = db_row_time(rows, 3);
    snprintf(ret_info->datadir, sizeof(ret_info->datadir), "%s", db_row_text(rows, 4));
    return 0;
}
