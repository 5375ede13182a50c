/*
 * doctor_files.c - programs, folders and their room, secrets.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/doctor.h"

#include "base/banned.h"

#define REINSTALL "apt-get install --reinstall codeset, or 'make install'"
#define HEADERS_MOST 64
#define MIB INT64_C(1048576)
#define INODES_FEW 100000

/* --- programs -------------------------------------------------------------------------------- */

void doctor_programs(struct doctor *doctor)
{
    static const struct {
        const char *name, *mend, *use;
        enum finding finding;
    } programs[] = {
        {"nginx", "apt-get install nginx-light", "serves HTTPS", FINDING_FAIL},
        {"spawn-fcgi", "apt-get install spawn-fcgi", "opens the workers' socket", FINDING_FAIL},
        {"multiwatch", "apt-get install multiwatch", "keeps the workers running", FINDING_FAIL},
        {"mke2fs", "apt-get install e2fsprogs", "makes the containers' layers", FINDING_FAIL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        _cleanup_(free_ptr) char *path = doctor_find_program(programs[i].name);

        if (path)
            doctor_ok(doctor, programs[i].name, "is installed");
        else
            doctor_report(doctor, programs[i].finding, programs[i].name, programs[i].mend,
                          "is missing; it %s", programs[i].use);
    }
}

/* --- binaries that run in containers --------------------------------------------------------- */

/* Has a program without an interpreter, so that it runs in any root. -1: no ELF of this machine. */
static int is_static(const char *path)
{
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    Elf64_Phdr headers[HEADERS_MOST];
    Elf64_Ehdr elf;
    size_t size;

    if (fd < 0 || pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) ||
        memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
        elf.e_phnum == 0 || elf.e_phnum > HEADERS_MOST || elf.e_phentsize != sizeof(headers[0]))
        return -1;
    size = elf.e_phnum * sizeof(headers[0]);
    if (pread(fd, headers, size, (off_t)elf.e_phoff) != (ssize_t)size)
        return -1;
    for (size_t i = 0; i < elf.e_phnum; i++) {
        if (headers[i].p_type == PT_INTERP)
            return 0;
    }
    return 1;
}

static void check_binary(struct doctor *doctor, const char *what, const char *path,
                         bool must_be_static)
{
    _cleanup_(free_ptr) char *mend = xasprintf("chown root:root %s && chmod 0755 %s", path, path);
    struct stat st;

    if (stat(path, &st) < 0) {
        doctor_report(doctor, FINDING_FAIL, what, REINSTALL ", or correct [engine] agent_path",
                      "%s: %s", path, strerror(errno));
        return;
    }
    if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
        doctor_report(doctor, FINDING_FAIL, what, REINSTALL, "%s cannot be run", path);
    else if ((st.st_mode & 022) || (st.st_uid != 0 && st.st_uid != geteuid()))
        doctor_report(doctor, FINDING_FAIL, what, mend,
                      "%s can be changed by users other than root", path);
    else if (must_be_static && is_static(path) != 1)
        doctor_report(doctor, FINDING_FAIL, what, "build it static (no --enable-sanitizers)",
                      "%s is not a static program, so most images cannot run it", path);
    else
        doctor_ok(doctor, what, "%s", path);
}

static void check_binaries(struct doctor *doctor)
{
    const char *agent = doctor->settings->engine.agent_path;
    const char *slash = strrchr(agent, '/');
    int length = slash ? (int)(slash - agent) : 1;
    const char *folder = slash ? agent : ".";
    _cleanup_(free_ptr) char *helper = xasprintf("%.*s/codeset-container", length, folder);
    _cleanup_(free_ptr) char *grader = xasprintf("%.*s/codeset-grader", length, folder);
    _cleanup_(free_ptr) char *unpacker = xasprintf("%.*s/codeset-unpack", length, folder);

    check_binary(doctor, "agent", agent, true);
    check_binary(doctor, "container helper", helper, false);
    check_binary(doctor, "grader", grader, false);
    check_binary(doctor, "unpacker", unpacker, false);
}

