/*
 * result.h - what codeset-reaper and `codeset-grader result` say to each other: an agent's result
 * goes in as an archive, and comes out as a file of parts that can be put together anew without
 * being read.
 *
 * It is started as `codeset-grader result PACKED UNPACKED ENTRIES`: the limits. On its standard
 * input is the archive, a tar as it is or compressed by gzip; RESULT_FD is the file, empty. On its
 * standard output it answers with a head (wire/head.h): {"code", "message"} or {"bytes", "parts"}.
 *
 * The file: one gzip member for each folder at the archive's top, in the archive's order; each
 * holds the tar entries of that folder and of what is in it. Then a last one with the 1024 zero
 * bytes that end a tar. gzip members that follow one another are a gzip file (RFC 1952, 2.2), and
 * tar entries that do are a tar; so any choice of parts with the last one is a tar.gz.
 */
#ifndef CODESET_WIRE_RESULT_H
#define CODESET_WIRE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define RESULT_ARGUMENT "result" /* of codeset-grader */
#define RESULT_FD 3
#define RESULT_PARTS_MAX 65 /* 64 folders and the end */
#define RESULT_NAME_MAX 64
#define RESULT_ENTRIES_MAX 10000000
#define RESULT_CPU_SECONDS 600
#define RESULT_SECONDS 1800 /* from its start to its answer, the archive's arrival included */

struct result_limits {
    int64_t packed;   /* bytes of the file */
    int64_t unpacked; /* bytes of all contents */
    int64_t entries;  /* files, folders and links */
};

struct result_part {
    char name[RESULT_NAME_MAX + 1]; /* of the folder; "" of the last part */
    int64_t offset, length;
};

struct result_parts {
    size_t count; /* 0: none yet */
    struct result_part parts[RESULT_PARTS_MAX];
};

/* May a folder at the top be called so? [a-z0-9][a-z0-9_-]{0,63} */
bool result_name_valid(const char *name);

/* The limits as arguments and back, for argv behind RESULT_ARGUMENT. -1: they are none. */
#define RESULT_ARGUMENTS 3
#define RESULT_ARGUMENT_SIZE 24
void result_limits_write(const struct result_limits *limits,
                         char texts[RESULT_ARGUMENTS][RESULT_ARGUMENT_SIZE]);
int result_limits_parse(char *const texts[RESULT_ARGUMENTS], struct result_limits *ret_limits);

/* Appends an answer. Codes are those of result_code. */
void result_answer_write_error(struct buf *out, const struct error *error);
void result_answer_write_parts(struct buf *out, int64_t bytes, const struct result_parts *parts);

struct result_answer {
    struct error error; /* kind ERROR_NONE: the result was taken */
    int64_t bytes;
    struct result_parts parts;
};

/* Parts that do not follow one another from 0 to `bytes`, names that are none or come twice, a code
 * that is none of these, members too much: -1. */
int result_answer_parse(const char *head, size_t length, struct result_answer *ret_answer,
                        struct error *err);

/* JOB_RESULT_REFUSED, JOB_RESULT_TOO_LARGE, JOB_NO_RESULT (none of its folders has a file), each
 * with a sentence for whoever made the archive; RESULT_FAILED (the grader's own): as a literal;
 * NULL for any other. */
const char *result_code(const char *text, enum error_kind *ret_kind);

/* The parts as the database keeps them: [{"name", "offset", "length"}]; the caller's. */
char *result_parts_json(const struct result_parts *parts);

#endif
