/*
 * codeset-egress - the way out of agents' containers: a proxy that checks where each connection
 * goes.
 *
 *     codeset-egress [--config FILE] [--socket PATH] [--resolv-conf FILE]
 *     codeset-egress --print-rules [--config FILE] [--resolv-conf FILE]
 *
 * A container of an agent job has no network but a socket that listens on its own loopback. The
 * daemon gives it to this program, with a policy, over a unix socket (wire/egress.h), which systemd
 * hands to it, or which it makes itself at [jobs] egress_socket where there is no systemd. Only
 * [engine] engined_user (the daemon's user) and root may give orders.
 *
 * It has a user of its own, and no file, secret or database. What it is sent by guests and by
 * servers it passes on; it reads only the heads of guests' requests, and answers of name servers.
 *
 * DIAGNOSTICS
 * One line an event on standard error (base/log.h). What an operator looks for:
 *   ready                     it is up; who may give orders
 *   refused                   a container asked for a host that it may not reach (at most one line
 *                             in 10 s and container; left_out says how many were not logged)
 *   wall_missing, wall_back   the firewall's rules are gone: nobody is served; they are there again
 *   set_refused               the daemon's order could not be carried out, with the reason
 *   asker_refused             somebody else connected, or there are too many connections
 * Exit status: 0 after SIGTERM, 1 if it can't start, 64 for wrong usage, 78 for a configuration
 * that can't be used.
 *
 * BUGS
 * Its connections end when it is restarted; the daemon then opens the containers' sockets anew.
 * The socket of a container whose end nobody told, as the daemon was killed just then, stays open
 * until it is restarted.
 */
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "egress/control.h"
#include "egress/resolver.h"
#include "egress/rules.h"
#include "egress/wall.h"
#include "egress/ways.h"
#include "service/service.h"
#include "settings.h"

#include "base/banned.h"

#define WALL_SECONDS 5
#define DESCRIPTORS_OTHER 512 /* those of no connection, of containers' sockets least */

struct egress {
    struct settings settings;
    const char *socket, *resolv_conf; /* of the command line */
    struct event_base *base;
    struct resolver *resolver;
    struct ways *ways;
    struct control *control;
    struct event *wall_timer;
    uid_t asker;
    int listener;
};

static const char usage[] =
    "usage: codeset-egress [OPTIONS]\n"
    "The proxy through which agents' containers leave. Reads its settings from " SETTINGS_PATH ".\n"
    "  --config FILE       read the settings from FILE instead\n"
    "  --socket PATH       listen on PATH instead of [jobs] egress_socket\n"
    "  --resolv-conf FILE  name servers, instead of those of /etc/resolv.conf\n"
    "  --print-rules       print the firewall's rules for agents, for nft -f, and exit\n"
    "  --help              show this help\n"
    "  --version           show the version\n";

static void look_at_wall(void *arg)
{
    struct egress *egress = arg;
    struct error err = ERROR_INIT;
    bool missing = egress->settings.jobs.egress_wall && wall_check(&err) < 0;

    if (missing == ways_are_closed(egress->ways))
        return;
    if (missing)
        log_error("wall_missing", &err);
    else
        log_event(LOG_INFO, "wall_back", "served=yes");
    ways_close(egress->ways, missing);
}

static void on_wall(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look_at_wall(arg);
}

static void watch_wall(struct egress *egress)
{
    const struct timeval pause = {.tv_sec = WALL_SECONDS};

    if (!egress->settings.jobs.egress_wall)
        return;
    look_at_wall(egress);
    egress->wall_timer = event_new(egress->base, -1, EV_PERSIST, on_wall, egress);
    evtimer_add(egress->wall_timer, &pause);
}

/* Two descriptors a connection, one a container. */
static size_t connections_max(void)
{
    long most = service_raise_descriptors() - DESCRIPTORS_OTHER - WAYS_MAX;

    return most > 2 * WAYS_CONNECTIONS_MAX ? (size_t)most / 2 : WAYS_CONNECTIONS_MAX;
}

static int print_rules(const struct egress *egress, struct error *err)
{
    const struct engine_settings *engine = &egress->settings.engine;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct rules rules = {
        .first_id = (uint32_t)engine->uid_base,
        /* The images' own, and one range more for each container. */
        .last_id = (uint32_t)(engine->uid_base + (engine->uid_ranges + 1) * 65536 - 1),
        .always = egress->settings.jobs.egress_always,
        .resolv_conf = egress->resolv_conf ? egress->resolv_conf : "/etc/resolv.conf"};
    gid_t group;

    if (service_user("[jobs] egress_user", egress->settings.jobs.egress_user, &rules.user, &group,
                     err) < 0 ||
        rules_write(&rules, &text, err) < 0)
        return -1;
    return fd_write_all(STDOUT_FILENO, text.data, text.length, err);
}

static int run(struct egress *egress, struct error *err)
{
    const struct jobs_settings *settings = &egress->settings.jobs;

    log_limit(egress->settings.log.level);
    if (geteuid() == 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "codeset-egress must not run as root; use the user codeset-egress");
    egress->base = event_base_new();
    if (egress->base == NULL)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot create an event loop");
    egress->resolver = resolver_new(egress->base, egress->resolv_conf, err);
    if (egress->resolver == NULL)
        return -1;
    egress->ways =
        ways_new(egress->base, egress->resolver, settings->egress_always, connections_max());
    watch_wall(egress);
    /* Whoever may connect, only the daemon's user and root are heard. */
    egress->listener = service_listen(egress->socket ? egress->socket : settings->egress_socket,
                                      0666, (gid_t)-1, err);
    if (egress->listener < 0)
        return -1;
    egress->control = control_new(egress->base, egress->ways, egress->listener, egress->asker,
                                  look_at_wall, egress);
    log_event(LOG_INFO, "ready", "version=%s asker=%u", CODESET_VERSION, (unsigned)egress->asker);
    service_run(egress->base);
    return 0;
}

static void release(struct egress *egress)
{
    control_free(egress->control);
    ways_free(egress->ways);
    resolver_free(egress->resolver);
    if (egress->wall_timer != NULL)
        event_free(egress->wall_timer);
    if (egress->base != NULL)
        event_base_free(egress->base);
    close_fd(&egress->listener);
    settings_release(&egress->settings);
}

int main(int argc, char **argv)
{
    struct egress egress = {.listener = -1};
    const char *config = NULL;
    bool print = false;
    const struct option_row options[] = {{.name = "config", .text = &config},
                                         {.name = "socket", .text = &egress.socket},
                                         {.name = "resolv-conf", .text = &egress.resolv_conf},
                                         {.name = "print-rules", .given = &print}};
    int asked = options_parse("codeset-egress", usage, options, ARRAY_SIZE(options), argc, argv);
    struct error err = ERROR_INIT;
    gid_t group;
    int status = 0;

    if (asked != OPTIONS_GO_ON)
        return asked;
    umask(0077);
    log_open("codeset-egress", LOG_INFO);
    if (settings_load(config, &egress.settings, &err) < 0 ||
        egress_always_check(egress.settings.jobs.egress_always, &err) < 0 ||
        (!print && service_user("[engine] engined_user", egress.settings.engine.engined_user,
                                &egress.asker, &group, &err) < 0))
        status = EX_CONFIG;
    else if ((print ? print_rules(&egress, &err) : run(&egress, &err)) < 0)
        status = 1;
    if (status != 0)
        log_error("start_failed", &err);
    release(&egress);
    return status;
}
