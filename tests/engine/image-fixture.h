/*
 * image-fixture.h - what the tests of imports share.
 */
#ifndef CODESET_TESTS_ENGINE_IMAGE_FIXTURE_H
#define CODESET_TESTS_ENGINE_IMAGE_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "fixture.h"
#include "images/images.h"
#include "tars.h"

static struct fixture fixture;

static inline char *tar_path(void)
{
    return xasprintf("%s/source.tar.gz", fixture.dir);
}

static inline int import(const char *name, const char *base, const struct tar_entry *entries,
                         int count, struct error *err)
{
    _cleanup_(free_ptr) char *path = tar_path();

    (base ? tar_write : tar_write_image)(path, entries, count);
    return image_import(&fixture.settings.engine, name, path, base, false, NULL, NULL, err);
}

/* lstat below the image's own layer. */
static inline bool look(const char *image, const char *path, struct stat *st)
{
    _cleanup_(free_ptr) char *whole =
        xasprintf("%s/%s/rootfs/%s", fixture.settings.engine.image_dir, image, path);

    return lstat(whole, st) == 0;
}

static inline void drop(const char *name)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(image_remove(&fixture.settings.engine, name, &err), 0);
}

static inline void check_refused(const char *source, const char *base, const char *reason)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(
        image_import(&fixture.settings.engine, "refused", source, base, false, NULL, NULL, &err),
        -1);
    CU_ASSERT_TRUE(err.code != NULL && strcmp(err.code, "IMAGE_REFUSED") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
    if (!strstr(err.message, reason))
        fprintf(stderr, "(%s, not %s) ", err.message, reason);
}

#endif
