/* Fields: what is taken, and pydantic's words for what is not. */
#include "http/fields.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "unit.h"

#include "base/banned.h"

struct values {
    struct field_text text, code, other_code;
    struct field_texts texts;
    int64_t number, limited, date;
    bool flag;
    int word;
};

struct limits {
    int64_t other;
    int64_t most;
};

static const struct limits limits = {.other = 1, .most = 60};
static const char *const words[] = {"red", "green", "blue", NULL};

#define AT(member) .offset = offsetof(struct values, member)

static const struct field text_field = {"text",     FIELD_TEXT, .required = true,
                                        .least = 1, .most = 8,  AT(text)};
static const struct field one_field = {"text", FIELD_TEXT, .least = 2, .most = 1, AT(text)};
static const struct field optional_field = {"text", FIELD_TEXT, .nullable = true, .most = 8,
                                            AT(text)};
static const struct field int_field = {"number",    FIELD_INT,      .least = 1,
                                       .most = 100, .fallback = 30, AT(number)};
static const struct field limited_field = {"number", FIELD_INT, .least = 1,
                                           .most_setting = FIELD_SETTING(struct limits, most),
                                           AT(number)};
static const struct field bool_field = {"flag", FIELD_BOOL, .fallback = 1, AT(flag)};
static const struct field word_field = {"word", FIELD_WORD, .words = words, AT(word)};
static const struct field texts_field = {"texts",   FIELD_TEXTS,     .least = 1,
                                         .most = 4, .items_most = 3, AT(texts)};
static const struct field base64_field = {"code", FIELD_BASE64, .required = true, .most = 4,
                                          AT(code)};

/* Reads a body with the fields; returns `detail` as JSON text, "" without a fault. */
static char *read_body(const struct field *fields, size_t count, const char *content_type,
                       const char *body, size_t length, struct values *values, struct form *form)
{
    _cleanup_(free_ptr) char *type = xasprintf("CONTENT_TYPE=%s", content_type);
    char *parameters[] = {type, NULL};
    struct request request = {.parameters = parameters, .body = BUF_INIT};

    buf_add(&request.body, body, length);
    form_read_body(form, fields, count, &request, &limits, values);
    buf_release(&request.body);
    return xstrndup(form->faults.data, form->faults.length);
}

#define TEXT(literal) literal, sizeof(literal) - 1

struct refusal {
    const struct field *field;
    const char *body;
    size_t length;
    const char *type;
    const char *message;
    const char *loc;
};

