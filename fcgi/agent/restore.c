#include "agent/restore.h"

#include <ctype.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/crossing.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/walk.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define TOLD_PATH_MOST 200 /* bytes of a path in the answer, so that it is a small one */

struct paths {
    char **items; /* sorted once all are there */
    size_t count, room;
};

struct restore {
    struct paths kept;     /* exact paths */
    struct paths held;     /* the same, which are not among them yet */
    struct paths standing; /* those of tests that the image has */
    const char **names;    /* rules about names, in the caller's bytes */
    size_t name_count, name_room;
    const char **own; /* the sample's own, likewise; of those that match the last decides */
    size_t own_count, own_room;
    char *told[RESTORE_TOLD];
    size_t told_count;
    size_t more; /* noted, and not in `told` */
};

/* --- sets of paths --------------------------------------------------------------------------- */

static void paths_add(struct paths *paths, const char *path)
{
    if (paths->count == paths->room) {
        paths->room += paths->room / 2 + 16;
        paths->items = xrealloc(paths->items, paths->room * sizeof(*paths->items));
    }
    paths->items[paths->count++] = xstrdup(path);
}

static void paths_release(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free(paths->items);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void paths_sort(struct paths *paths)
{
    if (paths->count > 0)
        qsort(paths->items, paths->count, sizeof(*paths->items), by_text);
}

/* The first `length` bytes of text against an item. */
static int compare(const char *text, size_t length, const char *item)
{
    int order = strncmp(text, item, length);

    return order ? order : item[length] ? -1 : 0;
}

/* The first item that does not sort before the text. */
static size_t lower_bound(const struct paths *paths, const char *text, size_t length)
{
    size_t low = 0, high = paths->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(text, length, paths->items[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool paths_have(const struct paths *paths, const char *text, size_t length)
{
    size_t at = lower_bound(paths, text, length);

    return at < paths->count && compare(text, length, paths->items[at]) == 0;
}

/* --- the rules ------------------------------------------------------------------------------- */

static bool is_there(struct walk_cursor *cursor, const char *path, bool file)
{
    struct stat st;
    const char *name;
    int dir_fd = walk_cursor_parent(cursor, path, false, &name);

    return dir_fd >= 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           !(file && S_ISDIR(st.st_mode));
}

static void rules_add(const char ***rules, size_t *count, size_t *room, const char *rule)
{
    if (*count == *room) {
        *room += *room / 2 + 16;
        *rules = xrealloc(*rules, *room * sizeof(**rules));
    }
    (*rules)[(*count)++] = rule;
}

/* Does the sample's rule match the path, or a folder that it is in? *ret_end: where that part of
 * the path ends. What has a slash is a path, what is the name of a kind that kind, and anything
 * else a name. */
static bool own_matches(const char *rule, const char *path, unsigned kinds, size_t *ret_end)
{
    unsigned kind = crossing_named(rule + 1);
    const char *pattern = rule + 1 + (rule[1] == '/');
    bool whole = strchr(rule + 1, '/') != NULL;
    char part[PATH_MAX];
    size_t from = 0;

    if (kind) {
        *ret_end = kinds & kind & CROSSING_STARTUP ? crossing_startup(path) : strlen(path);
        return kinds & kind;
    }
    for (size_t at = 0; at < sizeof(part); at++) {
        part[at] = path[at];
        if (path[at] && path[at] != '/')
            continue;
        part[at] = '\0';
        if (fnmatch(pattern, whole ? part : part + from, FNM_PATHNAME) == 0) {
            *ret_end = at;
            return true;
        }
        if (!path[at])
            return false;
        part[at] = '/';
        from = at + 1;
    }
    return false;
}

/* The sample's own rule that decides about the path; NULL: none. */
static const char *own_rule(const struct restore *restore, const char *path, unsigned kinds,
                            size_t *ret_end)
{
    for (size_t i = restore->own_count; i > 0; i--)
        if (own_matches(restore->own[i - 1], path, kinds, ret_end))
            return restore->own[i - 1];
    return NULL;
}

static bool is_taken(const struct restore *restore, const char *path)
{
    size_t end;
    const char *rule = own_rule(restore, path, 0, &end);

    return rule && rule[0] == AGENT_RULE_TAKE;
}

static int rule_add(struct restore *restore, const char *rule, struct walk_cursor *cursor,
                    struct error *err)
{
    const char *what = rule[0] ? rule + 1 : rule;

    if (rule[0] == AGENT_RULE_KEEP || rule[0] == AGENT_RULE_TAKE)
        what += what[0] == '/';
    if (!path_is_below(what))
        return error_set(err, ERROR_INVALID, NULL, "a rule is broken: %.200s", rule);
    switch (rule[0]) {
    case AGENT_RULE_TEST:
        paths_add(&restore->kept, what);
        if (is_there(cursor, what, true) && !is_taken(restore, what))
            paths_add(&restore->standing, what);
        return 0;
    case AGENT_RULE_NEW:
        if (!is_there(cursor, what, false))
            paths_add(&restore->kept, what);
        return 0;
    case AGENT_RULE_NAME:
    case AGENT_RULE_QUIET:
    case AGENT_RULE_PART:
        rules_add(&restore->names, &restore->name_count, &restore->name_room, rule);
        return 0;
    case AGENT_RULE_KEEP:
    case AGENT_RULE_TAKE:
        rules_add(&restore->own, &restore->own_count, &restore->own_room, rule);
        return 0;
    default:
        return error_set(err, ERROR_INVALID, NULL, "there are no such rules: %.200s", rule);
    }
}

/* What the image has of what the sample's own rules keep: it stays, also if its folder goes. */
static enum walk_next visit_own(void *arg, const struct walk_thing *thing, struct error *err)
{
    struct restore *restore = arg;
    size_t end;
    unsigned kinds = restore_asks_kinds(restore)
                         ? crossing_of_thing(thing->dir_fd, thing->name, thing->path)
                         : 0;
    const char *rule = own_rule(restore, thing->path, kinds, &end);

    (void)err;
    if (rule && rule[0] == AGENT_RULE_KEEP && !S_ISDIR(thing->st->st_mode))
        paths_add(&restore->standing, thing->path);
    return WALK_ON;
}

struct restore *restore_new(const char *rules, size_t size, int root_fd, struct error *err)
{
    struct restore *restore = xcalloc(1, sizeof(*restore));
    struct walk_cursor cursor;
    int failed = 0;

    walk_cursor_init(&cursor, root_fd);
    if (size > 0 && rules[size - 1])
        failed = error_set(err, ERROR_INVALID, NULL, "the rules are broken");
    for (size_t at = 0; at < size && !failed; at += strlen(rules + at) + 1)
        failed = rule_add(restore, rules + at, &cursor, err);
    walk_cursor_release(&cursor);
    if (!failed && restore->own_count > 0)
        failed = walk(root_fd, visit_own, restore, err);
    if (failed) {
        restore_free(restore);
        return NULL;
    }
    restore_settle(restore);
    return restore;
}

void restore_free(struct restore *restore)
{
    if (!restore)
        return;
    paths_release(&restore->kept);
    paths_release(&restore->held);
    paths_release(&restore->standing);
    free(restore->names);
    free(restore->own);
    for (size_t i = 0; i < restore->told_count; i++)
        free(restore->told[i]);
    free(restore);
}

/* The rule about the name, of one of the two kinds; NULL: none. */
static const char *rule_of(const struct restore *restore, const char *name, bool part)
{
    for (size_t i = 0; i < restore->name_count; i++) {
        const char *rule = restore->names[i];

        if ((rule[0] == AGENT_RULE_PART) == part && fnmatch(rule + 1, name, 0) == 0)
            return rule;
    }
    return NULL;
}

/* The rule about a part of the path; *ret_end: where that part ends. */
static const char *rule_within(const struct restore *restore, const char *path, size_t *ret_end)
{
    char name[NAME_MAX + 1];

    for (size_t at = 0, end;; at = end + 1) {
        const char *rule;

        end = at + strcspn(path + at, "/");
        if (end - at > NAME_MAX)
            return NULL;
        memcpy(name, path + at, end - at);
        name[end - at] = '\0';
        rule = rule_of(restore, name, false);
        if (rule) {
            *ret_end = end;
            return rule;
        }
        if (!path[end])
            return NULL;
    }
}

bool restore_asks_kinds(const struct restore *restore)
{
    for (size_t i = 0; i < restore->own_count; i++)
        if (crossing_named(restore->own[i] + 1))
            return true;
    return false;
}

static const char *last_name(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

unsigned restore_parts(const struct restore *restore, const char *path)
{
    unsigned parts = rule_of(restore, last_name(path), true) ? RESTORE_RUNNER : 0;
    size_t end;
    const char *own =
        crossing_is_package(path) ? own_rule(restore, path, CROSSING_ENTRY, &end) : NULL;

    return own && own[0] == AGENT_RULE_KEEP ? parts | RESTORE_ENTRY : parts;
}

enum restore_answer restore_ask(const struct restore *restore, const char *path, unsigned kinds,
                                size_t *ret_kept)
{
    size_t end = 0;
    const char *own = own_rule(restore, path, kinds, &end);

    if (own && own[0] == AGENT_RULE_TAKE)
        return RESTORE_CROSSES;
    if (own) {
        *ret_kept = end;
        return RESTORE_KEPT;
    }
    if (rule_within(restore, path, ret_kept))
        return RESTORE_KEPT;
    end = 0;
    do {
        end += path[end] == '/';
        end += strcspn(path + end, "/");
        if (paths_have(&restore->kept, path, end)) {
            *ret_kept = end;
            return RESTORE_KEPT;
        }
    } while (path[end]);
    return restore_parts(restore, path) ? RESTORE_PART : RESTORE_CROSSES;
}

bool restore_takes_some(const struct restore *restore)
{
    for (size_t i = 0; i < restore->own_count; i++)
        if (restore->own[i][0] == AGENT_RULE_TAKE)
            return true;
    return false;
}

bool restore_needs_folder(const struct restore *restore, const char *path)
{
    size_t length = strlen(path), at;
    _cleanup_(free_ptr) char *prefix = NULL;

    if (restore->standing.count == 0)
        return false;
    prefix = xasprintf("%s/", path);
    at = lower_bound(&restore->standing, prefix, length + 1);
    return at < restore->standing.count &&
           strncmp(restore->standing.items[at], prefix, length + 1) == 0;
}

void restore_hold(struct restore *restore, const char *path)
{
    paths_add(&restore->held, path);
}

void restore_settle(struct restore *restore)
{
    for (size_t i = 0; i < restore->held.count; i++)
        paths_add(&restore->kept, restore->held.items[i]);
    paths_release(&restore->held);
    restore->held = (struct paths){0};
    paths_sort(&restore->kept);
    paths_sort(&restore->standing);
}

void restore_note(struct restore *restore, const char *path, size_t length)
{
    size_t end = 0;
    const char *rule = rule_within(restore, path, &end);

    if (rule && rule[0] == AGENT_RULE_QUIET)
        return;
    for (size_t i = 0; i < restore->told_count; i++)
        if (strncmp(restore->told[i], path, length) == 0 && !restore->told[i][length])
            return;
    if (restore->told_count == RESTORE_TOLD)
        restore->more++;
    else
        restore->told[restore->told_count++] = xasprintf("%.*s", (int)length, path);
}

void restore_tell(const struct restore *restore, struct buf *json)
{
    buf_add_str(json, "\"kept_back\":[");
    for (size_t i = 0; i < restore->told_count; i++) {
        if (i > 0)
            buf_add_char(json, ',');
        json_write_string(json, restore->told[i], strnlen(restore->told[i], TOLD_PATH_MOST));
    }
    buf_addf(json, "],\"more\":%zu", restore->more);
}

/* --- package.json ---------------------------------------------------------------------------- */

static const char *const runner_members[] = {"scripts", "jest", "mocha", "ava",    "tap",
                                             "vitest",  "nyc",  "c8",    "config", NULL};

static json_object *package_read(const char *text, size_t length)
{
    struct error ignored = ERROR_INIT;
    json_object *package = NULL;

    if (json_parse(text, length, &package, NULL, &ignored) == 0 &&
        json_object_is_type(package, json_type_object))
        return package;
    json_object_put(package);
    return NULL;
}

/* Puts the image's members in. Were they the same? */
static bool members_merge(const char *const *members, json_object *ours, json_object *theirs)
{
    bool same = true;

    for (; *members; members++) {
        json_object *wanted = NULL, *found = NULL;

        json_object_object_get_ex(ours, *members, &wanted); /* false for NULL */
        json_object_object_get_ex(theirs, *members, &found);
        if (json_object_equal(wanted, found))
            continue;
        same = false;
        if (wanted)
            json_object_object_add(theirs, *members, json_object_get(wanted));
        else
            json_object_object_del(theirs, *members);
    }
    return same;
}

static enum restore_merged package_merge(unsigned parts, const struct buf *image,
                                         const struct buf *session, struct buf *out)
{
    _cleanup_(json_release) json_object *ours =
        image->length > 0 ? package_read(image->data, image->length) : NULL;
    _cleanup_(json_release) json_object *theirs = package_read(session->data, session->length);
    bool same = true;

    if (!theirs || (!ours && image->length > 0))
        return RESTORE_IMAGES;
    if (parts & RESTORE_RUNNER)
        same = members_merge(runner_members, ours, theirs);
    if (parts & RESTORE_ENTRY)
        same &= members_merge(crossing_entry_members, ours, theirs);
    if (same)
        return RESTORE_SESSIONS;
    json_write(out, theirs);
    buf_add_char(out, '\n');
    return RESTORE_MERGED;
}

/* --- sections: setup.cfg, tox.ini, entry_points.txt, pyproject.toml -------------------------- */

/*
 * Appends the lines that may speak to pytest: sections whose names have "pytest" in them, and in
 * TOML whatever else could mean such a table: [tool] itself, names with quotes, escapes or blanks,
 * and what stands before the first section. It errs to one side alone: a line too many. In an
 * array of TOML, [1] or [true] can stand on a line of its own; what can't be told from that does
 * not end a section. Files with texts of several lines are compared as a whole: see has_long_text.
 */
static bool is_plain_header(const char *line, size_t length)
{
    size_t from = 0, to = length;

    while (from < to && line[from] == '[')
        from++;
    while (to > from && line[to - 1] == ']')
        to--;
    if (from == 0 || to == length || from == to || isdigit((unsigned char)line[from]))
        return false;
    for (size_t i = from; i < to; i++)
        if (!isalnum((unsigned char)line[i]) && !strchr("-_.:", line[i]))
            return false;
    for (size_t i = 0; i < 4; i++) {
        static const char *const values[] = {"true", "false", "inf", "nan"};

        if (to - from == strlen(values[i]) && memcmp(line + from, values[i], to - from) == 0)
            return false;
    }
    return true;
}

static bool header_counts(const char *line, size_t length, bool toml)
{
    static const char tool[] = "[tool]";

    if (memmem(line, length, "pytest", strlen("pytest")) != NULL)
        return true;
    return toml && (!is_plain_header(line, length) ||
                    (length == strlen(tool) && memcmp(line, tool, length) == 0));
}

static void sections_of_runner(const char *text, size_t length, bool toml, struct buf *out)
{
    const char *at = text, *end = text + length;
    bool counts = toml;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end, *stop = newline ? newline : end;

        while (toml && at < stop && (*at == ' ' || *at == '\t'))
            at++;
        while (stop > at && isspace((unsigned char)stop[-1]))
            stop--;
        if (at < stop && *at == '[') {
            const char *comment = toml ? memchr(at, '#', (size_t)(stop - at)) : NULL;

            while (comment && stop > at && (stop > comment || isspace((unsigned char)stop[-1])))
                stop--;
            if (header_counts(at, (size_t)(stop - at), toml))
                counts = true;
            else if (!toml || is_plain_header(at, (size_t)(stop - at)))
                counts = false;
        }
        if (counts && at < stop) {
            buf_add(out, at, (size_t)(stop - at));
            buf_add_char(out, '\n');
        }
        at = next;
    }
}

static bool is_toml(const char *name)
{
    size_t length = strlen(name);

    return length > 5 && strcmp(name + length - 5, ".toml") == 0;
}

bool restore_part_speaks(const char *name, const char *text, size_t length)
{
    _cleanup_(buf_release) struct buf sections = BUF_INIT;

    if (crossing_is_package(name))
        return true;
    sections_of_runner(text, length, is_toml(name), &sections);
    return sections.length > 0;
}

/* What stands in a text of several lines looks like sections and is none, and can hide what is. */
static bool has_long_text(const struct buf *file)
{
    return file->length > 0 && (memmem(file->data, file->length, "\"\"\"", 3) ||
                                memmem(file->data, file->length, "'''", 3));
}

static bool is_same(const struct buf *a, const struct buf *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

enum restore_merged restore_merge(const char *name, unsigned parts, const struct buf *image,
                                  const struct buf *session, struct buf *out)
{
    _cleanup_(buf_release) struct buf ours = BUF_INIT, theirs = BUF_INIT;

    if (crossing_is_package(name))
        return package_merge(parts, image, session, out);
    if (is_toml(name) && (has_long_text(image) || has_long_text(session)))
        return is_same(image, session) ? RESTORE_SESSIONS : RESTORE_IMAGES;
    sections_of_runner(image->data, image->length, is_toml(name), &ours);
    sections_of_runner(session->data, session->length, is_toml(name), &theirs);
    return is_same(&ours, &theirs) ? RESTORE_SESSIONS : RESTORE_IMAGES;
}
