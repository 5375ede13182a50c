/*
 * catalog.h - what the operator asks about images and data sets before one is removed, and the
 * removal. Needs the administrator's rights.
 */
#ifndef CODESET_STORE_CATALOG_H
#define CODESET_STORE_CATALOG_H

#include <stdint.h>

#include "base/error.h"

struct db;

/* Calls each with the first `limit` of the samples (latest versions) that name the image, for
 * sessions or for grading. *ret_total: how many there are. */
int store_image_samples(struct db *db, const char *image, int64_t limit,
                        void (*each)(const char *dataset, const char *sample_id, void *arg),
                        void *arg, int64_t *ret_total, struct error *err);

/* Calls each with every image that the samples (latest versions) of the data set run on, and that a
 * registry has. */
int store_dataset_references(struct db *db, const char *dataset,
                             void (*each)(const char *image, const char *reference, void *arg),
                             void *arg, struct error *err);

/*
 * Removes a data set with all versions of its samples. *ret_versions: how many. Sessions that have
 * ended keep their rows. Within the caller's transaction (db_begin). ERROR_NOT_FOUND;
 * ERROR_CONFLICT while sessions or verifications of it have not ended. A session that is created at
 * the same instant may be left without its sample; no daemon starts it, and it ends when its time
 * is up.
 */
int store_dataset_remove(struct db *db, const char *name, int64_t *ret_versions, struct error *err);

/* The answers of the latest versions that have the image for their sessions, at most
 * IMAGE_ANSWERS_MOST. Texts live until each returns. */
#define IMAGE_ANSWERS_MOST 2000
struct image_answer {
    const char *sample_id, *repo_path, *patch, *test_patch;
};

int store_image_answers(struct db *db, const char *image,
                        void (*each)(const struct image_answer *answer, void *arg), void *arg,
                        struct error *err);

#endif
