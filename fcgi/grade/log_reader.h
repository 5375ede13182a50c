/*
 * log_reader.h - what the parsers of logs share; for the files of this room only.
 */
#ifndef CODESET_GRADE_LOG_READER_H
#define CODESET_GRADE_LOG_READER_H

#include "grade/logs.h"
#include "grade/report.h"

#define LOG_STACK_MAX 32

/* What a parser is at. Texts are heap strings or NULL. */
struct log_reader {
    struct test_report *report;
    struct test_case_list list;
    bool is_over;     /* there are too many tests */
    bool ended;       /* an end was named ... */
    bool open;        /* ... and this was told behind the last one */
    int64_t said;     /* failures that the ends name */
    int64_t failures; /* that were told */
    char *place, *pending,
        *previous;            /* class, package or file; a name without its outcome; a line */
    size_t first;             /* number of the first case whose class is not known yet */
    bool any_ran, any_failed; /* Maven: of the tests since the pending name was told */
    int indent;               /* Karma: of the last suite */
    size_t beyond;            /* Karma: parts that `place` has no room for */
    int depth;
    struct {
        int indent;
        char *name;
    } stack[LOG_STACK_MAX]; /* describe blocks */
};

struct log_parser {
    const char *name;
    void (*line)(struct log_reader *log, char *line); /* no control characters, no blanks behind */
    void (*end)(struct log_reader *log);              /* may be NULL */
    /* In place of both: the whole, any bytes; NULL: it goes by lines. */
    void (*document)(struct log_reader *log, const char *bytes, size_t size);
};

extern const struct log_parser log_pytest, log_unittest, log_sympy;      /* log_python.c */
extern const struct log_parser log_jest, log_vitest, log_mocha, log_tap; /* log_script.c */
extern const struct log_parser log_phpunit, log_rspec, log_minitest;     /* log_script.c */
extern const struct log_parser log_go, log_go_json, log_cargo, log_ctest,
    log_gtest;                                 /* log_built.c */
extern const struct log_parser log_named_json; /* log_named.c */
extern const struct log_parser log_automake, log_ant, log_redis,
    log_micropython; /* log_projects.c */
extern const struct log_parser log_karma, log_cucumber, log_test_unit, log_jest_json,
    log_doctest;                                                  /* log_projects.c */
extern const struct log_parser log_gradle, log_maven, log_dotnet; /* log_built.c */

/* name: so many bytes. classname may be NULL. */
void log_case(struct log_reader *log, const char *classname, const char *name, size_t length,
              enum test_outcome outcome);

/* An end was named; it speaks of so many failures. */
void log_end(struct log_reader *log, int64_t failures);

/* Replaces a text of the reader's. */
void log_set(char **text, const char *value, size_t length);

bool log_starts(const char *line, const char *word);
bool log_ends(const char *line, const char *word);

/* The number before the word, as in "2 failed, 3 passed"; 0 where there is none. */
int64_t log_number_before(const char *line, const char *word);

/* The number behind the word, as in "failures=2"; 0 where there is none. */
int64_t log_number_behind(const char *line, const char *word);

/* Describe blocks by indentation: those that are as deep or deeper end. */
void log_stack_pop(struct log_reader *log, int indent);
void log_stack_push(struct log_reader *log, int indent, const char *name, size_t length);
char *log_stack_path(const struct log_reader *log, const char *between); /* the caller's */

int log_indent(const char *line);

/* The length without a time behind it: " (12 ms)", " 12ms", " [3 ms]". */
size_t log_without_time(const char *text);

#endif
