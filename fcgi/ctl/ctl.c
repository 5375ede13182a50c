#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/operator.h"
#include "ctl/output.h"
#include "ctl/spelling.h"
#include "store/ledger.h"

#include "base/banned.h"

#define PROGRAM "codesetctl"

struct ctl {
    const struct ctl_command *commands; /* until a name is NULL */
    const struct ctl_command *command;
    const char *group;  /* "user" of "user add", while the second word is not there */
    const char *config; /* NULL: the usual place */
    bool json, help, version;
    const char *arguments[CTL_ARGUMENTS_MOST];
    size_t argument_count;
    const char *options[CTL_OPTIONS_MOST]; /* values, beside command->options */
    char *joined[CTL_OPTIONS_MOST];        /* those that were made of several */
    struct settings settings;
    struct buf gone; /* settings that are no more, as lines */
    struct db *db;
    struct ledger_watch watch;
};

static const struct ctl_option common_options[] = {
    {"config", "FILE", "configuration file [" SETTINGS_PATH "]"},
    {"json", NULL, "print JSON, for scripts"},
    {"help", NULL, "show help for the command; -h is the same"},
    {"version", NULL, "show the version"},
    {0},
};

/* --- messages -------------------------------------------------------------------------------- */

static void complain(const struct ctl *ctl, const char *message)
{
    fprintf(stderr, PROGRAM ": %s%s", ctl->command ? ctl->command->name : "",
            ctl->command ? ": " : "");
    output_message(message);
}

/* How the command is used, with its two words apart from its arguments. */
static void print_usage_line(const struct ctl_command *command, FILE *out)
{
    fprintf(out, "usage: " PROGRAM " %s%s%s%s\n", command->name,
            command->options[0].name ? " [OPTIONS]" : "", command->arguments[0] ? " " : "",
            command->arguments);
}

void ctl_warn(const struct ctl *ctl, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    complain(ctl, message);
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    complain(ctl, message);
    if (ctl->command)
        print_usage_line(ctl->command, stderr);
    fprintf(stderr, "Try '" PROGRAM " help%s%s'.\n", ctl->command ? " " : "",
            ctl->command ? ctl->command->name : "");
    return CTL_USAGE;
}

int ctl_fail(const struct ctl *ctl, const struct error *err)
{
    complain(ctl, err->message);
    if (error_has_code(err, "DATABASE_UNAVAILABLE")) {
        if (geteuid() != 0 && !ctl->settings.database.db_admin_password_file[0])
            fprintf(stderr, "Run it as root: without db_admin_password_file only the system user "
                            "named in db_admin_user can sign in to MariaDB.\n");
        fprintf(stderr,
                "Check that MariaDB is running, that [database] in %s is right, and that '" PROGRAM
                " migrate' has been run. '" PROGRAM " doctor' tells more.\n",
                ctl_config(ctl));
        return CTL_UNAVAILABLE;
    }
    if ((err->sys_errno == EACCES || err->sys_errno == EPERM) && geteuid() != 0)
        fprintf(stderr, "Run it as root.\n");
    else if (error_has_code(err, "IMAGE_MISSING"))
        fprintf(stderr, "List the images with '" PROGRAM " image list'.\n");
    return CTL_FAILED;
}

/* --- help ------------------------------------------------------------------------------------ */

static void print_option(const struct ctl_option *option)
{
    char left[64];

    snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
             option->value ? option->value : "");
    printf("  %-22s %s\n", left, option->help);
}

static void print_overview(const struct ctl *ctl)
{
    printf("usage: " PROGRAM " [--config FILE] [--json] COMMAND [ARGUMENTS]\n\n"
           "The operator's tool of a Codeset server.\n\n");
    for (const struct ctl_command *command = ctl->commands; command->name; command++)
        printf("  %-18s %s\n", command->name, command->summary);
    printf("\nOptions for every command:\n");
    for (const struct ctl_option *option = common_options; option->name; option++)
        print_option(option);
    printf("\nExit status: 0 success; 1 failure (doctor: warnings only); 2 doctor only: something\n"
           "is broken; 64 wrong usage; 69 the database cannot be reached; 78 wrong configuration.\n"
           "See " PROGRAM "(8).\n");
}

/* What begins with the word. */
static void print_group(const struct ctl *ctl, const char *word, FILE *out)
{
    size_t length = strlen(word);

    for (const struct ctl_command *command = ctl->commands; command->name; command++) {
        if (strncmp(command->name, word, length) == 0 && command->name[length] == ' ')
            fprintf(out, "  %-18s %s\n", command->name, command->summary);
    }
}

