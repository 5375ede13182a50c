#include "trial/cmake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

#define TOLD "told" /* what a program wrote */
#define TOLD_MOST ((size_t)64 << 20)
#define QUERY "/.cmake/api/v1/query/codemodel-v2"
#define REPLY "/.cmake/api/v1/reply"
#define TEST_SECONDS 300 /* where neither the trial nor the test says it */

/* --- what CMake and ctest say ---------------------------------------------------------------- */

void trial_project_configure(const struct trial_project *project, const char *source,
                             json_object *argv)
{
    json_object *options = json_object_object_get(project->trial, "cmake");
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", source, project->folder);

    trial_list_add(argv, "cmake");
    trial_list_add(argv, "-S");
    trial_list_add(argv, folder);
    trial_list_add(argv, "-B");
    trial_list_add(argv, project->build);
    for (size_t i = 0; i < trial_list_count(options); i++)
        trial_list_add(argv, trial_list_at(options, i));
}

static int configure(struct trial_project *project, struct error *err)
{
    _cleanup_(json_release) json_object *list = json_object_new_array();
    _cleanup_(free_ptr) char *query = xasprintf("%s" QUERY, project->build);
    _cleanup_(free_ptr) char **argv = NULL;

    if (make_dirs(query, 0755, err) < 0) /* whatever its kind, its name asks */
        return -1;
    trial_project_configure(project, project->copy, list);
    argv = xcalloc(trial_list_count(list) + 1, sizeof(*argv));
    for (size_t i = 0; i < trial_list_count(list); i++)
        argv[i] = (char *)trial_list_at(list, i);
    return trial_copy_ask(".", argv, NULL, err);
}

static int read_json(const char *path, json_object **ret_object, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (file_read(AT_FDCWD, path, TOLD_MOST, &text, err) < 0)
        return -1;
    if (json_parse(text.data, text.length, ret_object, NULL, err) < 0)
        return error_wrap(err, "%.200s", path);
    return 0;
}

static int read_reply(const struct trial_project *project, const char *name,
                      json_object **ret_object, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s" REPLY "/%s", project->build, name);

    return read_json(path, ret_object, err);
}

static json_object *member(json_object *object, const char *first, const char *second)
{
    json_object *inner = json_object_object_get(object, first);

    return second ? json_object_object_get(inner, second) : inner;
}

/* Is assert(3) compiled away in some part of the target? */
static bool has_ndebug(json_object *target)
{
    json_object *groups = member(target, "compileGroups", NULL);

    return groups && strstr(json_object_to_json_string(groups), "NDEBUG");
}

/* Does what is built by default in `folder` ("" or "sub/") need this? */
static bool needs(const char *rules, const char *folder, const char *needed)
{
    _cleanup_(free_ptr) char *line = xasprintf("\n%sall: %s\n", folder, needed);

    return strstr(rules, line) != NULL;
}

/* By CMake's Makefile2, where it makes one: up from the target's folder, each is needed by the one
 * above. */
static bool is_default(const char *rules, const char *folder, const char *name)
{
    _cleanup_(free_ptr) char *inner =
        folder && strcmp(folder, ".") != 0 ? xasprintf("%s/", folder) : xstrdup("");
    _cleanup_(free_ptr) char *needed = xasprintf("%sCMakeFiles/%s.dir/all", inner, name);

    while (needs(rules, inner, needed)) {
        char *slash;

        if (!inner[0])
            return true;
        free(needed);
        needed = xasprintf("%sall", inner);
        inner[strlen(inner) - 1] = '\0';
        slash = strrchr(inner, '/');
        (slash ? slash + 1 : inner)[0] = '\0';
    }
    return false;
}

static int read_target(struct trial_project *project, json_object *target, const char *rules,
                       struct error *err)
{
    json_object *artifacts = member(target, "artifacts", NULL);
    const char *type = json_get_text(target, "type"), *name = json_get_text(target, "name");
    json_object *sources = member(target, "sources", NULL);
    struct trial_target *added;

