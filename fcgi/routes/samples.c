/* GET /samples, put together from what the import rendered and deflated; and sample archives. */
#include "store/samples.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/gzip.h"
#include "http/render.h"
#include "routes/pages.h"
#include "routes/routes.h"
#include "routes/sample_archive.h"

#include "base/banned.h"

#define PAGE_SIZE_DEFAULT 25
#define LIST_FORM 2 /* part of the ETag: to be raised when the same samples make other bytes */

struct list_values {
    struct field_text dataset, search;
    int64_t page, page_size; /* 0: not given */
    bool runnable;
};

static const struct field list_query[] = {
    {"dataset", FIELD_TEXT, .most = DATASET_NAME_MAX,
     .offset = offsetof(struct list_values, dataset)},
    {"search", FIELD_TEXT, .most = 256, .offset = offsetof(struct list_values, search)},
    {"page", FIELD_INT, .least = 1, .most = 1000000000,
     .offset = offsetof(struct list_values, page)},
    {"page_size", FIELD_INT, .least = 1, .most = 100,
     .offset = offsetof(struct list_values, page_size)},
    {"runnable", FIELD_BOOL, .offset = offsetof(struct list_values, runnable)},
};

static const char *or_null(const struct field_text *text)
{
    return text->length ? text->bytes : NULL;
}

/* {"samples":[ ... ],"total_count":...}: what stands before and behind the samples. */
static const char head[] = "{\"samples\":[";

static void render_tail(struct buf *out, int64_t total, int64_t page, int64_t page_size)
{
    buf_add_str(out, "],");
    buf_addf(out, "\"total_count\":%" PRId64 ",\"page\":%" PRId64 ",\"page_size\":%" PRId64, total,
             page, page_size);
    render_bool(out, "has_more", page * page_size < total);
    buf_add_char(out, '}');
}

struct deflated {
    struct gzip gzip;
    struct buf comma;
    uint32_t comma_crc32;
    bool any;
};

static void add_text(struct gzip *gzip, const char *text, size_t length)
{
    _cleanup_(buf_release) struct buf piece = BUF_INIT;
    uint32_t sum;

    sample_deflate(text, length, &piece, &sum);
    gzip_add(gzip, piece.data, piece.length, (uint32_t)length, sum);
}

static void add_piece(const struct sample_piece *piece, void *arg)
{
    struct deflated *deflated = arg;

    if (deflated->any)
        gzip_add(&deflated->gzip, deflated->comma.data, deflated->comma.length, 1,
                 deflated->comma_crc32);
    deflated->any = true;
    gzip_add(&deflated->gzip, piece->bytes, piece->size, piece->json_length, piece->json_crc32);
}

static int write_deflated(struct db *db, const struct sample_page *page, const struct buf *tail,
                          struct buf *body, struct error *err)
{
    struct deflated deflated = {.comma = BUF_INIT};
    int outcome;

    sample_deflate(",", 1, &deflated.comma, &deflated.comma_crc32);
    gzip_begin(&deflated.gzip, body);
    add_text(&deflated.gzip, head, sizeof(head) - 1);
    outcome = store_sample_page_deflated(db, page, add_piece, &deflated, err);
    add_text(&deflated.gzip, tail->data, tail->length);
    gzip_end(&deflated.gzip);
    buf_release(&deflated.comma);
    return outcome;
}

static int write_plain(struct db *db, const struct sample_page *page, const struct buf *tail,
                       struct buf *body, struct error *err)
{
    buf_add(body, head, sizeof(head) - 1);
    if (store_sample_page_plain(db, page, body, err) < 0)
        return -1;
    buf_add(body, tail->data, tail->length);
    return 0;
}

/* A page as it is asked for. */
struct list {
    struct sample_page page;
    int64_t number, size; /* size 0: all */
    bool deflated;
};

static struct list list_of(const struct request *request, const struct list_values *values)
{
    _cleanup_(buf_release) struct buf encodings = BUF_INIT;
    bool paged = values->page || values->page_size;
    int64_t size = values->page_size ? values->page_size : PAGE_SIZE_DEFAULT;
    struct list list = {
        .page = {.dataset = or_null(&values->dataset),
                 .search = or_null(&values->search),
                 .runnable = values->runnable},
        .number = values->page ? values->page : 1,
        .size = paged ? size : 0,
    };

    request_list(request, "HTTP_ACCEPT_ENCODING", &encodings);
    list.deflated = gzip_accepted(encodings.data);
    list.page.offset = (list.number - 1) * list.size;
    list.page.limit = list.size;
    return list;
}

static int write_list(struct db *db, const struct list *list, struct buf *body, struct error *err)
{
    _cleanup_(buf_release) struct buf tail = BUF_INIT;
    int64_t total;

    if (store_sample_count(db, &list->page, &total, err) < 0)
        return -1;
    render_tail(&tail, total, list->number, list->size ? list->size : total);
    return list->deflated ? write_deflated(db, &list->page, &tail, body, err)
                          : write_plain(db, &list->page, &tail, body, err);
}

/* The stamp is older than what is read after it, never newer: an answer that is newer than its
 * ETag is only asked for once more. */
