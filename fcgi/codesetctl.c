/*
 * codesetctl - the operator's tool: schema, users, keys, data sets, images, sessions, preflight.
 *
 * DIAGNOSTICS: what failed and what to do about it on standard error; the exit status tells
 * scripts (ctl/ctl.h). BUGS: a migration that dies within a file wants a person.
 */
#include "base/cleanup.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"

#include "base/banned.h"

static const struct ctl_command commands[] = {
    {.name = "migrate",
     .arguments = "",
     .options = {{"sql-dir", "DIR", "the migrations [" CODESET_SQL_DIR "]"}},
     .summary = "Make the database, or bring its schema to this release",
     .help = "Applies what is missing of NNNN_*.sql, then sees to the accounts of the other\n"
             "programs and their rights. Safe to run again, and by several at once.",
     .run = ctl_migrate},
    {.name = "user add",
     .arguments = "NAME EMAIL",
     .least = 2,
     .most = 2,
     .summary = "Add a user; prints the user id",
     .run = ctl_user_add},
    {.name = "user list", .arguments = "", .summary = "List the users", .run = ctl_user_list},
    {.name = "user show",
     .arguments = "USER",
     .least = 1,
     .most = 1,
     .summary = "Show a user",
     .help = "USER is a user id or an e-mail address.",
     .run = ctl_user_show},
    {.name = "user activate",
     .arguments = "USER",
     .least = 1,
     .most = 1,
     .summary = "Let a user in again",
     .run = ctl_user_activate},
    {.name = "user deactivate",
     .arguments = "USER",
     .least = 1,
     .most = 1,
     .summary = "Lock a user out; the keys stop working at once",
     .run = ctl_user_deactivate},
    {.name = "key add",
     .arguments = "USER",
     .least = 1,
     .most = 1,
     .options = {{"name", "NAME", "what the key is for"},
                 {"expires", "DAYS", "the key ends after so many days [never]"}},
     .summary = "Make an API key; prints it",
     .help = "USER is a user id or an e-mail address. The key is shown this once: only a hash of\n"
             "it is stored.",
     .run = ctl_key_add},
    {.name = "key list",
     .arguments = "USER",
     .least = 1,
     .most = 1,
     .summary = "List a user's API keys",
     .run = ctl_key_list},
    {.name = "key revoke",
     .arguments = "KEY_ID",
     .least = 1,
     .most = 1,
     .summary = "End an API key, at once and for good",
     .run = ctl_key_revoke},
    {.name = "dataset import",
     .arguments = "FILE",
     .least = 1,
     .most = 1,
     .options = {{"dataset", "NAME", "the data set, made if it is new (must be given)"},
                 {"description", "TEXT", "what the data set is"},
                 {"language", "WORD", "of samples whose lines name none [guessed by files]"},
                 {"image", "NAME", "of samples whose lines name none"},
                 {"image-map", "FILE", "lines of SAMPLE_ID IMAGE [VERIFIER_IMAGE]"},
                 {"keep-going", NULL, "import the good lines of a file with bad ones"},
                 {"dry-run", NULL, "only say what would happen"}},
     .summary = "Import samples: one JSON object a line, as SWE-bench has them",
     .help = "FILE may be gzipped; - is standard input. Bad lines are reported with their number,\n"
             "and then nothing is imported, unless --keep-going. A sample that is there with the\n"
             "same content stays as it is; a changed one becomes a new version. The status is 0\n"
             "only when no line was bad.",
     .run = ctl_dataset_import},
    {.name = "dataset list",
     .arguments = "",
     .summary = "List the data sets",
     .run = ctl_dataset_list},
    {.name = "sample list",
     .arguments = "",
     .options = {{"dataset", "NAME", "of this data set only"},
                 {"search", "TEXT", "whose instance_id contains TEXT"}},
     .summary = "List the samples, latest versions",
     .run = ctl_sample_list},
    {.name = "sample show",
     .arguments = "DATASET SAMPLE_ID",
     .least = 2,
     .most = 2,
     .options = {{"version", "N", "this version [the latest]"}},
     .summary = "Show a sample",
     .run = ctl_sample_show},
    {.name = "help",
     .arguments = "[COMMAND]",
     .most = 2,
     .summary = "Tell the use, of all or of a command",
     .own_settings = true,
     .run = ctl_help},
};

int main(int argc, char **argv)
{
    return ctl_main(commands, ARRAY_SIZE(commands), argc, argv);
}
