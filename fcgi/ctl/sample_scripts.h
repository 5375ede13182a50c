/*
 * sample_scripts.h - files that a data set's makers publish beside its rows, a folder for each
 * sample: SWE-bench Pro's run_scripts. They are written to /workspace of the grading container
 * before the sample's verifier_command is run.
 */
#ifndef CODESET_CTL_SAMPLE_SCRIPTS_H
#define CODESET_CTL_SAMPLE_SCRIPTS_H

#include "base/error.h"
#include "ctl/sample_line.h"

/* Puts the scripts of folder/INSTANCE_ID before the line's command. Without such a folder, or where
 * the command would be too long, the line stays as it is. ERROR_INVALID: a file can't be used. */
int sample_scripts_add(const char *folder, struct sample_line *line, struct error *err);

#endif
