/*
 * seccomp.h - which system calls a container's processes may make.
 *
 * Calls that development work needs are allowed, some only with certain arguments. Calls that
 * reach for the host (mounts, namespaces, modules, keys, bpf, io_uring, ...) get EPERM. What is
 * in neither list, calls that are newer than this file included, gets ENOSYS, upon which libraries
 * fall back to what they did before.
 */
#ifndef CODESET_ENGINE_SECCOMP_H
#define CODESET_ENGINE_SECCOMP_H

#include <json-c/json.h>

/* The value of linux.seccomp in an OCI runtime's config.json. The caller owns it. */
json_object *seccomp_config(void);

#endif
