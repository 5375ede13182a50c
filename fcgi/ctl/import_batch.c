#include "ctl/import_batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/samples.h"

#include "base/banned.h"

#define BATCH_BYTES (1 << 20) /* of the lines' texts; one alone may have more */

struct import_row {
    struct sample_line line;
    int64_t number;
};

struct import_batch {
    const struct import_target *target;
    struct import_row rows[SAMPLES_AT_ONCE];
    struct new_sample samples[SAMPLES_AT_ONCE];
    size_t count, bytes;
    struct sample_batch *made; /* of the samples, when it is no more filled */
};

static void clear(struct import_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        sample_line_release(&batch->rows[i].line);
    batch->count = batch->bytes = 0;
    sample_batch_free(batch->made);
    batch->made = NULL;
}

static bool is_full(const struct import_batch *batch)
{
    return batch->count == ARRAY_SIZE(batch->rows) || batch->bytes >= BATCH_BYTES;
}

/* --- making what is stored ------------------------------------------------------------------- */

static struct new_sample sample_of(const struct import_target *target,
                                   const struct sample_line *line)
{
    return (struct new_sample){
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
}

static int find(struct import_batch *batch, struct error *err)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->samples[i] = sample_of(batch->target, &batch->rows[i].line);
    batch->made = sample_batch_new(batch->samples, batch->count);
    return sample_batch_find(batch->target->db, batch->made, err);
}

static void render(size_t i, int64_t version, struct buf *json, struct buf *whole,
                   unsigned char hash[32], void *arg)
{
    const struct import_batch *batch = arg;
    const char *dataset = batch->target->dataset;
    const struct sample_line *line = &batch->rows[i].line;

    sample_line_render_hashed(line, dataset, version, line->hides_answers ? whole : json, hash);
    if (line->hides_answers)
        sample_line_render(line, dataset, version, false, json);
}

static void *make(void *arg)
{
    struct import_batch *batch = arg;

    sample_batch_make(batch->made, render, batch);
    return NULL;
}

/* --- storing it ------------------------------------------------------------------------------ */

static void count(struct import_counts *counts, int64_t version)
{
    if (version == 0)
        counts->unchanged++;
    else if (version == 1)
        counts->added++;
    else
        counts->changed++;
}

static void name_rows(const struct import_batch *batch, size_t at, struct error *err)
{
    const char *path = batch->target->path;

    if (at < batch->count)
        error_wrap(err, "%s:%" PRId64 " (%s)", path, batch->rows[at].number,
                   batch->rows[at].line.sample_id);
    else if (batch->count > 0)
        error_wrap(err, "%s:%" PRId64 " to %" PRId64, path, batch->rows[0].number,
                   batch->rows[batch->count - 1].number);
}

static int store(struct import_batch *batch, struct import_counts *counts, struct error *err)
{
    int64_t versions[SAMPLES_AT_ONCE];
    size_t at;

    if (!batch->made)
        return 0; /* the first step has nothing to store */
    if (sample_batch_store(batch->target->db, batch->made, versions, &at, err) < 0) {
        name_rows(batch, at, err);
        return -1;
    }
    for (size_t i = 0; i < batch->count; i++)
        count(counts, versions[i]);
    return 0;
}

/* While MariaDB stores what was made in the step before, the next is made. */
static int store_and_make(struct import_rows *rows, struct error *err)
{
    struct import_batch *making = rows->making;
    pthread_t maker;
    bool apart;
    int status;

    if (find(making, err) < 0) {
        name_rows(making, making->count, err);
        return -1;
    }
    apart = pthread_create(&maker, NULL, make, making) == 0;
    status = store(rows->storing, &rows->counts, err);
    if (apart)
        pthread_join(maker, NULL);
    else
        make(making);
    return status;
}

static void step(struct import_rows *rows)
{
    rows->status = store_and_make(rows, &rows->err);
}

static void *step_in_thread(void *arg)
{
    db_thread_begin();
    step(arg);
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

/* What is filled is made next, and what is made is stored. */
static int pass_on(struct import_rows *rows, struct error *err)
{
    struct import_batch *stored = rows->storing;

    if (await(rows, err) < 0)
        return -1;
    clear(stored);
    rows->storing = rows->making;
    rows->making = rows->filling;
    rows->filling = stored;
    rows->running = pthread_create(&rows->thread, NULL, step_in_thread, rows) == 0;
    if (!rows->running)
        step(rows);
    return 0;
}

static struct import_batch *new_batch(const struct import_target *target)
{
    struct import_batch *batch = xcalloc(1, sizeof(*batch));

    batch->target = target;
    return batch;
}

void import_rows_begin(struct import_rows *rows, const struct import_target *target)
{
    *rows = (struct import_rows){
        .filling = new_batch(target),
        .making = new_batch(target),
        .storing = new_batch(target),
    };
}

int import_rows_take(struct import_rows *rows, struct sample_line *line, int64_t number,
                     size_t length, struct error *err)
{
    struct import_batch *batch = rows->filling;

    batch->rows[batch->count++] = (struct import_row){.line = *line, .number = number};
    batch->bytes += length;
    memset(line, 0, sizeof(*line));
    return is_full(batch) ? pass_on(rows, err) : 0;
}

int import_rows_end(struct import_rows *rows, bool drop, struct error *err)
{
    /* The last row is made in the first of two steps, and stored in the second. */
    if (!drop && (pass_on(rows, err) < 0 || pass_on(rows, err) < 0))
        return -1;
    return await(rows, err);
}

static void free_batch(struct import_batch *batch)
{
    if (!batch)
        return;
    clear(batch);
    free(batch);
}

void import_rows_release(struct import_rows *rows)
{
    struct error ignored;

    await(rows, &ignored);
    free_batch(rows->filling);
    free_batch(rows->making);
    free_batch(rows->storing);
    rows->filling = rows->making = rows->storing = NULL;
}