static const struct refusal refusals[] = {
    {&text_field, TEXT("{}"), "missing", "Field required", "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":1}"), "string_type", "Input should be a valid string",
     "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":null}"), "string_type", "Input should be a valid string",
     "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":[\"a\"]}"), "string_type", "Input should be a valid string",
     "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":\"\"}"), "string_too_short",
     "String should have at least 1 character", "[\"body\",\"text\"]"},
    {&one_field, TEXT("{\"text\":\"\"}"), "string_too_short",
     "String should have at least 2 characters", "[\"body\",\"text\"]"},
    {&one_field, TEXT("{\"text\":\"abc\"}"), "string_too_long",
     "String should have at most 1 character", "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":\"123456789\"}"), "string_too_long",
     "String should have at most 8 characters", "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}"), "value_error",
     "Value error, the string should have at most 8 bytes in UTF-8", "[\"body\",\"text\"]"},
    {&text_field, TEXT("{\"text\":\"a\\u0000b\"}"), "value_error",
     "Value error, the string should not contain NUL", "[\"body\",\"text\"]"},
    {&int_field, TEXT("{\"number\":0}"), "greater_than_equal",
     "Input should be greater than or equal to 1", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":101}"), "less_than_equal",
     "Input should be less than or equal to 100", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":99999999999999999999999999}"), "less_than_equal",
     "Input should be less than or equal to 100", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":1e30}"), "less_than_equal",
     "Input should be less than or equal to 100", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":-1e30}"), "greater_than_equal",
     "Input should be greater than or equal to 1", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":1e999}"), "finite_number", "Input should be a finite number",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":12.5}"), "int_from_float",
     "Input should be a valid integer, got a number with a fractional part",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":\"12.5\"}"), "int_parsing",
     "Input should be a valid integer, unable to parse string as an integer",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":\"\"}"), "int_parsing",
     "Input should be a valid integer, unable to parse string as an integer",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":\"1__2\"}"), "int_parsing",
     "Input should be a valid integer, unable to parse string as an integer",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":\"99999999999999999999\"}"), "less_than_equal",
     "Input should be less than or equal to 100", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":\"-99999999999999999999\"}"), "greater_than_equal",
     "Input should be greater than or equal to 1", "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":null}"), "int_type", "Input should be a valid integer",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":{}}"), "int_type", "Input should be a valid integer",
     "[\"body\",\"number\"]"},
    {&int_field, TEXT("{\"number\":false}"), "greater_than_equal",
     "Input should be greater than or equal to 1", "[\"body\",\"number\"]"},
    {&limited_field, TEXT("{\"number\":61}"), "less_than_equal",
     "Input should be less than or equal to 60", "[\"body\",\"number\"]"},
    {&bool_field, TEXT("{\"flag\":\"maybe\"}"), "bool_parsing",
     "Input should be a valid boolean, unable to interpret input", "[\"body\",\"flag\"]"},
    {&bool_field, TEXT("{\"flag\":2}"), "bool_parsing",
     "Input should be a valid boolean, unable to interpret input", "[\"body\",\"flag\"]"},
    {&bool_field, TEXT("{\"flag\":0.5}"), "bool_type", "Input should be a valid boolean",
     "[\"body\",\"flag\"]"},
    {&bool_field, TEXT("{\"flag\":null}"), "bool_type", "Input should be a valid boolean",
     "[\"body\",\"flag\"]"},
    {&bool_field, TEXT("{\"flag\":[]}"), "bool_type", "Input should be a valid boolean",
     "[\"body\",\"flag\"]"},
    {&word_field, TEXT("{\"word\":\"pink\"}"), "enum", "Input should be 'red', 'green' or 'blue'",
     "[\"body\",\"word\"]"},
    {&word_field, TEXT("{\"word\":1}"), "enum", "Input should be 'red', 'green' or 'blue'",
     "[\"body\",\"word\"]"},
    {&base64_field, TEXT("{\"code\":\"YQ\"}"), "value_error",
     "Value error, the string should be valid base64, padded", "[\"body\",\"code\"]"},
    {&base64_field, TEXT("{\"code\":7}"), "string_type", "Input should be a valid string",
     "[\"body\",\"code\"]"},
    {&int_field, TEXT(""), "missing", "Field required", "[\"body\"]"},
    {&int_field, TEXT("null"), "missing", "Field required", "[\"body\"]"},
    {&int_field, TEXT("[]"), "model_attributes_type",
     "Input should be a valid dictionary or object to extract fields from", "[\"body\"]"},
    {&int_field, TEXT("\"x\""), "model_attributes_type",
     "Input should be a valid dictionary or object to extract fields from", "[\"body\"]"},
    {&int_field, TEXT("{\"a\":1,}"), "json_invalid", "JSON decode error", "[\"body\",7]"},
    {&int_field, TEXT("{"), "json_invalid", "JSON decode error", "[\"body\",1]"},
    {&int_field, TEXT("{} {}"), "json_invalid", "JSON decode error", "[\"body\",3]"},
    {&int_field, TEXT("{\"a\":\"\xff\"}"), "json_invalid", "JSON decode error", "[\"body\",6]"},
    {&int_field, TEXT("{\"a\":\"x\ny\"}"), "json_invalid", "JSON decode error", "[\"body\",7]"},
    {&int_field, TEXT("{\"a\":\"\\\\\\\"\t\"}"), "json_invalid", "JSON decode error",
     "[\"body\",10]"},
    {&int_field, TEXT("\0{}"), "json_invalid", "JSON decode error", "[\"body\",0]"},
};

/* Of what is no JSON the parser's own words say why, as pydantic's would. */
static void drop_reason(char *faults)
{
    char *reason = strstr(faults, ",\"ctx\":{\"error\":\"");

    CU_ASSERT_FATAL(reason != NULL && strlen(reason) > strlen(",\"ctx\":{\"error\":\"\"}}"));
    CU_ASSERT_STRING_EQUAL(reason + strlen(reason) - 3, "\"}}");
    reason[0] = '}';
    reason[1] = '\0';
}

