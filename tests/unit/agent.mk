# The agent: the real program, and the daemon's client.
AGENT_RIG = tests/unit/agent-rig.c tests/unit/agent-rig.h tests/unit/unit.h
AGENT_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DAGENT_STATIC='"$(abs_top_builddir)/codeset-agent"'
# The agent that is installed is never instrumented; where all else is, its instrumented twin is
# what the tests outside containers talk to.
if SANITIZERS
check_PROGRAMS += tests/unit/agent-instrumented
tests_unit_agent_instrumented_SOURCES = fcgi/codeset-agent.c $(AGENT_PARTS)
tests_unit_agent_instrumented_LDADD = $(BASE_LIBS) -levent_extra -levent_core
AGENT_TESTED = tests/unit/agent-instrumented
else
AGENT_TESTED = codeset-agent
endif
AGENT_TEST_CPPFLAGS += -DAGENT_PROGRAM='"$(abs_top_builddir)/$(AGENT_TESTED)"'
check_PROGRAMS += tests/unit/test-agent-commands
TESTS += tests/unit/test-agent-commands
tests_unit_test_agent_commands_SOURCES = tests/unit/test-agent-commands.c $(AGENT_RIG)
tests_unit_test_agent_commands_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_commands_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_commands_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

check_PROGRAMS += tests/unit/test-agent-files
TESTS += tests/unit/test-agent-files
tests_unit_test_agent_files_SOURCES = tests/unit/test-agent-files.c \
	tests/unit/agent-trees.c tests/unit/agent-trees.h $(AGENT_RIG)
tests_unit_test_agent_files_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_files_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_files_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

check_PROGRAMS += tests/unit/test-agent-replace
TESTS += tests/unit/test-agent-replace
tests_unit_test_agent_replace_SOURCES = tests/unit/test-agent-replace.c $(AGENT_RIG)
tests_unit_test_agent_replace_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_replace_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_replace_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

check_PROGRAMS += tests/unit/test-agent-edits
TESTS += tests/unit/test-agent-edits
tests_unit_test_agent_edits_SOURCES = tests/unit/test-agent-edits.c $(AGENT_RIG)
tests_unit_test_agent_edits_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_edits_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_edits_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

check_PROGRAMS += tests/unit/test-agent-copy
TESTS += tests/unit/test-agent-copy
tests_unit_test_agent_copy_SOURCES = tests/unit/test-agent-copy.c \
	tests/unit/agent-liar.c tests/unit/agent-liar.h $(AGENT_RIG)
tests_unit_test_agent_copy_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_copy_LDADD = $(AGENT_CLIENT_LIBS) libwire.a $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_copy_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

# Trials.
check_PROGRAMS += tests/unit/test-trial tests/unit/test-trial-go tests/unit/test-trial-programs tests/unit/test-trial-runs tests/unit/test-trial-rust
TESTS += tests/unit/test-trial tests/unit/test-trial-go tests/unit/test-trial-programs tests/unit/test-trial-runs tests/unit/test-trial-rust
tests_unit_test_trial_go_SOURCES = tests/unit/test-trial-go.c tests/unit/trial-rig.h tests/unit/unit.h $(TRIAL_SOURCES)
tests_unit_test_trial_go_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_test_trial_rust_SOURCES = tests/unit/test-trial-rust.c tests/unit/trial-rig.h tests/unit/unit.h $(TRIAL_SOURCES)
tests_unit_test_trial_rust_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_test_trial_SOURCES = tests/unit/test-trial.c tests/unit/trial-rig.h tests/unit/unit.h $(TRIAL_SOURCES)
tests_unit_test_trial_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_test_trial_programs_SOURCES = tests/unit/test-trial-programs.c tests/unit/trial-rig.h tests/unit/unit.h $(TRIAL_SOURCES)
tests_unit_test_trial_programs_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_test_trial_runs_SOURCES = tests/unit/test-trial-runs.c tests/unit/trial-rig.h tests/unit/unit.h $(TRIAL_SOURCES)
tests_unit_test_trial_runs_LDADD = libwire.a $(BASE_LIBS) $(CUNIT_LIBS)

# What a trial's runs say, up to the grader's verdict.
check_PROGRAMS += tests/unit/test-trial-forged
TESTS += tests/unit/test-trial-forged
tests_unit_test_trial_forged_SOURCES = tests/unit/test-trial-forged.c tests/unit/trial-rig.h tests/unit/unit.h \
	fcgi/trial/alike.c fcgi/trial/judge.c fcgi/trial/names.c fcgi/trial/plan.c
tests_unit_test_trial_forged_LDADD = $(GRADE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-agent-container
TESTS += tests/unit/test-agent-container
tests_unit_test_agent_container_SOURCES = tests/unit/test-agent-container.c $(AGENT_RIG)
tests_unit_test_agent_container_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_container_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_container_DEPENDENCIES = codeset-agent $(AGENT_TESTED)

check_PROGRAMS += tests/unit/test-agent-client
TESTS += tests/unit/test-agent-client
tests_unit_test_agent_client_SOURCES = tests/unit/test-agent-client.c $(AGENT_RIG)
tests_unit_test_agent_client_CPPFLAGS = $(AGENT_TEST_CPPFLAGS)
tests_unit_test_agent_client_LDADD = $(AGENT_CLIENT_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
EXTRA_tests_unit_test_agent_client_DEPENDENCIES = codeset-agent $(AGENT_TESTED)
