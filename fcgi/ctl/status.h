/*
 * status.h - the server's state in a few lines.
 */
#ifndef CODESET_CTL_STATUS_H
#define CODESET_CTL_STATUS_H

#include "base/error.h"
#include "ctl/ctl.h"

/* Prints what 'codesetctl status' says of parts, hosts, queues and money, a line or so each, for
 * the head of a screen. */
int status_print_brief(struct ctl *ctl, struct error *err);

#endif
