/*
 * restore_rules.h - what of a session's changes does not count, as rules for the grading
 * container's agent (AGENT_RULE_TEST and others in wire/agent_protocol.h): the files of the
 * sample's tests, the configuration of what runs tests in its language, and what the verifier's
 * shell reads before it. Pure.
 */
#ifndef CODESET_GRADE_RESTORE_RULES_H
#define CODESET_GRADE_RESTORE_RULES_H

#include "base/buf.h"

#define RESTORE_RULES_MOST 4096 /* paths of tests; further ones are left out */

struct restore_sample {
    const char *language;                    /* NULL or unknown: the rules of all */
    const char *test_patch;                  /* a unified diff; NULL: none */
    const char *fail_to_pass, *pass_to_pass; /* JSON arrays; NULL: none */
    const char *held_out;                    /* the same */
    const char *restore; /* the same, of patterns: the sample's own rules, which go first */
    const char *profile; /* how the verifier is run, as its agent takes it (wire/agent_protocol.h);
                            NULL: by a shell that reads no file of the repository */
    const char *root;    /* the repository's folder; NULL: no entry point is in it */
};

/* Appends the rules, each ended by NUL, at most AGENT_RULES_MOST bytes. */
void restore_rules(const struct restore_sample *sample, struct buf *rules);

#endif
