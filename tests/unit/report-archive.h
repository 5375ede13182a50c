/*
 * report-archive.h - archives of report files, as the agent of a grading container sends them.
 */
#ifndef CODESET_TESTS_REPORT_ARCHIVE_H
#define CODESET_TESTS_REPORT_ARCHIVE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "unit.h"

#define REPORT_PASSES                                                                              \
    "<testsuite name='s'><testcase classname='c' name='a'/><testcase classname='c' name='b'/>"     \
    "</testsuite>"
#define REPORT_FAILS                                                                               \
    "<testsuite name='s'><testcase classname='c' name='a'><failure message='no'/></testcase>"      \
    "</testsuite>"

static inline int memory_file(void)
{
    int fd = memfd_create("reports", MFD_CLOEXEC);

    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

static inline struct archive *begin_archive(int fd)
{
    struct archive *archive = archive_write_new();

    archive_write_set_format_pax(archive);
    archive_write_set_bytes_per_block(archive, 512);
    CU_ASSERT_EQUAL_FATAL(archive_write_open_fd(archive, fd), ARCHIVE_OK);
    return archive;
}

static inline void end_archive(struct archive *archive)
{
    CU_ASSERT_EQUAL(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static inline void add_entry(struct archive *archive, const char *name, unsigned type,
                             int64_t changed, const char *content, size_t length)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, type == AE_IFREG ? (la_int64_t)length : 0);
    archive_entry_set_mtime(entry, changed / CLOCK_SECOND, 0);
    if (changed)
        archive_entry_set_ctime(entry, changed / CLOCK_SECOND, changed % CLOCK_SECOND * 1000);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(entry, content);
    CU_ASSERT_EQUAL(archive_write_header(archive, entry), ARCHIVE_OK);
    if (type == AE_IFREG)
        CU_ASSERT_EQUAL(archive_write_data(archive, content, length), (la_ssize_t)length);
    archive_entry_free(entry);
}

static inline void add_file(struct archive *archive, const char *name, int64_t changed,
                            const char *content)
{
    add_entry(archive, name, AE_IFREG, changed, content, strlen(content));
}

/* The archive of one file. */
static inline int archive_of(int64_t changed, const char *content)
{
    int fd = memory_file();
    struct archive *archive = begin_archive(fd);

    add_file(archive, "report.xml", changed, content);
    end_archive(archive);
    return fd;
}

#endif
