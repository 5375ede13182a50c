#include "asker.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/oci.h"

#include "base/banned.h"

struct fixture fixture;
struct engine *engine;

static char lines[256]; /* of the settings that it runs with */

void run_engined(void)
{
    fixture_run_engined(&fixture, lines);
}

void end_engined(int signal_number)
{
    fixture_end_engined(&fixture, signal_number);
}

static void set_lines(const char *more)
{
    snprintf(lines, sizeof(lines), CAPS "%s", more);
}

void restart_with(const char *more)
{
    end_engined(SIGTERM);
    set_lines(more);
    run_engined();
}

/* --- asking as the daemon does --------------------------------------------------------------- */

static void note_error(struct answer *answer, const struct error *err)
{
    answer->done = true;
    if (err == NULL)
        return;
    answer->failed = err->kind;
    snprintf(answer->code, sizeof(answer->code), "%s", err->code ? err->code : "");
    snprintf(answer->message, sizeof(answer->message), "%s", err->message);
}

void on_done(const struct error *err, void *arg)
{
    note_error(arg, err);
}

static void on_ended(const char *code, const char *message, void *arg)
{
    struct answer *end = arg;

    end->done = true;
    snprintf(end->ended_code, sizeof(end->ended_code), "%s", code ? code : "");
    snprintf(end->ended_message, sizeof(end->ended_message), "%s", message ? message : "");
}

void on_described(const struct error *err, const struct engine_description *description, void *arg)
{
    struct answer *answer = arg;

    note_error(answer, err);
    if (err != NULL)
        return;
    answer->running = description->running;
    answer->image_time = description->image_time;
    answer->disk_bytes = description->disk_bytes;
    snprintf(answer->address, sizeof(answer->address), "%s", description->address);
    snprintf(answer->environment, sizeof(answer->environment), "%s", description->environment);
    snprintf(answer->ended_code, sizeof(answer->ended_code), "%s",
             description->ended_code ? description->ended_code : "");
    if (answer->watch != NULL)
        *answer->watch =
            engine_watch(engine, answer->ref.kind, &answer->ref.id, on_ended, answer->end);
}

static void on_listed(const struct error *err, const struct container_ref *containers, size_t count,
                      void *arg)
{
    struct answer *answer = arg;

    (void)containers;
    note_error(answer, err);
    answer->count = count;
}

void wait_for(const struct answer *answer)
{
    if (fixture_wait(&fixture, &answer->done, 180))
        return;
    fprintf(stderr, "the engine did not call back\n");
    abort();
}

const struct engine_limits limits = {.memory_bytes = 64 << 20,
                                     .disk_bytes = 64 << 20,
                                     .disk_inodes = 4096,
                                     .processes = 64,
                                     .cpu_millicores = 1000};

void ask_start(const struct id *id, int64_t disk_bytes, struct answer *answer)
{
    struct engine_start start = {
        .kind = CONTAINER_SESSION, .id = *id, .image = "busybox", .limits = limits};

    if (disk_bytes != 0)
        start.limits.disk_bytes = disk_bytes;
    answer->ref = (struct container_ref){.kind = CONTAINER_SESSION, .id = *id};
    engine_start(engine, &start, on_described, answer);
}

struct answer start(const struct id *id)
{
    struct answer answer = {.done = false};

    ask_start(id, 0, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    return answer;
}

struct answer describe(const struct id *id, const char *image)
{
    struct answer answer = {.done = false};

    engine_describe(engine, CONTAINER_SESSION, id, image, on_described, &answer);
    wait_for(&answer);
    return answer;
}

void stop(const struct id *id)
{
    struct answer answer = {.done = false};

    engine_stop(engine, CONTAINER_SESSION, id, on_done, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
}

size_t list(void)
{
    struct answer answer = {.done = false};

    engine_list(engine, on_listed, &answer);
    wait_for(&answer);
    CU_ASSERT_EQUAL(answer.failed, ERROR_NONE);
    return answer.count;
}

int run(const struct id *id, const char *command)
{
    char name[CONTAINER_NAME_SIZE];

    return fixture_run(&fixture, container_name(CONTAINER_SESSION, id, name), command, NULL);
}

void asker_open(void)
{
    fixture_open(&fixture, "engined");
    set_lines("");
    run_engined();
    engine = oci_new(fixture.base, fixture.socket);
}

bool asker_close(void)
{
    engine_free(engine);
    end_engined(SIGTERM);
    return fixture_close(&fixture);
}
