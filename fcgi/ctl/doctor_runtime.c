/*
 * doctor_runtime.c - the OCI runtime: is it new enough to work, and which known holes does it have?
 *
 * Distributions close holes without a new upstream version. So a hole that upstream closed in a
 * later version counts as closed where the changelog of the program's package names it.
 *
 * BUGS: holes are known up to the release of this program; a newer one is not told.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "ctl/doctor.h"

#include "base/banned.h"

#define VERSION_MOST 4096      /* bytes of what the runtime says of itself */
#define CHANGELOG_MOST 1048576 /* bytes, the newest entries come first */

/* --- versions -------------------------------------------------------------------------------- */

struct version {
    long parts[3];
    long candidate; /* of a release candidate its number; LONG_MAX: a release */
};

/* "1.8.1", "1.0-rc6", "1.4.0-rc.2", "1.1.5+ds1". Returns whether there is a version. */
static bool parse_version(const char *text, struct version *version)
{
    *version = (struct version){.candidate = LONG_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(version->parts); i++) {
        char *end;

        version->parts[i] = strtol(text, &end, 10);
        if (end == text)
            return false;
        text = end;
        if (*text != '.')
            break;
        text++;
    }
    if (strncmp(text, "-rc", 3) == 0 || strncmp(text, "~rc", 3) == 0)
        version->candidate = strtol(text + 3 + (text[3] == '.'), NULL, 10);
    return true;
}

static int compare(const struct version *one, const struct version *other)
{
    for (size_t i = 0; i < ARRAY_SIZE(one->parts); i++) {
        if (one->parts[i] != other->parts[i])
            return one->parts[i] < other->parts[i] ? -1 : 1;
    }
    return (one->candidate > other->candidate) - (one->candidate < other->candidate);
}

/* --- holes ----------------------------------------------------------------------------------- */

struct hole {
    const char *runtime, *name;
    enum finding finding;
    const char *closed[3]; /* by upstream: the first version of each series that has it closed */
    const char *feature;   /* only where it was built with that, as --version tells; NULL: always */
};

/* The advisories of opencontainers/runc and containers/crun. What lets a container write to the
 * host or get out is a failure. */
static const struct hole holes[] = {
    {"crun", "CVE-2022-27650", FINDING_WARN, {"1.4.4"}, NULL},
    {"crun", "CVE-2025-24965", FINDING_FAIL, {"1.20"}, "+LIBKRUN"},
    {"runc", "CVE-2019-5736", FINDING_FAIL, {"1.0.0-rc7"}, NULL},
    {"runc", "CVE-2021-30465", FINDING_FAIL, {"1.0.0-rc95"}, NULL},
    {"runc", "CVE-2023-27561", FINDING_WARN, {"1.1.5"}, NULL},
    {"runc", "CVE-2023-28642", FINDING_WARN, {"1.1.5"}, NULL},
    {"runc", "CVE-2024-21626", FINDING_FAIL, {"1.1.12"}, NULL},
    {"runc", "CVE-2024-45310", FINDING_WARN, {"1.1.14", "1.2.0-rc3"}, NULL},
    {"runc", "CVE-2025-31133", FINDING_FAIL, {"1.2.8", "1.3.3", "1.4.0-rc3"}, NULL},
    {"runc", "CVE-2025-52565", FINDING_FAIL, {"1.2.8", "1.3.3", "1.4.0-rc3"}, NULL},
    {"runc", "CVE-2025-52881", FINDING_FAIL, {"1.2.8", "1.3.3", "1.4.0-rc3"}, NULL},
    {"runc", "CVE-2026-41579", FINDING_WARN, {"1.3.6", "1.4.3", "1.5.0-rc3"}, NULL},
};

/* A version is safe that is not older than the last of them, or than the one of its own series. */
static bool closed_upstream(const struct hole *hole, const struct version *version)
{
    bool safe = false;

    for (size_t i = 0; i < ARRAY_SIZE(hole->closed) && hole->closed[i]; i++) {
        bool last = i + 1 == ARRAY_SIZE(hole->closed) || hole->closed[i + 1] == NULL;
        struct version closed;

        if (parse_version(hole->closed[i], &closed) && compare(version, &closed) >= 0)
            safe |= last ||
                    (version->parts[0] == closed.parts[0] && version->parts[1] == closed.parts[1]);
    }
    return safe;
}

/* The Debian package of a program. */
struct package {
    char *name;           /* NULL: it is of none */
    struct buf changelog; /* "" where there is none */
};

static void package_release(struct package *package)
{
    free(package->name);
    buf_release(&package->changelog);
}

static void read_changelog(const char *path, struct buf *out)
{
    gzFile file = gzopen(path, "re");
    char bytes[4096];
    int got;

    while (file && out->length < CHANGELOG_MOST && (got = gzread(file, bytes, sizeof(bytes))) > 0)
        buf_add(out, bytes, (size_t)got);
    if (file)
        gzclose(file);
}

