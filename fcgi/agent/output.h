/*
 * output.h - one output stream of a running command: the pipe that it writes to, and what is kept
 * of it.
 */
#ifndef CODESET_AGENT_OUTPUT_H
#define CODESET_AGENT_OUTPUT_H

#include "agent/capture.h"
#include "base/error.h"

struct event;
struct event_base;
struct output_drain;

struct output {
    int fd; /* the end that is read; -1 once the other has been closed */
    struct event *event;
    struct capture capture;
};

#define OUTPUT_INIT                                                                                \
    {                                                                                              \
        .fd = -1, .capture = CAPTURE_INIT                                                          \
    }

/* Makes the pipe; *ret_end is the command's end, the caller's. */
int output_open(struct output *output, int *ret_end, struct error *err);

void output_watch(struct output *output, struct event_base *base);

/* The command has ended. What it wrote before is in the pipe now and belongs to the text; what
 * others write from now on goes down the drain. */
void output_finish(struct output *output, struct output_drain *drain, struct capture_text *text);

void output_release(struct output *output);

#endif
