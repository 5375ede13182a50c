/*
 * doctor_engine.c - codeset-engined: who may ask it, does it answer, and what containers share with
 * the host.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ctl/doctor.h"
#include "ctl/engine_probe.h"
#include "engined/host_share.h"
#include "engined/start_failure.h"

#include "base/banned.h"

#define MIB INT64_C(1048576)
#define START "systemctl start codeset-engined.socket"

/* --- codeset-engined ------------------------------------------------------------------------- */

static void check_asker(struct doctor *doctor)
{
    const char *user = doctor->settings->engine.engined_user;
    const struct passwd *entry = getpwnam(user);
    char *end;
    unsigned long number = strtoul(user, &end, 10);

    if (entry == NULL && (user[0] == '\0' || *end != '\0'))
        doctor_report(doctor, FINDING_FAIL, "engined_user", "run systemd-sysusers",
                      "there is no system user %s, as which the daemon runs", user);
    else if (entry != NULL ? entry->pw_uid == 0 : number == 0)
        doctor_report(doctor, FINDING_FAIL, "engined_user",
                      "set [engine] engined_user = codeset-reaper",
                      "it is root, so every program of root could start containers");
    else
        doctor_ok(doctor, "engined_user", "%s", user);
}

static void check_answer(struct doctor *doctor, const char *path)
{
    struct error err = ERROR_INIT;
    int count = engine_probe(path, &err);

    if (count < 0 && err.code && strcmp(err.code, ENGINE_ABSENT) == 0)
        doctor_report(doctor, FINDING_FAIL, "engine", geteuid() == 0 ? START : DOCTOR_AS_ROOT, "%s",
                      err.message);
    else if (count < 0)
        doctor_report(doctor, FINDING_FAIL, "engine", "journalctl -u codeset-engined says why",
                      "%s", err.message);
    else
        doctor_ok(doctor, "engine", "codeset-engined answers; it has %d container%s", count,
                  count == 1 ? "" : "s");
}

static void check_engined(struct doctor *doctor)
{
    const char *path = doctor->settings->engine.engined_socket;
    struct stat st;

    if (stat(path, &st) < 0) {
        doctor_report(doctor, FINDING_FAIL, "engined_socket", START, "%s: %s", path,
                      strerror(errno));
        return;
    }
    if (!S_ISSOCK(st.st_mode) || st.st_uid != 0 || (st.st_mode & 07))
        doctor_report(doctor, FINDING_FAIL, "engined_socket",
                      "systemctl restart codeset-engined.socket",
                      "%s does not belong to root, or others can use it (mode %04o)", path,
                      (unsigned)st.st_mode & 07777);
    else
        doctor_ok(doctor, "engined_socket", "%s (mode %04o)", path, (unsigned)st.st_mode & 07777);
    check_answer(doctor, path);
}

static void check_last_start(struct doctor *doctor)
{
    char text[START_FAILURE_SIZE];

    if (start_failure_read(doctor->settings->engine.state_dir, text))
        doctor_report(doctor, FINDING_FAIL, "containers",
                      "mend what it names; the next start that succeeds takes this away",
                      "the last start of a container failed: %s", text);
}

/* --- what is shared with the host ------------------------------------------------------------ */

static bool same_device(const char *one, const char *other)
{
    struct stat a, b;

    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev;
}

/* Who fills the device up to the reserve slows everybody on it; what is not a guest's does not keep
 * to the reserve. */
static void check_disk(struct doctor *doctor)
{
    const struct engine_settings *settings = &doctor->settings->engine;
    const char *shared = NULL;

    if (access(settings->scratch_dir, F_OK) < 0)
        return; /* doctor_files says so */
    if (doctor->data_dir != NULL && same_device(settings->scratch_dir, doctor->data_dir))
        shared = "MariaDB's data";
    else if (same_device(settings->scratch_dir, "/"))
        shared = "the host's own files";
    if (shared == NULL)
        doctor_ok(doctor, "disk", "scratch_dir has a device of its own");
    else if (settings->disk_shared_ok)
        doctor_ok(doctor, "disk", "scratch_dir shares its device with %s, as disk_shared_ok allows",
                  shared);
    else
        doctor_report(doctor, FINDING_FAIL, "disk",
                      "mount a file system of its own at scratch_dir, or allow it with [engine] "
                      "disk_shared_ok = yes",
                      "scratch_dir shares its device with %s", shared);
    if (settings->disk_reserve_bytes == 0)
        doctor_report(doctor, FINDING_FAIL, "disk", "set [engine] disk_reserve_bytes",
                      "nothing is kept free, so one sandbox can fill the device of scratch_dir");
}

static void check_share(struct doctor *doctor)
{
    const struct settings *settings = doctor->settings;
    struct host_share share;
    struct error err = ERROR_INIT;
    int64_t containers = settings->reaper.sessions_max + settings->reaper.verifications_max;

    if (host_share_find(&settings->engine, &share, &err) < 0) {
        doctor_report(doctor, FINDING_FAIL, "host share",
                      "set [engine] memory_total_bytes and processes_total", "%s", err.message);
        return;
    }
    if (share.memory_bytes < settings->engine.memory_bytes ||
        share.processes < settings->engine.processes)
        doctor_report(doctor, FINDING_FAIL, "host share",
                      "lower [engine] memory_bytes or processes, or raise memory_total_bytes or "
                      "processes_total",
                      "all containers together may have %" PRId64 " MiB and %" PRId64
                      " processes, which is less than one may",
                      share.memory_bytes / MIB, share.processes);
    else
        doctor_ok(doctor, "host share",
                  "all containers together may have %" PRId64 " MiB of memory and %" PRId64
                  " processes; %" PRId64 " full ones would need %" PRId64 " MiB and %" PRId64,
                  share.memory_bytes / MIB, share.processes, containers,
                  containers * settings->engine.memory_bytes / MIB,
                  containers * settings->engine.processes);
}

void doctor_engine(struct doctor *doctor)
{
    check_asker(doctor);
    check_engined(doctor);
    check_last_start(doctor);
    check_disk(doctor);
    check_share(doctor);
}
