/*
 * commitments.h - which containers are there, and the disk that they have been promised.
 *
 * The limits of all containers together may exceed the disk, for few use what they may. But a share
 * of its limit (disk_commit_percent) is kept for each container, besides the host's reserve, as far
 * as it has not written that much yet: a container is taken on only where that leaves room for one
 * more.
 */
#ifndef CODESET_ENGINED_COMMITMENTS_H
#define CODESET_ENGINED_COMMITMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct engine_settings;
struct commitments;

/* The settings must outlive it. */
struct commitments *commitments_new(const struct engine_settings *settings);
void commitments_free(struct commitments *commitments);

/* A container that is there. disk_bytes 0: it is not known what it may write. */
void commitments_add(struct commitments *commitments, const char *name, int64_t disk_bytes);

/* The same for one that is about to be started. ERROR_UNAVAILABLE: the disk has no room for it. One
 * that is there already has its place. */
int commitments_take(struct commitments *commitments, const char *name, int64_t disk_bytes,
                     struct error *err);

void commitments_drop(struct commitments *commitments, const char *name);

size_t commitments_count(const struct commitments *commitments);

/* What the container's scratch image takes on the disk, in bytes; 0 where it has none. ret_size,
 * its length, may be NULL. */
int64_t commitments_written(const struct engine_settings *settings, const char *name,
                            int64_t *ret_size);

/* For so long it does not count among those of which one takes most. */
void commitments_pass_over(struct commitments *commitments, const char *name, int64_t micros);

/* The container that takes most, and how much; NULL where there is none. It lives until that
 * container is dropped. */
const char *commitments_largest(const struct commitments *commitments, int64_t *ret_bytes);

#endif
