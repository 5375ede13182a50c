#include "base/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/banned.h"

#define FIRST_ROW 256 /* behind all characters, of which getopt_long has '?' */

static void print_version(const char *program)
{
    printf("%s %s\n", program, CODESET_VERSION);
}

int options_parse(const char *program, const char *usage, const struct option_row *rows,
                  size_t count, int argc, char **argv)
{
    struct option table[OPTIONS_MAX + 3] = {{"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'}};
    int option;

    if (count > OPTIONS_MAX)
        abort(); /* a program's own table */
    for (size_t i = 0; i < count; i++)
        table[i + 2] = (struct option){.name = rows[i].name,
                                       .has_arg = rows[i].text ? required_argument : no_argument,
                                       .val = FIRST_ROW + (int)i};
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        const struct option_row *row = option >= FIRST_ROW ? &rows[option - FIRST_ROW] : NULL;

        if (row && row->text) {
            *row->text = optarg;
        } else if (row) {
            *row->given = true;
        } else if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        } else if (option == 'v') {
            print_version(program);
            return 0;
        } else {
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind == argc)
        return OPTIONS_GO_ON;
    fprintf(stderr, "%s: unexpected argument '%s'\n%s", program, argv[optind], usage);
    return EX_USAGE;
}

bool options_asked(const char *program, const char *usage, int argc, char **argv)
{
    if (argc != 2)
        return false;
    if (strcmp(argv[1], "--version") == 0)
        print_version(program);
    else if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
        fputs(usage, stdout);
    else
        return false;
    return true;
}
