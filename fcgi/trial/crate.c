#include "trial/crate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/build.h"
#include "trial/copy.h"
#include "trial/rust_macros.h"
#include "trial/writing.h"

#include "base/banned.h"

#define TOLD "told" /* what a program wrote */
#define TOLD_MOST ((size_t)64 << 20)
#define LOCK "Cargo.lock"
#define FILES_MOST 2000               /* of a target */
#define TEXT_MOST ((size_t)256 << 20) /* of these, as often as they are read */
#define TESTS_MOST 100000             /* of all targets */

/* --- what cargo says -------------------------------------------------------------------------- */

/* What they print is then in TOLD. */
static int ask(const struct crate_project *project, const char *const *argv, struct error *err)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", project->copy, project->folder);

    return trial_copy_ask(folder, (char *const *)argv, TOLD, err);
}

static int read_metadata(struct crate_project *project, struct error *err)
{
    const char *const argv[] = {"cargo", "metadata", "--offline", "--no-deps", "--format-version",
                                "1",     NULL};
    _cleanup_(buf_release) struct buf told = BUF_INIT;

    if (ask(project, argv, err) < 0 || file_read(AT_FDCWD, TOLD, TOLD_MOST, &told, err) < 0)
        return -1;
    return json_parse(told.data, told.length, &project->document, NULL, err) < 0
               ? error_wrap(err, "cargo metadata")
               : 0;
}

/* The path below the copy; NULL: it is not there. */
static const char *below_copy(const struct crate_project *project, const char *path)
{
    size_t length = strlen(project->copy);

    return path && strncmp(path, project->copy, length) == 0 && path[length] == '/'
               ? path + length + 1
               : NULL;
}

/* Cargo writes it where it is not there, and a run can't. */
static int settle_lock(struct crate_project *project, struct error *err)
{
    const char *const argv[] = {"cargo", "generate-lockfile", "--offline", NULL};
    const char *root = json_get_text(project->document, "workspace_root");
    _cleanup_(free_ptr) char *path = NULL;

    if (!root || (strcmp(root, project->copy) != 0 && !below_copy(project, root)))
        return error_set(err, ERROR_INVALID, NULL, "the workspace is outside of the repository");
    path = xasprintf("%s/" LOCK, root);
    project->lock = xstrdup(below_copy(project, path));
    return access(path, F_OK) == 0 ? 0 : ask(project, argv, err);
}

/* --- targets --------------------------------------------------------------------------------- */

static bool has_kind(json_object *target, const char *kind)
{
    json_object *kinds = json_object_object_get(target, "kind");

    for (size_t i = 0; i < trial_list_count(kinds); i++)
        if (strcmp(trial_list_at(kinds, i), kind) == 0)
            return true;
    return false;
}

static const char *option_of(json_object *target)
{
    static const char *const libraries[] = {"lib",    "rlib",      "dylib",
                                            "cdylib", "staticlib", "proc-macro"};

    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
        if (has_kind(target, libraries[i]))
            return "--lib";
    return has_kind(target, "test") ? "--test" : has_kind(target, "bin") ? "--bin" : NULL;
}

/* The folder of a path, "" or "sub/". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("");
}

static void add_target(struct crate_project *project, json_object *package, json_object *target)
{
    const char *manifest = below_copy(project, json_get_text(package, "manifest_path"));
    const char *root = below_copy(project, json_get_text(target, "src_path"));
    const char *name = json_get_text(target, "name"), *option = option_of(target);
    _cleanup_(free_ptr) char *folder = manifest ? folder_of(manifest) : NULL;

    if (!manifest || !root || !name || !option)
        return;
    project->targets =
        xrealloc(project->targets, (project->target_count + 1) * sizeof(*project->targets));
    project->targets[project->target_count++] = (struct crate_target){
        .name = xstrdup(name),
        .option = option,
        .root = xstrdup(root),
        .manifest = xasprintf("%s/%s", project->repository, manifest),
        .folder = xasprintf("%s/%s", project->repository, folder),
        .package = json_get_text(package, "name"),
    };
}

/* Unless it is there. */
static void add_path(struct crate_paths *paths, const char *path)
{
    for (size_t i = 0; i < paths->count; i++)
        if (strcmp(paths->items[i], path) == 0)
            return;
    paths->items = xrealloc(paths->items, (paths->count + 1) * sizeof(*paths->items));
    paths->items[paths->count++] = xstrdup(path);
}

