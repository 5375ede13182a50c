/*
 * guard.h - a process that ends an import's reader, or what fetches an image, when that takes too
 * long, the store's disk is nearly full, or whoever started it is gone.
 *
 * It is a process of its own because its starter may not be able to look: stopped by Ctrl-Z,
 * waiting for a terminal that was stopped by Ctrl-S, or killed.
 */
#ifndef CODESET_IMAGES_GUARD_H
#define CODESET_IMAGES_GUARD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct engine_settings;

/* What is guarded. The guard also ends a subject when the files in its folder have more than
 * folder_bytes_max bytes, or are very many. Where others write to the folder as well, `ended` says
 * how many of them have ended, in memory that is shared with them; for each that did since there
 * were ended_before, image_bytes_max more may be there. */
struct guard_subject {
    pid_t pid;          /* a child of the caller */
    const char *what;   /* for messages: "to unpack it"; static */
    const char *folder; /* NULL: none is looked at */
    int64_t folder_bytes_max;
    const _Atomic int64_t *ended; /* NULL: nobody else writes there */
    int64_t ended_before;
};

struct guard {
    pid_t pid;
    int fd; /* readable when it has ended */
    const char *what;
};

#define GUARD_INIT                                                                                 \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Is there room for more: on the store's disk, above its reserve, and in its table of inodes?
 * ERROR_UNAVAILABLE. */
int guard_check_disk(const struct engine_settings *settings, struct error *err);

/* What the files below the folder take; INT64_MAX where they are more than an image has parts. */
int64_t guard_folder_bytes(const char *folder);

/* Guards the subject for at most image_seconds_max from now. The guard has none of the caller's
 * descriptors, and is in a session of its own. */
int guard_start(const struct engine_settings *settings, const struct guard_subject *subject,
                struct guard *ret_guard, struct error *err);

/* For a subject that has ended. Returns -1 and why if it was the guard that ended it. */
int guard_end(struct guard *guard, const struct engine_settings *settings, struct error *err);

/* Ends the guard, whatever it does. */
void guard_release(struct guard *guard);

#endif
