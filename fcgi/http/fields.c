#include "http/fields.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/render.h"

#include "base/banned.h"

#define PYDANTIC_INT_DIGITS 4300

/* A value before it has a type: JSON's, or a query's text. */
enum input_kind { INPUT_NULL, INPUT_BOOL, INPUT_INT, INPUT_REAL, INPUT_TEXT, INPUT_OTHER };

struct input {
    enum input_kind kind;
    int64_t integer;
    double real;
    const char *text;
    size_t length;
    json_object *array;
};

/* Where a value stands, for `loc`. */
struct place {
    struct form *form;
    const char *part; /* "body" or "query" */
    const struct field *field;
    int64_t index; /* within a list; -1 outside */
    int64_t least, most;
};

void form_release(struct form *form)
{
    json_release(&form->json);
    buf_release(&form->faults);
    for (size_t i = 0; i < form->owned_count; i++)
        free(form->owned[i]);
    free(form->owned);
    form->owned = NULL;
    form->owned_count = 0;
}

static void *keep(struct form *form, void *memory)
{
    form->owned = xrealloc(form->owned, (form->owned_count + 1) * sizeof(*form->owned));
    form->owned[form->owned_count++] = memory;
    return memory;
}

/* offset < 0: loc is the part alone, or with the field's name. */
static void add_fault(struct form *form, const char *part, const char *name, int64_t offset,
                      const char *type, const char *message, const char *reason)
{
    struct buf *out = &form->faults;

    form->fault_count++;
    render_open(out, NULL, '{');
    render_open(out, "loc", '[');
    render_text(out, NULL, part);
    if (name)
        render_text(out, NULL, name);
    if (offset >= 0)
        render_int(out, NULL, offset);
    render_close(out, ']');
    render_text(out, "msg", message);
    render_text(out, "type", type);
    if (reason) { /* where pydantic puts it */
        render_open(out, "ctx", '{');
        render_text(out, "error", reason);
        render_close(out, '}');
    }
    render_close(out, '}');
}

static void fault(const struct place *place, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(const struct place *place, const char *type, const char *format, ...)
{
    _cleanup_(free_ptr) char *message = NULL;
    va_list args;

    va_start(args, format);
    message = xvasprintf(format, args);
    va_end(args);
    add_fault(place->form, place->part, place->field->name, place->index, type, message, NULL);
}

static struct input text_input(const char *text, size_t length)
{
    return (struct input){.kind = INPUT_TEXT, .text = text, .length = length};
}

static struct input json_input(json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return (struct input){.kind = INPUT_NULL};
    case json_type_boolean:
        return (struct input){.kind = INPUT_BOOL, .integer = json_object_get_boolean(value)};
    case json_type_int:
        return (struct input){.kind = INPUT_INT, .integer = json_object_get_int64(value)};
    case json_type_double:
        return (struct input){.kind = INPUT_REAL, .real = json_object_get_double(value)};
    case json_type_string:
        return text_input(json_object_get_string(value), (size_t)json_object_get_string_len(value));
    case json_type_array:
        return (struct input){.kind = INPUT_OTHER, .array = value};
    case json_type_object:
        break;
    }
    return (struct input){.kind = INPUT_OTHER};
}

/* Python's int(): blanks around, a sign, digits with single underscores between them; and, as
 * pydantic has it, ".000" behind. What doesn't fit saturates, for the range to refuse it. */