static void remove_path(struct crate_paths *paths, const char *path)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (strcmp(paths->items[i], path) != 0)
            continue;
        free(paths->items[i]);
        paths->items[i] = paths->items[--paths->count];
        return;
    }
}

static void paths_release(struct crate_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free(paths->items);
}

static void add_script(struct crate_project *project, json_object *target)
{
    const char *path = below_copy(project, json_get_text(target, "src_path"));

    if (path && has_kind(target, "custom-build"))
        add_path(&project->scripts, path);
}

static void read_targets(struct crate_project *project)
{
    json_object *packages = json_object_object_get(project->document, "packages");

    for (size_t i = 0; i < trial_list_count(packages); i++) {
        json_object *package = json_object_array_get_idx(packages, i);
        json_object *targets = json_object_object_get(package, "targets");

        for (size_t j = 0; j < trial_list_count(targets); j++) {
            add_target(project, package, json_object_array_get_idx(targets, j));
            add_script(project, json_object_array_get_idx(targets, j));
        }
    }
}

/* --- files ----------------------------------------------------------------------------------- */

/* Is it one of the trial's files, or would it be, as it is in one of the trial's folders? */
static bool is_given(const struct crate_project *project, const char *path)
{
    json_object_object_foreach (json_object_object_get(project->trial, "tests"), given, origin) {
        size_t length = strlen(given);

        (void)origin;
        if (strncmp(path, given, length) == 0 && (!path[length] || path[length] == '/'))
            return true;
    }
    return false;
}

/* The number of the file; one that is new takes the text. */
static size_t find_file(struct crate_project *project, const char *path, char **text)
{
    struct crate_file *file;

    for (size_t i = 0; i < project->file_count; i++)
        if (strcmp(project->files[i].path, path) == 0)
            return i;
    project->files = xrealloc(project->files, (project->file_count + 1) * sizeof(*project->files));
    file = &project->files[project->file_count];
    *file = (struct crate_file){.path = xstrdup(path), .text = *text};
    *text = NULL;
    rust_read(&file->source, file->text);
    return project->file_count++;
}

/* The same, of the target. */
static size_t add_file(struct crate_project *project, const struct crate_target *target,
                       const char *path, char **text)
{
    size_t number = find_file(project, path, text);
    struct crate_file *file = &project->files[number];

    file->targets =
        xrealloc(file->targets, (file->target_count + 1) * sizeof(struct crate_target *));
    file->targets[file->target_count++] = target;
    return number;
}

static void add_test(struct crate_project *project, const struct crate_target *target, size_t file,
                     struct rust_test *function)
{
    project->tests = xrealloc(project->tests, (project->test_count + 1) * sizeof(*project->tests));
    project->tests[project->test_count++] = (struct crate_test){
        .target = target,
        .file = file,
        .function = *function,
        .name = xasprintf("%s::%s", target->name, function->name),
    };
    function->name = NULL; /* the test's */
}

/* A file of a target that is to be read. */
struct visit {
    char *path, *modules; /* in the repository; "" or "outer::" */
    bool is_root;         /* modules that are files are beside it, not in a folder of its name */
    size_t within;        /* the visit of the file that it is a module of; the first: its own */
};

struct visits {
    struct visit *items;
    size_t count;
    size_t read; /* bytes */
};

static void visits_release(struct visits *visits)
{
    for (size_t i = 0; i < visits->count; i++) {
        free(visits->items[i].path);
        free(visits->items[i].modules);
    }
    free(visits->items);
}

