#include "dataset/task_rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "dataset/formats.h"
#include "dataset/verifier_command.h"

#include "base/banned.h"

#define BLANKS " \t\r"
#define HARBOR_FOLDER "/app" /* where the Dockerfile names none */
#define REPORT "codeset-reward.xml"
#define REWARD "reward"
#define SECONDS_MOST 86400
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
#define FILE_END "CODESET_END_OF_FILE"

static void copy_text(json_object *line, const char *field, json_object *row, const char *from)
{
    const char *text = json_get_text(row, from);

    if (text && text[0] && !json_object_object_get_ex(line, field, NULL))
        json_add_text(line, field, text);
}

/* --- our own --------------------------------------------------------------------------------- */

/* Lines that begin with // become empty; in JSON no text goes on in another line. */
static char *without_comments(const char *text)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    while (*text) {
        const size_t length = strcspn(text, "\n");
        const char *first = text + strspn(text, BLANKS);

        if (strncmp(first, "//", 2) != 0)
            buf_add(&out, text, length);
        text += length;
        if (*text == '\n')
            buf_add_char(&out, *text++);
    }
    return buf_take(&out);
}

int task_row_own(json_object *row, json_object *line, struct error *err)
{
    const char *text = json_get_text(row, "task_json");
    _cleanup_(free_ptr) char *plain = without_comments(text ? text : "");
    _cleanup_(json_release) json_object *task = NULL;

    if (json_parse(plain, strlen(plain), &task, NULL, err) < 0)
        return error_wrap(err, "task.json is not valid JSON");
    if (!json_object_is_type(task, json_type_object))
        return error_set(err, ERROR_INVALID, NULL, "task.json must hold an object");
    json_object_object_foreach (task, field, value) {
        json_add(line, field, json_object_get(value));
    }
    copy_text(line, "problem_statement", row, "problem");
    copy_text(line, "patch", row, "solution_patch");
    copy_text(line, "solution", row, "solution_script");
    return 0;
}

/* --- TOML, as far as it is needed ------------------------------------------------------------ */

/* Is this a line of a text of several lines, or does one begin in it? *inside: the three quotes
 * that end it; NULL: none. */
static bool is_in_long_text(const char *line, size_t length, const char **inside)
{
    static const char *const quotes[] = {"\"\"\"", "'''"};

    if (*inside) {
        if (memmem(line, length, *inside, 3))
            *inside = NULL;
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(quotes); i++) {
        const char *open = memmem(line, length, quotes[i], 3);

        if (!open)
            continue;
        if (!memmem(open + 3, length - (size_t)(open + 3 - line), quotes[i], 3))
            *inside = quotes[i];
        return true;
    }
    return false;
}

/* "[ name ]" */
static bool is_table(const char *line, size_t length, const char *name)
{
    const size_t size = strlen(name);
    const char *end = memchr(line, ']', length);

    line++;
    while (end && line < end && strchr(BLANKS, *line))
        line++;
    if (!end || (size_t)(end - line) < size || memcmp(line, name, size) != 0)
        return false;
    for (line += size; line < end; line++) {
        if (!strchr(BLANKS, *line))
            return false;
    }
    return true;
}

/* A text between quotes, else what is before a comment. */
static void add_value(const char *from, size_t length, struct buf *out)
{
    const char quote = length > 0 ? from[0] : '\0';
    const char *end = NULL;

    if (quote == '"' || quote == '\'')
        end = memchr(from + 1, quote, length - 1);
    if (end) {
        buf_add(out, from + 1, (size_t)(end - from) - 1);
        return;
    }
    end = memchr(from, '#', length);
    length = end ? (size_t)(end - from) : length;
    while (length > 0 && strchr(BLANKS, from[length - 1]))
        length--;
    buf_add(out, from, length);
}

/* "key = value". Returns whether it is that key. */
static bool take_pair(const char *line, size_t length, const char *key, struct buf *out)
{
    const size_t size = strlen(key);
    const char *at = line + size, *end = line + length;

    if (length <= size || memcmp(line, key, size) != 0)
        return false;
    while (at < end && strchr(BLANKS, *at))
        at++;
    if (at == end || *at != '=')
        return false;
    for (at++; at < end && strchr(BLANKS, *at); at++)
        ;
    add_value(at, (size_t)(end - at), out);
    return true;
}

bool toml_value(const char *text, const char *table, const char *key, struct buf *ret_value)
{
    const char *inside = NULL;
    bool here = table[0] == '\0';

    while (*text) {
        const size_t whole = strcspn(text, "\n");
        const size_t indent = strspn(text, BLANKS);
        const char *line = text + (indent < whole ? indent : whole);
        const size_t length = whole - (size_t)(line - text);

        text += whole + (text[whole] == '\n');
        if (is_in_long_text(line, length, &inside))
            continue;
        if (length > 0 && line[0] == '[')
            here = is_table(line, length, table);
        else if (here && take_pair(line, length, key, ret_value))
            return true;
    }
    return false;
}

