/*
 * log_names.h - which logs of test runners can be read. Needs nothing else of this room, so that
 * whoever only asks for names links no parser.
 */
#ifndef CODESET_GRADE_LOG_NAMES_H
#define CODESET_GRADE_LOG_NAMES_H

/* The parser's own name (`pytest`), by it or by one that data sets have for it
 * (`parse_log_pytest_v2`, `astropy`). A literal; NULL: there is none. */
const char *log_parser_name(const char *name);

/* All names, with commas between; for messages. */
#define LOG_PARSER_NAMES                                                                           \
    "pytest, unittest, sympy, go, go-json, cargo, jest, vitest, mocha, tap, ctest, gradle, "       \
    "maven, phpunit, rspec, dotnet, gtest, minitest, named-json, automake, ant, redis, "           \
    "micropython, karma, cucumber, test-unit, jest-json, doctest"

#endif
