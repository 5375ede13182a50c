# The daemon's rooms over a scripted engine and real agents: tests/reaper/run BUILD.
check_PROGRAMS += tests/reaper/test-reaper
tests_reaper_test_reaper_SOURCES = \
	tests/reaper/egress_standin.c tests/reaper/egress_standin.h \
	tests/reaper/fixture.c tests/reaper/fixture.h \
	tests/reaper/scripted_engine.c tests/reaper/scripted_engine.h \
	tests/reaper/job_stage.c tests/reaper/job_stage.h \
	tests/reaper/suites.h \
	tests/reaper/test-reaper.c \
	tests/reaper/test-reaper-billing.c \
	tests/reaper/test-reaper-sessions.c \
	tests/reaper/test-reaper-interactions.c \
	tests/reaper/test-reaper-job-losses.c \
	tests/reaper/test-reaper-job-results.c \
	tests/reaper/test-reaper-jobs.c \
	tests/reaper/test-reaper-nodes.c \
	tests/reaper/test-reaper-outages.c \
	tests/reaper/test-reaper-pool.c \
	tests/reaper/test-reaper-regrades.c \
	tests/reaper/test-reaper-setups.c \
	tests/reaper/test-reaper-verification-losses.c \
	tests/reaper/test-reaper-verification-trials.c \
	tests/reaper/test-reaper-verifications.c \
	tests/reaper/verification_stage.c tests/reaper/verification_stage.h \
	tests/unit/unit.h
tests_reaper_test_reaper_CPPFLAGS = $(AGENT_TEST_CPPFLAGS) -DBUILD_DIR='"$(abs_top_builddir)"'
tests_reaper_test_reaper_LDADD = $(REAPER_LIBS) $(CUNIT_LIBS) -lpthread
EXTRA_tests_reaper_test_reaper_DEPENDENCIES = codeset-agent codeset-grader $(AGENT_TESTED)
EXTRA_DIST += tests/reaper/run
