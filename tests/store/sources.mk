# The store against a MariaDB of its own: tests/store/run BUILD.
check_PROGRAMS += tests/store/test-store
tests_store_test_store_SOURCES = tests/store/test-store.c tests/store/fixture.h tests/unit/unit.h
tests_store_test_store_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
EXTRA_DIST += tests/store/run
