#include "trial/golist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/build.h"
#include "trial/copy.h"
#include "trial/writing.h"

#include "base/banned.h"

#define TOLD "told"   /* what the go command wrote */
#define CACHE "cache" /* its own, while it is asked */
#define TOLD_MOST ((size_t)256 << 20)

/* --- how it is set up ------------------------------------------------------------------------ */

static const char *value_of(json_object *variables, const char *name)
{
    const char *value = json_get_text(variables, name);

    return value ? value : "";
}

/* "a/b" for what is below the copy; "." for that itself; NULL: it is elsewhere. */
static const char *below(const struct trial_gomodule *module, const char *path)
{
    size_t length = strlen(module->copy);

    if (!path || strncmp(path, module->copy, length) != 0)
        return NULL;
    return path[length] == '\0' ? "." : path[length] == '/' ? path + length + 1 : NULL;
}

static void add_variable(struct trial_gomodule *module, const char *name, const char *value)
{
    const char *inner = below(module, value);
    _cleanup_(free_ptr) char *entry = inner ? xasprintf("%s=%s/%s", name, module->repository, inner)
                                            : xasprintf("%s=%s", name, value);

    trial_list_add(module->environment, entry);
}

/* go1.18 and later ask git for what they build. */
static char *flags_of(const struct trial_gomodule *module, json_object *variables)
{
    return xasprintf("%s%s", value_of(variables, "GOFLAGS"),
                     module->version >= 18 ? " -buildvcs=false" : "");
}

/* "go1.21.3", "1.21": 21; 0: it is not told. */
static long minor_of(const char *version)
{
    version += strncmp(version, "go", strlen("go")) == 0 ? strlen("go") : 0;
    return strncmp(version, "1.", strlen("1.")) == 0 ? strtol(version + strlen("1."), NULL, 10) : 0;
}

/* What decides how something is compiled, and where modules are. Settings by `go env -w` are not
 * read in the runs. */
static const char *const taken[] = {
    "AR",          "CC",           "CGO_CFLAGS",  "CGO_CPPFLAGS", "CGO_CXXFLAGS",
    "CGO_ENABLED", "CGO_FFLAGS",   "CGO_LDFLAGS", "CXX",          "FC",
    "GO111MODULE", "GO386",        "GOAMD64",     "GOARCH",       "GOARM",
    "GOARM64",     "GOEXPERIMENT", "GOFIPS140",   "GOMIPS",       "GOMIPS64",
    "GOMODCACHE",  "GOPATH",       "GOPPC64",     "GORISCV64",    "PKG_CONFIG"};

static void settle_environment(struct trial_gomodule *module, json_object *variables)
{
    _cleanup_(free_ptr) char *cache = xasprintf("%s/cache", module->build);
    const char *work = value_of(variables, "GOWORK");

    module->version = minor_of(value_of(variables, "GOVERSION"));
    module->flags = flags_of(module, variables);
    module->environment = json_object_new_array();
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        if (value_of(variables, taken[i])[0])
            add_variable(module, taken[i], value_of(variables, taken[i]));
    add_variable(module, "GOCACHE", cache);
    add_variable(module, "GOENV", "off");
    add_variable(module, "GOPROXY", "off");
    add_variable(module, "GOSUMDB", "off");
    add_variable(module, "GOTOOLCHAIN", "local");
    add_variable(module, "GOWORK", work[0] ? work : "off");
    module->has_workspace = work[0] && strcmp(work, "off") != 0;
    if (below(module, work))
        trial_list_add(module->kept, below(module, work));
    module->program = xasprintf("%s/bin/go", value_of(variables, "GOROOT"));
}

/* What is downloaded is often below root's own folder, which nobody else may enter. What can be
 * found there still must be readable by itself. */
static int open_way(const char *path, struct error *err)
{
    struct stat st;
    size_t end = 0;

    while (path[end] == '/') {
        _cleanup_(free_ptr) char *folder = NULL;

        end += 1 + strcspn(path + end + 1, "/");
        folder = xstrndup(path, end);
        if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode) && !(st.st_mode & S_IXOTH) &&
            chmod(folder, (st.st_mode & 07777) | S_IXOTH) < 0)
            return error_errno(err, errno, "cannot open the way to %.200s", path);
    }
    return 0;
}

