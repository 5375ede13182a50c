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
#include <unistd.h>

#include "accounts/tokens.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/options.h"
#include "github/github.h"
#include "http/fastcgi.h"
#include "metrics.h"
#include "routes/measure.h"
#include "routes/routes.h"
#include "settings.h"
#include "store/db.h"
#include "store/ledger.h"
#include "stripe/stripe.h"

#include "base/banned.h"

static const char usage[] =
    "usage: codeset-api [--config FILE] [--check | --routes]\n"
    "Answers requests of the Codeset API. spawn-fcgi(1) starts it, with the FastCGI socket as its\n"
    "standard input; several workers share one socket.\n"
    "\n"
    "  --config FILE  settings, instead of " SETTINGS_PATH "\n"
    "  --pool NAME    of the pool `api` or `outbound`: read no secrets but its own [all]\n"
    "  --check        read settings and secrets as a worker does, and exit\n"
    "  --routes       print the table of routes as JSON and exit\n"
    "  --help         show this help\n"
    "  --version      show the version\n";

struct options {
    const char *config;
    const char *pool; /* NULL: any */
    bool check, routes;
};

static int print_routes(const struct router *router)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    router_describe(router, &text);
    return puts(text.data) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

static void log_low(const struct id *user_id, int64_t balance_cents, int64_t threshold_cents,
                    void *arg)
{
    (void)arg;
    METRIC_COUNT(BALANCE_FALLS, metric_program());
    log_event(LOG_WARNING, "balance_low", "user=%s balance_cents=%lld threshold_cents=%lld",
              user_id->text, (long long)balance_cents, (long long)threshold_cents);
}

/* What the webhooks of the pool `api` are checked with. */
static int open_hooks(struct api *api, struct error *err)
{
    return stripe_secrets_read(api->settings->stripe.webhook_secrets_file, &api->webhook_secrets,
                               err);
}

/* GitHub's secrets, and Stripe's key, which moves money. */
static int open_clients(struct api *api, struct error *err)
{
    api->github = github_new(&api->settings->accounts, err);
    api->stripe = api->github ? stripe_new(&api->settings->stripe, err) : NULL;
    return api->stripe ? 0 : -1;
}

/* A secret is read by the pool whose routes need it, and by no other. */
static int open_api(struct api *api, const char *pool, struct error *err)
{
    static const struct {
        const char *pool;
        int (*open)(struct api *api, struct error *err);
    } parts[] = {{"api", open_hooks}, {"outbound", open_clients}};

    api->db = db_new(&api->settings->database, DB_API, err);
    api->tokens = api->db ? token_issuer_new(&api->settings->accounts, err) : NULL;
    if (!api->tokens)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if ((!pool || strcmp(pool, parts[i].pool) == 0) && parts[i].open(api, err) < 0)
            return -1;
    }
    return 0;
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

/* spawn-fcgi and multiwatch pass on whatever they were started with. A worker needs none of it, and
 * what it has open counts towards its limit. */
static void close_inherited(void)
{
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
}

static int serve(const struct settings *settings, const struct options *options)
{
    struct error err = ERROR_INIT;
    struct api api = {.settings = settings,
                      .doorbell = DOORBELL_INIT(settings->api.doorbell_socket),
                      .webhook_secrets = {.text = BUF_INIT}};
    const struct ledger_watch watch = {settings->billing.low_balance_cents, log_low, NULL};
    struct router router = routes_router(&api);
    int outcome;

    if (options->routes)
        return print_routes(&router);
    router.pool = options->pool;
    close_inherited();
    metrics_begin(METRIC_API);
    if (open_api(&api, options->pool, &err) < 0) {
        log_error("start_failed", &err);
        release_api(&api);
        return 1;
    }
    store_ledger_watch(api.db, &watch);
    if (!options->check)
        measure_begin(&router, options->pool, &settings->metrics);
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
                                      {.name = "routes", .given = &options.routes}};
    struct settings settings = {0};
    struct error err = ERROR_INIT;
    int status = options_parse("codeset-api", usage, rows, ARRAY_SIZE(rows), argc, argv);

    if (status != OPTIONS_GO_ON)
        return status;
    if (options.pool && strcmp(options.pool, "api") != 0 && strcmp(options.pool, "outbound") != 0) {
        fprintf(stderr, "codeset-api: --pool must be api or outbound\n%s", usage);
        return EX_USAGE;
    }
    log_open("codeset-api", LOG_INFO);
    /* The table of routes can be had without a configuration. */
    if (options.routes && !options.config
            ? config_load(&settings_table, NULL, NULL, &settings, NULL, NULL, &err) < 0
            : settings_load(options.config, &settings, &err) < 0) {
        log_error("configuration", &err);
        settings_release(&settings);
        return EX_CONFIG;
    }
    log_limit(settings.log.level);
    status = serve(&settings, &options);
    settings_release(&settings);
    return status;
}
