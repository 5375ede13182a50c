#include "ctl/import_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/sample_pack.h"

#include "base/banned.h"

#define BATCH_BYTES (1 << 20) /* of the lines' texts; one alone may have more */

void import_batch_clear(struct import_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        sample_line_release(&batch->rows[i].line);
        buf_release(&batch->rows[i].archive);
    }
    batch->count = batch->bytes = 0;
}

void import_batch_take(struct import_batch *batch, struct sample_line *line, int64_t number,
                       size_t length)
{
    batch->rows[batch->count++] =
        (struct import_row){.line = *line, .number = number, .archive = BUF_INIT};
    batch->bytes += length;
    memset(line, 0, sizeof(*line));
}

bool import_batch_is_full(const struct import_batch *batch)
{
    return batch->count == ARRAY_SIZE(batch->rows) || batch->bytes >= BATCH_BYTES;
}

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

static int store(struct import_batch *batch, const struct import_target *target, int64_t *versions,
                 size_t *ret_at, struct error *err)
{
    struct new_sample samples[SAMPLES_AT_ONCE];
    struct rendering rendering = {.batch = batch, .target = target};

    for (size_t i = 0; i < batch->count; i++)
        samples[i] = sample_of(target, &batch->rows[i].line);
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

int import_batch_store(struct import_batch *batch, const struct import_target *target,
                       struct import_counts *counts, struct error *err)
{
    int64_t versions[SAMPLES_AT_ONCE];
    size_t at = batch->count;
    int status = store(batch, target, versions, &at, err);

    if (status < 0 && at < batch->count)
        error_wrap(err, "%s:%" PRId64 " (%s)", target->path, batch->rows[at].number,
                   batch->rows[at].line.sample_id);
    else if (status < 0 && batch->count > 0)
        error_wrap(err, "%s:%" PRId64 " to %" PRId64, target->path, batch->rows[0].number,
                   batch->rows[batch->count - 1].number);
    for (size_t i = 0; status == 0 && i < batch->count; i++)
        count(counts, versions[i]);
    import_batch_clear(batch);
    return status;
}
