/*
 * agent_copy_changes: three requests that flow into one another.
 *
 *     grading agent                        session's agent                    grading agent
 *     GET /listing --> listing (bytes) --> POST /changes --> archive (bytes) --> PUT /changes
 *
 * Whoever reads slower than the one before writes makes that one wait, and the other way round. A
 * request begins when there is something for it to send. The last one is the copy itself: it
 * belongs to the caller, the other two to it. A request that fails cuts the later ones off, and an
 * agent touches nothing before it has all of what it is sent.
 *
 * Each has its own time, which begins where the one before has ended. A listing that is known takes
 * the first one's place; then the last one may have to wait for its container.
 */
#include <curl/curl.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent_client/call.h"
#include "agent_client/trees.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define KEPT_BACK_MOST 20              /* paths that are told */
#define KEPT_BACK_PATH_MOST 200        /* bytes of one */
#define CROSSED_MOST 5                 /* paths of each kind that are told */
#define FLOW_MOST ((size_t)256 * 1024) /* bytes that have come and are not sent */

/* What is kept between two requests. */
struct flow {
    struct evbuffer *bytes;
    size_t room; /* for what has come and is not sent */
    int64_t moved;
    int64_t most; /* in all */
    bool ended;   /* no more comes */
};

struct copy {
    struct agent_call call; /* first: PUT /changes */
    struct leg *listing;    /* GET /listing; NULL once it has ended */
    struct leg *reading;    /* POST /changes; NULL before it begins and once it has ended */
    struct flow from_listing, from_reading;
    bool reading_begun, laying_begun;
    bool held;     /* until agent_copy_read */
    bool is_ahead; /* until agent_copy_lay */
    void (*reads)(void *arg), (*has_read)(void *arg);
    struct agent_kept *kept, *listed; /* the caller's */
    char *session_address, *root;
    int64_t since;
    struct buf rules; /* go before the archive */
    size_t rules_given;
    enum agent_copy_stage stage; /* where it failed */
    struct event *step;
    agent_copy_done *done;
};

struct leg {
    struct agent_call call; /* first */
    struct copy *copy;      /* NULL once it does not concern it any more */
};

static size_t flow_take(struct flow *flow, struct agent_call *from, bool archive, const char *bytes,
                        size_t length)
{
    if (evbuffer_get_length(flow->bytes) + length > flow->room)
        return CURL_WRITEFUNC_PAUSE;
    if (tree_count(from, archive, &flow->moved, length, flow->most) < 0)
        return 0;
    evbuffer_add(flow->bytes, bytes, length);
    return length;
}

static size_t flow_give(struct flow *flow, struct leg *from, char *bytes, size_t most)
{
    int given = evbuffer_remove(flow->bytes, bytes, most);

    if (from && evbuffer_get_length(flow->bytes) <= FLOW_MOST / 2)
        call_go_on(&from->call, CURLPAUSE_RECV);
    if (given > 0)
        return (size_t)given;
    return flow->ended ? 0 : CURL_READFUNC_PAUSE;
}

static void fail(struct copy *copy, enum agent_copy_stage stage, const struct error *err)
{
    if (copy->call.started)
        http_loop_stop(copy->call.client->loop, &copy->call.transfer);
    copy->call.started = false;
    copy->call.failure = *err;
    copy->stage = stage;
    call_end(&copy->call, CURLE_OK);
}

static bool is_unreachable(const struct error *err)
{
    return error_has_code(err, "AGENT_UNREACHABLE");
}

/* The leg has ended. A request that came to its end waiting for the one after it is not at fault.
 */
static struct copy *leave(struct leg *leg, const struct error *err, bool *ret_waited)
{
    *ret_waited = is_unreachable(err) && (leg->call.paused & CURLPAUSE_RECV);
    return TAKE_PTR(leg->copy);
}

static void leg_release(struct agent_call *call)
{
    struct leg *leg = (struct leg *)call;

    if (!leg->copy)
        return;
    if (leg->copy->listing == leg)
        leg->copy->listing = NULL;
    else
        leg->copy->reading = NULL;
}

static struct leg *leg_new(struct copy *copy, const struct call_kind *kind, const char *address,
                           const char *method, const char *target)
{
    struct agent_call *call =
        call_new(copy->call.client, kind, address, method, target, copy->call.arg);
    struct leg *leg = (struct leg *)call;

    leg->copy = copy;
    return leg;
}

/* ---- the listing ---- */

static void keep(struct agent_kept *kept, const char *bytes, size_t length)
{
    kept->bytes += (int64_t)length;
    if (kept->bytes > (int64_t)kept->most)
        buf_release(&kept->archive);
    else
        buf_add(&kept->archive, bytes, length);
}

