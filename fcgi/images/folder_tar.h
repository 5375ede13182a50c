/*
 * folder_tar.h - a folder of an operator's or a stranger's as a tar, made by Debian's tar: the same
 * files give the same bytes. Links are packed as links and never followed; all belongs to root, is
 * readable, and is as old as all else.
 */
#ifndef CODESET_IMAGES_FOLDER_TAR_H
#define CODESET_IMAGES_FOLDER_TAR_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct engine_settings;

/* A child that packs `member` of the folder ("." is all of it) into out. Returns as fork(2), with
 * errno. It has failed where its exit status is not 0. */
pid_t folder_tar_start(int folder_fd, const char *member, int out, int64_t bytes_max);

/* Packs it into out, a file on the store's disk: at most image_bytes_max, and not beyond the disk's
 * reserve (images/guard.h). */
int folder_tar(const struct engine_settings *settings, int folder_fd, const char *member, int out,
               struct error *err);

#endif
