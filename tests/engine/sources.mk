# The engine against the real runtime, kernel and archives. As root.
check_PROGRAMS += tests/engine/init tests/engine/test-containers
TESTS += tests/engine/test-containers

# Runs in an image that holds nothing but busybox.
tests_engine_init_SOURCES = tests/engine/init.c
tests_engine_init_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2
tests_engine_init_LDFLAGS = -static

engine_test_sources = tests/engine/world.c tests/engine/world.h \
	tests/engine/tars.c tests/engine/tars.h tests/unit/unit.h
engine_test_cppflags = $(AM_CPPFLAGS) -DBUILD_DIR='"$(abs_top_builddir)"'
engine_test_libs = $(ENGINE_LIBS) $(CUNIT_LIBS)

tests_engine_test_containers_SOURCES = tests/engine/test-containers.c $(engine_test_sources)
tests_engine_test_containers_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_containers_LDADD = $(engine_test_libs)
