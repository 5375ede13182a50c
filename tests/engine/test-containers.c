#include <string.h>

#include "../unit/unit.h"
#include "base/cleanup.h"
#include "world.h"

#include "base/banned.h"

static struct world world;

static void test_starts_and_stops(void)
{
    _cleanup_(buf_release)
    struct buf out = BUF_INIT;
    struct engine_usage usage = {0};
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(world_start(&world, "one", "busybox", &world_limits), 0);
    CU_ASSERT_EQUAL(world_run(&world, "one", "id -u; cat /etc/passwd", &out), 0);
    CU_ASSERT_STRING_EQUAL(out.data, "0\nroot:x:0:0:root:/:/bin/sh\n");
    CU_ASSERT_EQUAL(engine_usage(world.engine, "one", &usage, &err), 0);
    CU_ASSERT_TRUE(usage.running);
    CU_ASSERT_TRUE(usage.processes >= 1);
    CU_ASSERT_TRUE(usage.memory_bytes > 0);
    CU_ASSERT_EQUAL(usage.oom_kills, 0);
    CU_ASSERT_EQUAL(world_stop(&world, "one"), 0);
}

static const struct unit_test tests[] = {
    {"a container starts, answers, is measured, and stops", test_starts_and_stops},
};

int main(void)
{
    int failed;

    world_open(&world, "c");
    failed = UNIT_MAIN("containers", tests);
    return world_close(&world) ? failed : 1;
}
