#include "store/interactions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const type_names[] = {
    [INTERACTION_EXEC] = "exec_command",
    [INTERACTION_REPLACE] = "string_replace",
    [INTERACTION_UPLOAD] = "file_upload",
};

static enum interaction_type type_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
        if (strcmp(type_names[i], name) == 0)
            return (enum interaction_type)i;
    }
    abort(); /* the schema knows a type that this program does not */
}

static struct text read_text(const struct db_rows *rows, unsigned column)
{
    return (struct text){db_row_copy(rows, column), db_row_length(rows, column)};
}

static struct db_value text_value(struct text text)
{
    return text.bytes ? db_bytes(text.bytes, text.length) : db_null();
}

void interaction_release(struct interaction *interaction)
{
    free(interaction->command.bytes);
    free(interaction->file_path.bytes);
    free(interaction->str_to_replace.bytes);
    free(interaction->str_to_insert.bytes);
    free(interaction->out.bytes);
    free(interaction->err.bytes);
    free(interaction->message);
    memset(interaction, 0, sizeof(*interaction));
}

/* --- create and read ------------------------------------------------------------------------- */

static bool exists(struct db *db, const struct id *id)
{
    static const struct query select_id = {
        "SELECT interaction_id FROM interactions WHERE interaction_id=?"};
    struct error ignored;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_id, &ignored, db_id(id));

    return rows && db_next(rows);
}

static int refused(struct db *db, const struct new_interaction *wanted, struct error *err)
{
    return work_refused(db, &wanted->user_id, wanted->session_id, "INTERACTION_LIMIT",
                        "interactions", wanted->unfinished_max, err);
}

int store_interaction_create(struct db *db, const struct new_interaction *interaction,
                             struct error *err)
{
    /* The session is read under its row's lock, and the count behind it: a locking read takes no
     * snapshot, so that InnoDB makes the one for the count when requests that held the lock
     * before have committed. Without the lock, racing requests pass the limit. */
    static const struct query insert_interaction = {
        "INSERT INTO interactions (interaction_id, session_id, interaction_type, command, "
        "command_timeout, file_path, str_to_replace, str_to_insert, content, make_executable, "
        "size_bytes) SELECT ?, s.session_id, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions s "
        "WHERE s.session_id=? AND s.user_id=? AND s.status='ready' AND "
        "(SELECT COUNT(*) FROM interactions o WHERE o.session_id=s.session_id AND "
        "o.status IN ('pending','processing')) < ? FOR UPDATE"};
    const struct new_interaction *new = interaction;
    int64_t inserted;

    if (!id_valid(new->session_id))
        return refused(db, new, err);
    if (DB_RUN(db, &insert_interaction, &inserted, err, db_id(&new->interaction_id),
               db_text(type_names[new->type]), text_value(new->command),
               new->type == INTERACTION_EXEC ? db_int(new->command_timeout) : db_null(),
               text_value(new->file_path), text_value(new->str_to_replace),
               text_value(new->str_to_insert), text_value(new->content),
               db_int(new->make_executable),
               new->type == INTERACTION_UPLOAD ? db_int((int64_t) new->content.length) : db_null(),
               db_text(new->session_id), db_id(&new->user_id), db_int(new->unfinished_max)) < 0)
        return db_lost(db) && exists(db, &new->interaction_id) ? 0 : -1;
    return inserted > 0 ? 0 : refused(db, new, err);
}

