/*
 * samples.h - data sets and samples. A sample's JSON is made and compressed once, at import; what
 * is read here are ready pieces.
 */
#ifndef CODESET_STORE_SAMPLES_H
#define CODESET_STORE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/sample_piece.h"

struct db;

#define DATASET_NAME_MAX 128
#define SAMPLE_ID_MAX 190

struct dataset {
    char *name;
    char *description; /* NULL: none */
    char *egress;      /* of its sessions (wire/egress.h) */
    bool hides_answers;
    char *profile; /* how commands are run in them (wire/profile.h) */
    char *format;  /* of its last import; NULL: not known */
    int64_t sample_count;
    int64_t created_at;
};

int store_dataset_list(struct db *db, void (*each)(const struct dataset *dataset, void *arg),
                       void *arg, struct error *err);

/*
 * A page of the latest versions, ordered by data set and sample id. dataset NULL: all; search
 * NULL: all, else those whose instance_id contains it, case-insensitively; runnable: only those
 * that were checked and found good (store/sample_checks.h). limit 0: no limit.
 *
 * plain: appends the samples' JSON objects separated by commas to `json`.
 * deflated: calls piece with each of them as it is stored, in order; its bytes live until the
 * callback returns.
 */
struct sample_page {
    const char *dataset;
    const char *search;
    bool runnable;
    int64_t offset;
    int64_t limit;
};

/* How many a page without offset and limit would have. */
int store_sample_count(struct db *db, const struct sample_page *page, int64_t *ret_count,
                       struct error *err);

/* How many versions of samples there are, and the last one's number in the order of arrival and
 * its time: as versions are only ever added, these are the same only as long as nothing has
 * changed. The time tells apart what was added before and after a backup was restored. */
struct sample_stamp {
    int64_t count, last, imported_at; /* 0: there are none */
    int64_t good, good_times; /* checks that found a sample good, and the sum of their times */
};

/* runnable: for a page of such samples; else the stamp's last two are 0. */
int store_sample_stamp(struct db *db, bool runnable, struct sample_stamp *ret_stamp,
                       struct error *err);

int store_sample_page_plain(struct db *db, const struct sample_page *page, struct buf *json,
                            struct error *err);
int store_sample_page_deflated(struct db *db, const struct sample_page *page,
                               void (*piece)(const struct sample_piece *piece, void *arg),
                               void *arg, struct error *err);

/* For the API's users: appends the JSON of a version (0: the latest). *ret_version: which.
 * ERROR_NOT_FOUND, also for one that shows answers that the latest hides. */
int store_sample_text(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                      int64_t *ret_version, struct buf *json, struct error *err);

/* A version, without its texts; for the operator. Texts are NULL where the column is. */
struct sample_summary {
    char *dataset, *sample_id, *language, *verifier, *image, *verifier_image, *repo_path,
        *verifier_command, *image_reference, *log_parser, *setup_command,
        *needs;  /* needs: a JSON array of texts; NULL: nothing */
    char *trial; /* JSON */
    int64_t version;
    bool latest;
    int64_t verify_timeout; /* seconds; 0: the setting */
    bool hide_verifier_output, hides_answers, exact_outcomes;
    int64_t imported_at;
    char *state;        /* what its check came to (store/sample_checks.h); NULL: never checked */
    int64_t checked_at; /* 0: never */
};

void sample_summary_release(struct sample_summary *summary);

/* The latest versions, as store_sample_page_plain chooses them. */
int store_sample_list(struct db *db, const struct sample_page *page,
                      void (*each)(const struct sample_summary *summary, void *arg), void *arg,
                      struct error *err);

/* The latest versions of a data set, ordered by sample id, with all that defines them. What is a
 * pointer lives until each returns; json is the API's object with its answers, the others are
 * arrays' texts. each returns -1 to stop, with its error in *err. */
struct sample_whole {
    struct sample_summary summary;
    const char *json, *report_paths, *held_out, *restore;
    size_t json_length;
    const char *solution; /* NULL: none */
};

