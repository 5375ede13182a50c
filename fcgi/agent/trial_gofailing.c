#include "agent/trial_gofailing.h"

#include <stdlib.h>
#include <string.h>

#include "agent/trial_plants.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define WORD_LENGTH 8
#define NUMBER_MOST 100 /* of those that are invented */

static void add_word(struct buf *text)
{
    char word[WORD_LENGTH + 1];

    trial_draw_word(word, 1 + trial_draw(WORD_LENGTH));
    buf_addf(text, ", \"%s\"", word);
}

/* A value for what stands behind a `%`; false: it is not known what fits. */
static bool add_value(struct buf *text, char verb)
{
    if (verb == 's' || verb == 'q' || (verb == 'v' && trial_draw(2) == 0))
        add_word(text);
    else if (verb && strchr("dvxXc", verb))
        buf_addf(text, ", %zu", trial_draw(NUMBER_MOST));
    else if (verb && strchr("feg", verb))
        buf_addf(text, ", %zu.%zu", trial_draw(NUMBER_MOST), 1 + trial_draw(9));
    else if (verb == 't')
        buf_add_str(text, trial_draw(2) ? ", true" : ", false");
    else
        return verb == '%';
    return true;
}

/* As many values as the format (a literal with its quotes) asks for. */
static bool add_values(struct buf *text, const char *format, size_t length)
{
    for (size_t at = 1; at < length; at++) {
        if (format[at] != '%')
            continue;
        at++;
        at += strspn(format + at, "+-# 0123456789.");
        if (at >= length || !add_value(text, format[at]))
            return false;
    }
    return true;
}

/* `Errorf("%d cents", cents)` with other values; NULL: the function has nothing of the kind. */
static char *call_like(const struct gotext *go, const struct gotext_function *function)
{
    static const char *const names[] = {"Error", "Errorf", "Fatal", "Fatalf"};
    char *found = NULL;
    size_t count = 0;

    for (size_t at = function->open; at < function->close; at++) {
        size_t length = go->code[at - 1] == '.' ? gotext_word_length(go, at) : 0;
        size_t open = at + length, end;
        _cleanup_(buf_release) struct buf call = BUF_INIT;
        bool is_known = false;

        for (size_t i = 0; length > 0 && i < ARRAY_SIZE(names); i++)
            is_known = is_known || gotext_has_word(go, at, names[i]);
        if (!is_known || go->code[open] != '(' || go->code[open + 1] != '"')
            continue;
        end = open + 2 + strcspn(go->code + open + 2, "\"\n") + 1;
        if (end > function->close || go->code[end - 1] != '"' || !strchr(",)", go->code[end]))
            continue;
        buf_addf(&call, "%.*s", (int)(end - at), go->text + at);
        if ((go->code[open - 1] == 'f' &&
             !add_values(&call, go->text + open + 1, end - open - 1)) ||
            trial_draw(++count) > 0)
            continue;
        buf_add_char(&call, ')');
        free(found);
        found = buf_take(&call);
    }
    return found;
}

/* Does it call the package of testify's, by its own name? NULL: neither of both. */
static const char *find_testify(const struct gotext *go, const struct gotext_function *function)
{
    static const char *const names[] = {"assert", "require"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("github.com/stretchr/testify/%s", names[i]);
        size_t at = gotext_find_word(go, function->open, function->close, names[i]);

        for (; at < function->close && go->code[at + strlen(names[i])] == '.';)
            at = gotext_find_word(go, at + 1, function->close, names[i]);
        if (at == function->close && gotext_imports(go, path) &&
            gotext_find_word(go, function->open, function->close, names[i]) < function->close)
            return names[i];
    }
    return NULL;
}

char *trial_gofailing_new(const struct gotext *go, const struct gotext_function *function,
                          const char *t)
{
    _cleanup_(free_ptr) char *call = call_like(go, function);
    const char *testify = find_testify(go, function);
    char word[WORD_LENGTH + 1];

    trial_draw_word(word, WORD_LENGTH);
    if (!call && testify)
        return xasprintf("%s.Equal(%s, \"%s\", %s.Name());", testify, t, word, t);
    return xasprintf("if got := %s.Name(); got != \"%s\" { %s.%s };", t, word, t,
                     call ? call : "Errorf(\"got %v\", got)");
}
