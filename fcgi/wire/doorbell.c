#include "wire/doorbell.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

static const char *const kind_names[] = {
    [WORK_SESSION] = "session",
    [WORK_INTERACTION] = "interaction",
    [WORK_VERIFICATION] = "verification",
    [WORK_STRIPE_EVENT] = "stripe-event",
    [WORK_JOB] = "job",
    [WORK_JOB_RESULT] = "job-result",
};

_Static_assert(sizeof("verification ") + ID_LENGTH <= DOORBELL_SIZE, "the longest kind fits");

const char *work_kind_name(enum work_kind kind)
{
    return kind_names[kind];
}

int work_kind_parse(const char *name, size_t length, enum work_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (strlen(kind_names[i]) == length && memcmp(kind_names[i], name, length) == 0) {
            *ret_kind = (enum work_kind)i;
            return 0;
        }
    }
    return -1;
}

size_t doorbell_write(enum work_kind kind, const struct id *id, char text[DOORBELL_SIZE])
{
    return (size_t)snprintf(text, DOORBELL_SIZE, "%s %s", work_kind_name(kind), id->text);
}

int doorbell_parse(const char *text, size_t length, enum work_kind *ret_kind, struct id *ret_id)
{
    const char *blank = memchr(text, ' ', length);
    enum work_kind kind;

    if (!blank || work_kind_parse(text, (size_t)(blank - text), &kind) < 0 ||
        id_parse(blank + 1, length - (size_t)(blank + 1 - text), ret_id) < 0)
        return -1;
    *ret_kind = kind;
    return 0;
}
