/*
 * scrub.h - leaves one commit of each git repository of an image, HEAD, and nothing of what was
 * before, beside or after it. Runs in codeset-unpack's cage.
 *
 * A new folder is built beside git's and put in its place. It has the commit that HEAD was, whose
 * id others may know (a task's base_commit, a superproject), without parents as in a shallow clone,
 * on the branch that HEAD was on, or else on main; the objects of its tree and of the index; the
 * entries of the index, info/exclude, info/attributes and info/sparse-checkout; and of the
 * configuration what says how files are to be read, and who commits. Gone are: other branches,
 * tags, remotes, stashes, reflogs, notes, worktrees, hooks, and every object that is not named
 * above. `git status` tells of the same files before and after. Folders of submodules are scrubbed
 * likewise. Left as they are: repositories that are tracked files of another (images/git_folder.h).
 */
#ifndef CODESET_IMAGES_SCRUB_H
#define CODESET_IMAGES_SCRUB_H

#include "base/error.h"

/* All below the root, an absolute path. Returns how many, or -1: IMAGE_REFUSED with what can't be
 * scrubbed; then the tree is half-done and to be thrown away. */
int scrub_git(const char *root, struct error *err);

#endif
