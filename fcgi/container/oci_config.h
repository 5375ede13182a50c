/*
 * oci_config.h - a container's config.json (OCI runtime specification 1.0).
 */
#ifndef CODESET_CONTAINER_OCI_CONFIG_H
#define CODESET_CONTAINER_OCI_CONFIG_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "container/cgroup.h"
#include "wire/container.h"

#define OCI_TERMINALS 32                     /* that a container may have */
#define OCI_AGENT_PATH "/dev/.codeset-agent" /* in the container; on the /dev of its own */

/* The files of private_dev.h that go over those of /proc. */
enum oci_figures {
    OCI_FIGURES_NONE, /* there are no such files */
    OCI_FIGURES_SOME, /* those that runc mounts over: loadavg, meminfo, stat, cpuinfo; and /sys */
    OCI_FIGURES_ALL,
};

struct oci_spec {
    const char *name;
    const char *rootfs;      /* absolute */
    const char *agent;       /* the binary on the host */
    const char *cgroup_path; /* below the hierarchy's root */
    const struct cgroup_fs
        *cgroups; /* for its own limits, read-only, at /sys/fs/cgroup; NULL: none */
    enum oci_figures figures;
    const char *user_namespace; /* the one to join; NULL: the runtime makes it */
    int64_t first_id;           /* the host's for the container's root */
    struct container_limits limits;
    json_object *seccomp;        /* borrowed; shared between containers */
    const char *seccomp_program; /* the same for crun, or NULL */
};

/* The caller owns the result. */
json_object *oci_config(const struct oci_spec *spec);

#endif
