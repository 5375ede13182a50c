/*
 * job_log.h - what an agent prints, from the tails that are asked for while it runs to the log that
 * is kept of it and the progress that it tells. Pure functions.
 *
 * Progress is a line "::progress PERCENT STAGE" on either output; the newest counts.
 */
#ifndef CODESET_REAPER_JOB_LOG_H
#define CODESET_REAPER_JOB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "reaper/masks.h"

#define JOB_LOG_NOTE "codeset: " /* begins a line that is ours, not the agent's */
#define JOB_STAGE_CHARACTERS 200 /* of a stage that are kept */

struct job_log {
    size_t most;    /* bytes that are kept */
    struct buf raw; /* the end of the text, not masked */
    int64_t total;  /* bytes of text up to its end; raw begins at total - raw.length */
    int64_t lines;  /* up to here lines were looked at */
    int64_t pct;    /* -1: no progress was told */
    char *stage;    /* masked */
};

void job_log_init(struct job_log *log, size_t most);
void job_log_release(struct job_log *log); /* wipes the text */

/* A tail: the newest text, valid UTF-8, of `total` bytes in all. Is anything new in it? What passed
 * between two tails is lost, and so is the text before it. */
bool job_log_take(struct job_log *log, const char *text, size_t length, int64_t total);

/* Looks at the lines that came since the last time. over: nothing follows, so the last line needs
 * no end. True: there is progress that was not told before. */
bool job_log_progress(struct job_log *log, const struct masks *masks, bool over);

/* Appends what may be shown: valid UTF-8, at most `most` bytes. */
void job_log_text(const struct job_log *log, const struct masks *masks, bool over, struct buf *out);

/* The last line of masked text that is not empty, progress or a note, without control characters,
 * cut to a readable length; the caller's. "" if there is none. */
char *job_log_last_line(const char *text, size_t length);

#endif