static void refusals_are_in_pydantics_words(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        const struct refusal *refusal = &refusals[i];
        _cleanup_(form_release) struct form form = FORM_INIT;
        struct values values;
        _cleanup_(free_ptr) char *faults = read_body(
            refusal->field, 1, "application/json", refusal->body, refusal->length, &values, &form);
        _cleanup_(free_ptr) char *expected =
            xasprintf("{\"loc\":%s,\"msg\":\"%s\",\"type\":\"%s\"}", refusal->loc, refusal->message,
                      refusal->type);

        CU_ASSERT_EQUAL(form.fault_count, 1);
        if (strcmp(refusal->type, "json_invalid") == 0)
            drop_reason(faults);
        CU_ASSERT_STRING_EQUAL(faults, expected);
        if (strcmp(faults, expected) != 0)
            printf("\n%s gave\n  %s, not\n  %s\n", refusal->body, faults, expected);
    }
}

static struct values accepted(const struct field *field, const char *body, struct form *form)
{
    struct values values = {0};
    _cleanup_(free_ptr) char *faults =
        read_body(field, 1, "application/json", body, strlen(body), &values, form);

    CU_ASSERT_STRING_EQUAL(faults, "");
    return values;
}

static void integers_are_taken_in_lax_mode(void)
{
    static const struct {
        const char *body;
        int64_t number;
    } cases[] = {
        {"{}", 30},
        {"{\"number\":1}", 1},
        {"{\"number\":100}", 100},
        {"{\"number\":12.0}", 12},
        {"{\"number\":\"12\"}", 12},
        {"{\"number\":\" +12 \"}", 12},
        {"{\"number\":\"12.000\"}", 12},
        {"{\"number\":\"1_2\"}", 12},
        {"{\"number\":\"0012\"}", 12},
        {"{\"number\":true}", 1},
        {"{\"number\":3,\"number\":4}", 4},
        {"{\"unknown\":[1],\"number\":5}", 5},
        {"\r\n{\n\t\"number\"\n:\t5 }\n", 5},
        {"{\"a\":\"\\\"\\n\",\n\"number\":5}", 5},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(form_release) struct form form = FORM_INIT;

        CU_ASSERT_EQUAL(accepted(&int_field, cases[i].body, &form).number, cases[i].number);
    }
}

static void booleans_are_taken_in_lax_mode(void)
{
    static const char *const yes[] = {"true",   "1",     "1.0",     "\"1\"", "\"TRUE\"",
                                      "\"On\"", "\"y\"", "\"yes\"", "\"t\""};
    static const char *const no[] = {"false",   "0",     "0.0",    "\"0\"", "\"False\"",
                                     "\"off\"", "\"n\"", "\"no\"", "\"f\""};

    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        _cleanup_(form_release) struct form one = FORM_INIT, other = FORM_INIT;
        _cleanup_(free_ptr) char *true_body = xasprintf("{\"flag\":%s}", yes[i]);
        _cleanup_(free_ptr) char *false_body = xasprintf("{\"flag\":%s}", no[i]);

        CU_ASSERT_TRUE(accepted(&bool_field, true_body, &one).flag);
        CU_ASSERT_FALSE(accepted(&bool_field, false_body, &other).flag);
    }
}

static void texts_and_words_are_taken_as_they_are(void)
{
    _cleanup_(form_release) struct form text = FORM_INIT, null = FORM_INIT, word = FORM_INIT,
                                        none = FORM_INIT, absent = FORM_INIT;
    struct values values;

    values = accepted(&text_field, "{\"text\":\"a\\ud800\\n\"}", &text);
    CU_ASSERT_EQUAL(values.text.length, 5);
    CU_ASSERT_STRING_EQUAL(values.text.bytes, "a\xef\xbf\xbd\n");
    CU_ASSERT_PTR_NULL(accepted(&optional_field, "{\"text\":null}", &null).text.bytes);
    CU_ASSERT_PTR_NULL(accepted(&optional_field, "{}", &absent).text.bytes);
    CU_ASSERT_EQUAL(accepted(&word_field, "{\"word\":\"blue\"}", &word).word, 2);
    CU_ASSERT_EQUAL(accepted(&word_field, "{}", &none).word, -1);
}

