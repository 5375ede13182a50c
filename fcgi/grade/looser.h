/*
 * looser.h - the names under which a case is known beside those of names.h: what the lists of
 * public data sets call it, whose writers read them off logs; for the files of this room only.
 *
 * Each of these readings can only be reached where no stricter one found a case, and where several
 * cases have one name, the worse counts. They are entered when the first name is looked for that
 * the stricter ones do not find.
 */
#ifndef CODESET_GRADE_LOOSER_H
#define CODESET_GRADE_LOOSER_H

#include "grade/report.h"

/* By suites and files, by all parts with blanks between, as `method(Class)`, as PHPUnit's testdox,
 * by a title's last words, where they are those of one case alone (*ret_by_title). NULL: none finds
 * a case, or the report is so large that they are not kept. */
const struct test_case *looser_find(struct test_report *report, const char *name, size_t length,
                                    bool *ret_by_title);

/* Does the report, as far as it is known, have anything in the file, suite or class? */
bool looser_has_place(struct test_report *report, const char *place, size_t length);

#endif
