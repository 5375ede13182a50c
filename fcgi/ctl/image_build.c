/*
 * image_build.c - codesetctl image build.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "images/build.h"

#include "base/banned.h"

#define MIB (1024.0 * 1024)

static void show_line(const char *text, void *arg)
{
    (void)arg;
    output_message(text);
}

static void show_bytes(int64_t bytes, void *arg)
{
    struct progress *progress = arg;

    if (progress_due(progress))
        progress_show(progress, "%.0f MiB unpacked", (double)bytes / MIB);
}

int ctl_build_image(struct ctl *ctl, const char *name, const struct image_build *build,
                    struct error *err)
{
    struct progress progress;
    struct image_build shown = *build;
    int status;

    shown.line = show_line;
    shown.bytes = show_bytes;
    shown.arg = &progress;
    progress_begin(&progress);
    status = image_build(&ctl_settings(ctl)->engine, name, &shown, err);
    progress_end(&progress);
    if (status == 0)
        ctl_record(ctl, "image.imported", name, build->origin);
    return status;
}

int ctl_image_build(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    const char *folder = ctl_argument(ctl, 1);
    _cleanup_(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct image_build build = {.folder_fd = fd,
                                .dockerfile = ctl_option(ctl, "file"),
                                .origin = folder,
                                .network = ctl_option(ctl, "network") != NULL,
                                .replace = ctl_option(ctl, "replace") != NULL};
    struct error err = ERROR_INIT;

    if (sample_check_image("NAME", name, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    if (build.dockerfile && !path_is_below(build.dockerfile))
        return ctl_usage(ctl, "--file: must be a path below FOLDER, without '..'");
    if (fd < 0) {
        error_errno(&err, errno, "cannot use the folder %s", folder);
        return ctl_fail(ctl, &err);
    }
    if ((build.replace ? ctl_check_image_unused(ctl, name, &err)
                       : ctl_check_image_free(ctl, name, &err)) < 0 ||
        ctl_build_image(ctl, name, &build, &err) < 0)
        return ctl_fail(ctl, &err);
    return ctl_tell_image(ctl, name, false, &err) < 0 ? ctl_fail(ctl, &err) : CTL_OK;
}