static int write_etag(struct db *db, bool runnable, struct buf *out, struct error *err)
{
    struct sample_stamp stamp;

    if (store_sample_stamp(db, runnable, &stamp, err) < 0)
        return -1;
    buf_addf(out, "\"%d-%" PRId64 "-%" PRId64 "-%" PRIx64, LIST_FORM, stamp.count, stamp.last,
             stamp.imported_at);
    if (runnable)
        buf_addf(out, "-%" PRId64 "-%" PRIx64, stamp.good, stamp.good_times);
    buf_add_char(out, '"');
    return 0;
}

static bool is_known(const struct request *request, const char *etag)
{
    _cleanup_(buf_release) struct buf known = BUF_INIT;

    request_list(request, "HTTP_IF_NONE_MATCH", &known);
    return strcmp(known.data, "*") == 0 || strstr(known.data, etag);
}

/* Lengths before texts make two different questions two different texts. */
static void write_question(const struct list *list, const struct list_values *values,
                           struct buf *out)
{
    buf_addf(out, "%d %d %" PRId64 " %" PRId64 " %zu:%s %s", list->deflated, list->page.runnable,
             list->number, list->size, values->dataset.length,
             list->page.dataset ? list->page.dataset : "",
             list->page.search ? list->page.search : "");
}

/* nginx serves the page with this answer's headers, all but the length. */
static void serve_page(const struct page_name *name, struct answer *answer)
{
    _cleanup_(buf_release) struct buf location = BUF_INIT;

    buf_addf(&location, "/-/pages/%s", name->text);
    answer_redirect_internally(answer, location.data);
    buf_clear(&answer->body);
}

/* All that a search finds, however much, is an answer that anybody can ask for in any number of
 * ways, so that no folder keeps them all: one worker at a time does that. */
static int take_turn(const char *folder, const struct list *list, int *ret_turn, struct error *err)
{
    if (list->size || !list->page.search)
        return 0;
    *ret_turn = page_turn(folder);
    if (*ret_turn >= 0)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, "UNAVAILABLE",
                     "another search without page and page_size is being answered; ask for pages");
}

static int put_together(const struct api *api, const struct list *list,
                        const struct page_name *name, struct answer *answer, struct error *err)
{
    const char *folder = api->settings->api.page_dir;
    bool often = !list->size && !list->page.search;
    _cleanup_(close_fd) int turn = -1;

    if (take_turn(folder, list, &turn, err) < 0 ||
        write_list(api->db, list, &answer->body, err) < 0)
        return -1;
    if (page_keep(folder, name, &answer->body, often))
        serve_page(name, answer);
    return 0;
}

static int list_samples(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    const char *folder = api->settings->api.page_dir;
    struct list list = list_of(request, values);
    _cleanup_(buf_release) struct buf etag = BUF_INIT;
    _cleanup_(buf_release) struct buf question = BUF_INIT;
    struct page_name name;

    if (write_etag(api->db, list.page.runnable, &etag, err) < 0)
        return -1;
    answer_header(answer, "ETag", "W/%s", etag.data);
    answer_vary(answer, "Accept-Encoding");
    if (is_known(request, etag.data)) {
        answer->status = 304;
        return 0;
    }
    answer_json(answer, 200);
    if (list.deflated)
        answer_header(answer, "Content-Encoding", "gzip");
    write_question(&list, values, &question);
    name = page_name(etag.data, question.data);
    if (page_find(folder, &name)) {
        serve_page(&name, answer);
        return 0;
    }
    return put_together(api, &list, &name, answer, err);
}

/* --- GET /samples/{dataset}/{sample_id}/download --------------------------------------------- */

struct download_values {
    int64_t version; /* 0: the latest */
};

static const struct field download_query[] = {
    {"version", FIELD_INT, .least = 1, .most = UINT32_MAX,
     .offset = offsetof(struct download_values, version)},
};

/* A name that needs no quoting anywhere. */
static void add_file_name(struct buf *out, const char *sample_id, int64_t version)
{
    for (const char *c = sample_id; *c; c++)
        buf_add_char(out, isalnum((unsigned char)*c) || strchr("._-", *c) ? *c : '_');
    buf_addf(out, "-%" PRId64 ".tar.gz", version);
}

static int download_sample(void *app, const struct request *request, const void *values,
                           struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct download_values *download = values;
    const char *dataset = request->params[0], *sample_id = request->params[1];
    _cleanup_(buf_release) struct buf json = BUF_INIT;
    _cleanup_(buf_release) struct buf name = BUF_INIT;
    char etag[SAMPLE_ARCHIVE_ETAG_SIZE];
    int64_t version;

    if (store_sample_text(api->db, dataset, sample_id, download->version, &version, &json, err) < 0)
        return -1;
    sample_archive_etag(&json, etag);
    answer_header(answer, "ETag", "%s", etag);
    if (is_known(request, etag)) {
        answer->status = 304;
        return 0;
    }
    if (sample_archive(&json, &answer->body, err) < 0)
        return -1;
    add_file_name(&name, sample_id, version);
    answer->status = 200;
    answer_header(answer, "Content-Type", "application/gzip");
    answer_header(answer, "Content-Disposition", "attachment; filename=\"%s\"", name.data);
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/samples", list_samples, .pool = "api",
     ROUTE_QUERY(struct list_values, list_query)},
    {"GET", API "/samples/{dataset}/{sample_id}/download", download_sample, .flags = ROUTE_BEARER,
     .pool = "api", ROUTE_QUERY(struct download_values, download_query)},
};
const struct route_list samples_routes = {rows, ARRAY_SIZE(rows)};