int store_sample_export(struct db *db, const char *dataset,
                        int (*each)(const struct sample_whole *sample, void *arg,
                                    struct error *err),
                        void *arg, struct error *err);

/* One version (0: the latest), and appends its JSON, with the answers that the API may hide: for
 * the operator. ERROR_NOT_FOUND. */
int store_sample_get(struct db *db, const char *dataset, const char *sample_id, int64_t version,
                     struct sample_summary *ret_summary, struct buf *json, struct error *err);

/* Appends the shell script that solves it; nothing where it has none. */
int store_sample_solution(struct db *db, const char *dataset, const char *sample_id,
                          int64_t version, struct buf *solution, struct error *err);

/* What an import writes; everything is set, texts that may be absent are NULL. */
struct new_sample {
    const char *dataset, *sample_id, *instance_id, *language, *verifier, *image, *verifier_image,
        *repo_path, *verifier_command, *report_paths, *fail_to_pass, *pass_to_pass, *fail_to_fail,
        *version_description, *log_parser, *image_reference, *trial, *held_out, *restore, *solution,
        *setup_command, *needs;
    int64_t verify_timeout; /* 0: the setting */
    bool hide_verifier_output, hides_answers, exact_outcomes;
    bool is_first;      /* the caller's transaction knows that there is no version of any yet */
    int64_t created_at; /* 0: unknown */
};

#define SAMPLES_AT_ONCE 128

/*
 * Samples of one data set on their way into it, each with an id of its own, SAMPLES_AT_ONCE at
 * most. First find, then make, then store. The first and the last are for the thread that has the
 * database, within its transaction (db_begin); while others are stored, these may be made.
 */
struct sample_batch;

/* The samples must outlive the batch. */
struct sample_batch *sample_batch_new(const struct new_sample *samples, size_t count);
void sample_batch_free(struct sample_batch *batch);

/* Looks for the latest versions, and locks them. */
int sample_batch_find(struct db *db, struct sample_batch *batch, struct error *err);

/* Called with the version that sample number i gets, if it is not as it was. Fills `json`, what the
 * API shows, `whole`, the same with its answers, where it hides them, and the digest of all that
 * defines it. Several threads call it at once, each for another sample. */
typedef void sample_render(size_t i, int64_t version, struct buf *json, struct buf *whole,
                           unsigned char hash[32], void *arg);

void sample_batch_make(struct sample_batch *batch, sample_render *render, void *arg);

/* ret_versions, one for each: the new one, or 0 when the latest has the same digest and nothing was
 * written. *ret_at, where it fails: the sample that was refused, or their count where it is about
 * none of them. */
int sample_batch_store(struct db *db, struct sample_batch *batch, int64_t *ret_versions,
                       size_t *ret_at, struct error *err);
int store_dataset_ensure(struct db *db, const char *name, const char *description,
                         struct error *err);
/* How commands are run in its containers, from the next one on (wire/profile.h). */
int store_dataset_set_profile(struct db *db, const char *name, const char *profile,
                              struct error *err);
/* Of its last import; for free(), NULL: not known. */
int store_dataset_format(struct db *db, const char *name, char **ret_format, struct error *err);
int store_dataset_set_format(struct db *db, const char *name, const char *format,
                             struct error *err);
/* What its sessions may reach, from now on. egress: a valid policy (wire/egress.h). */
int store_dataset_set_egress(struct db *db, const char *name, const char *egress,
                             struct error *err);

/* Whether the API shows the answers of what is imported into it. */
int store_dataset_hides_answers(struct db *db, const char *name, bool *ret_hides,
                                struct error *err);
int store_dataset_hide_answers(struct db *db, const char *name, bool hide, struct error *err);

/* How many samples show answers, in their latest version. */
int store_dataset_count_answers(struct db *db, const char *name, int64_t *ret_count,
                                struct error *err);

#endif
