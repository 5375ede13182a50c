#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/mem.h"

#include "base/banned.h"

/* Upper bounds of a histogram's buckets, in microseconds; one more is for the rest. */
static const int64_t bounds[] = {500,     1000,     2500,     5000,     10000,     25000,
                                 50000,   100000,   250000,   500000,   1000000,   2500000,
                                 5000000, 10000000, 30000000, 60000000, 300000000, 1800000000};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))
#define HISTOGRAM_CELLS (BOUNDS + 2) /* the rest, and the sum */
#define UNSET INT64_MIN

enum name_state { NAME_FREE, NAME_WRITING, NAME_READY };

struct name {
    uint32_t state;
    char text[METRICS_NAME_SIZE];
};

struct member {
    uint32_t sort;
    uint32_t busy;
};

/* What is shared. All zero is a good beginning, so a file needs no more than its size. */
struct cells {
    struct name names[METRICS_NAMES]; /* the first is "other", and never used */
    struct member members[METRICS_MEMBERS];
    int64_t values[];
};

struct set {
    const struct metric *table;
    size_t count;
    size_t *first; /* cell or gauge of each metric */
    size_t cells_count, gauges_count;
    struct cells *cells;
    int64_t *gauges;
    size_t mapped; /* bytes of cells; 0: it is on the heap */
    int fd;        /* of the file, whose locks say who lives */
    struct member *self;
};

static struct set set = {.fd = -1};

struct metrics_copy {
    struct cells *cells;
    bool alive[METRICS_MEMBERS];
};

/* --- the table ------------------------------------------------------------------------------- */

static size_t label_count(const struct metric_label *label)
{
    if (!label->name)
        return 1;
    return label->values ? label->count : METRICS_NAMES;
}

static size_t series_count(const struct metric *metric)
{
    size_t count = 1;

    for (size_t i = 0; i < METRICS_LABELS; i++)
        count *= label_count(&metric->labels[i]);
    return count;
}

static size_t cells_of(const struct metric *metric)
{
    return series_count(metric) * (metric->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1);
}

static size_t cells_size(void)
{
    return sizeof(struct cells) + set.cells_count * sizeof(int64_t);
}

void metrics_close(void)
{
    if (set.mapped)
        munmap(set.cells, set.mapped);
    else
        free(set.cells);
    free(set.first);
    free(set.gauges);
    close_fd(&set.fd);
    set = (struct set){.fd = -1};
}

void metrics_open(const struct metric *table, size_t count)
{
    metrics_close();
    set.table = table;
    set.count = count;
    set.first = xcalloc(count, sizeof(*set.first));
    for (size_t i = 0; i < count; i++) {
        size_t *next = table[i].type == METRIC_GAUGE ? &set.gauges_count : &set.cells_count;

        set.first[i] = *next;
        *next += cells_of(&table[i]);
    }
    set.cells = xcalloc(1, cells_size());
    set.gauges = xcalloc(set.gauges_count + 1, sizeof(*set.gauges));
    for (size_t i = 0; i < set.gauges_count; i++)
        set.gauges[i] = UNSET;
}

/* --- counting -------------------------------------------------------------------------------- */

/* Which of the metric's series; -1: out of range. */
static long series_at(const struct metric *metric, const size_t *at)
{
    size_t series = 0;

    for (size_t i = 0; i < METRICS_LABELS; i++) {
        size_t count = label_count(&metric->labels[i]);

        if (at[i] >= count)
            return -1;
        series = series * count + at[i];
    }
    return (long)series;
}

static int64_t *cell_at(size_t metric, enum metric_type type, const size_t *at)
{
    const struct metric *row = metric < set.count ? &set.table[metric] : NULL;
    long series = row && row->type == type ? series_at(row, at) : -1;

    if (series < 0)
        return NULL;
    if (type == METRIC_GAUGE)
        return &set.gauges[set.first[metric] + (size_t)series];
    return &set.cells->values[set.first[metric] +
                              (size_t)series * (type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1)];
}

void metric_add(size_t metric, int64_t n, const size_t *at)
{
    int64_t *cell = cell_at(metric, METRIC_COUNTER, at);

    if (cell)
        __atomic_fetch_add(cell, n, __ATOMIC_RELAXED);
}

