/*
 * Results of agents: archives that are made by hand, and what is kept of them. libarchive, which
 * reads them in the grader, also looks at what comes out: as a whole, and in every choice of parts.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "grade/rehearsal.h"
#include "grade/result.h"
#include "unit.h"
#include "wire/grader.h"

#include "base/banned.h"

#define BLOCK 512

static struct result_limits limits;
static struct result_parts parts;
static struct buf packed = BUF_INIT; /* what came out */
static struct error err;
static bool sink_fails;

/* --- in -------------------------------------------------------------------------------------- */

/* What libarchive's writer would not write is put together here. */
static void header(struct buf *out, char type, const char *name, const char *target, uint64_t size)
{
    unsigned char block[BLOCK] = {0};
    unsigned sum = 0;

    snprintf((char *)block, 100, "%s", name);
    memcpy(block + 100, "0006755\0000001750\0000001750", 24);
    snprintf((char *)block + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(block + 136, "14000000000", 11);
    memset(block + 148, ' ', 8);
    block[156] = (unsigned char)type;
    snprintf((char *)block + 157, 100, "%s", target ? target : "");
    memcpy(block + 257, "ustar\00000bob", 11);
    for (size_t i = 0; i < BLOCK; i++)
        sum += block[i];
    snprintf((char *)block + 148, 7, "%06o", sum);
    buf_add(out, block, BLOCK);
}

static void content(struct buf *out, const char *text, size_t length)
{
    buf_add(out, text, length);
    while (out->length % BLOCK != 0)
        buf_add_char(out, '\0');
}

static void file(struct buf *out, const char *name, const char *text)
{
    header(out, '0', name, NULL, strlen(text));
    content(out, text, strlen(text));
}

static void folder(struct buf *out, const char *name)
{
    header(out, '5', name, NULL, 0);
}

static void symlink_to(struct buf *out, const char *name, const char *target)
{
    header(out, '2', name, target, 0);
}

/* A pax record before the next entry. */
static void record(struct buf *out, const char *key, const char *value)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    size_t bare = strlen(key) + strlen(value) + 3, total = bare + 2;

    if (total > 99)
        total++;
    buf_addf(&text, "%zu %s=%s\n", total, key, value);
    header(out, 'x', "pax", NULL, text.length);
    content(out, text.data, text.length);
}

static void end(struct buf *out)
{
    static const char zeros[2 * BLOCK];

    buf_add(out, zeros, sizeof(zeros));
}

struct rest {
    const char *bytes;
    size_t length;
    bool breaks; /* instead of an end */
};

static ssize_t read_rest(void *arg, void *bytes, size_t size)
{
    struct rest *rest = arg;

    if (rest->length == 0 && rest->breaks)
        return -1;
    size = size < rest->length ? size : rest->length;
    size = size < 777 ? size : 777; /* pieces as a pipe may give them */
    memcpy(bytes, rest->bytes, size);
    rest->bytes += size;
    rest->length -= size;
    return (ssize_t)size;
}

static int keep(void *arg, const void *bytes, size_t length, struct error *error)
{
    (void)arg;
    if (sink_fails)
        return error_set(error, ERROR_INTERNAL, NULL, "no room");
    buf_add(&packed, bytes, length);
    return 0;
}

static const struct result_sink sink = {.write = keep};

static int pack(const struct buf *archive)
{
    struct rest rest = {.bytes = archive->data, .length = archive->length};
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    int64_t bytes = 0;
    int rc;

    buf_clear(&packed);
    error_clear(&err);
    memset(&parts, 0, sizeof(parts));
    rc = result_pack(&source, &limits, &sink, &parts, &bytes, &err);
    if (rc == 0) {
        CU_ASSERT_EQUAL(bytes, (int64_t)packed.length);
        CU_ASSERT_EQUAL(rest.length, 0);
    }
    return rc;
}

static void set_up(void)
{
    limits = (struct result_limits){.packed = 1 << 20, .unpacked = 1 << 20, .entries = 100};
}

