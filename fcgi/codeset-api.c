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
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/options.h"
#include "github/github.h"
#include "http/fastcgi.h"
#include "routes/routes.h"
#include "settings.h"
#include "store/db.h"
#include "stripe/stripe.h"

#include "base/banned.h"

static const char usage[] =
    "usage: codeset-api [--config FILE] [--debug | --check | --routes]\n"
    "Answers requests of the Codeset API. spawn-fcgi(1) starts it, with the FastCGI socket as its\n"
    "standard input; several workers share one socket.\n"
    "\n"
    "  --config FILE  settings, instead of " SETTINGS_PATH "\n"
    "  --pool NAME    of the pool `api` or `outbound`: read no secrets but its own [all]\n"
    "  --check        read settings and secrets as a worker does, and exit\n"
    "  --routes       print the table of routes as JSON and exit\n"
    "  --debug        log more\n"
    "  --help         show this help\n"
    "  --version      show the version\n";

struct options {
    const char *config;
    const char *pool; /* NULL: any */
    bool check, routes, debug;
};

static int print_routes(const struct router *router)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    router_describe(router, &text);
    return puts(text.data) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

/* The key that pays is the outbound workers' alone, and the webhooks' secrets are the others'. */
static int open_stripe(struct api *api, const char *pool, struct error *err)
{
    const struct stripe_settings *settings = &api->settings->stripe;

    if ((!pool || strcmp(pool, "api") == 0) &&
        stripe_secrets_read(settings->webhook_secrets_file, &api->webhook_secrets, err) < 0)
        return -1;
    if (pool && strcmp(pool, "outbound") != 0)
        return 0;
    api->stripe = stripe_new(settings, err);
    return api->stripe ? 0 : -1;
}

static int open_api(struct api *api, const char *pool, struct error *err)
{
    api->db = db_new(&api->settings->database, DB_API, err);
    api->tokens = api->db ? token_issuer_new(&api->settings->accounts, err) : NULL;
    api->github = api->tokens ? github_new(&api->settings->accounts, err) : NULL;
    return api->github ? open_stripe(api, pool, err) : -1;
}

static void release_api(struct api *api)
{
    stripe_free(api->stripe);
    stripe_secrets_release(&api->webhook_secrets);
    github_free(api->github);
    token_issuer_free(api->tokens);
    db_free(api->db);
    doorbell_release(&api->doorbell);
}

static int serve(const struct settings *settings, const struct options *options)
{
    struct error err = ERROR_INIT;
    struct api api = {.settings = settings,
                      .doorbell = DOORBELL_INIT(settings->api.doorbell_socket),
                      .webhook_secrets = {.text = BUF_INIT}};
    struct router router = routes_router(&api);
    int outcome;

    if (options->routes)
        return print_routes(&router);
    if (open_api(&api, options->pool, &err) < 0) {
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
    struct options options = {.config = NULL};
    const struct option_row rows[] = {{.name = "config", .text = &options.config},
                                      {.name = "pool", .text = &options.pool},
                                      {.name = "check", .given = &options.check},
                                      {.name = "routes", .given = &options.routes},
                                      {.name = "debug", .given = &options.debug}};
    struct settings settings = {0};
    struct error err = ERROR_INIT;
    int status = options_parse("codeset-api", usage, rows, ARRAY_SIZE(rows), argc, argv);

    if (status != OPTIONS_GO_ON)
        return status;
    if (options.pool && strcmp(options.pool, "api") != 0 && strcmp(options.pool, "outbound") != 0) {
        fprintf(stderr, "codeset-api: --pool must be api or outbound\n%s", usage);
        return EX_USAGE;
    }
    log_open("codeset-api", options.debug ? LOG_DEBUG : LOG_INFO);
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
