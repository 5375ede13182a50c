/*
 * logs.h - test outcomes out of the logs of runners, for samples whose runner leaves no report.
 * Pure.
 *
 * A log is what anybody may write to, the code under test included; so it is worth less than a
 * report, and only read where the sample names a parser. A parser knows how its runner ends: a log
 * that names no end of the run, or an end with more failures than were told, is REPORT_BROKEN, and
 * so makes no success.
 */
#ifndef CODESET_GRADE_LOGS_H
#define CODESET_GRADE_LOGS_H

#include "grade/grade.h"

struct log_parser;

/* By a name that log_names.h knows. NULL: there is none. */
const struct log_parser *log_parser_find(const char *name);

/* Adds the tests that the log tells of; the note is as test_report_add_xml's. Any bytes.
 * REPORT_EMPTY: it tells of no test and no end. */
enum report_state test_report_add_log(struct test_report *report, const struct log_parser *parser,
                                      const char *bytes, size_t size, char note[REPORT_NOTE_SIZE]);

#endif