static int parse_int(const char *text, size_t length, int64_t *ret_number)
{
    const char *end = text + length;
    bool negative = false, digit = false;
    int64_t number = 0;

    while (text < end && isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    if (text < end && (*text == '-' || *text == '+'))
        negative = *text++ == '-';
    for (; text < end && *text != '.'; text++) {
        if (*text == '_') {
            if (!digit || text + 1 == end || !isdigit((unsigned char)text[1]))
                return -1;
            continue;
        }
        if (!isdigit((unsigned char)*text))
            return -1;
        digit = true;
        if (__builtin_mul_overflow(number, INT64_C(10), &number) ||
            __builtin_add_overflow(number, (int64_t)(*text - '0'), &number))
            number = INT64_MAX;
    }
    if (!digit)
        return -1;
    if (text < end)
        for (text++; text < end; text++)
            if (*text != '0')
                return -1;
    *ret_number = negative ? -number : number;
    return 0;
}

static void check_range(const struct place *place, int64_t number, int64_t *value)
{
    if (number < place->least)
        fault(place, "greater_than_equal", "Input should be greater than or equal to %" PRId64,
              place->least);
    else if (number > place->most)
        fault(place, "less_than_equal", "Input should be less than or equal to %" PRId64,
              place->most);
    else
        *value = number;
}

static void take_real(const struct place *place, double real, int64_t *value)
{
    if (!isfinite(real))
        fault(place, "finite_number", "Input should be a finite number");
    else if (real != floor(real))
        fault(place, "int_from_float",
              "Input should be a valid integer, got a number with a fractional part");
    else if (fabs(real) >= 9.2e18)
        check_range(place, real < 0 ? INT64_MIN : INT64_MAX, value);
    else
        check_range(place, (int64_t)real, value);
}

static void take_int(const struct place *place, const struct input *input, int64_t *value)
{
    int64_t number;

    switch (input->kind) {
    case INPUT_BOOL:
    case INPUT_INT:
        check_range(place, input->integer, value);
        return;
    case INPUT_REAL:
        take_real(place, input->real, value);
        return;
    case INPUT_TEXT:
        if (input->length > PYDANTIC_INT_DIGITS)
            fault(place, "int_parsing_size",
                  "Unable to parse input string as an integer, exceeded maximum size");
        else if (parse_int(input->text, input->length, &number) < 0)
            fault(place, "int_parsing",
                  "Input should be a valid integer, unable to parse string as an integer");
        else
            check_range(place, number, value);
        return;
    case INPUT_NULL:
    case INPUT_OTHER:
        fault(place, "int_type", "Input should be a valid integer");
    }
}

/* 1, 0, or -1 for a word that is neither. */
static int truth_of(const struct input *input)
{
    static const char *const words[] = {"0",  "1",   "f",   "t",  "n",     "y",
                                        "no", "yes", "off", "on", "false", "true"};

    if (input->kind == INPUT_INT)
        return input->integer == 0 || input->integer == 1 ? (int)input->integer : -1;
    if (input->kind == INPUT_REAL)
        return input->real == 0 ? 0 : input->real == 1 ? 1 : -1;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i]) == input->length &&
            strncasecmp(words[i], input->text, input->length) == 0)
            return (int)(i % 2);
    return -1;
}

