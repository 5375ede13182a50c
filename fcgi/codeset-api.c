/*
 * codeset-api - the FastCGI worker: one request at a time, one connection to the database.
 *
 * DIAGNOSTICS
 *	Logs to standard error, a line an event. Exits 0 after SIGTERM, when the request at hand is
 *	answered, and when --check finds nothing; 1 when a secret can't be read or the socket fails;
 *	64 for wrong usage; 78 when the configuration is wrong.
 *
 * BUGS
 *	An answer is put together in memory before its first byte is sent: GET /samples without a
 *	page needs as much as all samples of the data sets. Where page_dir can't be written,
 *	they are put together for each request.
 */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "github/github.h"
#include "http/fastcgi.h"
#include "routes/routes.h"
#include "settings.h"
#include "store/db.h"

#include "base/banned.h"

static const char usage[] =
    "Usage: codeset-api [--config FILE]\n"
    "Answers the Codeset API over FastCGI. Started by spawn-fcgi(1), which hands over the socket\n"
    "as standard input; several share one socket.\n"
    "\n"
    "  --config FILE  settings, instead of " SETTINGS_PATH "\n"
    "  --check        read settings and secrets as a worker does, and exit\n"
    "  --routes       print the table of routes as JSON and exit\n"
    "  --debug        log more\n"
    "  --help         print this and exit\n"
    "  --version      print the version and exit\n";

struct options {
    const char *config;
    bool check, routes;
    enum log_level log_level;
};

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"routes", no_argument, NULL, 'r'},
        {"debug", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'r':
            options->routes = true;
            break;
        case 'd':
            options->log_level = LOG_DEBUG;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'v':
            puts("codeset-api " CODESET_VERSION);
            return 0;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "codeset-api: unexpected argument '%s'\n%s", argv[optind], usage);
    return EX_USAGE;
}

static int print_routes(const struct router *router)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    router_describe(router, &text);
    return puts(text.data) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

static int open_api(struct api *api, struct error *err)
{
    api->db = db_new(&api->settings->database, DB_API, err);
    api->tokens = api->db ? token_issuer_new(&api->settings->accounts, err) : NULL;
    api->github = api->tokens ? github_new(&api->settings->accounts, err) : NULL;
    return api->github ? 0 : -1;
}

static void release_api(struct api *api)
{
    github_free(api->github);
    token_issuer_free(api->tokens);
    db_free(api->db);
    doorbell_release(&api->doorbell);
}

static int serve(const struct settings *settings, const struct options *options)
{
    struct error err = ERROR_INIT;
    struct api api = {.settings = settings,
                      .doorbell = DOORBELL_INIT(settings->api.doorbell_socket)};
    struct router router = routes_router(&api);
    int outcome;

    if (options->routes)
        return print_routes(&router);
    if (open_api(&api, &err) < 0) {
        log_error("start_failed", &err);
        release_api(&api);
        return 1;
    }
    outcome = options->check ? 0 : fastcgi_serve(&router, &err);
    if (outcome < 0)
        log_error("serving_failed", &err);
    release_api(&api);
    return outcome < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.log_level = LOG_INFO};
    struct settings settings = {0};
    struct error err = ERROR_INIT;
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    log_open("codeset-api", options.log_level);
    /* The table of routes can be had without a configuration. */
    if (options.routes && !options.config
            ? config_load(settings_rows, settings_count, NULL, NULL, &settings, NULL, &err) < 0
            : settings_load(options.config, &settings, &err) < 0) {
        log_error("configuration", &err);
        settings_release(&settings);
        return EX_CONFIG;
    }
    status = serve(&settings, &options);
    settings_release(&settings);
    return status;
}
