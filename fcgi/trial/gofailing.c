#include "trial/gofailing.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/plants.h"

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

/* --- what it is like ------------------------------------------------------------------------- */

/* A part of the text, and what is chosen there by chance. */
struct looking {
    const struct gotext *go;
    size_t open, close;
    const char *t; /* the name of T */
    size_t place;  /* of what is chosen; 0: nothing is */
    size_t count;  /* of what might have been */
};

static bool is_chosen(struct looking *looking, size_t place)
{
    if (trial_draw(++looking->count) > 0)
        return false;
    looking->place = place;
    return true;
}

static bool is_failing(const struct gotext *go, size_t at)
{
    static const char *const names[] = {"Error", "Errorf",  "Fatal", "Fatalf",
                                        "Fail",  "FailNow", NULL};

    for (size_t i = 0; at > 0 && go->code[at - 1] == '.' && names[i]; i++)
        if (gotext_has_word(go, at, names[i]))
            return true;
    return false;
}

/* `Errorf("%d cents", cents)` with other values; NULL: there is nothing of the kind. */
static char *call_like(struct looking *looking)
{
    const struct gotext *go = looking->go;
    char *found = NULL;

    for (size_t at = looking->open; at < looking->close; at++) {
        size_t open = at + gotext_word_length(go, at), end;
        _cleanup_(buf_release) struct buf call = BUF_INIT;

        if (!is_failing(go, at) || go->code[open] != '(' || go->code[open + 1] != '"')
            continue;
        end = open + 2 + strcspn(go->code + open + 2, "\"\n") + 1;
        if (end > looking->close || go->code[end - 1] != '"' || !strchr(",)", go->code[end]))
            continue;
        buf_addf(&call, "%.*s", (int)(end - at), go->text + at);
        if ((go->code[open - 1] == 'f' &&
             !add_values(&call, go->text + open + 1, end - open - 1)) ||
            !is_chosen(looking, at))
            continue;
        buf_add_char(&call, ')');
        free(found);
        found = buf_take(&call);
    }
    return found;
}

/* Is all that the function has of this name the package's? */
static bool is_package(const struct gotext *go, const struct gotext_function *function,
                       const char *name)
{
    size_t at = gotext_find_word(go, function->open, function->close, name), first = at;

    while (at < function->close && go->code[at + strlen(name)] == '.')
        at = gotext_find_word(go, at + 1, function->close, name);
    return at == function->close && first < at;
}

/* Does it call the package of testify's, by its own name? NULL: neither of both. */
static const char *find_testify(struct looking *looking, const struct gotext_function *function)
{
    static const char *const names[] = {"assert", "require"};
    const struct gotext *go = looking->go;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(free_ptr) char *path = xasprintf("github.com/stretchr/testify/%s", names[i]);
        size_t at = looking->open;

        if (!is_package(go, function, names[i]) || !gotext_imports(go, path))
            continue;
        while ((at = gotext_find_word(go, at, looking->close, names[i])) < looking->close)
            (void)is_chosen(looking, at++);
        if (looking->place > 0)
            return names[i];
    }
    return NULL;
}

/* A call of what fails the T, or else of what gets it. */
static void find_other(struct looking *looking)
{
    const struct gotext *go = looking->go;
    size_t length = strlen(looking->t);

    for (size_t at = looking->open; at < looking->close; at++)
        if (gotext_has_word(go, at, looking->t) && go->code[at + length] == '.' &&
            is_failing(go, at + length + 1))
            (void)is_chosen(looking, at);
    for (size_t at = looking->open; looking->place == 0 && at < looking->close; at++)
        if (gotext_has_word(go, at, looking->t) && go->code[at - 1] == '(' &&
            gotext_is_word(go->code[at - 2]) && strchr(",)", go->code[at + length]))
            (void)is_chosen(looking, at);
}

/* NULL: it has nothing of the kind; then only the place of a call may be known. */
static char *assertion_like(struct looking *looking, const struct gotext_function *function,
                            const char *word)
{
    _cleanup_(free_ptr) char *call = call_like(looking);
    const char *t = looking->t, *testify;

    if (call)
        return xasprintf("if got := %s.Name(); got != \"%s\" { %s.%s };", t, word, t, call);
    testify = find_testify(looking, function);
    if (testify)
        return xasprintf("%s.Equal(%s, \"%s\", %s.Name());", testify, t, word, t);
    find_other(looking);
    return NULL;
}

/* --- where it is ----------------------------------------------------------------------------- */

/* What has the compiler take what follows for what stands at that place. ("Compiler Directives")
 */
static char *place_of(const struct gotext *go, size_t at)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < at; i++) {
        column = go->text[i] == '\n' ? 1 : column + 1;
        line += go->text[i] == '\n';
    }
    return xasprintf("/*line :%zu:%zu*/", line, column);
}

static char *in_place(const struct gotext *go, size_t place, size_t at, const char *assertion)
{
    _cleanup_(free_ptr) char *there = place_of(go, place);
    _cleanup_(free_ptr) char *here = place_of(go, at);
    bool has_others = strstr(go->text, "/*line ") || strstr(go->text, "//line ");

    if (place == 0 || has_others)
        return xstrdup(assertion);
    return xasprintf("%s%s%s", there, assertion, here);
}

char *trial_gofailing_new(const struct gotext *go, const struct gotext_function *function,
                          const struct trial_gofailing *where)
{
    struct looking looking = {.go = go, .open = where->open, .close = where->close, .t = where->t};
    _cleanup_(free_ptr) char *assertion = NULL;
    char word[WORD_LENGTH + 1];

    trial_draw_word(word, WORD_LENGTH);
    assertion = assertion_like(&looking, function, word);
    if (!assertion && looking.place == 0) {
        looking.open = function->open;
        looking.close = function->close;
        assertion = assertion_like(&looking, function, word);
    }
    if (!assertion)
        assertion = xasprintf("if got := %s.Name(); got != \"%s\" { %s.Errorf(\"got %%v\", got) };",
                              where->t, word, where->t);
    return in_place(go, looking.place, where->at, assertion);
}
