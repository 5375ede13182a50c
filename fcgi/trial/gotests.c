#include "trial/gotests.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "trial/copy.h"
#include "trial/writing.h"

#include "base/banned.h"

/* --- files ----------------------------------------------------------------------------------- */

static void file_release(struct gotests_file *file)
{
    gotext_release(&file->go);
    gotext_release(&file->old);
    free(file->path);
    free(file->text);
    free(file->former);
}

static void add_file(struct gotests *tests, const struct trial_gomodule *module,
                     const struct trial_package *package, const char *name)
{
    struct gotests_file file = {.package = package};

    file.path = strcmp(package->folder, ".") == 0 ? xstrdup(name)
                                                  : xasprintf("%s/%s", package->folder, name);
    file.text = trial_copy_read(module->copy, file.path);
    file.former = trial_copy_read(module->repository, file.path);
    if (!file.text) {
        free(file.path);
        free(file.former);
        return;
    }
    file.is_given = gotests_is_given(module, file.path);
    gotext_read(&file.go, file.text);
    if (file.former)
        gotext_read(&file.old, file.former);
    tests->files = xrealloc(tests->files, (tests->file_count + 1) * sizeof(*tests->files));
    tests->files[tests->file_count++] = file;
}

bool gotests_is_given(const struct trial_gomodule *module, const char *path)
{
    json_object_object_foreach (json_object_object_get(module->trial, "tests"), own, origin) {
        size_t length = strlen(own);

        (void)origin;
        if (strncmp(path, own, length) == 0 && (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

/* --- what can't be compiled together --------------------------------------------------------- */

struct moving {
    const struct gotests *tests;
    const struct gotests_file *file;
    const char *package;
    bool is_moved;
};

static void look_whether_given(void *arg, const char *name, size_t length)
{
    struct moving *moving = arg;
    bool is_any = length == strlen("init") && strncmp(name, "init", length) == 0;

    if (moving->is_moved || is_any || !gotext_declares(&moving->file->go, name, length))
        return;
    for (size_t i = 0; i < moving->tests->file_count; i++) {
        const struct gotests_file *given = &moving->tests->files[i];
        _cleanup_(free_ptr) char *package = NULL;

        if (!given->is_given || given->package != moving->file->package)
            continue;
        package = gotext_package(&given->go);
        if (strcmp(package, moving->package) == 0 && gotext_declares(&given->go, name, length))
            moving->is_moved = true;
    }
}

/* The fix moved a test from one file to another: where the image's file declares what one of the
 * trial's does, both can't be compiled. */
static void drop_moved(struct gotests *tests)
{
    size_t kept = 0;

    for (size_t i = 0; i < tests->file_count; i++) {
        struct gotests_file *file = &tests->files[i];
        _cleanup_(free_ptr) char *package = gotext_package(&file->go);
        struct moving moving = {tests, file, package, false};

        if (!file->is_given)
            gotext_each_name(&file->go, look_whether_given, &moving);
        file->is_dropped = moving.is_moved;
    }
    for (size_t i = 0; i < tests->file_count; i++)
        if (tests->files[i].is_dropped)
            file_release(&tests->files[i]);
        else
            tests->files[kept++] = tests->files[i];
    tests->file_count = kept;
}

/* --- names ----------------------------------------------------------------------------------- */

/* Is it the whole text, or its end from behind a slash on? */
static bool is_end_of(const char *text, const char *end, size_t length)
{
    size_t whole = strlen(text);

    return whole >= length && strncmp(text + whole - length, end, length) == 0 &&
           (whole == length || text[whole - length - 1] == '/');
}

static bool is_place(const struct trial_package *package, const char *path, const char *place,
                     size_t length)
{
    while (length > 0 && strchr("/.:# >", place[length - 1]))
        length--;
    if (length > 1 && place[0] == '.' && place[1] == '/') {
        place += 2;
        length -= 2;
    }
    return length == 0 || is_end_of(package->path, place, length) ||
           is_end_of(package->folder, place, length) || is_end_of(path, place, length);
}

bool gotests_is_meant(const char *listed, const struct trial_package *package, const char *path,
                      const char *name, const char **ret_part)
{
    size_t length = strlen(name);

    for (const char *at = listed; (at = strstr(at, name)); at++) {
        if ((at > listed && !strchr("/.:# >", at[-1])) || (at[length] && at[length] != '/') ||
            !is_place(package, path, listed, (size_t)(at - listed)))
            continue;
        *ret_part = at[length] && at[length + 1] ? at + length + 1 : NULL;
        return true;
    }
    return false;
}

/* `TestX`, and not `Testify`. */
static bool is_test(const struct gotext *go, const struct gotext_function *function)
{
    static const char *const begins[] = {"Test", "Example", "Fuzz"};
    const char *name = go->code + function->name;

    for (size_t i = 0; !function->is_method && i < ARRAY_SIZE(begins); i++) {
        size_t length = strlen(begins[i]);

        if (strncmp(name, begins[i], length) == 0 && !islower((unsigned char)name[length]))
            return !gotext_has_word(go, function->name, "TestMain");
    }
    return false;
}

/* --- units ----------------------------------------------------------------------------------- */

/* A function that is a test. */
struct test {
    size_t file;
    char *name;
};

/* What a list names. */
struct listed {
    const struct test *test;
    const char *part;
    bool is_mended;
};

struct listing {
    struct gotests *tests;
    struct test *all;
    size_t all_count, all_room;
    struct listed *items;
    size_t count, room;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->all_count; i++)
        free(listing->all[i].name);
    free(listing->all);
    free(listing->items);
}

static void find_tests(struct listing *listing)
{
    for (size_t i = 0; i < listing->tests->file_count; i++) {
        const struct gotests_file *file = &listing->tests->files[i];
        struct gotext_function function;

        for (size_t at = 0; gotext_next_function(&file->go, &at, &function);) {
            if (!is_test(&file->go, &function))
                continue;
            if (listing->all_count == listing->all_room) {
                listing->all_room += listing->all_room / 2 + 64;
                listing->all = xrealloc(listing->all, listing->all_room * sizeof(*listing->all));
            }
            listing->all[listing->all_count++] =
                (struct test){i, xstrndup(file->text + function.name, function.name_length)};
        }
    }
}

static void add_listed(struct listing *listing, struct listed item)
{
    if (listing->count == listing->room) {
        listing->room += listing->room / 2 + 64;
        listing->items = xrealloc(listing->items, listing->room * sizeof(*listing->items));
    }
    listing->items[listing->count++] = item;
}

/* In all packages: a bare name may be in several. */
static bool find_listed(struct listing *listing, const char *id, bool is_mended)
{
    bool found = false;

    for (size_t i = 0; i < listing->all_count; i++) {
        const struct test *test = &listing->all[i];
        const struct gotests_file *file = &listing->tests->files[test->file];
        const char *part;

        if (!gotests_is_meant(id, file->package, file->path, test->name, &part))
            continue;
        add_listed(listing, (struct listed){test, part, is_mended});
        listing->tests->files[test->file].is_used = true;
        found = true;
    }
    return found;
}

/* A package may have two of one name, as its test files may be two packages: `a` and `a_test`. Both
 * are run by one process, as no pattern tells them apart. */
static struct gotests_unit *find_unit(struct gotests *tests, const struct listed *listed,
                                      const char *part)
{
    const struct trial_package *package = tests->files[listed->test->file].package;

    for (size_t i = 0; i < tests->unit_count; i++) {
        struct gotests_unit *unit = &tests->units[i];

        if (tests->files[unit->file].package == package &&
            strcmp(unit->name, listed->test->name) == 0 &&
            (part ? unit->part && strcmp(unit->part, part) == 0 : !unit->part))
            return unit;
    }
    return NULL;
}

static struct gotests_unit *add_unit(struct gotests *tests, const struct listed *listed)
{
    struct gotests_unit *unit = find_unit(tests, listed, listed->part);

    if (unit)
        return unit;
    tests->units = xrealloc(tests->units, (tests->unit_count + 1) * sizeof(*tests->units));
    unit = &tests->units[tests->unit_count++];
    *unit = (struct gotests_unit){
        .file = listed->test->file,
        .name = xstrdup(listed->test->name),
        .part = xstrdup(listed->part),
        .parts = json_object_new_array(),
    };
    unit->id = xasprintf("%s::%s%s%s", tests->files[unit->file].package->path, unit->name,
                         unit->part ? "/" : "", unit->part ? unit->part : "");
    return unit;
}

static void add_part(struct gotests_unit *unit, const char *part)
{
    for (size_t i = 0; i < trial_list_count(unit->parts); i++)
        if (strcmp(trial_list_at(unit->parts, i), part) == 0)
            return;
    trial_list_add(unit->parts, part);
}

/* Parts of what is run as a whole are not run again. */
static void make_units(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        if (!listing->items[i].part)
            add_unit(listing->tests, &listing->items[i])->is_mended |= listing->items[i].is_mended;
    for (size_t i = 0; i < listing->count; i++) {
        const struct listed *item = &listing->items[i];
        struct gotests_unit *whole = find_unit(listing->tests, item, NULL);

        if (!item->part)
            continue;
        if (whole)
            add_part(whole, item->part);
        else
            whole = add_unit(listing->tests, item);
        whole->is_mended |= item->is_mended;
    }
}

static void read_lists(struct gotests *tests, json_object *trial, json_object *unfound)
{
    static const char *const lists[] = {"fail_to_pass", "held_out", "pass_to_pass"};
    _cleanup_(listing_release) struct listing listing = {.tests = tests};

    find_tests(&listing);
    for (size_t n = 0; n < ARRAY_SIZE(lists); n++) {
        json_object *list = json_object_object_get(trial, lists[n]);

        for (size_t i = 0; i < trial_list_count(list); i++)
            if (!find_listed(&listing, trial_list_at(list, i), n < 2))
                trial_list_add(unfound, trial_list_at(list, i));
    }
    make_units(&listing);
}

/* --- which files ----------------------------------------------------------------------------- */

/* What the choice looks at, for each file. */
struct choosing {
    const struct gotests *tests;
    struct gowords *words; /* of its code */
    struct gowords *names; /* that it declares */
};

static void add_name(void *arg, const char *name, size_t length)
{
    gowords_add(arg, name, length);
}

static void choosing_init(struct choosing *choosing, const struct gotests *tests)
{
    choosing->tests = tests;
    choosing->words = xcalloc(tests->file_count + 1, sizeof(*choosing->words));
    choosing->names = xcalloc(tests->file_count + 1, sizeof(*choosing->names));
    for (size_t i = 0; i < tests->file_count; i++) {
        gowords_add_all(&choosing->words[i], &tests->files[i].go);
        gotext_each_name(&tests->files[i].go, add_name, &choosing->names[i]);
        gowords_sort(&choosing->words[i]);
        gowords_sort(&choosing->names[i]);
    }
}

static void choosing_release(struct choosing *choosing)
{
    for (size_t i = 0; i < choosing->tests->file_count; i++) {
        gowords_release(&choosing->words[i]);
        gowords_release(&choosing->names[i]);
    }
    free(choosing->words);
    free(choosing->names);
}

static bool is_name_needed(const struct choosing *choosing, const struct trial_package *package,
                           const char *name, size_t length)
{
    const struct gotests *tests = choosing->tests;

    for (size_t i = 0; i < tests->file_count; i++)
        if (tests->files[i].is_used && tests->files[i].package == package &&
            gowords_has(&choosing->words[i], name, length))
            return true;
    return false;
}

static bool do_tests_declare(const struct choosing *choosing, const struct trial_package *package,
                             const char *name, size_t length)
{
    for (size_t i = 0; i < choosing->tests->file_count; i++)
        if (choosing->tests->files[i].package == package &&
            gowords_has(&choosing->names[i], name, length))
            return true;
    return false;
}

/* A method is needed with its type. If that is none of the tests', its name does not tell, as what
 * is made of it needs no name: then that of the method counts. */
static bool has_needed_method(const struct choosing *choosing, const struct gotests_file *file)
{
    const struct gotext *go = &file->go;
    struct gotext_function method;

    for (size_t at = 0; gotext_next_function(go, &at, &method);) {
        bool is_theirs = method.is_method &&
                         do_tests_declare(choosing, file->package, go->text + method.receiver,
                                          method.receiver_length);

        if (method.is_method &&
            is_name_needed(choosing, file->package,
                           go->text + (is_theirs ? method.receiver : method.name),
                           is_theirs ? method.receiver_length : method.name_length))
            return true;
    }
    return false;
}

static bool is_needed(const struct choosing *choosing, size_t number)
{
    const struct gotests_file *file = &choosing->tests->files[number];
    const struct gowords *names = &choosing->names[number];

    if (gotext_acts(&file->go) || gowords_has(names, "init", strlen("init")) ||
        gowords_has(names, "TestMain", strlen("TestMain")))
        return true;
    for (size_t i = 0; i < names->count; i++)
        if (is_name_needed(choosing, file->package, names->items[i].text, names->items[i].length))
            return true;
    return has_needed_method(choosing, file);
}

static bool has_units(const struct gotests *tests, const struct trial_package *package)
{
    for (size_t i = 0; i < tests->unit_count; i++)
        if (tests->files[tests->units[i].file].package == package)
            return true;
    return false;
}

/* Beside those with listed tests: the trial's, and what they all need. Others may not fit a
 * solution that changed what they test. */
static void choose_files(struct gotests *tests)
{
    struct choosing choosing;
    bool found = true;

    choosing_init(&choosing, tests);

    for (size_t i = 0; i < tests->file_count; i++)
        if (tests->files[i].is_given && has_units(tests, tests->files[i].package))
            tests->files[i].is_used = true;
    while (found) {
        found = false;
        for (size_t i = 0; i < tests->file_count; i++) {
            if (tests->files[i].is_used || !has_units(tests, tests->files[i].package))
                continue;
            tests->files[i].is_used = is_needed(&choosing, i);
            found = found || tests->files[i].is_used;
        }
    }
    choosing_release(&choosing);
}

/* `import _ "a"` of a file that is not used has an effect all the same, as a driver that others
 * need: nothing else of it stays. */
static void leave_imports(struct gotests_file *file)
{
    const struct gotext *go = &file->go;
    _cleanup_(free_ptr) char *package = gotext_package(go);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t bare;

    buf_addf(&text, "package %s\n", package);
    bare = text.length;
    for (size_t at = 0; at < go->length; at++) {
        size_t path = gotext_skip_blanks(go, at + 1), length;

        if (!gotext_has_word(go, at, "_") || path >= go->length || !strchr("\"`", go->code[path]))
            continue;
        length = strcspn(go->code + path + 1, "\"`\n") + 2;
        if (path + length <= go->length)
            buf_addf(&text, "import _ %.*s\n", (int)length, go->text + path);
    }
    if (text.length == bare)
        return;
    gotext_release(&file->go);
    free(file->text);
    file->text = buf_take(&text);
    gotext_read(&file->go, file->text);
    file->is_used = true;
}

/* --- all ------------------------------------------------------------------------------------- */

void gotests_read(struct gotests *tests, const struct trial_gomodule *module, json_object *unfound)
{
    *tests = (struct gotests){0};
    for (size_t i = 0; i < module->package_count; i++)
        for (size_t n = 0; n < trial_list_count(module->packages[i].files); n++)
            add_file(tests, module, &module->packages[i],
                     trial_list_at(module->packages[i].files, n));
    drop_moved(tests);
    read_lists(tests, module->trial, unfound);
    choose_files(tests);
    for (size_t i = 0; i < tests->file_count; i++)
        if (!tests->files[i].is_used && has_units(tests, tests->files[i].package))
            leave_imports(&tests->files[i]);
}

const struct goscope *gotests_scope(struct gotests *tests, const struct trial_package *package)
{
    struct gotests_scope *made;
    size_t count = 0;

    for (size_t i = 0; i < tests->scope_count; i++)
        if (tests->scopes[i]->package == package)
            return &tests->scopes[i]->scope;
    made = xcalloc(1, sizeof(*made));
    made->package = package;
    made->files = xcalloc(tests->file_count + 1, sizeof(*made->files));
    for (size_t i = 0; i < tests->file_count; i++)
        if (tests->files[i].package == package)
            made->files[count++] = tests->files[i].go;
    goscope_read(&made->scope, made->files, count);
    tests->scopes =
        xrealloc(tests->scopes, (tests->scope_count + 1) * sizeof(struct gotests_scope *));
    tests->scopes[tests->scope_count++] = made;
    return &made->scope;
}

void gotests_release(struct gotests *tests)
{
    for (size_t i = 0; i < tests->scope_count; i++) {
        goscope_release(&tests->scopes[i]->scope);
        free(tests->scopes[i]->files);
        free(tests->scopes[i]);
    }
    free(tests->scopes);
    for (size_t i = 0; i < tests->file_count; i++)
        file_release(&tests->files[i]);
    for (size_t i = 0; i < tests->unit_count; i++) {
        free(tests->units[i].name);
        free(tests->units[i].part);
        free(tests->units[i].id);
        json_object_put(tests->units[i].parts);
    }
    free(tests->files);
    free(tests->units);
    *tests = (struct gotests){0};
}