static void take_bool(const struct place *place, const struct input *input, bool *value)
{
    bool parsed = input->kind == INPUT_TEXT || input->kind == INPUT_INT ||
                  (input->kind == INPUT_REAL && input->real == floor(input->real));
    int truth;

    if (input->kind == INPUT_BOOL) {
        *value = input->integer != 0;
        return;
    }
    if (!parsed) {
        fault(place, "bool_type", "Input should be a valid boolean");
        return;
    }
    truth = truth_of(input);
    if (truth < 0)
        fault(place, "bool_parsing", "Input should be a valid boolean, unable to interpret input");
    else
        *value = truth != 0;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static bool is_text(const struct place *place, const struct input *input)
{
    if (input->kind == INPUT_TEXT)
        return true;
    fault(place, "string_type", "Input should be a valid string");
    return false;
}

static void take_text(const struct place *place, const struct input *input,
                      struct field_text *value)
{
    int64_t least = place->least, most = place->most;
    const char *wrong = NULL;
    int64_t count;

    if (!is_text(place, input))
        return;
    count = (int64_t)utf8_count(input->text, input->length);
    if (count < least)
        fault(place, "string_too_short", "String should have at least %" PRId64 " character%s",
              least, plural(least));
    else if (count > most)
        fault(place, "string_too_long", "String should have at most %" PRId64 " character%s", most,
              plural(most));
    else if ((int64_t)input->length > most)
        fault(place, "value_error",
              "Value error, the string should have at most %" PRId64 " bytes in UTF-8", most);
    else if (memchr(input->text, '\0', input->length))
        fault(place, "value_error", "Value error, the string should not contain NUL");
    else if (place->field->rule && (wrong = place->field->rule(input->text)))
        fault(place, "value_error", "Value error, %s", wrong);
    else
        *value = (struct field_text){.bytes = input->text, .length = input->length};
}

/* "Input should be 'a', 'b' or 'c'" */
static void add_words(const char *const *words, struct buf *out)
{
    buf_add_str(out, "Input should be ");
    for (size_t i = 0; words[i]; i++) {
        if (i > 0)
            buf_add_str(out, words[i + 1] ? ", " : " or ");
        buf_addf(out, "'%s'", words[i]);
    }
}

static void take_word(const struct place *place, const struct input *input, int *value)
{
    _cleanup_(buf_release) struct buf message = BUF_INIT;
    const char *const *words = place->field->words;

    for (int i = 0; input->kind == INPUT_TEXT && words[i]; i++) {
        if (strlen(words[i]) == input->length &&
            memcmp(words[i], input->text, input->length) == 0) {
            *value = i;
            return;
        }
    }
    add_words(words, &message);
    fault(place, "enum", "%s", message.data);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* The last four characters: one or two may be padding, and the bits under it are zero. */
static int decode_last(const char *text, struct buf *out)
{
    int padding = text[3] != '=' ? 0 : text[2] != '=' ? 1 : 2;
    unsigned bits = 0;

    for (int i = 0; i < 4; i++) {
        int digit = i < 4 - padding ? base64_digit(text[i]) : 0;

        if (digit < 0)
            return -1;
        bits = bits << 6 | (unsigned)digit;
    }
    if ((padding == 1 && bits & 0xff) || (padding == 2 && bits & 0xffff))
        return -1;
    for (int i = 0; i < 3 - padding; i++)
        buf_add_char(out, (char)(bits >> (16 - 8 * i)));
    return 0;
}

int base64_decode(const char *text, size_t length, struct buf *out)
{
    char *to;

    if (length == 0)
        return 0;
    if (length % 4 != 0)
        return -1;
    buf_reserve(out, length / 4 * 3);
    to = out->data + out->length;
    for (; length > 4; length -= 4, text += 4) {
        int a = base64_digit(text[0]), b = base64_digit(text[1]);
        int c = base64_digit(text[2]), d = base64_digit(text[3]);
        unsigned bits;

        if ((a | b | c | d) < 0)
            return -1;
        bits = (unsigned)a << 18 | (unsigned)b << 12 | (unsigned)c << 6 | (unsigned)d;
        *to++ = (char)(bits >> 16);
        *to++ = (char)(bits >> 8);
        *to++ = (char)bits;
    }
    out->length = (size_t)(to - out->data);
    return decode_last(text, out);
}

static void take_base64(const struct place *place, const struct input *input,
                        struct field_text *value)
{
    _cleanup_(buf_release) struct buf decoded = BUF_INIT;
    size_t length;

    if (!is_text(place, input))
        return;
    if (base64_decode(input->text, input->length, &decoded) < 0) {
        fault(place, "value_error", "Value error, the string should be valid base64, padded");
    } else if ((int64_t)decoded.length > place->most) {
        place->form->too_large = place->most;
    } else {
        length = decoded.length;
        *value =
            (struct field_text){.bytes = keep(place->form, buf_take(&decoded)), .length = length};
    }
}

/* A day, or a time within it. */
static void take_date(const struct place *place, const struct input *input, int64_t *value)
{
    if (input->kind != INPUT_TEXT)
        fault(place, "date_type", "Input should be a valid date");
    else if (input->length > 0 &&
             (memchr(input->text, '\0', input->length) || clock_parse_day(input->text, value) < 0))
        fault(place, "date_from_datetime_parsing",
              "Input should be a valid date or datetime, as 2026-11-21");
}

int64_t setting_or(size_t setting, const void *limits, int64_t number)
{
    if (!setting)
        return number;
    return *(const int64_t *)(const void *)((const char *)limits + setting - 1);
}

static int64_t least_of(const struct field *field, const void *limits)
{
    return setting_or(field->least_setting, limits, field->least);
}

static int64_t most_of(const struct field *field, const void *limits)
{
    return setting_or(field->most_setting, limits, field->most);
}

static void set_default(const struct field *field, void *member)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_BASE64:
        *(struct field_text *)member = (struct field_text){0};
        return;
    case FIELD_TEXTS:
        *(struct field_texts *)member = (struct field_texts){0};
        return;
    case FIELD_INT:
        *(int64_t *)member = field->fallback;
        return;
    case FIELD_BOOL:
        *(bool *)member = field->fallback != 0;
        return;
    case FIELD_WORD:
        *(int *)member = -1;
        return;
    case FIELD_DATE:
        *(int64_t *)member = -1;
        return;
    }
}