    if (!type || !name || strcmp(type, "EXECUTABLE") != 0 || trial_list_count(artifacts) == 0)
        return 0;
    project->targets =
        xrealloc(project->targets, (project->target_count + 1) * sizeof(*project->targets));
    added = &project->targets[project->target_count++];
    *added = (struct trial_target){
        .name = xstrdup(name),
        .program = xasprintf("%s/%s", project->build,
                             json_get_text(json_object_array_get_idx(artifacts, 0), "path")),
        .sources = json_object_new_array(),
        .asserts = !has_ndebug(target),
        .is_default =
            is_default(rules, json_get_text(member(target, "paths", NULL), "build"), name),
    };
    for (size_t i = 0; i < trial_list_count(sources); i++)
        trial_list_add(added->sources,
                       json_get_text(json_object_array_get_idx(sources, i), "path"));
    /* ctest does not tell the command of a program that is not there. */
    {
        _cleanup_(free_ptr) char *folder =
            xstrndup(added->program, (size_t)(strrchr(added->program, '/') - added->program));

        return make_dirs(folder, 0755, err) < 0 ||
                       file_write_unsynced(AT_FDCWD, added->program, "", 0, 0755, err) < 0
                   ? -1
                   : 0;
    }
}

static void settle_generator(struct trial_project *project, json_object *index)
{
    const char *name = json_get_text(member(index, "cmake", "generator"), "name");

    project->keep_going = !name                               ? NULL
                          : strcmp(name, "Ninja") == 0        ? "-k0"
                          : strstr(name, "Makefiles") != NULL ? "-k"
                                                              : NULL;
}

DEFINE_CLEANUP(DIR *, close_dir, closedir)

/* The name of the reply's first file, which changes with each answer. */
static char *index_name(const struct trial_project *project)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s" REPLY, project->build);
    _cleanup_(close_dir) DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, "index-", strlen("index-")) == 0)
            return xstrdup(entry->d_name);
    return NULL;
}

static int read_targets(struct trial_project *project, struct error *err)
{
    _cleanup_(json_release) json_object *index = NULL, *model = NULL;
    _cleanup_(buf_release) struct buf rules = BUF_INIT;
    _cleanup_(free_ptr) char *makefile = xasprintf("%s/CMakeFiles/Makefile2", project->build);
    _cleanup_(free_ptr) char *name = index_name(project);
    const char *file;
    json_object *targets;

    if (!name || read_reply(project, name, &index, err) < 0)
        return error_set(err, ERROR_INVALID, NULL, "CMake did not tell what it builds");
    settle_generator(project, index);
    file = json_get_text(member(index, "reply", "codemodel-v2"), "jsonFile");
    if (!file || read_reply(project, file, &model, err) < 0)
        return error_set(err, ERROR_INVALID, NULL, "CMake did not tell what it builds");
    if (file_read(AT_FDCWD, makefile, TOLD_MOST, &rules, err) < 0)
        *err = (struct error)ERROR_INIT; /* another generator's */
    targets = member(json_object_array_get_idx(member(model, "configurations", NULL), 0), "targets",
                     NULL);
    for (size_t i = 0; i < trial_list_count(targets); i++) {
        _cleanup_(json_release) json_object *target = NULL;

        file = json_get_text(json_object_array_get_idx(targets, i), "jsonFile");
        if (!file || read_reply(project, file, &target, err) < 0 ||
            read_target(project, target, rules.length > 0 ? rules.data : "", err) < 0)
            return -1;
    }
    return 0;
}

/* --- tests ----------------------------------------------------------------------------------- */

/* What was told of the copy is meant of the repository itself. */
static json_object *relocated(const struct trial_project *project, json_object *value)
{
    const char *text = json_object_get_string(value), *found;
    _cleanup_(buf_release) struct buf moved = BUF_INIT;

    if (!text)
        return NULL;
    for (; (found = strstr(text, project->copy)); text = found + strlen(project->copy)) {
        buf_add(&moved, text, (size_t)(found - text));
        buf_add_str(&moved, project->repository);
    }
    buf_addf(&moved, "%s", text); /* a text, though it may be empty */
    return json_object_new_string_len(moved.data, (int)moved.length);
}

/* In place. */
static void relocate_all(const struct trial_project *project, json_object *list)
{
    for (size_t i = 0; i < trial_list_count(list); i++)
        json_object_array_put_idx(list, i, relocated(project, json_object_array_get_idx(list, i)));
}

/* In place. */
static void relocate_value(const struct trial_project *project, json_object *property)
{
    json_object_object_add(property, "value", relocated(project, member(property, "value", NULL)));
}

