/*
 * inspect.h - what a session of an image could read that gives its task's answer away. Runs in
 * codeset-unpack's cage, on one layer of an image.
 *
 * Told are, of each git repository: commits that are not in HEAD's history, references to them,
 * remotes, stashes and worktrees; objects that HEAD's files do not have and that hold all the lines
 * that a sample's patch adds to a file. And of all other files: those with the name of a file of
 * the patch, outside the sample's repository, that hold these lines (the fixed package); and those
 * with the name of a file of the test patch that hold the lines it adds (the tests).
 *
 * BUGS: a file of a patch that adds fewer than two lines worth comparing is not looked for; a fix
 * in another form (compiled, compressed, with another name) is not found.
 */
#ifndef CODESET_IMAGES_INSPECT_H
#define CODESET_IMAGES_INSPECT_H

#include <stddef.h>

#include "base/error.h"

#define INSPECT_SAMPLES_MOST ((size_t)64 << 20) /* bytes of their description */
#define INSPECT_FINDINGS_MOST 1000              /* further ones are left out */

struct inspection {
    const char *root;    /* absolute; the layer's files */
    const char *samples; /* JSON: [{"sample_id", "repo_path", "patch", "test_patch"}] */
    size_t samples_length;
    /* kind: "commits", "reference", "remote", "stash", "worktree", "object", "fix", "tests",
     * "repository" (one that can't be read). where: a path, without the root. */
    void (*found)(const char *kind, const char *where, const char *what, void *arg);
    void *arg;
};

int inspect(const struct inspection *inspection, struct error *err);

#endif
