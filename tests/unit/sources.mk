# Unit tests of the pure rooms: one CUnit program a room.
EXTRA_DIST += tests/fuzz tests/images

check_PROGRAMS += tests/unit/test-grade
TESTS += tests/unit/test-grade
tests_unit_test_grade_SOURCES = tests/unit/test-grade.c tests/unit/unit.h
tests_unit_test_grade_CPPFLAGS = $(AM_CPPFLAGS) -DREPORTS_DIR='"$(abs_top_srcdir)/tests/fuzz/corpus/junit"'
tests_unit_test_grade_LDADD = $(GRADE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-tokens
TESTS += tests/unit/test-tokens
tests_unit_test_tokens_SOURCES = tests/unit/test-tokens.c tests/unit/unit.h
tests_unit_test_tokens_LDADD = libaccounts.a $(BASE_LIBS) $(CUNIT_LIBS)
