/* GET /samples, put together from what the import rendered and deflated; and sample archives. */
#include "store/samples.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/gzip.h"
#include "http/render.h"
#include "routes/routes.h"

#include "base/banned.h"

#define PAGE_SIZE_DEFAULT 25

struct list_values {
    struct field_text dataset, search;
    int64_t page, page_size; /* 0: not given */
};

static const struct field list_query[] = {
    {"dataset", FIELD_TEXT, .most = DATASET_NAME_MAX,
     .offset = offsetof(struct list_values, dataset)},
    {"search", FIELD_TEXT, .most = 256, .offset = offsetof(struct list_values, search)},
    {"page", FIELD_INT, .least = 1, .most = 1000000000,
     .offset = offsetof(struct list_values, page)},
    {"page_size", FIELD_INT, .least = 1, .most = 100,
     .offset = offsetof(struct list_values, page_size)},
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

static int list_samples(void *app, const struct request *request, const void *values,
                        struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct list_values *list = values;
    bool paged = list->page || list->page_size;
    int64_t number = list->page ? list->page : 1;
    int64_t size = list->page_size ? list->page_size : PAGE_SIZE_DEFAULT;
    struct sample_page page = {.dataset = or_null(&list->dataset),
                               .search = or_null(&list->search)};
    _cleanup_(buf_release) struct buf tail = BUF_INIT;
    struct buf *body;
    int64_t total;

    if (store_sample_count(api->db, page.dataset, page.search, &total, err) < 0)
        return -1;
    if (paged) {
        page.offset = (number - 1) * size;
        page.limit = size;
    }
    render_tail(&tail, total, number, paged ? size : total);
    body = answer_json(answer, 200);
    answer_header(answer, "Vary", "Accept-Encoding");
    if (!gzip_accepted(request_parameter(request, "HTTP_ACCEPT_ENCODING")))
        return write_plain(api->db, &page, &tail, body, err);
    answer_header(answer, "Content-Encoding", "gzip");
    return write_deflated(api->db, &page, &tail, body, err);
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

static int find_archive(const struct settings *settings, const char *path, struct error *err)
{
    _cleanup_(buf_release) struct buf full = BUF_INIT;

    buf_addf(&full, "%s/%s", settings->pack_dir, path);
    if (access(full.data, F_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return error_errno(err, errno, "can't look at %s", full.data);
    return error_set(err, ERROR_NOT_FOUND, "ARCHIVE_NOT_FOUND",
                     "There is no archive of this sample's version.");
}

static int download_sample(void *app, const struct request *request, const void *values,
                           struct answer *answer, struct error *err)
{
    struct api *api = app;
    const struct download_values *download = values;
    const char *dataset = request->params[0], *sample_id = request->params[1];
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    _cleanup_(buf_release) struct buf name = BUF_INIT;
    _cleanup_(buf_release) struct buf location = BUF_INIT;
    int64_t version;

    if (store_sample_version(api->db, dataset, sample_id, download->version, &version, err) < 0)
        return -1;
    sample_pack_path(dataset, sample_id, version, &path);
    if (find_archive(api->settings, path.data, err) < 0)
        return -1;
    add_file_name(&name, sample_id, version);
    buf_addf(&location, "/-/packs/%s", path.data);
    answer_redirect_internally(answer, location.data);
    answer_header(answer, "Content-Type", "application/gzip");
    answer_header(answer, "Content-Disposition", "attachment; filename=\"%s\"", name.data);
    return 0;
}

const struct route samples_routes[] = {
    {"GET", API "/samples", list_samples, .pool = "api", .query = list_query,
     .query_count = ARRAY_SIZE(list_query)},
    {"GET", API "/samples/{dataset}/{sample_id}/download", download_sample, .flags = ROUTE_BEARER,
     .pool = "api", .query = download_query, .query_count = ARRAY_SIZE(download_query)},
};
const size_t samples_routes_count = ARRAY_SIZE(samples_routes);

_Static_assert(sizeof(struct list_values) <= ROUTE_VALUES_MAX, "see http/router.h");
_Static_assert(sizeof(struct download_values) <= ROUTE_VALUES_MAX, "see http/router.h");
