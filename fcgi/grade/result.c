#include "grade/result.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/report.h"
#include "wire/pax.h"

#include "base/banned.h"

#define BLOCK 65536
#define DEPTH_MAX 64
#define TIME_MAX INT64_C(253402300799) /* the end of the year 9999 */
/* gzip makes 1000 bytes of one at most, texts and logs 10 to 100: what is above is a bomb. */
#define RATIO_MAX 500
#define RATIO_FROM (INT64_C(64) << 20) /* unpacked bytes from which on it counts */
#define DEFLATE_LEVEL 4                /* half the time of 6, a few per cent larger */
#define GZIP_WINDOW (MAX_WBITS + 16)   /* with the wrapper of gzip */

DEFINE_CLEANUP(struct archive *, close_archive, archive_read_free)

/* What is known of a path: the hash's number in the index. */
enum { NOTHING, FOLDER, OTHER };

struct packing {
    /* In. */
    const struct reports_source *source;
    int64_t received;
    bool cut; /* the source broke */
    char in[BLOCK];

    /* Out. */
    const struct result_sink *sink;
    z_stream stream;
    char out[BLOCK];
    struct buf headers;

    const struct result_limits *limits;
    int64_t packed, unpacked, entries;
    bool has_file;
    struct test_index paths;
    struct result_parts parts;
    bool writing; /* a part, the last of them */
};

static int refuse(struct error *err, const char *name, const char *why)
{
    return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED", "\"%.200s\" in the archive %s", name,
                     why);
}

static int too_large(struct error *err, const char *what, int64_t most)
{
    return error_set(err, ERROR_LIMIT, "JOB_RESULT_TOO_LARGE",
                     "the result is larger than it may be: at most %lld %s", (long long)most, what);
}

/* --- out ------------------------------------------------------------------------------------- */

static int flush(struct packing *packing, struct error *err)
{
    size_t length = sizeof(packing->out) - packing->stream.avail_out;

    if ((int64_t)length > packing->limits->packed - packing->packed)
        return too_large(err, "bytes when it is packed", packing->limits->packed);
    if (length > 0 && packing->sink->write(packing->sink->arg, packing->out, length, err) < 0)
        return error_set(err, ERROR_INTERNAL, "RESULT_FAILED", "the file cannot be written");
    packing->packed += (int64_t)length;
    packing->stream.next_out = (unsigned char *)packing->out;
    packing->stream.avail_out = sizeof(packing->out);
    return 0;
}

static int squeeze(struct packing *packing, const void *bytes, size_t length, int how,
                   struct error *err)
{
    z_stream *stream = &packing->stream;
    int status;

    stream->next_in = (unsigned char *)(uintptr_t)bytes;
    stream->avail_in = (unsigned)length;
    do {
        status = deflate(stream, how);
        if (stream->avail_out == 0 && flush(packing, err) < 0)
            return -1;
    } while (stream->avail_in > 0 || (how == Z_FINISH && status == Z_OK));
    return 0;
}

static int write_zeros(struct packing *packing, size_t count, struct error *err)
{
    static const char zeros[2 * PAX_BLOCK];

    return squeeze(packing, zeros, count, Z_NO_FLUSH, err);
}

static int end_part(struct packing *packing, struct error *err)
{
    struct result_part *part;

    if (!packing->writing)
        return 0;
    part = &packing->parts.parts[packing->parts.count - 1];
    packing->writing = false;
    if (squeeze(packing, NULL, 0, Z_FINISH, err) < 0 || flush(packing, err) < 0)
        return -1;
    part->length = packing->packed - part->offset;
    deflateReset(&packing->stream);
    return 0;
}

static int begin_part(struct packing *packing, const char *name, struct error *err)
{
    struct result_part *part;

    if (end_part(packing, err) < 0)
        return -1;
    part = &packing->parts.parts[packing->parts.count++];
    snprintf(part->name, sizeof(part->name), "%s", name);
    part->offset = packing->packed;
    packing->writing = true;
    return 0;
}

