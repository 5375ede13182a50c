/* GET /health and GET /datasets: what needs no credentials. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

static void health_tells_status_service_version_time(void)
{
    _cleanup_(answer_release) struct answer *answer = SEND(.path = "/health", .key = "");

    STATUS(answer, 200);
    SHAPE(answer->json, "status:s service:s version:s timestamp:t parts:a");
    TEXT(answer, "status", "healthy");
}

static void health_answers_at_the_root_too(void)
{
    _cleanup_(free_ptr) char *url = xstrdup(client_base());
    _cleanup_(answer_release) struct answer *answer = NULL;

    snprintf(strstr(url, "/api/v1"), sizeof("/api/v1"), "/health");
    answer = SEND(.path = url, .key = "");
    STATUS(answer, 200);
    SHAPE(answer->json, "status:s service:s version:s timestamp:t parts:a");
}

static void health_ignores_bad_credentials(void)
{
    _cleanup_(answer_release) struct answer *answer = SEND(.path = "/health", .key = "nonsense");

    STATUS(answer, 200);
}

static const struct test health_tests[] = {
    {"/health tells status, service, version and time", health_tells_status_service_version_time},
    {"/health answers at the root as well", health_answers_at_the_root_too},
    {"/health needs no credentials and ignores wrong ones", health_ignores_bad_credentials},
};

SUITE(health, health_tests);

static json_object *dataset_named(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(answer->json); i++) {
        json_object *dataset = json_object_array_get_idx(answer->json, i);
        json_object *its_name = json_at(dataset, "name");

        if (its_name && strcmp(json_object_get_string(its_name), name) == 0)
            return dataset;
    }
    return NULL;
}

static void datasets_are_listed_with_counts(void)
{
    _cleanup_(answer_release) struct answer *answer = SEND(.path = "/datasets", .key = "");
    json_object *dataset;

    if (!STATUS(answer, 200) || !CHECK(json_object_is_type(answer->json, json_type_array)))
        return;
    for (size_t i = 0; i < json_object_array_length(answer->json); i++)
        SHAPE(json_object_array_get_idx(answer->json, i), SHAPE_DATASET);
    dataset = dataset_named(answer, PAGING);
    CHECK(dataset && json_object_get_int(json_at(dataset, "sample_count")) == PAGING_COUNT);
    dataset = dataset_named(answer, DATASET);
    CHECK(dataset && json_object_get_int(json_at(dataset, "sample_count")) >= 11);
}

static const struct test datasets_tests[] = {
    {"data sets are listed with the number of their samples", datasets_are_listed_with_counts},
};

SUITE(datasets, datasets_tests);