static void all_faults_are_listed_in_order(void)
{
    const struct field fields[] = {text_field, int_field, bool_field};
    _cleanup_(form_release) struct form form = FORM_INIT;
    struct values values;
    _cleanup_(free_ptr) char *faults =
        read_body(fields, 3, "application/json", TEXT("{\"number\":0,\"flag\":9}"), &values, &form);

    CU_ASSERT_EQUAL(form.fault_count, 3);
    CU_ASSERT_STRING_EQUAL(
        faults,
        "{\"loc\":[\"body\",\"text\"],\"msg\":\"Field required\",\"type\":\"missing\"},"
        "{\"loc\":[\"body\",\"number\"],\"msg\":\"Input should be greater than or equal to 1\","
        "\"type\":\"greater_than_equal\"},"
        "{\"loc\":[\"body\",\"flag\"],\"msg\":\"Input should be a valid boolean, unable to "
        "interpret input\",\"type\":\"bool_parsing\"}");
}

static void only_json_is_read_as_json(void)
{
    static const struct {
        const char *type;
        bool taken;
    } cases[] = {
        {"application/json", true},
        {"application/json; charset=utf-8", true},
        {"APPLICATION/JSON", true},
        {"application/vnd.codeset+json", true},
        {"", true},
        {"text/plain", false},
        {"application/jsonx", false},
        {"application/x-www-form-urlencoded", false},
        {"multipart/form-data; a=b", false},
        {"json", false},
        {"application/", false},
        {"application/+json", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(form_release) struct form form = FORM_INIT;
        struct values values;
        _cleanup_(free_ptr) char *faults =
            read_body(&int_field, 1, cases[i].type, TEXT("{}"), &values, &form);

        CU_ASSERT_EQUAL(faults[0] == '\0', cases[i].taken);
        CU_ASSERT_EQUAL(strstr(faults, "model_attributes_type") != NULL, !cases[i].taken);
    }
}

static void base64_is_strict(void)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},           {"YQ==", "a"},  {"YWI=", "ab"},  {"YWJj", "abc"},  {"YWJjZA==", "abcd"},
        {"YQ", NULL},       {"YQ=", NULL},  {"YR==", NULL},  {"YWJ=", NULL},   {"Y===", NULL},
        {"====", NULL},     {"YQ=a", NULL}, {"YW Jj", NULL}, {"YWJj\n", NULL}, {"YW-_", NULL},
        {"YQ==YQ==", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(buf_release) struct buf out = BUF_INIT;
        int outcome = base64_decode(cases[i].text, strlen(cases[i].text), &out);

        CU_ASSERT_EQUAL(outcome, cases[i].bytes ? 0 : -1);
        if (cases[i].bytes && outcome == 0)
            CU_ASSERT_STRING_EQUAL(out.data, cases[i].bytes);
    }
}

static void a_decoded_file_has_a_limit(void)
{
    _cleanup_(form_release) struct form fits = FORM_INIT, exceeds = FORM_INIT;
    struct values values;
    _cleanup_(free_ptr) char *faults = NULL;

    CU_ASSERT_EQUAL(accepted(&base64_field, "{\"code\":\"AGJjZA==\"}", &fits).code.length, 4);
    CU_ASSERT_EQUAL(fits.too_large, 0);
    faults = read_body(&base64_field, 1, "", TEXT("{\"code\":\"YWJjZGU=\"}"), &values, &exceeds);
    CU_ASSERT_STRING_EQUAL(faults, "");
    CU_ASSERT_EQUAL(exceeds.too_large, 4);
}