static void refused(const struct buf *archive, const char *code, const char *why)
{
    struct buf whole = BUF_INIT;

    buf_add(&whole, archive->data, archive->length);
    end(&whole);
    CU_ASSERT_EQUAL(pack(&whole), -1);
    if (!err.code || strcmp(err.code, code) != 0 || !strstr(err.message, why))
        fprintf(stderr, "%s: %s\n", err.code ? err.code : "-", err.message);
    CU_ASSERT_TRUE(err.code && strcmp(err.code, code) == 0 && strstr(err.message, why));
    buf_release(&whole);
}

/* The one entry, behind a folder that is all right. */
static void refused_entry(char type, const char *name, const char *target, const char *why)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;

    file(&archive, "fine/file", "x");
    header(&archive, type, name, target, 0);
    refused(&archive, "JOB_RESULT_REFUSED", why);
}

/* --- out ------------------------------------------------------------------------------------- */

/* "type mode uid mtime name[->target] content\n" of each entry. */
static void list(const char *bytes, size_t length, struct buf *out)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int status;

    archive_read_support_filter_gzip(archive);
    archive_read_support_format_tar(archive);
    CU_ASSERT_EQUAL_FATAL(archive_read_open_memory(archive, bytes, length), ARCHIVE_OK);
    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK ||
           status == ARCHIVE_WARN) {
        char text[256];
        la_ssize_t got = archive_read_data(archive, text, sizeof(text) - 1);

        text[got > 0 ? got : 0] = '\0';
        buf_addf(out, "%o %o %lld %lld.%ld %s%s%s %s\n", (unsigned)archive_entry_filetype(entry),
                 (unsigned)archive_entry_perm(entry), (long long)archive_entry_uid(entry),
                 (long long)archive_entry_mtime(entry), archive_entry_mtime_nsec(entry),
                 archive_entry_pathname(entry), archive_entry_symlink(entry) ? "->" : "",
                 archive_entry_symlink(entry) ? archive_entry_symlink(entry) : "", text);
    }
    CU_ASSERT_EQUAL(status, ARCHIVE_EOF);
    archive_read_free(archive);
}

static void holds(const struct buf *archive, const char *expected)
{
    _cleanup_(buf_release) struct buf listed = BUF_INIT;

    if (pack(archive) < 0)
        fprintf(stderr, "%s\n", err.message);
    CU_ASSERT_EQUAL_FATAL(err.kind, ERROR_NONE);
    list(packed.data, packed.length, &listed);
    CU_ASSERT_STRING_EQUAL(listed.data, expected);
}

static void owners_and_set_id_bits_are_dropped_and_times_kept(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;

    set_up();
    folder(&archive, "./");
    folder(&archive, "./agent/");
    record(&archive, "mtime", "1700000000.25");
    file(&archive, "./agent/file", "content");
    symlink_to(&archive, "./agent/link", "file");
    end(&archive);
    holds(&archive, "40000 755 0 1610612736.0 agent/ \n"
                    "100000 755 0 1700000000.250000000 agent/file content\n"
                    "120000 755 0 1610612736.0 agent/link->file \n");
}

static void every_choice_of_parts_is_an_archive(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;

    set_up();
    file(&archive, "one/x", "1");
    file(&archive, "common/x", "2");
    file(&archive, "two/x", "3");
    end(&archive);
    CU_ASSERT_EQUAL_FATAL(pack(&archive), 0);
    CU_ASSERT_EQUAL_FATAL(parts.count, 4);
    CU_ASSERT_STRING_EQUAL(parts.parts[0].name, "one");
    CU_ASSERT_STRING_EQUAL(parts.parts[1].name, "common");
    CU_ASSERT_STRING_EQUAL(parts.parts[3].name, "");
    for (unsigned choice = 0; choice < 8; choice++) {
        _cleanup_(buf_release) struct buf some = BUF_INIT, listed = BUF_INIT;
        size_t lines = 0;

        for (size_t i = 0; i < 4; i++) {
            if (i == 3 || choice >> i & 1)
                buf_add(&some, packed.data + parts.parts[i].offset, (size_t)parts.parts[i].length);
        }
        list(some.data, some.length, &listed);
        for (size_t i = 0; i < listed.length; i++)
            lines += listed.data[i] == '\n';
        CU_ASSERT_EQUAL(lines, (size_t)__builtin_popcount(choice));
    }
}

