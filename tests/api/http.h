/*
 * http.h - one request with libcurl, for client.c. One handle a thread, kept alive.
 */
#ifndef CODESET_TESTS_HTTP_H
#define CODESET_TESTS_HTTP_H

#include "client.h"

void http_open(const char *ca_path);
void http_close(void);      /* this thread's handle, and the library */
void http_thread_end(void); /* this thread's handle */

struct answer *http_send(const char *url, const struct call *call, const char *key);

#endif