static void find_package(const char *runtime, struct package *package)
{
    _cleanup_(free_ptr) char *found = doctor_find_program(runtime);
    _cleanup_(free_ptr) char *path = found ? realpath(found, NULL) : NULL;
    const char *const args[] = {"dpkg-query", "-S", path ? path : "", NULL};
    _cleanup_(buf_release) struct buf owner = BUF_INIT;
    _cleanup_(free_ptr) char *changelog = NULL;

    if (path == NULL || doctor_output(args, VERSION_MOST, false, &owner) < 0)
        return;
    /* "runc: /usr/bin/runc", with the architecture behind the name where several are installed. */
    package->name = xstrndup(owner.data, strcspn(owner.data, ":,\n"));
    changelog = xasprintf("/usr/share/doc/%s/changelog.Debian.gz", package->name);
    read_changelog(changelog, &package->changelog);
}

static bool has_hole(const struct hole *hole, const char *name, const struct version *version,
                     const char *said, const struct package *package)
{
    return strcmp(hole->runtime, name) == 0 && !closed_upstream(hole, version) &&
           (!hole->feature || strstr(said, hole->feature)) &&
           !strstr(package->changelog.data, hole->name);
}

static void add_hole(struct buf *list, const struct hole *hole)
{
    buf_addf(list, "%s%s (closed in ", list->length > 0 ? ", " : "", hole->name);
    for (size_t i = 0; i < ARRAY_SIZE(hole->closed) && hole->closed[i]; i++)
        buf_addf(list, "%s%s", i > 0 ? ", " : "", hole->closed[i]);
    buf_add_char(list, ')');
}

/* To be freed. Where a package comes without its changelog, nobody knows what it closes. */
static char *how_to_mend(const struct package *package, const char *name)
{
    const char *other =
        strcmp(name, "runc") == 0 ? "; if there is none: [engine] runtime = crun" : "";

    if (!package->name)
        return xasprintf("install a newer version%s", other);
    if (package->changelog.length == 0)
        return xasprintf("the changelog of the package is not on this host: see whether 'apt-get "
                         "changelog %s' names them, else apt-get install --only-upgrade %s%s",
                         package->name, package->name, other);
    return xasprintf("apt-get update && apt-get install --only-upgrade %s%s", package->name, other);
}

/* said: the runtime's --version. */
static void check_holes(struct doctor *doctor, const char *name, const struct version *version,
                        const char *said)
{
    _cleanup_(package_release) struct package package = {.changelog = BUF_INIT};
    _cleanup_(free_ptr) char *mend = NULL;

    find_package(doctor->settings->engine.runtime, &package);
    mend = how_to_mend(&package, name);
    for (enum finding finding = FINDING_WARN; finding <= FINDING_FAIL; finding++) {
        _cleanup_(buf_release) struct buf list = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
            if (holes[i].finding == finding && has_hole(&holes[i], name, version, said, &package))
                add_hole(&list, &holes[i]);
        }
        if (list.length > 0)
            doctor_report(doctor, finding, "runtime", mend, "%s %ld.%ld.%ld has known holes: %s",
                          name, version->parts[0], version->parts[1], version->parts[2], list.data);
    }
}

/* --- the runtime ----------------------------------------------------------------------------- */

/* line: the first of its --version. Returns whether it is one that we know. */
static bool check_version(struct doctor *doctor, const char *line, const char *said)
{
    static const struct {
        const char *name; /* as it calls itself */
        int major, minor; /* the oldest that is known to work */
    } known[] = {{"crun", 1, 8}, {"runc", 1, 1}};

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        _cleanup_(free_ptr) char *head = xasprintf("%s version ", known[i].name);
        struct version version, least = {.parts = {known[i].major, known[i].minor}};

        if (strncmp(line, head, strlen(head)) != 0 || !parse_version(line + strlen(head), &version))
            continue;
        if (compare(&version, &least) < 0)
            doctor_report(doctor, FINDING_FAIL, "runtime",
                          "apt-get install crun, or correct [engine] runtime",
                          "%s; %d.%d is the oldest that works", line, known[i].major,
                          known[i].minor);
        else
            doctor_ok(doctor, "runtime", "%s", line);
        check_holes(doctor, known[i].name, &version, said);
        return true;
    }
    return false;
}

void doctor_runtime(struct doctor *doctor)
{
    const char *runtime = doctor->settings->engine.runtime;
    const char *const args[] = {runtime, "--version", NULL};
    _cleanup_(buf_release) struct buf said = BUF_INIT;
    _cleanup_(free_ptr) char *line = NULL;

    if (doctor_output(args, VERSION_MOST, true, &said) < 0) {
        doctor_report(doctor, FINDING_FAIL, "runtime",
                      "apt-get install crun, or correct [engine] runtime", "%s cannot be run",
                      runtime);
        return;
    }
    line = xstrndup(said.data, strcspn(said.data, "\n"));
    if (check_version(doctor, line, said.data))
        return;
    if (strncmp(line, "runsc ", 6) == 0)
        doctor_report(doctor, FINDING_FAIL, "runtime",
                      "apt-get install crun, and set [engine] runtime = crun",
                      "%s has no --preserve-fds, by which the agent gets its socket", line);
    else
        doctor_report(doctor, FINDING_WARN, "runtime",
                      "apt-get install crun, and set [engine] runtime = crun",
                      "unknown runtime: %s reports \"%s\"", runtime, line);
}
