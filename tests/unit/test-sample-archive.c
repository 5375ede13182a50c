/* Unit test of the archive that users download, read by libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "routes/sample_archive.h"
#include "unit.h"

static void make(const char *json, struct buf *archive, char etag[SAMPLE_ARCHIVE_ETAG_SIZE])
{
    const struct buf text = {.data = (char *)(uintptr_t)json, .length = strlen(json)};
    struct error err = ERROR_INIT;

    sample_archive_etag(&text, etag);
    CU_ASSERT_EQUAL_FATAL(sample_archive(&text, archive, &err), 0);
}

static struct archive *reader_of(const struct buf *bytes)
{
    struct archive *reader = archive_read_new();

    archive_read_support_format_tar(reader);
    archive_read_support_filter_gzip(reader);
    CU_ASSERT_EQUAL_FATAL(archive_read_open_memory(reader, bytes->data, bytes->length), ARCHIVE_OK);
    return reader;
}

/* Appends the names, with size and time, and the contents. */
static void unpack(const struct buf *bytes, struct buf *names, struct buf *contents)
{
    struct archive *reader = reader_of(bytes);
    struct archive_entry *entry;

    while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        size_t size = (size_t)archive_entry_size(entry);

        CU_ASSERT_EQUAL(archive_entry_perm(entry), 0644);
        buf_addf(names, "%s %zu %lld\n", archive_entry_pathname(entry), size,
                 (long long)archive_entry_mtime(entry));
        buf_reserve(contents, size);
        CU_ASSERT_EQUAL(archive_read_data(reader, contents->data + contents->length, size),
                        (la_ssize_t)size);
        contents->length += size;
    }
    CU_ASSERT_EQUAL(archive_errno(reader), 0);
    archive_read_free(reader);
}

static void the_same_sample_gives_the_same_archive(void)
{
    static const char json[] = "{\"created_at\":\"1970-01-01T00:01:00Z\",\"patch\":\"\","
                               "\"hints_text\":\"hint\",\"problem_statement\":\"p\\u00e4\"}";
    _cleanup_(buf_release) struct buf first = BUF_INIT, second = BUF_INIT, names = BUF_INIT;
    _cleanup_(buf_release) struct buf contents = BUF_INIT;
    char etag[SAMPLE_ARCHIVE_ETAG_SIZE], again[SAMPLE_ARCHIVE_ETAG_SIZE];

    make(json, &first, etag);
    make(json, &second, again);
    CU_ASSERT_EQUAL_FATAL(first.length, second.length);
    CU_ASSERT_EQUAL(memcmp(first.data, second.data, first.length), 0);
    CU_ASSERT_STRING_EQUAL(etag, again);
    CU_ASSERT_EQUAL(strlen(etag), sizeof(etag) - 1);
    CU_ASSERT(etag[0] == '"' && etag[sizeof(etag) - 2] == '"');
    CU_ASSERT_EQUAL(memcmp(first.data + 4, "\0\0\0\0", 4), 0); /* gzip's time (RFC 1952, 2.3.1) */
    unpack(&first, &names, &contents);
    CU_ASSERT_STRING_EQUAL(names.data, "sample.json 98 60\nproblem_statement.md 3 60\n"
                                       "hints.md 4 60\npatch.diff 0 60\ntest_patch.diff 0 60\n");
    CU_ASSERT_EQUAL(contents.length, sizeof(json) - 1 + 3 + 4);
    CU_ASSERT_EQUAL(memcmp(contents.data, json, sizeof(json) - 1), 0);
    CU_ASSERT_EQUAL(memcmp(contents.data + sizeof(json) - 1, "p\xc3\xa4hint", 7), 0);
}

static void another_sample_has_another_etag(void)
{
    _cleanup_(buf_release) struct buf first = BUF_INIT, second = BUF_INIT;
    char etag[SAMPLE_ARCHIVE_ETAG_SIZE], other[SAMPLE_ARCHIVE_ETAG_SIZE];

    make("{\"patch\":\"a\",\"created_at\":null}", &first, etag);
    make("{\"patch\":\"b\",\"created_at\":null}", &second, other);
    CU_ASSERT_STRING_NOT_EQUAL(etag, other);
}

/* What zlib can't make smaller is more than it is given room for at once. */
static void a_long_text_comes_out_whole(void)
{
    enum { LENGTH = 1 << 20 };
    _cleanup_(buf_release) struct buf json = BUF_INIT, archive = BUF_INIT, names = BUF_INIT;
    _cleanup_(buf_release) struct buf contents = BUF_INIT;
    _cleanup_(free_ptr) char *text = xmalloc(LENGTH);
    char etag[SAMPLE_ARCHIVE_ETAG_SIZE];
    unsigned seed = 1;

    for (size_t i = 0; i < LENGTH; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = (char)(' ' + (seed >> 16) % 90);
    }
    buf_add_str(&json, "{\"non_code_patch\":");
    json_write_string(&json, text, LENGTH);
    buf_add_char(&json, '}');
    make(json.data, &archive, etag);
    unpack(&archive, &names, &contents);
    CU_ASSERT_PTR_NOT_NULL(strstr(names.data, "non_code_patch.diff 1048576 0\n"));
    CU_ASSERT_EQUAL_FATAL(contents.length, json.length + LENGTH);
    CU_ASSERT_EQUAL(memcmp(contents.data, json.data, json.length), 0);
    CU_ASSERT_EQUAL(memcmp(contents.data + json.length, text, LENGTH), 0);
}

static const struct unit_test tests[] = {
    {"the same sample gives the same archive", the_same_sample_gives_the_same_archive},
    {"another sample has another ETag", another_sample_has_another_etag},
    {"a long text comes out whole", a_long_text_comes_out_whole},
};

int main(void)
{
    return UNIT_MAIN("sample archive", tests);
}