static void print_command(const struct ctl_command *command)
{
    print_usage_line(command, stdout);
    printf("\n%s.\n", command->summary);
    if (command->help)
        printf("\n%s\n", command->help);
    if (command->options[0].name)
        printf("\nOptions:\n");
    for (const struct ctl_option *option = command->options; option->name; option++)
        print_option(option);
}

/* --- finding a command ----------------------------------------------------------------------- */

/* The first word of `name` ends at the space, if there is one. */
static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

static const struct ctl_command *find(const struct ctl *ctl, const char *name)
{
    for (const struct ctl_command *command = ctl->commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

static bool is_group(const struct ctl *ctl, const char *word)
{
    for (const struct ctl_command *command = ctl->commands; command->name; command++) {
        size_t length = first_word(command->name);

        if (command->name[length] && strlen(word) == length &&
            strncmp(command->name, word, length) == 0)
            return true;
    }
    return false;
}

static const char *guess(const struct ctl *ctl, const char *name)
{
    const char *best = NULL;
    size_t least = 4; /* more edits are not a typing error, nor is half of the word */

    if (strlen(name) / 2 + 1 < least)
        least = strlen(name) / 2 + 1;

    for (const struct ctl_command *command = ctl->commands; command->name; command++) {
        size_t edits = spelling_distance(name, command->name);

        if (edits < least) {
            least = edits;
            best = command->name;
        }
    }
    return best;
}

static int unknown(const struct ctl *ctl, const char *name)
{
    size_t length = first_word(name);
    _cleanup_(free_ptr) char *group = xstrndup(name, length);
    const char *better = guess(ctl, name);

    if (better)
        return ctl_usage(ctl, "unknown command '%s'; did you mean '%s'?", name, better);
    if (!is_group(ctl, group))
        return ctl_usage(ctl, "unknown command '%s'", name);
    fprintf(stderr, PROGRAM ": unknown command '%s'; the commands of '%s' are:\n", name, group);
    print_group(ctl, group, stderr);
    return CTL_USAGE;
}

/* Takes one word or two from the front of words. *ret_used: how many. No command is chosen, and
 * ctl->group is set, where the first of two words is not followed by the second. */
static int choose(struct ctl *ctl, char **words, int count, const struct ctl_command **ret_command,
                  int *ret_used)
{
    bool half = is_group(ctl, words[0]);
    bool two = half && count > 1 && words[1][0] != '-';
    _cleanup_(free_ptr) char *name =
        two ? xasprintf("%s %s", words[0], words[1]) : xstrdup(words[0]);
    const struct ctl_command *command = find(ctl, name);

    if (!command && !half && count > 1) {
        /* "usr add": what the first word should be is clearer together with the second. */
        _cleanup_(free_ptr) char *both = xasprintf("%s %s", words[0], words[1]);

        return unknown(ctl, guess(ctl, both) ? both : name);
    }
    if (!command && (two || !half))
        return unknown(ctl, name);
    ctl->group = command ? NULL : words[0];
    *ret_command = command;
    *ret_used = two ? 2 : 1;
    return CTL_OK;
}

int ctl_help(struct ctl *ctl)
{
    const struct ctl_command *command;
    const char *words[2] = {ctl_argument(ctl, 0), ctl_argument(ctl, 1)};
    int used, status;

    ctl->command = NULL;
    ctl->group = NULL;
    if (!words[0]) {
        print_overview(ctl);
        return CTL_OK;
    }
    status = choose(ctl, (char **)words, words[1] ? 2 : 1, &command, &used);
    if (status == CTL_OK && command)
        print_command(command);
    else if (status == CTL_OK)
        print_group(ctl, words[0], stdout);
    return status;
}

/* --- the command line ------------------------------------------------------------------------ */

static const struct ctl_option *option_named(const struct ctl_option *options, size_t most,
                                             const char *name, size_t length, size_t *ret_place)
{
    for (size_t i = 0; i < most && options[i].name; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0) {
            *ret_place = i;
            return &options[i];
        }
    }
    return NULL;
}

static void set_common(struct ctl *ctl, size_t place, const char *value)
{
    switch (place) {
    case 0:
        ctl->config = value;
        return;
    case 1:
        ctl->json = true;
        return;
    case 2:
        ctl->help = true;
        return;
    default:
        ctl->version = true;
        return;
    }
}

static bool is_many(const struct ctl_option *option)
{
    size_t length = option->value ? strlen(option->value) : 0;

    return length > 3 && strcmp(option->value + length - 3, "...") == 0;
}

static void join_option(struct ctl *ctl, size_t place, const char *value)
{
    char *both = xasprintf("%s\n%s", ctl->options[place], value);

    free(ctl->joined[place]);
    ctl->joined[place] = both;
    ctl->options[place] = both;
}

/* words[0] is "--name", "--name=value", or "--name" and words[1] the value. */
static int take_option(struct ctl *ctl, char **words, int count, int *ret_used)
{
    const char *name = words[0] + 2;
    size_t length = strcspn(name, "="), place;
    const char *value = name[length] ? name + length + 1 : NULL;
    bool common = false;
    const struct ctl_option *option = NULL;

    /* A command's own --version N comes before everybody's --version. */
    if (ctl->command)
        option = option_named(ctl->command->options, CTL_OPTIONS_MOST, name, length, &place);
    if (!option) {
        common = true;
        option = option_named(common_options, ARRAY_SIZE(common_options), name, length, &place);
    }
    if (!option && !ctl->command)
        return ctl_usage(ctl, "unknown option '%s'; the options of a command come after its name",
                         words[0]);
    if (!option)
        return ctl_usage(ctl, "unknown option '%s'", words[0]);
    if (!option->value && value)
        return ctl_usage(ctl, "option --%s takes no value", option->name);
    *ret_used = 1;
    if (option->value && !value) {
        if (count < 2)
            return ctl_usage(ctl, "option --%s needs a value: %s", option->name, option->value);
        value = words[1];
        *ret_used = 2;
    }
    if (common)
        set_common(ctl, place, value);
    else if (is_many(option) && ctl->options[place])
        join_option(ctl, place, value);
    else
        ctl->options[place] = value ? value : "";
    return CTL_OK;
}

/* The second word of a command may stand behind options. */
static int take_command(struct ctl *ctl, char **words, int count, int *ret_used)
{
    char *both[] = {(char *)(uintptr_t)ctl->group, words[0]};
    int used;

    if (!ctl->group)
        return choose(ctl, words, count, &ctl->command, ret_used);
    *ret_used = 1;
    return choose(ctl, both, 2, &ctl->command, &used);
}

/* Options may stand anywhere, a command's own behind it; behind "--" nothing is an option. */
static int read_words(struct ctl *ctl, char **words, int count)
{
    bool options = true;

    for (int used; count > 0; words += used, count -= used) {
        int status = CTL_OK;

        used = 1;
        if (options && strcmp(words[0], "--") == 0) {
            options = false;
        } else if (options && words[0][0] == '-' && words[0][1] == '-') {
            status = take_option(ctl, words, count, &used);
        } else if (options && words[0][0] == '-' && words[0][1]) {
            if (strcmp(words[0], "-h") != 0)
                return ctl_usage(ctl, "unknown option '%s'", words[0]);
            ctl->help = true;
        } else if (!ctl->command) {
            status = take_command(ctl, words, count, &used);
        } else if (ctl->argument_count == ctl->command->most) {
            return ctl_usage(ctl, "unexpected argument '%s'", words[0]);
        } else {
            ctl->arguments[ctl->argument_count++] = words[0];
        }
        if (status != CTL_OK)
            return status;
    }
    return CTL_OK;
}

const char *ctl_argument(const struct ctl *ctl, size_t i)
{
    return i < ctl->argument_count ? ctl->arguments[i] : NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
    size_t place;

    if (!option_named(ctl->command->options, CTL_OPTIONS_MOST, name, strlen(name), &place))
        abort(); /* the command asks for an option that its row does not have */
    return ctl->options[place];
}

int ctl_option_int(const struct ctl *ctl, const char *name, int64_t least, int64_t most,
                   int64_t fallback, int64_t *ret_number)
{
    const char *text = ctl_option(ctl, name);
    long long number;
    char *end;

    if (!text) {
        *ret_number = fallback;
        return CTL_OK;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < least || number > most)
        return ctl_usage(ctl, "--%s must be a whole number from %lld to %lld, not '%s'", name,
                         (long long)least, (long long)most, text);
    *ret_number = number;
    return CTL_OK;
}

bool ctl_json(const struct ctl *ctl)
{
    return ctl->json;
}

const char *ctl_config(const struct ctl *ctl)
{
    return ctl->config ? ctl->config : SETTINGS_PATH;
}

const struct settings *ctl_settings(const struct ctl *ctl)
{
    return &ctl->settings;
}

const struct ctl_command *ctl_commands(const struct ctl *ctl)
{
    return ctl->commands;
}

const struct ctl_option *ctl_common_options(void)
{
    return common_options;
}

static void warn_low(const struct id *user_id, int64_t balance_cents, int64_t threshold_cents,
                     void *arg)
{
    ctl_warn(arg, "user %s now has a balance of %lld cents, below the threshold of %lld",
             user_id->text, (long long)balance_cents, (long long)threshold_cents);
}

struct db *ctl_db(struct ctl *ctl, struct error *err)
{
    if (ctl->db)
        return ctl->db;
    ctl->db = db_new(&ctl->settings.database, DB_ADMIN, err);
    ctl->watch = (struct ledger_watch){ctl->settings.billing.low_balance_cents, warn_low, ctl};
    if (ctl->db) {
        _cleanup_(free_ptr) char *name = operator_name();

        db_set_operator(ctl->db, name);
        store_ledger_watch(ctl->db, &ctl->watch);
    }
    return ctl->db;
}

const char *ctl_settings_gone(const struct ctl *ctl)
{
    return ctl->gone.length > 0 ? ctl->gone.data : "";
}

int ctl_load_settings(struct ctl *ctl, struct error *err)
{
    return settings_load_origins(ctl->config, &ctl->settings, NULL, &ctl->gone, err);
}

static int help(const struct ctl *ctl)
{
    if (ctl->command)
        print_command(ctl->command);
    else if (ctl->group)
        print_group(ctl, ctl->group, stdout);
    else
        print_overview(ctl);
    return CTL_OK;
}

static int command_missing(const struct ctl *ctl)
{
    if (!ctl->group)
        return ctl_usage(ctl, "missing command");
    fprintf(stderr, PROGRAM ": incomplete command '%s'; the commands of '%s' are:\n", ctl->group,
            ctl->group);
    print_group(ctl, ctl->group, stderr);
    return CTL_USAGE;
}

static int configuration_failed(const struct ctl *ctl, const struct error *err)
{
    ctl_warn(ctl, "%s", err->message);
    if (access(ctl_config(ctl), F_OK) < 0)
        fprintf(stderr, "Create it (an empty file is enough, every setting has a default), or give "
                        "another file with --config FILE.\n");
    return CTL_CONFIG;
}

/* "EMAIL" of "NAME EMAIL" for 1; without the brackets of one that may be left out. */
static const char *argument_name(const struct ctl *ctl, size_t place)
{
    static char text[64];
    const char *word = ctl->command->arguments;

    for (size_t i = 0; i < place && *word; i++) {
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    word += strspn(word, "[");
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(word, " ]"), word);
    return text;
}

/* An empty one is a script's variable that was not set, and names nothing. */
static int check_arguments(const struct ctl *ctl)
{
    if (ctl->argument_count < ctl->command->least)
        return ctl_usage(ctl, "missing argument: %s", argument_name(ctl, ctl->argument_count));
    for (size_t i = 0; i < ctl->argument_count; i++) {
        if (!ctl->arguments[i][0])
            return ctl_usage(ctl, "the argument %s is empty", argument_name(ctl, i));
    }
    return CTL_OK;
}

static int run(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    int status;

    if (ctl->version) {
        printf(PROGRAM " " CODESET_VERSION "\n");
        return CTL_OK;
    }
    if (ctl->help)
        return help(ctl);
    if (!ctl->command)
        return command_missing(ctl);
    status = check_arguments(ctl);
    if (status != CTL_OK)
        return status;
    if (!ctl->command->own_settings && ctl_load_settings(ctl, &err) < 0) {
        settings_release(&ctl->settings);
        return configuration_failed(ctl, &err);
    }
    status = ctl->command->run(ctl);
    db_free(ctl->db);
    settings_release(&ctl->settings);
    return status;
}

int ctl_main(const struct ctl_command *commands, int argc, char **argv)
{
    struct ctl ctl = {.commands = commands, .gone = BUF_INIT};
    int status;

    log_open(PROGRAM, LOG_WARNING);
    umask(022); /* other programs must be able to read archives and images */
    status = read_words(&ctl, argv + 1, argc - 1);
    if (status == CTL_OK)
        status = run(&ctl);
    for (size_t i = 0; i < ARRAY_SIZE(ctl.joined); i++)
        free(ctl.joined[i]);
    buf_release(&ctl.gone);
    /* Output that is lost, to a full disk or a closed pipe, makes the command fail. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_OK) {
        fprintf(stderr, PROGRAM ": cannot write the output: %s\n", strerror(errno));
        status = CTL_FAILED;
    }
    return status;
}
