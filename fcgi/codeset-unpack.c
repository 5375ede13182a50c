/*
 * codeset-unpack - reads an image archive and lays its files into the import's folder.
 *
 *     codeset-unpack folder=PATH layers=N pipe=0|1 layout=0|1 work=N bytes=N entries=N
 *                    [user=USER] [tag=TAG] [platform=OS/ARCHITECTURE]
 *
 * It scrubs git's repositories there, or looks into a layer, where work= says so
 * (images/unpacker.h). Run by codesetctl, one for each import, in namespaces of its own.
 * Descriptors: 0 the archive, 1 a pipe to codesetctl (images/unpack_report.h), 3 the user
 * namespace, 4 a pipe that says by its end that this process is gone, from 5 on the base image's
 * layers. It confines itself before it reads the first byte (images/cage.h): whoever takes it over
 * by an archive can make an image of their own, which they could have done anyway, and nothing
 * else.
 *
 * DIAGNOSTICS: what went wrong is part of the report, and the exit status is 1; 64 for wrong usage.
 * Killed by SIGSYS: it did what it may not; by SIGABRT, SIGILL or SIGSEGV: memory, or a fault.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/options.h"
#include "container/mounts.h"
#include "images/cage.h"
#include "images/git_folder.h"
#include "images/inspect.h"
#include "images/unpack.h"
#include "images/unpacker.h"

#include "base/banned.h"

/* Of what an import writes besides the archive's content: a short /etc/hosts. */
#define OWN_BYTES (1 << 20)

static const char usage[] =
    "usage: codeset-unpack folder=PATH layers=N pipe=0|1 layout=0|1 work=N bytes=N entries=N\n"
    "                      [user=USER] [tag=TAG] [platform=OS/ARCHITECTURE]\n"
    "Unpacks one image archive. Run by codesetctl image import.\n";

struct arguments {
    const char *folder, *user, *tag, *platform;
    int64_t layers, pipe, layout, work, bytes, entries;
};

static int read_argument(const char *text, struct arguments *arguments)
{
    struct {
        const char *key;
        int64_t *number;
    } rows[] = {{"layers=", &arguments->layers}, {"pipe=", &arguments->pipe},
                {"layout=", &arguments->layout}, {"work=", &arguments->work},
                {"bytes=", &arguments->bytes},   {"entries=", &arguments->entries}};
    struct {
        const char *key, **text;
    } texts[] = {{"user=", &arguments->user},
                 {"tag=", &arguments->tag},
                 {"platform=", &arguments->platform}};

    if (strncmp(text, "folder=/", 8) == 0) {
        arguments->folder = text + 7;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_t length = strlen(texts[i].key);

        if (strncmp(text, texts[i].key, length) != 0)
            continue;
        *texts[i].text = text + length;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t length = strlen(rows[i].key);

        if (strncmp(text, rows[i].key, length) != 0)
            continue;
        return sscanf(text + length, "%" SCNd64, rows[i].number) == 1 && *rows[i].number >= 0 ? 0
                                                                                              : -1;
    }
    return -1;
}

static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++)
        if (read_argument(argv[i], arguments) < 0)
            return -1;
    return arguments->folder != NULL && arguments->bytes > 0 && arguments->entries > 0 &&
                   arguments->layers <= MOUNTS_LAYERS_MAX && arguments->work <= UNPACKER_INSPECT
               ? 0
               : -1;
}

static void tell(int64_t bytes, void *arg)
{
    (void)arg;
    unpack_report_progress(STDOUT_FILENO, bytes);
}

static void tell_finding(const char *kind, const char *where, const char *what, void *arg)
{
    (void)arg;
    unpack_report_finding(STDOUT_FILENO, kind, where, what);
}

static int look_into(struct error *err)
{
    _cleanup_(buf_release) struct buf samples = BUF_INIT;
    struct inspection inspection = {.root = "/" UNPACK_ROOTFS, .found = tell_finding};
    char bytes[16384];
    ssize_t got;

    while ((got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 &&
           samples.length <= INSPECT_SAMPLES_MOST)
        buf_add(&samples, bytes, (size_t)got);
    if (got != 0)
        return error_set(err, ERROR_LIMIT, NULL,
                         "the samples of the image have more than %zu MiB of patches",
                         INSPECT_SAMPLES_MOST >> 20);
    inspection.samples = samples.data;
    inspection.samples_length = samples.length;
    return inspect(&inspection, err);
}

static int work(const struct arguments *arguments, struct unpacked *ret_unpacked, struct error *err)
{
    int layers[MOUNTS_LAYERS_MAX];
    const struct cage cage = {.folder = arguments->folder,
                              .userns_fd = UNPACK_USERNS_FD,
                              .told_fd = STDOUT_FILENO,
                              .file_bytes = arguments->bytes + OWN_BYTES,
                              .read_only = arguments->work == UNPACKER_INSPECT,
                              .git = arguments->work != UNPACKER_LAY};
    const struct unpack_job job = {.source_fd = STDIN_FILENO,
                                   .is_pipe = arguments->pipe != 0,
                                   .is_layout = arguments->layout != 0,
                                   .base_fds = layers,
                                   .base_count = (int)arguments->layers,
                                   .bytes_max = arguments->bytes,
                                   .entries_max = arguments->entries,
                                   .scrub_git = arguments->work == UNPACKER_SCRUB,
                                   .user = arguments->user,
                                   .choice = {arguments->tag, arguments->platform},
                                   .progress = tell};

    for (int i = 0; i < (int)arguments->layers; i++)
        layers[i] = UNPACK_LAYERS_FD + i;
    if ((arguments->work != UNPACKER_LAY && git_folder_prepare(err) < 0) ||
        cage_enter(&cage, err) < 0)
        return -1;
    return arguments->work == UNPACKER_INSPECT ? look_into(err) : unpack(&job, ret_unpacked, err);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.folder = NULL};
    struct unpacked unpacked = {.bytes = 0};
    struct error err = ERROR_INIT;
    bool done;

    if (read_arguments(argc, argv, &arguments) < 0) {
        if (options_asked("codeset-unpack", usage, argc, argv))
            return 0;
        fputs(usage, stderr);
        return EX_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    done = work(&arguments, &unpacked, &err) == 0;
    if (done)
        unpack_report_success(STDOUT_FILENO, &unpacked);
    else
        unpack_report_failure(STDOUT_FILENO, &err);
    /* Exit handlers may do what is forbidden. */
    _exit(done ? 0 : 1);
}
