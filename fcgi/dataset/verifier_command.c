#include "dataset/verifier_command.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "dataset/patch.h"

#include "base/banned.h"

#define PATCH_END "CODESET_END_OF_PATCH"
#define SCRIPT_END "CODESET_END_OF_SCRIPT"

/* git works whoever owns the folder, and runs nothing that the session left for it. */
static const char git_settings[] =
    "export GIT_CONFIG_COUNT=3 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' "
    "GIT_CONFIG_KEY_1=core.hooksPath GIT_CONFIG_VALUE_1=/dev/null "
    "GIT_CONFIG_KEY_2=core.fsmonitor GIT_CONFIG_VALUE_2=false\n";

void shell_word(const char *text, struct buf *out)
{
    buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_add_str(out, "'\\''");
        else
            buf_add_char(out, *text);
    }
    buf_add_char(out, '\'');
}

static void add_file(const char *path, bool is_new, void *arg)
{
    struct buf *out = arg;

    (void)is_new;
    buf_add_char(out, ' ');
    shell_word(path, out);
}

/* A line that ends the text before its end. */
static bool holds_line(const char *text, const char *line)
{
    size_t length = strlen(line);

    for (const char *at = text; (at = strstr(at, line)) != NULL; at += length) {
        if ((at == text || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
            return true;
    }
    return false;
}

static int add_document(const char *text, const char *end, struct buf *out, struct error *err)
{
    size_t length = strlen(text);

    if (holds_line(text, end))
        return error_set(err, ERROR_INVALID, NULL, "a line of its texts is '%s'", end);
    buf_add(out, text, length);
    buf_addf(out, "%s%s\n", length > 0 && text[length - 1] == '\n' ? "" : "\n", end);
    return 0;
}

/* The tests' files as they were, then the patch: what the session wrote there is gone. */
static int add_patch(const struct verifier_plan *plan, struct buf *out, struct error *err)
{
    buf_add_str(out, git_settings);
    buf_add_str(out, "base=$(git rev-parse -q --verify ");
    shell_word(plan->base_commit && plan->base_commit[0] ? plan->base_commit : "HEAD", out);
    buf_add_str(out, "'^{commit}') || base=HEAD\nfor file in");
    patch_files(plan->test_patch, add_file, out);
    buf_add_str(out, "; do\n    git checkout -q \"$base\" -- \"$file\" 2>/dev/null || "
                     "rm -rf -- \"$file\"\ndone\n"
                     "git apply --whitespace=nowarn - <<'" PATCH_END "' || {\n");
    if (add_document(plan->test_patch, PATCH_END, out, err) < 0)
        return -1;
    buf_add_str(out, "    echo 'The patch of the tests cannot be applied.' >&2\n    exit 99\n}\n");
    return 0;
}

int bug_command(const char *patch, struct buf *out, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_add_str(&text, git_settings);
    /* An image's files are others than those that its index knows, as lstat(2) sees them. */
    buf_add_str(&text, "set -e\ngit update-index -q --refresh || true\n"
                       "git apply --index --whitespace=nowarn - <<'" PATCH_END "'\n");
    if (add_document(patch, PATCH_END, &text, err) < 0)
        return -1;
    buf_add_str(&text, "files=$(mktemp)\ngit ls-files -z >\"$files\"\nrm -rf .git\n"
                       "git -c init.defaultBranch=main init -q\n"
                       "git add -f --pathspec-from-file=\"$files\" --pathspec-file-nul\n"
                       "git -c user.name=codeset -c user.email=codeset@localhost "
                       "-c commit.gpgSign=false commit -q -m 'The repository as it is'\n"
                       "rm -f \"$files\"\n");
    buf_add(out, text.data, text.length);
    return 0;
}

int file_command(const char *path, const char *text, struct buf *out, struct error *err)
{
    _cleanup_(buf_release) struct buf command = BUF_INIT;

    buf_add_str(&command, "cat >");
    shell_word(path, &command);
    buf_add_str(&command, " <<'" SCRIPT_END "'\n");
    if (add_document(text, SCRIPT_END, &command, err) < 0)
        return -1;
    buf_add(out, command.data, command.length);
    return 0;
}

int verifier_command(const struct verifier_plan *plan, struct buf *out, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (plan->prepare)
        buf_add_str(&text, plan->prepare);
    if (plan->test_patch && plan->test_patch[0] && add_patch(plan, &text, err) < 0)
        return -1;
    if (plan->script && plan->script[0] &&
        file_command(plan->script_path, plan->script, &text, err) < 0)
        return -1;
    if (strstr(plan->commands, "pytest") || strstr(plan->commands, "py.test"))
        buf_add_str(&text, "export PYTEST_ADDOPTS=\"--junitxml=$PWD/report.xml\"\n");
    buf_add_str(&text, plan->commands);
    if (text.length > VERIFIER_COMMAND_MOST)
        return error_set(err, ERROR_LIMIT, NULL,
                         "the command that verifies it would have %zu bytes, more than %d",
                         text.length, VERIFIER_COMMAND_MOST);
    buf_add(out, text.data, text.length);
    return 0;
}
