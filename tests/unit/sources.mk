# Unit tests of the pure rooms: one CUnit program a room.
EXTRA_DIST += tests/fuzz tests/images

# The room grade: reports that are read, names that are found, verdicts, files that don't count.
grade_tests = tests/unit/test-grade tests/unit/test-names tests/unit/test-verdict \
	tests/unit/test-restore-rules
check_PROGRAMS += $(grade_tests)
TESTS += $(grade_tests)
grade_test_cppflags = $(AM_CPPFLAGS) -DREPORTS_DIR='"$(abs_top_srcdir)/tests/fuzz/corpus/junit"'
grade_test_libs = $(GRADE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_test_grade_SOURCES = tests/unit/test-grade.c tests/unit/graded.h tests/unit/unit.h
tests_unit_test_grade_CPPFLAGS = $(grade_test_cppflags)
tests_unit_test_grade_LDADD = $(grade_test_libs)
tests_unit_test_names_SOURCES = tests/unit/test-names.c tests/unit/graded.h tests/unit/unit.h
tests_unit_test_names_CPPFLAGS = $(grade_test_cppflags)
tests_unit_test_names_LDADD = $(grade_test_libs)
tests_unit_test_verdict_SOURCES = tests/unit/test-verdict.c tests/unit/graded.h tests/unit/unit.h
tests_unit_test_verdict_CPPFLAGS = $(grade_test_cppflags)
tests_unit_test_verdict_LDADD = $(grade_test_libs)
tests_unit_test_restore_rules_SOURCES = tests/unit/test-restore-rules.c tests/unit/graded.h tests/unit/unit.h
tests_unit_test_restore_rules_CPPFLAGS = $(grade_test_cppflags)
tests_unit_test_restore_rules_LDADD = $(grade_test_libs)

check_PROGRAMS += tests/unit/test-parallel
TESTS += tests/unit/test-parallel
tests_unit_test_parallel_SOURCES = tests/unit/test-parallel.c tests/unit/unit.h
tests_unit_test_parallel_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-glob
TESTS += tests/unit/test-glob
tests_unit_test_glob_SOURCES = tests/unit/test-glob.c tests/unit/unit.h
tests_unit_test_glob_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-logs
TESTS += tests/unit/test-logs
tests_unit_test_logs_SOURCES = tests/unit/test-logs.c tests/unit/unit.h
tests_unit_test_logs_CPPFLAGS = $(AM_CPPFLAGS) -DLOGS_DIR='"$(abs_top_srcdir)/tests/fuzz/corpus/log"'
tests_unit_test_logs_LDADD = $(GRADE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-reports tests/unit/test-requests
TESTS += tests/unit/test-reports tests/unit/test-requests
tests_unit_test_reports_SOURCES = tests/unit/test-reports.c tests/unit/report-archive.h tests/unit/unit.h
tests_unit_test_reports_LDADD = $(GRADE_LIBS) $(CUNIT_LIBS)
tests_unit_test_requests_SOURCES = tests/unit/test-requests.c tests/unit/report-archive.h tests/unit/unit.h
tests_unit_test_requests_LDADD = $(GRADE_LIBS) $(CUNIT_LIBS)

# Against the real program; it and what a confined process may do are not for valgrind, whose own
# system calls would be refused.
check_PROGRAMS += tests/unit/test-grader tests/unit/test-confine
TESTS += tests/unit/test-grader tests/unit/test-confine
tests_unit_test_grader_SOURCES = tests/unit/test-grader.c tests/unit/report-archive.h tests/unit/unit.h
tests_unit_test_grader_CPPFLAGS = $(AM_CPPFLAGS) -DGRADER_BUILD='"$(abs_top_builddir)"' \
	-DREPORTS_DIR='"$(abs_top_srcdir)/tests/fuzz/corpus/junit"'
tests_unit_test_grader_LDADD = $(REAPER_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_grader_DEPENDENCIES = codeset-grader
tests_unit_test_confine_SOURCES = tests/unit/test-confine.c tests/unit/unit.h
tests_unit_test_confine_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-unpack-report
TESTS += tests/unit/test-unpack-report
tests_unit_test_unpack_report_SOURCES = tests/unit/test-unpack-report.c tests/unit/unit.h
tests_unit_test_unpack_report_LDADD = $(IMAGES_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-money
TESTS += tests/unit/test-money
tests_unit_test_money_SOURCES = tests/unit/test-money.c tests/unit/unit.h
tests_unit_test_money_LDADD = $(MONEY_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-tokens
TESTS += tests/unit/test-tokens
tests_unit_test_tokens_SOURCES = tests/unit/test-tokens.c tests/unit/unit.h
tests_unit_test_tokens_LDADD = libaccounts.a $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-reaper
TESTS += tests/unit/test-reaper
tests_unit_test_reaper_SOURCES = tests/unit/test-reaper.c tests/unit/unit.h
tests_unit_test_reaper_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-github
TESTS += tests/unit/test-github
tests_unit_test_github_SOURCES = tests/unit/test-github.c tests/unit/unit.h
tests_unit_test_github_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-jobs tests/unit/test-result
TESTS += tests/unit/test-jobs tests/unit/test-result
tests_unit_test_jobs_SOURCES = tests/unit/test-jobs.c tests/unit/unit.h
tests_unit_test_jobs_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS)
tests_unit_test_result_SOURCES = tests/unit/test-result.c tests/unit/unit.h
tests_unit_test_result_LDADD = $(GRADE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-result-grader
TESTS += tests/unit/test-result-grader
tests_unit_test_result_grader_SOURCES = tests/unit/test-result-grader.c tests/unit/report-archive.h tests/unit/unit.h
tests_unit_test_result_grader_CPPFLAGS = $(AM_CPPFLAGS) -DGRADER_BUILD='"$(abs_top_builddir)"'
tests_unit_test_result_grader_LDADD = $(REAPER_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_result_grader_DEPENDENCIES = codeset-grader

check_PROGRAMS += tests/unit/test-diagnosis
TESTS += tests/unit/test-diagnosis
tests_unit_test_diagnosis_SOURCES = tests/unit/test-diagnosis.c tests/unit/unit.h
tests_unit_test_diagnosis_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-fields tests/unit/test-http tests/unit/test-answers
TESTS += tests/unit/test-fields tests/unit/test-http tests/unit/test-answers
tests_unit_test_fields_SOURCES = tests/unit/test-fields.c tests/unit/unit.h
tests_unit_test_fields_LDADD = $(HTTP_LIBS) $(CUNIT_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test-http.c tests/unit/asked.h tests/unit/unit.h
tests_unit_test_http_CPPFLAGS = $(AM_CPPFLAGS) -DDOCS_DIR='"$(abs_top_srcdir)/docs"'
tests_unit_test_answers_SOURCES = tests/unit/test-answers.c tests/unit/unit.h
tests_unit_test_answers_LDADD = libroutes.a libwire.a libstore.a $(HTTP_LIBS) $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_test_http_LDADD = libroutes.a libwire.a libstore.a $(HTTP_LIBS) $(STORE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-once
TESTS += tests/unit/test-once
tests_unit_test_once_SOURCES = tests/unit/test-once.c tests/unit/asked.h tests/unit/unit.h
tests_unit_test_once_LDADD = $(HTTP_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-sample-piece
TESTS += tests/unit/test-sample-piece
tests_unit_test_sample_piece_SOURCES = tests/unit/test-sample-piece.c tests/unit/unit.h
tests_unit_test_sample_piece_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-sample-archive
TESTS += tests/unit/test-sample-archive
tests_unit_test_sample_archive_SOURCES = tests/unit/test-sample-archive.c tests/unit/unit.h
tests_unit_test_sample_archive_LDADD = $(ROUTES_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-openapi
TESTS += tests/unit/test-openapi
tests_unit_test_openapi_SOURCES = tests/unit/test-openapi.c tests/unit/unit.h
tests_unit_test_openapi_CPPFLAGS = $(AM_CPPFLAGS) -DDOCS_DIR='"$(abs_top_srcdir)/docs"'
tests_unit_test_openapi_LDADD = $(ROUTES_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-stripe
TESTS += tests/unit/test-stripe
tests_unit_test_stripe_SOURCES = tests/unit/test-stripe.c tests/unit/unit.h
tests_unit_test_stripe_LDADD = $(STRIPE_LIBS) $(STORE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-engine
TESTS += tests/unit/test-engine
tests_unit_test_engine_SOURCES = tests/unit/test-engine.c tests/unit/unit.h
tests_unit_test_engine_LDADD = $(ENGINED_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-wire
TESTS += tests/unit/test-wire
tests_unit_test_wire_SOURCES = tests/unit/test-wire.c tests/unit/unit.h
tests_unit_test_wire_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)

include tests/unit/agent.mk

check_PROGRAMS += tests/unit/test-egress
TESTS += tests/unit/test-egress
tests_unit_test_egress_SOURCES = tests/unit/test-egress.c tests/unit/unit.h
tests_unit_test_egress_LDADD = $(EGRESS_LIBS) $(CUNIT_LIBS)
