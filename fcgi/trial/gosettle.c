#include "trial/gosettle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "trial/lay.h"
#include "trial/writing.h"

#include "base/banned.h"

#define TESTS_END "_test.go"
#define MODULE_MOST ((size_t)1 << 20) /* bytes of a go.mod */

/* --- what a go.mod tells --------------------------------------------------------------------- */

#define LANGUAGE_UNTOLD 16    /* of a go.mod without `go` */
#define DIRECTIVES_MOST 10000 /* beside what is required */

/* Directives, each as a text of its own: "replace a => b". */
struct directives {
    char **items;
    size_t count;
    long language;    /* the lowest that it tells: 19 for `go 1.19` */
    bool is_doubtful; /* it has what is not read here: strings, in which nothing is a comment; or
                         it is none that anybody needs; the rest of it is not read */
};

static void directives_release(struct directives *directives)
{
    for (size_t i = 0; i < directives->count; i++)
        free(directives->items[i]);
    free(directives->items);
}

/* Words with one blank between them, without a comment. */
static char *plain(const char *line, size_t length)
{
    struct buf text = BUF_INIT;

    for (size_t at = 0; at < length; at++) {
        bool is_blank = strchr(" \t\r", line[at]);

        if (line[at] == '/' && at + 1 < length && line[at + 1] == '/')
            break;
        if (!is_blank)
            buf_add_char(&text, line[at]);
        else if (text.length > 0 && text.data[text.length - 1] != ' ')
            buf_add_char(&text, ' ');
    }
    if (text.length > 0 && text.data[text.length - 1] == ' ')
        buf_truncate(&text, text.length - 1);
    return buf_take(&text);
}

/* What only says which versions are needed. */
static bool is_requirement(const char *directive)
{
    static const char *const verbs[] = {"require ", "go ", "toolchain "};

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strncmp(directive, verbs[i], strlen(verbs[i])) == 0)
            return true;
    return false;
}

/* All that may stand before a block. The text is put before each of the block's lines, and so must
 * not be as long as a session likes. */
static bool is_verb(const char *text)
{
    static const char *const verbs[] = {"exclude", "godebug", "ignore", "module",    "replace",
                                        "require", "retract", "tool",   "toolchain", "go"};

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(text, verbs[i]) == 0)
            return true;
    return false;
}

/* "go 1.21.3": 21; what can't be read is the lowest. */
static long language_of(const char *directive)
{
    static const char begin[] = "go 1.";

    return strncmp(directive, begin, strlen(begin)) == 0
               ? strtol(directive + strlen(begin), NULL, 10)
               : 0;
}

