#include "wire/pax.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define RECORDS_MOST (64 * 1024) /* of one extended header: two paths and some numbers */
#define OCTAL_MOST(digits) ((INT64_C(1) << (3 * (digits))) - 1)

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, linkname[100],
        magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar) == PAX_BLOCK, "a header is a block");

size_t pax_padding(int64_t size)
{
    return (size_t)((PAX_BLOCK - size % PAX_BLOCK) % PAX_BLOCK);
}

static void pad(struct buf *out, int64_t size)
{
    static const char zeros[PAX_BLOCK];

    buf_add(out, zeros, pax_padding(size));
}

/* A field of digits and a NUL; what does not fit stands in an extended header. */
static void octal(char *field, size_t size, int64_t number)
{
    char text[32];

    if (number < 0 || number > OCTAL_MOST(size - 1))
        number = 0;
    snprintf(text, sizeof(text), "%0*" PRIo64, (int)size - 1, (uint64_t)number);
    memcpy(field, text, size);
}

static void text_field(char *field, size_t size, const char *text)
{
    memcpy(field, text, strnlen(text, size));
}

static void header(struct buf *out, char type, const char *path, const struct pax_entry *entry,
                   int64_t size)
{
    struct ustar block = {0};
    unsigned sum = 0;

    text_field(block.name, sizeof(block.name), path);
    octal(block.mode, sizeof(block.mode), entry->mode & 07777);
    octal(block.uid, sizeof(block.uid), entry->uid);
    octal(block.gid, sizeof(block.gid), entry->gid);
    octal(block.size, sizeof(block.size), size);
    octal(block.mtime, sizeof(block.mtime), entry->mtime.tv_sec);
    block.type = type;
    if (entry->target)
        text_field(block.linkname, sizeof(block.linkname), entry->target);
    memcpy(block.magic, "ustar", 6);
    memcpy(block.version, "00", 2);
    memset(block.checksum, ' ', sizeof(block.checksum));
    for (size_t i = 0; i < sizeof(block); i++)
        sum += ((const unsigned char *)&block)[i];
    octal(block.checksum, sizeof(block.checksum) - 1, sum);
    buf_add(out, &block, sizeof(block));
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void record(struct buf *records, const char *key, const char *value, size_t length)
{
    size_t bare = strlen(key) + length + 3, total = bare + 1;
    char digits[24];

    while ((size_t)snprintf(digits, sizeof(digits), "%zu", total) + bare != total)
        total = bare + strlen(digits);
    buf_addf(records, "%zu %s=", total, key);
    buf_add(records, value, length);
    buf_add_char(records, '\n');
}

static void number_record(struct buf *records, const char *key, int64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, number);
    record(records, key, text, strlen(text));
}

static void time_record(struct buf *records, const char *key, const struct timespec *when)
{
    char text[64];

    /* Before 1970 the fraction would count backwards; whole seconds do there. */
    if (when->tv_sec < 0)
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)when->tv_sec);
    else
        snprintf(text, sizeof(text), "%" PRId64 ".%09ld", (int64_t)when->tv_sec, when->tv_nsec);
    record(records, key, text, strlen(text));
}

void pax_write(struct buf *out, const struct pax_entry *entry)
{
    static const char types[] = {['f'] = '0', ['d'] = '5', ['l'] = '2', ['w'] = 'W'};
    _cleanup_(buf_release) struct buf records = BUF_INIT;
    size_t path = strlen(entry->path), target = entry->target ? strlen(entry->target) : 0;

    /* Without this, names that are not UTF-8 would break the standard. */
    if (!utf8_valid(entry->path, path) || (target && !utf8_valid(entry->target, target)))
        record(&records, "hdrcharset", "BINARY", 6);
    if (path > sizeof(((struct ustar *)0)->name))
        record(&records, "path", entry->path, path);
    if (target > sizeof(((struct ustar *)0)->linkname))
        record(&records, "linkpath", entry->target, target);
    if (entry->size > OCTAL_MOST(11))
        number_record(&records, "size", entry->size);
    if (entry->uid > OCTAL_MOST(7))
        number_record(&records, "uid", entry->uid);
    if (entry->gid > OCTAL_MOST(7))
        number_record(&records, "gid", entry->gid);
    time_record(&records, "mtime", &entry->mtime);
    if (entry->changed.tv_sec || entry->changed.tv_nsec)
        time_record(&records, "ctime", &entry->changed);
    header(out, 'x', "pax", &(struct pax_entry){.mode = 0644}, (int64_t)records.length);
    buf_add(out, records.data, records.length);
    pad(out, (int64_t)records.length);
    header(out, types[(unsigned char)entry->type], entry->path, entry,
           entry->type == 'f' ? entry->size : 0);
}

