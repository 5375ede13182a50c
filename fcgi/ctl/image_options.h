/*
 * image_options.h - the options by which an import or a pull says how an image's commands are run.
 */
#ifndef CODESET_CTL_IMAGE_OPTIONS_H
#define CODESET_CTL_IMAGE_OPTIONS_H

#include "base/error.h"

struct ctl;
struct image_options;

/* Reads and checks them; the texts are the command line's. */
int image_options_read(const struct ctl *ctl, struct image_options *ret_options, struct error *err);

#endif
