/*
 * Two halves around the first NUL: a pattern, and a path. What a pattern matches, every folder
 * above it leads to, whatever the two are.
 *
 * fuzz-sources: fcgi/base/glob.c fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/glob.h"
#include "base/mem.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a walk gives them: neither absolute nor with an empty piece. */
static bool is_path(const char *path)
{
    size_t length = strlen(path);

    return length > 0 && path[0] != '/' && path[length - 1] != '/' && !strstr(path, "//");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t length = nul ? (size_t)(nul - data) : size;
    _cleanup_(free_ptr) char *pattern = xstrndup((const char *)data, length);
    _cleanup_(free_ptr) char *path =
        xstrndup(nul ? (const char *)nul + 1 : "", nul ? size - length - 1 : 0);
    _cleanup_(glob_list_release) struct glob_list list = {0};
    struct error err = ERROR_INIT;

    if (glob_list_add(&list, pattern, &err) < 0) {
        if (err.kind == ERROR_NONE)
            abort();
        return 0;
    }
    if (list.count == 0 || list.count > GLOB_LIST_MOST)
        abort();
    if (!is_path(path) || !glob_list_match(&list, path))
        return 0;
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (!glob_list_leads(&list, path))
            abort();
    }
    return 0;
}
