/*
 * void.h - read ends of pipes that nobody listens to any more.
 *
 * What a command leaves in the background may hold its output open and go on writing; it should
 * neither block nor die of that. At most VOIDS_MOST are kept; then the oldest is closed.
 */
#ifndef CODESET_AGENT_VOID_H
#define CODESET_AGENT_VOID_H

struct event_base;
struct voids;

#define VOIDS_MOST 64

struct voids *voids_new(struct event_base *base); /* lives as long as the process */

/* Takes fd, which does not block. */
void voids_add(struct voids *voids, int fd);

#endif
