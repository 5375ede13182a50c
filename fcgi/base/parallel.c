#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/banned.h"

#define THREADS_MOST 8

struct loop {
    size_t count;
    atomic_size_t next;
    void (*work)(size_t i, void *arg);
    void *arg;
};

static void *run(void *arg)
{
    struct loop *loop = arg;

    for (size_t i; (i = atomic_fetch_add(&loop->next, 1)) < loop->count;)
        loop->work(i, loop->arg);
    return NULL;
}

static size_t threads_for(size_t count)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = processors < 1              ? 1
                  : processors > THREADS_MOST ? THREADS_MOST
                                              : (size_t)processors;

    return count < most ? count : most;
}

void parallel_each(size_t count, void (*work)(size_t i, void *arg), void *arg)
{
    struct loop loop = {.count = count, .work = work, .arg = arg};
    pthread_t threads[THREADS_MOST];
    size_t wanted = threads_for(count), started = 0;

    /* This thread is one of them. */
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, run, &loop) == 0)
        started++;
    run(&loop);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