/* --- folders and their room ------------------------------------------------------------------ */

/* missing: the errno with which it can't be looked at. */
static void report_no_folder(struct doctor *doctor, const char *setting, const char *path,
                             int missing)
{
    _cleanup_(free_ptr) char *mend =
        missing == EACCES ? xasprintf(DOCTOR_AS_ROOT)
                          : xasprintf("systemd-tmpfiles --create, or mkdir -p %s", path);

    doctor_report(doctor, FINDING_FAIL, setting, mend, "%s: %s", path, strerror(missing));
}

static bool check_folder(struct doctor *doctor, const char *setting, const char *path,
                         bool world_reads)
{
    _cleanup_(free_ptr) char *narrow = xasprintf("chmod go-w %s", path);
    _cleanup_(free_ptr) char *widen = xasprintf("chmod 0755 %s", path);
    _cleanup_(free_ptr) char *replace = xasprintf("mv %s %s.old && mkdir %s", path, path, path);
    struct stat st;

    if (stat(path, &st) < 0) {
        report_no_folder(doctor, setting, path, errno);
        return false;
    }
    if (!S_ISDIR(st.st_mode))
        doctor_report(doctor, FINDING_FAIL, setting, replace, "%s is not a folder", path);
    else if (st.st_mode & 022)
        doctor_report(doctor, FINDING_FAIL, setting, narrow,
                      "%s can be written by others (mode %04o)", path,
                      (unsigned)st.st_mode & 07777);
    else if (world_reads && (st.st_mode & 05) != 05)
        doctor_report(doctor, FINDING_WARN, setting, widen,
                      "%s has mode %04o, but nginx serves files from it", path,
                      (unsigned)st.st_mode & 07777);
    else
        doctor_ok(doctor, setting, "%s", path);
    return true;
}

/* wanted: bytes below which nothing works; more: what a container may take besides; mend: how to
 * make room. */
static void check_room(struct doctor *doctor, const char *setting, const char *path, int64_t wanted,
                       int64_t more, const char *mend)
{
    struct statvfs fs;
    int64_t free_bytes;

    if (statvfs(path, &fs) < 0) {
        doctor_report(doctor, FINDING_FAIL, setting, DOCTOR_AS_ROOT,
                      "cannot find out the free space in %s: %s", path, strerror(errno));
        return;
    }
    free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    if (free_bytes < wanted)
        doctor_report(doctor, FINDING_FAIL, setting, mend,
                      "%" PRId64 " MiB are free, fewer than disk_reserve_bytes (%" PRId64 " MiB)",
                      free_bytes / MIB, wanted / MIB);
    else if (free_bytes < wanted + more)
        doctor_report(doctor, FINDING_WARN, setting, mend,
                      "%" PRId64 " MiB are free: one full container (%" PRId64
                      " MiB) would use up the reserve",
                      free_bytes / MIB, more / MIB);
    else
        doctor_ok(doctor, setting, "%" PRId64 " MiB are free", free_bytes / MIB);
    if (fs.f_files > 0 && fs.f_favail < INODES_FEW)
        doctor_report(doctor, FINDING_WARN, setting,
                      "make a new file system with more inodes (mke2fs -N), or remove small files",
                      "only %llu inodes are free", (unsigned long long)fs.f_favail);
}

static void check_folders(struct doctor *doctor)
{
    const struct settings *settings = doctor->settings;

    if (check_folder(doctor, "image_dir", settings->engine.image_dir, false))
        check_room(doctor, "image_dir", settings->engine.image_dir,
                   settings->engine.disk_reserve_bytes, 0,
                   "codesetctl image remove --unused, or a larger disk");
    check_folder(doctor, "state_dir", settings->engine.state_dir, false);
    if (check_folder(doctor, "scratch_dir", settings->engine.scratch_dir, false))
        check_room(doctor, "scratch_dir", settings->engine.scratch_dir,
                   settings->engine.disk_reserve_bytes, settings->engine.disk_bytes,
                   "codesetctl top shows which sessions write, codesetctl session close SESSION_ID "
                   "frees what one wrote; or a larger disk, or a lower [engine] disk_bytes");
}

