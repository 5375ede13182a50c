/*
 * goblock.h - statements of a Go test: what they call, and what may leave a block before its
 * end. Pure.
 *
 * What is planted behind such a statement might never be executed, and an honest solution be
 * accused. What can't be told for sure may leave.
 */
#ifndef CODESET_TRIAL_GOBLOCK_H
#define CODESET_TRIAL_GOBLOCK_H

#include "trial/goliteral.h"
#include "trial/gotext.h"
#include "trial/gowords.h"

/* The text, and what belongs to it. */
struct goscope {
    const struct gotext *go;
    const struct gotext *files; /* all test files of the package: what they declare; borrowed */
    size_t file_count;
    struct gowords helpers; /* functions of theirs that are no tests */
    bool helpers_skip;      /* one of these may skip the test whose T it gets */
};

/* Statements that are surely executed, unless one before leaves them. */
struct goblock {
    size_t open, close;
    size_t t, t_length;          /* where its *testing.T has its name */
    const struct gotable *table; /* NULL: it is in no loop through one that can be changed */
    bool is_loop;                /* it may be left by `break` and `continue` */
    bool is_part;                /* it is a sub-test, which may be skipped though the test passes */
};

/* Reads the files for all that is not about a single text. */
void goscope_read(struct goscope *scope, const struct gotext *files, size_t file_count);
void goscope_release(struct goscope *scope);

/* Does a string of the test files, outside of the function, have its name? Another test may start
 * it in a process of its own (-test.run=TestX), and need it to pass. */
bool goscope_is_started(const struct goscope *scope, const struct gotext_function *function);

/* --- calls ----------------------------------------------------------------------------------- */

/* A statement that is a call of X.NAME, and nothing else. */
struct gocall {
    size_t owner, owner_length;
    size_t name, name_length;
    size_t open, close; /* its parentheses */
};

bool gocall_read(const struct gotext *go, const struct gotext_statement *statement,
                 struct gocall *ret_call);
bool gocall_is_named(const struct gotext *go, const struct gocall *call, const char *name);

/* From 0 on; false: there are not so many. */
bool gocall_argument(const struct gotext *go, const struct gocall *call, size_t number,
                     struct goliteral_part *ret_part);

/* --- blocks ---------------------------------------------------------------------------------- */

/* Does the name of the block's T stand there? */
bool goblock_is_t(const struct goscope *scope, const struct goblock *block, size_t at);

/* Does the part give that name to something else? */
bool goblock_shadows(const struct goscope *scope, const struct goblock *block, size_t start,
                     size_t end);

/* May what stands in the part leave the block? */
bool goblock_may_leave(const struct goscope *scope, const struct goblock *block, size_t start,
                       size_t end);

/* May what the part calls skip the sub-test that the block is, as it gets its T? */
bool goblock_may_skip(const struct goscope *scope, const struct goblock *block, size_t start,
                      size_t end);

/* Does the statement defer what may end a panic that comes later? */
bool goblock_defers_recovery(const struct goscope *scope, const struct goblock *block,
                             const struct gotext_statement *statement);

#endif