/* The part of the folder that the path is in, which is the one at hand or a new one. */
static int choose_part(struct packing *packing, const char *path, struct error *err)
{
    struct result_parts *parts = &packing->parts;
    char top[RESULT_NAME_MAX + 1];
    size_t length = strcspn(path, "/");

    snprintf(top, sizeof(top), "%.*s", length < sizeof(top) ? (int)length : 0, path);
    if (!result_name_valid(top))
        return refuse(
            err, path,
            "has no proper name at the top: only folders with names of a-z, 0-9, _ and -, "
            "such as common/ or my_agent/, may be there");
    if (parts->count > 0 && strcmp(parts->parts[parts->count - 1].name, top) == 0)
        return 0;
    for (size_t i = 0; i < parts->count; i++) {
        if (strcmp(parts->parts[i].name, top) == 0)
            return refuse(err, path,
                          "is apart from the rest of its folder: pack all that is in a folder "
                          "at the top in one piece, as tar does");
    }
    if (parts->count == RESULT_PARTS_MAX - 1)
        return refuse(err, path, "is in one folder too many: there may be 64 at the top");
    return begin_part(packing, top, err);
}

/* --- names ----------------------------------------------------------------------------------- */

static int check_text(const char *text, const char *name, struct error *err)
{
    size_t length = strlen(text);

    if (length >= PATH_MAX)
        return refuse(err, name, "has a name or a target of more than 4095 bytes");
    if (!utf8_valid(text, length))
        return refuse(err, name, "has a name or a target that is not UTF-8");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return refuse(err, name, "has a control character in its name or target");
    }
    return 0;
}

/* The length of the part at hand; *ret_special: it is empty, "." or "..". */
static size_t part_of(const char *path, bool *ret_special)
{
    size_t length = strcspn(path, "/");

    *ret_special = length == 0 || (length == 1 && path[0] == '.') ||
                   (length == 2 && path[0] == '.' && path[1] == '.');
    return length;
}

/* How many parts it has, each a name; -1 where one is none. */
static int check_path(const char *path, struct error *err)
{
    int depth = 0;

    if (path[0] == '/')
        return refuse(err, path, "has an absolute name");
    for (const char *at = path;;) {
        bool special;
        size_t length = part_of(at, &special);

        if (special)
            return refuse(err, path, "has \"..\", \".\" or an empty part in its name");
        if (length > NAME_MAX || ++depth > DEPTH_MAX)
            return refuse(err, path, "has a part of more than 255 bytes, or more than 64 parts");
        if (at[length] == '\0')
            return depth;
        at += length + 1;
    }
}

/* Parts of a target that go up come first, and stay below the top, so it does not matter what the
 * others are. */
static int check_target(const char *name, const char *target, int depth, struct error *err)
{
    int up = 0;
    bool down = false;

    if (check_text(target, name, err) < 0)
        return -1;
    if (target[0] == '\0' || target[0] == '/')
        return refuse(err, name, "is a link with an absolute target, or none");
    for (const char *at = target; at[0] != '\0';) {
        bool special;
        size_t length = part_of(at, &special);

        if (special && length == 2) {
            if (down || ++up > depth - 2)
                return refuse(err, name, "is a link that leads, or may lead, out of its folder");
        } else {
            down = down || !special;
        }
        at += length + (at[length] == '/');
    }
    return 0;
}

/* Notes the path, and the folders that it is in. */
static int note_path(struct packing *packing, const char *path, int kind, struct error *err)
{
    for (const char *end = path;; end++) {
        struct test_index_slot *slot;
        int of;

        end += strcspn(end, "/");
        of = *end ? FOLDER : kind;
        slot = test_index_claim(&packing->paths,
                                test_index_hash(&packing->paths, path, (size_t)(end - path)));
        if (slot->number == OTHER)
            return refuse(err, path,
                          *end ? "is in something that is not a folder" : "is there twice");
        if (slot->number == FOLDER && of != FOLDER)
            return refuse(err, path, "is there twice");
        if (slot->number == NOTHING) {
            if (packing->paths.count >= (size_t)packing->limits->entries)
                return too_large(err, "files and folders", packing->limits->entries);
            slot->number = (uint32_t)of;
            packing->paths.count++;
        }
        if (!*end)
            return 0;
    }
}

/* --- entries --------------------------------------------------------------------------------- */

static int unreadable(const struct packing *packing, struct archive *archive, struct error *err)
{
    const char *reason = archive_error_string(archive);

    if (packing->cut)
        return error_set(err, ERROR_INTERNAL, "RESULT_FAILED", "the archive could not be received");
    return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED", "the archive could not be read: %s",
                     reason ? reason : "no reason");
}