/* --- what it says ---------------------------------------------------------------------------- */

static int ask(const struct trial_gomodule *module, char *const *argv, struct buf *told,
               struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", module->copy, module->folder);

    if (trial_copy_ask(folder, argv, TOLD, err) < 0)
        return -1;
    return file_read(AT_FDCWD, TOLD, TOLD_MOST, told, err);
}

static int read_environment(struct trial_gomodule *module, struct error *err)
{
    char *const argv[] = {(char *)"go", (char *)"env", (char *)"-json", NULL};
    _cleanup_(json_release) json_object *variables = NULL;
    _cleanup_(buf_release) struct buf told = BUF_INIT;

    if (ask(module, argv, &told, err) < 0 ||
        json_parse(told.data, told.length, &variables, NULL, err) < 0)
        return error_wrap(err, "go env");
    settle_environment(module, variables);
    return open_way(value_of(variables, "GOMODCACHE"), err) < 0
               ? -1
               : open_way(value_of(variables, "GOROOT"), err);
}

static void add_all(json_object *list, json_object *more)
{
    for (size_t i = 0; i < trial_list_count(more); i++)
        trial_list_add(list, trial_list_at(more, i));
}

static void read_package(struct trial_gomodule *module, json_object *object)
{
    const char *path = json_get_text(object, "ImportPath");
    const char *folder = below(module, json_get_text(object, "Dir"));
    json_object *files = json_object_new_array();

    add_all(files, json_object_object_get(object, "TestGoFiles"));
    add_all(files, json_object_object_get(object, "XTestGoFiles"));
    json_object_object_add(object, "files", files);
    if (!path || !folder || json_object_object_get(object, "ForTest") ||
        trial_list_count(files) == 0)
        return;
    module->packages =
        xrealloc(module->packages, (module->package_count + 1) * sizeof(*module->packages));
    module->packages[module->package_count++] =
        (struct trial_package){.path = path, .folder = folder, .files = files};
}

static void read_module(struct trial_gomodule *module, json_object *object)
{
    const char *folder =
        below(module, json_get_text(json_object_object_get(object, "Module"), "Dir"));

    for (size_t i = 0; folder && i < trial_list_count(module->modules); i++)
        if (strcmp(trial_list_at(module->modules, i), folder) == 0)
            return;
    if (folder && strncmp(folder, "vendor/", strlen("vendor/")) != 0)
        trial_list_add(module->modules, folder);
}

/* The answer is one object behind another, each of which ends with a line of its own. */
static int read_list(struct trial_gomodule *module, const struct buf *told, struct error *err)
{
    const char *at = told->data, *end;

    module->document = json_object_new_array();
    for (; (end = strstr(at, "\n}\n")); at = end + 3) {
        json_object *object = NULL;

        if (json_parse(at, (size_t)(end + 3 - at), &object, NULL, err) < 0)
            return error_wrap(err, "go list");
        json_object_array_add(module->document, object);
    }
    return 0;
}

static bool is_dependency(json_object *object)
{
    return json_object_get_boolean(json_object_object_get(object, "DepOnly"));
}

/* Of a package's tests: "example.org/a.test". */
static bool is_program(const char *path)
{
    size_t length = strlen(path), end = strlen(".test");

    return length > end && strcmp(path + length - end, ".test") == 0;
}

/* Is it of no use but for tests? Then a fix has no business there. */
static bool serves_tests(const struct trial_gomodule *module, const char *path)
{
    for (size_t i = 0; i < trial_list_count(module->document); i++) {
        json_object *object = json_object_array_get_idx(module->document, i);
        json_object *needed = json_object_object_get(object, "Deps");

        if (is_dependency(object) || json_object_object_get(object, "ForTest"))
            continue;
        if (is_program(value_of(object, "ImportPath")))
            continue;
        for (size_t n = 0; n < trial_list_count(needed); n++)
            if (strcmp(trial_list_at(needed, n), path) == 0)
                return false;
    }
    return true;
}

static bool is_vendored(const char *folder)
{
    return strncmp(folder, "vendor/", strlen("vendor/")) == 0 || strstr(folder, "/vendor/");
}

