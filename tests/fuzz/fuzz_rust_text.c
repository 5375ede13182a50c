/*
 * The text of a Rust file: what is found lies within the text, each failure is one of the edits
 * that make the text of a small run, which do not overlap and leave all lines where they are.
 *
 * fuzz-sources: fcgi/trial/rust.c fcgi/trial/rust_macros.c fcgi/trial/rust_plant.c
 * fuzz-sources: fcgi/trial/plants.c
 * fuzz-sources: fcgi/trial/source.c fcgi/base/buf.c fcgi/base/clock.c fcgi/base/error.c
 * fuzz-sources: fcgi/base/mem.c fcgi/base/random.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "trial/rust.h"
#include "trial/rust_macros.h"
#include "trial/rust_plant.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static size_t lines_of(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

static void check_edits(const char *text, const struct rust_plants *plants,
                        const struct trial_plant *plant)
{
    _cleanup_(trial_edits_release) struct trial_edits edits = {0};
    _cleanup_(free_ptr) char *edited = NULL;
    bool found = plant == NULL;

    rust_plants_edit(plants, plant, &edits);
    edited = trial_edits_apply(&edits, text);
    for (size_t i = 0; i < edits.count; i++) {
        hold_true(edits.items[i].start <= edits.items[i].end);
        hold_true(edits.items[i].end <= strlen(text));
        hold_true(i == 0 || edits.items[i].start >= edits.items[i - 1].end);
        found = found || edits.items[i].text == plant->text;
    }
    hold_true(found && (plant || lines_of(edited) == lines_of(text) + 2));
}

static void check_test(const struct source *source, const struct rust_test *test)
{
    struct rust_plants plants = {0};

    hold_true(test->start <= test->open && test->open < test->close &&
              test->close < source->length);
    rust_plants_find(source, test, source->text, rust_macros_defined(source), &plants);
    check_edits(source->text, &plants, NULL);
    for (size_t i = 0; i < plants.plants.count; i++) {
        hold_true(!plants.plants.items[i].is_new);
        check_edits(source->text, &plants, &plants.plants.items[i]);
    }
    rust_plants_release(&plants);
}

static void check_calls(const struct source *source)
{
    size_t last = 0, name = 0;

    for (size_t at = 0; rust_next_call(source, &at, rust_macros_imported(source), &name);) {
        hold_true(name >= last && at > name && at <= source->length);
        last = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_ptr) char *text = xstrndup((const char *)data, size);
    struct source source;
    struct rust_file file;

    rust_read(&source, text);
    hold_true(source.length == strlen(text) && strlen(source.code) == source.length);
    rust_find(&source, "outer::", &file);
    for (size_t i = 0; i < file.test_count && i < 20; i++)
        check_test(&source, &file.tests[i]);
    check_calls(&source);
    rust_file_release(&file);
    source_release(&source);
    return 0;
}
