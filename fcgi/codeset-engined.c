/*
 * codeset-engined - starts, stops, lists and watches the containers of a host, for the daemon.
 *
 *     codeset-engined [--config FILE] [--socket PATH]
 *
 * The one program of Codeset that runs as root. It has no network, no database and no secret, and
 * reads nothing that a guest has written. It is asked over a unix socket (wire/engined.h), which
 * systemd hands to it, or which it makes itself at [engine] engined_socket where there is no
 * systemd. Only [engine] engined_user and root may ask.
 *
 * It may be killed at any instant: a start or a stop that is under way is a process of its own and
 * ends by itself, and whoever asked asks again.
 *
 * DIAGNOSTICS
 * One line an event on standard error (base/log.h). What an operator looks for:
 *   ready                     it is up; who may ask
 *   host_share                what all containers together may have
 *   asker_refused             somebody else connected, or there are too many connections
 *   request_refused           a message that the daemon would not send: look at the daemon
 *   start_failed, stop_failed, clear_failed with the reason
 *   disk_writer_ended         the disk was nearly full; the container that took most was ended
 *   kernel_memory_taken       these made the kernel hold much that it counts to nobody, and were
 *                             ended
 *   disk_near                 it is nearly full, and no container is to blame
 * Exit status: 0 after SIGTERM, 1 if it can't start, 64 for wrong usage, 78 for a configuration
 * that can't be used.
 *
 * BUGS
 * What a container started by a release before this one takes of the disk is not known by
 * container: it counts as used, but is ended by nobody.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "engined/containers.h"
#include "engined/cpu_watch.h"
#include "engined/disk_watch.h"
#include "engined/kernel_watch.h"
#include "engined/server.h"
#include "service/service.h"
#include "settings.h"

#include "base/banned.h"

#define OUR_NICE (-10)

struct engined {
    struct settings settings;
    struct event_base *base;
    struct containers *containers;
    struct disk_watch *disk;
    struct kernel_watch *kernel;
    struct cpu_watch *cpu;
    struct server *server;
    const char *socket; /* as the command line has it */
    uid_t asker;
    gid_t asker_group;
    int lock_fd, older_lock_fd, listener;
};

static const char usage[] =
    "usage: codeset-engined [--config FILE] [--socket PATH]\n"
    "Starts and stops containers. Reads its settings from " SETTINGS_PATH ".\n"
    "  --config FILE   read the settings from FILE instead\n"
    "  --socket PATH   listen on PATH instead of [engine] engined_socket\n"
    "  --help          show this help\n"
    "  --version       show the version\n";

/* Who gives ranges of ids to the containers of a state_dir has to be alone. A daemon of the release
 * before did this itself, and holds a lock of another name: during an upgrade only one of them
 * works. */
static int take_locks(struct engined *engined, struct error *err)
{
    const char *state_dir = engined->settings.engine.state_dir;
    _cleanup_(free_ptr) char *lock = xasprintf("%s/engined.lock", state_dir);
    _cleanup_(free_ptr) char *older_lock = xasprintf("%s/reaper.lock", state_dir);

    if (make_dirs(state_dir, 0711, err) < 0)
        return -1;
    engined->lock_fd = service_lock("codeset-engined", lock, O_CREAT, err);
    if (engined->lock_fd < 0)
        return -1;
    engined->older_lock_fd = service_lock("codeset-reaper", older_lock, 0, err);
    if (engined->older_lock_fd < 0 && err->sys_errno != ENOENT)
        return -1;
    error_clear(err);
    return 0;
}

/* It looks after the disk, and guests must not keep it from that. */
static void come_first(void)
{
    (void)setpriority(PRIO_PROCESS, 0, OUR_NICE);
}

static int run(struct engined *engined, struct error *err)
{
    const struct engine_settings *settings = &engined->settings.engine;

    log_limit(engined->settings.log.level);
    /* One for each container that is being described, and for each process under way. */
    service_raise_descriptors();
    come_first();
    if (take_locks(engined, err) < 0)
        return -1;
    engined->base = event_base_new();
    if (engined->base == NULL)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot create an event loop");
    engined->containers = containers_new(engined->base, settings, err);
    if (engined->containers == NULL)
        return -1;
    engined->listener = service_listen(engined->socket ? engined->socket : settings->engined_socket,
                                       0660, engined->asker_group, err);
    if (engined->listener < 0)
        return -1;
    engined->disk = disk_watch_new(engined->base, settings, engined->containers);
    engined->kernel = kernel_watch_new(engined->base, engined->containers);
    engined->cpu = cpu_watch_new(engined->base, engined->containers);
    engined->server = server_new(engined->base, settings, engined->containers, engined->disk,
                                 engined->kernel, engined->cpu, engined->listener, engined->asker);
    log_event(LOG_INFO, "ready", "version=%s asker=%u", CODESET_VERSION, (unsigned)engined->asker);
    service_run(engined->base);
    return 0;
}

static void release(struct engined *engined)
{
    disk_watch_free(engined->disk);
    kernel_watch_free(engined->kernel);
    cpu_watch_free(engined->cpu);
    containers_free(engined->containers);
    server_free(engined->server);
    if (engined->base != NULL)
        event_base_free(engined->base);
    close_fd(&engined->listener);
    close_fd(&engined->lock_fd);
    close_fd(&engined->older_lock_fd);
    settings_release(&engined->settings);
}

int main(int argc, char **argv)
{
    struct engined engined = {.lock_fd = -1, .older_lock_fd = -1, .listener = -1};
    const char *config = NULL;
    const struct option_row options[] = {{.name = "config", .text = &config},
                                         {.name = "socket", .text = &engined.socket}};
    int asked = options_parse("codeset-engined", usage, options, ARRAY_SIZE(options), argc, argv);
    struct error err = ERROR_INIT;
    int status = 0;

    if (asked != OPTIONS_GO_ON)
        return asked;

    umask(0022);
    log_open("codeset-engined", LOG_INFO);
    if (settings_load(config, &engined.settings, &err) < 0 ||
        service_user("[engine] engined_user", engined.settings.engine.engined_user, &engined.asker,
                     &engined.asker_group, &err) < 0)
        status = EX_CONFIG;
    else if (run(&engined, &err) < 0)
        status = 1;
    if (status != 0)
        log_error("start_failed", &err);
    release(&engined);
    return status;
}