void pax_write_end(struct buf *out)
{
    static const char zeros[2 * PAX_BLOCK];

    buf_add(out, zeros, sizeof(zeros));
}

/* ---- reading ---- */

void pax_entry_release(struct pax_entry *entry)
{
    free(entry->path);
    free(entry->target);
    memset(entry, 0, sizeof(*entry));
}

static int broken(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, NULL, "the archive is broken: %s", what);
}

static bool octal_read(const char *field, size_t size, int64_t *ret_number)
{
    int64_t number = 0;
    size_t i = 0;

    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        number = number * 8 + (field[i] - '0');
    *ret_number = number;
    return i == size || field[i] == '\0' || field[i] == ' ';
}

static bool sum_right(const struct ustar *block)
{
    const unsigned char *bytes = (const unsigned char *)block;
    size_t from = offsetof(struct ustar, checksum);
    int64_t said, sum = 0;

    for (size_t i = 0; i < sizeof(*block); i++)
        sum += i >= from && i < from + sizeof(block->checksum) ? ' ' : bytes[i];
    return octal_read(block->checksum, sizeof(block->checksum), &said) && said == sum;
}

/* What an extended header says of the entry behind it. */
struct extension {
    char *path;
    char *target;
    int64_t size, uid, gid; /* -1: says nothing */
    struct timespec mtime;
    bool has_mtime;
};

static void extension_release(struct extension *extension)
{
    free(extension->path);
    free(extension->target);
}

static bool decimal_read(const char *text, size_t length, int64_t *ret_number)
{
    int64_t number = 0;

    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool time_read(const char *text, size_t length, struct timespec *ret_when)
{
    bool before = length > 0 && text[0] == '-';
    const char *dot = memchr(text, '.', length);
    size_t whole = dot ? (size_t)(dot - text) : length;
    int64_t seconds, fraction = 0;

    if (!decimal_read(text + before, whole - before, &seconds))
        return false;
    if (dot && (length - whole != 10 || !decimal_read(dot + 1, 9, &fraction)))
        return false;
    ret_when->tv_sec = before ? -seconds : seconds;
    ret_when->tv_nsec = before ? 0 : (long)fraction;
    return true;
}

static bool record_read(struct extension *extension, const char *key, const char *value,
                        size_t length)
{
    if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0) {
        char **text = key[0] == 'p' ? &extension->path : &extension->target;

        if (memchr(value, '\0', length))
            return false;
        free(*text);
        *text = xstrndup(value, length);
        return true;
    }
    if (strcmp(key, "size") == 0)
        return decimal_read(value, length, &extension->size);
    if (strcmp(key, "uid") == 0)
        return decimal_read(value, length, &extension->uid);
    if (strcmp(key, "gid") == 0)
        return decimal_read(value, length, &extension->gid);
    if (strcmp(key, "mtime") == 0)
        return extension->has_mtime = time_read(value, length, &extension->mtime);
    return true;
}

static int extension_read(pax_source *source, void *arg, int64_t size, struct extension *extension,
                          struct error *err)
{
    _cleanup_(free_ptr) char *text = NULL;
    char *at, *end;