static void long_names_and_those_of_other_languages_are_kept(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    char longest[200], expected[300];

    set_up();
    memset(longest, 'd', sizeof(longest));
    memcpy(longest, "agent/", 6);
    longest[sizeof(longest) - 1] = '\0';
    record(&archive, "path", longest);
    file(&archive, "agent/short", "1");
    record(&archive, "path", "agent/\346\227\245\346\234\254");
    file(&archive, "agent/other", "2");
    file(&archive, "agent/r\303\251p", "3");
    end(&archive);
    snprintf(expected, sizeof(expected), "%s 1\n", longest);
    CU_ASSERT_EQUAL_FATAL(pack(&archive), 0);
    {
        _cleanup_(buf_release) struct buf listed = BUF_INIT;

        list(packed.data, packed.length, &listed);
        CU_ASSERT_PTR_NOT_NULL(strstr(listed.data, expected));
        CU_ASSERT_PTR_NOT_NULL(strstr(listed.data, "agent/\346\227\245\346\234\254 2\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(listed.data, "agent/r\303\251p 3\n"));
    }
}

static void names_that_lead_elsewhere_are_refused(void)
{
    set_up();
    refused_entry('0', "/etc/passwd", NULL, "absolute");
    refused_entry('0', "fine/../../etc/passwd", NULL, "\"..\"");
    refused_entry('0', "../x", NULL, "\"..\"");
    refused_entry('0', "fine//x", NULL, "empty part");
    refused_entry('0', "fine/./x", NULL, "\".\"");
    refused_entry('0', "fine/x\n", NULL, "control character");
    refused_entry('0', "fine/x\377", NULL, "not UTF-8");
    refused_entry('0', "", NULL, "empty part");
}

static void at_the_top_are_folders_with_proper_names(void)
{
    set_up();
    refused_entry('0', "file", NULL, "at the top");
    refused_entry('2', "link", "fine", "at the top");
    refused_entry('5', "Upper", NULL, "no proper name");
    refused_entry('5', "-x", NULL, "no proper name");
    refused_entry('0', "a b/x", NULL, "no proper name");
    refused_entry('0', "a.b/x", NULL, "no proper name");
    refused_entry('0', "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x", NULL,
                  "no proper name");
}

static void what_is_no_file_folder_or_link_is_refused(void)
{
    set_up();
    refused_entry('1', "fine/hard", "fine/file", "hard link");
    refused_entry('3', "fine/device", NULL, "neither");
    refused_entry('4', "fine/device", NULL, "neither");
    refused_entry('6', "fine/pipe", NULL, "neither");
}

static void links_stay_in_their_folder(void)
{
    static const char *const leading_out[] = {"/etc/passwd", "..",        "../x", "../../x",
                                              "./../x",      "d/../../x", "x/..", ""};
    _cleanup_(buf_release) struct buf archive = BUF_INIT;

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(leading_out); i++)
        refused_entry('2', "fine/link", leading_out[i], "link");
    refused_entry('2', "fine/d/link", "../../x", "out of its folder");
    symlink_to(&archive, "fine/link", "./d/x");
    symlink_to(&archive, "fine/d/e/up", "../../x");
    symlink_to(&archive, "fine/d/up", "..");
    end(&archive);
    CU_ASSERT_EQUAL(pack(&archive), 0);
}

static void nothing_is_laid_through_a_link(void)
{
    _cleanup_(buf_release) struct buf through = BUF_INIT, instead = BUF_INIT, again = BUF_INIT;

    set_up();
    symlink_to(&through, "a/link", "d");
    file(&through, "a/link/x", "1");
    refused(&through, "JOB_RESULT_REFUSED", "not a folder");
    file(&instead, "a/d/x", "1");
    symlink_to(&instead, "a/d", "e");
    refused(&instead, "JOB_RESULT_REFUSED", "twice");
    file(&again, "a/x", "1");
    file(&again, "a/x", "2");
    refused(&again, "JOB_RESULT_REFUSED", "twice");
}

static void a_folder_is_in_one_piece(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;

    set_up();
    file(&archive, "a/x", "1");
    file(&archive, "b/x", "1");
    file(&archive, "a/y", "1");
    refused(&archive, "JOB_RESULT_REFUSED", "one piece");
}

static void there_are_so_many_folders_at_the_top(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    char name[16];

    set_up();
    limits.entries = 1000;
    for (int i = 0; i < 65; i++) {
        snprintf(name, sizeof(name), "f%d/x", i);
        file(&archive, name, "1");
    }
    refused(&archive, "JOB_RESULT_REFUSED", "64");
}

static void limits_are_kept(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT, deep = BUF_INIT, large = BUF_INIT;

    set_up();
    limits.entries = 3;
    file(&archive, "a/1", "1");
    file(&archive, "a/2", "1");
    file(&archive, "a/3", "1");
    file(&archive, "a/4", "1");
    refused(&archive, "JOB_RESULT_TOO_LARGE", "3 files and folders");
    /* Folders that are only named count as well. */
    file(&deep, "a/b/c/d/e", "1");
    refused(&deep, "JOB_RESULT_TOO_LARGE", "3 files and folders");
    set_up();
    limits.unpacked = 4;
    file(&large, "a/1", "123");
    file(&large, "a/2", "12");
    refused(&large, "JOB_RESULT_TOO_LARGE", "4 bytes");
    set_up();
    limits.packed = 100;
    refused(&large, "JOB_RESULT_TOO_LARGE", "100 bytes");
}

/* Its size is what the header says, and it is not believed. */
static void a_size_that_is_not_there_is_refused(void)
{
    _cleanup_(buf_release) struct buf huge = BUF_INIT, cut = BUF_INIT;

    set_up();
    header(&huge, '0', "a/huge", NULL, UINT64_C(1) << 32);
    refused(&huge, "JOB_RESULT_TOO_LARGE", "bytes");
    header(&cut, '0', "a/cut", NULL, 100000);
    content(&cut, "only so much", 12);
    CU_ASSERT_EQUAL(pack(&cut), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "JOB_RESULT_REFUSED");
}

static void a_bomb_is_noticed(void)
{
    _cleanup_(free_ptr) char *zeros = xcalloc(1, 1 << 20);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    struct buf bomb = BUF_INIT;
    size_t used = 0;

    set_up();
    limits.unpacked = INT64_C(1) << 30;
    buf_reserve(&bomb, 4 << 20);
    archive_write_add_filter_gzip(archive);
    archive_write_set_format_ustar(archive);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_memory(archive, bomb.data, 4 << 20, &used),
                          ARCHIVE_OK);
    archive_entry_set_pathname(entry, "a/zeros");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, 200 << 20);
    CU_ASSERT_EQUAL(archive_write_header(archive, entry), ARCHIVE_OK);
    for (int i = 0; i < 200; i++)
        archive_write_data(archive, zeros, 1 << 20);
    archive_write_close(archive);
    archive_write_free(archive);
    archive_entry_free(entry);
    bomb.length = used;
    CU_ASSERT_EQUAL(pack(&bomb), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "JOB_RESULT_TOO_LARGE");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "times its size"));
    buf_release(&bomb);
}

