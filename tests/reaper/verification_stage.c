#include "verification_stage.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "reaper/verifications.h"

#include "base/banned.h"

/* What a verification needs of the sample: the verifier's command, and a folder of its own. */
void verifier_is(struct machine *m, const char *command)
{
    _cleanup_(free_ptr) char *repo = xasprintf("%s/repo", scripted_folder(m->host));
    _cleanup_(free_ptr) char *script =
        xasprintf("UPDATE samples SET repo_path='%s', verifier_command='%s', verify_timeout=NULL",
                  repo, command);

    mkdir(repo, 0755);
    tell(script);
}

void verifier_begin(struct machine *m, const char *command)
{
    machine_open(m, "alone");
    verifier_is(m, command);
    daemon_begin(m);
}

void verifier_finish(struct machine *m)
{
    tell("UPDATE sessions SET status='closed', ended_at=NOW(6) WHERE status='ready'");
    machine_is_clean(m);
    tell("UPDATE samples SET repo_path='/tmp', verifier_command='true'");
    machine_close(m);
}

/* A verifier that tells its beginning and waits for the file `go`; it ends with the folder. */
char *waiting_verifier(struct machine *m)
{
    _cleanup_(free_ptr) char *waiting = scripted_wait(m->host, "go", "true");

    return xasprintf("echo b >>%s/begun; %s", scripted_folder(m->host), waiting);
}

void verifier_begin_waiting(struct machine *m)
{
    _cleanup_(free_ptr) char *command = NULL;

    machine_open(m, "alone");
    command = waiting_verifier(m);
    verifier_is(m, command);
}

struct id verifier_at_work(struct machine *m, struct id *ret_session)
{
    struct id job;

    verifier_begin_waiting(m);
    daemon_begin(m);
    *ret_session = ready_session();
    job = start_verification(ret_session);
    UNTIL(verifiers_begun(m) == 1);
    return job;
}

off_t verifiers_begun(struct machine *m) /* two bytes a verifier */
{
    _cleanup_(free_ptr) char *path = scripted_path(m->host, "begun");
    struct stat st;

    return stat(path, &st) < 0 ? 0 : st.st_size / 2;
}

bool verdict_is(const struct id *job, const char *expected)
{
    return answers("SELECT is_success FROM verifications WHERE job_id=?", job, expected);
}

const struct job *only_job(const struct machine *m)
{
    const struct verifications *verifications;
    const struct job *job = NULL;

    for (size_t i = 0; i < m->context.kinds.count; i++) {
        if (m->context.kinds.rows[i] == &verification_kind) {
            verifications = m->context.kinds.rooms[i];
            job = LIST_FIRST(&verifications->list);
        }
    }
    return job;
}
