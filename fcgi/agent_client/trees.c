/*
 * Files of a tree, to a descriptor of the caller's.
 */
#include "agent_client/trees.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "agent_client/call.h"
#include "base/cleanup.h"

#include "base/banned.h"

/* What a tar has beside the bytes that are counted, at most: its end; long paths and links. */
#define ARCHIVE_END 1024
#define LONG_NAMES (2 * 4096 + 1024)

struct tree_call {
    struct agent_call call; /* first */
    int fd;                 /* where the answer goes */
    int64_t moved, most;    /* bytes of the answer */
    struct buf held;        /* what fd did not take yet */
    size_t written;         /* how much of that it has taken since */
    struct event *writable; /* while there is something held */
    CURLcode outcome;       /* of the transfer, when it ended before that was written */
    bool lingers;
    agent_tree_done *done;
};

void tree_target_listing(struct buf *target, const char *root)
{
    buf_add_str(target, AGENT_PATH_LISTING);
    call_add_field(target, AGENT_FIELD_ROOT, root);
}

void tree_target_changes(struct buf *target, const char *root, size_t rules)
{
    buf_add_str(target, AGENT_PATH_CHANGES);
    call_add_field(target, AGENT_FIELD_ROOT, root);
    if (rules > 0)
        buf_addf(target, "&" AGENT_FIELD_RULES "=%zu", rules);
}

static void add_since(struct buf *target, int64_t since)
{
    buf_addf(target, "&" AGENT_FIELD_SINCE "=%" PRId64, since);
}

void tree_target_changes_since(struct buf *target, const char *root, int64_t since)
{
    tree_target_changes(target, root, 0);
    add_since(target, since);
}

int tree_count(struct agent_call *call, bool archive, int64_t *moved, size_t length, int64_t most)
{
    if (archive && !call->answer.is_tar)
        return error_set(&call->failure, ERROR_INTERNAL, "AGENT_PROTOCOL",
                         "the agent's answer is not an archive");
    if ((int64_t)length > most - *moved)
        return error_set(&call->failure, ERROR_LIMIT, "CHANGES_TOO_LARGE",
                         "the archive is larger than %" PRId64 " bytes", most);
    *moved += (int64_t)length;
    return 0;
}

/* ---- to a descriptor, which may be a pipe ---- */

/* How many bytes fd takes now; -1 with the call's failure. */
static ssize_t put(struct tree_call *tree, const char *bytes, size_t length)
{
    size_t written = 0;

    while (written < length) {
        ssize_t put = write(tree->fd, bytes + written, length - written);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            break;
        if (put < 0)
            return error_errno(&tree->call.failure, errno, "cannot write what was received");
        written += (size_t)put;
    }
    return (ssize_t)written;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct tree_call *tree = arg;
    ssize_t written = put(tree, tree->held.data + tree->written, tree->held.length - tree->written);

    (void)fd;
    (void)what;
    if (written >= 0) {
        tree->written += (size_t)written;
        if (tree->written < tree->held.length)
            return;
    }
    event_del(tree->writable);
    buf_clear(&tree->held);
    tree->written = 0;
    if (tree->lingers)
        call_end(&tree->call, tree->outcome);
    else
        call_go_on(&tree->call, CURLPAUSE_RECV);
}

static void hold(struct tree_call *tree, const char *bytes, size_t length)
{
    buf_add(&tree->held, bytes, length);
    if (!tree->writable)
        tree->writable =
            event_new(tree->call.client->base, tree->fd, EV_WRITE | EV_PERSIST, on_writable, tree);
    event_add(tree->writable, NULL);
}

static size_t tree_take(struct agent_call *call, const char *bytes, size_t length)
{
    struct tree_call *tree = (struct tree_call *)call;
    ssize_t written;

    if (call->failure.kind != ERROR_NONE) /* of what was held */
        return 0;
    if (tree->held.length > 0)
        return CURL_WRITEFUNC_PAUSE;
    if (tree_count(call, true, &tree->moved, length, tree->most) < 0)
        return 0;
    written = put(tree, bytes, length);
    if (written < 0)
        return 0;
    if ((size_t)written < length)
        hold(tree, bytes + written, length - (size_t)written);
    return length;
}

static bool tree_linger(struct agent_call *call, CURLcode outcome)
{
    struct tree_call *tree = (struct tree_call *)call;

    tree->outcome = outcome;
    tree->lingers = outcome == CURLE_OK && tree->held.length > 0;
    return tree->lingers;
}

/* ---- the calls ---- */

static void tree_end(struct agent_call *call, struct error *err)
{
    ((struct tree_call *)call)->done(err->kind != ERROR_NONE ? err : NULL, call->arg);
}

static void tree_release(struct agent_call *call)
{
    struct tree_call *tree = (struct tree_call *)call;

    if (tree->writable)
        event_free(tree->writable);
    buf_release(&tree->held);
}

static const struct call_kind get_kind = {.size = sizeof(struct tree_call),
                                          .take = tree_take,
                                          .linger = tree_linger,
                                          .end = tree_end,
                                          .release = tree_release};

static struct agent_call *get(struct agent_client *client, const char *address, const char *target,
                              int64_t most, int64_t ms, int fd, agent_tree_done *done, void *arg)
{
    struct agent_call *call = call_new(client, &get_kind, address, "GET", target, arg);
    struct tree_call *tree = (struct tree_call *)call;

    tree->fd = fd;
    tree->held = (struct buf)BUF_INIT;
    tree->most = most;
    tree->done = done;
    call_limit(call, ms);
    call_start(call);
    return call;
}

struct agent_call *agent_get_files(struct agent_client *client, const char *address,
                                   const char *root, const char *const *patterns, size_t count,
                                   int64_t since, int fd, agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    buf_add_str(&target, AGENT_PATH_FILES);
    call_add_field(&target, AGENT_FIELD_ROOT, root);
    add_since(&target, since);
    for (size_t i = 0; i < count; i++)
        call_add_field(&target, AGENT_FIELD_MATCH, patterns[i]);
    return get(client, address, target.data, AGENT_REPORT_CAP, TREE_MS, fd, done, arg);
}

struct agent_call *agent_get_archive(struct agent_client *client, const char *address,
                                     const char *root, const struct agent_archive_limits *limits,
                                     int fd, agent_tree_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    buf_add_str(&target, AGENT_PATH_ARCHIVE);
    call_add_field(&target, AGENT_FIELD_ROOT, root);
    buf_addf(&target, "&" AGENT_FIELD_BYTES "=%" PRId64 "&" AGENT_FIELD_ENTRIES "=%" PRId64,
             limits->bytes, limits->entries);
    return get(client, address, target.data,
               limits->bytes + ARCHIVE_END + limits->entries * LONG_NAMES, limits->seconds * 1000LL,
               fd, done, arg);
}
