#include "reaper/diagnosis.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#define STATUS_NOT_EXECUTABLE 126 /* as shells have it */
#define STATUS_NOT_FOUND 127
#define STATUS_SIGNAL 128
#define SIGNALS 64
#define PATTERNS_BYTES 600 /* of the patterns that a message lists */
#define WORD_BYTES 200     /* of what is quoted: a path, an interpreter */
#define FILES_MOST 10

/* --- the look -------------------------------------------------------------------------------- */

/* The program that the command begins with; 0: no plain word. */
static size_t program_length(const char *command)
{
    size_t length = strspn(command, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789._/+@%-");

    return command[length] == '\0' || command[length] == ' ' ? length : 0;
}

/* How a program is: what stops it from being executed, if something does. Shells tell some of it
 * on stderr, but each in its own words, and busybox's says "not found" of a script whose
 * interpreter is missing. */
static const char look_at_program[] =
    "case $w in */*) f=$w ;; *) f=$(command -v \"$w\") || echo absent\n"
    "case $f in */*) ;; *) f= ;; esac ;; esac\n" /* a builtin */
    "if [ -z \"$f\" ]; then :\n"
    "elif [ ! -e \"$f\" ] && [ ! -h \"$f\" ]; then echo absent\n"
    "elif [ ! -e \"$f\" ]; then echo dangling\n"
    "elif [ -d \"$f\" ]; then echo folder\n"
    "elif [ ! -x \"$f\" ]; then echo mode\n"
    "else\n"
    "l=$(head -c 256 \"$f\" 2>/dev/null | head -n 1 | tr -d '\\000')\n"
    "case $l in '#!'*)\n"
    "set -f; set -- ${l#??}; cr=$(printf '\\r')\n"
    "case $l in *\"$cr\"*) echo carriage-return ;;\n"
    "*) [ -x \"$1\" ] || echo \"interpreter $1\" ;; esac ;; esac\n"
    "fi\n";

/* XML files that are newer than the verifier's start, by a file of the second before it: busybox's
 * find compares whole seconds. */
static const char look_for_reports[] =
    "r=/tmp/.codeset-look.$$\n"
    "touch -d \"@$t\" \"$r\" 2>/dev/null && "
    "find . -xdev \\( -type f -o -type l \\) -name '*.xml' -newer \"$r\" 2>/dev/null | "
    "head -n 11 | while IFS= read -r p; do echo \"xml ${p#./}\"; done\n"
    "rm -f \"$r\"\n"
    "exit 0\n";

char *diagnosis_script(const char *command, int64_t started_at)
{
    struct buf script = BUF_INIT;
    size_t length = program_length(command);

    if (length > 0)
        buf_addf(&script, "w=%.*s\n%s", (int)length, command, look_at_program);
    buf_addf(&script, "t=%lld\n%s", (long long)(started_at / CLOCK_SECOND - 1), look_for_reports);
    return buf_take(&script);
}

/* --- its words ------------------------------------------------------------------------------- */

/* The next line of what was found; NULL behind the last. */
static const char *next_line(const char **rest, size_t *ret_length)
{
    const char *line = *rest;

    if (!line || *line == '\0')
        return NULL;
    *ret_length = strcspn(line, "\n");
    *rest = line + *ret_length + (line[*ret_length] == '\n');
    return line;
}

/* What follows the word in the first line that begins with it; NULL: no line does. */
static const char *finding(const char *found, const char *word, size_t *ret_length)
{
    size_t length, word_length = strlen(word);
    const char *line;

    while ((line = next_line(&found, &length))) {
        if (length < word_length || strncmp(line, word, word_length) != 0 ||
            (length > word_length && line[word_length] != ' '))
            continue;
        line += word_length + (length > word_length);
        *ret_length = length - word_length - (length > word_length);
        return line;
    }
    return NULL;
}

/* Of valid UTF-8 at most so many bytes that no character is cut. */
static size_t head_of(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void add_quoted(struct buf *out, const char *text, size_t length)
{
    size_t shown = head_of(text, length, WORD_BYTES);

    for (size_t i = 0; i < shown; i++)
        buf_add_char(out, iscntrl((unsigned char)text[i]) ? ' ' : text[i]);
    if (shown < length)
        buf_add_str(out, "...");
}

static void add_program(struct buf *out, const struct diagnosis *diagnosis)
{
    add_quoted(out, diagnosis->command, program_length(diagnosis->command));
}

/* Why a shell said 126 or 127. */
static void add_obstacle(struct buf *out, const struct diagnosis *diagnosis)
{
    size_t length;
    const char *found = diagnosis->found, *word;
    static const struct {
        const char *word, *text;
    } obstacles[] = {
        {"absent", " is not in the image that it runs in"},
        {"dangling", " is a symbolic link to nothing"},
        {"folder", " is a folder"},
        {"mode", " is not executable (chmod +x)"},
    };

    if (program_length(diagnosis->command) == 0)
        found = NULL; /* nobody looked for it */
    for (size_t i = 0; i < ARRAY_SIZE(obstacles); i++) {
        if (finding(found, obstacles[i].word, &length)) {
            buf_add_str(out, ": ");
            add_program(out, diagnosis);
            buf_add_str(out, obstacles[i].text);
            return;
        }
    }
    if ((word = finding(found, "interpreter", &length))) {
        buf_add_str(out, ": the interpreter ");
        add_quoted(out, word, length);
        buf_add_str(out, ", which the first line of ");
        add_program(out, diagnosis);
        buf_add_str(out, " names, is not in the image or not executable");
    } else if (finding(found, "carriage-return", &length)) {
        buf_add_str(out, ": the first line of ");
        add_program(out, diagnosis);
        buf_add_str(out, " ends in a carriage return; save it with Unix line ends");
    } else {
        buf_add_str(out, diagnosis->run->exit_status == STATUS_NOT_FOUND
                             ? ", as when a command is not found"
                             : ", as when a command cannot be executed");
    }
}

static void add_end(struct buf *out, const struct diagnosis *diagnosis)
{
    int status = diagnosis->run->exit_status;

    buf_addf(out, ". The verifier ended with status %d", status);
    if (status == STATUS_NOT_FOUND || status == STATUS_NOT_EXECUTABLE) {
        add_obstacle(out, diagnosis);
    } else if (status > STATUS_SIGNAL && status <= STATUS_SIGNAL + SIGNALS) {
        const char *name = sigabbrev_np(status - STATUS_SIGNAL);

        buf_addf(out, ", as if signal %d%s%s%s had killed it", status - STATUS_SIGNAL,
                 name ? " (SIG" : "", name ? name : "", name ? ")" : "");
    }
}

static void add_patterns(struct buf *out, const struct diagnosis *diagnosis)
{
    size_t before;

    buf_add_str(out, ". Reports were looked for in ");
    add_quoted(out, diagnosis->folder, strlen(diagnosis->folder));
    buf_add_str(out, ": ");
    before = out->length;
    for (size_t i = 0; i < diagnosis->pattern_count; i++) {
        buf_add_str(out, i > 0 ? ", " : "");
        if (out->length - before > PATTERNS_BYTES) {
            buf_addf(out, "and %zu more", diagnosis->pattern_count - i);
            return;
        }
        add_quoted(out, diagnosis->patterns[i], strlen(diagnosis->patterns[i]));
    }
}

static void add_files(struct buf *out, const char *found)
{
    const char *line;
    size_t length, count = 0;

    while ((line = next_line(&found, &length))) {
        if (length < 5 || strncmp(line, "xml ", 4) != 0)
            continue;
        if (count == FILES_MOST) {
            buf_add_str(out, ", ...");
            return;
        }
        buf_add_str(out, count++ == 0 ? ". Other XML files that the run left there: " : ", ");
        add_quoted(out, line + 4, length - 4);
    }
}

/* --- the verifier's own ---------------------------------------------------------------------- */

size_t diagnosis_tail(const char *text, size_t length, size_t most)
{
    size_t start = length > most ? length - most : 0;
    const char *line;

    if (start == 0)
        return 0;
    while (start < length && ((unsigned char)text[start] & 0xc0) == 0x80)
        start++;
    line = memchr(text + start, '\n', most / 2 < length - start ? most / 2 : length - start);
    return line ? (size_t)(line - text) + 1 : start;
}

static void add_output(struct buf *out, const char *name, const char *text, size_t length)
{
    size_t start;

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    if (length == 0)
        return;
    start = diagnosis_tail(text, length, DIAGNOSIS_OUTPUT_MOST);
    buf_addf(out, "\n--- %s%s ---\n", start > 0 ? "the end of its " : "its ", name);
    for (size_t i = start; i < length; i++) /* a NUL would end the message */
        buf_add_char(out, text[i] ? text[i] : ' ');
}

char *diagnosis_message(const struct diagnosis *diagnosis)
{
    const struct verifier_run *run = diagnosis->run;
    struct buf out = BUF_INIT;

    buf_add_str(&out, diagnosis->sentence);
    if (run && !run->timed_out)
        add_end(&out, diagnosis);
    if (diagnosis->pattern_count > 0)
        add_patterns(&out, diagnosis);
    if (diagnosis->found)
        add_files(&out, diagnosis->found);
    if (run && !diagnosis->hide_output) {
        add_output(&out, "stdout", run->out, run->out_length);
        add_output(&out, "stderr", run->err, run->err_length);
    }
    return buf_take(&out);
}