int store_interaction_get(struct db *db, const struct id *user_id, const char *session_id,
                          const char *interaction_id, struct interaction *ret_interaction,
                          struct error *err)
{
    static const struct query select_interaction = {
        "SELECT i.interaction_id, i.session_id, i.interaction_type, i.status, i.created_at, "
        "NOW(6), i.command, i.command_timeout, i.file_path, i.str_to_replace, i.str_to_insert, "
        "i.make_executable, i.size_bytes, i.exit_code, i.stdout, i.stderr, "
        "i.execution_time_seconds, i.success, i.message FROM interactions i "
        "JOIN sessions s USING (session_id) "
        "WHERE i.interaction_id=? AND s.session_id=? AND s.user_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    const char *status;

    if (id_valid(session_id) && id_valid(interaction_id)) {
        rows = DB_SELECT(db, &select_interaction, err, db_text(interaction_id), db_text(session_id),
                         db_id(user_id));
        if (!rows)
            return -1;
    }
    if (!rows || !db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, "INTERACTION_NOT_FOUND",
                         "there is no such interaction in such a session of yours");
    status = db_row_text(rows, 3);
    *ret_interaction = (struct interaction){
        .interaction_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .type = type_of(db_row_text(rows, 2)),
        .finished = strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0,
        .processing = strcmp(status, "processing") == 0,
        .created_at = db_row_time(rows, 4),
        .now = db_row_time(rows, 5),
        .command = read_text(rows, 6),
        .command_timeout = db_row_int(rows, 7),
        .file_path = read_text(rows, 8),
        .str_to_replace = read_text(rows, 9),
        .str_to_insert = read_text(rows, 10),
        .make_executable = db_row_int(rows, 11) != 0,
        .size_bytes = db_is_null(rows, 12) ? -1 : db_row_int(rows, 12),
        .has_exit_code = !db_is_null(rows, 13),
        .exit_code = db_row_int(rows, 13),
        .out = read_text(rows, 14),
        .err = read_text(rows, 15),
        .seconds = db_is_null(rows, 16) ? -1 : db_row_double(rows, 16),
        .success = db_is_null(rows, 17) ? -1 : db_row_int(rows, 17) != 0,
        .message = db_row_copy(rows, 18),
    };
    return 0;
}

/* --- the daemon's ---------------------------------------------------------------------------- */

void interaction_work_release(struct interaction_work *work)
{
    free(work->image);
    free(work->repo_path);
    free(work->command.bytes);
    free(work->file_path.bytes);
    free(work->str_to_replace.bytes);
    free(work->str_to_insert.bytes);
    free(work->content.bytes);
    memset(work, 0, sizeof(*work));
}

#define WORKABLE "i.status IN ('pending','processing') AND s.status='ready' AND s.node=? "
#define FREE_FOR_US WORKABLE "AND (i.owner IS NULL OR i.lease_until < NOW(6) OR i.owner<>?) "

static const struct query select_work = {
    "SELECT i.interaction_id, i.session_id, i.attempt, i.interaction_type, p.image, p.repo_path, "
    "i.command, i.command_timeout, i.file_path, i.str_to_replace, i.str_to_insert, i.content, "
    "i.make_executable FROM interactions i JOIN sessions s USING (session_id) "
    "JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND p.version=s.version "
    "WHERE i.interaction_id=? AND i.owner=? AND i.status='processing'"};

int store_interaction_claim(struct db *db, const struct claimant *claimant, const struct id *id,
                            struct interaction_work *ret_work, struct error *err)
{
    static const struct query claim = {
        "UPDATE interactions i JOIN sessions s USING (session_id) SET i.status='processing', "
        "i.started_at=IFNULL(i.started_at, NOW(6)), i.attempt=i.attempt+1, "
        "i.lease_until=NOW(6) + INTERVAL ? SECOND, i.node=?, i.owner=? "
        "WHERE i.interaction_id=? AND " WORKABLE};
    _cleanup_(db_rows_release) struct db_rows *rows =
        claim_row(db, claimant, id, &claim, &select_work, err);

    if (!rows)
        return -1;
    *ret_work = (struct interaction_work){
        .interaction_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .attempt = db_row_int(rows, 2),
        .type = type_of(db_row_text(rows, 3)),
        .image = db_row_copy(rows, 4),
        .repo_path = db_row_copy(rows, 5),
        .command = read_text(rows, 6),
        .command_timeout = db_row_int(rows, 7),
        .file_path = read_text(rows, 8),
        .str_to_replace = read_text(rows, 9),
        .str_to_insert = read_text(rows, 10),
        .content = read_text(rows, 11),
        .make_executable = db_row_int(rows, 12) != 0,
    };
    return 0;
}

int store_interaction_claimable(struct db *db, const struct claimant *claimant, int64_t limit,
                                void (*each)(const struct id *id, void *arg), void *arg,
                                struct error *err)
{
    static const struct query select_claimable = {
        "SELECT i.interaction_id FROM interactions i JOIN sessions s USING (session_id) "
        "WHERE " FREE_FOR_US "ORDER BY i.created_at LIMIT ?"};

    return claimable_rows(db, claimant, &select_claimable, limit, each, arg, err);
}

int store_interaction_finish(struct db *db, const struct claimant *claimant, const struct id *id,
                             int64_t attempt, const struct interaction_result *result,
                             struct error *err)
{
    static const struct query finish = {
        "UPDATE interactions SET status=?, exit_code=?, stdout=?, stderr=?, "
        "execution_time_seconds=?, success=?, message=?, size_bytes=IFNULL(?, size_bytes), "
        "content=NULL, ended_at=NOW(6) "
        "WHERE interaction_id=? AND owner=? AND attempt=? AND status='processing'"};
    int64_t exit_code = result->platform_failed ? EXIT_CODE_PLATFORM : result->exit_code;
    int64_t changed;

    if (DB_RUN(db, &finish, &changed, err,
               db_text(result->platform_failed ? "failed" : "completed"), db_int(exit_code),
               result->out ? db_bytes(result->out, result->out_length) : db_null(),
               result->err ? db_bytes(result->err, result->err_length) : db_null(),
               db_double(result->seconds), db_int(result->success), db_text(result->message),
               result->size_bytes < 0 ? db_null() : db_int(result->size_bytes), db_id(id),
               db_id(&claimant->owner), db_int(attempt)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "the interaction is no longer ours to finish");
    return 0;
}