static int copy_content(struct packing *packing, struct archive *archive, const char *name,
                        int64_t size, struct error *err)
{
    char block[8192];
    int64_t left = size;
    la_ssize_t got;

    while (left > 0 && (got = archive_read_data(archive, block, sizeof(block))) != 0) {
        if (got < 0)
            return unreadable(packing, archive, err);
        if (got > left)
            break;
        left -= got;
        packing->unpacked += got;
        if (packing->unpacked > RATIO_FROM && packing->unpacked / RATIO_MAX > packing->received)
            return error_set(err, ERROR_LIMIT, "JOB_RESULT_TOO_LARGE",
                             "the archive unpacks to more than %d times its size", RATIO_MAX);
        if (squeeze(packing, block, (size_t)got, Z_NO_FLUSH, err) < 0)
            return -1;
    }
    if (left != 0)
        return refuse(err, name, "has not as many bytes as its header says");
    return write_zeros(packing, pax_padding(size), err);
}

static int write_header(struct packing *packing, struct archive_entry *entry, struct pax_entry *out,
                        struct error *err)
{
    int64_t when = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : 0;
    long nanoseconds = archive_entry_mtime_is_set(entry) ? archive_entry_mtime_nsec(entry) : 0;
    _cleanup_(free_ptr) char *folder = out->type == 'd' ? xasprintf("%s/", out->path) : NULL;

    if (folder)
        out->path = folder; /* as tar writes it */
    out->mode = archive_entry_perm(entry) & 0777;
    out->mode |= out->type == 'd' ? 0700 : 0400; /* who unpacks it can read it */
    out->mtime.tv_sec = when < 0 ? 0 : when > TIME_MAX ? TIME_MAX : when;
    out->mtime.tv_nsec = nanoseconds < 0 || nanoseconds > 999999999 ? 0 : nanoseconds;
    buf_clear(&packing->headers);
    pax_write(&packing->headers, out);
    return squeeze(packing, packing->headers.data, packing->headers.length, Z_NO_FLUSH, err);
}

static char type_of(struct archive_entry *entry)
{
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return 'f';
    case AE_IFDIR:
        return 'd';
    case AE_IFLNK:
        return 'l';
    default:
        return '\0';
    }
}

static int check_entry(struct archive_entry *entry, const struct pax_entry *out, int depth,
                       struct error *err)
{
    if (archive_entry_hardlink(entry))
        return refuse(err, out->path, "is a hard link: pack the files with tar --hard-dereference");
    if (!out->type)
        return refuse(err, out->path,
                      "is neither a file, a folder nor a symbolic link: devices, pipes and sockets "
                      "are not taken");
    if (depth == 1 && out->type != 'd')
        return refuse(err, out->path, "is at the top, where only folders may be");
    if (out->type == 'l')
        return check_target(out->path, out->target, depth, err);
    return 0;
}

/* Takes the entry, whose name has no "./" before it and no slash behind it. */
static int take_entry(struct packing *packing, struct archive *archive, struct archive_entry *entry,
                      char *path, struct error *err)
{
    const char *target = archive_entry_symlink(entry);
    struct pax_entry out = {.type = type_of(entry), .path = path};
    int depth;

    if (out.type == 'l')
        out.target = (char *)(target ? target : "");
    if (out.type == 'f')
        out.size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    depth = check_text(path, path, err) < 0 ? -1 : check_path(path, err);
    if (depth < 0 || choose_part(packing, path, err) < 0 ||
        check_entry(entry, &out, depth, err) < 0 ||
        note_path(packing, path, out.type == 'd' ? FOLDER : OTHER, err) < 0)
        return -1;
    if (out.size < 0 || out.size > packing->limits->unpacked - packing->unpacked)
        return too_large(err, "bytes when it is unpacked", packing->limits->unpacked);
    packing->has_file |= out.type != 'd';
    if (write_header(packing, entry, &out, err) < 0)
        return -1;
    return out.type == 'f' ? copy_content(packing, archive, path, out.size, err) : 0;
}

static int read_entry(struct packing *packing, struct archive *archive, struct archive_entry *entry,
                      struct error *err)
{
    _cleanup_(free_ptr) char *copy = NULL;
    const char *name = archive_entry_pathname(entry);
    char *path;
    size_t length;

