/*
 * fixture.h - what the black-box programs stand on: a busybox image, a data set `blackbox` whose
 * task is solved by turning one character, broken relatives of it, a data set `paging`, and a
 * second user. Made through codesetctl; making it twice is no error.
 */
#ifndef CODESET_TESTS_FIXTURE_H
#define CODESET_TESTS_FIXTURE_H

#include "client.h"

#define DATASET "blackbox"
#define SOLVABLE "calc__calc-1"
#define PAGING "paging"
#define PAGING_COUNT 230

/* 0, or -1 told on standard error. */
int fixture_open(void);
void fixture_close(void); /* closes what fixture_session opened */

const char *fixture_user(void);      /* the first user's id */
const char *fixture_other_key(void); /* of the second user */
const char *fixture_other_user(void);

/* A ready session of SOLVABLE that tests share and leave as they found it. Never NULL. */
const char *fixture_session(void);

/* A folder that goes at the end. */
const char *fixture_folder(void);

#endif
