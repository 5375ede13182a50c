/*
 * doctor_certificate.c - when does the certificate end that nginx serves?
 *
 * Where and by what name nginx serves the API is in its configuration, which `nginx -T` prints: the
 * first address with TLS of each server that includes codeset-server.conf. It is asked there for
 * its certificate, as what counts is what the running nginx has read; a file that was renewed since
 * only needs a reload. Where nginx does not answer, the file is looked at.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "ctl/doctor.h"

#include "base/banned.h"

#define CONFIGURATION_MOST 4194304 /* bytes of `nginx -T` */
#define WORDS_MOST 64              /* of a directive; what is more is not ours */
#define ANSWER_SECONDS 5L
#define SOON_DAYS 14
#define OURS "codeset-server.conf"

DEFINE_CLEANUP(X509 *, free_x509, X509_free)
DEFINE_CLEANUP(BIO *, free_bio, BIO_free)
DEFINE_CLEANUP(CURL *, free_curl, curl_easy_cleanup)

/* --- nginx's configuration ------------------------------------------------------------------- */

struct directive {
    char *words[WORDS_MOST];
    size_t count;
    char end; /* ';', '{' or '}'; '\0': the text is over */
};

/* The next word, cut out of the text in place; NULL before one of ";{}" or at the end. */
static char *next_word(char **text)
{
    char *at = *text + strspn(*text, " \t\r\n"), *word = at, *out = at, quote;

    while (*at == '#') {
        at += strcspn(at, "\n");
        at += strspn(at, " \t\r\n");
        word = out = at;
    }
    *text = at;
    if (*at == '\0' || strchr(";{}", *at))
        return NULL;
    quote = *at == '"' || *at == '\'' ? *at++ : '\0';
    while (*at && (quote ? *at != quote : !strchr(" \t\r\n;{", *at))) {
        if (*at == '$' && at[1] == '{') /* a variable, no block */
            *out++ = *at++;
        else if (*at == '\\' && at[1])
            at++;
        *out++ = *at++;
    }
    *text = at + (quote && *at ? 1 : 0);
    return xstrndup(word, (size_t)(out - word));
}

static void directive_clear(struct directive *directive)
{
    for (size_t i = 0; i < directive->count; i++)
        free(directive->words[i]);
    directive->count = 0;
}

static void next_directive(char **text, struct directive *directive)
{
    char *word;

    directive_clear(directive);
    while ((word = next_word(text))) {
        if (directive->count < WORDS_MOST)
            directive->words[directive->count++] = word;
        else
            free(word);
    }
    directive->end = **text;
    *text += **text != '\0';
}

static bool is_named(const struct directive *directive, const char *name)
{
    return directive->count > 0 && strcmp(directive->words[0], name) == 0;
}

/* What serves the API. */
struct site {
    char *name;    /* of the server, for SNI; "localhost" where it has none of its own */
    char *address; /* HOST:PORT; NULL: it has none with TLS */
    char *file;    /* of the certificate; NULL: elsewhere */
    bool ours;
};

static void site_release(struct site *site)
{
    free(site->name);
    free(site->address);
    free(site->file);
    *site = (struct site){.name = NULL};
}

static void take_listen(struct site *site, const struct directive *directive)
{
    const char *where = directive->count > 1 ? directive->words[1] : "", *port;
    bool tls = false;

    for (size_t i = 2; i < directive->count; i++)
        tls |= strcmp(directive->words[i], "ssl") == 0;
    if (!tls || site->address || strncmp(where, "unix:", 5) == 0)
        return;
    port = strrchr(where, ':');
    if (port && strchr(port, ']')) /* an IPv6 address without a port */
        port = NULL;
    if (!port && strspn(where, "0123456789") == strlen(where))
        site->address = xasprintf("127.0.0.1:%s", where);
    else if (!port)
        site->address = xasprintf("%s:80", where);
    else if (strncmp(where, "*:", 2) == 0 || strncmp(where, "0.0.0.0:", 8) == 0)
        site->address = xasprintf("127.0.0.1%s", port);
    else if (strncmp(where, "[::]:", 5) == 0)
        site->address = xasprintf("[::1]%s", port);
    else
        site->address = xstrdup(where);
}

static void take_name(struct site *site, const struct directive *directive)
{
    for (size_t i = 1; i < directive->count && !site->name; i++) {
        const char *name = directive->words[i];

        if (strncmp(name, "*.", 2) == 0 || name[0] == '.')
            site->name = xasprintf("www%s", strchr(name, '.'));
        else if (strchr("~_", name[0]) == NULL && strchr(name, '*') == NULL)
            site->name = xstrdup(name);
    }
}

static void take_file(struct site *site, const struct directive *directive)
{
    const char *file = directive->count > 1 ? directive->words[1] : "";

    if (!site->file && file[0] && !strchr(file, '$'))
        site->file = xasprintf("%s%s", file[0] == '/' ? "" : "/etc/nginx/", file);
}

static void take_directive(struct site *site, const struct directive *directive)
{
    const char *last = directive->count > 1 ? directive->words[1] : "";
    size_t length = strlen(last);

    if (is_named(directive, "listen"))
        take_listen(site, directive);
    else if (is_named(directive, "server_name"))
        take_name(site, directive);
    else if (is_named(directive, "ssl_certificate"))
        take_file(site, directive);
    else if (is_named(directive, "include"))
        site->ours |= length >= strlen(OURS) && strcmp(last + length - strlen(OURS), OURS) == 0;
}

/* --- a certificate --------------------------------------------------------------------------- */

