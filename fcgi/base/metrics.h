/*
 * metrics.h - counters, gauges and histograms of a program, and their text for Prometheus.
 *
 * The caller's table says which metrics there are and which values each label can have, so the
 * number of series is known, whatever strangers send. The one exception are names that the program
 * gives itself when it starts (routes): METRICS_NAMES of them at most, the rest counts as "other".
 *
 * There is one set of metrics in a process, as there is one log. Until metrics_open nothing is
 * counted. All functions may be called from any thread; counting is a relaxed atomic addition.
 *
 * Several processes may count in one file (metrics_share): each adds to the same cells, so that the
 * death of one loses nothing. A file is made for one table; its name says which one, so programs of
 * different releases don't meet in it. The file outlives all of them. Who reads it (metrics_read)
 * copies it, and believes none of its texts.
 *
 * Format: "Exposition formats", Prometheus' documentation, version 0.0.4.
 */
#ifndef CODESET_BASE_METRICS_H
#define CODESET_BASE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define METRICS_LABELS 2
#define METRICS_NAMES 128
#define METRICS_NAME_SIZE 96
#define METRICS_MEMBERS 512 /* processes that share a file, for metrics_members */

/* A gauge is of this process alone, and not written before it is set. */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
    const char *name;          /* NULL: no further label */
    const char *const *values; /* NULL: names of metric_name */
    size_t count;
};

struct metric {
    const char *name, *help;
    enum metric_type type;
    bool is_time; /* counted in microseconds, written in seconds; histograms always are */
    struct metric_label labels[METRICS_LABELS];
};

/* The table must outlive the process. Again: starts from nothing. */
void metrics_open(const struct metric *table, size_t count);
void metrics_close(void);

/* `at`: the place of each label's value, METRICS_LABELS of them; what is out of range is not
 * counted. */
void metric_add(size_t metric, int64_t n, const size_t *at);
void metric_observe(size_t metric, int64_t microseconds, const size_t *at);
void metric_set(size_t metric, int64_t value, const size_t *at);
void metric_unset(size_t metric); /* the gauge, of all labels: nobody knows now */

#define METRIC_AT(...) ((const size_t[METRICS_LABELS]){__VA_ARGS__})
#define METRIC_COUNT(metric, ...) metric_add((metric), 1, METRIC_AT(__VA_ARGS__))

/* The place of a value, of the metric's label; the last one, by custom "other", where it is none of
 * them or NULL. */
size_t metric_place(size_t metric, size_t label, const char *value);

/* The place of a name, which is kept for the life of the file; 0 is "other". */
size_t metric_name(const char *name);

/* --- several processes ----------------------------------------------------------------------- */

/* From now on counts into the file FOLDER/GROUP-TABLE, which is made if it is not there (0640).
 * Refused on failure: then the process counts for itself. */
int metrics_share(const char *folder, const char *group, struct error *err);

/* This process is one of those that share the file, of so-and-so sort (0 to 15), and idle; until it
 * ends, however it ends. */
void metrics_join(unsigned sort);
void metrics_busy(bool busy);

/* --- reading --------------------------------------------------------------------------------- */

struct metrics_copy;

/* What processes with this table share. NULL on failure; ERROR_NOT_FOUND: there is no such file
 * yet. */
struct metrics_copy *metrics_read(const char *folder, const char *group, struct error *err);
void metrics_copy_free(struct metrics_copy *copy);

struct metrics_members {
    size_t idle[16], busy[16]; /* by sort */
};
void metrics_members(const struct metrics_copy *copy, struct metrics_members *ret_members);

/* All of this process and of the copy (NULL: none), as one text. */
void metrics_write(const struct metrics_copy *copy, struct buf *out);

#endif
