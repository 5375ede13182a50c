/*
 * What a session's setup.cfg, pyproject.toml or package.json says to test runners: what is taken
 * says the same as the image's, and taking it again changes nothing.
 *
 * fuzz-sources: fcgi/agent/restore.c fcgi/agent/crossing.c fcgi/agent/listing.c
 * fuzz-sources: fcgi/base/walk.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/json.c
 * fuzz-sources: fcgi/base/utf8.c fcgi/base/file.c fcgi/base/clock.c
 * fuzz-packages: json-c
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/crossing.h"
#include "agent/restore.h"
#include "base/cleanup.h"

#include "base/banned.h"

#define PARTS (RESTORE_RUNNER | RESTORE_ENTRY)

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check(const char *name, const struct buf *image, const struct buf *session)
{
    _cleanup_(buf_release) struct buf merged = BUF_INIT, again = BUF_INIT;
    enum restore_merged made = restore_merge(name, PARTS, image, session, &merged);

    hold_true((made == RESTORE_MERGED) == (merged.length > 0));
    if (made == RESTORE_MERGED)
        hold_true(restore_merge(name, PARTS, image, &merged, &again) == RESTORE_SESSIONS);
    if (made == RESTORE_SESSIONS && strcmp(name, "package.json") != 0)
        hold_true(restore_part_speaks(name, image->data, image->length) ==
                  restore_part_speaks(name, session->data, session->length));
    hold_true(restore_merge(name, PARTS, image, image, &again) != RESTORE_MERGED);
}

/* A sample's own rules look at what there is: nothing, so that it takes no time. */
static int empty_folder(void)
{
    static int fd = -1;
    char path[] = "/tmp/fuzz-restore-XXXXXX";

    if (fd < 0 && mkdtemp(path)) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rmdir(path);
    }
    hold_true(fd >= 0);
    return fd;
}

static void check_rules(const char *bytes, size_t size)
{
    struct error err;
    struct restore *restore = restore_new(bytes, size, empty_folder(), &err);
    _cleanup_(buf_release) struct buf told = BUF_INIT;
    size_t kept = 0;

    if (restore &&
        restore_ask(restore, "a/b/conftest.py", CROSSING_COMPILED, &kept) == RESTORE_KEPT) {
        hold_true(kept > 0 && kept <= strlen("a/b/conftest.py"));
        restore_note(restore, "a/b/conftest.py", kept);
        restore_tell(restore, &told);
        hold_true(told.length > 0);
    }
    restore_free(restore);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"setup.cfg", "pyproject.toml", "package.json"};
    _cleanup_(buf_release) struct buf image = BUF_INIT, session = BUF_INIT;
    const uint8_t *middle = size ? memchr(data, 0xff, size) : NULL;

    check_rules((const char *)data, size);
    if (middle == NULL)
        return 0;
    buf_add(&image, data, (size_t)(middle - data));
    buf_add(&session, middle + 1, (size_t)(data + size - middle - 1));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        check(names[i], &image, &session);
    return 0;
}