/* Without "." and "NAME/.." in it, unless it is absolute. */
static void straighten(char *path)
{
    char *to = path;

    if (path[0] == '/')
        return;
    for (const char *from = path; *from;) {
        size_t length = strcspn(from, "/");
        bool is_up = length == 2 && strncmp(from, "..", 2) == 0;

        if (is_up && to > path) {
            for (to--; to > path && to[-1] != '/'; to--)
                ;
        } else if (length > 0 && (length > 1 || from[0] != '.')) {
            memmove(to, from, length + (from[length] == '/'));
            to += length + (from[length] == '/');
        }
        from += length + (from[length] == '/');
    }
    *to = '\0';
}

/* Is the file a module of itself? rustc refuses it. */
static bool is_within(const struct visits *visits, const char *path, size_t within)
{
    for (size_t at = within; at < visits->count; at = visits->items[at].within) {
        if (strcmp(visits->items[at].path, path) == 0)
            return true;
        if (visits->items[at].within == at)
            break;
    }
    return false;
}

/* It takes the path. */
static void add_visit(struct visits *visits, char *path, const char *modules, bool is_root,
                      size_t within)
{
    straighten(path);
    if (is_within(visits, path, within)) {
        free(path);
        return;
    }
    visits->items = xrealloc(visits->items, (visits->count + 1) * sizeof(*visits->items));
    visits->items[visits->count++] = (struct visit){path, xstrdup(modules), is_root, within};
}

/* The first reason is told. It takes the text. */
static void refuse(struct crate_target *target, char *why)
{
    if (target->refused)
        free(why);
    else
        target->refused = why;
}

static void refuse_file(struct crate_target *target, const char *path)
{
    refuse(target, xasprintf("the trial does not name %.200s, a file of its program", path));
}

/* Where rustc looks for the module's file. */
static void visit_forms(const struct crate_project *project, struct crate_target *target,
                        struct visits *visits, const char *stem, const char *modules, size_t within)
{
    char *paths[] = {xasprintf("%s.rs", stem), xasprintf("%s/mod.rs", stem)};
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_(free_ptr) char *whole = NULL;

        straighten(paths[i]);
        whole = xasprintf("%s/%s", project->copy, paths[i]);
        if (access(whole, F_OK) == 0) {
            add_visit(visits, TAKE_PTR(paths[i]), modules, i == 1, within);
            found = true;
        }
    }
    if (!found && !is_given(project, paths[0])) /* the session could add it */
        refuse_file(target, paths[0]);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        free(paths[i]);
}

static void visit_module(const struct crate_project *project, struct crate_target *target,
                         struct visits *visits, size_t from, const struct rust_module *module)
{
    const struct visit *visit = &visits->items[from];
    const char *last = strrchr(module->name, ':') ? strrchr(module->name, ':') + 1 : module->name;
    _cleanup_(free_ptr) char *folder = folder_of(visit->path);
    _cleanup_(free_ptr) char *own =
        xstrndup(visit->path, strlen(visit->path) - (strlen(visit->path) > 3 ? strlen(".rs") : 0));
    _cleanup_(free_ptr) char *inner = module->path && !module->folder[0] ? xstrdup(folder)
                                      : visit->is_root ? xasprintf("%s%s", folder, module->folder)
                                                       : xasprintf("%s/%s", own, module->folder);
    _cleanup_(free_ptr) char *modules = xasprintf("%s::", module->name);
    _cleanup_(free_ptr) char *stem = xasprintf("%s%s", inner, last);
    char *path;

    if (!module->path) {
        visit_forms(project, target, visits, stem, modules, from);
        return;
    }
    path = module->path[0] == '/' ? xstrdup(module->path) : xasprintf("%s%s", inner, module->path);
    add_visit(visits, path, modules, true, from);
}

