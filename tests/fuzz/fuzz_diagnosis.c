/*
 * Why a verifier gave no verdict: whatever the look into its container, and the verifier, said, the
 * message is bounded, valid UTF-8 and without a NUL; the script names no more of the command than a
 * plain word.
 *
 * fuzz-sources: fcgi/reaper/diagnosis.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/utf8.c
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "reaper/diagnosis.h"

#include "base/banned.h"

#define MESSAGE_MOST 8000 /* as the daemon cuts it */

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char *const patterns[] = {"report.xml", "test_reports/*.xml"};
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    _cleanup_(free_ptr) char *found = NULL, *script = NULL, *message = NULL;
    struct verifier_run run = {0};
    struct diagnosis diagnosis = {.sentence = "s", .folder = "/f", .patterns = patterns};

    if (size < 2)
        return 0;
    utf8_sanitize(&text, (const char *)data + 2, size - 2);
    found = strndup(text.data, DIAGNOSIS_FOUND_MOST); /* the cut may be within a character */
    found[utf8_valid_length(found, strlen(found))] = '\0';
    run.exit_status = data[0];
    run.timed_out = data[1] & 1;
    run.out = run.err = text.data;
    run.out_length = run.err_length = text.length;
    diagnosis.run = data[1] & 2 ? NULL : &run;
    diagnosis.command = found;
    diagnosis.pattern_count = data[1] & 4 ? 2 : 0;
    diagnosis.found = data[1] & 8 ? NULL : found;
    diagnosis.hide_output = data[1] & 16;
    message = diagnosis_message(&diagnosis);
    hold_true(utf8_valid(message, strlen(message)) && strlen(message) < MESSAGE_MOST);
    script = diagnosis_script(found, (int64_t)size * 1000000);
    hold_true(strncmp(script, "w=", 2) != 0 ||
              strcspn(script, "'\"$`;&|<>()\\ \t") >= strcspn(script, "\n"));
    return 0;
}
