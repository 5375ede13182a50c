/*
 * cutter.h - a unix socket before MariaDB's that cuts the connection behind the n-th statement:
 * before MariaDB hears it, or before its answer is heard.
 */
#ifndef CODESET_TESTS_STORE_CUTTER_H
#define CODESET_TESTS_STORE_CUTTER_H

#include <stdbool.h>

struct cutter;

/* target: MariaDB's socket. NULL on failure. */
struct cutter *cutter_new(const char *path, const char *target);
void cutter_free(struct cutter *cutter);

/* The next `statements` of what the client sends go through; then it is cut, once. answered: that
 * statement is carried out, and its answer lost. */
void cutter_arm(struct cutter *cutter, int statements, bool answered);

/* Takes that back. Was it cut? */
bool cutter_disarm(struct cutter *cutter);

#endif