static void keep_vendored(struct trial_gomodule *module, json_object *object)
{
    const char *path = json_get_text(object, "ImportPath");
    const char *folder = below(module, json_get_text(object, "Dir"));

    if (path && folder && is_dependency(object) && is_vendored(folder) &&
        !json_object_object_get(object, "ForTest") && serves_tests(module, path))
        trial_list_add(module->vendored, folder);
}

static int read_packages(struct trial_gomodule *module, struct error *err)
{
    char *const argv[] = {module->program, (char *)"list",  (char *)"-e",    (char *)"-deps",
                          (char *)"-test", (char *)"-json", (char *)"./...", NULL};
    _cleanup_(buf_release) struct buf told = BUF_INIT;

    if (ask(module, argv, &told, err) < 0 || read_list(module, &told, err) < 0)
        return -1;
    for (size_t i = 0; i < trial_list_count(module->document); i++) {
        json_object *object = json_object_array_get_idx(module->document, i);

        read_module(module, object);
        keep_vendored(module, object);
        if (!is_dependency(object))
            read_package(module, object);
    }
    return module->package_count > 0
               ? 0
               : error_set(err, ERROR_INVALID, NULL, "go list told of no package with tests");
}

/* Does the go command look in the folder `vendor`? It does so by itself from version 1.14 of the
 * language on. */
static bool has_vendor(const struct trial_gomodule *module)
{
    _cleanup_(free_ptr) char *list =
        xasprintf("%s/%s/vendor/modules.txt", module->copy, module->folder);
    long language = 0;

    for (size_t i = 0; i < trial_list_count(module->document); i++) {
        json_object *object = json_object_array_get_idx(module->document, i);
        const char *folder = below(module, json_get_text(object, "Dir"));
        json_object *own = json_object_object_get(object, "Module");

        if (folder && is_vendored(folder))
            return true;
        if (folder && language == 0)
            language = minor_of(value_of(own, "GoVersion"));
    }
    return !module->has_workspace && language >= 14 && access(list, F_OK) == 0;
}

/* Whatever the session's go.mod says, and whether it has such a folder. */
static void settle_flags(struct trial_gomodule *module)
{
    const char *mode = strstr(module->flags, "-mod=") ? ""
                       : has_vendor(module)           ? " -mod=vendor"
                                                      : " -mod=readonly";
    _cleanup_(free_ptr) char *flags = xasprintf("%s%s", module->flags, mode);

    add_variable(module, "GOFLAGS", flags);
}

/* --- the module ------------------------------------------------------------------------------ */

/* The planner's own, whose user may have no folder. */
static int settle_own(const char *here, struct error *err)
{
    _cleanup_(free_ptr) char *cache = xasprintf("%s/" CACHE, here);

    if (setenv("GOCACHE", cache, 1) < 0 || setenv("GOPROXY", "off", 1) < 0 ||
        setenv("HOME", "/root", 0) < 0)
        return error_errno(err, errno, "cannot settle the environment");
    return 0;
}

int trial_gomodule_read(struct trial_gomodule *module, struct error *err)
{
    _cleanup_(free_ptr) char *here = getcwd(NULL, 0);
    const char *folder = json_get_text(module->trial, "source");

    if (!here || !module->repository)
        return error_errno(err, errno, "there is no folder to plan in");
    module->folder = xstrdup(folder ? folder : ".");
    module->copy = xasprintf("%s/" TRIAL_COPY, here);
    module->build = xasprintf("%.*s/" TRIAL_BUILD, (int)(strrchr(here, '/') - here), here);
    module->kept = json_object_new_array();
    module->vendored = json_object_new_array();
    module->modules = json_object_new_array();
    if (settle_own(here, err) < 0 ||
        trial_copy_make(module->repository, json_object_object_get(module->trial, "tests"), err) <
            0 ||
        read_environment(module, err) < 0 || read_packages(module, err) < 0)
        return -1;
    settle_flags(module);
    return remove_tree(CACHE, err);
}

int trial_gomodule_close(const struct trial_gomodule *module, struct error *err)
{
    return remove_tree(module->copy, err);
}

void trial_gomodule_release(struct trial_gomodule *module)
{
    free(module->folder);
    free(module->build);
    free(module->copy);
    free(module->program);
    free(module->flags);
    free(module->packages);
    json_object_put(module->environment);
    json_object_put(module->modules);
    json_object_put(module->kept);
    json_object_put(module->vendored);
    json_object_put(module->document);
}
