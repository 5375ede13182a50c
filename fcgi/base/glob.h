/*
 * glob.h - patterns of paths as people write them. Pure.
 *
 *     *, ?, [a-z]   as in glob(7): within a piece (between slashes), and no dot at its beginning
 *     **            as a piece of its own: any number of pieces, none included, none of which
 *                   begins with a dot; at the end: every file below
 *     {a,b}         one of these; may hold slashes and further braces
 *     a/folder      where the last piece holds no wildcard: that file, or the XML files at any
 * depth below that folder; with a slash at the end only these
 *
 * "./" and doubled slashes mean nothing. A path has neither, nor a slash at its beginning or end.
 */
#ifndef CODESET_BASE_GLOB_H
#define CODESET_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GLOB_PATTERN_MOST 4095 /* bytes of one */
#define GLOB_LIST_MOST 1024    /* patterns without braces in a list */

struct glob_list {
    char **patterns; /* without braces */
    size_t count;
};

void glob_list_release(struct glob_list *list);

/* ERROR_INVALID, with a sentence that says what to change: a pattern that can match nothing (it is
 * absolute, leaves the folder, is empty), or cannot have been meant (a brace or a bracket without
 * its other half, a backslash for a slash). ERROR_LIMIT: too long, or too many. */
int glob_list_add(struct glob_list *list, const char *pattern, struct error *err);

/* Is this the path of a file that one of the patterns means? */
bool glob_list_match(const struct glob_list *list, const char *path);

/* Can a file below this folder be one? True where that is unsure. */
bool glob_list_leads(const struct glob_list *list, const char *folder);

#endif