void metric_observe(size_t metric, int64_t microseconds, const size_t *at)
{
    int64_t *cell = cell_at(metric, METRIC_HISTOGRAM, at);
    size_t bucket = 0;

    if (!cell)
        return;
    while (bucket < BOUNDS && microseconds > bounds[bucket])
        bucket++;
    __atomic_fetch_add(&cell[bucket], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&cell[BOUNDS + 1], microseconds, __ATOMIC_RELAXED);
}

void metric_set(size_t metric, int64_t value, const size_t *at)
{
    int64_t *cell = cell_at(metric, METRIC_GAUGE, at);

    if (cell)
        __atomic_store_n(cell, value, __ATOMIC_RELAXED);
}

void metric_unset(size_t metric)
{
    if (metric >= set.count || set.table[metric].type != METRIC_GAUGE)
        return;
    for (size_t i = 0; i < series_count(&set.table[metric]); i++)
        __atomic_store_n(&set.gauges[set.first[metric] + i], UNSET, __ATOMIC_RELAXED);
}

size_t metric_place(size_t metric, size_t label, const char *value)
{
    const struct metric_label *row;

    if (metric >= set.count || label >= METRICS_LABELS)
        return 0;
    row = &set.table[metric].labels[label];
    if (!row->values || row->count == 0)
        return 0;
    for (size_t i = 0; value && i < row->count; i++) {
        if (strcmp(row->values[i], value) == 0)
            return i;
    }
    return row->count - 1;
}

/* A name whose writer died half-way is lost, and its place with it. */
size_t metric_name(const char *name)
{
    size_t length = strlen(name);

    if (!set.cells || length >= METRICS_NAME_SIZE)
        return 0;
    for (size_t i = 1; i < METRICS_NAMES; i++) {
        struct name *place = &set.cells->names[i];
        uint32_t state = NAME_FREE;

        if (__atomic_compare_exchange_n(&place->state, &state, NAME_WRITING, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            memcpy(place->text, name, length + 1);
            __atomic_store_n(&place->state, NAME_READY, __ATOMIC_RELEASE);
            return i;
        }
        /* Another process may be about to write the same: it takes no longer than this. */
        for (int spin = 0; state == NAME_WRITING && spin < 100000; spin++)
            state = __atomic_load_n(&place->state, __ATOMIC_ACQUIRE);
        if (state == NAME_READY && strncmp(place->text, name, METRICS_NAME_SIZE) == 0)
            return i;
    }
    return 0;
}

/* --- the file -------------------------------------------------------------------------------- */

static char *path_of(const char *folder, const char *group)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    unsigned char hash[SHA256_SIZE];

    for (size_t i = 0; i < set.count; i++) {
        const struct metric *metric = &set.table[i];

        buf_addf(&text, "%s %d\n", metric->name, (int)metric->type);
        for (size_t j = 0; j < METRICS_LABELS && metric->labels[j].name; j++) {
            buf_addf(&text, " %s", metric->labels[j].name);
            for (size_t k = 0; metric->labels[j].values && k < metric->labels[j].count; k++)
                buf_addf(&text, " %s", metric->labels[j].values[k]);
        }
    }
    for (size_t i = 0; i < BOUNDS; i++)
        buf_addf(&text, " %lld", (long long)bounds[i]);
    buf_addf(&text, " %zu", sizeof(struct cells));
    sha256(text.data, text.length, hash);
    return xasprintf("%s/%s-%02x%02x%02x%02x%02x%02x", folder, group, hash[0], hash[1], hash[2],
                     hash[3], hash[4], hash[5]);
}

/* What was counted so far goes along. */
int metrics_share(const char *folder, const char *group, struct error *err)
{
    _cleanup_(free_ptr) char *path = path_of(folder, group);
    _cleanup_(close_fd) int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    size_t size = cells_size();
    struct cells *cells;

    if (fd < 0)
        return error_errno(err, errno, "opening %s", path);
    if (ftruncate(fd, (off_t)size) < 0)
        return error_errno(err, errno, "cannot set the size of %s", path);
    cells = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (cells == MAP_FAILED)
        return error_errno(err, errno, "mapping %s", path);
    for (size_t i = 0; i < set.cells_count; i++)
        __atomic_fetch_add(&cells->values[i], set.cells->values[i], __ATOMIC_RELAXED);
    free(set.cells);
    set.cells = cells;
    set.mapped = size;
    set.fd = TAKE_FD(fd);
    return 0;
}