struct secret {
    const char *setting, *path;
    const char *group;   /* of those who need it */
    const char *readers; /* who they are */
    bool by_group;       /* they are no one user, so that it takes the group */
};

static bool can_be_read(const struct secret *secret, const struct stat *st)
{
    bool by_group = (st->st_mode & 040) && st->st_gid != 0;

    return secret->by_group ? by_group : st->st_uid != 0 || (st->st_mode & 040);
}

static void check_secret(struct doctor *doctor, const struct secret *secret)
{
    _cleanup_(free_ptr) char *mend =
        xasprintf("chown root:%s %s && chmod 0440 %s", secret->group, secret->path, secret->path);
    _cleanup_(free_ptr) char *create =
        xasprintf("install -m 0440 -g %s /dev/stdin %s (type it, Enter, ^D), or remove the setting",
                  secret->group, secret->path);
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    struct error err = ERROR_INIT;
    struct stat st;

    if (!secret->path[0])
        return;
    if (stat(secret->path, &st) < 0)
        doctor_report(doctor, FINDING_FAIL, secret->setting,
                      errno == EACCES ? DOCTOR_AS_ROOT : create, "%s: %s", secret->path,
                      strerror(errno));
    else if (st.st_mode & 07)
        doctor_report(doctor, FINDING_FAIL, secret->setting, mend,
                      "%s can be read by everybody (mode %04o)", secret->path,
                      (unsigned)st.st_mode & 07777);
    else if (!can_be_read(secret, &st))
        doctor_report(doctor, FINDING_FAIL, secret->setting, mend, "%s cannot be read by %s",
                      secret->path, secret->readers);
    else if (file_read_secret(secret->path, &content, &err) < 0)
        doctor_report(doctor, FINDING_FAIL, secret->setting,
                      geteuid() == 0 ? create : DOCTOR_AS_ROOT, "%s", err.message);
    else
        doctor_ok(doctor, secret->setting, "%s", secret->path);
}

static void check_secrets(struct doctor *doctor)
{
    static const char workers[] = "codeset-api", github[] = "codeset-github";
    static const char all[] = "the workers", outbound[] = "the workers of the pool outbound";
    const struct database_settings *database = &doctor->settings->database;
    const struct accounts_settings *accounts = &doctor->settings->accounts;
    const struct stripe_settings *stripe = &doctor->settings->stripe;
    const struct secret secrets[] = {
        {"db_api_password_file", database->db_api_password_file, workers, all, false},
        {"token_secret_file", accounts->token_secret_file, workers, all, false},
        {"token_previous_secret_file", accounts->token_previous_secret_file, workers, all, false},
        {"github_client_secret_file", accounts->github_client_secret_file, github, outbound, false},
        {"github_app_key_file", accounts->github_app_key_file, github,
         "the workers of the pool outbound and, with agent jobs, the daemon", false},
        {"webhook_secrets_file", stripe->webhook_secrets_file, workers, all, false},
        {"api_key_file", stripe->api_key_file, "codeset-stripe",
         "the workers of the pool outbound and the daemon", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
        check_secret(doctor, &secrets[i]);
    if (stripe->api_key_file[0] && !stripe->webhook_secrets_file[0])
        doctor_report(doctor, FINDING_WARN, "webhook_secrets_file",
                      "set it as docs/operator.md says (Payments by Stripe)",
                      "without webhooks a deposit is credited only when Stripe is asked");
}

void doctor_files(struct doctor *doctor)
{
    check_binaries(doctor);
    check_folders(doctor);
    check_secrets(doctor);
}
