/*
 * unpack_report.h - what codeset-unpack tells codesetctl, record by record.
 *
 * A record is a word (one byte), the length of what follows (four bytes, the host's order) and that
 * many bytes. The reader trusts none of it: whoever has taken codeset-unpack over by an archive
 * writes here what they like.
 */
#ifndef CODESET_IMAGES_UNPACK_REPORT_H
#define CODESET_IMAGES_UNPACK_REPORT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Of an image's environment: how many variables, and bytes of all of them. */
#define UNPACK_ENV_COUNT_MOST 1024
#define UNPACK_ENV_BYTES_MOST (256 << 10)
#define UNPACK_ENTRYPOINT_BYTES_MOST (16 << 10)

/* What codeset-unpack found out about an image. */
struct unpacked {
    int64_t bytes;           /* of its own layer */
    json_object *env;        /* array of "NAME=value", or NULL: the archive has none */
    char *workdir;           /* absolute, or NULL */
    char *user;              /* as in wire/account.h, or NULL */
    json_object *entrypoint; /* array of texts, or NULL */
};

void unpacked_release(struct unpacked *unpacked);

/* --- the writer; a report that nobody reads any more is lost ---------------------------------- */

void unpack_report_progress(int fd, int64_t bytes);
void unpack_report_failure(int fd, const struct error *err);
/* The last one. */
void unpack_report_success(int fd, const struct unpacked *unpacked);

/* --- the reader ------------------------------------------------------------------------------ */

struct unpack_reader {
    void (*progress)(int64_t bytes, void *arg); /* may be NULL */
    void *arg;
    int64_t bytes_max; /* an image's, in which the size must lie */

    struct buf bytes; /* not looked at yet */
    size_t env_bytes, entrypoint_bytes;
    bool done, failed;
    struct unpacked unpacked;
    struct error failure;
};

#define UNPACK_READER_INIT                                                                         \
    {                                                                                              \
        .bytes = BUF_INIT                                                                          \
    }

/* Takes what has come. -1 for what codeset-unpack does not write: it is not itself any more. */
int unpack_reader_take(struct unpack_reader *reader, const char *bytes, size_t size,
                       struct error *err);

/* Call it when there is no more. 0: it succeeded, and *ret_unpacked is the caller's. Otherwise its
 * own error, whose text holds no control characters; or -1 with ERROR_NONE in `err` where it ended
 * without a word. */
int unpack_reader_end(struct unpack_reader *reader, struct unpacked *ret_unpacked,
                      struct error *err);

void unpack_reader_release(struct unpack_reader *reader);

#endif
