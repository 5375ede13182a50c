/*
 * asked.h - a router that is asked without nginx: for the one file of a test program.
 */
#ifndef CODESET_TESTS_UNIT_ASKED_H
#define CODESET_TESTS_UNIT_ASKED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "http/answer.h"
#include "http/router.h"

/* parameters: "NAME=value", ended by NULL, which are freed. The head and body, to free(). */
static inline char *asked(const struct router *router, char **parameters,
                          const struct body_source *source)
{
    _cleanup_(answer_release) struct answer answer = ANSWER_INIT;
    struct buf text = BUF_INIT;

    router_answer(router, parameters, source, &answer);
    answer_write_head(&answer, &text);
    buf_add(&text, answer.body.data, answer.body.length);
    for (size_t i = 0; parameters[i]; i++)
        free(parameters[i]);
    return buf_take(&text);
}

static inline bool has(const char *answer, const char *text)
{
    bool found = strstr(answer, text) != NULL;

    if (!found)
        printf("\nno \"%s\" in\n%.400s\n", text, answer);
    return found;
}

#endif
