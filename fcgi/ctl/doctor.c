/*
 * doctor.c - codesetctl doctor.
 */
#include "ctl/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"

#include "base/banned.h"

#define OUTPUT_MOST 1024
#define REFUSED_TO_ROOT "root should be able to do this; dmesg may say what is wrong"
#define SHOWN_OF_KIND 3 /* findings of one kind */

static const char *const words[] = {
    [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "FAIL"};

static void add_finding(struct doctor *doctor, enum finding finding, const char *what,
                        const char *mend, const char *format, va_list args)
{
    json_object *row = json_object_new_object();
    char text[1024];

    vsnprintf(text, sizeof(text), format, args);
    doctor->counts[finding]++;
    json_add_text(row, "finding", words[finding]);
    json_add_text(row, "what", what);
    json_add_text(row, "text", text);
    json_add_text(row, "mend", mend);
    json_object_array_add(doctor->rows, row);
}

void doctor_ok(struct doctor *doctor, const char *what, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_finding(doctor, FINDING_OK, what, NULL, format, args);
    va_end(args);
}

void doctor_report(struct doctor *doctor, enum finding finding, const char *what, const char *mend,
                   const char *format, ...)
{
    va_list args;

    if (strcmp(mend, DOCTOR_AS_ROOT) == 0 && geteuid() == 0)
        mend = REFUSED_TO_ROOT;
    else if (strcmp(mend, DOCTOR_AS_ROOT) == 0)
        finding = FINDING_WARN;
    va_start(args, format);
    add_finding(doctor, finding, what, mend, format, args);
    va_end(args);
}

/* --- for people ------------------------------------------------------------------------------ */

static bool same(json_object *one, json_object *other, const char *key)
{
    const char *a = json_get_text(one, key), *b = json_get_text(other, key);

    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_kind(json_object *one, json_object *other)
{
    return same(one, other, "finding") && same(one, other, "what") && same(one, other, "mend");
}

/* The row at `from` with all of its kind behind it; nothing where there is one before it. */
static void print_kind(json_object *rows, size_t from)
{
    json_object *first = json_object_array_get_idx(rows, from);
    const char *mend = json_get_text(first, "mend");
    size_t count = 0;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);

        if (!same_kind(row, first))
            continue;
        if (i < from)
            return;
        if (count == 0)
            printf("%-4s %s: ", json_get_text(row, "finding"), json_get_text(row, "what"));
        if (count++ < SHOWN_OF_KIND)
            printf("%s%s", count > 1 ? "; " : "", json_get_text(row, "text"));
    }
    if (count > SHOWN_OF_KIND)
        printf("; and %zu more (--json shows all)", count - SHOWN_OF_KIND);
    printf("%s%s\n", mend ? "; " : "", mend ? mend : "");
}

/* What has to be done comes last, where a terminal shows it. */
static void print_findings(const struct doctor *doctor)
{
    for (size_t word = 0; word < ARRAY_SIZE(words); word++) {
        for (size_t i = 0; i < json_object_array_length(doctor->rows); i++) {
            json_object *row = json_object_array_get_idx(doctor->rows, i);

            if (strcmp(json_get_text(row, "finding"), words[word]) == 0)
                print_kind(doctor->rows, i);
        }
    }
    printf("%d ok, ", doctor->counts[FINDING_OK]);
    output_count(doctor->counts[FINDING_WARN], "warning", ", ");
    output_count(doctor->counts[FINDING_FAIL], "failure", "\n");
}

/* --- the checks ------------------------------------------------------------------------------ */

/* Reads what the child writes; what is above `most` bytes is dropped, so that it can end. */
static void read_output(int fd, size_t most, struct buf *out)
{
    char bytes[OUTPUT_MOST];
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        size_t room = most - out->length;

        buf_add(out, bytes, (size_t)got < room ? (size_t)got : room);
    }
}