static void take_property(struct trial_test *test, const char *name, json_object *value)
{
    static const char *const indifferent[] = {"LABELS",       "COST",        "PROCESSORS",
                                              "RUN_SERIAL",   "MEASUREMENT", "PROCESSOR_AFFINITY",
                                              "RESOURCE_LOCK"};

    if (strcmp(name, "WORKING_DIRECTORY") == 0)
        test->folder = json_object_get_string(value);
    else if (strcmp(name, "ENVIRONMENT") == 0 && json_object_is_type(value, json_type_array))
        test->environment = value;
    else if (strcmp(name, "TIMEOUT") == 0)
        test->seconds = json_object_get_int64(value);
    else if (strcmp(name, "SKIP_RETURN_CODE") == 0)
        test->skip_status = json_object_get_int64(value);
    else if (strcmp(name, "WILL_FAIL") == 0)
        test->will_fail = json_object_get_boolean(value);
    else if (strcmp(name, "DEPENDS") == 0)
        test->depends = true;
    else if (strcmp(name, "DISABLED") == 0)
        test->refused = json_object_get_boolean(value) ? name : test->refused;
    else {
        for (size_t i = 0; i < ARRAY_SIZE(indifferent); i++)
            if (strcmp(name, indifferent[i]) == 0)
                return;
        test->refused = name;
    }
}

static struct trial_target *target_of(const struct trial_project *project, const char *program)
{
    for (size_t i = 0; i < project->target_count; i++)
        if (strcmp(project->targets[i].program, program) == 0)
            return &project->targets[i];
    return NULL;
}

static void read_test(struct trial_project *project, json_object *object)
{
    json_object *properties = member(object, "properties", NULL);
    int64_t seconds = json_get_int(project->trial, "timeout", TEST_SECONDS);
    struct trial_test test = {
        .name = json_get_text(object, "name"),
        .command = member(object, "command", NULL),
        .skip_status = -1,
        .seconds = seconds,
    };

    if (!test.name)
        return;
    for (size_t i = 0; i < trial_list_count(properties); i++) {
        json_object *property = json_object_array_get_idx(properties, i);
        const char *name = json_get_text(property, "name");

        if (name && strcmp(name, "WORKING_DIRECTORY") == 0)
            relocate_value(project, property);
        if (name)
            take_property(&test, name, member(property, "value", NULL));
    }
    if (test.seconds <= 0 || test.seconds > seconds)
        test.seconds = seconds;
    if (trial_list_count(test.command) == 0)
        test.refused = "no program";
    else
        test.target = target_of(project, trial_list_at(test.command, 0));
    relocate_all(project, test.command);
    relocate_all(project, test.environment);
    project->tests[project->test_count++] = test;
}

static int read_tests(struct trial_project *project, struct error *err)
{
    char *const argv[] = {(char *)"ctest", (char *)"--show-only=json-v1", NULL};
    json_object *list;

    if (trial_copy_ask(project->build, argv, TOLD, err) < 0 ||
        read_json(TOLD, &project->document, err) < 0)
        return error_wrap(err, "ctest");
    list = member(project->document, "tests", NULL);
    project->tests = xcalloc(trial_list_count(list) + 1, sizeof(*project->tests));
    for (size_t i = 0; i < trial_list_count(list); i++)
        read_test(project, json_object_array_get_idx(list, i));
    return 0;
}

/* --- the project ----------------------------------------------------------------------------- */

int trial_project_read(struct trial_project *project, struct error *err)
{
    _cleanup_(free_ptr) char *here = getcwd(NULL, 0);
    const char *folder = json_get_text(project->trial, "source");

    if (!here || !project->repository)
        return error_errno(err, errno, "there is no folder to plan in");
    project->folder = folder && strcmp(folder, ".") != 0 ? xasprintf("%s/", folder) : xstrdup("");
    project->copy = xasprintf("%s/" TRIAL_COPY, here);
    project->build = xasprintf("%.*s/" TRIAL_BUILD, (int)(strrchr(here, '/') - here), here);
    if (trial_copy_make(project->repository, json_object_object_get(project->trial, "tests"), err) <
            0 ||
        configure(project, err) < 0 || read_targets(project, err) < 0 ||
        read_tests(project, err) < 0)
        return -1;
    return remove_tree(project->build, err) < 0 ? -1 : remove_tree(TRIAL_COPY, err);
}

void trial_project_release(struct trial_project *project)
{
    for (size_t i = 0; i < project->target_count; i++) {
        free(project->targets[i].name);
        free(project->targets[i].program);
        json_object_put(project->targets[i].sources);
    }
    free(project->targets);
    free(project->tests);
    free(project->folder);
    free(project->build);
    free(project->copy);
    json_object_put(project->document);
}
