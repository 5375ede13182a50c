/* GET /datasets */
#include "base/cleanup.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/samples.h"

#include "base/banned.h"

static void render_dataset(const struct dataset *dataset, void *arg)
{
    struct buf *out = arg;

    render_open(out, NULL, '{');
    render_text(out, "name", dataset->name);
    render_text(out, "description", dataset->description);
    render_int(out, "sample_count", dataset->sample_count);
    render_time(out, "created_at", dataset->created_at);
    render_close(out, '}');
}

static int list_datasets(void *app, const struct request *request, const void *values,
                         struct answer *answer, struct error *err)
{
    struct api *api = app;
    struct buf *body = answer_json(answer, 200);

    (void)request;
    (void)values;
    render_open(body, NULL, '[');
    if (store_dataset_list(api->db, render_dataset, body, err) < 0)
        return -1;
    render_close(body, ']');
    return 0;
}

static const struct route rows[] = {
    {"GET", API "/datasets", list_datasets, .pool = "api"},
};
const struct route_list datasets_routes = {rows, ARRAY_SIZE(rows)};
