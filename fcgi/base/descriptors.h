/*
 * descriptors.h - what a process keeps of its descriptors.
 */
#ifndef CODESET_BASE_DESCRIPTORS_H
#define CODESET_BASE_DESCRIPTORS_H

#include <stddef.h>

/* Closes every descriptor from 3 on but these (at most 8; -1 is passed over). */
void descriptors_close_all_but(const int *kept, size_t count);

/* Marks every descriptor from `first` on to be closed by exec. */
void descriptors_cloexec_from(int first);

#endif
