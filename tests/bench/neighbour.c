/*
 * What a neighbour costs: exec in one session while another spins, writes, or both. Beside it a
 * chain of processes that hand on a byte as often as an exec changes from one process to another.
 * It has nothing of ours, no database and no disk: what it loses to the neighbour, the machine
 * takes.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"
#include "fixture.h"

#include "base/banned.h"

#define TURNS_MOST 10
#define LINKS 5
#define TRIPS 12 /* 60 changes of process and a few more, as an exec has */
#define WORK_NS (50 * (CLOCK_SECOND / 1000000)) /* of each link at each trip: 3 ms in all */

#define SPIN "for i in 1 2 3 4; do (while [ ! -e /tmp/stop ]; do :; done) & done; "
#define WRITE                                                                                      \
    "while [ ! -e /tmp/stop ]; do "                                                                \
    "dd if=/dev/zero of=/tmp/written bs=1M count=64 conv=fsync 2>/dev/null; done; "

/* Four loops that never wait, one that writes and has it put down, and both, until they are told:
 * the first shows what the processors' turns cost, the second what the disk's do. */
static const struct noise {
    const char *what, *command, *target;
} noises[] = {
    {"spins", SPIN "wait", ""},
    {"writes", WRITE, ""},
    {"spins and writes", SPIN WRITE "wait", "p99 <= 2.0"},
};

struct measured {
    struct series exec, chain;
};

static int chain_in, chain_out; /* the first link's end to write, the last one's to read */

/* One link: takes a byte, works a little, hands it on; ends with the chain, or with the program. */
static _Noreturn void link_run(int in, int out)
{
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    while (read(in, &byte, 1) == 1) {
        int64_t end = clock_monotonic() + WORK_NS;

        while (clock_monotonic() < end)
            continue;
        if (write(out, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static void chain_open(void)
{
    int ends[LINKS + 1][2];

    for (int i = 0; i <= LINKS; i++)
        if (pipe(ends[i]) < 0)
            bench_fail("no pipe");
    for (int i = 0; i < LINKS; i++) {
        pid_t pid = fork();

        if (pid < 0)
            bench_fail("no process");
        if (pid > 0)
            continue;
        for (int other = 0; other <= LINKS; other++) {
            if (other != i)
                close(ends[other][0]);
            if (other != i + 1)
                close(ends[other][1]);
        }
        link_run(ends[i][0], ends[i + 1][1]);
    }
    chain_in = ends[0][1];
    chain_out = ends[LINKS][0];
    for (int i = 0; i <= LINKS; i++) {
        if (ends[i][0] != chain_out)
            close(ends[i][0]);
        if (ends[i][1] != chain_in)
            close(ends[i][1]);
    }
}

static void chain_close(void)
{
    close(chain_in);
    close(chain_out);
}

static double chain_once(void)
{
    int64_t begun = clock_monotonic();
    char byte = 0;

    for (int trip = 0; trip < TRIPS; trip++)
        if (write(chain_in, &byte, 1) != 1 || read(chain_out, &byte, 1) != 1)
            bench_fail("the chain broke");
    return (double)(clock_monotonic() - begun) / CLOCK_SECOND;
}

static int turns(void)
{
    return bench_rounds < TURNS_MOST ? bench_rounds : TURNS_MOST;
}

/* In turns, so that what else the machine does weighs on both alike. */
static void measure(const char *session, struct measured *measured)
{
    for (int round = 0; round < 4 * bench_rounds / turns(); round++) {
        series_add(&measured->exec, bench_exec_once(session));
        series_add(&measured->chain, chain_once());
    }
}

static double tails(const struct series *loud, const struct series *quiet)
{
    return series_percentile(loud, 99) / series_percentile(quiet, 99);
}

static void tell(const struct noise *noise, const struct measured *loud,
                 const struct measured *quiet)
{
    double ours, machine;
    char what[80];

    snprintf(what, sizeof(what), "exec, a neighbour %s : quiet", noise->what);
    table_row(what, &loud->exec, &quiet->exec, "ms", 1e3, noise->target);
    snprintf(what, sizeof(what), "bare chain, it %s : quiet", noise->what);
    table_row(what, &loud->chain, &quiet->chain, "ms", 1e3, "");
    ours = tails(&loud->exec, &quiet->exec);
    machine = tails(&loud->chain, &quiet->chain);
    table_note(
        "p99 beside the neighbour : p99 without = %.2f; of the bare chain %.2f; the one by the "
        "other %.2f",
        ours, machine, ours / machine);
}

static void beside(const struct noise *noise, const char *session, const char *neighbour)
{
    struct measured quiet = {0}, loud = {0};
    char command[512];

    snprintf(command, sizeof(command), "rm -f /tmp/stop; %s", noise->command);
    for (int turn = 0; turn < turns(); turn++) {
        struct ident at_it;

        measure(session, &quiet);
        at_it = exec_start(neighbour, command, 600);
        measure(session, &loud);
        answer_free(exec_run(neighbour, "touch /tmp/stop", 60));
        answer_free(interaction_wait(NULL, neighbour, at_it.text, 660));
    }
    tell(noise, &loud, &quiet);
    series_release(&quiet.exec);
    series_release(&quiet.chain);
    series_release(&loud.exec);
    series_release(&loud.chain);
}

/* The neighbour is another session; it is at it in every second turn. */
void bench_neighbour(void)
{
    struct ident id = bench_ready(), neighbour = bench_ready();

    chain_open();
    bench_exec_once(id.text);
    for (size_t i = 0; i < ARRAY_SIZE(noises); i++)
        beside(&noises[i], id.text, neighbour.text);
    chain_close();
    session_close(NULL, id.text);
    session_close(NULL, neighbour.text);
}
