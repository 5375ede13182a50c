/*
 * report_paths.h - where the verifiers of a language leave their reports. Needs nothing else of
 * this room, so that whoever only asks for paths links no parser.
 */
#ifndef CODESET_GRADE_REPORT_PATHS_H
#define CODESET_GRADE_REPORT_PATHS_H

/* The report paths (glob patterns relative to the repository's folder) of a language where the
 * import names none; NULL-terminated, never NULL. Unknown language: all of them. */
const char *const *grade_report_paths(const char *language);

#endif
