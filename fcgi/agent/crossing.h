/*
 * crossing.h - what crosses from a session beside source code, and is easily overlooked by whoever
 * reads a change: a sample's own rules may hold it back by the name of its kind (AGENT_KIND_... in
 * wire/agent_protocol.h), and what crosses all the same is told.
 *
 * BUGS: what is compiled is known by its name and by the first bytes of ELF, ar, Java and
 * WebAssembly; a program that unpacks itself from a text is not.
 */
#ifndef CODESET_AGENT_CROSSING_H
#define CODESET_AGENT_CROSSING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Bits. */
enum crossing_kind {
    CROSSING_COMPILED = 1, /* of a compiler, for a machine or an interpreter */
    CROSSING_LINK = 2,     /* a link where the image has a folder */
    CROSSING_STARTUP = 4,  /* what an interpreter reads at its start, unasked */
    CROSSING_ENTRY = 8,    /* a package.json that names other files to begin with */
};

#define CROSSING_HEAD 8 /* bytes at a file's beginning that are looked at */
#define CROSSING_TOLD 5 /* paths of each kind that are told */

/* The kinds that a thing's type ('d', 'f', 'l'; else none), path and first bytes tell: COMPILED and
 * STARTUP. */
unsigned crossing_of(char type, const char *path, const char *head, size_t length);

/* The same of what is there. Its path is for the names. */
unsigned crossing_of_thing(int dir_fd, const char *name, const char *path);

/* How long the part of the path is that makes it STARTUP: a folder with such a name counts with all
 * that is in it. 0: none. */
size_t crossing_startup(const char *path);

/* The kind that a rule's text names; 0: it names none, and is a pattern. */
unsigned crossing_named(const char *text);

bool crossing_is_package(const char *path);

/* Does the package.json name others than the image's (empty: it has none) to begin with? One that
 * can't be read does. */
bool crossing_entry_differs(const struct buf *image, const struct buf *session);

/* The members of package.json that do; the last is NULL. */
extern const char *const crossing_entry_members[];

struct crossings; /* what crossed */

struct crossings *crossings_new(void);
void crossings_free(struct crossings *crossings);
void crossings_note(struct crossings *crossings, unsigned kinds, const char *path);

/* Appends {"@compiled":{"count":N,"paths":[...]},...}, of the kinds that there are. */
void crossings_tell(const struct crossings *crossings, struct buf *json);

#endif
