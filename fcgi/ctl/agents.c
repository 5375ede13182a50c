/*
 * agents.c - codesetctl agent.
 */
#include "store/agents.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"
#include "images/images.h"
#include "wire/egress.h"

#include "base/banned.h"

#define NAME_MAX_BYTES 64
#define COMMAND_MAX_BYTES 16384
#define VARIABLE_MAX_BYTES 128
#define SECRETS_MAX 16
#define SECRET_LEAST 8 /* what is shorter can't be masked: it is found everywhere */
#define TIMEOUT_LEAST 10
#define TIMEOUT_MOST 86400
#define TIMEOUT_DEFAULT 3600
#define PRICE_MOST 1000000
#define GROUPS_MAX 256

#define LOWER_AND_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

static json_object *agent_object(const struct agent *agent)
{
    json_object *object = json_object_new_object(), *secrets = NULL;
    struct error ignored;

    json_add_text(object, "agent_id", agent->agent_id);
    json_add_bool(object, "elsewhere", !agent->image);
    json_add_text(object, "image", agent->image);
    json_add_text(object, "command", agent->command);
    json_add_int(object, "timeout_seconds", agent->timeout);
    json_add_text(object, "egress", agent->egress);
    if (json_parse(agent->secrets, strlen(agent->secrets), &secrets, NULL, &ignored) < 0)
        secrets = NULL;
    json_add(object, "secrets", secrets);
    json_add(object, "price_cents",
             agent->price_cents ? json_object_new_int64(agent->price_cents) : NULL);
    json_add_time(object, "created_at", agent->created_at);
    return object;
}

/* --- checks ---------------------------------------------------------------------------------- */

/* It names a folder of results, too. */
static int check_name(const char *name, struct error *err)
{
    size_t length = strlen(name);

    if (length == 0 || length > NAME_MAX_BYTES || strspn(name, LOWER_AND_DIGITS) == 0 ||
        strspn(name, LOWER_AND_DIGITS "_-") != length || strcmp(name, "common") == 0)
        return error_set(err, ERROR_INVALID, NULL,
                         "NAME must be lower-case letters, digits, '_' and '-', at most %d, begin "
                         "with a letter or digit, and not be 'common'",
                         NAME_MAX_BYTES);
    return 0;
}

static int check_image(struct ctl *ctl, const char *name, struct error *err)
{
    bool found;

    if (image_is_stored(&ctl_settings(ctl)->engine, name, &found, err) < 0)
        return -1;
    if (found)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, NULL,
                     "there is no image '%s'; import it with 'codesetctl image import'", name);
}

/* What the server sets, what decides which programs and libraries run, and the way out. */
static bool is_reserved(const char *variable)
{
    static const char *const names[] = {"PATH", "HOME", "PWD", "SHELL", "IFS", "ENV", "BASH_ENV"};
    size_t length = strlen(variable);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(variable, names[i]) == 0)
            return true;
    }
    return strncmp(variable, "CODESET_", 8) == 0 || strncmp(variable, "LD_", 3) == 0 ||
           (length >= 6 && strcasecmp(variable + length - 6, "_PROXY") == 0);
}

static int check_variable(const char *variable, struct error *err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    size_t length = strlen(variable);

    if (length > 0 && length <= VARIABLE_MAX_BYTES && strchr(letters, variable[0]) &&
        strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") ==
            length &&
        !is_reserved(variable))
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "--secret: '%s' can't be a secret's variable; use a name such as "
                     "ANTHROPIC_API_KEY, not one that the server or a program loader uses",
                     variable);
}

/* The daemon's user, by name or number. NULL: there is none of that name. */
static const struct passwd *daemon_user(const struct ctl *ctl)
{
    const char *user = ctl_settings(ctl)->engine.engined_user;
    char *end;
    unsigned long number = strtoul(user, &end, 10);

    return *user && !*end ? getpwuid((uid_t)number) : getpwnam(user);
}

static bool in_group(const struct passwd *user, gid_t gid)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return false;
    for (int i = 0; i < count; i++) {
        if (groups[i] == gid)
            return true;
    }
    return false;
}

