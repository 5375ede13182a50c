/*
 * import_check.h - what becomes of each sample of an import: whether it can be run as it is, what
 * it needs, or that it can never succeed.
 */
#ifndef CODESET_CTL_IMPORT_CHECK_H
#define CODESET_CTL_IMPORT_CHECK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/sample_line.h"

struct pull;

struct import_check {
    const char *image_dir; /* the image store; NULL: what is in images is not looked at */
    json_object *folders;  /* by image and folder: is it certain that the image lacks it? */
    struct pull *pull;     /* by which registries are asked for images; NULL: they are not */
    json_object *to_ask;   /* the rows for import_check_ask */
    json_object *asked;    /* by reference, what was told: {"missing", "reason"} */
    json_object
        *rows; /* a row each: {"line","sample_id","fate","reasons","remarks"}; NULL: only counted */
    int64_t ready, lacking, hopeless, bad;
};

void import_check_release(struct import_check *check);

/* missing: an object whose keys are the images that are not in the store. A row whose registry is
 * to be asked has no fate before import_check_ask. */
void import_check_sample(struct import_check *check, int64_t line, const struct sample_line *sample,
                         json_object *missing);
void import_check_bad(struct import_check *check, int64_t line, const char *reason);

/* Asks the registries, which takes as long as they like: not within a transaction. */
void import_check_ask(struct import_check *check);

/* Adds "ready", "needing", "hopeless" and, of a check, "rows". */
void import_check_add(const struct import_check *check, json_object *object);

/* For people. format: NULL where there was no row. */
void import_check_print(const struct import_check *check, const char *format);

/* A check, and not all samples are ready. */
bool import_check_failed(const struct import_check *check);

#endif