static size_t listing_take(struct agent_call *call, const char *bytes, size_t length)
{
    struct copy *copy = ((struct leg *)call)->copy;
    size_t taken = flow_take(&copy->from_listing, call, false, bytes, length);

    if (copy->listed && taken == length)
        keep(copy->listed, bytes, length);
    event_active(copy->step, 0, 0);
    return taken;
}

static void listing_end(struct agent_call *call, struct error *err)
{
    bool waited;
    struct copy *copy = leave((struct leg *)call, err, &waited);

    copy->listing = NULL;
    if (err->kind != ERROR_NONE && err->kind != ERROR_NOT_FOUND) {
        fail(copy, waited ? AGENT_COPY_READING : AGENT_COPY_LISTING, err);
        return;
    }
    copy->from_listing.ended = true;
    if (copy->reading)
        call_limit(&copy->reading->call, TREE_MS);
    event_active(copy->step, 0, 0);
}

static const struct call_kind listing_kind = {
    .size = sizeof(struct leg), .take = listing_take, .end = listing_end, .release = leg_release};

static void begin_listing(struct copy *copy, const char *grading_address)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    tree_target_listing(&target, copy->root);
    copy->listing = leg_new(copy, &listing_kind, grading_address, "GET", target.data);
    call_limit(&copy->listing->call, TREE_MS);
    call_start(&copy->listing->call);
}

/* ---- what differs ---- */

static size_t reading_give(struct agent_call *call, char *bytes, size_t most)
{
    struct copy *copy = ((struct leg *)call)->copy;

    return flow_give(&copy->from_listing, copy->listing, bytes, most);
}

static size_t reading_take(struct agent_call *call, const char *bytes, size_t length)
{
    struct copy *copy = ((struct leg *)call)->copy;
    size_t taken = flow_take(&copy->from_reading, call, true, bytes, length);

    if (taken == CURL_WRITEFUNC_PAUSE && copy->is_ahead) {
        error_set(&call->failure, ERROR_LIMIT, "CHANGES_WAIT",
                  "the changes are too large to wait for the grading container");
        return 0;
    }
    if (copy->kept && taken == length)
        keep(copy->kept, bytes, length);
    event_active(copy->step, 0, 0);
    return taken;
}

static void reading_end(struct agent_call *call, struct error *err)
{
    bool waited;
    struct copy *copy = leave((struct leg *)call, err, &waited);

    copy->reading = NULL;
    if (err->kind == ERROR_NONE &&
        (!copy->from_listing.ended || evbuffer_get_length(copy->from_listing.bytes) > 0))
        error_set(err, ERROR_INTERNAL, "AGENT_PROTOCOL",
                  "the agent's answer ended before the request did");
    if (err->kind != ERROR_NONE) {
        fail(copy, waited ? AGENT_COPY_LAYING : AGENT_COPY_READING, err);
        return;
    }
    copy->from_reading.ended = true;
    if (copy->has_read)
        copy->has_read(copy->call.arg);
    if (!copy->is_ahead)
        call_limit(&copy->call, TREE_MS);
    event_active(copy->step, 0, 0);
}

static const struct call_kind reading_kind = {.size = sizeof(struct leg),
                                              .take = reading_take,
                                              .give = reading_give,
                                              .end = reading_end,
                                              .release = leg_release};

static void begin_reading(struct copy *copy)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    copy->reading_begun = true;
    tree_target_changes_since(&target, copy->root, copy->since);
    copy->reading = leg_new(copy, &reading_kind, copy->session_address, "POST", target.data);
    call_send_given(&copy->reading->call, -1);
    if (copy->from_listing.ended)
        call_limit(&copy->reading->call, TREE_MS);
    call_start(&copy->reading->call);
}

/* ---- the laying, which is the copy ---- */

static bool there_is_some(const struct flow *flow)
{
    return flow->ended || evbuffer_get_length(flow->bytes) > 0;
}

/* From the loop, not from curl's callbacks: within those no request may begin. */
static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct copy *copy = arg;

    (void)fd;
    (void)what;
    if (copy->reads && there_is_some(&copy->from_listing)) {
        copy->held = true;
        TAKE_PTR(copy->reads)(copy->call.arg);
    }
    if (copy->held)
        return;
    if (!copy->reading_begun && there_is_some(&copy->from_listing))
        begin_reading(copy);
    else if (copy->reading && there_is_some(&copy->from_listing))
        call_go_on(&copy->reading->call, CURLPAUSE_SEND);
    if (copy->is_ahead)
        return;
    if (!copy->laying_begun && there_is_some(&copy->from_reading)) {
        copy->laying_begun = true;
        call_start(&copy->call);
    } else if (there_is_some(&copy->from_reading)) {
        call_go_on(&copy->call, CURLPAUSE_SEND);
    }
}

