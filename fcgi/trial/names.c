#include "trial/names.h"

#include <string.h>

#include "base/banned.h"

static int compare_begin(const char *test, size_t length, const char *whole)
{
    int order = strncmp(test, whole, length);

    return order ? order : whole[length] ? -1 : 0;
}

int trial_names_compare(enum trial_names names, const char *test, const char *function)
{
    return names == TRIAL_NAMES_PYTEST ? compare_begin(test, strcspn(test, "["), function)
                                       : strcmp(test, function);
}

static size_t file_length(enum trial_names names, const char *test)
{
    const char *end = names == TRIAL_NAMES_PYTEST   ? strchr(test, ':')
                      : names == TRIAL_NAMES_TITLED ? strstr(test, "::")
                                                    : NULL;

    return end ? (size_t)(end - test) : strlen(test);
}

int trial_names_compare_file(enum trial_names names, const char *test, const char *file)
{
    return compare_begin(test, file_length(names, test), file);
}

/* pytest's own way (mangle_test_address): tests/test_a.py::C::f[x] is tests.test_a.C, f[x]. */
static void split_as_pytest(const char *test, struct buf *class_name, const char **ret_name)
{
    size_t bare = strcspn(test, "["), file = strcspn(test, ":"), name = 0;

    for (size_t i = 0; i + 1 < bare; i++)
        if (test[i] == ':' && test[i + 1] == ':')
            name = i + 2;
    if (file > bare)
        file = bare;
    for (size_t i = 0; i + 2 < name; i++) {
        if (i < file && test[i] == '/')
            buf_add_char(class_name, '.');
        else if (i < file && i + 3 == file && strncmp(test + i, ".py", 3) == 0)
            i += 2;
        else if (test[i] == ':' && test[i + 1] == ':')
            buf_add_char(class_name, '.'), i++;
        else
            buf_add_char(class_name, test[i]);
    }
    *ret_name = test + name;
}

void trial_names_split(enum trial_names names, const char *test, struct buf *class_name,
                       const char **ret_name)
{
    size_t file = file_length(names, test);

    if (names == TRIAL_NAMES_PYTEST) {
        split_as_pytest(test, class_name, ret_name);
        return;
    }
    buf_add(class_name, test, file);
    *ret_name = test[file] ? test + file + 2 : test;
}
