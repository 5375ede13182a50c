#include "agent/crossing.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/listing.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define PATH_TOLD_MOST 200 /* bytes */

static const struct kind {
    unsigned bit;
    const char *name;
} kinds[] = {
    {CROSSING_COMPILED, AGENT_KIND_COMPILED},
    {CROSSING_LINK, AGENT_KIND_LINK},
    {CROSSING_STARTUP, AGENT_KIND_STARTUP},
    {CROSSING_ENTRY, AGENT_KIND_ENTRY},
};

struct crossings {
    struct {
        char *paths[CROSSING_TOLD];
        size_t count;
    } of[ARRAY_SIZE(kinds)];
};

/* Names of files. */
static const char *const compiled[] = {"*.pyc",  "*.pyo",   "*.pyd",   "*.so",  "*.so.*",
                                       "*.o",    "*.obj",   "*.a",     "*.lib", "*.dll",
                                       "*.exe",  "*.dylib", "*.class", "*.jar", "*.node",
                                       "*.rlib", "*.wasm",  "*.beam",  NULL};

/* Names of files, or of folders that they are in. Python's: its module site, the hooks
 * that a .pth file loads, and what setuptools' editable installs leave; Bun's, R's and PHP's. */
static const char *const startup[] = {"sitecustomize", "sitecustomize.*",
                                      "usercustomize", "usercustomize.*",
                                      "*.pth",         "*._pth",
                                      "pyvenv.cfg",    "*_hook.py",
                                      "__editable__*", "bunfig.toml",
                                      ".Rprofile",     ".Renviron",
                                      ".user.ini",     NULL};

static const struct {
    const char *bytes;
    size_t length;
} heads[] = {
    {"\177ELF", 4},
    {"!<arch>\n", 8},
    {"\xca\xfe\xba\xbe", 4}, /* Java's */
    {"\0asm", 4},
};

const char *const crossing_entry_members[] = {"main",    "module",  "exports",
                                              "imports", "browser", NULL};

static bool is_among(const char *const *patterns, const char *name)
{
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0)
            return true;
    return false;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

size_t crossing_startup(const char *path)
{
    char name[NAME_MAX + 1];

    for (size_t at = 0, length;; at += length + 1) {
        length = strcspn(path + at, "/");
        if (length > NAME_MAX)
            return 0;
        memcpy(name, path + at, length);
        name[length] = '\0';
        if (is_among(startup, name))
            return at + length;
        if (!path[at + length])
            return 0;
    }
}

unsigned crossing_of(char type, const char *path, const char *head, size_t length)
{
    unsigned found = type && crossing_startup(path) ? CROSSING_STARTUP : 0;

    if (type != 'f' && type != 'l')
        return found;
    if (is_among(compiled, name_of(path)))
        found |= CROSSING_COMPILED;
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        if (length >= heads[i].length && memcmp(head, heads[i].bytes, heads[i].length) == 0)
            found |= CROSSING_COMPILED;
    return found;
}

unsigned crossing_of_thing(int dir_fd, const char *name, const char *path)
{
    _cleanup_(close_fd) int fd = -1;
    char head[CROSSING_HEAD];
    struct stat st;
    ssize_t got = 0;

    if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISREG(st.st_mode)) {
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        got = fd < 0 ? 0 : read(fd, head, sizeof(head));
    }
    return crossing_of(listing_type(st.st_mode), path, head, got > 0 ? (size_t)got : 0);
}

unsigned crossing_named(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(text, kinds[i].name) == 0)
            return kinds[i].bit;
    return 0;
}

/* --- package.json ---------------------------------------------------------------------------- */

bool crossing_is_package(const char *path)
{
    return strcmp(name_of(path), "package.json") == 0;
}

bool crossing_entry_differs(const struct buf *image, const struct buf *session)
{
    _cleanup_(json_release) json_object *ours = NULL, *theirs = NULL;
    struct error ignored = ERROR_INIT;

    if (image->length == session->length &&
        (image->length == 0 || memcmp(image->data, session->data, image->length) == 0))
        return false;
    if (session->length == 0 ||
        json_parse(session->data, session->length, &theirs, NULL, &ignored) < 0)
        return true;
    if (image->length > 0 && json_parse(image->data, image->length, &ours, NULL, &ignored) < 0)
        return true;
    for (size_t i = 0; crossing_entry_members[i]; i++) {
        json_object *wanted = NULL, *found = NULL;

        json_object_object_get_ex(ours, crossing_entry_members[i], &wanted);
        json_object_object_get_ex(theirs, crossing_entry_members[i], &found);
        if (!json_object_equal(wanted, found))
            return true;
    }
    return false;
}

/* --- what crossed ---------------------------------------------------------------------------- */

struct crossings *crossings_new(void)
{
    return xcalloc(1, sizeof(struct crossings));
}

void crossings_free(struct crossings *crossings)
{
    for (size_t i = 0; crossings && i < ARRAY_SIZE(kinds); i++)
        for (size_t at = 0; at < CROSSING_TOLD; at++)
            free(crossings->of[i].paths[at]);
    free(crossings);
}

void crossings_note(struct crossings *crossings, unsigned bits, const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t count = crossings->of[i].count;

        if (!(bits & kinds[i].bit))
            continue;
        if (count < CROSSING_TOLD)
            crossings->of[i].paths[count] = xstrdup(path);
        crossings->of[i].count++;
    }
}

void crossings_tell(const struct crossings *crossings, struct buf *json)
{
    const char *between = "{";

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (crossings->of[i].count == 0)
            continue;
        buf_addf(json, "%s\"%s\":{\"count\":%zu,\"paths\":[", between, kinds[i].name,
                 crossings->of[i].count);
        for (size_t at = 0; at < CROSSING_TOLD && crossings->of[i].paths[at]; at++) {
            const char *path = crossings->of[i].paths[at];

            buf_add_str(json, at > 0 ? "," : "");
            json_write_string(json, path, strnlen(path, PATH_TOLD_MOST));
        }
        buf_add_str(json, "]}");
        between = ",";
    }
    buf_add_str(json, between[0] == '{' ? "{}" : "}");
}