static void add_directive(struct directives *directives, const char *verb, const char *line)
{
    char *whole = xasprintf("%s%s%s", verb, verb[0] ? " " : "", line);

    if (strncmp(whole, "go ", strlen("go ")) == 0 &&
        (directives->language < 0 || language_of(whole) < directives->language))
        directives->language = language_of(whole);
    if (is_requirement(whole)) {
        free(whole);
        return;
    }
    directives->items =
        xrealloc(directives->items, (directives->count + 1) * sizeof(*directives->items));
    directives->items[directives->count++] = whole;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In a block each line is a directive with the verb before it. verb: the block's; "": of none. */
static void read_line(struct directives *directives, char **verb, char *line)
{
    size_t end = strlen(line);

    directives->is_doubtful =
        strpbrk(line, "\"`") || strstr(line, "/*") || directives->count == DIRECTIVES_MOST;
    if (directives->is_doubtful || end == 0)
        return;
    if (line[0] == ')') {
        (*verb)[0] = '\0';
    } else if (line[end - 1] == '(') {
        free(*verb);
        *verb = plain(line, end - 1);
        directives->is_doubtful = !is_verb(*verb);
    } else {
        add_directive(directives, *verb, line);
    }
}

/* Sorted. */
static struct directives read_directives(const char *text)
{
    struct directives directives = {.language = -1};
    _cleanup_(free_ptr) char *verb = xstrdup("");

    while (*text && !directives.is_doubtful) {
        size_t length = strcspn(text, "\n");
        _cleanup_(free_ptr) char *line = plain(text, length);

        read_line(&directives, &verb, line);
        text += length + (text[length] == '\n');
    }
    if (directives.language < 0)
        directives.language = LANGUAGE_UNTOLD;
    if (directives.count > 0)
        qsort(directives.items, directives.count, sizeof(*directives.items), by_text);
    return directives;
}

bool trial_gosettle_is_harmless(const char *text, const char *former)
{
    _cleanup_(directives_release) struct directives one = read_directives(text);
    _cleanup_(directives_release) struct directives other = read_directives(former);

    if (one.is_doubtful || other.is_doubtful || one.count != other.count ||
        one.language < other.language)
        return false;
    for (size_t i = 0; i < one.count; i++)
        if (strcmp(one.items[i], other.items[i]) != 0)
            return false;
    return true;
}

/* --- what is to be put right ----------------------------------------------------------------- */

static char *path_in(const char *folder, const char *name)
{
    return strcmp(folder, ".") == 0 ? xstrdup(name) : xasprintf("%s/%s", folder, name);
}

json_object *trial_gosettle_new(const char *repository, json_object *packages, json_object *emptied,
                                json_object *modules, struct error *err)
{
    static const char *const names[] = {"go.mod", "go.sum"};
    _cleanup_(close_fd) int root_fd = open(repository, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(close_fd) int plan_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    json_object *settled;

    if (root_fd < 0 || plan_fd < 0) {
        error_errno(err, errno, "cannot open %.200s", repository);
        return NULL;
    }
    for (size_t i = 0; i < trial_list_count(modules); i++)
        for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
            _cleanup_(free_ptr) char *from = path_in(trial_list_at(modules, i), names[n]);
            _cleanup_(free_ptr) char *to = xasprintf(TRIAL_GOSETTLE_FILES "/%zu/%s", i, names[n]);

            if (faccessat(root_fd, from, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
                trial_lay(root_fd, from, plan_fd, to, 0, TRIAL_LAY_TIMES, err) < 0)
                return NULL;
        }
    settled = json_object_new_object();
    json_object_object_add(settled, "packages", json_object_get(packages));
    json_object_object_add(settled, "emptied", json_object_get(emptied));
    json_object_object_add(settled, "modules", json_object_get(modules));
    return settled;
}

/* --- packages -------------------------------------------------------------------------------- */

DEFINE_CLEANUP(DIR *, close_dir, closedir)

static bool is_test_file(const char *name)
{
    size_t length = strlen(name), end = strlen(TESTS_END);

    return length >= end && strcmp(name + length - end, TESTS_END) == 0;
}

/* Of a folder that is there, and no link on the way to it. */
static int open_folder(int root_fd, const char *folder)
{
    struct walk_cursor cursor;
    _cleanup_(free_ptr) char *path = path_in(folder, "x");
    const char *name;
    int fd = -1, dir_fd;

    walk_cursor_init(&cursor, root_fd);
    dir_fd = walk_cursor_parent(&cursor, path, false, &name);
    if (dir_fd >= 0)
        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    walk_cursor_release(&cursor);
    return fd;
}

static bool is_file(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Those files (and links) of the folder whose names are meant. */
static int remove_files(int root_fd, const char *folder, bool (*is_meant)(const char *name),
                        struct error *err)
{
    _cleanup_(close_dir) DIR *dir = NULL;
    _cleanup_(free_ptr) char *inside = path_in(folder, "x");
    const struct dirent *entry;
    int fd;

    if (trial_lay_clear(root_fd, inside, err) < 0)
        return -1;
    fd = open_folder(root_fd, folder);
    if (fd >= 0 && !(dir = fdopendir(fd))) {
        error_errno(err, errno, "cannot read %.200s", folder);
        close(fd);
        return -1;
    }
    while (dir && (entry = readdir(dir)))
        if (is_meant(entry->d_name) && unlinkat(fd, entry->d_name, 0) < 0 && errno != EISDIR &&
            errno != EPERM)
            return error_errno(err, errno, "cannot remove %.200s/%.200s", folder, entry->d_name);
    return 0;
}

static bool is_listed(json_object *folders, const char *folder)
{
    for (size_t i = 0; i < trial_list_count(folders); i++)
        if (strcmp(trial_list_at(folders, i), folder) == 0)
            return true;
    return false;
}

/* A go.mod where the image has none, in the package's folder or in one above it, would take the
 * package out of its module. Those above the module itself are not its business. */
static int remove_modules(int root_fd, const char *folder, json_object *modules, struct error *err)
{
    _cleanup_(free_ptr) char *above = xstrdup(folder);
    bool is_root = false;

    while (!is_root) {
        _cleanup_(close_fd) int fd = open_folder(root_fd, above);
        char *slash = strrchr(above, '/');

        if (is_listed(modules, above))
            return 0;
        is_root = strcmp(above, ".") == 0;
        if (fd >= 0 && remove_tree_at(fd, "go.mod", err) < 0)
            return -1;
        if (slash)
            *slash = '\0';
        else
            above[0] = '.', above[1] = '\0';
    }
    return 0;
}

/* --- modules --------------------------------------------------------------------------------- */

/* A NUL would end what is read here, and not what the go command reads. */
static int read_module(int dir_fd, const char *path, struct buf *text)
{
    struct error ignored = ERROR_INIT;
    struct stat st;

    return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
                   file_read(dir_fd, path, MODULE_MOST, text, &ignored) < 0 ||
                   memchr(text->data, 0, text->length)
               ? -1
               : 0;
}

static int settle_module(int plan_fd, int root_fd, const char *folder, size_t number,
                         struct error *err)
{
    _cleanup_(close_fd) int fd = open_folder(root_fd, folder);
    _cleanup_(free_ptr) char *module = path_in(folder, "go.mod"), *sums = path_in(folder, "go.sum");
    _cleanup_(free_ptr) char *own_module = xasprintf(TRIAL_GOSETTLE_FILES "/%zu/go.mod", number);
    _cleanup_(free_ptr) char *own_sums = xasprintf(TRIAL_GOSETTLE_FILES "/%zu/go.sum", number);
    _cleanup_(buf_release) struct buf text = BUF_INIT, former = BUF_INIT;

    if (read_module(plan_fd, own_module, &former) < 0) /* it came with the trial's tests */
        return 0;
    if (fd >= 0 && read_module(fd, "go.mod", &text) == 0 &&
        trial_gosettle_is_harmless(text.data, former.data))
        return 0;
    return trial_lay_kept(plan_fd, own_module, root_fd, module, err) < 0
               ? -1
               : trial_lay_kept(plan_fd, own_sums, root_fd, sums, err);
}

int trial_gosettle(json_object *plan, int plan_fd, int root_fd, struct error *err)
{
    json_object *settled = json_object_object_get(plan, TRIAL_GOSETTLE);
    json_object *packages = json_object_object_get(settled, "packages");
    json_object *emptied = json_object_object_get(settled, "emptied");
    json_object *modules = json_object_object_get(settled, "modules");

    for (size_t i = 0; i < trial_list_count(packages); i++)
        if (remove_files(root_fd, trial_list_at(packages, i), is_test_file, err) < 0 ||
            remove_modules(root_fd, trial_list_at(packages, i), modules, err) < 0)
            return -1;
    for (size_t i = 0; i < trial_list_count(emptied); i++)
        if (remove_files(root_fd, trial_list_at(emptied, i), is_file, err) < 0)
            return -1;
    for (size_t i = 0; i < trial_list_count(modules); i++)
        if (settle_module(plan_fd, root_fd, trial_list_at(modules, i), i, err) < 0)
            return -1;
    return 0;
}