/* The list's memory, for count items to be taken one by one; NULL where there are too many. */
static struct field_text *new_list(const struct place *place, size_t count)
{
    if ((int64_t)count > place->field->items_most) {
        fault(place, "too_long",
              "List should have at most %" PRId64 " item%s after validation, not %zu",
              place->field->items_most, plural(place->field->items_most), count);
        return NULL;
    }
    return keep(place->form, xcalloc(count + 1, sizeof(struct field_text)));
}

static void take_array(const struct place *place, const struct input *input,
                       struct field_texts *value)
{
    size_t count = input->array ? json_object_array_length(input->array) : 0;
    struct place item = *place;
    struct field_text *items;

    if (!input->array) {
        fault(place, "list_type", "Input should be a valid list");
        return;
    }
    items = new_list(place, count);
    for (size_t i = 0; items && i < count; i++) {
        struct input text = json_input(json_object_array_get_idx(input->array, i));

        item.index = (int64_t)i;
        take_text(&item, &text, &items[i]);
    }
    if (items)
        *value = (struct field_texts){items, count};
}

/* input NULL: absent. */
static void take(struct form *form, const char *part, const struct field *field,
                 const struct input *input, const void *limits, void *values)
{
    struct place place = {form, part, field, -1, least_of(field, limits), most_of(field, limits)};
    void *member = (char *)values + field->offset;

    set_default(field, member);
    if (input && input->kind == INPUT_NULL && field->nullable)
        return;
    if (!input) {
        if (field->required)
            fault(&place, "missing", "Field required");
        return;
    }
    switch (field->type) {
    case FIELD_TEXT:
        take_text(&place, input, member);
        return;
    case FIELD_TEXTS:
        take_array(&place, input, member);
        return;
    case FIELD_INT:
        take_int(&place, input, member);
        return;
    case FIELD_BOOL:
        take_bool(&place, input, member);
        return;
    case FIELD_WORD:
        take_word(&place, input, member);
        return;
    case FIELD_BASE64:
        take_base64(&place, input, member);
        return;
    case FIELD_DATE:
        take_date(&place, input, member);
        return;
    }
}

static const char *last_value(const struct request *request, const char *name)
{
    for (size_t i = request->query_count; i-- > 0;)
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}