/* --- Harbor ---------------------------------------------------------------------------------- */

/* Of a WORKDIR's value: without quotes around it and slashes at its end. NULL: what it says is
 * known to the build alone. */
static char *plain_folder(const char *at, const char *end)
{
    while (end > at && strchr(BLANKS, end[-1]))
        end--;
    if (end - at >= 2 && strchr("\"'", *at) && end[-1] == *at) {
        at++;
        end--;
    }
    while (end > at && end[-1] == '/')
        end--;
    if (end == at || memchr(at, '$', (size_t)(end - at)) || memchr(at, '\\', (size_t)(end - at)))
        return NULL;
    return xstrndup(at, (size_t)(end - at));
}

/* The last WORKDIR, as far as it can be read here: what the import falls back on where the image
 * says none (ctl/import.c). */
static char *folder_of(const char *dockerfile)
{
    static const char word[] = "WORKDIR";
    char *folder = xstrdup(HARBOR_FOLDER);

    while (dockerfile && *dockerfile) {
        const size_t length = strcspn(dockerfile, "\n");
        const char *at = dockerfile + strspn(dockerfile, BLANKS), *end = dockerfile + length;
        char *named = NULL;

        if (at < end && strncasecmp(at, word, sizeof(word) - 1) == 0) {
            at += sizeof(word) - 1;
            while (at < end && strchr(BLANKS, *at))
                at++;
            named = plain_folder(at, end);
        }
        if (named && named[0] == '/') {
            free(folder);
            folder = TAKE_PTR(named);
        }
        free(named);
        dockerfile += length + (dockerfile[length] == '\n');
    }
    return folder;
}

/*
 * Runs in the repository's folder. The reward is read where Harbor reads it, and told as a report,
 * so that a run without one is told from one that failed.
 *
 * What the tests leave running is ended first, as far as the user may, so that it changes neither
 * the reward once that is read nor the report: all but the agent, its workers (children of process
 * 1) and those that this shell descends from. Who forks faster than they are ended has failed.
 */
#define END_OTHERS                                                                                 \
    "look() {\n"                                                                                   \
    "    state= parent=\n"                                                                         \
    "    while read -r key value rest; do\n"                                                       \
    "        case $key in State:) state=$value ;; PPid:) parent=$value ;; esac\n"                  \
    "    done 2>/dev/null <\"/proc/$1/status\"\n"                                                  \
    "}\n"                                                                                          \
    "spared=' ' at=$$\n"                                                                           \
    "while [ \"${at:-0}\" -gt 0 ]; do spared=\"$spared$at \"; look \"$at\"; at=$parent; done\n"    \
    "left=1 passes=0\n"                                                                            \
    "while [ \"$left\" = 1 ] && [ \"$passes\" -lt 2000 ]; do\n"                                    \
    "    left=0 passes=$((passes + 1))\n"                                                          \
    "    for folder in /proc/[0-9]*; do\n"                                                         \
    "        pid=${folder#/proc/}\n"                                                               \
    "        case $spared in *\" $pid \"*) continue ;; esac\n"                                     \
    "        look \"$pid\"\n"                                                                      \
    "        case $state$parent in '' | Z* | X* | ?0 | ?1) continue ;; esac\n"                     \
    "        kill -9 \"$pid\" 2>/dev/null && left=1\n"                                             \
    "    done\n"                                                                                   \
    "done\n"

/* A regular expression: 1, as people and JSON's writers write it. */
#define IS_ONE "^+\\{0,1\\}0*1\\(\\.0*\\)\\{0,1\\}\\([eE][-+]\\{0,1\\}0*\\)\\{0,1\\}$"

static const char verifier[] =
    "mkdir -p /logs/verifier /logs/agent /logs/artifacts\n"
    "rm -f /logs/verifier/reward.txt /logs/verifier/reward.json\n"
    "if command -v bash >/dev/null; then bash /tests/test.sh; else sh /tests/test.sh; "
    "fi\n" END_OTHERS "rm -rf " REPORT "\n"
    "reward=\n"
    "if [ -f /logs/verifier/reward.txt ]; then\n"
    "    reward=$(tr -d '[:space:]' </logs/verifier/reward.txt)\n"
    "elif [ -f /logs/verifier/reward.json ]; then\n"
    "    reward=$(tr -d '[:space:]' </logs/verifier/reward.json |\n"
    "        sed -n 's/.*\"" REWARD "\":\\([^,}]*\\).*/\\1/p')\n"
    "fi\n"
    "told=\n"
    "if [ \"$left\" = 1 ]; then\n"
    "    told='<failure message=\"the tests left processes that cannot be ended\"/>'\n"
    "elif [ -z \"$reward\" ]; then\n"
    "    echo 'the tests left no reward in /logs/verifier' >&2\n"
    "    exit 1\n"
    "elif [ -z \"$(printf '%s\\n' \"$reward\" | sed -n '/" IS_ONE "/p')\" ]; then\n"
    "    told='<failure message=\"the reward is not 1\"/>'\n"
    "fi\n"
    "echo \"<testsuite><testcase name=\\\"" REWARD "\\\">$told</testcase></testsuite>\" >" REPORT
    "\n";

