/*
 * asker.h - codeset-engined, and the daemon's side of it: every question with its answer, awaited.
 */
#ifndef CODESET_TESTS_ENGINE_ASKER_H
#define CODESET_TESTS_ENGINE_ASKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "fixture.h"
#include "wire/container.h"

#define ASKER FIXTURE_ASKER
#define MIB (INT64_C(1) << 20)

/* Less than the least that the tests ask for, so that it shows. */
#define CAPS "memory_bytes = 128M\nprocesses = 100\n"

extern struct fixture fixture;
extern struct engine *engine;
extern const struct engine_limits limits; /* what is asked for */

void asker_open(void);
bool asker_close(void); /* false: something is left */

void run_engined(void);
void end_engined(int signal_number);
void restart_with(const char *more); /* lines of [engine] */

/* What a question came to. */
struct answer {
    bool done;
    enum error_kind failed;
    char code[64], message[512];
    bool running;
    char address[128], environment[1024], ended_code[64], ended_message[512];
    int64_t image_time, disk_bytes;
    size_t count;
    struct engine_watch **watch; /* to be taken from the answer, if not NULL */
    struct container_ref ref;
    struct answer *end; /* told of the container's end */
};

void on_done(const struct error *err, void *answer);
void on_described(const struct error *err, const struct engine_description *description,
                  void *answer);
void wait_for(const struct answer *answer);

/* Without waiting. disk_bytes 0: those of `limits`. */
void ask_start(const struct id *id, int64_t disk_bytes, struct answer *answer);

struct answer start(const struct id *id);
struct answer describe(const struct id *id, const char *image); /* image: as engine.h's */
void stop(const struct id *id);
size_t list(void);
int run(const struct id *id, const char *command); /* in the container; its exit status */

#endif
