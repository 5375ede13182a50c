/*
 * pages.h - long answers that were put together once and are kept as files for nginx to serve,
 * which it does faster than a worker could pass them on.
 *
 * A page is named by what it was asked for by, and by a stamp that changes with what it is made
 * of: it is never changed, and one that nobody asks for any more goes when room is needed. All
 * workers share the folder. A folder that is not there or full costs time, nothing else.
 */
#ifndef CODESET_ROUTES_PAGES_H
#define CODESET_ROUTES_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define PAGES_MOST 64
#define PAGES_BYTES_MOST ((size_t)64 * 1024 * 1024)
#define PAGE_BYTES_LEAST ((size_t)16 * 1024) /* shorter ones are not worth a file */
#define PAGE_IDLE_SECONDS 60                 /* before one may go; nginx has opened it by then */

struct page_name {
    char text[33];
};

/* The name of the page for this question and stamp. */
struct page_name page_name(const char *stamp, const char *question);

/* Is it there? Then it stays for PAGE_IDLE_SECONDS at least. */
bool page_find(const char *folder, const struct page_name *name);

/* Keeps it. false: it could not be kept, or is not worth it. often: one of the few questions that
 * everybody asks; others, of which a stranger can make up any number, leave it half of the room. */
bool page_keep(const char *folder, const struct page_name *name, const struct buf *body,
               bool often);

/* Of the answers that are long, dear and kept nowhere, one at a time is put together, whatever the
 * number of workers: the turn, a descriptor to close behind it, or -1 while another worker has it.
 * Without a folder everybody has it: then it is some other descriptor. */
int page_turn(const char *folder);

#endif
