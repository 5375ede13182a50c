#include "images/inspect_patch.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

void patch_files_release(struct patch_files *files)
{
    free(files->files);
    memset(files, 0, sizeof(*files));
}

/* Behind "+++ ": up to a tab, without "b/". */
static void set_path(struct patch_file *file, const char *text, size_t length)
{
    const char *tab = memchr(text, '\t', length), *slash;

    if (tab)
        length = (size_t)(tab - text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length > 2 && memcmp(text, "b/", 2) == 0) {
        text += 2;
        length -= 2;
    }
    slash = memrchr(text, '/', length);
    file->path = text;
    file->path_length = length;
    file->name = slash ? slash + 1 : text;
}

static bool is_longer(const struct patch_line *line, size_t length)
{
    return length > line->length;
}

/* Kept in order, the longest first; what is least is dropped when there are too many. */
static void add_line(struct patch_file *file, const char *text, size_t length)
{
    size_t at;

    while (length > 0 && isspace((unsigned char)text[0])) {
        text++;
        length--;
    }
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length < PATCH_LINE_LEAST)
        return;
    for (at = file->line_count; at > 0 && is_longer(&file->lines[at - 1], length); at--)
        if (at < PATCH_LINES_MOST)
            file->lines[at] = file->lines[at - 1];
    if (at == PATCH_LINES_MOST)
        return;
    file->lines[at] = (struct patch_line){text, length};
    if (file->line_count < PATCH_LINES_MOST)
        file->line_count++;
}

static bool begins(const char *line, size_t length, const char *with)
{
    return length > strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* A file that says too little is none: its place is taken by the next. */
static struct patch_file *next_file(struct patch_files *files, struct patch_file *last)
{
    if (last && last->line_count >= PATCH_LINES_LEAST)
        files->count++;
    if (files->count == PATCH_FILES_MOST)
        return NULL;
    memset(&files->files[files->count], 0, sizeof(*files->files));
    return &files->files[files->count];
}

void patch_files_read(const char *patch, struct patch_files *ret_files)
{
    struct patch_files files = {.files = xcalloc(PATCH_FILES_MOST, sizeof(*files.files))};
    struct patch_file *file = NULL;
    bool in_hunk = false;

    for (const char *line = patch; *line;) {
        size_t length = strcspn(line, "\n");

        if (begins(line, length, "+++ ") && !in_hunk) {
            file = next_file(&files, file);
            if (!file)
                break;
            set_path(file, line + 4, length - 4);
        } else if (begins(line, length, "@@ ")) {
            in_hunk = true;
        } else if (begins(line, length, "diff ") || begins(line, length, "--- a/") ||
                   begins(line, length, "--- /dev/null")) {
            in_hunk = false;
        } else if (in_hunk && file && line[0] == '+') {
            add_line(file, line + 1, length - 1);
        }
        line += length + (line[length] == '\n');
    }
    if (file)
        next_file(&files, file);
    files.files = xrealloc(files.files, (files.count + 1) * sizeof(*files.files));
    *ret_files = files;
}

bool patch_file_is_in(const struct patch_file *file, const char *bytes, size_t length)
{
    for (size_t i = 0; i < file->line_count; i++)
        if (!memmem(bytes, length, file->lines[i].text, file->lines[i].length))
            return false;
    return true;
}

bool patch_file_is_called(const struct patch_file *file, const char *name)
{
    size_t length = (size_t)(file->path + file->path_length - file->name);

    return strlen(name) == length && memcmp(name, file->name, length) == 0;
}
