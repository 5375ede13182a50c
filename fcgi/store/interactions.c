#include "store/interactions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/claims.h"
#include "store/db.h"
#include "store/once.h"

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

static int exists(struct db *db, const struct id *id, bool *ret_exists, struct error *err)
{
    static const struct query select_id = {
        "SELECT interaction_id FROM interactions WHERE interaction_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &select_id, err, db_id(id));

    if (!rows)
        return -1;
    *ret_exists = db_next(rows);
    return 0;
}

static int refused(struct db *db, const struct new_interaction *wanted, struct error *err)
{
    return work_refused(db, &wanted->user_id, wanted->session_id, "INTERACTION_LIMIT",
                        "interactions", wanted->unfinished_max, err);
}

/* The session is read under its row's lock, and the count behind it: a locking read takes no
 * snapshot, so that InnoDB makes the one for the count when requests that held the lock before have
 * committed. Without the lock, racing requests pass the limit. */
#define INSERT_INTERACTION                                                                         \
    "INSERT INTO interactions (interaction_id, session_id, interaction_type, command, "            \
    "command_timeout, file_path, str_to_replace, str_to_insert, make_executable, size_bytes) "     \
    "SELECT ?, s.session_id, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions s "                              \
    "WHERE s.session_id=? AND s.user_id=? AND s.status='ready' AND "                               \
    "(SELECT COUNT(*) FROM interactions o WHERE o.session_id=s.session_id AND "                    \
    "o.status IN ('pending','processing')) < ? FOR UPDATE"

#define INTERACTION_VALUES(new)                                                                    \
    db_id(&(new)->interaction_id), db_text(type_names[(new)->type]), text_value((new)->command),   \
        (new)->type == INTERACTION_EXEC ? db_int((new)->command_timeout) : db_null(),              \
        text_value((new)->file_path), text_value((new)->str_to_replace),                           \
        text_value((new)->str_to_insert), db_int((new)->make_executable),                          \
        (new)->type == INTERACTION_UPLOAD ? db_int((int64_t)(new)->content.length) : db_null(),    \
        db_text((new)->session_id), db_id(&(new)->user_id), db_int((new)->unfinished_max)

static int insert(struct db *db, const struct new_interaction *new, int64_t *ret_inserted,
                  struct error *err)
{
    static const struct query plain = {INSERT_INTERACTION};
    static const struct query upload = {
        DB_ATOMIC(INSERT_INTERACTION "; IF ROW_COUNT() > 0 THEN INSERT INTO interaction_contents "
                                     "(interaction_id, content) VALUES (?, ?); END IF;")};

    if (new->type != INTERACTION_UPLOAD)
        return DB_RUN(db, &plain, ret_inserted, err, INTERACTION_VALUES(new));
    return DB_RUN(db, &upload, ret_inserted, err, INTERACTION_VALUES(new),
                  db_id(&new->interaction_id), text_value(new->content));
}

/* Nothing was inserted: the row may be there already, made by an earlier attempt. */
static int attempt(struct db *db, void *arg, bool *maybe, struct error *err)
{
    const struct new_interaction *new = arg;
    int64_t inserted = 0;
    bool is_there = false;

    *maybe = true;
    if (insert(db, new, &inserted, err) < 0 && err->kind != ERROR_CONFLICT)
        return -1;
    if (inserted > 0)
        return 0;
    if (exists(db, &new->interaction_id, &is_there, err) < 0)
        return -1;
    return is_there ? 0 : refused(db, new, err);
}

int store_interaction_create(struct db *db, const struct new_interaction *interaction,
                             struct error *err)
{
    struct new_interaction new = *interaction;

    if (!id_valid(interaction->session_id))
        return refused(db, interaction, err);
    return store_once(db, attempt, &new, err);
}

/* A command that said nothing has no row of outputs (store_interaction_finish). */
static void fill_in_silence(struct interaction *interaction)
{
    if (!interaction->out.bytes)
        interaction->out = (struct text){xstrdup(""), 0};
    if (!interaction->err.bytes)
        interaction->err = (struct text){xstrdup(""), 0};
}

/* What a pruned interaction says in place of its output. */
static void tell_of_pruning(struct interaction *interaction)
{
    static const char gone[] = "The output was kept for a time and has been deleted.";
    char *before = interaction->message;

    if (!interaction->finished || interaction->type != INTERACTION_EXEC)
        return;
    free(interaction->out.bytes);
    free(interaction->err.bytes);
    interaction->out = (struct text){xstrdup(""), 0};
    interaction->err = (struct text){xstrdup(""), 0};
    interaction->message = before ? xasprintf("%s. %s", before, gone) : xstrdup(gone);
    free(before);
}

int store_interaction_get(struct db *db, const struct id *user_id, const char *session_id,
                          const char *interaction_id, struct interaction *ret_interaction,
                          struct error *err)
{
    static const struct query select_interaction = {
        "SELECT i.interaction_id, i.session_id, i.interaction_type, i.status, i.created_at, "
        "NOW(6), i.command, i.command_timeout, i.file_path, i.str_to_replace, i.str_to_insert, "
        "i.make_executable, i.size_bytes, i.exit_code, IFNULL(o.stdout, i.stdout), "
        "IFNULL(o.stderr, i.stderr), i.execution_time_seconds, i.success, i.message, "
        "s.outputs_pruned FROM interactions i JOIN sessions s USING (session_id) "
        "LEFT JOIN interaction_outputs o ON o.interaction_id=i.interaction_id "
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
                         "you have no session with this interaction; check both ids");
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
    if (strcmp(status, "completed") == 0 && ret_interaction->type == INTERACTION_EXEC)
        fill_in_silence(ret_interaction);
    if (db_row_int(rows, 19))
        tell_of_pruning(ret_interaction);
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
    memset(work, 0, sizeof(*work));
}

static const struct query select_work = {
    "SELECT i.interaction_id, i.session_id, s.user_id, i.attempt, i.interaction_type, p.image, "
    "p.repo_path, i.command, i.command_timeout, i.file_path, i.str_to_replace, i.str_to_insert, "
    "IFNULL(i.size_bytes, 0), i.make_executable FROM interactions i "
    "JOIN sessions s USING (session_id) "
    "JOIN samples p ON p.dataset=s.dataset AND p.sample_id=s.sample_id AND p.version=s.version "
    "WHERE i.interaction_id=? AND i.owner=? AND i.status='processing'"};

/* Two statements: here, unlike elsewhere, MariaDB is quicker at them than at both in one. */
int store_interaction_claim(struct db *db, const struct run *run, const struct id *id,
                            struct interaction_work *ret_work, struct error *err)
{
    static const struct query claim = {
        "UPDATE interactions i JOIN sessions s USING (session_id) SET i.status='processing', "
        "i.started_at=IFNULL(i.started_at, NOW(6)), i.attempt=i.attempt+1, i.owner=? "
        "WHERE i.interaction_id=? AND i.status IN ('pending','processing') AND "
        "s.status='ready' AND s.owner=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    int64_t changed;

    if (DB_RUN(db, &claim, &changed, err, db_id(&run->run_id), db_id(id), db_id(&run->run_id)) < 0)
        return -1;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    rows = DB_SELECT(db, &select_work, err, db_id(id), db_id(&run->run_id));
    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    *ret_work = (struct interaction_work){
        .interaction_id = db_row_id(rows, 0),
        .session_id = db_row_id(rows, 1),
        .user_id = db_row_id(rows, 2),
        .attempt = db_row_int(rows, 3),
        .type = type_of(db_row_text(rows, 4)),
        .image = db_row_copy(rows, 5),
        .repo_path = db_row_copy(rows, 6),
        .command = read_text(rows, 7),
        .command_timeout = db_row_int(rows, 8),
        .file_path = read_text(rows, 9),
        .str_to_replace = read_text(rows, 10),
        .str_to_insert = read_text(rows, 11),
        .content_bytes = db_row_int(rows, 12),
        .make_executable = db_row_int(rows, 13) != 0,
    };
    return 0;
}

int store_interaction_content(struct db *db, const struct id *id, struct text *ret_content,
                              struct error *err)
{
    static const struct query select_content = {
        "SELECT IFNULL(c.content, i.content) FROM interactions i "
        "LEFT JOIN interaction_contents c USING (interaction_id) "
        "WHERE i.interaction_id=? AND i.status IN ('pending','processing')"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_content, err, db_id(id));

    if (!rows)
        return -1;
    if (!db_next(rows) || db_is_null(rows, 0))
        return error_set(err, ERROR_NOT_FOUND, NULL, "the upload is finished");
    *ret_content = read_text(rows, 0);
    return 0;
}

int store_interaction_command(struct db *db, const struct run *run, const struct id *id,
                              struct text *ret_command, struct error *err)
{
    static const struct query select_command = {
        "SELECT command FROM interactions WHERE interaction_id=? AND owner=? AND "
        "status='processing' AND command IS NOT NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_command, err, db_id(id), db_id(&run->run_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "the command is finished");
    *ret_command = read_text(rows, 0);
    return 0;
}

int store_interaction_claimable(struct db *db, const struct run *run, int64_t user_max,
                                int64_t limit, void (*each)(const struct id *id, void *arg),
                                void *arg, struct error *err)
{
    static const struct query query = {
        CLAIMABLE("interactions", "interaction_id", "'processing'", "'pending','processing'")};

    return claimable(db, &query, run, user_max, limit, each, arg, err);
}

/* --- the end --------------------------------------------------------------------------------- */

#define FINISH(also)                                                                               \
    "UPDATE interactions SET status=?, exit_code=?, execution_time_seconds=?, success=?, "         \
    "message=?, " also "ended_at=NOW(6) "                                                          \
    "WHERE interaction_id=? AND owner=? AND attempt=? AND status='processing'"
#define IF_FINISHED(statement) "; IF ROW_COUNT() > 0 THEN " statement "; END IF;"

#define FINISH_VALUES(result)                                                                      \
    db_text((result)->platform_failed ? "failed" : "completed"),                                   \
        db_int((result)->platform_failed ? EXIT_CODE_PLATFORM : (result)->exit_code),              \
        db_double((result)->seconds), db_int((result)->success), db_text((result)->message)

static bool said_nothing(const struct interaction_result *result)
{
    return result->out && result->out_length == 0 && result->err && result->err_length == 0;
}

/* A command that said nothing has no row of outputs. */
static int finish_silent_command(struct db *db, const struct run *run, const struct id *id,
                                 int64_t attempt, const struct interaction_result *result,
                                 int64_t *ret_changed, struct error *err)
{
    static const struct query finish = {FINISH("")};

    return DB_RUN(db, &finish, ret_changed, err, FINISH_VALUES(result), db_id(id),
                  db_id(&run->run_id), db_int(attempt));
}

static int finish_command(struct db *db, const struct run *run, const struct id *id,
                          int64_t attempt, const struct interaction_result *result,
                          int64_t *ret_changed, struct error *err)
{
    static const struct query finish = {
        DB_ATOMIC(FINISH("") IF_FINISHED("INSERT INTO interaction_outputs "
                                         "(interaction_id, stdout, stderr) VALUES (?, ?, ?)"))};

    if (said_nothing(result))
        return finish_silent_command(db, run, id, attempt, result, ret_changed, err);
    return DB_RUN(db, &finish, ret_changed, err, FINISH_VALUES(result), db_id(id),
                  db_id(&run->run_id), db_int(attempt), db_id(id),
                  result->out ? db_bytes(result->out, result->out_length) : db_null(),
                  result->err ? db_bytes(result->err, result->err_length) : db_null());
}

static int finish_file(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                       const struct interaction_result *result, int64_t *ret_changed,
                       struct error *err)
{
    static const struct query finish = {
        DB_ATOMIC(FINISH("size_bytes=IFNULL(?, size_bytes), content=NULL, ")
                      IF_FINISHED("DELETE FROM interaction_contents WHERE interaction_id=?"))};

    return DB_RUN(db, &finish, ret_changed, err, FINISH_VALUES(result),
                  result->size_bytes < 0 ? db_null() : db_int(result->size_bytes), db_id(id),
                  db_id(&run->run_id), db_int(attempt), db_id(id));
}

int store_interaction_finish(struct db *db, const struct run *run, const struct id *id,
                             int64_t attempt, const struct interaction_result *result,
                             struct error *err)
{
    int64_t changed = 0;
    int status = result->out || result->err
                     ? finish_command(db, run, id, attempt, result, &changed, err)
                     : finish_file(db, run, id, attempt, result, &changed, err);

    return fenced(status, changed, "interaction", err);
}
