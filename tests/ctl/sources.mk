# codesetctl: its pure parts, and the program against a MariaDB of its own (tests/ctl/run BUILD).
EXTRA_DIST += tests/data tests/ctl/run tests/registry/out.c tests/registry/run

check_PROGRAMS += tests/unit/test-ctl
TESTS += tests/unit/test-ctl
tests_unit_test_ctl_SOURCES = tests/unit/test-ctl.c tests/unit/unit.h
tests_unit_test_ctl_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(abs_top_srcdir)/tests/data"'
tests_unit_test_ctl_LDADD = libctl.a $(DATASET_LIBS) libgrade.a $(STORE_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-dataset
TESTS += tests/unit/test-dataset
tests_unit_test_dataset_SOURCES = tests/unit/test-dataset.c tests/unit/unit.h
tests_unit_test_dataset_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(abs_top_srcdir)/tests/data"'
tests_unit_test_dataset_LDADD = libctl.a $(DATASET_LIBS) libgrade.a $(STORE_LIBS) $(ARCHIVE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-parquet
TESTS += tests/unit/test-parquet
tests_unit_test_parquet_SOURCES = tests/unit/test-parquet.c tests/unit/parquet-maker.h tests/unit/unit.h
tests_unit_test_parquet_CPPFLAGS = $(AM_CPPFLAGS) -DDATA_DIR='"$(abs_top_srcdir)/tests/data"'
tests_unit_test_parquet_LDADD = $(DATASET_LIBS) libgrade.a $(DEFLATE_LIBS) $(CUNIT_LIBS)

# Every build looks whether SQL stays where it belongs; it takes some milliseconds.
all-local:
	$(AM_V_at)$(srcdir)/tests/tools/lint-sql $(srcdir)

check_PROGRAMS += tests/unit/test-manual
TESTS += tests/unit/test-manual
tests_unit_test_manual_SOURCES = tests/unit/test-manual.c tests/unit/unit.h
tests_unit_test_manual_CPPFLAGS = $(AM_CPPFLAGS) -DDOCS_DIR='"$(abs_top_srcdir)/docs"'
tests_unit_test_manual_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/unit/test-log-levels
TESTS += tests/unit/test-log-levels
tests_unit_test_log_levels_SOURCES = tests/unit/test-log-levels.c tests/unit/unit.h
tests_unit_test_log_levels_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += tests/ctl/test-catalog
tests_ctl_test_catalog_SOURCES = tests/ctl/test-catalog.c tests/store/fixture.h tests/unit/unit.h
tests_ctl_test_catalog_LDADD = $(STORE_LIBS) $(CUNIT_LIBS) -lpthread
