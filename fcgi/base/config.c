#include "base/config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

static int parse_int(const char *text, int64_t *ret_number)
{
    static const struct {
        char suffix;
        int64_t factor;
    } suffixes[] = {{'K', 1024}, {'M', 1024 * 1024}, {'G', 1024 * 1024 * 1024}};
    int64_t factor = 1;
    long long number;
    char *end;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text)
        return -1;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (*end == suffixes[i].suffix) {
            factor = suffixes[i].factor;
            end++;
            break;
        }
    }
    if (*end || __builtin_mul_overflow((int64_t)number, factor, ret_number))
        return -1;
    return 0;
}

static int parse_bool(const char *text, bool *ret_truth)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret_truth = i % 2;
            return 0;
        }
    }
    return -1;
}

char *config_words(const struct config_row *row)
{
    struct buf text = BUF_INIT;

    for (const struct config_word *word = row->words; word->word; word++) {
        if (word != row->words)
            buf_add_str(&text, word[1].word ? ", " : " or ");
        buf_add_str(&text, word->word);
    }
    return buf_take(&text);
}

static int assign_word(const struct config_row *row, const char *text, int *ret_value,
                       struct error *err)
{
    _cleanup_(free_ptr) char *words = config_words(row);

    for (const struct config_word *word = row->words; word->word; word++) {
        if (strcasecmp(text, word->word) == 0) {
            *ret_value = word->value;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, NULL, "%s.%s must be %s, not \"%s\"", row->section,
                     row->name, words, text);
}

static int assign(const struct config_row *row, const char *text, void *values, struct error *err)
{
    char *place = (char *)values + row->offset;
    int64_t number;

    switch (row->type) {
    case CONFIG_BOOL:
        if (parse_bool(text, (bool *)(void *)place) < 0)
            return error_set(err, ERROR_INVALID, NULL, "%s.%s must be yes or no, not \"%s\"",
                             row->section, row->name, text);
        return 0;
    case CONFIG_INT:
        if (parse_int(text, &number) < 0 || number < row->least || number > row->most)
            return error_set(err, ERROR_INVALID, NULL,
                             "%s.%s must be a whole number from %lld to %lld%s%s, not \"%s\"",
                             row->section, row->name, (long long)row->least, (long long)row->most,
                             row->unit[0] ? " " : "", row->unit, text);
        *(int64_t *)(void *)place = number;
        return 0;
    case CONFIG_TEXT:
        if ((int64_t)strlen(text) < row->least || (int64_t)strlen(text) > row->most)
            return error_set(err, ERROR_INVALID, NULL,
                             "%s.%s must have %lld to %lld bytes, not %zu", row->section, row->name,
                             (long long)row->least, (long long)row->most, strlen(text));
        free(*(char **)(void *)place);
        *(char **)(void *)place = xstrdup(text);
        return 0;
    case CONFIG_WORD:
        return assign_word(row, text, (int *)(void *)place, err);
    }
    return -1;
}

struct load {
    const struct config_table *table;
    void *values;
    struct config_origin *origins; /* NULL: nobody asks */
    struct buf *gone;              /* NULL: nobody asks */
    struct error *err;
    const char *path;
    FILE *file;
    int line;      /* read last */
    int bad_line;  /* that err speaks of; 0: none */
    bool mid_line; /* a piece of an overlong line was read last */
    int odd_line; /* of the last header, where no setting belongs to that section; 0: it is known */
    char odd[64]; /* that header, cut */
};

static bool is_section(const char *section, const char *text, size_t length)
{
    return strlen(section) == length && strncmp(section, text, length) == 0;
}

/* A section that is unknown and has a setting is told of with the setting; this is for one without.
 */
static void note_section(struct load *load, const char *line)
{
    const struct config_table *table = load->table;
    size_t length = strcspn(line + 1, "]\n");
    bool known = false;

    for (size_t i = 0; i < table->count && !known; i++)
        known = is_section(table->rows[i].section, line + 1, length);
    for (size_t i = 0; i < table->gone_count && !known; i++)
        known = is_section(table->gone[i].section, line + 1, length);
    load->odd_line = known ? 0 : load->line;
    snprintf(load->odd, sizeof(load->odd), "%.*s", (int)(length < 60 ? length : 60), line + 1);
}

static bool refuse_section(struct load *load)
{
    if (!load->odd_line || load->bad_line)
        return false;
    load->bad_line = load->odd_line;
    error_set(load->err, ERROR_INVALID, NULL, "unknown section [%s]", load->odd);
    return true;
}

/* inih does not stop at a bad line, nor say which one it hands over: so lines are counted here as
 * there, a piece of an overlong one as a line, and the file ends at the first bad setting. */
static char *next_line(char *line, int size, void *user)
{
    struct load *load = user;

    bool begins = !load->mid_line;

    if (load->bad_line || !fgets(line, size, load->file)) {
        refuse_section(load);
        return NULL;
    }
    load->line++;
    load->mid_line = !strchr(line, '\n');
    if (begins && line[0] == '[') {
        if (refuse_section(load))
            return NULL;
        note_section(load, line);
    }
    return line;
}

static void unknown(struct load *load, const char *section, const char *name)
{
    const char *elsewhere = NULL;

    for (size_t i = 0; i < load->table->count && !elsewhere; i++) {
        if (strcmp(load->table->rows[i].name, name) == 0)
            elsewhere = load->table->rows[i].section;
    }
    if (elsewhere && section[0] == '\0')
        error_set(load->err, ERROR_INVALID, NULL, "%s must stand below [%s]", name, elsewhere);
    else if (elsewhere)
        error_set(load->err, ERROR_INVALID, NULL, "unknown setting %s.%s; %s belongs to [%s]",
                  section, name, name, elsewhere);
    else if (section[0] == '\0')
        error_set(load->err, ERROR_INVALID, NULL, "unknown setting %s, and no [SECTION] before it",
                  name);
    else
        error_set(load->err, ERROR_INVALID, NULL, "unknown setting %s.%s", section, name);
}

static bool is_gone(struct load *load, const char *section, const char *name)
{
    const struct config_table *table = load->table;

    for (size_t i = 0; i < table->gone_count; i++) {
        if (strcmp(table->gone[i].section, section) != 0 || strcmp(table->gone[i].name, name) != 0)
            continue;
        if (load->gone)
            buf_addf(load->gone,
                     "%s:%d: this release has no setting %s.%s any more, so it has no effect\n",
                     load->path, load->line, section, name);
        return true;
    }
    return false;
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct load *load = user;

    for (size_t i = 0; i < load->table->count; i++) {
        const struct config_row *row = &load->table->rows[i];

        if (strcmp(row->section, section) != 0 || strcmp(row->name, name) != 0)
            continue;
        if (assign(row, value, load->values, load->err) < 0) {
            load->bad_line = load->line;
            return 0;
        }
        if (load->origins) {
            free(load->origins[i].path);
            load->origins[i] = (struct config_origin){xstrdup(load->path), load->line};
        }
        return 1;
    }
    if (is_gone(load, section, name))
        return 1;
    unknown(load, section, name);
    load->bad_line = load->line;
    return 0;
}

static int read_file(struct load *load, const char *path)
{
    _cleanup_(close_file) FILE *file = fopen(path, "re");
    int line;

    if (!file)
        return error_errno(load->err, errno, "cannot read %s", path);
    load->path = path;
    load->file = file;
    load->line = load->bad_line = load->odd_line = 0;
    load->mid_line = false;
    errno = 0;
    line = ini_parse_stream(next_line, load, on_setting, load);
    if (line < 0 || ferror(file))
        return error_errno(load->err, errno ? errno : EIO, "cannot read %s", path);
    if (line == 0 && !load->bad_line)
        return 0;
    if (load->bad_line && (line == 0 || load->bad_line <= line))
        line = load->bad_line;
    else /* inih tells of the first line that it cannot read */
        error_set(load->err, ERROR_INVALID, NULL, "neither a section in brackets nor NAME = VALUE");
    return error_wrap(load->err, "%s:%d", path, line);
}

/* As systemd does: a name that begins with a dot, or ends otherwise, is an editor's or dpkg's. */
static int is_drop_in(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int read_folder(struct load *load, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_drop_in, by_name);
    int failed = 0;

    if (count < 0 && errno == ENOENT)
        return 0;
    if (count < 0)
        return error_errno(load->err, errno, "cannot read %s", folder);
    for (int i = 0; i < count; i++) {
        if (!failed) {
            _cleanup_(free_ptr) char *path = xasprintf("%s/%s", folder, entries[i]->d_name);

            failed = read_file(load, path);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int config_load(const struct config_table *table, const char *path, const char *drop_ins,
                void *values, struct config_origin *origins, struct buf *gone, struct error *err)
{
    struct load load = {
        .table = table, .values = values, .origins = origins, .gone = gone, .err = err};

    for (size_t i = 0; i < table->count; i++) {
        if (assign(&table->rows[i], table->rows[i].fallback, values, err) < 0)
            return error_wrap(err, "built-in default");
    }
    error_clear(err);
    if (path && read_file(&load, path) < 0)
        return -1;
    return drop_ins ? read_folder(&load, drop_ins) : 0;
}

void config_release(const struct config_row *rows, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].type == CONFIG_TEXT) {
            char **place = (char **)(void *)((char *)values + rows[i].offset);

            free(*place);
            *place = NULL;
        }
    }
}

void config_origins_release(struct config_origin *origins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(origins[i].path);
        origins[i].path = NULL;
    }
}