void agent_copy_read(struct agent_call *call)
{
    struct copy *copy = (struct copy *)call;

    copy->held = false;
    event_active(copy->step, 0, 0);
}

static size_t laying_give(struct agent_call *call, char *bytes, size_t most)
{
    struct copy *copy = (struct copy *)call;
    size_t left = copy->rules.length - copy->rules_given;

    if (left > 0) {
        size_t piece = left < most ? left : most;

        memcpy(bytes, copy->rules.data + copy->rules_given, piece);
        copy->rules_given += piece;
        return piece;
    }
    return flow_give(&copy->from_reading, copy->reading, bytes, most);
}

static void set_rules(struct copy *copy, const struct agent_rules *rules)
{
    buf_clear(&copy->rules);
    buf_add(&copy->rules, rules->text, rules->length);
}

void agent_copy_lay(struct agent_call *call, const char *grading_address,
                    const struct agent_rules *rules)
{
    struct copy *copy = (struct copy *)call;
    _cleanup_(buf_release) struct buf target = BUF_INIT;

    tree_target_changes(&target, copy->root, rules->length);
    call_address(call, grading_address, target.data);
    set_rules(copy, rules);
    copy->is_ahead = false;
    copy->from_reading.room = FLOW_MOST;
    if (copy->from_reading.ended)
        call_limit(call, TREE_MS);
    event_active(copy->step, 0, 0);
}

