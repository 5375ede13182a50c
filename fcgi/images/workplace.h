/*
 * workplace.h - the folder in which an import is made, and who removes it.
 *
 * It lies in the store as .import-XXXXXX, locked by whoever imports. An import that is interrupted,
 * by Ctrl-C or kill -9, leaves nothing: a second process, the janitor, waits for its end and then
 * removes what is there. Should both be killed, or the host's power fail, the next import does it.
 */
#ifndef CODESET_IMAGES_WORKPLACE_H
#define CODESET_IMAGES_WORKPLACE_H

#include <sys/types.h>

#include "base/error.h"

struct engine_settings;

struct workplace {
    char *path;
    char *cgroup; /* a name for a cgroup that belongs to it */
    int fd;
    int leash_fd; /* the janitor waits until nobody has it open */
    pid_t janitor;
};

#define WORKPLACE_INIT                                                                             \
    {                                                                                              \
        .fd = -1, .leash_fd = -1                                                                   \
    }

/* Removes what others left, and makes an empty folder with mode 0755. */
int workplace_make(const struct engine_settings *settings, struct workplace *ret_workplace,
                   struct error *err);

/* Removes the folder, if it is still under its name. */
void workplace_release(struct workplace *workplace);

#endif
