/* docs/openapi.json against the table of routes: paths, methods, credentials, fields. */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "routes/routes.h"
#include "unit.h"

#include "base/banned.h"

static json_object *document;
static struct router router;

static json_object *member(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return value;
}

static const struct route *route_of(const char *method, const char *path)
{
    for (size_t i = 0; i < router.list_count; i++)
        for (size_t j = 0; j < router.lists[i]->count; j++)
            if (strcasecmp(router.lists[i]->routes[j].method, method) == 0 &&
                strcmp(router.lists[i]->routes[j].pattern, path) == 0)
                return &router.lists[i]->routes[j];
    return NULL;
}

static json_object *operation_of(const struct route *route)
{
    char method[16];

    for (size_t i = 0; i < sizeof(method); i++) {
        method[i] = (char)(route->method[i] ? route->method[i] | 0x20 : '\0');
        if (!method[i])
            break;
    }
    return member(member(member(document, "paths"), route->pattern), method);
}

/* Calls check for each route that the outside can reach. */
static void each_route(void (*check)(const struct route *route, json_object *operation))
{
    int count = 0;

    for (size_t i = 0; i < router.list_count; i++) {
        for (size_t j = 0; j < router.lists[i]->count; j++) {
            const struct route *route = &router.lists[i]->routes[j];
            json_object *operation = operation_of(route);

            if (route->flags & ROUTE_AWAITED) {
                CU_ASSERT_PTR_NULL(operation);
                continue;
            }
            if (!operation)
                printf("\n%s %s is not described\n", route->method, route->pattern);
            CU_ASSERT_PTR_NOT_NULL(operation);
            if (operation)
                check(route, operation);
            count++;
        }
    }
    CU_ASSERT(count > 10);
}

static void check_described(const struct route *route, json_object *operation)
{
    json_object *item = member(member(document, "paths"), route->pattern);

    CU_ASSERT_PTR_NOT_NULL(member(operation, "responses"));
    CU_ASSERT_PTR_NOT_NULL(member(item, "options"));
    CU_ASSERT_EQUAL(member(item, "get") != NULL, member(item, "head") != NULL);
}

static void every_route_is_described(void)
{
    each_route(check_described);
}

static void every_description_has_a_route(void)
{
    json_object *paths = member(document, "paths");

    json_object_object_foreach (paths, path, item) {
        if (strcmp(path, API "/openapi.json") == 0)
            continue; /* nginx serves it */
        json_object_object_foreach (item, method, operation) {
            bool automatic = strcmp(method, "options") == 0 || strcmp(method, "head") == 0;

            (void)operation;
            if (!automatic && !route_of(method, path))
                printf("\n%s %s has no route\n", method, path);
            CU_ASSERT(automatic || route_of(method, path) != NULL);
        }
    }
}

static void check_credentials(const struct route *route, json_object *operation)
{
    bool bearer = (route->flags & ROUTE_BEARER) != 0;

    json_object *security = member(operation, "security");

    /* An empty list says that none is needed; without one, tools ask the document's default. */
    CU_ASSERT_FATAL(json_object_is_type(security, json_type_array));
    CU_ASSERT_EQUAL(json_object_array_length(security) > 0, bearer);
    CU_ASSERT(!bearer || member(member(operation, "responses"), "401") != NULL);
}

static void credentials_are_described(void)
{
    each_route(check_credentials);
}

static json_object *body_model(json_object *operation)
{
    static const char prefix[] = "#/components/schemas/";
    json_object *body = member(operation, "requestBody");
    json_object *json = member(member(body, "content"), "application/json");
    const char *name = json_get_text(member(json, "schema"), "$ref");

    if (!name || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return NULL;
    return member(member(member(document, "components"), "schemas"), name + sizeof(prefix) - 1);
}

static bool lists(json_object *array, const char *word)
{
    for (size_t i = 0; array && i < json_object_array_length(array); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), word) == 0)
            return true;
    return false;
}

static const char *json_type_of(enum field_type type)
{
    return type == FIELD_TEXTS  ? "array"
           : type == FIELD_INT  ? "integer"
           : type == FIELD_BOOL ? "boolean"
                                : "string";
}

