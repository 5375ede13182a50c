#include "engined/start_failure.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

void start_failure_note(const char *state_dir, const char *name, const struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" START_FAILURE_FILE, state_dir);
    _cleanup_(free_ptr) char *line = NULL;
    struct error failed = ERROR_INIT;
    char now[CLOCK_TEXT_SIZE];

    if (err == NULL) {
        (void)unlink(path);
        return;
    }
    if (err->kind != ERROR_INTERNAL)
        return;
    line = xasprintf("%s %s: %s\n", clock_format(clock_now(), now), name, err->message);
    if (file_write_unsynced(AT_FDCWD, path, line, strlen(line), 0600, &failed) < 0)
        log_error("start_failure_not_noted", &failed);
}

bool start_failure_read(const char *state_dir, char text[START_FAILURE_SIZE])
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/" START_FAILURE_FILE, state_dir);
    _cleanup_(buf_release) struct buf line = BUF_INIT, shown = BUF_INIT;
    struct error ignored;

    if (file_read(AT_FDCWD, path, START_FAILURE_SIZE - 1, &line, &ignored) < 0)
        return false;
    utf8_printable(&shown, line.data, strcspn(line.data, "\n"));
    snprintf(text, START_FAILURE_SIZE, "%s", shown.data);
    return true;
}
