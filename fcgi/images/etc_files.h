/*
 * etc_files.h - files that every image has after its import, whatever it had before.
 *
 * /etc/hosts: localhost, and the name of every container (sandbox). Container engines write it at
 * a start, so images have an empty one, a link that leads nowhere, or one without these names.
 * /etc/gitconfig: git trusts a repository whoever owns it. It would refuse one whose owner is not
 * who asks ("dubious ownership"), which is no danger where the container has one owner alone.
 */
#ifndef CODESET_IMAGES_ETC_FILES_H
#define CODESET_IMAGES_ETC_FILES_H

#include <stdbool.h>

#include "base/error.h"

/* root_fd: of the image. is_layer: only files that are there are mended, since those below are.
 * Files are root's, mode 0644. An image whose /etc is not a folder stays as it is. */
int etc_files_lay(int root_fd, bool is_layer, struct error *err);

#endif
