#include "grade/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

#include "base/banned.h"

#define ROTATE(x, bits) (((x) << (bits)) | ((x) >> (64 - (bits))))

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTATE(v[1], 13) ^ v[0];
    v[0] = ROTATE(v[0], 32);
    v[2] += v[3];
    v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTATE(v[1], 17) ^ v[2];
    v[2] = ROTATE(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), in host byte order:
 * the values never leave the process. */
uint64_t test_index_hash(const struct test_index *index, const void *bytes, size_t length)
{
    uint64_t v[4] = {
        index->seed[0] ^ 0x736f6d6570736575,
        index->seed[1] ^ 0x646f72616e646f6d,
        index->seed[0] ^ 0x6c7967656e657261,
        index->seed[1] ^ 0x7465646279746573,
    };
    const unsigned char *at = bytes;
    uint64_t word;
    size_t left;

    for (left = length; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    memcpy(&word, at, left);
    word |= (uint64_t)length << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void test_index_init(struct test_index *index)
{
    memset(index, 0, sizeof(*index));
    random_bytes(index->seed, sizeof(index->seed));
}

void test_index_release(struct test_index *index)
{
    free(index->slots);
    index->slots = NULL;
    index->capacity = index->count = 0;
}

static struct test_index_slot *find_slot(const struct test_index *index, uint64_t hash)
{
    size_t at = hash & (index->capacity - 1);

    while (index->slots[at].number && index->slots[at].hash != hash)
        at = (at + 1) & (index->capacity - 1);
    return &index->slots[at];
}

static void grow(struct test_index *index)
{
    struct test_index old = *index;

    index->capacity = old.capacity ? old.capacity * 2 : 64;
    index->slots = xcalloc(index->capacity, sizeof(*index->slots));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].number)
            *find_slot(index, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

struct test_index_slot *test_index_claim(struct test_index *index, uint64_t hash)
{
    struct test_index_slot *slot;

    if (index->count >= index->capacity / 2)
        grow(index);
    slot = find_slot(index, hash);
    slot->hash = hash;
    return slot;
}

uint32_t test_index_get(const struct test_index *index, uint64_t hash)
{
    return index->capacity ? find_slot(index, hash)->number : 0;
}

void test_case_release(struct test_case *item)
{
    free(item->id);
    free(item->name);
    free(item->classname);
    free(item->file);
    free(item->suites);
    free(item->message);
    memset(item, 0, sizeof(*item));
}

void test_case_list_release(struct test_case_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        test_case_release(&list->cases[i]);
    free(list->cases);
    memset(list, 0, sizeof(*list));
}

static struct test_case *append(struct test_case **cases, size_t *count, size_t *capacity)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        *cases = xrealloc(*cases, *capacity * sizeof(**cases));
    }
    return &(*cases)[(*count)++];
}

void test_case_list_add(struct test_case_list *list, struct test_case *item)
{
    *append(&list->cases, &list->count, &list->capacity) = *item;
    memset(item, 0, sizeof(*item));
}

struct test_report *test_report_new(void)
{
    struct test_report *report = xcalloc(1, sizeof(*report));

    test_index_init(&report->ids);
    test_index_init(&report->names);
    test_index_init(&report->loose);
    test_index_init(&report->places);
    test_index_init(&report->alike);
    return report;
}

void test_report_free(struct test_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++)
        test_case_release(&report->cases[i]);
    free(report->cases);
    test_index_release(&report->ids);
    test_index_release(&report->names);
    test_index_release(&report->loose);
    test_index_release(&report->places);
    test_index_release(&report->alike);
    free(report->claims);
    free(report);
}

/* Message, text and the like may be NULL in a case under construction. */
static void complete(struct test_case *item)
{
    char **texts[] = {&item->name, &item->classname, &item->file, &item->suites, &item->message};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!*texts[i])
            *texts[i] = xstrdup("");
    if (item->name[0] && item->classname[0])
        item->id = xasprintf("%s::%s", item->classname, item->name);
    else
        item->id = xstrdup(item->name[0] ? item->name : item->classname);
}

/* Two tests of one id may differ in where they are. */
static uint64_t identity(const struct test_report *report, const struct test_case *item)
{
    _cleanup_(buf_release) struct buf key = BUF_INIT;

    buf_addf(&key, "%s\x1f%s\x1f%s\x1f%s", item->suites, item->file, item->classname, item->name);
    return test_index_hash(&report->ids, key.data, key.length);
}

void test_report_take(struct test_report *report, struct test_case *item)
{
    struct test_index_slot *slot;
    struct test_case *there;

    complete(item);
    item->times = 1;
    slot = test_index_claim(&report->ids, identity(report, item));
    if (slot->number == 0) {
        *append(&report->cases, &report->count, &report->capacity) = *item;
        slot->number = (uint32_t)report->count;
        report->ids.count++;
    } else {
        there = &report->cases[slot->number - 1];
        item->times = ++there->times;
        if (item->outcome > there->outcome) {
            struct test_case better = *there;

            *there = *item;
            *item = better;
            /* What the names say may depend on the outcome that has changed. */
            test_index_release(&report->names);
            test_index_release(&report->loose);
            report->named = report->loosely_named = 0;
        }
        test_case_release(item);
    }
    memset(item, 0, sizeof(*item));
}

static char *sanitized(const char *text, size_t most)
{
    struct buf out = BUF_INIT;
    size_t length = strnlen(text ? text : "", most + 1);

    if (length > most) {
        length = most;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    utf8_sanitize(&out, text ? text : "", length);
    return buf_take(&out);
}

void test_report_add_case(struct test_report *report, const char *classname, const char *name,
                          enum test_outcome outcome, double seconds, const char *message)
{
    struct test_case item = {
        .classname = sanitized(classname, TEST_NAME_MAX),
        .name = sanitized(name, TEST_NAME_MAX),
        .message = sanitized(message, TEST_MESSAGE_MAX),
        .outcome = outcome,
        .seconds = seconds,
    };

    test_report_take(report, &item);
}

size_t test_report_count(const struct test_report *report)
{
    return report->count;
}

const struct test_case *test_report_case(const struct test_report *report, size_t index)
{
    return &report->cases[index];
}
