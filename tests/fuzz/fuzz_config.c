/*
 * A configuration file: whatever it holds, every number is within its range and every text within
 * its length, or the file is refused with a reason.
 *
 * fuzz-sources: fcgi/settings.c fcgi/base/config.c
 * fuzz-sources: fcgi/base/buf.c fcgi/base/mem.c fcgi/base/error.c fcgi/base/log.c
 * fuzz-packages: inih
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "settings.h"

#include "base/banned.h"

static void hold_true(bool condition)
{
    if (!condition)
        abort();
}

static void check_row(const struct config_row *row, const struct settings *settings)
{
    const char *place = (const char *)settings + row->offset;

    if (row->type == CONFIG_INT) {
        int64_t number;

        memcpy(&number, place, sizeof(number));
        hold_true(number >= row->least && number <= row->most);
    } else if (row->type == CONFIG_TEXT) {
        const char *text;

        memcpy(&text, place, sizeof(text));
        hold_true((int64_t)strlen(text) >= row->least && (int64_t)strlen(text) <= row->most);
    } else if (row->type == CONFIG_WORD) {
        const struct config_word *word = row->words;
        int value;

        memcpy(&value, place, sizeof(value));
        while (word->word && word->value != value)
            word++;
        hold_true(word->word != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("codeset.conf", MFD_CLOEXEC);
    struct error err = ERROR_INIT;
    struct settings settings;
    char path[64];

    hold_true(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (settings_load_origins(path, &settings, NULL, NULL, &err) == 0) {
        for (size_t i = 0; i < settings_count; i++)
            check_row(&settings_rows[i], &settings);
    } else {
        hold_true(err.message[0]);
    }
    settings_release(&settings);
    close(fd);
    return 0;
}