static int check_mode(const struct ctl *ctl, const char *path, struct error *err)
{
    const struct passwd *user = daemon_user(ctl);
    struct stat st;

    if (stat(path, &st) < 0)
        return error_errno(err, errno, "--secret: %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, NULL, "--secret: %s is not a file", path);
    if (st.st_mode & 037)
        return error_set(err, ERROR_INVALID, NULL,
                         "--secret: %s has mode %04o; others must not read or change it: chmod "
                         "0400, or 0640 where a group reads it",
                         path, (unsigned)st.st_mode & 07777);
    if (!user) { /* of a private server: a number that has no name */
        ctl_warn(ctl, "cannot tell whether the daemon can read %s: user '%s' is unknown here", path,
                 ctl_settings(ctl)->engine.engined_user);
        return 0;
    }
    if ((st.st_uid == user->pw_uid && st.st_mode & 0400) ||
        (st.st_mode & 040 && in_group(user, st.st_gid)))
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "--secret: the daemon can't read %s; chown %s it, or give it a group of that "
                     "user and mode 0640",
                     path, user->pw_name);
}

static int check_file(const struct ctl *ctl, const char *path, struct error *err)
{
    _cleanup_(buf_release) struct buf secret = BUF_INIT;

    if (path[0] != '/')
        return error_set(err, ERROR_INVALID, NULL,
                         "--secret: '%s' must be an absolute path, as the daemon reads it", path);
    if (check_mode(ctl, path, err) < 0 || file_read_secret(path, &secret, err) < 0)
        return -1;
    if (strlen(secret.data) == secret.length && secret.length >= SECRET_LEAST)
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "--secret: what is in %s must be text of at least %d bytes; what is shorter "
                     "can't be kept out of logs",
                     path, SECRET_LEAST);
}

/* One of the option's values, "VARIABLE=FILE". */
static int add_secret(const struct ctl *ctl, const char *text, size_t length, json_object *secrets,
                      struct error *err)
{
    _cleanup_(free_ptr) char *variable = xstrndup(text, length);
    char *path = strchr(variable, '=');
    json_object *secret;

    if (!path)
        return error_set(err, ERROR_INVALID, NULL, "--secret must be VARIABLE=FILE, not '%s'",
                         variable);
    *path++ = '\0';
    if (check_variable(variable, err) < 0 || check_file(ctl, path, err) < 0)
        return -1;
    for (size_t i = 0; i < json_object_array_length(secrets); i++) {
        if (strcmp(json_get_text(json_object_array_get_idx(secrets, i), "name"), variable) == 0)
            return error_set(err, ERROR_INVALID, NULL, "--secret names %s twice", variable);
    }
    if (json_object_array_length(secrets) == SECRETS_MAX)
        return error_set(err, ERROR_INVALID, NULL, "--secret: at most %d", SECRETS_MAX);
    secret = json_object_new_object();
    json_add_text(secret, "name", variable);
    json_add_text(secret, "file", path);
    json_object_array_add(secrets, secret);
    return 0;
}

static int read_secrets(struct ctl *ctl, json_object *secrets, struct error *err)
{
    const char *text = ctl_option(ctl, "secret");

    while (text) {
        size_t length = strcspn(text, "\n");

        if (add_secret(ctl, text, length, secrets, err) < 0)
            return -1;
        text = text[length] ? text + length + 1 : NULL;
    }
    return 0;
}

/* --- add ------------------------------------------------------------------------------------- */

static int check_place(struct ctl *ctl)
{
    const char *image = ctl_option(ctl, "image"), *command = ctl_option(ctl, "command");

    if (ctl_option(ctl, "elsewhere")) {
        if (image || command || ctl_option(ctl, "egress") || ctl_option(ctl, "secret"))
            return ctl_usage(ctl,
                             "an agent with --elsewhere has no --image, --command, --egress or "
                             "--secret: its runner sees to that");
        return CTL_OK;
    }
    if (!image || !command)
        return ctl_usage(ctl, "an agent needs --image and --command, or --elsewhere");
    if (!command[0] || strlen(command) > COMMAND_MAX_BYTES)
        return ctl_usage(ctl, "--command must have 1 to %d bytes", COMMAND_MAX_BYTES);
    return CTL_OK;
}

