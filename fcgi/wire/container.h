/*
 * container.h - what a container is called, and how large it may be.
 *
 * A container's name is its kind's prefix and its id: "cs-<id>" of a session, "cv-<id>" of a
 * grading container, "cj-<id>" of an agent job. It is the name of its folder, its cgroup and its
 * scratch image.
 */
#ifndef CODESET_WIRE_CONTAINER_H
#define CODESET_WIRE_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

enum container_kind { CONTAINER_SESSION, CONTAINER_GRADING, CONTAINER_JOB };
#define CONTAINER_KINDS 3

struct container_ref {
    enum container_kind kind;
    struct id id;
};

struct container_limits {
    int64_t memory_bytes; /* without swap */
    int64_t disk_bytes;   /* what the container may write */
    int64_t disk_inodes;
    int64_t processes;      /* threads count */
    int64_t cpu_millicores; /* 1000 is one core */
};

/* "session", "grading" or "job". */
const char *container_kind_name(enum container_kind kind);

/* The kind of that name (length bytes). Returns 0 or -1. */
int container_kind_parse(const char *name, size_t length, enum container_kind *ret_kind);

#define CONTAINER_NAME_SIZE (3 + ID_LENGTH + 1)

/* Returns text. */
char *container_name(enum container_kind kind, const struct id *id, char text[CONTAINER_NAME_SIZE]);

/* The reverse. Only what container_name gives is a name: ids are in lower case. Returns 0 or -1. */
int container_name_parse(const char *text, enum container_kind *ret_kind, struct id *ret_id);

#endif