int doctor_output(const char *const args[], size_t most, bool errors_too, struct buf *out)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status, failed;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (errors_too)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed = posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)(uintptr_t)args, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!failed) {
        read_output(ends[0], most, out);
        failed = waitpid(pid, &status, 0) != pid || status != 0;
    }
    close(ends[0]);
    return failed ? -1 : 0;
}

char *doctor_find_program(const char *name)
{
    static const char *const more[] = {"/usr/sbin", "/sbin"};
    const char *path = getenv("PATH");

    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
    for (; path && *path; path += path[0] == ':') {
        size_t length = strcspn(path, ":");
        _cleanup_(free_ptr) char *file = xasprintf("%.*s/%s", (int)length, path, name);

        if (length > 0 && access(file, X_OK) == 0)
            return TAKE_PTR(file);
        path += length;
    }
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        _cleanup_(free_ptr) char *file = xasprintf("%s/%s", more[i], name);

        if (access(file, X_OK) == 0)
            return TAKE_PTR(file);
    }
    return NULL;
}

static void check_gone(struct doctor *doctor)
{
    const char *line = ctl_settings_gone(doctor->ctl);

    for (; *line; line += strcspn(line, "\n") + 1)
        doctor_report(doctor, FINDING_WARN, "configuration", "remove the line", "%.*s",
                      (int)strcspn(line, "\n"), line);
}

static void check_all(struct doctor *doctor)
{
    _cleanup_(free_ptr) char *mend =
        xasprintf("correct %s or its conf.d, then 'codesetctl config check'; until then the "
                  "programs that read it do not start",
                  ctl_config(doctor->ctl));
    struct error err = ERROR_INIT;

    if (ctl_check_settings(doctor->settings, &err) < 0)
        doctor_report(doctor, FINDING_FAIL, "configuration", mend, "%s", err.message);
    else
        doctor_ok(doctor, "configuration", "%s can be used", ctl_config(doctor->ctl));
    check_gone(doctor);
    doctor_host(doctor);
    doctor_runtime(doctor);
    doctor_programs(doctor);
    if (ctl_option(doctor->ctl, "host"))
        return;
    doctor->db = ctl_db(doctor->ctl, &err);
    if (!doctor->db)
        doctor_report(doctor, FINDING_FAIL, "database", "correct [database] db_admin_password_file",
                      "%s", err.message);
    else
        doctor_database(doctor);
    doctor_files(doctor);
    doctor_engine(doctor);
    doctor_services(doctor);
    doctor_certificate(doctor);
    doctor_egress(doctor);
    doctor_limits(doctor);
}

/* How to mend settings that can't be loaded. */
static char *mend_settings(const struct ctl *ctl)
{
    const char *path = ctl_config(ctl);

    if (access(path, R_OK) == 0)
        return xasprintf("correct it (codeset.conf(5)), then run doctor again");
    if (errno == EACCES)
        return xasprintf(DOCTOR_AS_ROOT);
    return xasprintf("touch %s (every setting has a default), then run doctor again", path);
}

int ctl_doctor(struct ctl *ctl)
{
    struct doctor doctor = {
        .ctl = ctl, .settings = ctl_settings(ctl), .rows = json_object_new_array()};
    struct error err = ERROR_INIT;

    if (ctl_load_settings(ctl, &err) < 0) {
        _cleanup_(free_ptr) char *mend = mend_settings(ctl);

        doctor_report(&doctor, FINDING_FAIL, "configuration", mend, "%s; nothing else was checked",
                      err.message);
    } else {
        check_all(&doctor);
    }
    if (ctl_json(ctl))
        output_rows(true, doctor.rows, NULL, 0, "");
    else
        print_findings(&doctor);
    json_object_put(doctor.rows);
    free(doctor.data_dir);
    if (doctor.counts[FINDING_FAIL])
        return CTL_DOCTOR_FAILURES;
    return doctor.counts[FINDING_WARN] ? CTL_DOCTOR_WARNINGS : CTL_OK;
}