static void query_parameters_are_text(void)
{
    const struct field fields[] = {int_field, word_field, bool_field};
    struct request request = {
        .query = {{"number", "7"}, {"number", "8"}, {"flag", "0"}, {"other", "x"}},
        .query_count = 4,
    };
    _cleanup_(form_release) struct form form = FORM_INIT, faulty = FORM_INIT;
    struct values values;

    form_read_query(&form, fields, 3, &request, &limits, &values);
    CU_ASSERT_EQUAL(form.fault_count, 0);
    CU_ASSERT_EQUAL(values.number, 8);
    CU_ASSERT_FALSE(values.flag);
    CU_ASSERT_EQUAL(values.word, -1);
    request.query[1].value = "abc";
    form_read_query(&faulty, fields, 1, &request, &limits, &values);
    CU_ASSERT_STRING_EQUAL(faulty.faults.data,
                           "{\"loc\":[\"query\",\"number\"],\"msg\":\"Input should be a valid "
                           "integer, unable to parse string as an integer\","
                           "\"type\":\"int_parsing\"}");
}

static void a_repeated_query_key_is_a_list_where_the_field_is_one(void)
{
    struct request request = {
        .query = {{"texts", "a"}, {"number", "7"}, {"texts", "b"}, {"texts", "a"}},
        .query_count = 4,
    };
    _cleanup_(form_release) struct form form = FORM_INIT, none = FORM_INIT, faulty = FORM_INIT,
                                        many = FORM_INIT;
    struct values values;

    form_read_query(&form, &texts_field, 1, &request, &limits, &values);
    CU_ASSERT_EQUAL(form.fault_count, 0);
    CU_ASSERT_EQUAL_FATAL(values.texts.count, 3);
    CU_ASSERT_STRING_EQUAL(values.texts.items[0].bytes, "a");
    CU_ASSERT_STRING_EQUAL(values.texts.items[1].bytes, "b");
    CU_ASSERT_STRING_EQUAL(values.texts.items[2].bytes, "a");
    request.query[2].value = "";
    form_read_query(&faulty, &texts_field, 1, &request, &limits, &values);
    CU_ASSERT_STRING_EQUAL(faulty.faults.data,
                           "{\"loc\":[\"query\",\"texts\",1],\"msg\":\"String should have at "
                           "least 1 character\",\"type\":\"string_too_short\"}");
    request.query[1] = (struct query_item){"texts", "c"};
    form_read_query(&many, &texts_field, 1, &request, &limits, &values);
    CU_ASSERT_STRING_EQUAL(many.faults.data,
                           "{\"loc\":[\"query\",\"texts\"],\"msg\":\"List should have at most 3 "
                           "items after validation, not 4\",\"type\":\"too_long\"}");
    request.query_count = 0;
    form_read_query(&none, &texts_field, 1, &request, &limits, &values);
    CU_ASSERT_EQUAL(none.fault_count, 0);
    CU_ASSERT_EQUAL(values.texts.count, 0);
}

static void a_list_in_a_body_is_an_array(void)
{
    _cleanup_(form_release) struct form form = FORM_INIT, text = FORM_INIT, faulty = FORM_INIT,
                                        empty = FORM_INIT;
    struct values values = accepted(&texts_field, "{\"texts\":[\"a\",\"bc\"]}", &form);
    _cleanup_(free_ptr) char *of_text = NULL, *of_number = NULL;

    CU_ASSERT_EQUAL_FATAL(values.texts.count, 2);
    CU_ASSERT_STRING_EQUAL(values.texts.items[1].bytes, "bc");
    CU_ASSERT_EQUAL(accepted(&texts_field, "{\"texts\":[]}", &empty).texts.count, 0);
    of_text = read_body(&texts_field, 1, "", TEXT("{\"texts\":\"a\"}"), &values, &text);
    CU_ASSERT_PTR_NOT_NULL(strstr(of_text, "\"list_type\""));
    of_number = read_body(&texts_field, 1, "", TEXT("{\"texts\":[\"a\",1]}"), &values, &faulty);
    CU_ASSERT_PTR_NOT_NULL(strstr(of_number, "[\"body\",\"texts\",1]"));
    CU_ASSERT_PTR_NOT_NULL(strstr(of_number, "\"string_type\""));
}

static void a_form_may_have_several_files(void)
{
    const struct field fields[] = {base64_field,
                                   {"other", FIELD_BASE64, .most = 40000, AT(other_code)}};
    _cleanup_(form_release) struct form form = FORM_INIT;
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    _cleanup_(free_ptr) char *faults = NULL;
    struct values values;

    buf_add_str(&body, "{\"code\":\"YWI=\",\"other\":\"");
    for (int i = 0; i < 10000; i++)
        buf_add_str(&body, "YWJj");
    buf_add_str(&body, "\"}");
    faults = read_body(fields, 2, "", body.data, body.length, &values, &form);
    CU_ASSERT_STRING_EQUAL(faults, "");
    CU_ASSERT_STRING_EQUAL(values.code.bytes, "ab");
    CU_ASSERT_EQUAL(values.other_code.length, 30000);
}

