/*
 * parser.h - what the readers of the reports' dialects share; for the files of this room only.
 *
 * A dialect is a row: the roots that it has, and what it does at an element's beginning and end. It
 * opens a case with parser_begin_case, sets what the attributes tell in p->item, and asks for the
 * text of elements with parser_capture; the case ends with the element that it began with.
 */
#ifndef CODESET_GRADE_PARSER_H
#define CODESET_GRADE_PARSER_H

#include <expat.h>
#include <stdbool.h>

#include "base/buf.h"
#include "grade/report.h"

#define PARSER_DEPTH_MAX 256

enum capture { CAPTURE_NOTHING, CAPTURE_MESSAGE, CAPTURE_OUTPUT, CAPTURE_NAME, CAPTURE_VALUE };

struct dialect;

struct parser {
    XML_Parser xml;
    const struct test_report *report;
    const struct dialect *dialect; /* by the root; NULL: the document is no report */
    struct test_case_list list;
    const char *refusal; /* a literal; NULL while all is well */
    const char *mended;  /* a literal: what was read otherwise than it stood there; or NULL */

    int depth;                          /* of the element that is open; the root's is 1 */
    bool root_closed;                   /* all of the document was read */
    char *suites[PARSER_DEPTH_MAX + 1]; /* names of the open suites, by depth */
    char *files[PARSER_DEPTH_MAX + 1];  /* their files, where they tell them */
    size_t
        taken[PARSER_DEPTH_MAX + 1]; /* doctest: the cases of the open suites in `list`, plus 1 */
    size_t judged;                   /* doctest: so many of the cases have their outcome */
    size_t inherited;                /* bytes that the cases have of them */
    bool has_suite;                  /* the report is one: a suite was seen */
    bool is_suite_level;             /* `item` stands for a failure outside any case */
    int case_depth;                  /* of the open case, 0 outside */
    struct test_case item;           /* the open case */
    bool is_not_run;                 /* status="notrun" */
    bool is_skip_by_choice;          /* ... and the test itself asked for it */
    char *measurement;               /* Test.xml: name of the open NamedMeasurement */
    struct test_index ids;           /* TRX: which case, by its id ... */
    size_t *next_of_id;              /* ... and the next with that id, plus 1, by the case */
    size_t next_room;
    char *id;             /* TRX: of the definition that is open */
    enum capture capture; /* what becomes of text in the element at capture_depth */
    int capture_depth;
    struct buf text;            /* captured so far */
    struct buf message, output; /* of the open case */
};

struct dialect {
    const char *roots[4];
    void (*start)(struct parser *p, const char *element, const char **attributes);
    void (*value)(struct parser *p);      /* of what was captured as CAPTURE_VALUE; may be NULL */
    void (*end_case)(struct parser *p);   /* before the case is taken; may be NULL */
    void (*end_report)(struct parser *p); /* when all was read; may be NULL */
};

extern const struct dialect dialect_junit, dialect_ctest;              /* junit.c */
extern const struct dialect dialect_nunit, dialect_trx, dialect_xunit; /* dotnet.c */
extern const struct dialect dialect_doctest;                           /* doctest.c */
extern const struct dialect dialect_testng, dialect_robot;             /* testng.c */

/* Ends the reading; why: a literal. */
void parser_refuse(struct parser *p, const char *why);

/* NULL where there is none. */
const char *parser_attribute(const char **attributes, const char *name);

/* A copy; too long: refused. NULL gives "". */
char *parser_name(struct parser *p, const char *text);

/* The element that is open begins a case. */
void parser_begin_case(struct parser *p);

/* Takes the open case before its element ends, as what is in it may be a case, too. Returns its
 * number in p->list, plus 1; 0: refused. */
size_t parser_take_early(struct parser *p);

/* Of two outcomes of the open case the worse counts. */
void parser_worsen(struct parser *p, enum test_outcome outcome);

/* The text of the element that is open is wanted. */
void parser_capture(struct parser *p, enum capture what);

/* As CAPTURE_MESSAGE, where the case has no message yet. */
void parser_capture_first_message(struct parser *p);

/* Seconds as reports write them, "1,234.5" and "00:01:02.5" included; nonsense is 0. */
double parser_seconds(const char *text);

/* A full name, as "Namespace.Class.Method(1.5)", to classname and name. */
void parser_split_name(struct parser *p, const char *full);

bool parser_is_one_of(const char *text, const char *const *words);

/* Appends as much as keeps the whole within `most` bytes and its characters whole. */
void parser_add_bounded(struct buf *out, const char *text, size_t length, size_t most);

#endif