/* Verifications reach no network: what tests fetch must be in the image. */
static void look_for_downloads(const char *script, json_object *line)
{
    static const char *const words[] = {"curl",        "wget", "apt-get",     "apt install",
                                        "pip install", "uvx",  "npm install", "git clone"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strstr(script, words[i])) {
            _cleanup_(free_ptr) char *what =
                xasprintf("an image with all that its tests use: tests/test.sh has '%s', but a "
                          "verification reaches no network",
                          words[i]);

            dataset_need(line, what);
            return;
        }
    }
}

/* One shell script that lays all files and runs the one that solves the task. An image's user may
 * not be able to make Harbor's /solution. */
static int add_solution(json_object *files, json_object *line, struct error *err)
{
    _cleanup_(buf_release) struct buf script = BUF_INIT;

    if (!json_object_is_type(files, json_type_object) ||
        !json_object_object_get_ex(files, "solve.sh", NULL))
        return 0;
    buf_add_str(&script, "d=/solution\n"
                         "mkdir -p $d 2>/dev/null && [ -w $d ] || d=/tmp/solution\n"
                         "mkdir -p $d\n");
    json_object_object_foreach (files, path, content) {
        const char *text = json_object_get_string(content);

        if (!json_object_is_type(content, json_type_string) || path[0] == '/' ||
            strstr(path, "..") || strchr(path, '\n'))
            return error_set(err, ERROR_INVALID, NULL, "solution: '%.80s' is no file's name", path);
        if (text[strspn(text, BASE64)])
            return error_set(err, ERROR_INVALID, NULL, "solution: '%.80s' is not base64", path);
        buf_add_str(&script, "f=$d/");
        shell_word(path, &script);
        buf_addf(&script,
                 "\nmkdir -p \"${f%%/*}\" && base64 -d >\"$f\" <<'" FILE_END "'\n%s\n" FILE_END
                 "\n",
                 text);
    }
    buf_add_str(&script, "chmod +x $d/solve.sh\n"
                         "if command -v bash >/dev/null; then exec bash $d/solve.sh; fi\n"
                         "exec sh $d/solve.sh\n");
    json_add_text(line, "solution", script.data);
    return 0;
}

static void add_timeout(const char *toml, json_object *line)
{
    _cleanup_(buf_release) struct buf value = BUF_INIT;
    double seconds;

    if (!toml_value(toml, "verifier", "timeout_sec", &value))
        return;
    seconds = strtod(value.data, NULL);
    if (seconds >= 1 && seconds <= SECONDS_MOST)
        json_add_int(line, "verify_timeout", (int64_t)(seconds + 0.999));
}

static void add_image(const char *toml, json_object *line)
{
    _cleanup_(buf_release) struct buf image = BUF_INIT;

    if (toml_value(toml, "environment", "docker_image", &image) && image.length > 0)
        json_add_text(line, "image_reference", image.data);
}

static void add_text_list(json_object *line, const char *field, const char *text)
{
    json_object *list = json_object_new_array();

    json_object_array_add(list, json_object_new_string(text));
    json_add(line, field, list);
}

int task_row_harbor(json_object *row, json_object *line, struct error *err)
{
    const char *name = json_get_text(row, "task_folder"), *toml = json_get_text(row, "task_toml");
    const char *script = json_get_text(row, "test_script");
    _cleanup_(free_ptr) char *folder = folder_of(json_get_text(row, "dockerfile"));
    json_object *files = NULL;

    if (!name || !name[0] || !toml)
        return error_set(err, ERROR_INVALID, NULL, "task_folder or task_toml: missing");
    if (!script || !script[0])
        return error_set(err, ERROR_INVALID, NULL, "tests/test.sh: missing");
    json_add_text(line, "instance_id", name);
    json_add_text(line, "repo", name);
    json_add_text(line, "repo_path", folder);
    copy_text(line, "problem_statement", row, "problem");
    json_add_text(line, "language", "shell"); /* nothing says which */
    json_add_text(line, "verifier_command", verifier);
    add_text_list(line, "report_paths", REPORT);
    add_text_list(line, "fail_to_pass", REWARD);
    add_timeout(toml, line);
    add_image(toml, line);
    look_for_downloads(script, line);
    json_object_object_get_ex(row, "solution_files", &files);
    return add_solution(files, line, err);
}