static void without_a_file_there_is_no_result(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT, nothing = BUF_INIT;

    set_up();
    folder(&archive, "a/");
    folder(&archive, "common/");
    refused(&archive, "JOB_NO_RESULT", "no file");
    CU_ASSERT_EQUAL(pack(&nothing), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "JOB_NO_RESULT");
}

static void what_is_no_archive_is_refused(void)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT, behind = BUF_INIT;

    set_up();
    buf_add_str(&text, "this is no archive, however long it goes on");
    CU_ASSERT_EQUAL(pack(&text), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "JOB_RESULT_REFUSED");
    file(&behind, "a/x", "1");
    end(&behind);
    for (int i = 0; i < 3000; i++)
        buf_addf(&behind, "%01000d", i);
    CU_ASSERT_EQUAL(pack(&behind), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "JOB_RESULT_REFUSED");
}

static void what_breaks_is_no_fault_of_the_archive(void)
{
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    struct rest rest;
    const struct reports_source source = {.read = read_rest, .arg = &rest};
    int64_t bytes;

    set_up();
    file(&archive, "a/x", "1");
    rest = (struct rest){.bytes = archive.data, .length = archive.length, .breaks = true};
    CU_ASSERT_EQUAL(result_pack(&source, &limits, &sink, &parts, &bytes, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "RESULT_FAILED");
    end(&archive);
    sink_fails = true;
    CU_ASSERT_EQUAL(pack(&archive), -1);
    CU_ASSERT_STRING_EQUAL(err.code, "RESULT_FAILED");
    sink_fails = false;
}

static void the_rehearsal_succeeds(void)
{
    CU_ASSERT_EQUAL(rehearse_result(&err), 0);
}

/* --- the answer ------------------------------------------------------------------------------ */

static int parse(const char *head)
{
    struct result_answer answer;

    return result_answer_parse(head, strlen(head), &answer, &err);
}

static void answers_are_read_as_hostile(void)
{
    CU_ASSERT_EQUAL(parse("{\"bytes\":9,\"parts\":[{\"name\":\"a\",\"offset\":0,\"length\":5},"
                          "{\"name\":\"\",\"offset\":5,\"length\":4}]}"),
                    0);
    CU_ASSERT_EQUAL(parse("{\"code\":\"JOB_NO_RESULT\",\"message\":\"m\"}"), 0);
    CU_ASSERT_EQUAL(parse("{\"code\":\"OTHER\",\"message\":\"m\"}"), -1);
    CU_ASSERT_EQUAL(parse("{\"code\":\"JOB_NO_RESULT\",\"message\":\"m\",\"x\":1}"), -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":9,\"parts\":[]}"), -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":4,\"parts\":[{\"name\":\"\",\"offset\":0,\"length\":4}]}"),
                    -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":10,\"parts\":[{\"name\":\"a\",\"offset\":0,\"length\":5},"
                          "{\"name\":\"\",\"offset\":5,\"length\":4}]}"),
                    -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":9,\"parts\":[{\"name\":\"a\",\"offset\":0,\"length\":5},"
                          "{\"name\":\"\",\"offset\":6,\"length\":4}]}"),
                    -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":9,\"parts\":[{\"name\":\"../a\",\"offset\":0,\"length\":5},"
                          "{\"name\":\"\",\"offset\":5,\"length\":4}]}"),
                    -1);
    CU_ASSERT_EQUAL(parse("{\"bytes\":14,\"parts\":[{\"name\":\"a\",\"offset\":0,\"length\":5},"
                          "{\"name\":\"a\",\"offset\":5,\"length\":5},"
                          "{\"name\":\"\",\"offset\":10,\"length\":4}]}"),
                    -1);
    CU_ASSERT_EQUAL(parse("[]"), -1);
    CU_ASSERT_EQUAL(parse(""), -1);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"the rehearsal succeeds", the_rehearsal_succeeds},
        {"owners and set-id bits are dropped, and times kept",
         owners_and_set_id_bits_are_dropped_and_times_kept},
        {"every choice of parts is an archive", every_choice_of_parts_is_an_archive},
        {"long names and those of other languages are kept",
         long_names_and_those_of_other_languages_are_kept},
        {"names that lead elsewhere are refused", names_that_lead_elsewhere_are_refused},
        {"at the top are folders with proper names", at_the_top_are_folders_with_proper_names},
        {"what is no file, folder or link is refused", what_is_no_file_folder_or_link_is_refused},
        {"links stay in their folder", links_stay_in_their_folder},
        {"nothing is laid through a link", nothing_is_laid_through_a_link},
        {"a folder is in one piece", a_folder_is_in_one_piece},
        {"there are so many folders at the top", there_are_so_many_folders_at_the_top},
        {"limits are kept", limits_are_kept},
        {"a size that is not there is refused", a_size_that_is_not_there_is_refused},
        {"a bomb is noticed", a_bomb_is_noticed},
        {"without a file there is no result", without_a_file_there_is_no_result},
        {"what is no archive is refused", what_is_no_archive_is_refused},
        {"what breaks is no fault of the archive", what_breaks_is_no_fault_of_the_archive},
        {"answers are read as hostile", answers_are_read_as_hostile},
    };
    int status = UNIT_MAIN("results", tests);

    buf_release(&packed);
    return status;
}
