# The store against MariaDBs of its own: tests/store/run BUILD.
STORE_TESTS = \
	tests/store/test-claims \
	tests/store/test-histories \
	tests/store/test-hosts \
	tests/store/test-jobs \
	tests/store/test-job-erasure \
	tests/store/test-lists \
	tests/store/test-ledger \
	tests/store/test-money \
	tests/store/test-once \
	tests/store/test-store \
	tests/store/test-upgrade
check_PROGRAMS += $(STORE_TESTS)
STORE_TEST_COMMON = tests/store/fixture.h tests/unit/unit.h
STORE_TEST_LIBS = $(STORE_LIBS) $(CUNIT_LIBS)
tests_store_test_claims_SOURCES = tests/store/test-claims.c tests/store/work.h $(STORE_TEST_COMMON)
tests_store_test_claims_LDADD = $(STORE_TEST_LIBS)
tests_store_test_histories_SOURCES = tests/store/test-histories.c \
	tests/store/cutter.c tests/store/cutter.h $(STORE_TEST_COMMON)
tests_store_test_histories_LDADD = $(STORE_TEST_LIBS) -lpthread
tests_store_test_hosts_SOURCES = tests/store/test-hosts.c tests/store/work.h $(STORE_TEST_COMMON)
tests_store_test_hosts_LDADD = $(STORE_TEST_LIBS)
tests_store_test_jobs_SOURCES = tests/store/test-jobs.c tests/store/job_work.h tests/store/work.h $(STORE_TEST_COMMON)
tests_store_test_jobs_LDADD = $(STORE_TEST_LIBS) -lpthread
tests_store_test_job_erasure_SOURCES = tests/store/test-job-erasure.c tests/store/job_work.h tests/store/work.h $(STORE_TEST_COMMON)
tests_store_test_job_erasure_LDADD = $(STORE_TEST_LIBS)
tests_store_test_lists_SOURCES = tests/store/test-lists.c $(STORE_TEST_COMMON)
tests_store_test_lists_LDADD = $(STORE_TEST_LIBS)
tests_store_test_ledger_SOURCES = tests/store/test-ledger.c tests/store/payer.h $(STORE_TEST_COMMON)
tests_store_test_ledger_LDADD = $(STORE_TEST_LIBS) -lpthread
tests_store_test_money_SOURCES = tests/store/test-money.c tests/store/payer.h $(STORE_TEST_COMMON)
tests_store_test_money_LDADD = $(STORE_TEST_LIBS) -lpthread
tests_store_test_once_SOURCES = tests/store/test-once.c $(STORE_TEST_COMMON)
tests_store_test_once_LDADD = $(STORE_TEST_LIBS)
tests_store_test_store_SOURCES = tests/store/test-store.c $(STORE_TEST_COMMON)
tests_store_test_store_LDADD = $(STORE_TEST_LIBS)
tests_store_test_upgrade_SOURCES = tests/store/test-upgrade.c $(STORE_TEST_COMMON)
tests_store_test_upgrade_LDADD = $(STORE_TEST_LIBS)
EXTRA_DIST += tests/store/before-0004.sql tests/store/run
