/*
 * A generator of requests that costs little beside the server: a thread a connection, one prepared
 * request, no parsing but of Content-Length. Loopback only.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench.h"
#include "client.h"

#include "base/banned.h"

struct connection {
    struct load *load;
    int fd;
    SSL *ssl;
    struct buf answer; /* of the last request: head and body */
    size_t head;       /* bytes of the head */
};

struct load {
    char *request;
    size_t request_length;
    SSL_CTX *tls;
    struct connection *connections;
    unsigned count, times;
    pthread_barrier_t gate;
};

static unsigned port_of_base(void)
{
    const char *colon = strrchr(client_base(), ':');

    if (strncmp(client_base(), "https://127.0.0.1:", 18) != 0)
        bench_fail("%s is not on the loopback", client_base());
    return (unsigned)strtoul(colon + 1, NULL, 10);
}

static void open_connection(struct connection *connection)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port_of_base()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;

    connection->answer = (struct buf)BUF_INIT;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    connection->ssl = SSL_new(connection->load->tls);
    if (connect(connection->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        SSL_set_fd(connection->ssl, connection->fd) != 1 || SSL_connect(connection->ssl) != 1)
        bench_fail("cannot connect to the server");
}

/* The whole length of the answer, or 0 while its head is not complete. */
static size_t answer_length(struct connection *connection)
{
    const char *end = strstr(connection->answer.data, "\r\n\r\n"), *line;

    if (!end)
        return 0;
    connection->head = (size_t)(end + 4 - connection->answer.data);
    if (strncmp(connection->answer.data, "HTTP/1.1 200 ", 13) != 0)
        bench_fail("not 200: %.200s", connection->answer.data);
    line = strcasestr(connection->answer.data, "\r\nContent-Length:");
    if (!line || line > end)
        bench_fail("an answer without Content-Length: %.400s", connection->answer.data);
    return connection->head + strtoul(line + 17, NULL, 10);
}

static void ask(struct connection *connection)
{
    char chunk[65536];
    size_t whole = 0;

    buf_clear(&connection->answer);
    if (SSL_write(connection->ssl, connection->load->request,
                  (int)connection->load->request_length) <= 0)
        bench_fail("the server closed a connection");
    while (whole == 0 || connection->answer.length < whole) {
        int got = SSL_read(connection->ssl, chunk, sizeof(chunk));

        if (got <= 0)
            bench_fail("the server closed a connection within an answer");
        buf_add(&connection->answer, chunk, (size_t)got);
        if (whole == 0)
            whole = answer_length(connection);
    }
}

static void *work(void *arg)
{
    struct connection *connection = arg;

    pthread_barrier_wait(&connection->load->gate);
    for (unsigned i = 0; i < connection->load->times; i++)
        ask(connection);
    pthread_barrier_wait(&connection->load->gate);
    return NULL;
}

struct load *load_new(const char *path, const char *headers, unsigned connections)
{
    struct load *load = xcalloc(1, sizeof(*load));

    load->request = xasprintf("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n%s\r\n",
                              path, headers);
    load->request_length = strlen(load->request);
    load->tls = SSL_CTX_new(TLS_client_method()); /* the certificate is the stack's own */
    load->count = connections;
    load->connections = xcalloc(connections, sizeof(*load->connections));
    for (unsigned i = 0; i < connections; i++) {
        load->connections[i].load = load;
        open_connection(&load->connections[i]);
        ask(&load->connections[i]);
    }
    return load;
}

double load_run(struct load *load, unsigned times)
{
    pthread_t *threads = xcalloc(load->count, sizeof(*threads));
    int64_t begun, took;

    load->times = times;
    pthread_barrier_init(&load->gate, NULL, load->count + 1);
    for (unsigned i = 0; i < load->count; i++)
        if (pthread_create(&threads[i], NULL, work, &load->connections[i]) != 0)
            bench_fail("cannot start a thread");
    begun = clock_monotonic();
    pthread_barrier_wait(&load->gate);
    pthread_barrier_wait(&load->gate);
    took = clock_monotonic() - begun;
    for (unsigned i = 0; i < load->count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&load->gate);
    free(threads);
    return (double)load->count * times * CLOCK_SECOND / (double)took;
}

const char *load_body(const struct load *load, size_t *ret_length)
{
    const struct connection *connection = &load->connections[0];

    *ret_length = connection->answer.length - connection->head;
    return connection->answer.data + connection->head;
}

void load_free(struct load *load)
{
    for (unsigned i = 0; i < load->count; i++) {
        SSL_free(load->connections[i].ssl);
        close(load->connections[i].fd);
        buf_release(&load->connections[i].answer);
    }
    SSL_CTX_free(load->tls);
    free(load->connections);
    free(load->request);
    free(load);
}