static int check_options(struct ctl *ctl, struct agent *agent, struct error *err)
{
    int status = check_place(ctl);

    if (status != CTL_OK)
        return status;
    if (check_name(ctl_argument(ctl, 0), err) < 0 ||
        (agent->image && sample_check_image("--image", agent->image, err) < 0) ||
        egress_policy_check(agent->egress, err) < 0)
        return ctl_usage(ctl, "%s", err->message);
    status = ctl_option_int(ctl, "timeout", TIMEOUT_LEAST, TIMEOUT_MOST, TIMEOUT_DEFAULT,
                            &agent->timeout);
    return status == CTL_OK ? ctl_option_int(ctl, "price", 1, PRICE_MOST, 0, &agent->price_cents)
                            : status;
}

static int put(struct ctl *ctl, struct agent *agent, bool *ret_replaced, struct error *err)
{
    struct db *db;

    if (agent->image && check_image(ctl, agent->image, err) < 0)
        return -1;
    db = ctl_db(ctl, err);
    return db ? store_agent_put(db, agent, ret_replaced, err) : -1;
}

static const char *or_none(const char *egress)
{
    return egress ? egress : "none";
}

int ctl_agent_add(struct ctl *ctl)
{
    _cleanup_(json_release) json_object *secrets = json_object_new_array();
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(agent_release) struct agent stored = {0};
    /* The store reads it only. */
    struct agent agent = {
        .agent_id = (char *)(uintptr_t)ctl_argument(ctl, 0),
        .image = (char *)(uintptr_t)ctl_option(ctl, "image"),
        .command = (char *)(uintptr_t)ctl_option(ctl, "command"),
        .egress = (char *)(uintptr_t)or_none(ctl_option(ctl, "egress")),
    };
    struct error err = ERROR_INIT;
    bool replaced;
    int status = check_options(ctl, &agent, &err);

    if (status != CTL_OK)
        return status;
    if (read_secrets(ctl, secrets, &err) < 0)
        return ctl_fail(ctl, &err);
    agent.secrets =
        (char *)(uintptr_t)json_object_to_json_string_ext(secrets, JSON_C_TO_STRING_PLAIN);
    if (put(ctl, &agent, &replaced, &err) < 0 ||
        store_agent_get(ctl_db(ctl, &err), agent.agent_id, &stored, &err) < 0)
        return ctl_fail(ctl, &err);
    object = agent_object(&stored);
    output_done(ctl_json(ctl), object, "agent '%s' %s", agent.agent_id,
                replaced ? "changed" : "added");
    return CTL_OK;
}

/* --- the others ------------------------------------------------------------------------------ */

static void add_agent(const struct agent *agent, void *arg)
{
    json_object_array_add(arg, agent_object(agent));
}

int ctl_agent_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"AGENT", "agent_id"},      {"IMAGE", "image"},
        {"ELSEWHERE", "elsewhere"}, {"TIME LIMIT", "timeout_seconds"},
        {"EGRESS", "egress"},       {"PRICE", "price_cents"}};
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    if (!db || store_agent_list(db, add_agent, rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                "there are no agents yet; add one with 'codesetctl agent add'");
    return CTL_OK;
}

int ctl_agent_show(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(agent_release) struct agent agent = {0};
    _cleanup_(json_release) json_object *object = NULL;

    if (!db || store_agent_get(db, ctl_argument(ctl, 0), &agent, &err) < 0)
        return ctl_fail(ctl, &err);
    object = agent_object(&agent);
    output_object(ctl_json(ctl), object);
    return CTL_OK;
}

int ctl_agent_remove(struct ctl *ctl)
{
    const char *name = ctl_argument(ctl, 0);
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(json_release) json_object *object = NULL;

    if (!db || store_agent_remove(db, name, &err) < 0)
        return ctl_fail(ctl, &err);
    object = json_object_new_object();
    json_add_text(object, "agent_id", name);
    json_add_bool(object, "removed", true);
    output_done(ctl_json(ctl), object, "agent '%s' removed", name);
    return CTL_OK;
}
