/*
 * gotests.h - the tests of a Go module, and which of them the lists of a sample name.
 */
#ifndef CODESET_TRIAL_GOTESTS_H
#define CODESET_TRIAL_GOTESTS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "trial/goblock.h"
#include "trial/golist.h"
#include "trial/gotext.h"

/* A test file of a package. */
struct gotests_file {
    const struct trial_package *package;
    char *path;            /* from the repository's folder */
    char *text, *former;   /* as it is to be, and as the image has it; NULL: it has not */
    struct gotext go, old; /* of these */
    bool is_used;          /* it is compiled in the runs */
    bool is_given;         /* it is one of the trial's */
    bool is_dropped;
};

/* A test that a list names: the whole of one, or a part of it. It is run as one process, from whose
 * word come the outcomes of the parts, too. */
struct gotests_unit {
    size_t file;
    char *name;         /* of the function */
    char *part;         /* NULL: all of it is run */
    char *id;           /* "example.org/calc::TestAdds/nothing" */
    json_object *parts; /* listed ones of what is run: "nothing" */
    bool is_mended;     /* it is in fail_to_pass or held_out */
};

/* What is read of all test files of a package, when it is asked for. */
struct gotests_scope {
    const struct trial_package *package;
    struct gotext *files; /* borrowed from those of the package */
    struct goscope scope;
};

struct gotests {
    struct gotests_file *files; /* one package's behind one another */
    size_t file_count;
    struct gotests_unit *units;
    size_t unit_count;
    struct gotests_scope **scopes;
    size_t scope_count;
};

/* Reads all test files, and what the lists name. unfound: gets what they name that is no test. */
void gotests_read(struct gotests *tests, const struct trial_gomodule *module, json_object *unfound);
void gotests_release(struct gotests *tests);

/* It stays as long as the tests do. */
const struct goscope *gotests_scope(struct gotests *tests, const struct trial_package *package);

/* Is the path (from the repository's folder) one of the trial's, or below a folder of these? */
bool gotests_is_given(const struct trial_gomodule *module, const char *path);

/* Does the listed name mean the function of that package (in that file)? *ret_part: behind its
 * slash; NULL: all of it. */
bool gotests_is_meant(const char *listed, const struct trial_package *package, const char *path,
                      const char *name, const char **ret_part);

#endif
