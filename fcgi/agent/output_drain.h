/*
 * output_drain.h - reads and drops what is still written to the outputs of commands that have
 * ended.
 *
 * What a command leaves in the background may hold its output open and go on writing; it should
 * neither block nor die of that. At most OUTPUT_DRAIN_MOST outputs are read; then the oldest is
 * closed.
 */
#ifndef CODESET_AGENT_OUTPUT_DRAIN_H
#define CODESET_AGENT_OUTPUT_DRAIN_H

struct event_base;
struct output_drain;

#define OUTPUT_DRAIN_MOST 64

struct output_drain *output_drain_new(struct event_base *base); /* lives as long as the process */

/* Takes fd, which does not block. */
void output_drain_add(struct output_drain *drain, int fd);

#endif
