#include "store/sample_rows.h"

#include "base/banned.h"

struct sample_piece sample_piece_of_row(const struct db_rows *rows, unsigned column)
{
    return (struct sample_piece){
        .bytes = db_row_text(rows, column),
        .size = db_row_length(rows, column),
        .json_length = (uint32_t)db_row_int(rows, column + 1),
        .json_crc32 = (uint32_t)db_row_int(rows, column + 2),
    };
}

int sample_whole_of_row(const struct db_rows *rows, unsigned column, struct buf *json,
                        struct error *err)
{
    const struct sample_piece piece = sample_piece_of_row(rows, column + 1);

    if (db_is_null(rows, column))
        return sample_inflate(&piece, json, err);
    buf_add(json, db_row_text(rows, column), db_row_length(rows, column));
    return 0;
}