static X509 *read_pem(const char *text)
{
    _cleanup_(free_bio) BIO *bio = BIO_new_mem_buf(text, -1);

    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

static X509 *read_file(const char *path)
{
    _cleanup_(free_bio) BIO *bio = path ? BIO_new_file(path, "r") : NULL;

    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

/* Whom it belongs to and who signed it is no matter here. */
static X509 *ask(const struct site *site)
{
    _cleanup_(free_ptr) char *url = xasprintf("https://%s/", site->name);
    _cleanup_(free_ptr) char *there = xasprintf("::%s", site->address);
    struct curl_slist *connect = curl_slist_append(NULL, there);
    _cleanup_(free_curl) CURL *curl = curl_easy_init();
    struct curl_certinfo *chain = NULL;
    X509 *found = NULL;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
    if (curl_easy_perform(curl) == CURLE_OK &&
        curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) == CURLE_OK && chain &&
        chain->num_of_certs > 0) {
        for (const struct curl_slist *at = chain->certinfo[0]; at && !found; at = at->next) {
            if (strncmp(at->data, "Cert:", 5) == 0)
                found = read_pem(at->data + 5);
        }
    }
    curl_slist_free_all(connect);
    return found;
}

/* Whole days until then, rounded down: -1 is less than a day ago. */
static int days_until(const ASN1_TIME *when)
{
    int days = 0, seconds = 0;

    if (!ASN1_TIME_diff(&days, &seconds, NULL, when))
        return INT_MIN; /* no time at all: taken for one that is long over */
    return days - (seconds < 0);
}

static void format_day(const ASN1_TIME *when, char text[16])
{
    struct tm tm = {.tm_year = 0};

    if (!ASN1_TIME_to_tm(when, &tm) || strftime(text, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(text, 16, "?");
}

/* served: by nginx, or NULL; file: in the file, or NULL; one of them is there. */
static void judge(struct doctor *doctor, const struct site *site, const X509 *served,
                  const X509 *file)
{
    const X509 *one = served ? served : file;
    int left = days_until(X509_get0_notAfter(one));
    int begins = days_until(X509_get0_notBefore(one));
    bool renewed = served && file && days_until(X509_get0_notAfter(file)) >= SOON_DAYS;
    _cleanup_(free_ptr) char *mend = NULL;
    char day[16];

    format_day(X509_get0_notAfter(one), day);
    if (begins >= 0) {
        format_day(X509_get0_notBefore(one), day);
        doctor_report(doctor, FINDING_FAIL, "certificate", "look at the clock: timedatectl",
                      "that of %s is not valid before %s, so no client trusts it", site->name, day);
        return;
    }
    if (left >= SOON_DAYS) {
        doctor_ok(doctor, "certificate", "that of %s is valid until %s", site->name, day);
        return;
    }
    mend = renewed ? xstrdup("systemctl reload nginx")
                   : xasprintf("renew %s (certbot renew, or what you made it with), then "
                               "systemctl reload nginx",
                               site->file ? site->file : "it");
    doctor_report(doctor, left < 0 ? FINDING_FAIL : FINDING_WARN, "certificate", mend,
                  "that of %s %s %s%s", site->name,
                  left < 0 ? "is not valid any more, so no client trusts it; it ended on"
                           : "ends soon, on",
                  day, renewed ? "; its file has been renewed, but nginx has not read it" : "");
}

static void check_site(struct doctor *doctor, struct site *site)
{
    _cleanup_(free_x509) X509 *file = read_file(site->file);
    _cleanup_(free_x509) X509 *served = NULL;

    if (!site->name)
        site->name = xstrdup("localhost");
    if (site->address)
        served = ask(site);
    if (served || file)
        judge(doctor, site, served, file);
    else
        doctor_report(doctor, FINDING_WARN, "certificate",
                      "systemctl restart nginx; nginx -t says what is wrong",
                      "that of %s cannot be looked at: nginx does not answer at %s, and %s is no "
                      "certificate",
                      site->name, site->address ? site->address : "an address with TLS",
                      site->file ? site->file : "no file");
}

/* Returns how many servers are ours. */
static int check_sites(struct doctor *doctor, char *text)
{
    struct directive directive = {.count = 0};
    struct site site = {.name = NULL};
    int depth = 0, inside = -1, count = 0; /* inside: the depth outside of the server's block */

    do {
        next_directive(&text, &directive);
        if (directive.end == '{') {
            if (inside < 0 && is_named(&directive, "server"))
                inside = depth;
            depth++;
        } else if (directive.end == '}') {
            depth--;
            if (depth != inside)
                continue;
            if (site.ours)
                check_site(doctor, &site);
            count += site.ours;
            site_release(&site);
            inside = -1;
        } else if (inside >= 0 && depth == inside + 1) {
            take_directive(&site, &directive);
        }
    } while (directive.end);
    directive_clear(&directive);
    site_release(&site);
    return count;
}

void doctor_certificate(struct doctor *doctor)
{
    _cleanup_(free_ptr) char *program = doctor_find_program("nginx");
    const char *const args[] = {program, "-T", NULL};
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (!program)
        return; /* doctor_files says so */
    if (doctor_output(args, CONFIGURATION_MOST, false, &text) < 0)
        doctor_report(doctor, FINDING_WARN, "certificate",
                      doctor->confined ? doctor->confined : "nginx -t says what is wrong with it",
                      "nginx's configuration cannot be read");
    else if (check_sites(doctor, text.data) == 0)
        doctor_report(doctor, FINDING_WARN, "certificate",
                      "enable the site as docs/operator.md says, systemctl reload nginx",
                      "no server in nginx's configuration includes " OURS
                      ", so this nginx does not serve the API");
}