/* The kernel lets go of the lock of a process that has died. */
void metrics_join(unsigned sort)
{
    for (size_t i = 0; set.fd >= 0 && i < METRICS_MEMBERS; i++) {
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)i, .l_len = 1};

        if (fcntl(set.fd, F_OFD_SETLK, &lock) == 0) {
            set.self = &set.cells->members[i];
            __atomic_store_n(&set.self->sort, sort, __ATOMIC_RELAXED);
            __atomic_store_n(&set.self->busy, 0, __ATOMIC_RELAXED);
            return;
        }
    }
}

void metrics_busy(bool busy)
{
    if (set.self)
        __atomic_store_n(&set.self->busy, busy, __ATOMIC_RELAXED);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_alive(int fd, size_t member)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)member, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Names are other programs' words: what is no plain text, or there twice, is none. */
static void check_names(struct cells *cells)
{
    for (size_t i = 1; i < METRICS_NAMES; i++) {
        struct name *name = &cells->names[i];
        bool good = name->state == NAME_READY && memchr(name->text, '\0', METRICS_NAME_SIZE);

        for (const char *c = name->text; good && *c; c++)
            good = *c >= ' ' && *c <= '~' && *c != '"' && *c != '\\';
        for (size_t j = 1; good && j < i; j++)
            good = cells->names[j].state != NAME_READY ||
                   strcmp(cells->names[j].text, name->text) != 0;
        name->state = good ? NAME_READY : NAME_FREE;
    }
}

/* By read(2): a mapping of a file that somebody cuts off would end this process. */
struct metrics_copy *metrics_read(const char *folder, const char *group, struct error *err)
{
    _cleanup_(free_ptr) char *path = path_of(folder, group);
    _cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t size = cells_size();
    struct metrics_copy *copy;

    if (fd < 0) {
        if (errno == ENOENT)
            error_set(err, ERROR_NOT_FOUND, NULL, "there is no %s", path);
        else
            error_errno(err, errno, "opening %s", path);
        return NULL;
    }
    copy = xcalloc(1, sizeof(*copy));
    copy->cells = xcalloc(1, size);
    if (pread(fd, copy->cells, size, 0) != (ssize_t)size) {
        error_set(err, ERROR_INVALID, NULL, "%s is shorter than it should be", path);
        metrics_copy_free(copy);
        return NULL;
    }
    for (size_t i = 0; i < METRICS_MEMBERS; i++)
        copy->alive[i] = is_alive(fd, i);
    check_names(copy->cells);
    return copy;
}

void metrics_copy_free(struct metrics_copy *copy)
{
    if (!copy)
        return;
    free(copy->cells);
    free(copy);
}

void metrics_members(const struct metrics_copy *copy, struct metrics_members *ret_members)
{
    memset(ret_members, 0, sizeof(*ret_members));
    for (size_t i = 0; i < METRICS_MEMBERS; i++) {
        const struct member *member = &copy->cells->members[i];

        if (!copy->alive[i] || member->sort >= ARRAY_SIZE(ret_members->idle))
            continue;
        if (member->busy)
            ret_members->busy[member->sort]++;
        else
            ret_members->idle[member->sort]++;
    }
}

/* --- the text -------------------------------------------------------------------------------- */

/* Of the copy where there is one; NULL: nothing has that name. */
static const char *name_at(const struct metrics_copy *copy, size_t place)
{
    const struct cells *cells = copy ? copy->cells : set.cells;

    if (place == 0)
        return "other";
    return cells->names[place].state == NAME_READY ? cells->names[place].text : NULL;
}

