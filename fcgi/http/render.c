#include "http/render.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#include "base/banned.h"

/* A value ends in a quote, a digit, a letter or a closing bracket: what went before tells whether
 * this is the first. */
static void begin(struct buf *out, const char *key)
{
    char last = out->length > 0 ? out->data[out->length - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        buf_add_char(out, ',');
    if (!key)
        return;
    buf_add_char(out, '"');
    buf_add_str(out, key);
    buf_add(out, "\":", 2);
}

void render_open(struct buf *out, const char *key, char bracket)
{
    begin(out, key);
    buf_add_char(out, bracket);
}

void render_close(struct buf *out, char bracket)
{
    buf_add_char(out, bracket);
}

void render_null(struct buf *out, const char *key)
{
    render_json(out, key, "null", 4);
}

void render_text(struct buf *out, const char *key, const char *text)
{
    if (text)
        render_bytes(out, key, text, strlen(text));
    else
        render_null(out, key);
}

void render_bytes(struct buf *out, const char *key, const char *bytes, size_t length)
{
    begin(out, key);
    json_write_string(out, bytes, length);
}

void render_int(struct buf *out, const char *key, int64_t number)
{
    begin(out, key);
    buf_addf(out, "%lld", (long long)number);
}

void render_bool(struct buf *out, const char *key, bool truth)
{
    render_json(out, key, truth ? "true" : "false", truth ? 4 : 5);
}

void render_double(struct buf *out, const char *key, double number)
{
    begin(out, key);
    buf_addf(out, "%.3f", isfinite(number) ? number : 0.0);
}

void render_time(struct buf *out, const char *key, int64_t when)
{
    char text[CLOCK_TEXT_SIZE];

    render_text(out, key, when ? clock_format(when, text) : NULL);
}

void render_json(struct buf *out, const char *key, const char *json, size_t length)
{
    begin(out, key);
    buf_add(out, json, length);
}