static void a_long_list_of_words_is_told_whole(void)
{
    static const char *many[101];
    const struct field field = {"word", FIELD_WORD, .words = many, AT(word)};
    _cleanup_(form_release) struct form form = FORM_INIT;
    _cleanup_(free_ptr) char *faults = NULL;
    struct values values;

    for (int i = 0; i < 100; i++)
        many[i] = i < 99 ? "a_rather_long_word" : "the_last_one";
    faults = read_body(&field, 1, "", TEXT("{\"word\":\"x\"}"), &values, &form);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults, "or 'the_last_one'\""));
}

static void nesting_is_bounded(void)
{
    _cleanup_(buf_release) struct buf body = BUF_INIT;
    _cleanup_(form_release) struct form form = FORM_INIT;
    struct values values;
    _cleanup_(free_ptr) char *faults = NULL;

    buf_add_str(&body, "{\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_add_char(&body, '[');
    faults = read_body(&int_field, 1, "", body.data, body.length, &values, &form);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults, "json_invalid"));
}

/* Where the text is refused; -1: it is taken. */
static int refused_at(const char *text)
{
    _cleanup_(json_release) json_object *value = NULL;
    struct error err = ERROR_INIT;
    size_t offset = 0;

    if (json_parse(text, strlen(text), &value, &offset, &err) == 0)
        return -1;
    CU_ASSERT_EQUAL(err.kind, ERROR_INVALID);
    return (int)offset;
}

static void only_the_rfcs_numbers_and_names_are_taken(void)
{
    static const char *const good[] = {"0",    "-0",    "10",  "-1.5", "0.0",   "1e5",  "1E+5",
                                       "1e-5", "1.5e0", " 1 ", "true", "false", "null", "[1,2]"};
    static const char *const bad[] = {
        "1.",   ".5",       "01",        "-01", "+1",  "1e",    "1e+",  "1.e1", "-",   "-.5", "NaN",
        "-NaN", "Infinity", "-Infinity", "0x1", "1-2", "1.2.3", "True", "NULL", "nan", "inf"};

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(free_ptr) char *inside = xasprintf("{\"a\" : [%s, %s]}", good[i], good[i]);

        CU_ASSERT_EQUAL(refused_at(good[i]), -1);
        CU_ASSERT_EQUAL(refused_at(inside), -1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(free_ptr) char *inside = xasprintf("{\"a\" : [1, %s]}", bad[i]);
        _cleanup_(free_ptr) char *quoted = xasprintf("{\"a\" : [1, \"\\\"%s\"]}", bad[i]);

        CU_ASSERT_NOT_EQUAL(refused_at(bad[i]), -1);
        CU_ASSERT_NOT_EQUAL(refused_at(inside), -1);
        CU_ASSERT_EQUAL(refused_at(quoted), -1);
    }
}

static void a_key_with_a_nul_is_refused(void)
{
    CU_ASSERT_EQUAL(refused_at("{\"text\":\"a\",\"text\\u0000\":\"b\"}"), 17);
    CU_ASSERT_EQUAL(refused_at("[{\"\\u0000\" \t\n : 1}]"), 3);
    CU_ASSERT_EQUAL(refused_at("{\"\\\\u0000\":1}"), -1);
    CU_ASSERT_EQUAL(refused_at("{\"a\":\"x\\u0000\"}"), -1);
    CU_ASSERT_EQUAL(refused_at("[\"\\u0000:\" , \":\"]"), -1);
    CU_ASSERT_EQUAL(refused_at("\"\\u0000\""), -1);
    CU_ASSERT_EQUAL(refused_at("{\"a\":\"\t\"}"), 6);
}

