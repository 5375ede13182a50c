/*
 * verification_stage.h - what tests of verifications stand on.
 *
 * The sample's verifier is a `custom` one: its exit status is the verdict. The agents of session
 * and grading container see the same files, so that what is copied is nothing; what the copy itself
 * does, test-agent-client and the black box tell.
 */
#ifndef CODESET_TESTS_REAPER_VERIFICATION_STAGE_H
#define CODESET_TESTS_REAPER_VERIFICATION_STAGE_H

#include <sys/types.h>

#include "fixture.h"
#include "reaper/verification.h"

/* What a verification needs of the sample: the verifier's command, and a folder of its own. */
void verifier_is(struct machine *m, const char *command);

/* Opens the machine with that verifier, and begins its daemon. */
void verifier_begin(struct machine *m, const char *command);

/* Closes the sessions, and checks that the machine is clean. */
void verifier_finish(struct machine *m);

/* A verifier that tells its beginning and waits for the file `go`; it ends with the folder. The
 * caller's. */
char *waiting_verifier(struct machine *m);

/* Opens the machine with such a verifier; the daemon is not begun. */
void verifier_begin_waiting(struct machine *m);

/* Opens the machine with such a verifier, begins the daemon and a verification of a session that is
 * ready; returns the job once the verifier has begun. */
struct id verifier_at_work(struct machine *m, struct id *ret_session);

/* How many of them have begun. */
off_t verifiers_begun(struct machine *m);

/* The daemon's only verification, or NULL. */
const struct job *only_job(const struct machine *m);

bool verdict_is(const struct id *job, const char *is_success);

#endif
