#include "ctl/import_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "ctl/sample_pack.h"
#include "store/db.h"
#include "store/samples.h"

#include "base/banned.h"

#define BATCH_BYTES (1 << 20) /* of the lines' texts; one alone may have more */

struct import_row {
    struct sample_line line;
    int64_t number;
    struct buf archive;
    int status; /* of making the archive */
    struct error err;
};

struct import_batch {
    struct import_row rows[SAMPLES_AT_ONCE];
    size_t count, bytes;
};

static void clear(struct import_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        sample_line_release(&batch->rows[i].line);
        buf_release(&batch->rows[i].archive);
    }
    batch->count = batch->bytes = 0;
}

static bool is_full(const struct import_batch *batch)
{
    return batch->count == ARRAY_SIZE(batch->rows) || batch->bytes >= BATCH_BYTES;
}

/* --- storing a batch ------------------------------------------------------------------------- */

struct rendering {
    struct import_batch *batch;
    const struct import_target *target;
};

static void render(size_t i, int64_t version, struct buf *json, struct buf *whole, void *arg)
{
    struct rendering *rendering = arg;
    const struct import_target *target = rendering->target;
    struct import_row *row = &rendering->batch->rows[i];
    bool hide = row->line.hides_answers;

    sample_line_render(&row->line, target->dataset, version, !hide, json);
    if (hide)
        sample_line_render(&row->line, target->dataset, version, true, whole);
    if (target->pack_dir)
        row->status = sample_pack(&row->line, json, &row->archive, &row->err);
}

static struct new_sample sample_of(const struct import_target *target,
                                   const struct sample_line *line)
{
    struct new_sample sample = {
        .dataset = target->dataset,
        .sample_id = line->sample_id,
        .instance_id = line->instance_id,
        .language = line->language,
        .verifier = line->verifier,
        .image = line->image,
        .verifier_image = line->verifier_image,
        .repo_path = line->repo_path,
        .verifier_command = line->verifier_command,
        .report_paths = line->report_paths,
        .log_parser = line->log_parser,
        .trial = line->trial,
        .setup_command = line->setup_command,
        .needs = line->needs,
        .fail_to_pass = line->fail_to_pass,
        .pass_to_pass = line->pass_to_pass,
        .fail_to_fail = line->fail_to_fail,
        .version_description = line->version_description,
        .image_reference = line->image_reference,
        .held_out = line->held_out,
        .restore = line->restore,
        .hides_answers = line->hides_answers,
        .solution = line->solution,
        .verify_timeout = line->verify_timeout,
        .hide_verifier_output = line->hide_verifier_output,
        .exact_outcomes = line->exact_outcomes,
        .is_first = target->is_new,
        .created_at = line->created_at,
    };

    sample_line_hash(line, target->dataset, sample.content_hash);
    return sample;
}

/* No temporary name: the version does not exist yet, so nobody reads the file. */
static int write_pack(const struct import_target *target, const struct import_row *row,
                      int64_t version, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    _cleanup_(close_fd) int fd = -1;

    buf_addf(&path, "%s/", target->pack_dir);
    sample_pack_path(target->dataset, row->line.sample_id, version, &path);
    fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_errno(err, errno, "cannot create %s", path.data);
    if (fd_write_all(fd, row->archive.data, row->archive.length, err) < 0)
        return error_wrap(err, "%s", path.data);
    return 0;
}

static int make_folder(const struct import_target *target, struct error *err)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;

    buf_addf(&path, "%s/", target->pack_dir);
    sample_pack_folder(target->dataset, &path);
    return make_dirs(path.data, 0755, err);
}

static int write_packs(const struct import_batch *batch, const struct import_target *target,
                       const int64_t *versions, size_t *ret_at, struct error *err)
{
    if (make_folder(target, err) < 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++) {
        const struct import_row *row = &batch->rows[i];

        *ret_at = i;
        if (row->status < 0) {
            *err = row->err;
            return -1;
        }
        if (versions[i] && write_pack(target, row, versions[i], err) < 0)
            return -1;
    }
    *ret_at = batch->count;
    return 0;
}

