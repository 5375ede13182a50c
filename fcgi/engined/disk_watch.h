/*
 * disk_watch.h - keeps guests from the part of the disk that the host needs for itself.
 *
 * While there are containers it asks the file system of scratch_dir ten times a second what is
 * free, and oftener when it gets near to disk_reserve_bytes. Before that is touched it ends the
 * container that takes most, then the next, one after another, until there is room again. How near
 * is too near depends on how fast the disk fills: what is written until the next look, and until
 * the container is ended, has to fit.
 */
#ifndef CODESET_ENGINED_DISK_WATCH_H
#define CODESET_ENGINED_DISK_WATCH_H

#include "base/error.h"

struct containers;
struct disk_watch;
struct engine_settings;
struct event_base;

/* All of these must outlive it. */
struct disk_watch *disk_watch_new(struct event_base *base, const struct engine_settings *settings,
                                  struct containers *containers);
void disk_watch_free(struct disk_watch *watch);

/* A container is about to be started: it looks, as long as there are any. */
void disk_watch_begin(struct disk_watch *watch);

#endif
