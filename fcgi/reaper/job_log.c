#include "reaper/job_log.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define PROGRESS "::progress "
#define LINE_MOST 300 /* bytes of a last line */

void job_log_init(struct job_log *log, size_t most)
{
    *log = (struct job_log){.most = most, .raw = BUF_INIT, .pct = -1};
}

void job_log_release(struct job_log *log)
{
    OPENSSL_cleanse(log->raw.data, log->raw.length);
    buf_release(&log->raw);
    free(TAKE_PTR(log->stage));
}

/* --- the text -------------------------------------------------------------------------------- */

/* Twice as much as is kept, so that it is not moved for each tail. */
static void forget_the_oldest(struct job_log *log)
{
    size_t over = log->raw.length > log->most ? log->raw.length - log->most : 0;

    if (over < log->most)
        return;
    while (over < log->raw.length && (log->raw.data[over] & 0xc0) == 0x80)
        over++;
    memmove(log->raw.data, log->raw.data + over, log->raw.length - over);
    buf_truncate(&log->raw, log->raw.length - over);
}

bool job_log_take(struct job_log *log, const char *text, size_t length, int64_t total)
{
    int64_t begin = total - (int64_t)length;

    if (total <= log->total)
        return false;
    if (begin > log->total)
        buf_clear(&log->raw);
    else
        text += log->total - begin;
    length = (size_t)(total - (begin > log->total ? begin : log->total));
    buf_add(&log->raw, text, length);
    log->total = total;
    forget_the_oldest(log);
    return true;
}

static bool is_whole(const struct job_log *log)
{
    return (int64_t)log->raw.length == log->total;
}

void job_log_text(const struct job_log *log, const struct masks *masks, bool over, struct buf *out)
{
    _cleanup_(buf_release) struct buf masked = BUF_INIT;
    size_t from = 0;

    masks_apply(masks, log->raw.data, log->raw.length, is_whole(log), over, &masked);
    if (masked.length > log->most)
        from = masked.length - log->most;
    while (from < masked.length && (masked.data[from] & 0xc0) == 0x80)
        from++;
    /* A secret may be cut so that a character of its neighbour's is. */
    utf8_sanitize(out, masked.data + from, masked.length - from);
    if (out->length > log->most)
        buf_truncate(out, utf8_valid_length(out->data, log->most));
}

/* --- progress -------------------------------------------------------------------------------- */

/* Of valid UTF-8: how many bytes its first `most` characters have. */
static size_t characters(const char *text, size_t length, size_t most)
{
    size_t at = 0;

    while (at < length && most > 0) {
        size_t step = utf8_char(text + at, length - at);

        at += step ? step : 1;
        most--;
    }
    return at;
}

static void clean_line(struct buf *line)
{
    for (size_t i = 0; i < line->length; i++) {
        if ((unsigned char)line->data[i] < 0x20 || line->data[i] == 0x7f)
            line->data[i] = ' ';
    }
    while (line->length > 0 && line->data[line->length - 1] == ' ')
        buf_truncate(line, line->length - 1);
}

/* "PERCENT[ STAGE]" */
static bool read_progress(struct job_log *log, const struct masks *masks, const char *text,
                          size_t length)
{
    struct buf stage = BUF_INIT;
    size_t at = 0;
    int64_t pct = 0;

    while (at < length && at < 4 && text[at] >= '0' && text[at] <= '9')
        pct = pct * 10 + (text[at++] - '0');
    if (at == 0 || pct > 100 ||
        (at < length && text[at] != ' ' && text[at] != '\t' && text[at] != '\r'))
        return false;
    while (at < length && (text[at] == ' ' || text[at] == '\t'))
        at++;
    masks_apply(masks, text + at, length - at, true, true, &stage);
    clean_line(&stage);
    buf_truncate(&stage, characters(stage.data, stage.length, JOB_STAGE_CHARACTERS));
    free(log->stage);
    log->pct = pct;
    log->stage = buf_take(&stage);
    return true;
}

bool job_log_progress(struct job_log *log, const struct masks *masks, bool over)
{
    int64_t begin = log->total - (int64_t)log->raw.length;
    const char *end = log->raw.data + log->raw.length, *line = log->raw.data;
    bool found = false;

    if (log->lines >= begin) {
        line += log->lines - begin;
    } else { /* the line that it begins within is not known to be one */
        line = memchr(line, '\n', log->raw.length);
        line = line ? line + 1 : end;
    }
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((stop ? stop : end) - line);

        if (!stop && !over)
            break;
        if (length >= sizeof(PROGRESS) - 1 && memcmp(line, PROGRESS, sizeof(PROGRESS) - 1) == 0)
            found |= read_progress(log, masks, line + sizeof(PROGRESS) - 1,
                                   length - (sizeof(PROGRESS) - 1));
        line = stop ? stop + 1 : end;
    }
    log->lines = log->total - (end - line);
    return found;
}

/* --- the last line --------------------------------------------------------------------------- */

static bool begins_with(const char *line, size_t length, const char *word)
{
    return length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static bool says_something(const char *line, size_t length)
{
    size_t blanks = 0;

    if (begins_with(line, length, PROGRESS) || begins_with(line, length, JOB_LOG_NOTE))
        return false;
    while (blanks < length && (unsigned char)line[blanks] <= ' ')
        blanks++;
    return blanks < length;
}

char *job_log_last_line(const char *text, size_t length)
{
    struct buf line = BUF_INIT;
    size_t end = length;

    for (;;) {
        const char *before = memrchr(text, '\n', end);
        size_t begin = before ? (size_t)(before - text) + 1 : 0;

        if (says_something(text + begin, end - begin)) {
            buf_add(&line, text + begin, end - begin);
            break;
        }
        if (!before)
            break;
        end = begin - 1;
    }
    clean_line(&line);
    if (line.length > LINE_MOST) {
        size_t cut = utf8_valid_length(line.data, LINE_MOST);

        buf_truncate(&line, cut);
        buf_add_str(&line, "...");
    }
    return buf_take(&line);
}
