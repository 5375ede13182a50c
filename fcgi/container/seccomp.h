/*
 * seccomp.h - which system calls a container's processes may make.
 *
 * Calls that development work needs are allowed, some only with certain arguments. Calls that
 * reach for the host (mounts, namespaces, modules, keys, bpf, io_uring, ...) get EPERM. What is
 * in neither list, calls that are newer than this file included, gets ENOSYS, upon which libraries
 * fall back to what they did before.
 */
#ifndef CODESET_CONTAINER_SECCOMP_H
#define CODESET_CONTAINER_SECCOMP_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Does the kernel count to a container what it keeps of its files' extended attributes? Before
 * Linux 6.6 it does not in file systems in memory (/dev/shm, memfd_create(2)). There a container
 * can set none, unless BPF's security module is active (as in Debian 12's kernel): until Linux 6.10
 * owners may then set any security.* that no module knows.
 *
 * release: uname(2)'s; modules: of /sys/kernel/security/lsm; NULL: unknown.
 */
bool seccomp_attributes_counted(const char *release, const char *modules);

/* The value of linux.seccomp in an OCI runtime's config.json. The caller owns it. */
json_object *seccomp_config(void);

/*
 * The same filter as the kernel's own program, in base64, appended to `out`: crun takes it by an
 * annotation. Building it is a quarter of crun's work, so it is done once, not at every start.
 */
int seccomp_program(json_object *config, struct buf *out, struct error *err);

#endif