/* A path as it is told: a guest made it. */
static void add_path(struct buf *text, const char *path, size_t length)
{
    size_t from = text->length;

    utf8_sanitize(text, path, length < KEPT_BACK_PATH_MOST ? length : KEPT_BACK_PATH_MOST);
    for (size_t i = from; i < text->length; i++)
        if ((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7f)
            text->data[i] = '?';
}

/* From the agent's answer; one that says nothing of it held nothing back. The number of paths. */
static int64_t kept_back_of(const struct buf *answer, struct buf *text)
{
    _cleanup_(json_release) json_object *body = NULL;
    struct error ignored = ERROR_INIT;
    json_object *paths;
    size_t told = 0;
    int64_t more;

    if (json_parse(answer->data ? answer->data : "", answer->length, &body, NULL, &ignored) < 0 ||
        !json_object_object_get_ex(body, "kept_back", &paths) ||
        !json_object_is_type(paths, json_type_array))
        return 0;
    for (size_t i = 0; i < json_object_array_length(paths) && told < KEPT_BACK_MOST; i++) {
        json_object *path = json_object_array_get_idx(paths, i);

        if (!json_object_is_type(path, json_type_string))
            continue;
        buf_add_str(text, told++ > 0 ? ", " : "");
        add_path(text, json_object_get_string(path), (size_t)json_object_get_string_len(path));
    }
    more = json_get_int(body, "more", 0);
    if (told == 0 || more <= 0)
        return (int64_t)told;
    buf_addf(text, " and %lld more", (long long)more);
    return more > INT64_MAX - (int64_t)told ? more : (int64_t)told + more;
}

static const struct crossed_kind {
    const char *name;
    const char *one, *many;
} crossed_kinds[] = {
    {AGENT_KIND_COMPILED, "compiled file", "compiled files"},
    {AGENT_KIND_LINK, "link in place of a folder", "links in place of folders"},
    {AGENT_KIND_STARTUP, "file that an interpreter reads at its start",
     "files that an interpreter reads at its start"},
    {AGENT_KIND_ENTRY, "package.json that names other files to begin with",
     "package.json files that name other files to begin with"},
};

/* " (a, b and 3 more)" */
static void add_crossed_paths(struct buf *text, json_object *paths, int64_t count)
{
    int64_t told = 0;

    if (!json_object_is_type(paths, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(paths) && told < CROSSED_MOST; i++) {
        json_object *path = json_object_array_get_idx(paths, i);

        if (!json_object_is_type(path, json_type_string))
            continue;
        buf_add_str(text, told++ > 0 ? ", " : " (");
        add_path(text, json_object_get_string(path), (size_t)json_object_get_string_len(path));
    }
    if (told == 0)
        return;
    if (count > told)
        buf_addf(text, " and %lld more", (long long)(count - told));
    buf_add_char(text, ')');
}

/* From the agent's answer. One of an earlier release says nothing of it. */
static void crossed_of(const struct buf *answer, struct buf *text, struct buf *counts)
{
    _cleanup_(json_release) json_object *body = NULL;
    struct error ignored = ERROR_INIT;
    json_object *crossed, *kind, *paths;

    if (json_parse(answer->data ? answer->data : "", answer->length, &body, NULL, &ignored) < 0 ||
        !json_object_object_get_ex(body, "crossed", &crossed))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(crossed_kinds); i++) {
        const struct crossed_kind *known = &crossed_kinds[i];
        int64_t count;

        if (!json_object_object_get_ex(crossed, known->name, &kind) ||
            !json_object_is_type(kind, json_type_object) ||
            (count = json_get_int(kind, "count", 0)) <= 0)
            continue;
        buf_addf(counts, "%s%lld %s", counts->length > 0 ? ", " : "", (long long)count,
                 count == 1 ? known->one : known->many);
        buf_addf(text, "%s%lld %s", text->length > 0 ? ", " : "", (long long)count,
                 count == 1 ? known->one : known->many);
        if (json_object_object_get_ex(kind, "paths", &paths))
            add_crossed_paths(text, paths, count);
    }
}

static const char *text_of(const struct buf *text)
{
    return text->length > 0 ? text->data : "";
}

static void laying_end(struct agent_call *call, struct error *err)
{
    struct copy *copy = (struct copy *)call;
    _cleanup_(buf_release) struct buf kept_back = BUF_INIT, crossed = BUF_INIT, counts = BUF_INIT;
    struct agent_laid laid = {0};

    if (err->kind == ERROR_NONE && !copy->from_reading.ended)
        error_set(err, ERROR_INTERNAL, "AGENT_PROTOCOL",
                  "the agent's answer ended before the request did");
    if (err->kind == ERROR_NONE) {
        laid.kept_back_count = kept_back_of(&call->body, &kept_back);
        crossed_of(&call->body, &crossed, &counts);
    }
    laid.kept_back = text_of(&kept_back);
    laid.crossed = text_of(&crossed);
    laid.crossed_counts = text_of(&counts);
    copy->done(err->kind != ERROR_NONE ? err : NULL, copy->stage, &laid, call->arg);
}

static void copy_release(struct agent_call *call)
{
    struct copy *copy = (struct copy *)call;

    if (copy->listing)
        agent_call_cancel(&copy->listing->call);
    if (copy->reading)
        agent_call_cancel(&copy->reading->call);
    evbuffer_free(copy->from_listing.bytes);
    evbuffer_free(copy->from_reading.bytes);
    event_free(copy->step);
    free(copy->session_address);
    free(copy->root);
    buf_release(&copy->rules);
}

static const struct call_kind copy_kind = {
    .size = sizeof(struct copy), .give = laying_give, .end = laying_end, .release = copy_release};

static struct copy *copy_new(struct agent_client *client, const struct agent_copy *what,
                             agent_copy_done *done, void *arg)
{
    _cleanup_(buf_release) struct buf target = BUF_INIT;
    struct agent_call *call;
    struct copy *copy;

    tree_target_changes(&target, what->root, what->rules.length);
    call = call_new(client, &copy_kind, what->grading_address, "PUT", target.data, arg);
    call_send_given(call, -1);
    copy = (struct copy *)call;
    copy->from_listing =
        (struct flow){.bytes = evbuffer_new(), .room = FLOW_MOST, .most = AGENT_LISTING_CAP};
    copy->from_reading =
        (struct flow){.bytes = evbuffer_new(), .room = FLOW_MOST, .most = AGENT_TREE_CAP};
    copy->rules = (struct buf)BUF_INIT;
    set_rules(copy, &what->rules);
    copy->root = xstrdup(what->root);
    copy->stage = AGENT_COPY_LAYING;
    copy->step = event_new(client->base, -1, 0, on_step, copy);
    copy->done = done;
    return copy;
}

struct agent_call *agent_copy_changes(struct agent_client *client, const struct agent_copy *what,
                                      agent_copy_done *done, void *arg)
{
    struct copy *copy = copy_new(client, what, done, arg);

    copy->session_address = xstrdup(what->session_address);
    copy->since = what->since;
    copy->reads = what->reads;
    copy->has_read = what->has_read;
    copy->kept = what->kept;
    copy->listed = what->listed;
    if (!what->grading_address) {
        copy->is_ahead = true;
        copy->from_reading.room = AGENT_COPY_AHEAD;
    }
    if (!what->listing) {
        begin_listing(copy, what->grading_address);
        return &copy->call;
    }
    evbuffer_add(copy->from_listing.bytes, what->listing->data, what->listing->length);
    copy->from_listing.ended = true;
    event_active(copy->step, 0, 0);
    return &copy->call;
}

struct agent_call *agent_lay_changes(struct agent_client *client, const struct agent_copy *what,
                                     const struct buf *archive, agent_copy_done *done, void *arg)
{
    struct copy *copy = copy_new(client, what, done, arg);

    evbuffer_add_reference(copy->from_reading.bytes, archive->data, archive->length, NULL, NULL);
    copy->from_reading.ended = true;
    copy->reading_begun = true;
    call_limit(&copy->call, TREE_MS);
    event_active(copy->step, 0, 0);
    return &copy->call;
}
