#include "dataset/test_names.h"

#include <stdbool.h>
#include <string.h>

#include "base/banned.h"

/* "file.py::test[a" of "file.py::test[a b]": lists that were made of a log were cut at its first
 * blank. */
static bool is_cut(const char *name)
{
    const char *test = strstr(name, "::"), *open = test ? strchr(test, '[') : NULL;

    return open && name[strlen(name) - 1] != ']';
}

/* "test_x (module.Class)", as unittest writes it, maybe with more behind it. */
static bool is_unittest(const char *name)
{
    const char *blank = strchr(name, ' ');

    return blank && blank > name && blank[1] == '(' && strchr(blank, ')') &&
           !memchr(name, '.', (size_t)(blank - name));
}

bool test_names_known(const char *language)
{
    return strcmp(language, "python") == 0;
}

const char *test_name_fault(const char *language, const char *name)
{
    if (!test_names_known(language))
        return NULL;
    if (strchr(name, ' ') && !is_cut(name) && !strstr(name, "::") && !is_unittest(name))
        return "is a sentence and no test's name";
    if (name[0] == '[') /* "[100%]" behind a word that only looked like an outcome */
        return "is a piece of a log and no test's name";
    return NULL;
}

const char *test_name_remark(const char *language, const char *name)
{
    return test_names_known(language) && is_cut(name)
               ? "is cut off in its parameters; of the tests whose names begin so the worst counts"
               : NULL;
}