/* All values of a key. */
static void take_repeated(struct form *form, const struct field *field,
                          const struct request *request, const void *limits, void *values)
{
    struct place place = {
        form, "query", field, -1, least_of(field, limits), most_of(field, limits)};
    struct field_texts *value = (void *)((char *)values + field->offset);
    struct field_text *items;
    size_t count = 0;

    for (size_t i = 0; i < request->query_count; i++)
        count += strcmp(request->query[i].name, field->name) == 0;
    if (count == 0) {
        take(form, "query", field, NULL, limits, values);
        return;
    }
    set_default(field, value);
    items = new_list(&place, count);
    if (!items)
        return;
    for (size_t i = 0; i < request->query_count; i++) {
        struct input input = text_input(request->query[i].value, strlen(request->query[i].value));

        if (strcmp(request->query[i].name, field->name) == 0) {
            place.index = (int64_t)value->count;
            take_text(&place, &input, &items[value->count++]);
        }
    }
    value->items = items;
}

void form_read_query(struct form *form, const struct field *fields, size_t count,
                     const struct request *request, const void *limits, void *values)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = last_value(request, fields[i].name);
        struct input input = text_input(text, text ? strlen(text) : 0);

        if (fields[i].type == FIELD_TEXTS)
            take_repeated(form, &fields[i], request, limits, values);
        else
            take(form, "query", &fields[i], text ? &input : NULL, limits, values);
    }
}

/* application/json, application/anything+json; no Content-Type at all is taken for JSON too. */
static bool is_json(const char *content_type)
{
    static const char application[] = "application/";
    size_t length;

    if (!content_type || !*content_type)
        return true;
    content_type += strspn(content_type, " \t");
    length = strcspn(content_type, "; \t");
    if (length < sizeof(application) + 3 ||
        strncasecmp(content_type, application, sizeof(application) - 1) != 0)
        return false;
    if (length == sizeof(application) + 3)
        return strncasecmp(content_type + length - 4, "json", 4) == 0;
    return strncasecmp(content_type + length - 5, "+json", 5) == 0;
}

/* As FastAPI says it: bytes that can't be read, no body, a body of another form. */
static bool read_json(struct form *form, const struct request *request)
{
    const struct buf *body = &request->body;
    struct error err = ERROR_INIT;
    size_t offset = 0;

    if (body->length == 0) {
        add_fault(form, "body", NULL, -1, "missing", "Field required", NULL);
        return false;
    }
    if (is_json(request_parameter(request, "CONTENT_TYPE"))) {
        if (json_parse(body->data, body->length, &form->json, &offset, &err) < 0) {
            add_fault(form, "body", NULL, (int64_t)utf8_count(body->data, offset), "json_invalid",
                      "JSON decode error", err.message);
            return false;
        }
        if (!form->json) {
            add_fault(form, "body", NULL, -1, "missing", "Field required", NULL);
            return false;
        }
        if (json_object_is_type(form->json, json_type_object))
            return true;
    }
    add_fault(form, "body", NULL, -1, "model_attributes_type",
              "Input should be a valid dictionary or object to extract fields from", NULL);
    return false;
}

void form_read_body(struct form *form, const struct field *fields, size_t count,
                    const struct request *request, const void *limits, void *values)
{
    bool readable = count > 0 && read_json(form, request);

    for (size_t i = 0; i < count; i++) {
        json_object *value = NULL;
        bool present = readable && json_object_object_get_ex(form->json, fields[i].name, &value);
        struct input input = json_input(value);

        if (readable)
            take(form, "body", &fields[i], present ? &input : NULL, limits, values);
        else
            set_default(&fields[i], (char *)values + fields[i].offset);
    }
}

int64_t form_body_most(const struct field *fields, size_t count, const void *limits)
{
    int64_t most = 16384; /* names, punctuation, numbers, and fields that are ignored */

    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == FIELD_TEXT)
            most += 6 * most_of(&fields[i], limits); /* \u00XX */
        else if (fields[i].type == FIELD_TEXTS)
            most += fields[i].items_most * (6 * most_of(&fields[i], limits) + 16);
        else if (fields[i].type == FIELD_BASE64)
            most += most_of(&fields[i], limits) / 2 * 3; /* 4/3, and some slashes escaped */
    }
    return count > 0 ? most : 0;
}