    if (size > RECORDS_MOST)
        return broken(err, "an extended header is too long");
    text = xmalloc((size_t)size + PAX_BLOCK);
    if (source(arg, text, (size_t)size + pax_padding(size), err) < 0)
        return -1;
    end = text + size;
    for (at = text; at < end;) {
        char *space = memchr(at, ' ', (size_t)(end - at)), *equals;
        int64_t length;

        if (!space || !decimal_read(at, (size_t)(space - at), &length) || length > end - at ||
            length <= space - at + 2 || at[length - 1] != '\n')
            return broken(err, "a record has a wrong length");
        equals = memchr(space, '=', (size_t)(at + length - space));
        if (!equals)
            return broken(err, "a record has no value");
        *equals = '\0';
        if (!record_read(extension, space + 1, equals + 1, (size_t)(at + length - 1 - equals - 1)))
            return broken(err, "a record has a wrong value");
        at += length;
    }
    return 0;
}

static int entry_fill(const struct ustar *block, struct extension *extension,
                      struct pax_entry *entry, struct error *err)
{
    int64_t mode, uid, gid, size, mtime;

    if (!octal_read(block->mode, sizeof(block->mode), &mode) ||
        !octal_read(block->uid, sizeof(block->uid), &uid) ||
        !octal_read(block->gid, sizeof(block->gid), &gid) ||
        !octal_read(block->size, sizeof(block->size), &size) ||
        !octal_read(block->mtime, sizeof(block->mtime), &mtime))
        return broken(err, "a number in a header cannot be read");
    switch (block->type) {
    case '0':
    case '\0':
        entry->type = 'f';
        break;
    case '2':
        entry->type = 'l';
        break;
    case '5':
        entry->type = 'd';
        break;
    case 'W': /* as 4.4BSD's pax marks it */
        entry->type = 'w';
        break;
    default:
        return broken(err, "an entry is of an unknown type");
    }
    if (extension->path)
        entry->path = TAKE_PTR(extension->path);
    else if (block->prefix[0])
        entry->path = xasprintf("%.155s/%.100s", block->prefix, block->name);
    else
        entry->path = xstrndup(block->name, strnlen(block->name, sizeof(block->name)));
    if (entry->type == 'l')
        entry->target =
            extension->target
                ? TAKE_PTR(extension->target)
                : xstrndup(block->linkname, strnlen(block->linkname, sizeof(block->linkname)));
    for (size_t length = strlen(entry->path); length > 1 && entry->path[length - 1] == '/';)
        entry->path[--length] = '\0';
    entry->mode = (mode_t)mode & 07777;
    entry->uid = (uid_t)(extension->uid >= 0 ? extension->uid : uid);
    entry->gid = (gid_t)(extension->gid >= 0 ? extension->gid : gid);
    entry->size = entry->type != 'f' ? 0 : extension->size >= 0 ? extension->size : size;
    entry->mtime = extension->has_mtime ? extension->mtime : (struct timespec){.tv_sec = mtime};
    return 0;
}

int pax_read(pax_source *source, void *arg, struct pax_entry *ret_entry, struct error *err)
{
    _cleanup_(extension_release) struct extension extension = {.size = -1, .uid = -1, .gid = -1};
    static const struct ustar end;
    struct pax_entry entry = {0};
    struct ustar block;
    int64_t size;

    for (;;) {
        if (source(arg, &block, sizeof(block), err) < 0)
            return -1;
        if (memcmp(&block, &end, sizeof(block)) == 0)
            return 0;
        if (memcmp(block.magic, "ustar", 5) != 0 || !sum_right(&block))
            return broken(err, "a header has a wrong checksum");
        if (block.type != 'x' && block.type != 'g')
            break;
        if (!octal_read(block.size, sizeof(block.size), &size))
            return broken(err, "a number in a header cannot be read");
        if (extension_read(source, arg, size, &extension, err) < 0)
            return -1;
    }
    if (entry_fill(&block, &extension, &entry, err) < 0) {
        pax_entry_release(&entry);
        return -1;
    }
    *ret_entry = entry;
    return 1;
}