/* The type of a property, without the null that anyOf may add. */
static const char *type_of(json_object *property, bool *ret_nullable)
{
    json_object *any = member(property, "anyOf");
    const char *type;

    *ret_nullable = any != NULL;
    type = json_get_text(any ? json_object_array_get_idx(any, 0) : property, "type");
    return type ? type : "";
}

static void check_body(const struct route *route, json_object *operation)
{
    json_object *model = body_model(operation);
    json_object *properties = member(model, "properties");

    CU_ASSERT_EQUAL(model != NULL, route->body_count > 0);
    if (!model)
        return;
    CU_ASSERT_EQUAL((size_t)json_object_object_length(properties), route->body_count);
    for (size_t i = 0; i < route->body_count; i++) {
        const struct field *field = &route->body[i];
        json_object *property = member(properties, field->name);
        bool nullable;

        CU_ASSERT_PTR_NOT_NULL(property);
        CU_ASSERT_EQUAL(lists(member(model, "required"), field->name), field->required);
        CU_ASSERT_STRING_EQUAL(type_of(property, &nullable), json_type_of(field->type));
        CU_ASSERT_EQUAL(nullable, field->nullable);
        if (field->type == FIELD_INT && !field->required)
            CU_ASSERT_EQUAL(json_get_int(property, "default", -1), field->fallback);
    }
}

static void bodies_have_the_models_fields(void)
{
    each_route(check_body);
}

static void check_query(const struct route *route, json_object *operation)
{
    json_object *parameters = member(operation, "parameters");
    size_t described = 0;

    for (size_t i = 0; parameters && i < json_object_array_length(parameters); i++) {
        json_object *parameter = json_object_array_get_idx(parameters, i);
        bool found = false;

        if (strcmp(json_get_text(parameter, "in"), "query") != 0)
            continue;
        described++;
        for (size_t j = 0; j < route->query_count; j++)
            found |= strcmp(route->query[j].name, json_get_text(parameter, "name")) == 0;
        CU_ASSERT_TRUE(found);
    }
    CU_ASSERT_EQUAL(described, route->query_count);
}

static size_t size_of(enum field_type type)
{
    static const size_t sizes[] = {
        [FIELD_TEXT] = sizeof(struct field_text),
        [FIELD_TEXTS] = sizeof(struct field_texts),
        [FIELD_INT] = sizeof(int64_t),
        [FIELD_BOOL] = sizeof(bool),
        [FIELD_WORD] = sizeof(int),
        [FIELD_BASE64] = sizeof(struct field_text),
        [FIELD_DATE] = sizeof(int64_t),
    };

    return sizes[type];
}

/* A field that lies outside of its struct would be written over something else. */
static void check_values(const struct route *route, json_object *operation)
{
    (void)operation;
    for (size_t i = 0; i < route->query_count; i++)
        CU_ASSERT(route->query[i].offset + size_of(route->query[i].type) <= route->query_size);
    for (size_t i = 0; i < route->body_count; i++)
        CU_ASSERT(route->body[i].offset + size_of(route->body[i].type) <= route->body_size);
    CU_ASSERT_FALSE(route->body_count > 0 &&
                    (route->raw_body_most > 0 || route->raw_body_setting > 0));
}

static void query_parameters_are_described(void)
{
    each_route(check_query);
}

static void fields_lie_within_their_structs(void)
{
    each_route(check_values);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"every route is described", every_route_is_described},
        {"every description has a route", every_description_has_a_route},
        {"credentials are described", credentials_are_described},
        {"bodies have the models' fields", bodies_have_the_models_fields},
        {"query parameters are described", query_parameters_are_described},
        {"fields lie within their structs", fields_lie_within_their_structs},
    };
    struct settings settings = {0};
    struct api api = {.settings = &settings};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    int status;

    if (file_read(AT_FDCWD, DOCS_DIR "/openapi.json", 1 << 22, &text, &err) < 0 ||
        json_parse(text.data, text.length, &document, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    router = routes_router(&api);
    status = UNIT_MAIN("openapi", tests);
    json_object_put(document);
    return status;
}
