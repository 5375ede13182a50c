/*
 * guest.h - containers of a fixture, and what a command in them says: for the one file of a test
 * program.
 */
#ifndef CODESET_TESTS_ENGINE_GUEST_H
#define CODESET_TESTS_ENGINE_GUEST_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "container/container.h"
#include "fixture.h"

static struct fixture fixture;

/* The command's output, without its last newline. The caller frees it. */
static inline char *output_of(const char *name, const char *command)
{
    struct buf out = BUF_INIT;

    CU_ASSERT_NOT_EQUAL(fixture_run(&fixture, name, command, &out), -1);
    if (out.length > 0 && out.data[out.length - 1] == '\n')
        buf_truncate(&out, out.length - 1);
    return out.length > 0 ? buf_take(&out) : xstrdup("");
}

static inline void check_output(const char *name, const char *command, const char *expected)
{
    _cleanup_(free_ptr) char *out = output_of(name, command);

    CU_ASSERT_STRING_EQUAL(out, expected);
    if (strcmp(out, expected) != 0)
        fprintf(stderr, "(%s: \"%s\", not \"%s\") ", command, out, expected);
}

static inline struct containers_usage usage_of(const char *name)
{
    struct containers_usage usage = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL(containers_usage(fixture.engine, name, &usage, &err), 0);
    return usage;
}

static inline pid_t init_of(const char *name)
{
    _cleanup_(free_ptr) char *folder = xasprintf("%s/%s", fixture.settings.engine.state_dir, name);
    pid_t pid = -1;

    CU_ASSERT_TRUE(container_runs(folder, &pid));
    return pid;
}

/* The first host id of what the container's user namespace maps, all of which must be one range. */
static inline long long first_id_of(const char *name)
{
    static const char *const maps[] = {"uid_map", "gid_map"};
    long long first[2] = {-1, -2};

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/%s", (int)init_of(name), maps[i]);
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err = ERROR_INIT;
        long long inside, count;

        CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
        CU_ASSERT_EQUAL(sscanf(text.data, "%lld %lld %lld", &inside, &first[i], &count), 3);
        CU_ASSERT_EQUAL(inside, 0);
        CU_ASSERT_EQUAL(count, 65536);
        CU_ASSERT_PTR_EQUAL(strchr(text.data, '\n'), text.data + text.length - 1);
    }
    CU_ASSERT_EQUAL(first[0], first[1]);
    return first[0];
}

static inline void start(const char *name)
{
    CU_ASSERT_EQUAL_FATAL(fixture_start(&fixture, name, "busybox", &fixture_limits), 0);
}

static inline void stop(const char *name)
{
    CU_ASSERT_EQUAL(fixture_stop(&fixture, name), 0);
}

/* Its pid 1 ends. */
static inline void die(const char *name)
{
    int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;

    kill(init_of(name), SIGKILL);
    while (usage_of(name).running && clock_monotonic() < deadline)
        sched_yield();
    CU_ASSERT_FALSE(usage_of(name).running);
}

#endif
