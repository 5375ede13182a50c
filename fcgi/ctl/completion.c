/*
 * completion.c - codesetctl completion: a script for bash, made from the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"

#include "base/banned.h"

/* Finds the first two words that are no option, skips values of the options of every command, and
 * leaves file names to readline (complete -o default). */
static const char script_head[] =
    "_codesetctl() {\n"
    "    local word words=() i=1 cur=${COMP_WORDS[COMP_CWORD]}\n"
    "    while ((i < COMP_CWORD)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "            --config) ((i++)) ;;\n"
    "            -*) ;;\n"
    "            *) words+=(\"$word\") ;;\n"
    "        esac\n"
    "        ((i++))\n"
    "    done\n"
    "    [[ ${words[0]-} != help ]] || words=(\"${words[@]:1}\")\n"
    "    local one=${words[0]-} two=${words[0]-}\\ ${words[1]-} options=\n"
    "    case $two in\n";

static const char script_tail[] =
    "    if [[ $cur == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options $common\" -- \"$cur\")\n"
    "    elif ((${#words[@]} == 0)); then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$first\" -- \"$cur\")\n"
    "    elif ((${#words[@]} == 1)); then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$second\" -- \"$cur\")\n"
    "    fi\n"
    "}\n"
    "complete -o default -F _codesetctl codesetctl\n";

static void print_options(const struct ctl_option *options)
{
    for (; options->name; options++)
        printf(" --%s", options->name);
}

static bool same_group(const struct ctl_command *one, const struct ctl_command *other)
{
    size_t length = strcspn(one->name, " ");

    return strncmp(one->name, other->name, length) == 0 &&
           (other->name[length] == ' ' || !other->name[length]);
}

/* The commands of a group stand together in the table. */
static bool is_first_of_group(const struct ctl_command *command, const struct ctl_command *table)
{
    return command == table || !same_group(command, command - 1);
}

static void print_first_words(const struct ctl_command *table)
{
    printf("    local common='");
    print_options(ctl_common_options());
    printf("' first='");
    for (const struct ctl_command *command = table; command->name; command++) {
        if (is_first_of_group(command, table))
            printf(" %.*s", (int)strcspn(command->name, " "), command->name);
    }
    printf("'\n");
}

static void print_second_words(const struct ctl_command *table)
{
    printf("    local second=\n    case $one in\n");
    for (const struct ctl_command *command = table; command->name; command++) {
        size_t length = strcspn(command->name, " ");

        if (!command->name[length])
            continue;
        if (is_first_of_group(command, table))
            printf("        %.*s) second='", (int)length, command->name);
        printf(" %s", command->name + length + 1);
        if (!command[1].name || !same_group(command, command + 1))
            printf("' ;;\n");
    }
    printf("    esac\n");
}

int ctl_completion_bash(struct ctl *ctl)
{
    const struct ctl_command *table = ctl_commands(ctl);

    fputs(script_head, stdout);
    for (const struct ctl_command *command = table; command->name; command++) {
        if (!command->options[0].name)
            continue;
        printf("        '%s%s') options='", command->name, strchr(command->name, ' ') ? "" : " ");
        print_options(command->options);
        printf("' ;;\n");
    }
    printf("    esac\n");
    print_first_words(table);
    print_second_words(table);
    fputs(script_tail, stdout);
    return CTL_OK;
}