struct describing {
    const struct import_batch *batch;
    const struct import_target *target;
    struct new_sample *samples;
};

static void describe(size_t i, void *arg)
{
    const struct describing *describing = arg;

    describing->samples[i] = sample_of(describing->target, &describing->batch->rows[i].line);
}

static int store(struct import_batch *batch, const struct import_target *target, int64_t *versions,
                 size_t *ret_at, struct error *err)
{
    struct new_sample samples[SAMPLES_AT_ONCE];
    struct rendering rendering = {.batch = batch, .target = target};

    parallel_each(batch->count, describe, &(struct describing){batch, target, samples});
    if (store_sample_add(target->db, samples, batch->count, render, &rendering, versions, ret_at,
                         err) < 0)
        return -1;
    *ret_at = batch->count;
    return target->pack_dir ? write_packs(batch, target, versions, ret_at, err) : 0;
}

static void count(struct import_counts *counts, int64_t version)
{
    if (version == 0)
        counts->unchanged++;
    else if (version == 1)
        counts->added++;
    else
        counts->changed++;
}

static void store_batch(struct import_rows *rows)
{
    struct import_batch *batch = rows->storing;
    int64_t versions[SAMPLES_AT_ONCE];
    size_t at = batch->count;

    rows->status = store(batch, rows->target, versions, &at, &rows->err);
    if (rows->status < 0 && at < batch->count)
        error_wrap(&rows->err, "%s:%" PRId64 " (%s)", rows->target->path, batch->rows[at].number,
                   batch->rows[at].line.sample_id);
    else if (rows->status < 0 && batch->count > 0)
        error_wrap(&rows->err, "%s:%" PRId64 " to %" PRId64, rows->target->path,
                   batch->rows[0].number, batch->rows[batch->count - 1].number);
    for (size_t i = 0; rows->status == 0 && i < batch->count; i++)
        count(&rows->counts, versions[i]);
    clear(batch);
}

static void *store_in_thread(void *arg)
{
    db_thread_begin();
    store_batch(arg);
    db_thread_end();
    return NULL;
}

/* --- the rows -------------------------------------------------------------------------------- */

static int await(struct import_rows *rows, struct error *err)
{
    if (rows->running)
        pthread_join(rows->thread, NULL);
    rows->running = false;
    if (rows->status < 0)
        *err = rows->err;
    return rows->status;
}

/* What is filled goes behind what is being stored. */
static int pass_on(struct import_rows *rows, struct error *err)
{
    struct import_batch *filled = rows->filling;

    if (await(rows, err) < 0)
        return -1;
    rows->filling = rows->storing;
    rows->storing = filled;
    rows->running = pthread_create(&rows->thread, NULL, store_in_thread, rows) == 0;
    if (!rows->running)
        store_batch(rows);
    return 0;
}

void import_rows_begin(struct import_rows *rows, const struct import_target *target)
{
    *rows = (struct import_rows){
        .target = target,
        .filling = xcalloc(1, sizeof(*rows->filling)),
        .storing = xcalloc(1, sizeof(*rows->storing)),
    };
}

int import_rows_take(struct import_rows *rows, struct sample_line *line, int64_t number,
                     size_t length, struct error *err)
{
    struct import_batch *batch = rows->filling;

    batch->rows[batch->count++] =
        (struct import_row){.line = *line, .number = number, .archive = BUF_INIT};
    batch->bytes += length;
    memset(line, 0, sizeof(*line));
    return is_full(batch) ? pass_on(rows, err) : 0;
}

int import_rows_end(struct import_rows *rows, bool drop, struct error *err)
{
    if (!drop && pass_on(rows, err) < 0)
        return -1;
    return await(rows, err);
}

void import_rows_release(struct import_rows *rows)
{
    struct error ignored;

    await(rows, &ignored);
    if (rows->filling)
        clear(rows->filling);
    if (rows->storing)
        clear(rows->storing);
    free(rows->filling);
    free(rows->storing);
    rows->filling = rows->storing = NULL;
}
