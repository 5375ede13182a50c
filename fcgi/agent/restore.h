/*
 * restore.h - what of a session's changes stays the image's: its tests, and the configuration of
 * what runs them.
 *
 * Rules say which (docs/agent-protocol.md); a sample's own go before the others. What a rule holds
 * back is neither removed nor laid, so the image's version is simply left alone, whatever the
 * session made of it; and it is noted where the session's differs. Pure, but for looking at the
 * image's files before anything is changed.
 *
 * BUGS: a test whose folder is a link in the image is not held back.
 */
#ifndef CODESET_AGENT_RESTORE_H
#define CODESET_AGENT_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct restore;

enum restore_answer {
    RESTORE_CROSSES, /* the session's counts */
    RESTORE_KEPT,    /* the image's stays: neither removed nor laid */
    RESTORE_PART,    /* a part of the file is the image's: see restore_merge */
};

/* Reads `size` bytes of rules, each ended by NUL; they are the caller's and stay. root_fd: the
 * image's tree, still untouched; borrowed. ERROR_INVALID: no rules. Never NULL otherwise. */
struct restore *restore_new(const char *rules, size_t size, int root_fd, struct error *err);
void restore_free(struct restore *restore);

/* What happens to the path (a valid one), at which a thing of the kinds is (enum crossing_kind).
 * *ret_kept: how long the part of it is that the rule names; set with RESTORE_KEPT only. */
enum restore_answer restore_ask(const struct restore *restore, const char *path, unsigned kinds,
                                size_t *ret_kept);

/* Do a sample's own rules name kinds? Only then what is in a file has to be looked at. */
bool restore_asks_kinds(const struct restore *restore);

/* May something cross in a folder that is held back? A sample's own rules may say so. */
bool restore_takes_some(const struct restore *restore);

/* Is this a folder with tests in it that are held back? Then it stays a folder. */
bool restore_needs_folder(const struct restore *restore, const char *path);

/* From restore_settle on this path is held back, too. */
void restore_hold(struct restore *restore, const char *path);
void restore_settle(struct restore *restore);

/* The session's version of `length` bytes of the path was not used. The same again is noted once;
 * what a rule holds back quietly is not. */
void restore_note(struct restore *restore, const char *path, size_t length);

/* Appends "kept_back": [...], "more": N: the noted paths, RESTORE_TOLD of them at most. */
#define RESTORE_TOLD 20
void restore_tell(const struct restore *restore, struct buf *json);

/* --- files of which a part is the runner's configuration --- */

#define RESTORE_PART_MOST (1024 * 1024) /* bytes of such a file; a larger one stays the image's */

/* Does the file of this name say anything to the runner? */
bool restore_part_speaks(const char *name, const char *text, size_t length);

enum restore_merged {
    RESTORE_SESSIONS, /* they say the same to it: the session's file is taken */
    RESTORE_IMAGES,   /* they don't: the image's file stays */
    RESTORE_MERGED,   /* they don't: *out is the session's with the image's part in it */
};

/* What of a package.json is the image's. */
enum restore_parts {
    RESTORE_RUNNER = 1, /* what it says to test runners; so of other files, too */
    RESTORE_ENTRY = 2,  /* which files it names to begin with */
};

/* Of the path, if the answer is RESTORE_PART. Bits. */
unsigned restore_parts(const struct restore *restore, const char *path);

/* image: empty where it has no such file; then RESTORE_IMAGES says that none is to be there. */
enum restore_merged restore_merge(const char *name, unsigned parts, const struct buf *image,
                                  const struct buf *session, struct buf *out);

#endif
