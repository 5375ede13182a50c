#include "store/metered.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/session_rows.h"

#include "base/banned.h"

void metered_list_release(struct metered_list *list)
{
    free(list->sessions);
    free(list->ids);
    free(list->keys);
    memset(list, 0, sizeof(*list));
}

int metered_of_user(struct db *db, const struct id *user_id, bool ready_only,
                    struct metered_list *ret_list, struct error *err)
{
    static const struct query query = {
        "SELECT session_id, key_id, ended_at IS NULL, price_cents, "
        "IFNULL(TIMESTAMPDIFF(SECOND, created_at, IFNULL(ended_at, " SESSION_END_NOW ")), 0) "
        "FROM sessions "
        "WHERE unsettled=TRUE AND user_id=? AND (created_at IS NOT NULL OR NOT ?) "
        "ORDER BY created_at IS NULL, created_at, session_id"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &query, err, db_id(user_id), db_int(ready_only));
    size_t count;

    if (!rows)
        return -1;
    count = (size_t)db_rows_count(rows);
    *ret_list = (struct metered_list){
        .sessions = xcalloc(count + 1, sizeof(*ret_list->sessions)),
        .ids = xcalloc(count + 1, sizeof(*ret_list->ids)),
        .keys = xcalloc(count + 1, sizeof(*ret_list->keys)),
    };
    for (size_t i = 0; i < count && db_next(rows); i++) {
        ret_list->ids[i] = db_row_id(rows, 0);
        ret_list->keys[i] = db_row_id(rows, 1);
        ret_list->sessions[i] = (struct metered_session){
            .open = db_row_int(rows, 2) != 0,
            .price_cents = db_row_int(rows, 3),
            .seconds = db_row_int(rows, 4),
        };
        ret_list->count = i + 1;
    }
    return 0;
}

int64_t metered_cost(const struct metered_list *list, const struct id *key_id)
{
    int64_t cents = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (!key_id || strcmp(list->keys[i].text, key_id->text) == 0)
            cents += money_session_cost(list->sessions[i].seconds, list->sessions[i].price_cents);
    }
    return cents;
}