/* May a module have a path because #[cfg_attr] says so? */
static bool may_have_path(const struct source *source)
{
    size_t end = 0; /* of an attribute */

    for (size_t at = 0; at < source->length; at++) {
        size_t length = source_word_length(source, at), behind;

        if (length == 0)
            continue;
        behind = source_skip_blanks(source, at + length);
        if (at < end && source_has_word(source, at, "path") && source->code[behind] == '=')
            return true;
        if (at >= end && source_has_word(source, at, "cfg_attr") && source->code[behind] == '(' &&
            (end = source_match(source, behind, source->length)) == 0)
            return false;
        at += length - 1;
    }
    return false;
}

/* What is in the file; its modules are to be visited. */
static void find_in_file(const struct crate_project *project, struct crate_target *target,
                         struct visits *visits, size_t at, const char *text,
                         struct rust_file *ret_found)
{
    struct source source;

    rust_read(&source, text);
    rust_find(&source, visits->items[at].modules, ret_found);
    if (may_have_path(&source))
        refuse(target,
               xasprintf("there is a path in a #[cfg_attr] of %.200s", visits->items[at].path));
    for (size_t i = 0; i < ret_found->module_count; i++)
        visit_module(project, target, visits, at, &ret_found->modules[i]);
    source_release(&source);
    visits->read += strlen(text);
}

static void read_file(struct crate_project *project, struct crate_target *target,
                      struct visits *visits, size_t at)
{
    const char *path = visits->items[at].path;
    _cleanup_(free_ptr) char *text = trial_copy_read(project->copy, path);
    bool given = is_given(project, path);
    struct rust_file found;
    size_t file = 0;

    if (!given) {
        refuse_file(target, path);
        remove_path(&project->script_modules, path); /* a solution may have to change it */
    }
    if (!text)
        return;
    find_in_file(project, target, visits, at, text, &found);
    if (given)
        file = add_file(project, target, path, &text);
    for (size_t i = 0; given && i < found.test_count; i++)
        add_test(project, target, file, &found.tests[i]);
    rust_file_release(&found);
}

static bool is_too_much(const struct crate_project *project, const struct visits *visits)
{
    return visits->count > FILES_MOST || visits->read > TEXT_MOST ||
           project->test_count > TESTS_MOST;
}

static void read_target(struct crate_project *project, struct crate_target *target)
{
    _cleanup_(visits_release) struct visits visits = {0};

    add_visit(&visits, xstrdup(target->root), "", true, 0);
    for (size_t i = 0; i < visits.count && !is_too_much(project, &visits); i++)
        read_file(project, target, &visits, i);
    if (is_too_much(project, &visits))
        refuse(target, xstrdup("its program has too many files or tests"));
}

/* Which files a build script has beside its first. */
static void read_script(struct crate_project *project, const char *root)
{
    _cleanup_(visits_release) struct visits visits = {0};
    struct crate_target script = {0};

    add_visit(&visits, xstrdup(root), "", true, 0);
    for (size_t i = 0; i < visits.count && !is_too_much(project, &visits); i++) {
        const char *path = visits.items[i].path;
        _cleanup_(free_ptr) char *text = trial_copy_read(project->copy, path);
        struct rust_file found;

        if (i > 0 && path_is_below(path))
            add_path(&project->script_modules, path);
        if (!text)
            continue;
        find_in_file(project, &script, &visits, i, text, &found);
        rust_file_release(&found);
    }
    free(script.refused);
}

static void find_macros(struct crate_project *project)
{
    for (size_t i = 0; i < project->file_count; i++)
        project->macros |= rust_macros_defined(&project->files[i].source);
    for (size_t i = 0; i < project->file_count; i++)
        project->files[i].macros =
            project->macros | rust_macros_imported(&project->files[i].source);
}

