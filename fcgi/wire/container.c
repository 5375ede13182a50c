#include "wire/container.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

static const struct {
    const char *name, *prefix;
} kinds[CONTAINER_KINDS] = {
    [CONTAINER_SESSION] = {"session", "cs"},
    [CONTAINER_GRADING] = {"grading", "cv"},
    [CONTAINER_JOB] = {"job", "cj"},
};

const char *container_kind_name(enum container_kind kind)
{
    return kinds[kind].name;
}

int container_kind_parse(const char *name, size_t length, enum container_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0) {
            *ret_kind = (enum container_kind)i;
            return 0;
        }
    }
    return -1;
}

char *container_name(enum container_kind kind, const struct id *id, char text[CONTAINER_NAME_SIZE])
{
    snprintf(text, CONTAINER_NAME_SIZE, "%s-%s", kinds[kind].prefix, id->text);
    return text;
}

int container_name_parse(const char *text, enum container_kind *ret_kind, struct id *ret_id)
{
    if (strlen(text) != CONTAINER_NAME_SIZE - 1 || text[2] != '-' || !id_valid(text + 3))
        return -1;
    for (const char *c = text; *c != '\0'; c++)
        if (isupper((unsigned char)*c))
            return -1;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (memcmp(kinds[i].prefix, text, 2) == 0) {
            *ret_kind = (enum container_kind)i;
            memcpy(ret_id->text, text + 3, ID_LENGTH + 1);
            return 0;
        }
    }
    return -1;
}
