/*
 * The text of a Go test, and of a go.mod: what is planted lies within the text, each failure is one
 * edit of it beside those that leave assertions out, a go.mod is as harmless as itself, and what is
 * left of a stub is the stub.
 *
 * fuzz-sources: fcgi/trial/goplant.c fcgi/trial/goblock.c fcgi/trial/gofailing.c
 * fuzz-sources: fcgi/trial/goliteral.c fcgi/trial/gostub.c fcgi/trial/gotext.c
 * fuzz-sources: fcgi/trial/gowords.c
 * fuzz-sources: fcgi/trial/plants.c fcgi/trial/gosettle.c fcgi/trial/writing.c
 * fuzz-sources: fcgi/trial/lay.c fcgi/base/walk.c fcgi/base/buf.c fcgi/base/clock.c
 * fuzz-sources: fcgi/base/error.c fcgi/base/file.c fcgi/base/json.c fcgi/base/mem.c
 * fuzz-sources: fcgi/base/random.c fcgi/base/utf8.c
 * fuzz-packages: json-c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/goplant.h"
#include "trial/gosettle.h"
#include "trial/gostub.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_edits(const char *text, const struct trial_plants *plants,
                        const struct trial_plant *plant)
{
    _cleanup_(trial_edits_release) struct trial_edits edits = {0};
    _cleanup_(free_ptr) char *edited = NULL;

    trial_edits_plant(&edits, plants, plant, true);
    edited = trial_edits_apply(&edits, text);
    for (size_t i = 0; i < edits.count; i++) {
        hold_true(edits.items[i].start <= edits.items[i].end);
        hold_true(edits.items[i].end <= strlen(text));
        hold_true(i == 0 || edits.items[i].start >= edits.items[i - 1].end);
    }
}

static void check_test(const char *text, const char *part, bool is_inside)
{
    struct gotext go;
    struct goscope scope;
    struct trial_plants plants;
    const struct trial_goplant test = {.go = &go,
                                       .former = &go,
                                       .scope = &scope,
                                       .name = "TestA",
                                       .part = part,
                                       .is_inside = is_inside};

    gotext_read(&go, text);
    hold_true(strlen(go.code) == strlen(text));
    goscope_read(&scope, &go, 1);
    trial_goplant_find(&test, &plants);
    check_edits(text, &plants, NULL);
    for (size_t i = 0; i < plants.count; i++) {
        hold_true(!plants.items[i].is_new);
        check_edits(text, &plants, &plants.items[i]);
    }
    trial_plants_release(&plants);
    goscope_release(&scope);
    gotext_release(&go);
}

/* In a block that is not closed, what follows is no directive. */
static void check_module(const char *text)
{
    _cleanup_(free_ptr) char *replacing = xasprintf("%s\nreplace a.org/a => ./a\n", text);

    if (strchr(text, '('))
        trial_gosettle_is_harmless(text, text);
    else
        hold_true(trial_gosettle_is_harmless(text, text) || strpbrk(text, "\"`") ||
                  strstr(text, "/*"));
    hold_true(strchr(text, '(') || !trial_gosettle_is_harmless(replacing, text));
}

static void check_stub(const char *text)
{
    _cleanup_(gotext_release) struct gotext read = {0}, again = {0};
    _cleanup_(free_ptr) char *stub = NULL, *same = NULL;

    gotext_read(&read, text);
    stub = trial_gostub_new(&read);
    if (!stub || strstr(text, "go:embed")) /* in the head of a function it is there twice */
        return;
    gotext_read(&again, stub);
    same = trial_gostub_new(&again);
    hold_true(same && strcmp(same, stub) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);

    check_test(text, NULL, false);
    check_test(text, "a", true);
    check_module(text);
    check_stub(text);
    return 0;
}
