/*
 * process.h - what the agent's processes do to their own descriptors.
 */
#ifndef CODESET_AGENT_PROCESS_H
#define CODESET_AGENT_PROCESS_H

#include <stddef.h>

/* Closes every descriptor from 3 on but these (at most 8; -1 is passed over). */
void process_close_all_but(const int *kept, size_t count);

/* Marks every descriptor from `first` on to be closed by exec. */
void process_cloexec_from(int first);

#endif
