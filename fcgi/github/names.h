/*
 * names.h - what names of repositories and of refs may look like: pure functions. Each gives NULL,
 * or what is wrong, as part of a sentence.
 */
#ifndef CODESET_GITHUB_NAMES_H
#define CODESET_GITHUB_NAMES_H

#define GITHUB_REPO_MAX 140 /* bytes: 39 of the owner, 100 of the name */
#define GIT_REF_MAX 255     /* bytes */

/* "owner/name", by GitHub's rules for new ones: letters, digits and '-' (in names '.' and '_', too;
 * owners that an enterprise manages have a '_'). */
const char *github_repo_wrong(const char *repo);

/* A branch, tag or commit, by the rules of git-check-ref-format(1); and it does not begin with '-',
 * which a program would take for an option. "" is the default branch. */
const char *git_ref_wrong(const char *ref);

#endif
