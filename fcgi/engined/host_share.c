#include "engined/host_share.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "container/cgroup.h"
#include "settings.h"

#include "base/banned.h"

static int read_number(const char *path, const char *key, int64_t *ret_value, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *at;

    if (file_read(AT_FDCWD, path, 64 << 10, &text, err) < 0)
        return -1;
    at = strstr(text.data, key);
    if (at == NULL)
        return error_set(err, ERROR_INTERNAL, NULL, "%s has no line for %s", path, key);
    *ret_value = strtoll(at + strlen(key), NULL, 10);
    return 0;
}

int host_share_find(const struct engine_settings *settings, struct host_share *ret_share,
                    struct error *err)
{
    int64_t kib, pids, threads;

    if (read_number("/proc/meminfo", "MemTotal:", &kib, err) < 0 ||
        read_number("/proc/sys/kernel/pid_max", "", &pids, err) < 0 ||
        read_number("/proc/sys/kernel/threads-max", "", &threads, err) < 0)
        return -1;
    ret_share->memory_bytes =
        settings->memory_total_bytes ? settings->memory_total_bytes : kib * 1024 / 8 * 7;
    ret_share->processes = settings->processes_total ? settings->processes_total
                                                     : (pids < threads ? pids : threads) / 2;
    return 0;
}

int host_share_set(const struct engine_settings *settings, const struct cgroup_fs *fs,
                   struct error *err)
{
    struct host_share share;
    struct error failed = ERROR_INIT;

    if (host_share_find(settings, &share, err) < 0)
        return -1;
    if (cgroup_make_parent(fs, settings->cgroup_parent, share.memory_bytes, share.processes,
                           &failed) < 0)
        log_error("host_share_not_set", &failed);
    else
        log_event(LOG_INFO, "host_share", "memory_bytes=%" PRId64 " processes=%" PRId64,
                  share.memory_bytes, share.processes);
    return 0;
}
