/*
 * codeset-escape - what a session must not be able to do, tried in real sessions against a stack
 * that is up, with small caps so that floods end soon:
 *
 *     tests/stack up --set engine.memory_bytes=256M --set engine.disk_bytes=256M \
 *         --set engine.disk_inodes=8192 --set engine.processes=128
 *     codeset-escape [SUITE...]
 */
#include "escape_fixture.h"
#include "runner.h"

#include "base/banned.h"

extern const struct suite suite_floods, suite_limits, suite_host, suite_paths, suite_walls;

static const struct suite *const suites[] = {&suite_floods, &suite_limits, &suite_host,
                                             &suite_paths, &suite_walls};

int main(int argc, char **argv)
{
    return run_suites(suites, ARRAY_SIZE(suites), argc, argv, escape_end);
}
