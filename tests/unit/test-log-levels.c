/* The setting [log] level, and what is written at each. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "settings.h"
#include "unit.h"

#include "base/banned.h"

/* Reads a file of this text; -1 with the reason in *err. */
static int load(const char *text, struct settings *settings, struct error *err)
{
    _cleanup_(close_fd) int fd = memfd_create("codeset.conf", MFD_CLOEXEC);
    _cleanup_(free_ptr) char *path = xasprintf("/proc/self/fd/%d", fd);

    CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return settings_load(path, settings, err);
}

static void expect_level(const char *text, int expected)
{
    _cleanup_(settings_release) struct settings settings = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(load(text, &settings, &err), 0);
    CU_ASSERT_EQUAL(settings.log.level, expected);
}

static void each_word_is_a_level(void)
{
    expect_level("", LOG_INFO);
    expect_level("[log]\nlevel = error\n", LOG_ERROR);
    expect_level("[log]\nlevel = warning\n", LOG_WARNING);
    expect_level("[log]\nlevel = info\n", LOG_INFO);
    expect_level("[log]\nlevel = debug\n", LOG_DEBUG);
    expect_level("[log]\nlevel = Warning\n", LOG_WARNING);
}

static void another_word_is_refused(void)
{
    static const char *const words[] = {"", "err", "warnings", "7", "info debug"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        _cleanup_(settings_release) struct settings settings = {0};
        _cleanup_(free_ptr) char *text = xasprintf("[log]\nlevel = %s\n", words[i]);
        _cleanup_(free_ptr) char *reason =
            xasprintf(":2: log.level must be error, warning, info or debug, not \"%s\"", words[i]);
        struct error err = ERROR_INIT;

        CU_ASSERT_EQUAL(load(text, &settings, &err), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
    }
}

/* What is written to standard error at this level, when there is a line of each. */
static void write_lines(enum log_level level, struct buf *ret_lines)
{
    _cleanup_(close_fd) int file = memfd_create("stderr", MFD_CLOEXEC);
    _cleanup_(close_fd) int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    _cleanup_(free_ptr) char *path = xasprintf("/proc/self/fd/%d", file);
    struct error failure = {.kind = ERROR_INTERNAL, .message = "it failed"};
    struct error err = ERROR_INIT;

    CU_ASSERT_FATAL(dup2(file, STDERR_FILENO) == STDERR_FILENO);
    log_open("test", LOG_INFO);
    log_limit(level);
    log_event(LOG_DEBUG, "found", "n=%d", 1);
    log_event(LOG_INFO, "done", "n=%d", 2);
    log_event(LOG_WARNING, "odd", "n=%d", 3);
    log_error("failed", &failure);
    CU_ASSERT_FATAL(dup2(own, STDERR_FILENO) == STDERR_FILENO);
    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 10000, ret_lines, &err), 0);
}

static void a_level_leaves_out_what_is_less_important(void)
{
    static const char *const lines[] = {
        "<7>program=test event=found n=1\n", "<6>program=test event=done n=2\n",
        "<4>program=test event=odd n=3\n",
        "<3>program=test event=failed kind=\"internal\" code=- message=\"it failed\"\n"};
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};

    for (size_t first = 0; first < ARRAY_SIZE(levels); first++) {
        _cleanup_(buf_release) struct buf written = BUF_INIT;
        _cleanup_(buf_release) struct buf expected = BUF_INIT;

        write_lines(levels[first], &written);
        for (size_t i = first; i < ARRAY_SIZE(lines); i++)
            buf_add_str(&expected, lines[i]);
        CU_ASSERT_STRING_EQUAL(written.data, expected.data);
    }
}

static const struct unit_test tests[] = {
    {"[log] level takes the words of the manual, and is info", each_word_is_a_level},
    {"another word is refused, with the words that are right", another_word_is_refused},
    {"a level leaves out what is less important, and nothing else",
     a_level_leaves_out_what_is_less_important},
};

int main(void)
{
    return UNIT_MAIN("log-levels", tests);
}
