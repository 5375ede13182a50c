/*
 * A body from a stranger against fields of every type: whatever it is, the faults are valid JSON,
 * and without a fault every value is within its range.
 *
 * fuzz-sources: fcgi/http/fields.c fcgi/http/render.c fcgi/http/request.c
 * fuzz-sources: fcgi/base/json.c fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/utf8.c fcgi/base/clock.c fcgi/base/crypto.c fcgi/base/id.c
 * fuzz-sources: fcgi/base/random.c
 * fuzz-packages: json-c libcrypto
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "http/fields.h"

#include "base/banned.h"

struct values {
    struct field_text text, file;
    int64_t number;
    bool flag;
    int word;
};

static const char *const words[] = {"on", "off", NULL};
static const struct field fields[] = {
    {"text", FIELD_TEXT, .required = true, .least = 1, .most = 64,
     .offset = offsetof(struct values, text)},
    {"file", FIELD_BASE64, .nullable = true, .most = 64, .offset = offsetof(struct values, file)},
    {"number", FIELD_INT, .least = -5, .most = 5, .offset = offsetof(struct values, number)},
    {"flag", FIELD_BOOL, .offset = offsetof(struct values, flag)},
    {"word", FIELD_WORD, .words = words, .offset = offsetof(struct values, word)},
};

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_faults(const struct form *form)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(json_release) json_object *list = NULL;
    struct error err;

    buf_addf(&text, "[%s]", form->faults.data);
    hold_true(json_parse(text.data, text.length, &list, NULL, &err) == 0);
    hold_true(json_object_array_length(list) == form->fault_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *parameters[] = {NULL};
    struct request request = {.parameters = parameters, .body = BUF_INIT};
    _cleanup_(form_release) struct form form = FORM_INIT;
    struct values values;

    buf_add(&request.body, data, size);
    form_read_body(&form, fields, ARRAY_SIZE(fields), &request, NULL, &values);
    check_faults(&form);
    hold_true(values.number >= -5 && values.number <= 5 && values.word >= -1 && values.word < 2);
    hold_true(values.text.length <= 64 && values.file.length <= 64);
    hold_true(utf8_valid(values.text.bytes ? values.text.bytes : "", values.text.length));
    hold_true(form.fault_count > 0 || values.text.length > 0);
    buf_release(&request.body);
    return 0;
}