static int64_t date_of(const char *body, bool *ret_refused)
{
    static const struct field date_field = {"date", FIELD_DATE, AT(date)};
    struct values values = {.date = 7};
    struct form form = FORM_INIT;
    _cleanup_(free_ptr) char *faults =
        read_body(&date_field, 1, "application/json", body, strlen(body), &values, &form);

    *ret_refused = *faults != '\0';
    form_release(&form);
    return values.date;
}

static void a_date_is_a_day_in_utc(void)
{
    static const struct {
        const char *body;
        int64_t seconds; /* -1: absent */
    } good[] = {
        {"{}", -1},
        {"{\"date\":\"\"}", -1},
        {"{\"date\":\"1970-01-01\"}", 0},
        {"{\"date\":\"2024-02-29\"}", 1709164800},
        {"{\"date\":\"2024-02-29T23:59:59.5Z\"}", 1709164800},
        {"{\"date\":\"2024-03-01T01:00:00+02:00\"}", 1709164800},
    };
    static const char *const bad[] = {"{\"date\":\"2023-02-29\"}",  "{\"date\":\"2024-2-29\"}",
                                      "{\"date\":\" 2024-02-29\"}", "{\"date\":\"2024-02-29x\"}",
                                      "{\"date\":\"yesterday\"}",   "{\"date\":\"10000-01-01\"}",
                                      "{\"date\":20240229}",        "{\"date\":\"1969-12-31\"}"};
    bool refused;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        int64_t expected = good[i].seconds < 0 ? -1 : good[i].seconds * INT64_C(1000000);

        CU_ASSERT_EQUAL(date_of(good[i].body, &refused), expected);
        CU_ASSERT_FALSE(refused);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        date_of(bad[i], &refused);
        CU_ASSERT_TRUE(refused);
    }
}

static void the_longest_body_follows_from_the_fields(void)
{
    const struct field fields[] = {text_field, base64_field, limited_field};

    CU_ASSERT_EQUAL(form_body_most(NULL, 0, &limits), 0);
    CU_ASSERT_EQUAL(form_body_most(fields, 3, &limits), 16384 + 6 * 8 + 6);
}

/* Most of a text is looked at in words of eight bytes. */
static void what_is_not_utf8_is_found_wherever_it_stands(void)
{
    char text[41];

    for (size_t at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        CU_ASSERT_EQUAL(utf8_valid_length(text, at), at);
        text[at] = (char)0xc3;
        CU_ASSERT_EQUAL(utf8_valid_length(text, sizeof(text)), at);
        if (at + 1 == sizeof(text))
            continue;
        text[at + 1] = (char)0xa4;
        CU_ASSERT_EQUAL(utf8_valid_length(text, sizeof(text)), sizeof(text));
        CU_ASSERT_EQUAL(utf8_valid_length(text, at + 1), at);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"refusals are in pydantic's words", refusals_are_in_pydantics_words},
        {"integers are taken in lax mode", integers_are_taken_in_lax_mode},
        {"booleans are taken in lax mode", booleans_are_taken_in_lax_mode},
        {"texts and words are taken as they are", texts_and_words_are_taken_as_they_are},
        {"all faults are listed in order", all_faults_are_listed_in_order},
        {"only JSON is read as JSON", only_json_is_read_as_json},
        {"base64 is strict", base64_is_strict},
        {"a decoded file has a limit", a_decoded_file_has_a_limit},
        {"query parameters are text", query_parameters_are_text},
        {"a repeated query key is a list where the field is one",
         a_repeated_query_key_is_a_list_where_the_field_is_one},
        {"a list in a body is an array", a_list_in_a_body_is_an_array},
        {"a form may have several files", a_form_may_have_several_files},
        {"a long list of words is told whole", a_long_list_of_words_is_told_whole},
        {"nesting is bounded", nesting_is_bounded},
        {"only the RFC's numbers and names are taken", only_the_rfcs_numbers_and_names_are_taken},
        {"a key with a NUL is refused, a value isn't", a_key_with_a_nul_is_refused},
        {"a date is a day in UTC", a_date_is_a_day_in_utc},
        {"the longest body follows from the fields", the_longest_body_follows_from_the_fields},
        {"what is not UTF-8 is found wherever it stands",
         what_is_not_utf8_is_found_wherever_it_stands},
    };

    return UNIT_MAIN("fields", tests);
}
