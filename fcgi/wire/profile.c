#include "wire/profile.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/account.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

bool profile_variable_valid(const char *variable)
{
    size_t length = 0;

    while (isalnum((unsigned char)variable[length]) || variable[length] == '_')
        length++;
    return length > 0 && !isdigit((unsigned char)variable[0]) && variable[length] == '=' &&
           utf8_valid(variable, strlen(variable));
}

static int add_variables(json_object *profile, const char *env, struct error *err)
{
    json_object *list = json_object_new_array();

    json_add(profile, PROFILE_ENV, list);
    for (const char *at = env; *at != '\0';) {
        const size_t length = strcspn(at, "\n");
        _cleanup_(free_ptr) char *variable = xstrndup(at, length);

        if (!profile_variable_valid(variable))
            return error_set(err, ERROR_INVALID, NULL, "--env: '%.80s' is not NAME=VALUE",
                             variable);
        if (json_object_array_length(list) == PROFILE_ENV_MOST)
            return error_set(err, ERROR_INVALID, NULL, "--env: more than %d variables",
                             PROFILE_ENV_MOST);
        json_object_array_add(list, json_object_new_string(variable));
        at += length + (at[length] == '\n');
    }
    return 0;
}

static bool is_shell(const char *word)
{
    static const char *const words[] = {AGENT_SHELL_PLAIN, AGENT_SHELL_LOGIN,
                                        AGENT_SHELL_ENTRYPOINT};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

int profile_make(const struct profile_options *options, json_object **ret_profile,
                 struct error *err)
{
    _cleanup_(json_release) json_object *profile = json_object_new_object();
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (options->env && add_variables(profile, options->env, err) < 0)
        return -1;
    if (options->user && !account_spec_valid(options->user))
        return error_set(err, ERROR_INVALID, NULL,
                         "--user: '%.80s' must be USER or USER:GROUP, each a name or a number",
                         options->user);
    if (options->shell && !is_shell(options->shell))
        return error_set(err, ERROR_INVALID, NULL,
                         "--shell: '%.80s' must be " AGENT_SHELL_PLAIN ", " AGENT_SHELL_LOGIN
                         " or " AGENT_SHELL_ENTRYPOINT,
                         options->shell);
    if (options->user)
        json_add_text(profile, AGENT_PROFILE_USER, options->user);
    if (options->shell)
        json_add_text(profile, AGENT_PROFILE_SHELL, options->shell);
    json_write(&text, profile);
    if (text.length > PROFILE_BYTES_MOST)
        return error_set(err, ERROR_INVALID, NULL, "--env: more than %d KiB in all",
                         PROFILE_BYTES_MOST >> 10);
    *ret_profile = TAKE_PTR(profile);
    return 0;
}