/* --- tests ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct crate_test *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order ? order : one->target < other->target ? -1 : one->target > other->target;
}

static void sort_tests(struct crate_project *project)
{
    struct crate_test *tests = project->tests;

    if (project->test_count > 0)
        qsort(tests, project->test_count, sizeof(*tests), by_name);
    for (size_t i = 1; i < project->test_count; i++)
        if (by_name(&tests[i - 1], &tests[i]) == 0)
            tests[i - 1].is_double = tests[i].is_double = true;
}

/* Is the one a name of the other? */
static bool is_id(const char *id, const struct crate_test *test)
{
    size_t package = test->target->package ? strlen(test->target->package) : 0;

    return strcmp(id, test->function.name) == 0 || strcmp(id, test->name) == 0 ||
           (package > 0 && strncmp(id, test->target->package, package) == 0 &&
            strncmp(id + package, "::", 2) == 0 && strcmp(id + package + 2, test->name) == 0);
}

int crate_test_find(const struct crate_project *project, const char *id,
                    struct crate_test **ret_test, struct error *err)
{
    struct crate_test *found = NULL;

    for (size_t i = 0; i < project->test_count; i++) {
        struct crate_test *test = &project->tests[i];

        if (!is_id(id, test))
            continue;
        if (found && found->target != test->target)
            return error_set(err, ERROR_INVALID, NULL,
                             "the listed test %.200s could be %.200s or %.200s", id, found->name,
                             test->name);
        found = test;
    }
    *ret_test = found;
    return 0;
}

/* --- the project ----------------------------------------------------------------------------- */

/* As it is without links: what is kept of the image's lies at such paths. */
static int find_folder(struct crate_project *project, struct error *err)
{
    const char *folder = json_get_text(project->trial, "source");
    _cleanup_(free_ptr) char *whole = xasprintf("%s/%s", project->copy, folder ? folder : ".");
    _cleanup_(free_ptr) char *real = realpath(whole, NULL);

    if (!real || (strcmp(real, project->copy) != 0 && !below_copy(project, real)))
        return error_set(err, ERROR_INVALID, NULL, "there is no folder %.200s in the repository",
                         folder ? folder : ".");
    project->folder =
        below_copy(project, real) ? xasprintf("%s/", below_copy(project, real)) : xstrdup("");
    return 0;
}

int crate_project_read(struct crate_project *project, struct error *err)
{
    _cleanup_(free_ptr) char *here = getcwd(NULL, 0);

    if (!here || !project->repository)
        return error_errno(err, errno, "there is no folder to plan in");
    project->copy = xasprintf("%s/" TRIAL_COPY, here);
    project->build = xasprintf("%.*s/" TRIAL_BUILD, (int)(strrchr(here, '/') - here), here);
    if (trial_copy_make_clean(project->repository, json_object_object_get(project->trial, "tests"),
                              err) < 0 ||
        find_folder(project, err) < 0 || read_metadata(project, err) < 0 ||
        settle_lock(project, err) < 0)
        return -1;
    read_targets(project);
    for (size_t i = 0; i < project->scripts.count; i++)
        read_script(project, project->scripts.items[i]);
    for (size_t i = 0; i < project->target_count; i++)
        read_target(project, &project->targets[i]);
    find_macros(project);
    sort_tests(project);
    return 0;
}

void crate_project_release(struct crate_project *project)
{
    for (size_t i = 0; i < project->target_count; i++) {
        struct crate_target *target = &project->targets[i];

        free(target->name);
        free(target->root);
        free(target->manifest);
        free(target->folder);
        free(target->refused);
    }
    for (size_t i = 0; i < project->file_count; i++) {
        free(project->files[i].path);
        free(project->files[i].text);
        free(project->files[i].targets);
        source_release(&project->files[i].source);
    }
    for (size_t i = 0; i < project->test_count; i++) {
        free(project->tests[i].function.name);
        free(project->tests[i].name);
    }
    paths_release(&project->scripts);
    paths_release(&project->script_modules);
    free(project->targets);
    free(project->files);
    free(project->tests);
    free(project->folder);
    free(project->build);
    free(project->copy);
    free(project->lock);
    json_object_put(project->document);
}
