#include "grade/log_names.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

#define NAME_MOST 60

const char *log_parser_name(const char *name)
{
    static const struct {
        const char *name, *aliases; /* with a blank before and behind each */
    } rows[] = {
        {"pytest",
         " pytest_v2 pytest_options astroid flask marshmallow pvlib pyvista sqlfluff xarray "
         "pydicom requests pylint astropy scikit sphinx seaborn matplotlib pytest_pydantic "},
        {"unittest", " django "},
        {"sympy", ""},
        {"go", " gotest go_test go-test golang "},
        {"go-json", " go_json gotest_json gotestjson "},
        {"cargo", " cargo_test rust "},
        {"jest", " emotion grommet carbon react_pdf "},
        {"vitest", ""},
        {"mocha", " highlightjs mochajs "},
        {"tap", " node node_test tape "},
        {"ctest", " cmake "},
        {"gradle", " gradle_custom "},
        {"maven", " mvn "},
        {"phpunit", " php "},
        {"rspec", " rspec_transformed_json "},
        {"dotnet", " csharp vstest "},
        {"gtest", " googletest "},
        {"minitest", " ruby_minitest "},
        {"named-json", ""},
        {"automake", " jq "},
        {"ant", ""},
        {"redis", ""},
        {"micropython", " micropython_test "},
        {"karma", ""},
        {"cucumber", ""},
        {"test-unit", " ruby_unit test_unit "},
        {"jest-json", " jest_json "},
        {"doctest", ""},
    };
    char word[NAME_MOST + 3];

    if (strncmp(name, "parse_log_", 10) == 0)
        name += 10;
    if (!name[0] || strlen(name) > NAME_MOST || strchr(name, ' '))
        return NULL;
    snprintf(word, sizeof(word), " %s ", name);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0 || strstr(rows[i].aliases, word))
            return rows[i].name;
    return NULL;
}