    if (++packing->entries > packing->limits->entries)
        return too_large(err, "files and folders", packing->limits->entries);
    if (!name)
        return refuse(err, "an entry", "has a name that cannot be read");
    copy = xstrdup(name);
    path = copy;
    while (path[0] == '.' && path[1] == '/')
        path += strspn(path + 1, "/") + 1;
    length = strlen(path);
    while (length > 1 && path[length - 1] == '/' && archive_entry_filetype(entry) == AE_IFDIR)
        path[--length] = '\0';
    /* The folder that was packed. */
    if ((path[0] == '\0' || strcmp(path, ".") == 0) && archive_entry_filetype(entry) == AE_IFDIR)
        return 0;
    return take_entry(packing, archive, entry, path, err);
}

/* --- in -------------------------------------------------------------------------------------- */

static la_ssize_t read_block(struct archive *archive, void *arg, const void **ret_block)
{
    struct packing *packing = arg;
    ssize_t got = packing->source->read(packing->source->arg, packing->in, sizeof(packing->in));

    if (got < 0) {
        packing->cut = true;
        archive_set_error(archive, EIO, "its end is missing");
        return ARCHIVE_FATAL;
    }
    packing->received += got;
    *ret_block = packing->in;
    return got;
}

/* As tar or tar.gz: what else libarchive could read nobody is told to send. */
static struct archive *open_archive(struct packing *packing, struct error *err)
{
    _cleanup_(close_archive) struct archive *archive = archive_read_new();

    archive_read_support_filter_gzip(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    if (archive_read_open(archive, packing, NULL, read_block, NULL) != ARCHIVE_OK) {
        unreadable(packing, archive, err);
        return NULL;
    }
    return TAKE_PTR(archive);
}

/* To the end of the input, so that whoever sends it is never left with a broken pipe. */
static int read_rest(struct packing *packing, struct error *err)
{
    ssize_t got;
    int64_t left = BLOCK * INT64_C(16); /* records are filled up with zeros */

    while ((got = packing->source->read(packing->source->arg, packing->in, sizeof(packing->in))) >
           0)
        if ((left -= got) < 0)
            return error_set(err, ERROR_INVALID, "JOB_RESULT_REFUSED",
                             "there is something behind the end of the archive");
    return got == 0 ? 0
                    : error_set(err, ERROR_INTERNAL, "RESULT_FAILED",
                                "the archive could not be received");
}

static int read_entries(struct packing *packing, struct error *err)
{
    _cleanup_(close_archive) struct archive *archive = open_archive(packing, err);
    struct archive_entry *entry;
    int status;

    if (!archive)
        return -1;
    while ((status = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF) {
        /* A warning is about names that the locale can't show, which come as they are. */
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return unreadable(packing, archive, err);
        if (read_entry(packing, archive, entry, err) < 0)
            return -1;
    }
    return read_rest(packing, err);
}

static void packing_free(struct packing *packing)
{
    deflateEnd(&packing->stream);
    test_index_release(&packing->paths);
    buf_release(&packing->headers);
    free(packing);
}

DEFINE_CLEANUP(struct packing *, free_packing, packing_free)

int result_pack(const struct reports_source *source, const struct result_limits *limits,
                const struct result_sink *sink, struct result_parts *ret_parts, int64_t *ret_bytes,
                struct error *err)
{
    _cleanup_(free_packing) struct packing *packing = xcalloc(1, sizeof(*packing));

    packing->source = source;
    packing->sink = sink;
    packing->limits = limits;
    packing->headers = (struct buf)BUF_INIT;
    test_index_init(&packing->paths);
    if (deflateInit2(&packing->stream, DEFLATE_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    packing->stream.next_out = (unsigned char *)packing->out;
    packing->stream.avail_out = sizeof(packing->out);
    if (read_entries(packing, err) < 0)
        return -1;
    if (!packing->has_file)
        return error_set(err, ERROR_NOT_FOUND, "JOB_NO_RESULT", "the archive has no file in it");
    if (begin_part(packing, "", err) < 0 || write_zeros(packing, 2 * PAX_BLOCK, err) < 0 ||
        end_part(packing, err) < 0)
        return -1;
    *ret_parts = packing->parts;
    *ret_bytes = packing->packed;
    return 0;
}

void result_answer(const struct reports_source *source, const struct result_limits *limits,
                   const struct result_sink *sink, struct buf *head)
{
    struct result_parts parts;
    struct error err = ERROR_INIT;
    int64_t bytes;

    if (result_pack(source, limits, sink, &parts, &bytes, &err) < 0)
        result_answer_write_error(head, &err);
    else
        result_answer_write_parts(head, bytes, &parts);
}
