#include "wire/framework.h"

#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

static const struct framework frameworks[] = {
    {"pytest", FRAMEWORK_PYTEST, false}, {"ctest", FRAMEWORK_CTEST, false},
    {"cargo", FRAMEWORK_CARGO, true},    {"go", FRAMEWORK_GO, true},
    {"jest", FRAMEWORK_NODE, true},      {"mocha", FRAMEWORK_NODE, true},
    {"node", FRAMEWORK_NODE, true},      {"tape", FRAMEWORK_NODE, true},
};

const struct framework *framework_at(size_t number)
{
    return number < ARRAY_SIZE(frameworks) ? &frameworks[number] : NULL;
}

const struct framework *framework_find(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(frameworks); i++)
        if (strcmp(frameworks[i].name, name) == 0)
            return &frameworks[i];
    return NULL;
}
