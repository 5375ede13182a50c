#include "ctl/sample_trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "wire/framework.h"

#include "base/banned.h"

#define TIMEOUT_MOST 86400

#define wrong(err, ...) error_set(err, ERROR_INVALID, NULL, __VA_ARGS__)

/* Of which a program would see the whole: no NUL within. NULL: it is no such text. */
static const char *text_of(json_object *value)
{
    const char *text = json_object_get_string(value);

    return json_object_is_type(value, json_type_string) && text[0] &&
                   strlen(text) == (size_t)json_object_get_string_len(value)
               ? text
               : NULL;
}

static bool is_absolute(json_object *value)
{
    const char *text = text_of(value);

    return text && text[0] == '/' && path_is_below(text + 1);
}

static bool is_below(json_object *value)
{
    const char *text = text_of(value);

    return text && (strcmp(text, ".") == 0 || path_is_below(text));
}

static int check_list(json_object *list, bool (*is_good)(json_object *value), const char *what,
                      struct error *err)
{
    if (!json_object_is_type(list, json_type_array))
        return wrong(err, "trial: %s", what);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!is_good(json_object_array_get_idx(list, i)))
            return wrong(err, "trial: %s", what);
    return 0;
}

static const struct framework *framework_of(json_object *trial)
{
    return framework_find(text_of(json_object_object_get(trial, "framework")));
}

static int check_framework(json_object *trial, struct error *err)
{
    _cleanup_(buf_release) struct buf known = BUF_INIT;
    const struct framework *framework;

    if (!json_object_object_get_ex(trial, "framework", NULL))
        return wrong(err, "trial: framework is missing");
    if (framework_of(trial))
        return 0;
    for (size_t i = 0; (framework = framework_at(i)); i++)
        buf_addf(&known, "%s\"%s\"", i > 0 ? ", " : "", framework->name);
    return wrong(err, "trial: framework must be one of %s", known.data);
}

static int check_tests(json_object *value, struct error *err)
{
    static const char what[] =
        "trial: tests must be an object that names, for each file or folder of tests in the "
        "repository, where the verifier's image has it: {\"tests\": \"/verifier/tests\"}";

    if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) == 0)
        return wrong(err, "%s", what);
    json_object_object_foreach (value, path, origin) {
        if (!path_is_below(path) || path[0] == '-' || !is_absolute(origin))
            return wrong(err, "%s", what);
    }
    return 0;
}

static int check_path(json_object *value, struct error *err)
{
    return check_list(value, is_below,
                      "path must be a list of folders in the repository, as [\"src\"]", err);
}

static int check_private(json_object *value, struct error *err)
{
    return check_list(value, is_absolute,
                      "private must be a list of absolute paths in the verifier's image", err);
}

static int check_python(json_object *value, struct error *err)
{
    return text_of(value) ? 0 : wrong(err, "trial: python must be a program's name or path");
}

static bool is_option(json_object *value)
{
    const char *text = text_of(value);

    return text && text[0] == '-' && text[1];
}

static int check_cmake(json_object *value, struct error *err)
{
    return check_list(value, is_option,
                      "cmake must be a list of options, as [\"-DENABLE_TESTS=On\"]", err);
}

static int check_cargo(json_object *value, struct error *err)
{
    return check_list(value, is_option, "cargo must be a list of options, as [\"--all-features\"]",
                      err);
}

static int check_source(json_object *value, struct error *err)
{
    return is_below(value) ? 0
                           : wrong(err, "trial: source must be the folder in the repository that "
                                        "has the project's CMakeLists.txt, Cargo.toml or go.mod, "
                                        "as \"src\"");
}

static int check_timeout(json_object *value, struct error *err)
{
    int64_t seconds = json_object_get_int64(value);

    return json_object_is_type(value, json_type_int) && seconds >= 1 && seconds <= TIMEOUT_MOST
               ? 0
               : wrong(err, "trial: timeout must be a whole number of seconds, 1 to %d",
                       TIMEOUT_MOST);
}

static int check_node(json_object *value, struct error *err)
{
    return text_of(value) ? 0 : wrong(err, "trial: node must be a program's name or path");
}

static int check_plugins(json_object *value, struct error *err)
{
    return json_object_is_type(value, json_type_boolean)
               ? 0
               : wrong(err, "trial: plugins must be true or false");
}

static int check_compiled(json_object *value, struct error *err)
{
    return json_object_is_type(value, json_type_boolean)
               ? 0
               : wrong(err, "trial: compiled must be true or false");
}

static int check_manifests(json_object *value, struct error *err)
{
    return json_object_is_type(value, json_type_boolean)
               ? 0
               : wrong(err, "trial: manifests must be true or false");
}

#define PYTEST FRAMEWORK_PYTEST
#define CTEST FRAMEWORK_CTEST
#define NODE FRAMEWORK_NODE
#define GO FRAMEWORK_GO
#define CARGO FRAMEWORK_CARGO
#define ALL (PYTEST | CTEST | NODE | GO | CARGO)

static const struct member {
    const char *name;
    unsigned families; /* of frameworks that have it */
    int (*check)(json_object *value, struct error *err);
} members[] = {
    {"timeout", ALL, check_timeout},
    {"cmake", CTEST, check_cmake},
    {"source", CTEST | GO | CARGO, check_source},
    {"tests", ALL, check_tests},
    {"private", ALL, check_private},
    {"path", PYTEST, check_path},
    {"python", PYTEST, check_python},
    {"plugins", PYTEST, check_plugins},
    {"compiled", PYTEST, check_compiled},
    {"node", NODE, check_node},
    {"cargo", CARGO, check_cargo},
    {"manifests", CARGO, check_manifests},
};

static const struct member *member_of(const struct framework *framework, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if ((members[i].families & framework->family) && strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

int sample_trial_read(json_object *line, char **ret_trial, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *trial = NULL;

    if (!json_object_object_get_ex(line, "trial", &trial) || !trial)
        return 0;
    if (!json_object_is_type(trial, json_type_object))
        return wrong(err, "trial: must be an object");
    if (check_framework(trial, err) < 0)
        return -1;
    if (!json_object_object_get_ex(trial, "tests", NULL))
        return wrong(err, "trial: tests is missing");
    json_object_object_foreach (trial, name, value) {
        const struct member *member = member_of(framework_of(trial), name);

        if (strcmp(name, "framework") == 0)
            continue;
        if (!member)
            return wrong(err, "trial: unknown member '%.60s' of a trial with framework \"%s\"",
                         name, json_get_text(trial, "framework"));
        if (member->check(value, err) < 0)
            return -1;
    }
    json_write(&text, trial);
    if (text.length > SAMPLE_TRIAL_MOST)
        return wrong(err, "trial: longer than %d bytes", SAMPLE_TRIAL_MOST);
    *ret_trial = buf_take(&text);
    return 0;
}
