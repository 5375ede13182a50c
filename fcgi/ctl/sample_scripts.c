#include "ctl/sample_scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "dataset/verifier_command.h"

#include "base/banned.h"

#define SCRIPT_MOST (1 << 20) /* bytes */

/* Appends the command that writes the file. *ret_there: there is one. */
static int add_script(int folder, const char *name, struct buf *out, bool *ret_there,
                      struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT, path = BUF_INIT;
    struct stat status;

    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        *ret_there = false;
        return 0;
    }
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_INVALID, NULL, "%s: not a plain file", name);
    if (file_read(folder, name, SCRIPT_MOST, &text, err) < 0)
        return -1;
    if (memchr(text.data, '\0', text.length))
        return error_set(err, ERROR_INVALID, NULL, "%s: contains a NUL character", name);
    buf_addf(&path, "/workspace/%s", name);
    return file_command(path.data, text.data, out, err);
}

/* An instance_id has neither slash nor leading dot (sample_line.c), so that it is a file's name. */
int sample_scripts_add(const char *folder, struct sample_line *line, struct error *err)
{
    static const char *const names[] = {"run_script.sh", "parser.py"};
    _cleanup_(close_fd) int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), own = -1;
    _cleanup_(buf_release) struct buf command = BUF_INIT;
    bool there = true;

    if (root < 0)
        return error_errno(err, errno, "cannot open %s", folder);
    own = openat(root, line->instance_id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (own < 0)
        return 0;
    buf_add_str(&command, "mkdir -p /workspace\n");
    for (size_t i = 0; i < ARRAY_SIZE(names) && there; i++) {
        if (add_script(own, names[i], &command, &there, err) < 0)
            return error_wrap(err, "%s/%s", folder, line->instance_id);
    }
    buf_add_str(&command, line->verifier_command);
    if (!there || command.length > VERIFIER_COMMAND_MOST)
        return 0;
    line->made_command = buf_take(&command);
    line->verifier_command = line->made_command;
    sample_line_met(line, "scripts");
    return 0;
}
