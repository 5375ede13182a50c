/*
 * verifier_command.h - the commands of a sample of somebody else's: the one that verifies it lays
 * the tests' patch over whatever the session did to their files, and runs the tests. Pure.
 */
#ifndef CODESET_DATASET_VERIFIER_COMMAND_H
#define CODESET_DATASET_VERIFIER_COMMAND_H

#include "base/buf.h"
#include "base/error.h"

struct verifier_plan {
    const char *prepare;     /* lines of shell before all else; may be NULL */
    const char *base_commit; /* where the tests' files are taken from; may be NULL: HEAD */
    const char *test_patch;  /* may be NULL or "" */
    const char *script_path; /* a file that is written, below the repository's folder */
    const char *script;      /* its text; NULL: none */
    const char *commands;    /* lines of shell that run the tests */
};

#define VERIFIER_COMMAND_MOST 60000 /* bytes: what a sample may have */

/* Appends the command. pytest is told to leave report.xml, whatever it is started by. ERROR_LIMIT
 * when it is longer than VERIFIER_COMMAND_MOST. */
int verifier_command(const struct verifier_plan *plan, struct buf *out, struct error *err);

/* Appends the command that makes the bug of a sample in its repository, and leaves no trace of what
 * it was before: one commit, of what is there now. ERROR_INVALID. */
int bug_command(const char *patch, struct buf *out, struct error *err);

/* Appends the command that writes a file. path: of folders that are there. ERROR_INVALID: it holds
 * the line that would end it. */
int file_command(const char *path, const char *text, struct buf *out, struct error *err);

/* Appends the text as one word of the shell. */
void shell_word(const char *text, struct buf *out);

#endif