/* {a="x",b="y" and then, where it is not NULL, le="...". False: the series is nobody's. */
static bool write_labels(const struct metrics_copy *copy, const struct metric *metric,
                         size_t series, const char *le, struct buf *out)
{
    const char *values[METRICS_LABELS] = {NULL};
    const char *before = "{";

    for (size_t i = METRICS_LABELS; i-- > 0;) {
        const struct metric_label *label = &metric->labels[i];
        size_t count = label_count(label), place = series % count;

        series /= count;
        if (!label->name)
            continue;
        values[i] = label->values ? label->values[place] : name_at(copy, place);
        if (!values[i])
            return false;
    }
    for (size_t i = 0; i < METRICS_LABELS && metric->labels[i].name; i++) {
        buf_addf(out, "%s%s=\"%s\"", before, metric->labels[i].name, values[i]);
        before = ",";
    }
    if (le) {
        buf_addf(out, "%sle=\"%s\"", before, le);
        before = ",";
    }
    if (*before == ',')
        buf_add_char(out, '}');
    return true;
}

static void write_number(struct buf *out, int64_t value, bool is_time)
{
    if (is_time)
        buf_addf(out, " %.6f\n", (double)value / 1e6);
    else
        buf_addf(out, " %lld\n", (long long)value);
}

/* Where names are the labels, what never happened is left out. */
static bool is_open(const struct metric *metric)
{
    for (size_t i = 0; i < METRICS_LABELS; i++)
        if (metric->labels[i].name && !metric->labels[i].values)
            return true;
    return false;
}

static int64_t value_of(const struct metrics_copy *copy, size_t cell)
{
    uint64_t value = (uint64_t)__atomic_load_n(&set.cells->values[cell], __ATOMIC_RELAXED);

    if (copy)
        value += (uint64_t)copy->cells->values[cell];
    return (int64_t)value;
}

/* One line. The name's suffix: "", "_sum", ... */
static void write_series(const struct metrics_copy *copy, const struct metric *metric,
                         size_t series, const char *suffix, const char *le, int64_t value,
                         bool is_time, struct buf *out)
{
    size_t before = out->length;

    buf_addf(out, "%s%s", metric->name, suffix);
    if (write_labels(copy, metric, series, le, out))
        write_number(out, value, is_time);
    else
        buf_truncate(out, before);
}

static void write_histogram(const struct metrics_copy *copy, const struct metric *metric,
                            size_t series, size_t first, struct buf *out)
{
    int64_t count = 0;

    for (size_t i = 0; i < BOUNDS; i++) {
        char le[32];

        count += value_of(copy, first + i);
        snprintf(le, sizeof(le), "%g", (double)bounds[i] / 1e6);
        write_series(copy, metric, series, "_bucket", le, count, false, out);
    }
    count += value_of(copy, first + BOUNDS);
    write_series(copy, metric, series, "_bucket", "+Inf", count, false, out);
    write_series(copy, metric, series, "_sum", NULL, value_of(copy, first + BOUNDS + 1), true, out);
    write_series(copy, metric, series, "_count", NULL, count, false, out);
}

static bool never_happened(const struct metrics_copy *copy, size_t first, size_t cells)
{
    for (size_t i = 0; i < cells; i++)
        if (value_of(copy, first + i) != 0)
            return false;
    return true;
}

static void write_metric(const struct metrics_copy *copy, size_t index, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct metric *metric = &set.table[index];
    size_t cells = metric->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;

    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
             types[metric->type]);
    for (size_t i = 0; i < series_count(metric); i++) {
        size_t first = set.first[index] + i * cells;

        if (metric->type == METRIC_GAUGE) {
            int64_t value = __atomic_load_n(&set.gauges[first], __ATOMIC_RELAXED);

            if (value != UNSET)
                write_series(copy, metric, i, "", NULL, value, metric->is_time, out);
        } else if (is_open(metric) && never_happened(copy, first, cells)) {
            continue;
        } else if (metric->type == METRIC_HISTOGRAM) {
            write_histogram(copy, metric, i, first, out);
        } else {
            write_series(copy, metric, i, "", NULL, value_of(copy, first), metric->is_time, out);
        }
    }
}

void metrics_write(const struct metrics_copy *copy, struct buf *out)
{
    for (size_t i = 0; i < set.count; i++)
        write_metric(copy, i, out);
}
